"""`inventory export`: its files have the rows of the database, also after an update, and `--check` finds changes."""

import csv
import hashlib
import io
import json
import math
import os
import re
import shutil
import signal
import subprocess
from datetime import UTC, date, datetime, timedelta
from random import Random

import duckdb
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from inventory.checkpoints.signed_note import SigningKey
from inventory.config.database_url import parse_url
from inventory.config.signing import Signer
from inventory.errors import AccountBusy, BreachFound
from inventory.export import export as exporting
from inventory.export import source
from inventory.export.check import check_export
from inventory.export.export import Request, export
from inventory.export.folder import open_folder
from inventory.export.relations import exported_relations
from inventory.simulator import Status, on_get, on_page
from inventory.store import database, schema
from inventory.store.catalogue import RELATIONS
from inventory.store.columns import GROWS_BY
from support.asking import asking
from support.command import Command
from support.forgery import read_rows
from support.forked import Forked
from support.libraries import ROOT
from support.marks import LONG, rule
from support.pasts import record, restore
from support.workers import PATIENCE, PROGRAM
from support.world import hour, ids

UNSIGNED = Signer("unnamed", None)
MB = 10**6
NO_PYC = {"PYTHONDONTWRITEBYTECODE": "1"}
OF_NOW = {"sync_gaps", "observation_daily"}
"""The views whose rows depend on the time of the query. Two exports of them may differ."""

pytestmark = rule("an-export-proves-itself")


def live(world):
    """Record six runs in three months: every kind of event, odd texts, and a disappearance that a later run settles."""
    world.put("a", "b", creator_user_nickname="ada", price=1, share=0.1)
    world.put("c", creator_user_nickname="=cmd()", note="é\n\"quoted\", 'single'")
    world.put("d", region=None, creator_user_nickname="NULL")
    world.run(clock=lambda: at(1, 30))
    world.put("a", status="stopped", creator_user_nickname="ada", price=1, share=0.1)
    world.remove("b")
    world.run(clock=lambda: at(2, 10), expected_seconds=0.1 + 0.2)
    world.put("b", creator_user_nickname="eve")
    world.faults.add(Status(503), when=on_page(1))
    world.run(clock=lambda: at(2, 20))
    world.run(clock=lambda: at(2, 21))
    world.remove("d")
    world.faults.add(Status(500), when=on_get, times=None)
    world.faults.add(Status(503), when=on_page(1), after=1)
    world.run(clock=lambda: at(3, 1))  # `d` is missing
    world.faults.clear()
    world.run(clock=lambda: at(3, 2))


def at(month, day):
    return datetime(2026, month, day, 12, tzinfo=UTC)


@pytest.fixture
def run(tmp_path, database_url):
    return Command(tmp_path, INVENTORY_DATABASE_URL=database_url)


def write(engine, folder, **request):
    with database.reading(engine) as connection:
        return export(connection, Request(folder, **request), UNSIGNED)


def contents(folder):
    """Return a dict from each relation to a list of its rows in the Parquet files of an export. A row is a dict."""
    found = {}
    for path in sorted(folder.glob("**/*.parquet")):
        found.setdefault(path.relative_to(folder).parts[0].removesuffix(".parquet"), []).extend(
            pq.read_table(path).to_pylist()
        )
    return found


def stored(engine):
    """Return what an export must hold: a dict from each relation to a list of its rows in the database, as dicts."""
    url = engine.url.render_as_string(hide_password=False)
    with database.reading(engine) as connection:
        relations = exported_relations(connection)
    found = {}
    with asking(url, "UTC") as connection:
        for relation in relations:
            columns = [
                f'CAST("{name}" AS TEXT) AS "{name}"' if kind == "text" else f'"{name}"'
                for name, kind in relation.kinds.items()
            ]
            rows = connection.execute(sa.text(f"SELECT {', '.join(columns)} FROM {relation.name}")).mappings()
            found[relation.name] = [
                {name: typed(row[name], kind) for name, kind in relation.kinds.items()} for row in rows
            ]
    return found


def typed(value, kind):
    if value is None:
        return None
    if kind == "time":
        return datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value.astimezone(UTC)
    if kind == "day":
        return date.fromisoformat(value) if isinstance(value, str) else value
    if kind == "boolean":
        return bool(value)
    if kind == "bytes":
        return bytes(value).hex()
    return float(value) if kind == "number" else value


def as_set(rows, name):
    """Return the rows as sorted texts, so that two lists of rows can be compared. `name` is their relation.

    The column `seconds` of `sync_gaps` is left out: it grows while a gap is open.
    """
    hidden = {"seconds"} if name == "sync_gaps" else set()
    return sorted(
        repr([(key, value.timestamp() if isinstance(value, datetime) else value) for key, value in sorted(row.items())
              if key not in hidden])
        for row in rows
    )  # fmt: skip


