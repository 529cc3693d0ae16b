"""`inventory evidence`: an auditor checks a bundle with Python alone, and the check finds any change of the bundle."""

import csv
import hashlib
import io
import json
import re
import struct
import subprocess
import sys
import zipfile
from base64 import b64encode
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from inventory.checkpoints.signed_note import SigningKey
from inventory.evidence import check
from inventory.evidence.questions import questions
from inventory.history.accounts import retire
from inventory.history.missing import accept_missing
from inventory.history.prune import PruneRequest, prune
from inventory.simulator import Status, on_get, on_page
from inventory.store import database
from support.asking import asking
from support.command import Command
from support.forgery import copy_rows, forge, read_rows
from support.marks import rule
from support.pasts import restore
from support.workers import PROGRAM
from support.world import hour

SINCE, UNTIL = hour(2.5), hour(9.5)
BARE = [sys.executable, "-I", "-S"]
"""The command that starts Python without the installed packages."""

NO_PYC = {"PYTHONDONTWRITEBYTECODE": "1"}
"""The variable that stops Python from writing compiled files.

A test limits the size of files. The limit would truncate compiled files, and later processes could not read them.
"""

pytestmark = rule("evidence-is-checked-without-the-program")


def live(world):
    """Record eleven runs, with every kind of event, a failed run in a gap, and a loss that a person accepts."""
    world.put("a", "b", "c", creator_user_nickname="ada", price=1)
    world.put("d", creator_user_nickname=None, note="=1+1")
    world.run()
    world.put("e", creator_user_nickname="bob")
    world.run(expected_seconds=3600)
    world.put("a", creator_user_nickname="ada", status="stopped", price=1)
    world.put("f", creator_user_nickname="=cmd()")
    world.run(expected_seconds=3600)  # hour 3
    world.remove("b")
    world.run(expected_seconds=3600)
    world.put("f", creator_user_nickname="=cmd()", region="eu-north")
    world.faults.add(Status(500), when=on_page(1))
    assert world.run(expected_seconds=3600).status == "failed"
    world.run(expected_seconds=3600)
    world.put("b", creator_user_nickname="eve")
    world.remove("c")
    world.faults.add(Status(500), when=on_get)
    world.faults.add(Status(503), when=on_page(1), after=1)
    world.run(expected_seconds=3600)  # hour 7: `c` is missing
    accept_missing(world.engine, "default", reason="gone, says ada", lease_seconds=60, clock=lambda: hour(7.5))
    world.run(expected_seconds=3600)
    world.put("g")
    world.run(expected_seconds=3600)
    world.remove("g")
    world.run(expected_seconds=3600)  # hour 10, after the period
    world.put("h")
    world.run(expected_seconds=3600)


@pytest.fixture
def run(tmp_path, database_url):
    return Command(tmp_path, INVENTORY_DATABASE_URL=database_url)


def text(time):
    return f"{time:%Y-%m-%dT%H:%M:%S}Z"


@pytest.fixture
def made(lived, run, tmp_path):  # noqa: ARG001 - `lived` fills the database of `run`
    """Return a function that writes a bundle of a period and returns its path.

    The function checks the exit code against `expect`. If `expect` is not 0, it returns stderr instead of the path.
    """

    def write(name="evidence.zip", since=SINCE, until=UNTIL, expect=0, **environment):
        words = ("evidence", "--since", text(since), "--until", text(until), "--output", name)
        done = run(*words, expect=expect, **environment)
        return tmp_path / name if expect == 0 else done.stderr

    return write


def contents(file):
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(files, file):
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file


def rows(files, name):
    return list(csv.reader(io.StringIO(files[f"account-1/{name}"].decode())))


