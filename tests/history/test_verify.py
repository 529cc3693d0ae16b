"""`inventory verify`: it finds no breach in what the program wrote, and finds what was changed by hand."""

import csv
import io
import json
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis.stateful import run_state_machine_as_test

from inventory.cli import main
from inventory.demo import demo
from inventory.errors import DatabaseError, UsageError
from inventory.history import missing as history
from inventory.history.accounts import retire
from inventory.history.findings import SHOWN
from inventory.history.prune import PruneRequest, prune
from inventory.history.verify import verify, verify_history
from inventory.history.verify_digests import Fleet as VerifiedFleet
from inventory.record import FIELDS, PAYLOAD, Record, hash_records
from inventory.simulator import Fleet, Simulator, Status, on_get, on_page
from inventory.store import database, schema
from inventory.store.tables import accounts, instance_state, instance_versions, sync_runs
from support.marks import LONG, ON_POSTGRESQL, random_histories, rule, some
from support.random_history import History
from support.world import hour

pytestmark = rule("verify-finds-contradictions")

VERSION = instance_versions.c


@pytest.fixture
def check(engine):
    """Return a function that verifies the history and returns its breaches."""

    def breaches():
        with database.reading(engine) as connection:
            return verify_history(connection).breaches

    return breaches


def live(world):
    """Record eight runs: changes, vanished instances, a return, a creator that comes late. The fourth is partial."""
    world.put("a", "b", "c", zone="z")
    world.put("d", creator_user_nickname="ada", sector="sector_1", ip="10.0.0.1")
    world.run()
    world.put("a", status="stopped", zone="z")
    world.put("e")
    world.run()
    world.put("a", creator_user_nickname="bob", zone="z")
    world.remove("b")
    world.run()
    world.put("c", status="init", price=1)
    world.faults.add(Status(500), when=on_page(2))
    assert world.run(page_size=3).status == "partial"
    world.run()
    world.put("b", status="init")
    world.remove("a")
    world.run()
    world.put("b", status="ready")
    world.put("d", creator_user_nickname="eve", sector="sector_1", ip="10.0.0.1")
    world.run()
    world.remove("c")
    world.run()


def tamper(world, *statements):
    """Execute the statements, verify, and undo them. Return the breaches, except those of kind `log`.

    Return None if the database refuses a statement.
    """

    class Undo(Exception):
        pass

    found = None
    with suppress(Undo), database.writing(world.engine) as connection:
        try:
            for statement in statements:
                connection.execute(statement)
        except sa.exc.IntegrityError:
            raise Undo from None
        found = verify_history(connection).breaches
        raise Undo
    return found if found is None else [breach for breach in found if breach.kind != "log"]  # see test_log.py


def run(world, *words, expect=0, capsys):
    """Run `verify`, check that its exit code is `expect`, and return its output as a pair of texts: `out` and `err`.

    On PostgreSQL, `err` lacks its first line, which says that the extension amcheck is missing. After a usage error,
    `verify` does not print this line, and `err` is complete.
    """
    with pytest.raises(SystemExit) as ended:
        main(["verify", "--database", world.engine.url.render_as_string(hide_password=False), *words])
    printed = capsys.readouterr()
    assert ended.value.code == expect, printed
    if world.engine.dialect.name == "postgresql" and expect != UsageError.exit_code:
        unchecked, _, rest = printed.err.partition("\n")
        assert unchecked.startswith("The server did not check its tables and indexes for damage: ")
        printed = printed._replace(err=rest)
    return printed


# -- the record of the program


@pytest.mark.slow
def test_every_random_history_is_verified(engine):
    def compare(self):
        with database.reading(self.engine) as connection:
            found = verify(connection)
        assert found.breaches == []
        assert found.runs == len(self.run_ids)

    with Simulator(Fleet()) as simulator:
        run_state_machine_as_test(
            type("Machine", (History,), {"engine": engine, "simulator": simulator, "_compare": compare}),
            settings=random_histories(30, stateful_step_count=12),
        )