@pytest.mark.medium
def test_every_relation_is_there_with_its_rows_and_exact_types(lived, tmp_path):
    write(lived.engine, tmp_path / "lake")
    files, rows = contents(tmp_path / "lake"), stored(lived.engine)
    assert rows.keys() == {relation.name for relation in RELATIONS} | {"dropped_entries"}
    for name, expected in rows.items():
        found = files.get(name, [])
        assert as_set(found, name) == as_set(expected, name)
    (run_,) = [row for row in files["sync_runs"] if row["expected_seconds"] is not None]
    assert run_["expected_seconds"] == 0.1 + 0.2
    (odd,) = [row for row in files["instance_state"] if row["instance_id"] == "c"]
    assert json.loads(odd["extra"]) == {"note": "é\n\"quoted\", 'single'"}
    assert [row["creator_user_nickname"] for row in files["instance_state"] if row["instance_id"] == "d"] == ["NULL"]


@pytest.mark.medium
def test_the_columns_say_what_they_mean_and_the_manifest_what_the_files_hold(lived, tmp_path):
    write(lived.engine, tmp_path / "lake")
    meanings = {relation.name: relation for relation in RELATIONS}
    for name in ("instances", "sync_freshness", "instance_versions"):
        (path, *_) = sorted((tmp_path / "lake").glob(f"{name}*/*.parquet" if name in GROWS_BY else f"{name}.parquet"))
        found = pq.read_schema(path)
        assert found.metadata[b"description"].decode() == meanings[name].meaning
        assert {each.name: each.metadata[b"description"].decode() for each in found} == {
            column.name: column.meaning for column in meanings[name].columns if column.name in found.names
        }
    manifest = json.loads((tmp_path / "lake" / "manifest.json").read_text())
    months = sorted(name for name in manifest["files"] if name.startswith("instance_versions/"))
    assert months == [f"instance_versions/2026-{month:02}.parquet" for month in (1, 2)]
    for name, about in manifest["files"].items():
        assert about["rows"] == pq.read_metadata(tmp_path / "lake" / name).num_rows
    position = manifest["accounts"]["default"]["position"]
    note = manifest["accounts"]["default"]["checkpoint"].split("\n")
    assert (note[0].rpartition("/")[2], int(note[1])) == (position["log_id"], position["log_size"])


@pytest.mark.medium
def test_duckdb_gives_the_same_totals_as_the_views(lived, tmp_path):
    write(lived.engine, tmp_path / "lake")
    totals = {
        "instance_events": "count(*)", "fleet_daily": "sum(gpu_hours)", "instance_episodes": "sum(gpu_hours_low)",
        "creators": "sum(live_now)", "instance_versions": "max(valid_from)", "operator_actions": "count(*)",
    }  # fmt: skip
    url = lived.engine.url.render_as_string(hide_password=False)
    with asking(url, "UTC") as connection, duckdb.connect() as lake:
        lake.execute("SET TimeZone = 'UTC'")
        for relation, total in totals.items():
            files = f"{relation}/*.parquet" if relation in GROWS_BY else f"{relation}.parquet"
            (found,) = lake.execute(f"SELECT {total} FROM '{tmp_path}/lake/{files}'").fetchone()
            (expected,) = connection.execute(sa.text(f"SELECT {total} FROM {relation}")).one()
            if isinstance(found, datetime):
                assert found.astimezone(UTC) == typed(expected, "time")
            else:
                assert found == pytest.approx(expected), relation


