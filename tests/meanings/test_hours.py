"""Hours count for the type and region that an instance had at that time, in all views and commands with hours."""

import json

import pytest
import sqlalchemy as sa

from inventory.cli import main
from inventory.config.database_url import parse_url
from inventory.history.prune import PruneRequest, prune
from inventory.history.verify import verify_history
from inventory.read.creators import list_creators
from inventory.simulator import Fleet, Simulator
from inventory.store import database, schema
from inventory.store.database import connect
from inventory.store.tables import accounts, instance_versions, sync_runs
from support.catalogue import downgrade
from support.marks import rule
from support.questions import SQL
from support.world import World, hour

ONE, EIGHT, STRANGE = "gpu_1x_h100_sxm5", "gpu_8x_h100_sxm5", "a type without a count"
DAYS = "SELECT CAST(day AS text), instance_type, region, instances, hours, gpu_hours FROM fleet_daily ORDER BY 1, 2, 3"
EPISODES = (
    "SELECT instance_id, instance_type, hours_low, hours_high, gpu_hours_low, gpu_hours_high"
    " FROM instance_episodes ORDER BY 1"
)

OF_THE_FIRST = ("valid_from", "opened_by_run_id", "opened_as")


def grow(world):
    """Make nine runs, one an hour. The instance `a` is seen from the second to the eighth run.

    `a` has one GPU for two hours, then eight GPUs for four hours. In the last of these four hours, `a` has another
    region. The instance `other` has one GPU and is seen from the first to the eighth run.
    """
    world.put("other", instance_type=ONE)
    world.run()
    world.put("a", instance_type=ONE, creator_user_nickname="ada")
    world.run()
    world.put("a", instance_type=ONE, creator_user_nickname="ada", status="busy")
    world.run()
    world.put("a", instance_type=EIGHT, creator_user_nickname="ada")
    world.run()
    world.run()
    world.run()
    world.put("a", instance_type=EIGHT, creator_user_nickname="ada", region="eu-north")
    world.run()
    world.run()
    world.remove("a", "other")
    world.run()


def verifies(engine):
    with database.reading(engine) as connection:
        return verify_history(connection).breaches == []


@pytest.mark.medium
@rule("hours-follow-the-version")
def test_gpu_hours_are_the_sum_over_the_versions_and_the_type_shown_is_the_last(world):
    grow(world)
    assert world.rows(EPISODES) == [
        ("a", EIGHT, 6.0, 8.0, 2 * 1 + 4 * 8, 1 + 2 * 1 + 4 * 8 + 8),
        ("other", ONE, 7.0, None, 7.0, None),
    ]
    assert world.rows("SELECT gpu_hours_low FROM creators WHERE creator_user_nickname = 'ada'") == [(34.0,)]


@pytest.mark.medium
@rule("hours-follow-the-version")
def test_a_day_has_the_hours_of_each_type_and_region_that_existed_on_it(world):
    grow(world)
    assert world.rows(DAYS) == [
        ("2026-03-06", ONE, "us-west", 2, 2.0 + 7.0, 9.0),
        ("2026-03-06", EIGHT, "eu-north", 1, 1.0, 8.0),
        ("2026-03-06", EIGHT, "us-west", 1, 3.0, 24.0),
    ]


@pytest.mark.medium
@rule("hours-follow-the-version")
def test_a_type_and_a_region_that_change_at_once_count_from_then_on(world):
    world.put("a", instance_type=ONE)
    world.run()
    world.put("a", instance_type=EIGHT, region="eu-north")
    world.run()
    world.run()
    assert world.rows(DAYS) == [
        ("2026-03-06", ONE, "us-west", 1, 1.0, 1.0),
        ("2026-03-06", EIGHT, "eu-north", 1, 1.0, 8.0),
    ]
    assert verifies(world.engine)


@pytest.mark.medium
@rule("hours-follow-the-version")
def test_a_region_that_changed_while_it_was_ignored_counts_from_the_next_version_on(world):
    world.put("a", instance_type=ONE)
    world.run()
    world.put("a", instance_type=ONE, region="eu-north")
    world.run(ignore_changes="region")
    world.run()
    world.put("a", instance_type=ONE, region="eu-north", status="busy")
    world.run()  # opens a version whose region is that of the stored row, and not that of the version before
    world.run()
    assert world.rows(DAYS) == [
        ("2026-03-06", ONE, "eu-north", 1, 1.0, 1.0),
        ("2026-03-06", ONE, "us-west", 1, 3.0, 3.0),
    ]
    assert verifies(world.engine)