@pytest.mark.slow
def test_a_demo_is_verified_in_one_line_and_one_for_its_log(engine, world, capsys):
    demo(engine.url.render_as_string(hide_password=False), days=3, now=datetime(2026, 3, 7, 12, tzinfo=UTC))
    capsys.readouterr()
    instances = world.one("SELECT count(*) FROM instances")
    versions = world.one("SELECT count(*) FROM instance_versions")
    log_line = (
        "account demo: log since 2026-03-04T13:00:00.000000Z, 73 entries: 73 checked by content, 0 known by hash only"
    )
    out, err = run(world, capsys=capsys)
    assert (out.splitlines(), err) == (
        [
            f"verified: 72 runs, {instances} instances, {versions} versions; every digest matches",
            log_line,
        ],
        "",
    )


@pytest.mark.slow
def test_missing_held_settled_and_accepted_instances_are_verified(world, check):
    names = [f"i{number:02}" for number in range(20)]
    world.put(*names)
    world.run()
    world.remove("i00")
    for _ in range(2):  # missing
        world.faults.add(Status(500), when=on_get)
        world.faults.add(Status(503), when=on_page(1), after=1)
        world.run()
        assert check() == []
    world.run()  # settled late
    assert check() == []
    world.remove(*names[1:15])
    assert world.run().status == "held"
    assert check() == []
    history.accept_missing(world.engine, "default", lease_seconds=60)
    assert check() == []
    world.put("i00")
    world.fleet.hide("i19")  # not listed, but it answers by its id
    for _ in range(4):
        world.run()
        assert check() == []
    world.run(clock=lambda: hour(-5))  # a clock that stepped back
    world.run(account="other")
    assert check() == []


@pytest.mark.slow
def test_ignored_changes_are_verified(world, check):
    for flags, fields in (
        ({}, {"price": 1, "creator_user_nickname": "ada"}),
        ({"ignore_changes": "price,creator_user_nickname"}, {"price": 2, "status": "init"}),
        ({"ignore_changes": "price"}, {"price": 3, "status": "init", "creator_user_nickname": "bob"}),
        ({}, {"price": 3, "status": "ready"}),
        ({"ignore_changes": "status"}, {"price": 3, "status": "stopped"}),
    ):
        world.put("a", **fields)
        world.run(**flags)
        world.run(**flags)
        assert check() == []


@pytest.mark.medium
def test_a_field_that_no_run_ignored_cannot_be_called_ignored(world, check):
    world.put("a", "b")
    world.run()
    world.put("b", price=1)
    world.run(ignore_changes="price")
    assert check() == []
    with database.writing(world.engine) as connection:
        connection.execute(sa.update(instance_state).values(ignored="price").where(instance_state.c.instance_id == "a"))
    assert check() == []  # a run did ignore price
    with database.writing(world.engine) as connection:
        connection.execute(sa.update(instance_state).values(ignored="ip").where(instance_state.c.instance_id == "a"))
    assert [(breach.instance_id, breach.what) for breach in check()] == [
        ("a", "it says that ip was ignored, but no run did since its newest version")
    ]


@pytest.mark.medium
def test_a_field_counts_as_ignored_only_if_the_run_of_the_newest_version_or_a_later_one_ignored_it(world):
    for id_, fields in (("a", ""), ("b", "price"), ("c", "note"), ("d", "price"), ("e", "")):
        world.put(id_)
        world.run(ignore_changes=fields)
    believed = set()
    for id_ in "abcde":
        for field in ("price", "note", "ip"):
            state = sa.update(instance_state).where(instance_state.c.instance_id == id_)
            found = tamper(world, state.values(ignored=field))
            assert {breach.instance_id for breach in found} <= {id_}
            if not found:
                believed.add((id_, field))
    assert believed == {(id_, field) for id_ in "abc" for field in ("price", "note")} | {("d", "price")}