@pytest.mark.medium
def test_every_query_of_the_guide_gives_rows(lived, tmp_path, monkeypatch):
    write(lived.engine, tmp_path / "lake")
    monkeypatch.chdir(tmp_path)
    guide = (ROOT / "docs" / "lake.md").read_text(encoding="utf-8")
    queries = re.findall(r"^```sql\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    assert len(queries) == 3
    with duckdb.connect() as lake:
        for query in queries:
            assert lake.execute(query).fetchall(), query


@pytest.mark.medium
def test_a_second_export_writes_only_the_months_that_have_changed(lived, tmp_path):
    folder = tmp_path / "lake"
    write(lived.engine, folder)
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*/*.parquet")}
    lived.put("a", status="ready", creator_user_nickname="ada", price=1, share=0.1)
    lived.run(clock=lambda: at(3, 3))  # closes the version of `a` that was opened in February
    write(lived.engine, folder)
    same = {str(path.relative_to(folder)) for path, time in before.items() if path.stat().st_mtime_ns == time}
    assert "instance_versions/2026-02.parquet" not in same  # it holds the version that was closed
    assert {"instance_events/2026-01.parquet", "sync_runs/2026-01.parquet", "fleet_daily/2026-01.parquet"} <= same
    assert_fresh(lived.engine, folder, tmp_path / "fresh")


@pytest.mark.medium
def test_an_account_that_is_new_in_an_export_is_in_the_months_between_its_runs_too(world, tmp_path):
    world.put("a")
    for month in (1, 2, 3):
        world.run(account="old", clock=lambda month=month: at(month, 1))
    write(world.engine, tmp_path / "lake")
    for month in (1, 3):
        world.run(account="new", clock=lambda month=month: at(month, 2))
    write(world.engine, tmp_path / "lake")
    february = {
        name: {row["account"] for row in rows if f"{row['day']}".startswith("2026-02")}
        for name, rows in contents(tmp_path / "lake").items() if name in {"fleet_daily", "observation_daily"}
    }  # fmt: skip
    assert february == {"fleet_daily": {"old", "new"}, "observation_daily": {"old", "new"}}
    assert_fresh(world.engine, tmp_path / "lake", tmp_path / "fresh")


@pytest.mark.medium
@pytest.mark.parametrize("is_used_again", [False, True])
def test_an_account_that_got_its_log_by_a_rename_is_exported_under_its_new_name(world, run, tmp_path, is_used_again):
    world.put("a", "b")
    for day in (1, 2):
        world.run(clock=lambda day=day: at(3, day))
    world.forget_log()  # as after the upgrade of a release without logs
    run("export", "lake")
    run("account", "rename", "default", "other")
    if is_used_again:
        world.run(clock=lambda: at(3, 3))
    run("export", "lake")
    assert_fresh(world.engine, tmp_path / "lake", tmp_path / "fresh")
    names = {row["account"] for row in contents(tmp_path / "lake")["sync_runs"]}
    assert names == ({"default", "other"} if is_used_again else {"other"})
    run("export", "lake", "--check")


def assert_fresh(engine, folder, other, *, since=None):
    """Assert that the files of the folder have the bytes of a new export, made in the folder `other`.

    If `since` is given, the new export begins with that month. Relations of OF_NOW are not compared. `other` is removed
    afterwards.
    """
    write(engine, other, since=since)
    names = {str(path.relative_to(other)) for path in other.glob("**/*.parquet")}
    assert {str(path.relative_to(folder)) for path in folder.glob("**/*.parquet")} == names
    for name in sorted(names):
        if name.partition("/")[0] not in OF_NOW:
            assert (folder / name).read_bytes() == (other / name).read_bytes(), name
    shutil.rmtree(other)


def test_the_next_export_has_what_a_first_run_recorded_that_began_before_the_export(world, tmp_path):
    world.put("a")
    world.simulator.before_page = lambda _: write(world.engine, tmp_path / "lake")
    world.run(clock=lambda: hour(1))  # it begins at the very time at which the account is added
    world.simulator.before_page = None
    write(world.engine, tmp_path / "lake")
    assert_fresh(world.engine, tmp_path / "lake", tmp_path / "fresh")


@pytest.mark.slow
@pytest.mark.parametrize("story", ["every event", "pruned", "upgraded and pruned"])
def test_an_export_that_is_brought_up_to_date_is_what_a_fresh_one_is(new_database, tmp_path, story):
    past = record(story, new_database())
    engine = database.connect(parse_url(new_database()), create=True)
    schema.upgrade(engine)
    random = Random(story)
    last = len(past.moments) - 1
    moments = sorted({*random.sample(range(last), min(5 if LONG else 2, last)), last})
    for number in moments:
        moment = past.moments[number]
        restore(engine, rows_of(engine), moment.rows)
        write(engine, tmp_path / "lake")
        assert_fresh(engine, tmp_path / "lake", tmp_path / f"fresh-{number}")
        check_export(tmp_path / "lake")
    engine.dispose()


def rows_of(engine):
    with database.reading(engine) as connection:
        return read_rows(connection)


@pytest.mark.medium
def test_the_digests_and_the_log_follow_from_the_files_alone(lived, run, tmp_path):
    write(lived.engine, tmp_path / "lake")
    printed = run("export", "lake", "--check", INVENTORY_DATABASE_URL="sqlite:///nowhere.db").stdout
    assert len(printed.splitlines()) == 5
    assert "verified: 6 runs, 4 instances, 6 versions; every digest matches" in printed
    assert "account default: 7 entries of its log, as its checkpoint says" in printed


def changed(folder, name, change):
    """Change a Parquet file, and write its new hash into the manifest.

    The function `change` takes the list of the file's rows, each a dict, and edits it in place.
    """
    table = pq.read_table(folder / name)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(type(table).from_pylist(rows, table.schema), folder / name)
    rehash(folder, name)


def rehash(folder, name, **about):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name]["sha256"] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest | about))