@pytest.mark.medium
@rule("hours-follow-the-version")
def test_an_instance_that_changes_back_and_forth_counts_once_under_each_type_of_the_day(world):
    for type_ in (ONE, EIGHT, ONE, EIGHT, ONE):
        world.put("a", instance_type=type_)
        world.run()
    assert [row[:4] for row in world.rows(DAYS)] == [
        ("2026-03-06", ONE, "us-west", 1),
        ("2026-03-06", EIGHT, "us-west", 1),
    ]
    assert [row[4] for row in world.rows(DAYS)] == [2.0, 2.0]


@pytest.mark.medium
@rule("hours-follow-the-version")
def test_a_type_that_ends_at_midnight_has_no_part_in_the_day_that_begins_then(world):
    world.put("a", instance_type=ONE)
    world.runs = 22
    world.run()
    world.put("a", instance_type=EIGHT)
    world.run()
    world.run()
    assert world.rows(DAYS) == [
        ("2026-03-06", ONE, "us-west", 1, 1.0, 1.0),
        ("2026-03-07", EIGHT, "us-west", 1, 1.0, 8.0),
    ]


@pytest.mark.medium
@rule("hours-follow-the-version")
def test_one_unknown_count_leaves_the_gpu_hours_of_the_episode_unknown(world):
    world.put("a", instance_type=ONE)
    world.run()
    world.put("a", instance_type=STRANGE)
    world.run()
    world.put("a", instance_type=EIGHT)
    world.run()
    world.run()
    assert world.rows(EPISODES) == [("a", EIGHT, 3.0, None, None, None)]
    with database.reading(world.engine) as connection:
        for since in (None, hour(3)):  # unknown also in a period in which all counts are known
            (row,) = list_creators(connection, since=since)
            assert row["gpu_hours_low"] is None
    assert [row[1:] for row in world.rows(DAYS)] == [
        (STRANGE, "us-west", 1, 1.0, None),
        (ONE, "us-west", 1, 1.0, 1.0),
        (EIGHT, "us-west", 1, 1.0, 8.0),
    ]


@pytest.mark.medium
@rule("hours-follow-the-version")
def test_creators_of_a_period_have_the_hours_of_the_versions_in_it(world):
    grow(world)

    def of_ada(**period):
        with database.reading(world.engine) as connection:
            rows = list_creators(connection, **period)
        return [
            (row["instances_created"], row["hours_low"], row["gpu_hours_low"])
            for row in rows
            if row["creator_user_nickname"] == "ada"
        ]

    assert of_ada(since=hour(0)) == [(1, 6.0, 34.0)]
    assert of_ada(until=hour(4)) == [(1, 2.0, 2.0)]
    assert of_ada(since=hour(3), until=hour(5)) == [(0, 2.0, 9.0)]
    assert of_ada(since=hour(6)) == [(0, 2.0, 16.0)]
    assert of_ada(since=hour(8)) == []


@pytest.mark.medium
@rule("hours-follow-the-version")
def test_show_adds_up_the_same_gpu_hours(world, capsys):
    grow(world)
    url = world.engine.url.render_as_string(hide_password=False)
    for how, expected in (("json", 34.0), ("table", "34.0 to 43.0")):
        with pytest.raises(SystemExit) as ended:
            main(["show", "a", "--database", url, "--format", how])
        assert ended.value.code == 0
        out = capsys.readouterr().out
        printed = json.loads(out)["instances"][0]["episodes"][0]["gpu_hours_low"] if how == "json" else out
        assert expected == printed if how == "json" else expected in printed


@pytest.mark.medium
@rule("hours-follow-the-version")
def test_the_query_of_gpu_hours_by_week_adds_up_to_the_same(world):
    grow(world)
    (sql,) = SQL["How many GPU hours did each creator use per week, at least and at most?"]
    with database.reading(world.engine) as connection:
        rows = connection.exec_driver_sql(sql).all()
    assert [tuple(row[2:]) for row in rows if row[2] == "ada"] == [("ada", pytest.approx(34), pytest.approx(43))]


