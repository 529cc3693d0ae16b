"""Upgrades of the database that each earlier release left: the history must stay the same."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from inventory.config.database_url import parse_url, sqlite_path
from inventory.simulator import Fleet, Simulator
from inventory.store import schema
from inventory.store.database import connect, reading, writing
from support.catalogue import catalogue
from support.command import Command
from support.libraries import ROOT
from support.world import World, hour

STORED = Path(__file__).parents[1] / "released"
RELEASES = {"0.1.0": "0001", "0.2.0.dev0": "0002", "0.2.0.dev0-at-0005": "0005"}
"""The schema revision of each stored database, by the name of the database.

A database is named after a release, or after a state of the branch `main` between two releases.
"""

ALWAYS_TRUE = {
    "accounts": ("account", "created_at", "retired_at", "pruned_before"),
    "sync_runs": (
        "run_id", "account", "status", "started_at", "previous_complete_at", "complete", "instances_seen", "appeared",
        "changed", "reappeared", "vanished", "missing", "fleet_digest", "error_code", "error", "version",
    ),
    "instance_versions": (
        "account", "instance_id", "episode", "valid_from", "valid_to", "opened_by_run_id", "closed_by_run_id",
        "opened_as", "closed_as", "last_seen_at", "instance_type", "region", "sector", "ip", "status",
        "creator_user_nickname", "CAST(extra AS TEXT)", "gpu_count", "gpu_model",
    ),
    "instances": (
        "account", "instance_id", "instance_type", "status", "presence", "held", "first_seen_at", "last_seen_at",
        "missing_since", "vanished_at", "episodes", "versions",
    ),
    "instance_events": ("occurred_at", "account", "instance_id", "event", "run_id", "episode"),
    "instance_field_changes": ("changed_at", "account", "instance_id", "field", "old_value", "new_value", "run_id"),
    "instance_episodes": (
        "account", "instance_id", "episode", "creator_user_nickname", "instance_type", "region", "appeared_after",
        "appeared_at", "last_seen_at", "vanished_at", "hours_low", "hours_high",
    ),
    "sync_gaps": ("account", "gap_start", "gap_end", "failed_runs"),
}  # fmt: skip
"""The columns that no upgrade may change, by relation."""


@pytest.fixture(params=RELEASES)
def release(request):
    return request.param


@pytest.fixture
def old(release, new_database, backend):
    """Return the URL of a new database, loaded from the stored database `release`."""
    url = new_database()
    script = (STORED / f"{release}.{backend}.sql").read_text(encoding="utf-8")
    if backend == "sqlite":
        with closing(sqlite3.connect(sqlite_path(parse_url(url)))) as connection:
            connection.executescript(script)
    else:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(script)
    return url


@pytest.fixture
def engine(old):
    made = connect(parse_url(old))
    yield made
    made.dispose()


def history(engine):
    """Return a dict whose keys are the relations of ALWAYS_TRUE.

    Each value is the sorted list of the relation's rows, as texts. A row has only the columns that ALWAYS_TRUE names.
    """
    with reading(engine) as connection:
        return {
            relation: sorted(map(repr, connection.exec_driver_sql(f"SELECT {', '.join(names)} FROM {relation}")))
            for relation, names in ALWAYS_TRUE.items()
        }


def test_every_release_has_its_database_stored_for_both_backends():
    assert {file.name for file in STORED.iterdir()} == {
        f"{release}.{backend}.sql" for release in RELEASES for backend in ("sqlite", "postgresql")
    }


@pytest.mark.slow
def test_a_released_revision_still_creates_the_schema_of_its_release(release, engine, new_database):
    fresh = connect(parse_url(new_database()), create=True)
    try:
        schema.upgrade(fresh, RELEASES[release])
        made, stored = catalogue(fresh), catalogue(engine)
    finally:
        fresh.dispose()

    # pg_dump rewrites the text of a view, so on PostgreSQL the rows of the views are compared instead, below
    assert made[:3] == stored[:3]


def test_the_stored_history_has_every_kind_of_event(engine):
    with reading(engine) as connection:

        def values(sql):
            return {tuple(row) if len(row) > 1 else row[0] for row in connection.execute(sa.text(sql))}

        assert values("SELECT event FROM instance_events") == {"appeared", "changed", "vanished", "reappeared"}
        assert values("SELECT presence, held FROM instances") >= {("live", False), ("missing", True)}
        assert values("SELECT status FROM sync_runs") == {"succeeded", "partial", "failed", "held", "running"}
        assert (
            len(values("SELECT account FROM accounts WHERE pruned_before IS NOT NULL AND retired_at IS NOT NULL")) == 1
        )
        assert len(values("SELECT account FROM accounts WHERE lease_heartbeat_at IS NOT NULL")) == 1


@pytest.mark.slow
def test_a_database_of_an_earlier_release_is_upgraded_with_its_history_as_it_was(release, old, engine, tmp_path):
    before = history(engine)
    assert [relation for relation, rows in before.items() if not rows] == []
    with reading(engine) as connection:
        assert schema.current(connection) == RELEASES[release]
    run = Command(tmp_path, INVENTORY_DATABASE_URL=old)

    run("db", "upgrade")

    run("db", "check")
    assert history(engine) == before
    assert "every digest matches" in run("verify").stdout


@pytest.mark.slow
def test_a_sync_continues_a_database_of_an_earlier_release(engine):
    schema.upgrade(engine)
    with Simulator(Fleet()) as simulator:
        world = World(engine, simulator)
        world.put("inst-00")
        at = hour(2400)
        outcomes = {name: world.run(account=name, clock=lambda: at) for name in ("research", "production", "killed")}
    assert {name: outcome.status for name, outcome in outcomes.items()} == {
        "research": "held", "production": "held", "killed": "succeeded",
    }  # fmt: skip
    assert world.rows("SELECT status FROM sync_runs WHERE account = 'killed' ORDER BY run_id") == [
        ("abandoned",), ("succeeded",),
    ]  # fmt: skip


def test_contributing_shows_the_next_revision_and_how_to_store_a_database_of_the_newest():
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert re.findall(r"--rev-id (\d+)", page) == [f"{int(schema.HEAD) + 1:04}"]
    assert re.findall(r"store_release\.py \S+-at-(\d+)`", page) == [schema.HEAD]


@pytest.mark.slow
@pytest.mark.parametrize("release", ["0.2.0.dev0"], indirect=True)
def test_a_field_that_was_ignored_before_the_log_is_proven_from_the_next_version_on(old, engine, tmp_path):
    schema.upgrade(engine)
    with Simulator(Fleet()) as simulator:
        world = World(engine, simulator)
        world.put("inst-09", status="stopped", ip="192.0.2.9", creator_user_nickname="ada")
        world.run(account="production", clock=lambda: hour(2400))
    assert '"ignored":["ip"]' in world.one("SELECT log_start FROM accounts WHERE account = 'production'")
    verify = Command(tmp_path, INVENTORY_DATABASE_URL=old)
    assert "every digest matches" in verify("verify").stdout
    edit = "UPDATE instance_state SET ip = '192.0.2.99', ignored = 'ip' WHERE instance_id = 'inst-09'"
    with writing(engine) as connection:
        connection.exec_driver_sql(edit)
    assert "it says that ip was ignored, but no run did since its newest version" in verify("verify", expect=9).stdout