def setting(**values):
    """Return a function to pass to `changed`: it takes a list of rows, and sets these values in the first row."""
    return lambda rows: rows[0].update(values)


def invent(rows):
    """Append a version to the rows. It lasts a microsecond. The run that opened and closed it does not exist."""
    begin = at(1, 30) + timedelta(microseconds=1)
    rows.append(rows[0] | {
        "instance_id": "zz", "opened_by_run_id": 999, "valid_from": begin,
        "valid_to": begin + timedelta(microseconds=1), "closed_by_run_id": 999,
    })  # fmt: skip


def pretend_prune(rows):
    rows[0]["pruned_before"] = at(12, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("instance_versions/2026-01.parquet", setting(creator_user_nickname="mallory")),
        ("instance_versions/2026-01.parquet", setting(valid_to=at(1, 31))),
        ("instance_versions/2026-01.parquet", setting(gpu_count=80)),
        ("instance_versions/2026-01.parquet", setting(content_hash="no hash")),
        ("instance_versions/2026-01.parquet", invent),
        ("instance_versions/2026-02.parquet", list.pop),
        ("instance_state.parquet", setting(region="mars")),
        ("sync_runs/2026-02.parquet", setting(instances_seen=99)),
        ("sync_runs/2026-02.parquet", setting(vanished=9)),
        ("sync_runs/2026-02.parquet", setting(log_index=None)),
        ("accounts.parquet", setting(log_id=None)),
        ("accounts.parquet", pretend_prune),
        ("accounts.parquet", list.clear),
        ("calendar.parquet", setting(week=date(2020, 1, 1))),
    ],
)  # fmt: skip
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)  # the check reads only the files of the export
def test_a_row_that_was_changed_is_9_also_with_the_hash_of_the_file_made_anew(lived, run, tmp_path, name, change):
    write(lived.engine, tmp_path / "lake")
    changed(tmp_path / "lake", name, change)
    done = run("export", "lake", "--check", expect=9)
    assert done.stderr.count("\n") == 1


@pytest.mark.medium
def test_a_file_that_is_damaged_or_gone_is_9_and_named(lived, run, tmp_path):
    good = tmp_path / "good"
    write(lived.engine, good)
    shutil.copytree(good, tmp_path / "lake")
    (tmp_path / "lake" / "creators.parquet").write_bytes((good / "accounts.parquet").read_bytes())
    assert "creators.parquet: it is not the file" in run("export", "lake", "--check", expect=9).stderr
    (tmp_path / "lake" / "creators.parquet").unlink()
    with pytest.raises(BreachFound, match=r"creators.parquet: it is missing"):
        check_export(tmp_path / "lake")
    shutil.rmtree(tmp_path / "lake")
    shutil.copytree(good, tmp_path / "lake")
    (tmp_path / "lake" / "accounts.parquet").write_bytes(b"PAR1 nonsense")
    rehash(tmp_path / "lake", "accounts.parquet")
    assert "accounts.parquet: it does not hold rows of accounts" in run("export", "lake", "--check", expect=9).stderr


@pytest.mark.slow
def test_a_checkpoint_in_the_manifest_that_was_replaced_is_9(lived, run, tmp_path):
    write(lived.engine, tmp_path / "lake")
    accounts = json.loads((tmp_path / "lake" / "manifest.json").read_text())["accounts"]
    note = accounts["default"]["checkpoint"].split("\n")
    note[1] = str(int(note[1]) - 1)
    for forged in ("\n".join(note), "nonsense", None):
        rehash(
            tmp_path / "lake", "accounts.parquet", accounts={"default": accounts["default"] | {"checkpoint": forged}}
        )
        run("export", "lake", "--check", expect=9)
    rehash(tmp_path / "lake", "accounts.parquet", accounts={})
    run("export", "lake", "--check", expect=9)


@pytest.mark.medium
def test_a_check_while_an_export_writes_is_6_and_a_copy_without_a_lock_is_checked(lived, run, tmp_path):
    write(lived.engine, tmp_path / "lake")
    with open_folder(tmp_path / "lake", "parquet", None):
        assert "Another export, or `export --check`, uses lake" in run("export", "lake", "--check", expect=6).stderr
    shutil.copytree(tmp_path / "lake", tmp_path / "copy", ignore=shutil.ignore_patterns(".*"))
    run("export", "copy", "--check")