@pytest.mark.medium
def test_what_the_last_run_before_the_log_ignored_is_believed_of_it_but_not_of_a_later_run(world, check):
    world.put("a")
    world.run()
    world.put("b", price=1)
    world.run(ignore_changes="price")
    world.forget_log()
    world.put("c")
    world.run()
    assert check() == []  # the last run before the log ignored the price of `b`
    called = sa.update(instance_state).values(ignored="price")
    (found,) = tamper(world, called.where(instance_state.c.instance_id == "c"))
    assert found.what == "it says that price was ignored, but no run did since its newest version"


@pytest.mark.medium
@pytest.mark.parametrize("ignored", ["price", ""])
@pytest.mark.parametrize("form", ['{"price": 1, "team": "core"}', '{"price":1,"team":"core","team":"core"}', "{}"])
def test_extra_in_a_form_that_no_run_writes_is_found_also_where_a_field_was_ignored(world, check, ignored, form):
    world.put("a", price=1, team="core")
    world.put("b")
    world.run(ignore_changes="price")
    world.run(ignore_changes=ignored)
    assert check() == []
    with database.writing(world.engine) as connection:
        own = instance_state.c.instance_id == ("b" if form == "{}" else "a")
        connection.execute(sa.update(instance_state).where(own).values(extra=form))
    assert [breach.what for breach in check()] == ["its fields are not what the last run saw"]


@pytest.mark.medium
@pytest.mark.parametrize("ignored", ["price", ""])
@pytest.mark.parametrize(
    "extra", ["'x{'", "'[1]'", "'5'", "5", "x'00'", f"'{'[' * 100_000}'"], ids=lambda extra: extra[:8]
)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_extra_that_is_no_object_is_found_and_no_fault_of_the_program(world, check, ignored, extra):
    """On SQLite only: PostgreSQL refuses most of these values."""
    world.put("a", price=1, team="core")
    world.run(ignore_changes="price")
    world.run(ignore_changes=ignored)
    with database.writing(world.engine) as connection:
        connection.exec_driver_sql(f"UPDATE instance_state SET extra = {extra}")
    assert "its fields are not what the last run saw" in [breach.what for breach in check()]


@pytest.mark.medium
def test_an_open_version_with_the_entry_of_a_close_is_found(world, check):
    world.put("a")
    world.run()
    with database.writing(world.engine) as connection:
        connection.execute(sa.update(instance_versions).values(closed_log_index=1))
    assert "it is open, but has the time, the run or the entry of a close" in [breach.what for breach in check()]


@pytest.mark.medium
@pytest.mark.parametrize("value", ["true", "1.0", "null"])
def test_a_value_of_extra_that_only_counts_as_equal_is_found(world, check, value):
    world.put("a", flag=1)
    world.run()
    with database.writing(world.engine) as connection:
        extra = f'{{"flag":{value}}}'
        row = Record("a", "gpu_8x_h100_sxm5", "us-west", None, None, "ready", None, extra)
        connection.execute(sa.update(instance_state).values(extra=extra, row_hash=hash_records([row])[0]))
    assert "its flag differs from its newest version, and was never ignored since" in [
        breach.what for breach in check()
    ]


@pytest.mark.medium
@pytest.mark.parametrize("value", ['{"granted_by":"eve"}', '"hunter3"', "null"])
def test_a_changed_value_under_the_name_of_a_secret_is_found(world, check, value):
    world.put("a", token="hunter2")
    world.run()
    assert check() == []
    with database.writing(world.engine) as connection:
        extra = f'{{"token":{value}}}'
        row = Record("a", "gpu_8x_h100_sxm5", "us-west", None, None, "ready", None, extra)
        connection.execute(sa.update(instance_state).values(extra=extra, row_hash=hash_records([row])[0]))
    assert [breach.what for breach in check()] == [
        "its token differs from its newest version, and was never ignored since"
    ]