@pytest.mark.slow
@rule("prune-keeps-the-answers")
@pytest.mark.parametrize("until", range(1, 11))
def test_prune_folds_each_type_and_region_separately_so_that_no_hours_move(world, until):
    grow(world)
    kept = [world.rows(sql) for sql in (EPISODES, DAYS, "SELECT * FROM creators ORDER BY 1, 2")]
    prune(world.engine, PruneRequest("default", hour(until)), lease_seconds=60, clock=lambda: hour(100))
    assert [world.rows(sql) for sql in (EPISODES, DAYS, "SELECT * FROM creators ORDER BY 1, 2")] == kept
    assert verifies(world.engine)
    versions = world.rows("SELECT valid_from, status FROM instance_versions WHERE instance_id = 'a' ORDER BY 1")
    folded = [(hour(2), "busy")] if until >= 4 else [(hour(2), "ready"), (hour(3), "busy")]
    assert versions == [*folded, (hour(4), "ready"), (hour(7), "ready")]


@pytest.mark.slow
@rule("hours-follow-the-version")
def test_a_history_folded_across_a_change_of_type_by_an_earlier_version_stays_sound(world):
    """Imitate `prune` of an earlier version of the program.

    In each episode, that `prune` took all versions whose `valid_to` was `pruned_before` or earlier. It folded them into
    one version, even if their types differed. This version got the fields of the last version that was folded.
    """
    grow(world)
    version, account, run = instance_versions.c, accounts.c, sync_runs.c
    of_a = version.instance_id == "a"
    with database.writing(world.engine) as connection:
        last = connection.execute(sa.select(instance_versions).where(of_a, version.valid_from == hour(4))).mappings()
        fields = {name: value for name, value in last.one().items() if name not in OF_THE_FIRST}
        connection.execute(
            sa.delete(instance_versions).where(of_a, version.valid_to <= hour(7), version.valid_from > hour(2))
        )
        connection.execute(sa.update(instance_versions).where(of_a, version.valid_from == hour(2)).values(fields))
        connection.execute(sa.update(accounts).where(account.account == "default").values(pruned_before=hour(7)))
        connection.execute(sa.update(sync_runs).where(run.started_at < hour(7)).values(fleet_digest=None))
    world.forget_log()
    assert verifies(world.engine)
    kept = [world.rows(sql) for sql in (EPISODES, DAYS)]
    assert kept[0][0][-2:] == (6 * 8, 8 * 8)  # no version has the earlier type any more
    for until in (7, 10):
        prune(world.engine, PruneRequest("default", hour(until)), lease_seconds=60, clock=lambda: hour(100))
        assert [world.rows(sql) for sql in (EPISODES, DAYS)] == kept
        assert verifies(world.engine)


@pytest.mark.slow
@rule("hours-follow-the-version")
def test_an_older_database_follows_the_rule_once_it_is_upgraded(database_url):
    engine = connect(parse_url(database_url), create=True)
    schema.upgrade(engine)
    with Simulator(Fleet()) as simulator:
        world = World(engine, simulator)
        grow(world)
    downgrade(engine, "0001")
    columns = "SELECT gpu_hours_low, gpu_hours_high FROM instance_episodes WHERE instance_id = 'a'"
    assert world.rows(columns) == [(6 * 8, 8 * 8)]
    assert {row[1] for row in world.rows(DAYS) if row[2] == "us-west"} == {ONE}
    schema.upgrade(engine)
    assert world.rows(columns) == [(34, 43)]
    assert [row[1:3] for row in world.rows(DAYS)] == [(ONE, "us-west"), (EIGHT, "eu-north"), (EIGHT, "us-west")]
    assert verifies(engine)
    downgrade(engine, "0001")
    assert world.rows(columns) == [(6 * 8, 8 * 8)]
    engine.dispose()


@pytest.mark.medium
@rule("hours-follow-the-version")
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_an_upgrade_keeps_who_may_read_the_views_and_the_views_that_users_made_of_them(database_url):
    engine = connect(parse_url(database_url), create=True)
    schema.upgrade(engine, "0001")
    role = f"analyst_{engine.url.database}"
    ask = "SELECT has_table_privilege(CAST(:role AS text), name, 'SELECT') FROM unnest(CAST(:names AS text[])) AS name"
    names = ["instance_episodes", "fleet_daily", "creators"]
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE ROLE {role}")
            connection.exec_driver_sql(f"GRANT SELECT ON {', '.join(names)} TO {role}")
            connection.exec_driver_sql("CREATE VIEW of_a_user AS SELECT day, hours FROM fleet_daily")
        schema.upgrade(engine)
        with engine.connect() as connection:
            assert connection.scalars(sa.text(ask), {"role": role, "names": names}).all() == [True] * 3
            assert connection.exec_driver_sql("SELECT * FROM of_a_user").all() == []
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {role}")
            connection.exec_driver_sql(f"DROP ROLE {role}")
        engine.dispose()