@pytest.mark.medium
@pytest.mark.usefixtures("database_url")
def test_a_check_that_cannot_open_the_lock_file_is_one_line_that_names_it(run, lived, tmp_path):
    write(lived.engine, tmp_path / "lake")
    (tmp_path / "lake" / ".inventory-export.lock").unlink()
    (tmp_path / "lake" / ".inventory-export.lock").symlink_to(".inventory-export.lock")
    assert (
        "lake/.inventory-export.lock cannot be read: Too many levels"
        in run("export", "lake", "--check", expect=2).stderr
    )


@pytest.mark.medium
def test_only_the_months_since_a_time_are_written_on_request(lived, run, tmp_path):
    run("export", "lake", "--since", "2026-02-15")
    assert [path.name for path in sorted((tmp_path / "lake" / "sync_runs").iterdir())] == [
        "2026-02.parquet", "2026-03.parquet"
    ]  # fmt: skip
    assert len(contents(tmp_path / "lake")["instances"]) == 4
    lived.run(clock=lambda: at(4, 1))
    run("export", "lake", "--since", "2026-02-20")
    assert_fresh(lived.engine, tmp_path / "lake", tmp_path / "fresh", since="2026-02")
    run("export", "early", "--since", "0001-01-01")
    assert_fresh(lived.engine, tmp_path / "early", tmp_path / "fresh")
    assert "holds an export from 2026-02 on" in run("export", "lake", expect=2).stderr
    assert "--check needs the whole history as Parquet" in run("export", "lake", "--check", expect=2).stderr


@pytest.mark.medium
def test_csv_has_no_formula(lived, run, tmp_path):
    run("export", "lake", "--format", "csv")
    text = (tmp_path / "lake" / "instances.csv").read_text()
    assert '"\'=cmd()"' in text
    for file in (tmp_path / "lake").glob("**/*.csv"):
        for row in csv.reader(io.StringIO(file.read_text())):
            assert not [cell for cell in row if cell.startswith(("=", "+", "@", "\t"))], file
    assert lived.one("SELECT count(*) FROM instances") == 4
    assert "holds an export as csv" in run("export", "lake", expect=2).stderr


@pytest.mark.usefixtures("lived")
def test_a_folder_with_other_files_is_2_and_keeps_them(run, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("mine")
    assert "home holds files that are not of an export, such as 'thesis.txt'" in run("export", "home", expect=2).stderr
    (tmp_path / "home" / "manifest.json").write_text('{"format": "another"}')
    assert "is not the manifest of an export" in run("export", "home", expect=2).stderr
    (tmp_path / "file").write_text("a file")
    assert "file cannot be written" in run("export", "file", expect=2).stderr
    assert "holds no complete export" in run("export", "nowhere", "--check", expect=2).stderr
    assert not (tmp_path / "nowhere").exists()
    assert (tmp_path / "home" / "thesis.txt").read_text() == "mine"
    assert {file.name for file in (tmp_path / "home").iterdir()} == {"thesis.txt", "manifest.json"}


@pytest.mark.medium
@pytest.mark.usefixtures("lived")
def test_an_export_of_a_newer_version_is_2_and_stays(run, tmp_path):
    run("export", "lake")
    file = tmp_path / "lake" / "manifest.json"
    manifest = json.loads(file.read_text()) | {"revision": "9999"}
    manifest["accounts"]["default"]["position"]["new_field"] = 1
    file.write_text(json.dumps(manifest))
    before = file.read_bytes()
    for words in ((), ("--check",)):
        assert "holds an export of a newer version" in run("export", "lake", *words, expect=2).stderr
    assert file.read_bytes() == before


FORGED = {
    "files": ([], {"accounts.parquet": 5}, {"accounts.parquet": {"bytes": 1, "sha256": ""}}),
    "accounts": (None, {"default": {"position": {}, "checkpoint": None}}, {"default": 1}),
    "revision": ("", [], None),
    "style": ("orc", None),
    "as_of": ("yesterday", "2026-03-06", "2026-W10-1T00:00:00.000000Z"),
}
"""Names in `manifest.json`, each with values that no export writes there."""


@pytest.mark.medium
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)  # the check is the same for both backends
@pytest.mark.usefixtures("lived")
def test_a_manifest_with_another_form_is_9_in_one_line(run, tmp_path):
    run("export", "lake")
    file = tmp_path / "lake" / "manifest.json"
    good = json.loads(file.read_text())
    position = good["accounts"]["default"]["position"]
    positions = [{"since": "x"}, {"since": "0001-01-01T00:00:00+14:00"}, {"log_size": -1}, {"last_run_id": 2**63}]
    forged = [{name: value} for name, values in FORGED.items() for value in values]
    forged += [{"accounts": {"default": {"position": position | each, "checkpoint": None}}} for each in positions]
    for each in forged:
        file.write_text(json.dumps(good | each))
        for words in ((), ("--check",)):
            said = run("export", "lake", *words, expect=9).stderr
            assert ("manifest.json does not have the form" in said, said.count("\n")) == (True, 1), said
        assert json.loads(file.read_text()) == good | each