def checked(file, *words, python=BARE, expect=0):
    """Extract check.py from the bundle and run it on the bundle. Return its stdout and stderr as one text."""
    with zipfile.ZipFile(file) as archive:
        archive.extract("check.py", file.parent / "auditor")
    done = subprocess.run(
        [*python, file.parent / "auditor" / "check.py", file, *words],
        cwd="/", env={"PYTHONIOENCODING": "utf-8"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == expect, done
    assert not done.stderr or expect == 2, done
    return done.stdout + done.stderr


def proved(file, instance_id, at):
    """Return what `check.py prove` prints about an instance at hour(at)."""
    return checked(file, "prove", instance_id, text(hour(at)))


@pytest.mark.medium
def test_a_bare_python_accepts_the_bundle_and_says_what_it_proves(made):
    printed = checked(made())
    assert "account-1, called default: 10 entries (2 to 11)" in printed
    assert "10 lists: all agree" in printed
    assert "unsigned: nothing shows who made it" in printed
    assert "What it does not show" in printed


@pytest.mark.medium
def test_the_lists_have_what_happened_in_the_period_and_nothing_else(made):
    files = contents(made())
    assert [row[0] for row in rows(files, "population_start.csv")[1:]] == ["a", "b", "c", "d", "e"]
    assert [row[0] for row in rows(files, "population_end.csv")[1:]] == ["a", "b", "d", "e", "f", "g"]
    assert [(row[2], row[3], row[4]) for row in rows(files, "creations.csv")[1:]] == [
        ("f", "appeared", "'=cmd()"), ("b", "reappeared", "eve"), ("g", "appeared", "")
    ]  # fmt: skip
    assert [tuple(row[1:5]) for row in rows(files, "changes.csv")[1:]] == [
        ("a", "status", "ready", "stopped"), ("f", "region", "us-west", "eu-north")
    ]  # fmt: skip
    assert [(row[2], row[3], row[6][:19]) for row in rows(files, "disappearances.csv")[1:]] == [
        ("b", "ada", f"{hour(4):%Y-%m-%dT%H:%M:%S}"), ("c", "ada", f"{hour(7.5):%Y-%m-%dT%H:%M:%S}")
    ]  # fmt: skip
    assert [(row[1], row[3]) for row in rows(files, "acts.csv")[1:]] == [("accept", "gone, says ada")]
    assert [row[2:] for row in rows(files, "gaps.csv")[1:]] == [["7200", "1"]]
    (day,) = rows(files, "observed.csv")[1:]
    assert day[1:] == ["18000", "0.714286", "7200", "6", "1"]
    assert rows(files, "creators.csv")[1:] == [
        ["", "field", "1", "0", "0", "1"], ["", "log", "0", "1", "0", "1"], ["'=cmd()", "log", "0", "1", "0", "1"],
        ["ada", "log", "3", "0", "2", "1"], ["bob", "field", "1", "0", "0", "1"], ["eve", "log", "0", "1", "0", "1"],
    ]  # fmt: skip


@pytest.mark.medium
def test_a_large_value_is_in_the_lists_and_stops_no_bundle(world, run, tmp_path):
    large = "x" * 2 * csv.field_size_limit()
    world.put("a", note=large)
    world.run()
    world.run()
    world.put("a", note=f"{large}y")
    world.run()
    world.run()
    run("evidence", "--since", text(hour(1.5)), "--until", text(hour(3.5)))
    files = contents(tmp_path / "evidence.zip")
    assert f'{large}y"'.encode() in files["account-1/changes.csv"].replace(b'""', b'"')
    assert "all agree" in checked(tmp_path / "evidence.zip")


@pytest.mark.medium
@rule("the-first-creator-counts")
def test_the_creator_is_the_first_of_the_episode_also_if_the_field_changed_before_the_period(world, run, tmp_path):
    world.put("gone", "changed", "same", creator_user_nickname="ada")
    world.run()
    world.put("gone", "changed", "same", creator_user_nickname="bob")
    world.run()
    world.run()
    world.remove("gone")
    world.put("changed", creator_user_nickname="bob", status="stopped")
    world.run()
    world.run()
    found = world.rows("SELECT DISTINCT creator_user_nickname FROM instance_episodes")
    assert [name for (name,) in found] == ["ada"]
    run("evidence", "--since", text(hour(2.5)), "--until", text(hour(4.5)))
    file = tmp_path / "evidence.zip"
    files = contents(file)
    assert [row[2:4] for row in rows(files, "disappearances.csv")[1:]] == [["gone", "ada"]]
    assert rows(files, "creators.csv") == [
        ["creator", "known_from", "there_at_start", "created", "vanished", "there_at_end"],
        ["ada", "log", "2", "0", "1", "1"],
        ["bob", "field", "1", "0", "0", "1"],
    ]

    said = partial(proved, file)
    assert "it existed then, created by ada (the fleet of entry 2)" in said("gone", 2.9)
    assert "it existed then, created by ada (the fleet of entry 2)" in said("changed", 2.9)
    assert "it existed then, created by ada (entry 4)" in said("changed", 4.1)
    field_only = "it existed then, with bob in its field creator_user_nickname; the bundle does not say who created it"
    assert f"{field_only} (the fleet of entry 2)" in said("same", 4.1)


@pytest.mark.medium
@rule("the-first-creator-counts")
def test_a_creator_that_fal_gave_late_counts_from_the_creation_on_if_an_entry_of_the_bundle_names_it(
    world, run, tmp_path
):
    world.put("early")
    world.run()
    world.run()
    world.put("b", "c", "d", "gone")
    world.run()  # hour 3
    world.put("b", "early", "gone", creator_user_nickname="bob")
    world.run()
    world.remove("gone")
    world.put("b", "early", creator_user_nickname="eve")
    world.run()
    world.put("c", creator_user_nickname="cleo")
    world.run()  # hour 6: after the period, but in the bundle
    run("evidence", "--since", text(hour(2.5)), "--until", text(hour(5.5)))
    file = tmp_path / "evidence.zip"
    files = contents(file)
    creations = {row[2]: row[4] for row in rows(files, "creations.csv")[1:]}
    assert creations == {"b": "bob", "c": "cleo", "d": "", "gone": "bob"}
    assert rows(files, "creators.csv")[1:] == [
        ["", "log", "0", "1", "0", "1"], ["bob", "log", "1", "2", "1", "2"], ["cleo", "log", "0", "1", "0", "1"],
    ]  # fmt: skip
    for id_, at, creator in (("early", 2.5, "bob"), ("b", 3, "bob"), ("c", 3, "cleo"), ("d", 3, "nobody known")):
        assert f"it existed then, created by {creator} (" in proved(file, id_, at)
    found = answers(world, files)
    assert {row[2]: row[4] or "" for row in found["creations.csv"]} == creations
    assert dict(map(tuple, found["creators.csv"])) == {None: 1, "bob": 2, "cleo": 1}
    world.put("d", creator_user_nickname="dan")
    world.run()
    assert {row[2]: row[4] for row in answers(world, files)["creations.csv"]} == creations | {"d": "dan"}
    run("evidence", "--since", text(hour(2.5)), "--until", text(hour(5.5)), "--output", "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == file.read_bytes()
    assert "all agree" in checked(file)


def statements(content):
    """Return a dict from the name of each list to its SQL in `content`, the text of a file queries.sql.

    Colons are escaped for `sqlalchemy.text`.
    """
    found = re.findall(r"^-- (\w+\.csv)\n(SELECT.*?);\n", content, re.MULTILINE | re.DOTALL)
    assert len(found) == 10
    return {name: sql.replace(":", r"\:") for name, sql in found}


def answers(world, files):
    """Return a dict from the name of each list in a bundle to the rows that its SQL gives in the world's database."""
    url = world.engine.url.render_as_string(hide_password=False)
    with asking(url, "UTC") as connection:
        return {
            name: connection.execute(sa.text(sql)).all()
            for name, sql in statements(files["queries.sql"].decode()).items()
        }


@pytest.mark.medium
def test_the_sql_of_each_list_gives_the_same_from_the_database(made, lived):
    files = contents(made())
    found = answers(lived, files)

    def keys(name, *columns):
        return Counter(tuple(row[column].removeprefix("'") for column in columns) for row in rows(files, name)[1:])

    for name, columns in {
        "population_start.csv": (0, 1, 2, 5, 6, 7), "population_end.csv": (0, 1, 2, 5, 6, 7),
        "creations.csv": (2, 3, 4), "changes.csv": (1, 2, 3, 4), "disappearances.csv": (2, 3), "runs.csv": (0, 3),
        "acts.csv": (1, 2, 3),
    }.items():  # fmt: skip
        answer = Counter(tuple("" if row[at] is None else str(row[at]) for at in columns) for row in found[name])
        assert keys(name, *columns) == answer, name
    assert [row.failed_runs for row in found["gaps.csv"]] == [1]
    assert len(found["observed.csv"]) == 1


@pytest.mark.medium
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("accepted_at", "since", "until"), [(2.3, 2.5, 5.5), (9, 2.5, 5.5), (9, 1.5, 3.5)])
def test_an_act_at_a_time_when_the_clock_was_wrong_counts_between_the_runs_around_it(
    world, run, tmp_path, accepted_at, since, until
):
    world.put("a", "b")
    world.run()
    world.run()
    world.remove("b")
    world.faults.add(Status(500), when=on_get)
    world.faults.add(Status(503), when=on_page(1), after=1)
    world.run()  # hour 3: b is missing
    world.put("d")
    world.faults.add(Status(500), when=on_get)
    world.faults.add(Status(503), when=on_page(1), after=1)
    world.run()
    assert accept_missing(world.engine, "default", lease_seconds=60, clock=lambda: hour(accepted_at)) == ["b"]
    world.run()
    world.run()
    run("evidence", "--since", text(hour(since)), "--until", text(hour(until)))
    files = contents(tmp_path / "evidence.zip")
    start, end, created, vanished = (
        {row[column] for row in rows(files, f"{name}.csv")[1:]}
        for name, column in (("population_start", 0), ("population_end", 0), ("creations", 2), ("disappearances", 2))
    )
    is_whole = until > 4
    assert (start, created, vanished) == ({"a", "b"}, {"d"} if is_whole else set(), {"b"} if is_whole else set())
    assert end == (start | created) - vanished
    assert [row[1] for row in rows(files, "acts.csv")[1:]] == ["accept"] * is_whole
    assert "all agree" in checked(tmp_path / "evidence.zip")


def test_a_limit_with_microseconds_is_exact_in_the_sql_too(world):
    moment = timedelta(microseconds=1)
    at = hour(1) + 123_456 * moment
    world.run(clock=lambda: at)
    for since, until, found in ((at, at + moment, 1), (at - moment, at, 0), (at + moment, hour(2), 0)):
        sql = statements(questions(since, until, ["default"]))["runs.csv"]
        assert len(world.rows(sql)) == found, (since, until)


@pytest.mark.parametrize("microsecond", [0, 123_456])
def test_the_sql_of_the_gaps_leaves_out_a_gap_that_ends_where_the_period_begins(world, microsecond):
    moment = timedelta(microseconds=1)
    start, end = (hour(number) + microsecond * moment for number in (1, 50))
    for at in (start, end):
        world.run(clock=lambda at=at: at)
    for since, found in ((end - moment, 1), (end, 0), (end + moment, 0)):
        sql = statements(questions(since, hour(60), ["default"]))["gaps.csv"]
        ended = [row for row in world.rows(sql) if row[1] is not None]
        assert len(ended) == found, since


def test_the_day_that_begins_at_the_end_of_the_period_is_not_asked_for():
    text = questions(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC), ["default"])
    assert "day >= '2026-03-01' AND day <= '2026-03-31'" in text


def forged(files, file):
    """Write a bundle of `files` to the path `file`. The hashes of `files` are put into its manifest. Return `file`."""
    manifest = json.loads(files["manifest.json"])
    manifest["files"] |= {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    text = json.dumps(manifest).encode()
    return packed(
        files | {"manifest.json": text, "manifest.sha256": f"{hashlib.sha256(text).hexdigest()}\n".encode()}, file
    )


def refused(file, kept=None):
    """Check the bundle in this process, which must fail. Return the text of the error.

    `kept` is a `check.Kept`: the key and the checkpoints with which the bundle is compared.
    """
    with pytest.raises((check.Differs, ValueError, KeyError, TypeError, AttributeError, struct.error)) as raised:
        check.check(file, kept)
    return str(raised.value)


@pytest.mark.medium
def test_any_changed_byte_in_any_file_is_found_and_the_file_is_named(made, tmp_path):
    good = contents(made())
    assert len(good) == 21
    for name, content in good.items():
        for place in {0, len(content) // 2, len(content) - 1}:
            changed = bytearray(content)
            changed[place] ^= 1
            assert name.removesuffix(".json") in refused(
                packed(good | {name: bytes(changed)}, tmp_path / "changed.zip")
            )


def test_a_forger_who_also_writes_the_new_hash_is_found(made, tmp_path):
    good, file = contents(made()), tmp_path / "forged.zip"
    for name in good.keys() - {"cover.html", "queries.sql", "check.py", "manifest.json", "manifest.sha256"}:
        changed = bytearray(good[name])
        changed[len(changed) * 2 // 3] ^= 1
        assert refused(forged(good | {name: bytes(changed)}, file))

    def line(name, old, new):
        assert old in good[f"account-1/{name}"]
        return forged(good | {f"account-1/{name}": good[f"account-1/{name}"].replace(old, new, 1)}, file)

    assert "of another form" in refused(line("fleet.jsonl", b'"region":"us-west"', b'"region":"us-west","sector":""'))
    assert "of another form" in refused(line("fleet.jsonl", b'"region":"us-west"', b'"region":"us-west","sector":0'))
    time = f"{hour(6):%Y-%m-%dT%H:%M:%S}".encode()
    other = f"{hour(6) + timedelta(hours=1):%Y-%m-%dT%H:%M:%S.000000+01:00}".encode()
    assert "is no time in the form" in refused(line("changes.jsonl", time + b".000000Z", other))
    assert "its last line has no end" in refused(forged(good | {"account-1/changes.jsonl": b"{}"}, file))
    for added in ("account-1/./creations.csv", "account-2/creations.csv", "extra.txt"):
        assert "no file of a bundle" in refused(forged(good | {added: b"forged"}, file))


@pytest.mark.parametrize(
    "change",
    [{"until": "2026-04-01T00:00:00.000000Z"}, {"since": "2026-01-01T00:00:00.000000Z"}, {"accounts": []},
     {"since": "2026-03-06T02:30:00Z"}, {"accounts": [{"folder": "account-1", "account": "default", "log": "0" * 32}]}],
)  # fmt: skip
def test_another_period_or_account_in_the_manifest_is_found(made, tmp_path, change):
    good = contents(made())
    manifest = json.loads(good["manifest.json"]) | change
    assert refused(forged(good | {"manifest.json": json.dumps(manifest).encode()}, tmp_path / "forged.zip"))


def test_a_missing_file_and_a_bundle_cut_short_are_found(made, tmp_path):
    file = made()
    good = contents(file)
    for name in good:
        files = {each: content for each, content in good.items() if each != name}
        assert name.removesuffix(".json") in refused(packed(files, tmp_path / "less.zip"))
    for size in (0, 10, file.stat().st_size // 2, file.stat().st_size - 1):
        (short := tmp_path / "short.zip").write_bytes(file.read_bytes()[:size])
        assert "not a complete bundle" in refused(short)


@pytest.mark.medium
def test_the_same_period_gives_the_same_bytes_in_any_zone_and_however_the_history_goes_on(made, lived):
    first = made("one.zip").read_bytes()
    lived.put("z")
    lived.run()
    assert made("two.zip", TZ="America/St_Johns", LC_ALL="C").read_bytes() == first


@pytest.mark.medium
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_host_without_memory_or_with_a_file_that_cannot_be_read_is_1_and_says_nothing_about_the_bundle(
    made, tmp_path
):
    files = contents(made())
    large = forged(files | {"cover.html": b" " * 200 * 2**20}, tmp_path / "large.zip")
    limit = ["prlimit", f"--as={150 * 2**20}", *BARE]
    for words in ((), ("prove", "f", text(hour(8.5)))):
        printed = checked(large, *words, python=limit, expect=1)
        assert printed == f"NOT CHECKED {large}: this host has not enough memory. Run it on another host.\n"
    assert checked(large).count("all agree") == 1
    done = subprocess.run([*BARE, check.__file__, "/proc/self/mem"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == "NOT CHECKED /proc/self/mem: this host cannot read it: Input/output error.\n"


@pytest.mark.medium
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_output_that_lacks_a_character_gets_an_escape_and_one_that_cannot_be_written_hides_no_difference(
    world, run, tmp_path
):
    world.put("a", creator_user_nickname="王")
    world.run()
    world.run()
    world.put("a", creator_user_nickname="王", status="stopped")
    world.run()
    run("evidence", "--since", text(hour(1.5)), "--until", text(hour(2.5)))
    good = tmp_path / "evidence.zip"
    bad = forged(contents(good) | {"account-1/creations.csv": b""}, tmp_path / "forged.zip")

    def ended(file, *words, stdout=subprocess.PIPE, encoding="utf-8"):
        return subprocess.run(
            [sys.executable, check.__file__, file, *words], env={"PYTHONIOENCODING": encoding},
            stdout=stdout, stderr=subprocess.PIPE, encoding="ascii", check=False,
        )  # fmt: skip

    for encoding in ("latin-1", "cp1252", "ascii"):
        done = ended(good, "prove", "a", text(hour(2)), encoding=encoding)
        assert (done.returncode, done.stderr) == (0, "")
        assert "it existed then, created by \\u738b" in done.stdout
    with Path("/dev/full").open("w") as full:
        for file, code, found in ((good, 1, 0), (bad, 9, 9)):
            done = ended(file, stdout=full)
            said = f"error: the result (exit code {found}) cannot be written: No space left on device\n"
            assert (done.returncode, done.stderr) == (code, said)
    closed = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *BARE, check.__file__, bad], capture_output=True, check=False
    )
    assert (closed.returncode, closed.stderr) == (9, b"")


@pytest.mark.medium
def test_prove_says_whether_an_instance_existed_and_by_which_entry(made):
    file = made()

    said = partial(proved, file)
    assert "it existed then, created by ada (the fleet of entry 2)" in said("b", 2.9)
    assert "it did not exist then (entry 4)" in said("b", 4)
    assert "it existed then, created by eve (entry 7)" in said("b", 8.5)
    assert "not known: last seen" in said("b", 3.9)
    assert "not known: it was not there at" in said("f", 2.9)
    assert "it did not exist then" in said("nobody", 8.5)
    assert "nobody watched at that time" in said("nobody", 4.5)
    assert "not known: the time is outside the runs" in said("a", 100)


@pytest.mark.medium
def test_prove_knows_the_fleet_at_the_very_time_of_the_last_run_of_a_bundle(world, run, tmp_path):
    said = partial(proved, tmp_path / "evidence.zip")
    world.put("stays", "goes")
    for _ in range(2):
        world.run()
    world.remove("goes")
    world.put("comes")
    world.run()  # hour 3
    run("evidence", "--since", text(hour(2)), "--until", text(hour(3)))
    for id_, answer in (("stays", "it existed then"), ("goes", "it did not exist then"), ("comes", "it existed then")):
        found = said(id_, 3)
        assert answer in found
        assert "last complete run before" in found
        assert "first complete run after" not in found
    assert "not known: the time is outside the runs" in said("stays", 3.1)


@pytest.mark.medium
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_prove_does_not_know_of_an_instance_that_may_have_been_missing_and_that_no_later_run_shows(
    world, run, tmp_path
):
    def run_unsettled():
        world.faults.add(Status(500), when=on_get, times=None)
        world.faults.add(Status(503), when=on_page(1), after=1)
        world.run()
        world.faults.clear()

    def said(instance_id, at):
        return proved(tmp_path / "evidence.zip", instance_id, at).partition("\n")[0]

    world.put("back", "gone", "other", "still", creator_user_nickname="ada")
    world.run()
    world.put("gone", creator_user_nickname="ada", status="stopped")
    world.run()
    world.remove("back", "gone")
    for number in (3, 4):
        world.put("still", creator_user_nickname="ada", status=str(number))
        run_unsettled()
        assert world.presences() == {"back": "missing", "gone": "missing", "other": "live", "still": "live"}
    world.put("back", creator_user_nickname="ada")
    run_unsettled()
    run("evidence", "--since", text(hour(1.5)), "--until", text(hour(5)))
    why = "not known: it may have been missing, because no entry of that time or later shows it"
    assert f"{why} (entry 2)" in said("gone", 3.5)
    assert f"{why} (entry 2)" in said("gone", 2.1)
    assert f"{why} (the fleet of entry 1)" in said("back", 3.5)
    assert "it existed then, created by ada (entry 2)" in said("gone", 2)
    assert "it existed then, created by ada (entry 4)" in said("still", 4)
    assert why in said("still", 4.1)
    world.run()  # hour 6: the absence of `gone` is settled
    run("evidence", "--since", text(hour(1.5)), "--until", text(hour(6)))
    assert "it did not exist then (entry 6)" in said("gone", 3.5)
    assert "not known: last seen" in said("gone", 2.1)
    assert "it existed then, with ada in its field" in said("back", 3.5)
    assert "it existed then, created by ada (entry 4)" in said("still", 4.1)


@pytest.mark.medium
def test_prove_is_refused_where_a_change_was_hidden_and_all_hashes_were_made_anew(made, tmp_path):
    good, file = contents(made()), tmp_path / "forged.zip"
    leaves, question = good["account-1/leaves.bin"], ("prove", "f", text(hour(8.5)))
    assert "it existed then" in checked(forged(good, file), *question)
    index, count = struct.unpack_from(">QI", leaves)
    first = 12 + 4 * count + sum(struct.unpack_from(f">{count}I", leaves, 12))  # the offset of the second entry
    without = struct.pack(">QI", index, 0) + leaves[first:]
    renamed = leaves.replace(b"f\0=cmd()", b"x\0=cmd()")
    for hidden in (renamed, leaves[first:], without, leaves[:-1], b"", leaves + leaves):
        assert hidden != leaves
        assert "DIFFERS" in checked(forged(good | {"account-1/leaves.bin": hidden}, file), *question, expect=9)
        assert refused(file)
    entries = good["account-1/entries.jsonl"].replace(b'"missing":0', b'"missing":1', 1)
    printed = checked(forged(good | {"account-1/entries.jsonl": entries}, file), *question, expect=9)
    assert "account-1/entries.jsonl: the entries and the tree are not those of the checkpoint" in printed


@pytest.mark.medium
def test_wrong_arguments_are_2_in_one_line(made, tmp_path):
    file = made()
    (tmp_path / "text").write_text("no checkpoint")
    for words in (
        ("prove", "a", "nonsense"), ("prove", "a", "0001-01-01T00:00+14:00"), ("prove",), ("--key", "nonsense"),
        ("--against", "/nowhere"), ("--against", str(tmp_path)), ("--against", str(tmp_path / "text")),
    ):  # fmt: skip
        done = subprocess.run(
            [*BARE, check.__file__, file, *words], cwd="/", capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr.count("error: "), done.stdout) == (2, 1, ""), words
        assert "Traceback" not in done.stderr


@pytest.mark.medium
def test_the_checkpoint_is_signed_and_agrees_with_one_that_was_kept(made, run, tmp_path):
    key = tmp_path / "key"
    run("checkpoint", "keygen", "--name", "fleet.example.org", "--output", "key")
    verifier = str(SigningKey.from_pem(key.read_text()).verifier("fleet.example.org"))
    environment = {"INVENTORY_CHECKPOINT_KEY_FILE": str(key), "INVENTORY_CHECKPOINT_NAME": "fleet.example.org"}
    file = made(**environment)
    with_library = [sys.executable, "-I"]
    assert "signed by this key" in checked(file, "--key", verifier, python=with_library)
    assert "--key needs a library: pip install cryptography" in checked(file, "--key", verifier, expect=2)
    stripped = contents(file)
    stripped["account-1/checkpoint"] = stripped["account-1/checkpoint"].partition(b"\n\n")[0] + b"\n"
    key_bytes = check.parse_key(verifier)
    assert "it is not signed by this key" in refused(forged(stripped, tmp_path / "stripped.zip"), check.Kept(key_bytes))
    assert "signature not checked: give the verifier key" in checked(file)
    other = str(SigningKey.generate().verifier("fleet.example.org"))
    assert "it is not signed by this key" in checked(file, "--key", other, python=with_library, expect=9)
    origin, size, _ = contents(file)["account-1/checkpoint"].decode().split("\n")[:3]
    (tmp_path / "kept.checkpoint").write_text(contents(file)["account-1/checkpoint"].decode())
    assert "agrees, 12 entries" in checked(file, "--against", str(tmp_path / "kept.checkpoint"))
    foreign = f"inventory/{'0' * 32}\n{size}\n{b64encode(bytes(32)).decode()}\n"
    (tmp_path / "foreign.checkpoint").write_text(foreign)
    assert "of another log" in checked(file, "--against", str(tmp_path / "foreign.checkpoint"), expect=9)
    later = run("checkpoint", **environment).stdout
    (tmp_path / "later.checkpoint").write_text(later)
    assert "are outside this bundle" in checked(file, "--against", str(tmp_path / "later.checkpoint"))
    another = f"{origin}\n{size}\n{b64encode(bytes(32)).decode()}\n"
    (tmp_path / "forged.checkpoint").write_text(another)
    assert "it was rewritten" in checked(file, "--against", str(tmp_path / "forged.checkpoint"), expect=9)


@pytest.mark.medium
def test_every_checkpoint_of_a_file_is_compared_not_only_the_first(world, run, tmp_path):
    world.put("a")
    for _ in range(4):
        world.run(account="alpha")
        world.run(account="beta")
    run("checkpoint", "keygen", "--name", "fleet.example.org", "--output", "key")
    signing = {"INVENTORY_CHECKPOINT_KEY_FILE": "key", "INVENTORY_CHECKPOINT_NAME": "fleet.example.org"}
    (tmp_path / "unsigned").write_text(run("checkpoint").stdout)
    (tmp_path / "signed").write_text(run("checkpoint", **signing).stdout)
    (tmp_path / "joined").write_text((tmp_path / "signed").read_text().replace("\n\nfleet", "\nfleet"))
    period = ("evidence", "--since", text(hour(2.5)), "--until", text(hour(6.5)))
    run(*period, "--output", "both.zip")
    run(*period, "--output", "alpha.zip", "--account", "alpha")
    for name in ("unsigned", "signed"):
        kept = ("--against", str(tmp_path / name))
        for bundle, accounts in (("both.zip", 2), ("alpha.zip", 1)):
            assert checked(tmp_path / bundle, *kept).count("agrees, 5 entries") == accounts, name
            assert checked(tmp_path / bundle, "prove", "a", text(hour(4)), *kept)
    (tmp_path / "appended").write_text(2 * run("checkpoint", "--account", "alpha").stdout)
    for name in ("joined", "appended"):
        checked(tmp_path / "both.zip", "--against", str(tmp_path / name), expect=2)
        run("verify", "--against", name, expect=2)
    (tmp_path / "one").write_text(run("checkpoint", "--account", "alpha").stdout)
    assert checked(tmp_path / "both.zip", "--against", str(tmp_path / "one")).count("NOT COMPARED") == 1
    with database.reading(world.engine) as connection:
        rows_before = read_rows(connection)
    rewritten = copy_rows(rows_before)
    (changed_run,) = [row for row in rewritten["sync_runs"] if row["run_id"] == 4]
    assert changed_run["account"] == "beta"
    changed_run["duplicates"] = 7
    forge(rewritten)
    restore(world.engine, rows_before, rewritten)
    run("verify")
    run("evidence", "--since", text(hour(2.5)), "--until", text(hour(6.5)), "--output", "both.zip")
    for name in ("unsigned", "signed"):
        run("verify", "--against", name, expect=9)
        printed = checked(tmp_path / "both.zip", "--against", str(tmp_path / name), expect=9)
        assert "account-2/entries.jsonl: the log had another root at 5 entries: it was rewritten" in printed


@pytest.mark.medium
def test_a_period_beyond_what_the_log_proves_is_2_in_one_line_and_leaves_no_file(made, lived, tmp_path):
    refused = "Account default cannot be in the bundle: "
    assert f"{refused}--until is after its last complete run" in made(until=hour(11.5), expect=2)
    advice = "With --account default, name that time or a later one as --since"
    too_early = made(since=hour(0.5), expect=2)
    assert f"{refused}it can be proven from" in too_early
    assert f"(before that, no run in the log recorded a digest of the whole fleet). {advice}" in too_early
    assert f"--since {text(UNTIL)} is not before --until {text(SINCE)}." in made(since=UNTIL, until=SINCE, expect=2)
    prune(lived.engine, PruneRequest("default", hour(5)), lease_seconds=60, clock=lambda: hour(12))
    assert f"(before that, history was pruned). {advice}" in made(expect=2)
    assert [file.name for file in tmp_path.iterdir() if "evidence" in file.name] == []


@pytest.mark.medium
@pytest.mark.parametrize(("before", "runs"), [(None, range(2, 10)), (hour(5), range(7, 10))])
def test_the_time_that_is_named_as_the_first_that_can_be_proven_is_accepted(made, lived, run, before, runs):
    if before is not None:
        prune(lived.engine, PruneRequest("default", before), lease_seconds=60, clock=lambda: hour(12))
    refusal = made(since=hour(0.5), expect=2)
    (named,) = re.findall(r"can be proven from (\S+) on", refusal)
    run("evidence", "--since", named, "--until", text(UNTIL), "--output", "first.zip")
    files = contents(run.folder / "first.zip")
    assert [int(row[0]) for row in rows(files, "runs.csv")[1:]] == [*runs]
    assert "all agree" in checked(run.folder / "first.zip")


@pytest.mark.medium
def test_an_account_whose_log_does_not_prove_the_period_is_left_out_and_a_line_says_why_and_what_to_do(world, run):
    world.put("a")
    for name in ("always", "late", "pruned", "retired", "unsettled"):
        if name == "unsettled":
            world.faults.add(Status(500), when=on_page(1), times=None)
        for number in range(1, 6):
            if (name, number) not in {("late", 1), ("retired", 5)}:
                world.run(account=name, clock=lambda at=number: hour(at))
    retire(world.engine, "retired", lease_seconds=60, clock=lambda: hour(5))
    prune(world.engine, PruneRequest("pruned", hour(3.5)), lease_seconds=60, clock=lambda: hour(6))
    with database.writing(world.engine) as connection:
        connection.exec_driver_sql(
            "INSERT INTO accounts (account, provider, created_at) SELECT 'new', provider, created_at FROM accounts"
            " WHERE account = 'late'"
        )
    second, fourth = f"{hour(2):%Y-%m-%dT%H:%M:%S}.000001Z", f"{hour(4):%Y-%m-%dT%H:%M:%S}.00000"
    unknown, since = "what came later is not known", "name that time or a later one as --since."
    reasons = {
        "late": f"it can be proven from {second} on (before that, no run in the log recorded a digest of the whole "
        f"fleet). With --account late, {since}",
        "new": "it has no log yet; its next run begins it.",
        "pruned": f"it can be proven from {fourth}1Z on (before that, history was pruned). "
        f"With --account pruned, {since}",
        "retired": f"--until is after its last complete run, {fourth}0Z: {unknown}. With --account retired, name an "
        "earlier time as --until.",
        "unsettled": "it has no complete run with a digest of the whole fleet yet; the next one that leaves nothing "
        "missing records one.",
    }
    period = ("evidence", "--since", text(hour(1.5)), "--until", text(hour(4.5)))
    said = [f"account {name} is left out: {reason}" for name, reason in reasons.items()]
    assert run(*period).stderr.splitlines()[:-1] == said
    printed = checked(run.folder / "evidence.zip")
    assert "account-1, called always: " in printed
    assert printed.count("all agree") == 1
    for name, reason in reasons.items():
        done = run(*period, "--account", name, "--output", "none.zip", expect=2)
        assert done.stderr.strip().removeprefix("error: ") == f"Account {name} cannot be in the bundle: {reason}"
    late = ("evidence", "--since", text(hour(1.5)), "--until", text(hour(5.5)), "--output", "none.zip")
    *lines, last = run(*late, expect=2).stderr.splitlines()
    assert [line.split()[1] for line in lines] == ["always", *reasons]
    assert last.endswith("No account can be in the bundle.")
    assert not (run.folder / "none.zip").exists()
    run("evidence", "--since", text(hour(1.5)), "--until", text(hour(4)), "--account", "retired")


@pytest.mark.usefixtures("world")
def test_a_database_without_an_account_and_an_unknown_account_are_2(run):
    words = ("--since", "2026-03-06", "--until", "2026-03-07")
    assert "There is no account yet: a sync makes one." in run("evidence", *words, expect=2).stderr
    assert "no account 'other'" in run("evidence", *words, "--account", "other", expect=2).stderr


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("words", [("checkpoint",), ("checkpoint", "--output", "kept"), ("prune", "--before", "1d")])
def test_prune_and_checkpoint_of_a_database_without_an_account_say_so(run, words):
    done = run(*words)
    assert (done.stdout, done.stderr) == ("", "there is no account yet: a sync makes one\n")


@pytest.mark.parametrize(
    "change",
    ["UPDATE instance_versions SET region = 'eu-west' WHERE instance_id = 'f'",
     "UPDATE sync_runs SET instances_seen = 99 WHERE run_id = 4",
     "UPDATE operator_actions SET reason = 'another'",
     "DELETE FROM instance_versions WHERE instance_id = 'g'"],
)  # fmt: skip
def test_a_history_that_is_not_what_the_log_recorded_is_9_and_leaves_no_file(made, lived, tmp_path, change):
    with database.writing(lived.engine) as connection:
        connection.exec_driver_sql(change)
    assert "no bundle was written" in made(expect=9)
    assert [file.name for file in tmp_path.iterdir() if "evidence" in file.name] == []


def refused_after(change, made, lived):
    """Execute the SQL `UPDATE {change}`. Check that then no bundle can be written, and return the line of the error."""
    with database.writing(lived.engine) as connection:
        if database.is_sqlite(connection):
            connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        assert connection.execute(sa.text(f"UPDATE {change}".replace(":", r"\:"))).rowcount
    refusal = made(expect=9)
    assert "no bundle was written. `inventory verify`" in refusal
    assert refusal.count("\n") == 1
    return refusal


@pytest.mark.medium
@pytest.mark.parametrize("column", ["region", "extra", "episode_creator"])
def test_an_empty_text_that_no_run_writes_is_9_and_leaves_no_file(made, lived, tmp_path, column):
    value = "'{}'" if column == "extra" and lived.engine.name == "postgresql" else "''"
    assert "Account default: " in refused_after(f"instance_versions SET {column} = {value}", made, lived)
    assert [file.name for file in tmp_path.iterdir() if "evidence" in file.name] == []


@pytest.mark.medium
@pytest.mark.parametrize(
    "details",
    ["[1]", r'{"x":"\ud800"}', '{"x":36893488147419103232}', "5", "[" * 5_000 + "]" * 5_000],
    ids=lambda text: text[:9],
)
def test_details_of_an_act_that_are_no_object_or_hold_a_value_that_no_entry_can_have_are_9(made, lived, details):
    refused_after(f"operator_actions SET details = '{details}'", made, lived)


@pytest.mark.medium
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "change",
    ["instance_versions SET region = x'ff'", "instance_versions SET episode = 'x' WHERE closed_log_index IS NOT NULL",
     "sync_runs SET changes_root = 'x' WHERE run_id = 4",
     "sync_runs SET missing_digest = 5 WHERE run_id = 7", "sync_runs SET expected_seconds = 9e999 WHERE run_id = 4",
     "sync_runs SET error = x'ff' WHERE run_id = 4", "sync_runs SET fleet_digest = x'ff' WHERE run_id = 4",
     "sync_runs SET entry_hash = 'x' WHERE run_id < 4", "operator_actions SET details = '{\"x\":NaN}'",
     "accounts SET log_frontier = 'x'", "accounts SET log_id = x'00'",
     "instance_versions SET closed_as = 'x' WHERE closed_as IS NOT NULL"],
)  # fmt: skip
def test_a_value_of_another_type_that_sqlite_took_is_9_and_leaves_no_file(made, lived, tmp_path, change):
    refused_after(change, made, lived)
    assert [file.name for file in tmp_path.iterdir() if "evidence" in file.name] == []


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_full_disk_leaves_what_was_there(lived, run, tmp_path):
    (tmp_path / "evidence.zip").write_bytes(b"the old one")
    for number in range(2000):
        lived.put(f"n{number}", note=hashlib.sha256(b"%d" % number).hexdigest())
    lived.run()
    lived.run()
    done = subprocess.run(
        ["prlimit", "--fsize=60000", *PROGRAM, "evidence", "--since", text(SINCE), "--until", text(hour(12.5))],
        cwd=tmp_path, env=run.environment | NO_PYC, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "evidence.zip cannot be written" in done.stderr
    assert (tmp_path / "evidence.zip").read_bytes() == b"the old one"
    assert [file.name for file in tmp_path.iterdir() if file.name.endswith(".part")] == []


@pytest.mark.browser
@pytest.mark.parametrize("size", [(1200, 900), (390, 844)])
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_cover_is_readable_without_a_network_and_runs_nothing(made, browser, tmp_path, size):
    (tmp_path / "cover.html").write_bytes(contents(made())["cover.html"])
    complaints = []
    viewport = {"width": size[0], "height": size[1]}
    with closing(browser.new_context(offline=True, viewport=viewport)) as context:
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("request", lambda asked: None if asked.url.startswith("file:") else complaints.append(asked.url))
        page.goto((tmp_path / "cover.html").as_uri())
        shown = page.inner_text("main")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert complaints == []
    for part in ("How to check this bundle", "Account default", "gone, says ada", "71.4 %", "The SQL of each list"):
        assert part in shown
    assert datetime.now(UTC).date().isoformat() not in shown