def test_a_full_temporary_file_is_an_error_and_not_a_breach():
    def fill(fleet):
        for number in range(1_000):
            fleet.put(f"i{number}", bytes(32))
        fleet.digest()

    with VerifiedFleet() as fleet:
        fleet._db.execute("PRAGMA max_page_count = 3")  # noqa: SLF001 - else only a huge fleet would show this
        with pytest.raises(DatabaseError, match="The temporary file of this check failed: database or disk is full"):
            fill(fleet)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_invalid_time_of_an_account_is_found_though_another_account_has_a_valid_one(world, check):
    """On SQLite: PostgreSQL stores no such value."""
    for name in ("default", "research"):
        world.run(account=name)
        retire(world.engine, name, lease_seconds=60, clock=lambda: hour(3))
    with database.writing(world.engine) as connection:
        connection.exec_driver_sql("UPDATE accounts SET retired_at = '2026-03-06' WHERE account = 'research'")
    assert [(breach.account, breach.what) for breach in check() if breach.kind == "account"] == [
        ("research", "retired_at is '2026-03-06', which is not a valid value of that column")
    ]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_invalid_time_of_a_run_is_found_though_an_earlier_run_has_a_valid_one(world, check):
    """On SQLite: PostgreSQL stores no such value."""
    for _ in range(3):
        world.run()
    with database.writing(world.engine) as connection:
        connection.exec_driver_sql("UPDATE sync_runs SET heartbeat_at = '2026-03-06' WHERE run_id = 3")
    assert (3, "heartbeat_at is '2026-03-06', which is not a valid value of that column") in [
        (breach.run_id, breach.what) for breach in check()
    ]


def test_an_empty_database_is_verified(world, capsys):
    assert run(world, capsys=capsys).out == "verified: 0 runs, 0 instances, 0 versions; every digest matches\n"


# -- changes by hand


def changes_of(version, run_times):
    """Yield changes of a row of `instance_versions`, each as a dict from a column to its new value.

    `run_times` is a dict from the id of each run to its time.
    """
    for name in ("instance_type", "region", "sector", "ip", "status", "creator_user_nickname", "gpu_model"):
        yield from ({name: value} for value in ("tampered", "", None))
    yield from ({"extra": value} for value in ('{"zone":"y"}', '{"zone": "z"}', "{}", None))
    yield from ({"gpu_count": value} for value in (99, None))
    yield from ({"episode_creator": value} for value in ("mallory", None))
    yield from ({"instance_id": value} for value in ("a", "zz"))
    yield from ({"account": value} for value in ("other", "nobody"))
    yield from ({"episode": version["episode"] + step} for step in (-1, 1))
    yield from ({"opened_as": value} for value in ("appeared", "changed", "reappeared"))
    yield from ({"closed_as": value} for value in ("changed", "vanished"))
    yield {"closed_as": None, "valid_to": None}
    yield {"closed_as": None, "valid_to": None, "closed_by_run_id": None, "last_seen_at": None}
    for run_id, time in run_times.items():
        yield {"opened_by_run_id": run_id, "valid_from": time}
        yield {"closed_by_run_id": run_id, "valid_to": time}
        yield {
            "closed_by_run_id": run_id,
            "valid_to": time,
            "closed_as": "vanished",
            "last_seen_at": version["valid_from"],
        }
        yield {"last_seen_at": time}
    for run_id in (2, 7):
        yield from ({name: run_id} for name in ("opened_by_run_id", "closed_by_run_id"))
        for at in (run_times[run_id], run_times[run_id] + timedelta(minutes=30)):
            yield from ({name: at} for name in ("valid_from", "valid_to"))
    yield {"opened_by_run_id": 999}
    yield {"last_seen_at": None}