@pytest.mark.medium
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)  # the check is the same for both backends
@pytest.mark.parametrize("name", ["../thesis.txt", "/{folder}/thesis.txt", "accounts/../../thesis.txt", "thesis.txt"])
@pytest.mark.usefixtures("lived")
def test_a_file_that_no_export_has_written_is_never_removed_whatever_the_manifest_says(run, tmp_path, name):
    run("export", "lake")
    theses = [tmp_path / "thesis.txt", tmp_path / "lake" / "thesis.txt"]
    for thesis in theses:
        thesis.write_text("mine")
    file = tmp_path / "lake" / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["files"][name.format(folder=tmp_path)] = manifest["files"]["accounts.parquet"]
    file.write_text(json.dumps(manifest))
    for words in ((), ("--check",)):
        assert "manifest.json does not have the form" in run("export", "lake", *words, expect=9).stderr
    assert [thesis.read_text() for thesis in theses] == ["mine", "mine"]


@pytest.mark.medium
def test_an_export_from_before_the_log_is_written_again_as_a_whole(lived, run, tmp_path):
    lived.forget_log()
    run("export", "lake")
    with database.writing(lived.engine) as connection:
        connection.exec_driver_sql("UPDATE sync_runs SET pages = 99 WHERE run_id = 1")
    run("export", "lake")
    assert [row["pages"] for row in contents(tmp_path / "lake")["sync_runs"] if row["run_id"] == 1] == [99]
    assert_fresh(lived.engine, tmp_path / "lake", tmp_path / "fresh")


@pytest.mark.medium
def test_an_export_of_another_database_is_2_and_stays(lived, run, new_database, tmp_path):
    run("export", "lake")
    before = (tmp_path / "lake" / "manifest.json").read_bytes()
    other = new_database(migrated=True)
    done = run("export", "lake", expect=2, INVENTORY_DATABASE_URL=other)
    assert "holds an export of another history of account default" in done.stderr
    manifest = json.loads(before)
    without_log = {"position": manifest["accounts"]["default"]["position"] | {"log_id": None}, "checkpoint": None}
    file = tmp_path / "lake" / "manifest.json"
    file.write_text(json.dumps(manifest | {"accounts": {"a": without_log} | manifest["accounts"]}))
    done = run("export", "lake", expect=2, INVENTORY_DATABASE_URL=other)
    assert "holds an export of another history of account default" in done.stderr
    file.write_bytes(before)
    with database.writing(lived.engine) as connection:
        connection.exec_driver_sql("UPDATE sync_runs SET entry_hash = changes_root WHERE changes_root IS NOT NULL")
    assert "holds an export of another history" in run("export", "lake", expect=2).stderr
    assert (tmp_path / "lake" / "manifest.json").read_bytes() == before


ODD_ON_SQLITE = (
    "accounts SET log_size = 'x'", "accounts SET log_size = -1", "accounts SET log_frontier = 'x'",
    "accounts SET log_id = x'00'", "sync_runs SET log_index = 'x' WHERE run_id = 3",
    "sync_runs SET complete = 2 WHERE run_id = 3", "instance_versions SET episode = 'x'",
    "instance_versions SET closed_log_index = 'x' WHERE closed_log_index IS NOT NULL",
    "instance_versions SET last_seen_at = 'x' WHERE closed_as = 'vanished'",
    "instance_versions SET valid_from = '2026-02-30 00:00:00.000000' WHERE episode = 2",
    "instance_state SET seen_run_id = 'x'",
)  # fmt: skip
ODD_ON_POSTGRESQL = ("accounts SET log_frontier = '12'", "sync_runs SET finished_at = 'infinity' WHERE run_id = 3")


@pytest.mark.medium
@pytest.mark.parametrize(
    ("backend", "change"),
    [("sqlite", change) for change in ODD_ON_SQLITE] + [("postgresql", change) for change in ODD_ON_POSTGRESQL],
    indirect=["backend"],
)
def test_a_value_that_no_run_writes_is_9_in_one_line_and_leaves_the_last_export(lived, run, tmp_path, change):
    run("export", "lake")
    for file in (tmp_path / "lake").glob("**/*.parquet"):
        file.unlink()  # a file that was lost is written again
    before = (tmp_path / "lake" / "manifest.json").read_bytes()
    with database.writing(lived.engine) as connection:
        if database.is_sqlite(connection):
            connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        assert connection.exec_driver_sql(f"UPDATE {change}").rowcount
    done = run("export", "new", expect=9)
    assert done.stderr.count("\n") == 1
    assert "a value that no run has written" in done.stderr
    assert list((tmp_path / "new").glob("**/*.parquet")) == []
    run("export", "lake", expect={2, 9})  # 2 if the log is not the one that was exported
    assert (tmp_path / "lake" / "manifest.json").read_bytes() == before


