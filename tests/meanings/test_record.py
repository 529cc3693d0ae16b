"""How the history is stored: times are in UTC, nothing is deleted, and runs record a digest of the fleet."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from inventory.simulator import Status, on_get, on_list, on_page
from inventory.store import database
from inventory.store.tables import METADATA, UTCDateTime
from support.marks import rule
from support.world import ids


@pytest.mark.medium
@rule("times-are-utc")
def test_times_are_stored_in_utc_in_one_format(world):
    kathmandu = datetime(2026, 3, 7, 3, 45, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    world.put("a")
    world.run(clock=lambda: kathmandu)
    columns = [each for table in METADATA.tables.values() for each in table.c if isinstance(each.type, UTCDateTime)]
    with database.reading(world.engine) as connection:
        if world.engine.dialect.name == "sqlite":
            stored = connection.exec_driver_sql("SELECT typeof(valid_from), valid_from FROM instance_versions").one()
            assert tuple(stored) == ("text", "2026-03-06 22:00:00.000000")
            declared = connection.exec_driver_sql(
                "SELECT DISTINCT type FROM pragma_table_info('instance_versions') WHERE name LIKE 'valid_%'"
            )
            assert declared.scalars().all() == ["DATETIME"]
            for column in columns:
                times = connection.exec_driver_sql(f"SELECT {column.name} FROM {column.table.name}").scalars()
                form = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}"
                assert [time for time in times if time is not None and not re.fullmatch(form, time)] == []
        else:
            stored = connection.exec_driver_sql("SELECT pg_typeof(valid_from), valid_from FROM instance_versions").one()
            assert stored[0] == "timestamp with time zone"
            assert stored[1] == kathmandu
            for column in columns:
                kind = "SELECT data_type FROM information_schema.columns WHERE (table_name, column_name) = (%s, %s)"
                found = connection.exec_driver_sql(kind, (column.table.name, column.name)).scalars().all()
                assert found == ["timestamp with time zone"], column


@pytest.mark.medium
@rule("times-are-utc")
def test_a_time_literal_means_the_same_on_both_backends(world):
    world.put("a")
    world.run(clock=lambda: datetime(2026, 3, 6, 22, tzinfo=UTC))
    for condition, found in (
        ("valid_from <= '2026-03-06 22:00:00.000000+00'", 1),
        ("valid_from > '2026-03-06 22:00:00.000000+00'", 0),
        ("valid_from < '2026-03-06 21:59:59.999999+00'", 0),
        ("valid_from > '2026-03-06 22:00:00.000001+00'", 0),
    ):
        assert (condition, world.one(f"SELECT count(*) FROM instance_versions WHERE {condition}")) == (
            condition,
            found,
        )


@pytest.mark.medium
@rule("nothing-is-deleted")
def test_nothing_is_ever_deleted(world):
    queries = (
        "SELECT run_id FROM sync_runs", "SELECT instance_id FROM instance_state",
        "SELECT instance_id, valid_from, status FROM instance_versions",
    )  # fmt: skip
    before = [set() for _ in queries]
    for number in range(12):
        world.put(*ids(number + 1, "n"), status=("ready", "stopped")[number % 2])
        if number % 3 == 2:
            world.remove("n000")
        if number % 5 == 3:
            world.faults.add(Status(500), when=on_page(2))
        world.run(page_size=3)
        now = [{*world.rows(query)} for query in queries]
        assert all(old <= new for old, new in zip(before, now, strict=True))
        before = now
    assert [len(rows) for rows in before[:2]] == [12, 12]
    assert len(before[2]) > 12


@pytest.mark.medium
@rule("digest-of-the-fleet")
def test_the_digest_covers_the_fields_of_the_open_versions(world):
    seen = set()
    for change in (
        lambda: world.put("b", "a", "ü", price=1),
        lambda: world.put("a", status="stopped", price=2),
        lambda: world.remove("b"),
        lambda: world.fleet.hide("a"),
        world.fleet.clear,
    ):
        change()
        world.run()
        assert world.last_run("fleet_digest") == world.digest()
        world.run()
        assert world.last_run("fleet_digest") == world.digest()
        seen.add(world.digest())
    assert len(seen) == 4


@pytest.mark.medium
@rule("digest-of-the-fleet")
def test_the_digest_is_null_unless_the_run_was_complete_and_left_nothing_missing(world):
    world.put("a", "b", "c")
    world.faults.add(Status(500), when=on_page(2))
    world.run(page_size=1)
    assert world.last_run("status", "fleet_digest") == ("partial", None)
    world.run()
    assert world.last_run("fleet_digest") == world.digest()
    world.remove("b")
    world.faults.add(Status(500), when=on_get)
    world.faults.add(Status(503), when=on_page(1), after=1)
    world.run()
    assert world.last_run("status", "fleet_digest") == ("succeeded", None)
    world.faults.add(Status(500), when=on_list)
    world.run()
    assert world.last_run("status", "fleet_digest") == ("failed", None)
    world.run()
    assert world.last_run("fleet_digest") == world.digest()


@pytest.mark.medium
@rule("digest-of-the-fleet")
def test_the_next_run_computes_a_cleared_digest_again(world):
    world.put("a")
    world.run()
    with database.writing(world.engine) as connection:
        connection.exec_driver_sql("UPDATE sync_runs SET fleet_digest = NULL")  # as `prune` does
    world.run()
    assert world.last_run("fleet_digest") == world.digest()