@pytest.mark.slow
def test_any_change_of_any_version_is_found_and_names_the_instance_and_a_run(lived):
    lived.run(account="other")
    with database.reading(lived.engine) as connection:
        query = sa.select(instance_versions).where(VERSION.account == "default")
        versions = [dict(row) for row in connection.execute(query).mappings()]
        query = sa.select(sync_runs.c.run_id, sync_runs.c.started_at).where(sync_runs.c.account == "default")
        times = dict(connection.execute(query).all())
    assert (len(versions), len(times)) == (11, 8)
    tried = 0
    for number, version in enumerate(versions):
        one = sa.and_(VERSION.instance_id == version["instance_id"], VERSION.valid_from == version["valid_from"])
        for change in some(changes_of(version, times), one_in=5, first=number):
            if all(version[name] == value for name, value in change.items()):
                continue
            found = tamper(lived, sa.update(instance_versions).where(one).values(change))
            if found is None:
                continue
            tried += 1
            assert any(breach.run_id is not None for breach in found), (version, change)
            named = {breach.instance_id for breach in found}
            assert version["instance_id"] in named or names_it(found, version), (version, change, found)
        found = tamper(lived, sa.delete(instance_versions).where(one))
        assert any(breach.run_id is not None for breach in found), version
        assert version["instance_id"] in {breach.instance_id for breach in found}, found
    assert tried > (300 if LONG else 60)


def names_it(found, version):
    """Return whether a breach in `found` names the instance of `version` as a possible cause of a wrong digest."""
    return any(
        re.search(rf"version of .*\b{version['instance_id']}\b.* would explain it", breach.what) for breach in found
    )


def one_version(id_, number):
    """Return the SQL condition for one version of an instance: the version that began at hour(number)."""
    return sa.and_(VERSION.instance_id == id_, VERSION.valid_from == hour(number))


def as_first(column):
    """Return a scalar subquery for the value that a column has in the first version of the instance `a`."""
    first = sa.alias(instance_versions)
    query = sa.select(first.c[column.name]).where(first.c.instance_id == "a", first.c.valid_from == hour(1))
    return query.scalar_subquery()


LATE = {"valid_to": hour(4), "closed_by_run_id": 4, "last_seen_at": hour(3)}
ONE_TEXT_EACH = [
    (one_version("e", 2), {"opened_as": "reappeared"}, "it opens as reappeared after nothing"),
    (one_version("b", 6), {"opened_as": "changed"}, "it opens as changed after vanished"),
    (one_version("a", 3), LATE, "it vanished in a run that was not complete"),
    (one_version("a", 3), {"last_seen_at": hour(4)}, "is not the time of a run that may have been the last to see it"),
    (
        one_version("a", 2), {column: as_first(column) for column in (VERSION.status, VERSION.content_hash)},
        "nothing changed from the version before it",
    ),
]  # fmt: skip
"""Tuples of three: the condition for a version, a change of the version, and the text of the breach that follows."""


@pytest.mark.medium
@pytest.mark.parametrize(("one", "change", "what"), ONE_TEXT_EACH)
def test_a_contradiction_of_a_version_is_named(lived, one, change, what):
    assert what in "; ".join(
        breach.what for breach in tamper(lived, sa.update(instance_versions).where(one).values(change))
    )


@pytest.mark.medium
def test_a_run_that_started_before_the_one_before_it_is_named(lived):
    found = tamper(lived, sa.update(sync_runs).where(sync_runs.c.run_id == 6).values(started_at=hour(4.5)))
    assert (6, "it did not start after the run before it") in [(breach.run_id, breach.what) for breach in found]


@pytest.mark.medium
def test_a_wrong_time_of_the_complete_run_before_is_named_also_before_the_time_of_a_prune(lived):
    prune(lived.engine, PruneRequest("default", hour(7.5)), lease_seconds=60, clock=lambda: hour(9))
    change = sa.update(sync_runs).where(sync_runs.c.run_id == 7).values(previous_complete_at=hour(5))
    found = tamper(lived, change)
    assert any(breach.run_id == 7 and "its previous_complete_at is" in breach.what for breach in found)


@pytest.mark.medium
def test_an_instance_that_says_a_negative_number_of_runs_without_it_is_named(lived):
    change = sa.update(instance_state).where(instance_state.c.instance_id == "e").values(unlisted_runs=-1)
    assert "unlisted_runs is -1" in [breach.what for breach in tamper(lived, change)]