def test_two_exports_at_once_do_not_write_to_one_folder(lived, tmp_path):
    with open_folder(tmp_path / "lake", "parquet", None), pytest.raises(AccountBusy, match="Another export, or"):
        write(lived.engine, tmp_path / "lake")


@pytest.mark.slow
@pytest.mark.usefixtures("lived")
def test_a_full_disk_is_one_line_and_leaves_the_last_export_as_it_was(run, lived, tmp_path):
    run("export", "lake")
    before = {path: path.read_bytes() for path in (tmp_path / "lake").glob("**/*.parquet")}
    for number in range(4000):
        lived.put(f"n{number}", note=hashlib.sha256(b"%d" % number).hexdigest())
    lived.run(clock=lambda: at(3, 9))
    done = subprocess.run(
        ["prlimit", "--fsize=150000", *PROGRAM, "export", "lake"], cwd=tmp_path, env=run.environment | NO_PYC,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "lake cannot be written" in done.stderr
    assert {path: path.read_bytes() for path in (tmp_path / "lake").glob("**/*.parquet")} == before
    assert list((tmp_path / "lake").glob("**/.*.part")) == []
    run("export", "lake")
    assert_fresh(lived.engine, tmp_path / "lake", tmp_path / "fresh")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)  # the check reads only the files of the export
def test_a_check_whose_temporary_database_cannot_grow_is_7_and_no_breach(world, run, tmp_path):
    for id_ in ids(2000):
        world.put(id_, note=hashlib.sha256(id_.encode()).hexdigest() * 20)  # more than SQLite holds in memory
    world.run()
    run("export", "lake")
    codes = []
    while 0 not in codes:
        process = Forked(
            ("export", "lake", "--check"), cwd=tmp_path, env=run.environment, quick_end=True,
            largest_file=(1 + len(codes)) * 2**20,
        )  # fmt: skip
        _, err = process.communicate(PATIENCE)
        codes.append(process.returncode)
        assert err.count("\n") == (1 if process.returncode else 0), err
    assert len(codes) > 4
    assert {*codes[:-1]} == {7}


@pytest.mark.medium
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)  # the check reads only the files of the export
def test_a_file_that_this_host_cannot_read_any_more_is_2_and_no_breach(lived, run, tmp_path):
    write(lived.engine, tmp_path / "lake")
    last = max((tmp_path / "lake").glob("**/*.parquet"))  # the check hashes the files in the order of their names
    content = last.read_bytes()
    last.unlink()
    os.mkfifo(last)
    process = Forked(("export", "lake", "--check"), cwd=tmp_path, env=run.environment, quick_end=True)
    with last.open("wb") as pipe:  # waits until the check opens it
        (tmp_path / "lake" / "accounts.parquet").unlink()
        (tmp_path / "lake" / "accounts.parquet").symlink_to("accounts.parquet")
        pipe.write(content)
    _, err = process.communicate(PATIENCE)
    assert process.returncode == 2, err
    assert "accounts.parquet cannot be read: Too many levels of symbolic links." in err