def test_an_instance_that_a_partial_run_was_the_last_to_see_is_verified(world, check):
    world.put("a", "b")
    world.run()
    world.fleet.hide("a")
    world.faults.add(Status(500), when=on_get)
    world.faults.add(Status(503), when=on_page(1), after=1)
    assert (world.run().status, world.presences()["a"]) == ("succeeded", "missing")
    world.faults.clear()
    world.fleet.unhide("a")
    world.faults.add(Status(500), when=on_page(2))
    assert (world.run(page_size=1).status, world.presences()["a"]) == ("partial", "live")
    world.remove("a")
    world.run()
    assert world.one("SELECT last_seen_at FROM instances WHERE instance_id = 'a'") == hour(3)
    assert check() == []


@pytest.mark.medium
@pytest.mark.parametrize("column", FIELDS)
def test_an_empty_text_in_place_of_a_null_is_found_in_every_field(world, check, column):
    world.fleet.put({"id": "a"})
    world.run()
    with database.writing(world.engine) as connection:
        connection.execute(sa.update(instance_versions).values({column: ""}))
    what = "an empty field should be null, or the GPUs do not match the type"
    assert what in [breach.what for breach in check()]


@pytest.mark.slow
def test_an_inserted_row_is_found(lived):
    with database.reading(lived.engine) as connection:
        versions = [dict(row) for row in connection.execute(sa.select(instance_versions)).mappings()]
    inserted = 0
    for version in versions:
        for change in (
            {"instance_id": "new"},
            {"valid_from": hour(0.5)},
            {"valid_from": version["valid_from"] + timedelta(microseconds=1)},
            {"account": "nobody"},
        ):
            found = tamper(lived, sa.insert(instance_versions).values(version | change))
            if found is None:
                continue
            inserted += 1
            assert found, (version, change)
            if "account" not in change:
                names = {breach.instance_id for breach in found if breach.run_id}
                assert (version | change)["instance_id"] in names, (version, change)
    still_open = sum(version["valid_to"] is None for version in versions)
    assert inserted == 4 * len(versions) - 2 * still_open  # a second open version of an instance is refused


@pytest.mark.slow
def test_the_removal_of_a_whole_instance_is_found(lived):
    for id_ in "abcde":
        found = tamper(
            lived,
            sa.delete(instance_versions).where(VERSION.instance_id == id_),
            sa.delete(instance_state).where(instance_state.c.instance_id == id_),
        )
        assert {breach.kind for breach in found} == {"run", "digest"}


@pytest.mark.slow
@pytest.mark.parametrize(  # not unlisted_runs: nothing else tells how many lists lacked an instance
    "name", [column.name for column in instance_state.c if column.name != "unlisted_runs"]
)
def test_a_change_of_an_instances_state_is_found(lived, name):
    values = {
        "episodes": 7, "versions": 7, "gpu_count": 7, "seen_run_id": 99, "missing_run_id": 1, "held": True,
        "presence": "missing", "row_hash": b"x", "version_hash": b"x", "extra": "[]", "ignored": "status",
    }  # fmt: skip
    value = hour(0.5) if name.endswith(("_at", "_since")) else values.get(name, "tampered")
    assert tamper(lived, sa.update(instance_state).where(instance_state.c.instance_id == "d").values({name: value}))


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {"started_at": hour(1.5)}, {"previous_complete_at": hour(1.5)}, {"previous_complete_at": None},
        {"complete": False}, {"status": "partial"}, {"missing": 1}, {"fleet_digest": None}, {"fleet_digest": "0" * 64},
        {"appeared": 7}, {"changed": 7}, {"reappeared": 7}, {"vanished": 7},
    ],
)  # fmt: skip
def test_a_change_of_a_run_is_found(lived, change):
    found = tamper(lived, sa.update(sync_runs).where(sync_runs.c.run_id == 3).values(change))
    assert any(breach.run_id in (3, 4) for breach in found)


@pytest.mark.medium
def test_a_wrong_last_complete_run_and_a_removed_run_are_found(lived):
    assert [breach.kind for breach in tamper(lived, sa.update(accounts).values(last_complete_run_id=3))] == ["account"]
    for run_id in range(1, 9):
        assert tamper(lived, sa.delete(sync_runs).where(sync_runs.c.run_id == run_id)), run_id


ALL_MAY_HAVE_MOVED = sa.update(instance_versions).values(moved=True)
"""A statement that sets `moved` in all versions. `verify` does not report this.

After this statement, a forged type or region cannot contradict `moved`. So `verify` finds only other breaches.
"""


@pytest.mark.medium
def test_moved_is_false_only_where_type_and_region_stayed(lived):
    assert tamper(lived, ALL_MAY_HAVE_MOVED) == []
    unmoved = sa.update(instance_versions).where(VERSION.opened_as == "changed").values(moved=False)
    assert tamper(lived, unmoved) == []
    changed = sa.update(instance_versions).where(VERSION.instance_id == "a", VERSION.valid_from == hour(2))
    breaches = tamper(lived, unmoved, changed.values(region="mars"))
    what = "its type or region is not that of the version before it, but `moved` is false"
    assert (2, "a", what) in {(breach.run_id, breach.instance_id, breach.what) for breach in breaches}


def forge(world, instance_id, number, **values):
    """Change values of the version that run `number` opened, write the right content hash, and return the breaches."""
    row = world.one(
        f"SELECT {', '.join(PAYLOAD)} FROM instance_versions WHERE instance_id = :id AND opened_by_run_id = :run",
        id=instance_id, run=number,
    )  # fmt: skip
    content = Record(instance_id, *row)._replace(**values)
    change = sa.update(instance_versions).where(VERSION.instance_id == instance_id, VERSION.valid_from == hour(number))
    return tamper(world, ALL_MAY_HAVE_MOVED, change.values(**values, content_hash=hash_records([content])[0]))


def test_a_digest_names_the_runs_and_the_one_instance_that_explains_it(lived):
    (breach,) = forge(lived, "a", 2, status="ready", region="mars")
    assert breach == ("digest", "default", 2, "a", breach.what)
    (breach,) = forge(lived, "c", 1, region="mars")
    assert breach == ("digest", "default", 1, "c", breach.what)
    assert breach.what == (
        "its digest does not match the versions, and neither do those of the next 2 runs with a digest; "
        "one changed version of c would explain it"
    )


@pytest.mark.medium
def test_a_changed_field_is_found_where_no_digest_covers_the_version(world, check):
    world.put("a", "b")
    world.run()
    for status in ("one", "two"):
        world.put("a", "b", status=status)
        world.faults.add(Status(500), when=on_page(2))
        assert world.run(page_size=1).status == "partial"
    world.put("a", "b", status="three")
    world.run()
    assert check() == []
    for number in (2, 3):
        change = sa.update(instance_versions).where(VERSION.instance_id == "a", VERSION.opened_by_run_id == number)
        assert tamper(world, ALL_MAY_HAVE_MOVED, change.values(region="mars")) == [
            ("version", "default", number, "a", "its fields are not those that the run recorded")
        ]


@pytest.mark.medium
@pytest.mark.parametrize(
    "change",
    [
        "valid_from = '1999'", "valid_from = 5", "valid_to = x'00'", "valid_from = '2026-03-06 01:00:00'",
        "last_seen_at = 'x'", "episode = 'one'", "opened_by_run_id = 'x'", "status = x'00'", "extra = 5",
        "instance_type = 'gpu_8x_h100_sxm5' || char(0) || region, region = ''", "gpu_count = 'x'",
    ],
)  # fmt: skip
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_value_that_only_sqlite_accepts_is_found(lived, change):
    statement = f"UPDATE instance_versions SET {change} WHERE instance_id = 'b' AND episode = 1"
    assert "b" in {breach.instance_id for breach in tamper(lived, sa.text(statement.replace(":", "\\:")))}


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_time_that_python_cannot_hold_is_found(lived):
    for value in ("infinity", "4000-01-01 BC"):
        statement = sa.text(f"UPDATE instance_state SET first_seen_at = '{value}' WHERE instance_id = 'b'")
        assert {breach.instance_id for breach in tamper(lived, statement)} == {"b"}
    statement = sa.text(
        "UPDATE instance_versions SET valid_to = 'infinity' WHERE instance_id = 'c' AND closed_as = 'changed'"
    )
    assert "c" in {breach.instance_id for breach in tamper(lived, statement)}


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_verify_reads_each_row_only_a_few_times_whatever_the_statistics(world):
    number = 1000
    world.put(*(f"i{place:04}" for place in range(number)))
    world.run(account="earlier")
    with database.writing(world.engine) as connection:
        connection.exec_driver_sql("ANALYZE")
    world.run(account="later")  # the statistics do not cover this account
    read = sa.text(
        "SELECT sum(pg_stat_get_xact_tuples_returned(oid)) FROM pg_class WHERE relname ~ '^(pk|ix|uq)?_?instance_'"
    )
    with database.reading(world.engine) as connection:
        assert verify_history(connection).breaches == []
        rows = connection.scalar(read)
    assert 2 * number < rows < 100 * number  # a search of all rows for each instance would read `number` squared