KILLED = """
import os, signal, sys
from pathlib import Path
number = int(sys.argv.pop(1))
replace = Path.replace
def strike(*arguments):
    global number
    number -= 1
    if number < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(*arguments)
Path.replace = strike
from inventory.cli import main
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1, 7, 24])  # an export always writes more than 24 files
def test_the_next_export_completes_one_that_was_killed(lived, run, tmp_path, number):
    def export_and_kill():
        program = [PROGRAM[0], "-c", KILLED, str(number), "export", "lake"]
        done = subprocess.run(program, cwd=tmp_path, env=run.environment, capture_output=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr

    export_and_kill()
    lived.put("e")
    lived.run(clock=lambda: at(4, 9))
    export_and_kill()
    run("export", "lake")
    assert_fresh(lived.engine, tmp_path / "lake", tmp_path / "fresh")
    assert list((tmp_path / "lake").glob("**/.*.part")) == []


@pytest.mark.medium
def test_the_checkpoint_is_signed_if_there_is_a_key(lived, tmp_path):
    key = SigningKey.generate()
    with database.reading(lived.engine) as connection:
        export(connection, Request(tmp_path / "lake"), Signer("fleet.example.org", key))
    note = json.loads((tmp_path / "lake" / "manifest.json").read_text())["accounts"]["default"]["checkpoint"]
    assert note.startswith("fleet.example.org/")
    assert "\n\n— fleet.example.org/" in note


@pytest.mark.medium
def test_a_row_that_is_larger_than_a_block_of_csv_is_exported_exactly(world, run, tmp_path):
    world.put("a", "c", note="small")
    world.put("b", note="x'\"\n,é" * (source.BLOCK // 3))
    world.run()
    run("export", "lake")
    files, rows = contents(tmp_path / "lake"), stored(world.engine)
    assert max(len(row["extra"]) for row in files["instance_versions"]) > 2 * source.BLOCK
    for name in ("instances", "instance_versions", "instance_events"):
        assert as_set(files[name], name) == as_set(rows[name], name)
    run("export", "lake", "--check")
    run("export", "csv", "--format", "csv")
    assert (tmp_path / "csv" / "instances.csv").stat().st_size > 2 * source.BLOCK


@pytest.mark.medium
def test_a_month_with_many_groups_of_rows_has_the_same_bytes_wherever_the_export_begins(world, tmp_path, monkeypatch):
    monkeypatch.setattr(source, "BLOCK", 2_000)
    monkeypatch.setattr(exporting, "GROUP_ROWS", 10)
    monkeypatch.setattr(exporting, "GROUP_BYTES", 20_000)
    for month in (1, 2):
        for number, id_ in enumerate(ids(60)):
            world.put(id_, month=month, note="x" * (30_000 if number in {25, 40, 41} else 10))
        world.run(clock=lambda month=month: at(month, 20))
    write(world.engine, tmp_path / "lake")
    about = pq.read_metadata(tmp_path / "lake" / "instance_versions" / "2026-02.parquet")
    groups = [about.row_group(number).num_rows for number in range(about.num_row_groups)]
    assert groups == [10, 10, 6, 10, 5, 1, 10, 8]
    world.put("i007", note="changed in February")
    world.run(clock=lambda: at(2, 25))
    write(world.engine, tmp_path / "lake")
    assert_fresh(world.engine, tmp_path / "lake", tmp_path / "fresh")
    check_export(tmp_path / "lake")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)  # SQLite holds large rows in memory to sort them
def test_an_export_of_many_large_rows_holds_a_few_of_them_in_memory(world, run, tmp_path):
    world.put(*ids(100))
    world.run()
    with database.writing(world.engine) as connection:
        large = {"extra": f'{{"note":"{"x" * 4 * MB}"}}'}
        connection.execute(sa.text("UPDATE instance_versions SET extra = :extra"), large)
    process = Forked(("export", "lake"), cwd=run.folder, env=run.environment, quick_end=True)
    _, err = process.communicate(PATIENCE)
    assert process.returncode == 0, err
    assert process.most_memory < 400 * MB
    assert pq.read_metadata(tmp_path / "lake" / "instance_versions" / "2026-03.parquet").num_rows == 100


@pytest.mark.medium
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_every_number_is_exported_exactly(engine, tmp_path):
    random = Random(1)
    numbers = [random.random() * 10.0 ** random.randint(-9, 9) for _ in range(500)] + [
        0.1 + 0.2,
        math.pi,
        1e300,
        5e-324,
    ]
    with database.writing(engine) as connection:
        connection.exec_driver_sql(
            "INSERT INTO accounts (account, provider, created_at) VALUES ('a', 'fal', '2026-03-06 00:00:00.000000')"
        )
        for number, value in enumerate(numbers):
            time = f"{hour(0) + timedelta(seconds=number):%Y-%m-%d %H:%M:%S.%f}"
            connection.exec_driver_sql(
                'INSERT INTO sync_runs (account, "trigger", status, started_at, heartbeat_at, api_url, version, '
                "max_vanish) VALUES ('a', 'manual', 'failed', ?, ?, 'x', 'x', ?)", (time, time, value),
            )  # fmt: skip
    write(engine, tmp_path / "lake")
    assert [row["max_vanish"] for row in contents(tmp_path / "lake")["sync_runs"]] == numbers


@pytest.mark.medium
@pytest.mark.parametrize("style", ["parquet", "csv"])
@pytest.mark.usefixtures("lived")
def test_a_folder_whose_name_is_not_utf_8_is_written_and_checked(run, style):
    run("export", "lake\udcfc", "--format", style)
    if style == "parquet":
        assert "every digest matches" in run("export", "lake\udcfc", "--check").stdout


@pytest.mark.medium
def test_a_folder_that_is_not_there_is_made_with_those_above_it(lived, run, tmp_path):
    assert lived.one("SELECT count(*) FROM accounts") == 1
    run("export", str(tmp_path / "deep" / "er" / "lake"))
    assert (tmp_path / "deep" / "er" / "lake" / "manifest.json").exists()