# -- the command


@pytest.mark.medium
def test_breaches_are_lines_and_exit_9(lived, capsys):
    with database.writing(lived.engine) as connection:
        connection.execute(sa.update(instance_versions).where(VERSION.instance_id == "e").values(gpu_count=1))
    printed = run(lived, expect=9, capsys=capsys)
    assert printed.out == (
        "version: account default, run 2, instance e: an empty field should be null, or the GPUs do not match the "
        "type\n"
        "account default: log since 2026-03-06T01:00:00.000000Z, 9 entries: 9 checked by content, 0 known by hash "
        "only\n"
    )
    assert printed.err == (
        "error: 1 breach in 11 versions: the history is not what the runs recorded. Nothing was changed; compare with "
        "a backup.\n"
    )
    (row,) = json.loads(run(lived, "--format", "json", expect=9, capsys=capsys).out)["breaches"]
    assert row.pop("what")
    assert row == {"kind": "version", "account": "default", "run_id": 2, "instance_id": "e"}
    (row,) = csv.DictReader(io.StringIO(run(lived, "--format", "csv", expect=9, capsys=capsys).out))
    assert (row["run_id"], row["instance_id"]) == ("2", "e")


@pytest.mark.medium
def test_verify_can_be_limited_to_one_account(lived, capsys):
    lived.run(account="other")
    with database.writing(lived.engine) as connection:
        connection.execute(sa.update(instance_versions).where(VERSION.account == "default").values(gpu_count=1))
    printed = run(lived, "--account", "other", "--format", "json", capsys=capsys)
    shown = json.loads(printed.out)
    assert (shown["breaches"], [log["account"] for log in shown["logs"]]) == ([], ["other"])
    assert "verified: 1 run, " in printed.err
    run(lived, "--account", "default", expect=9, capsys=capsys)
    run(lived, "--account", "nobody", expect=2, capsys=capsys)


@pytest.mark.medium
def test_the_first_of_many_breaches_are_shown_and_the_others_are_counted(world, capsys):
    world.put(*(f"i{number:03}\u202e" for number in range(SHOWN + 20)))
    world.run()
    with database.writing(world.engine) as connection:
        connection.execute(sa.update(instance_versions).values(gpu_count=1))
    printed = run(world, expect=9, capsys=capsys)
    assert printed.out.splitlines()[-2] == "and 20 more"
    assert len(printed.out.splitlines()) == SHOWN + 2  # "and 20 more", and a line about the log
    assert "\u202e" not in printed.out
    assert "120 breaches" in printed.err


@ON_POSTGRESQL
def test_a_view_that_cannot_be_compared_in_time_is_an_error_and_no_breach(engine, database_url):
    def compare():
        with database.reading(engine, temporary_views=True) as connection:
            connection.exec_driver_sql("SET LOCAL lock_timeout = '100ms'")
            return schema.changed_views(connection)

    assert compare() == []
    with psycopg.connect(database_url) as other:
        other.execute("LOCK TABLE calendar IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DatabaseError, match="locked by another process"):
            compare()
