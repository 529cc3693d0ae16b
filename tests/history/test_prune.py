"""`inventory prune` folds old versions and drops old runs. Hours and later fleets stay the same."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import stateful
from hypothesis import strategies as st

from inventory.cli import main
from inventory.config.database_url import parse_url
from inventory.errors import AccountBusy, DatabaseError, LeaseLost, UsageError
from inventory.history.lease import fence, hold_lease
from inventory.history.prune import PruneRequest, prune, would_prune
from inventory.history.pruned_rows import droppable_runs
from inventory.history.verify import verify_history
from inventory.simulator import Fleet, Simulator, Status, on_page
from inventory.store import database
from inventory.store.tables import accounts, sync_runs
from support.marks import random_histories, rule
from support.random_history import History
from support.world import World, hour

pytestmark = rule("prune-keeps-the-answers")

FUTURE = "2999-01-01"
KEPT = (  # no prune may change the rows of these queries
    "SELECT * FROM instances",
    "SELECT * FROM instance_episodes",
    "SELECT * FROM creators",
    "SELECT * FROM fleet_daily",
    "SELECT * FROM instance_events WHERE event = 'vanished'",
    "SELECT occurred_at, account, instance_id, event, run_id, episode FROM instance_events WHERE event <> 'changed'",
    "SELECT account, last_complete_at, last_status, live_instances, missing_instances FROM sync_freshness",
)


def pruned(world, before, account="default"):
    return prune(world.engine, PruneRequest(account, before), lease_seconds=60, clock=lambda: hour(1_000))


def verifies(world):
    with database.reading(world.engine) as connection:
        return verify_history(connection).breaches == []


def kept(world):
    return [sorted(world.rows(sql), key=repr) for sql in KEPT]


def fleet_at(world, time):
    at = f"'{time:%Y-%m-%d %H:%M:%S.%f}+00'"
    rows = world.rows(
        f"SELECT * FROM instance_versions WHERE valid_from <= {at} AND (valid_to IS NULL OR valid_to > {at})"
    )
    return sorted(rows, key=repr)


def run_ids(world):
    return [run_id for (run_id,) in world.rows("SELECT run_id FROM sync_runs ORDER BY run_id")]


def versions(world, instance_id):
    return world.rows(
        "SELECT episode, valid_from, valid_to, opened_by_run_id, closed_by_run_id, opened_as, closed_as, last_seen_at,"
        " status, episode_creator FROM instance_versions WHERE instance_id = :id ORDER BY valid_from",
        id=instance_id,
    )


def live(world):
    """Record ten runs. `c` never changes.

    `a` changes in runs 2, 3, 6, 7 and 8, and vanishes in run 9. `b` vanishes in run 3, returns in run 6, and changes in
    run 7.
    """
    world.put("c")
    world.put("a", status="s1")
    world.put("b", status="first")
    world.run()
    world.put("a", status="s2", creator_user_nickname="ada")
    world.run()
    world.put("a", status="s3")
    world.remove("b")
    world.run()
    world.run()
    world.run()
    world.put("a", status="s6")
    world.put("b", status="second")
    world.run()
    world.put("a", status="s7", creator_user_nickname="bob")
    world.put("b", status="third")
    world.run()
    world.put("a", status="s8")
    world.run()
    world.remove("a")
    world.run()
    world.run()


@pytest.mark.slow
def test_versions_that_ended_by_then_become_one_for_each_episode(lived):
    before = kept(lived)
    done = pruned(lived, hour(7))
    assert (done.versions, done.runs) == (3, 3)
    assert versions(lived, "a") == [
        (1, hour(1), hour(7), 1, 7, "appeared", "changed", None, "s6", "ada"),
        (1, hour(7), hour(8), 7, 8, "changed", "changed", None, "s7", "ada"),
        (1, hour(8), hour(9), 8, 9, "changed", "vanished", hour(8), "s8", "ada"),
    ]
    assert versions(lived, "b") == [
        (1, hour(1), hour(3), 1, 3, "appeared", "vanished", hour(2), "first", None),
        (2, hour(6), hour(7), 6, 7, "reappeared", "changed", None, "second", None),
        (2, hour(7), None, 7, None, "changed", None, None, "third", None),
    ]
    assert run_ids(lived) == [1, 3, 6, 7, 8, 9, 10]
    assert lived.one("SELECT pruned_before FROM accounts") is not None
    assert kept(lived) == before
    assert verifies(lived)


@pytest.mark.slow
def test_the_fleet_at_every_later_time_stays_the_same(lived):
    times = [hour(7) + timedelta(minutes=30 * number) for number in range(9)]
    before = [fleet_at(lived, time) for time in times]
    digests = lived.rows("SELECT run_id, fleet_digest FROM sync_runs WHERE run_id >= 7 ORDER BY run_id")
    pruned(lived, hour(7))
    assert [fleet_at(lived, time) for time in times] == before
    assert lived.rows("SELECT run_id, fleet_digest FROM sync_runs WHERE run_id >= 7 ORDER BY run_id") == digests
    assert lived.rows("SELECT run_id FROM sync_runs WHERE run_id < 7 AND fleet_digest IS NOT NULL") == []


@pytest.mark.medium
def test_a_time_between_two_runs_keeps_the_complete_run_before_it(lived, capsys):
    pruned(lived, hour(4) + timedelta(minutes=30))
    assert run_ids(lived) == [1, 3, 4, 5, 6, 7, 8, 9, 10]
    pruned(lived, hour(5) + timedelta(minutes=30))
    assert run_ids(lived) == [1, 3, 5, 6, 7, 8, 9, 10]
    url = lived.engine.url.render_as_string(hide_password=False)
    for at, code in ((hour(5), 2), (hour(5) + timedelta(minutes=30), 0)):
        with pytest.raises(SystemExit) as ended:
            main(["list", "--at", at.isoformat(), "--database", url])
        assert ended.value.code == code, capsys.readouterr()
        assert ("folded its history" in capsys.readouterr().err) == (code == 2)


@pytest.mark.medium
def test_a_gap_that_contains_the_time_stays_whole(world):
    world.put("a")
    world.run()
    world.run()
    for _ in range(3):
        world.faults.add(Status(500), when=on_page(1))
        assert world.run().status == "failed"
    world.run()
    gap = world.rows("SELECT gap_start, gap_end, failed_runs FROM sync_gaps WHERE gap_end IS NOT NULL")
    assert len(gap) == 1
    assert pruned(world, hour(4)).runs == 0
    assert world.rows("SELECT gap_start, gap_end, failed_runs FROM sync_gaps WHERE gap_end IS NOT NULL") == gap
    assert verifies(world)


@pytest.mark.medium
@rule("acts-have-an-actor-and-a-reason")
def test_pruning_again_at_the_same_or_an_earlier_time_changes_nothing_and_is_no_act(lived):
    pruned(lived, hour(7))
    once = lived.dump()
    again = pruned(lived, hour(7))
    earlier = pruned(lived, hour(2))
    assert [(done.versions, done.runs) for done in (again, earlier)] == [(0, 0), (0, 0)]
    twice = lived.dump()
    for table in ("sync_runs", "instance_state", "instance_versions", "operator_actions"):
        assert twice[table] == once[table]
    assert lived.one("SELECT pruned_before FROM accounts") == lived.one(
        "SELECT max(started_at) FROM sync_runs WHERE run_id = 7"
    )
    assert len(once["operator_actions"]) == 1
    assert verifies(lived)


@pytest.mark.medium
@rule("acts-have-an-actor-and-a-reason")
@pytest.mark.parametrize("before", [datetime.min.replace(tzinfo=UTC), hour(0.5), hour(1)])
def test_a_prune_before_the_first_run_changes_nothing_and_is_no_act(lived, before):
    history = lived.dump()
    done = pruned(lived, before)
    assert (done.versions, done.runs) == (0, 0)
    now = lived.dump()
    for table in ("sync_runs", "instance_state", "instance_versions", "operator_actions"):
        assert now[table] == history[table]
    assert lived.one("SELECT pruned_before FROM accounts") is None
    assert verifies(lived)


@pytest.mark.medium
def test_pruning_in_steps_gives_the_same_result_as_pruning_at_once(lived, history, new_database):
    for number in (2, 4, 5, 8):
        pruned(lived, hour(number))
    other = World(database.connect(parse_url(new_database(template=history.template))), lived.simulator)
    pruned(other, hour(8))
    in_steps, at_once = (([versions(world, id_) for id_ in "abc"], run_ids(world)) for world in (lived, other))
    other.engine.dispose()
    assert in_steps == at_once
    assert in_steps == (
        [
            [
                (1, hour(1), hour(8), 1, 8, "appeared", "changed", None, "s7", "ada"),
                (1, hour(8), hour(9), 8, 9, "changed", "vanished", hour(8), "s8", "ada"),
            ],
            [
                (1, hour(1), hour(3), 1, 3, "appeared", "vanished", hour(2), "first", None),
                (2, hour(6), hour(7), 6, 7, "reappeared", "changed", None, "second", None),
                (2, hour(7), None, 7, None, "changed", None, None, "third", None),
            ],
            [(1, hour(1), None, 1, None, "appeared", None, None, "ready", None)],
        ],
        [1, 3, 6, 7, 8, 9, 10],
    )
    assert verifies(lived)


@pytest.mark.slow
def test_everything_may_be_pruned_and_later_runs_continue_the_history(lived):
    before = kept(lived)
    pruned(lived, hour(100))
    assert run_ids(lived) == [1, 3, 6, 7, 8, 9, 10]  # 10 is the last complete run
    assert kept(lived) == before
    lived.runs = 200
    assert lived.run().counts["changed"] == 0
    lived.put("b", status="fourth")
    lived.run()
    assert lived.last_run("status", "changed") == ("succeeded", 1)
    assert verifies(lived)


@pytest.mark.medium
def test_the_brake_still_knows_the_key_of_the_last_run_that_succeeded(world):
    world.put("a", "b")
    world.run(key="one:x")
    world.run(key="one:x")
    world.remove("a", "b")
    assert world.run(key="two:x").status == "held"
    world.run(key="two:x")
    pruned(world, hour(4))
    assert run_ids(world) == [1, 2, 3, 4]
    assert world.run(key="two:x").status == "held"


@pytest.mark.medium
def test_the_run_stays_that_opened_a_version_which_ends_after_the_time(world):
    world.put("a", status="first")
    world.run()
    world.put("a", status="second")
    world.run()
    for _ in range(3):
        world.run()
    world.put("a", status="third")
    world.run()
    before = kept(world)
    pruned(world, hour(5))
    assert run_ids(world) == [1, 2, 5, 6]
    assert kept(world) == before
    assert verifies(world)


@pytest.mark.medium
def test_the_partial_run_stays_that_was_the_last_to_see_an_instance_before_it_vanished_and_came_back(world):
    world.put("a", "b", "c")
    world.run(page_size=2)
    world.put("a", status="second")
    world.faults.add(Status(500), when=on_page(2))
    assert world.run(page_size=2).status == "partial"
    world.remove("a")
    world.run()
    world.put("a")
    for _ in range(3):
        world.run()
    before = kept(world)
    assert pruned(world, hour(6)).runs == 1
    assert run_ids(world) == [1, 2, 3, 4, 6]  # 2 saw `a` last, in its first episode
    assert kept(world) == before
    assert verifies(world)


@pytest.mark.slow
@rule("accounts-are-independent")
def test_only_the_named_account_is_pruned(world):
    for number in range(4):
        world.put("a", status=f"s{number}")
        world.run(account="one")
        world.run(account="two")
    two = world.rows("SELECT * FROM instance_versions WHERE account = 'two'")
    assert pruned(world, hour(8), account="one").versions == 2
    assert world.rows("SELECT * FROM instance_versions WHERE account = 'two'") == two
    assert verifies(world)


@pytest.mark.slow
def test_a_prune_stopped_at_any_step_leaves_a_valid_history_and_the_next_prune_finishes_it(lived, monkeypatch):
    before = kept(lived)
    monkeypatch.setattr("inventory.history.pruned_rows.BATCH", 1)
    stops = 0
    while True:
        left = [stops]

        def fence_or_stop(connection, lease, left=left, **options):
            left[0] -= 1
            if left[0] < 0:
                raise DatabaseError("stopped here")
            return fence(connection, lease, **options)

        with monkeypatch.context() as patched:
            patched.setattr("inventory.history.prune.fence", fence_or_stop)
            try:
                pruned(lived, hour(8))
            except DatabaseError:
                stops += 1
            else:
                break
        assert kept(lived) == before
        assert verifies(lived)
    assert stops == 6  # at pruned_before, at each of three instances, after the last instance, and at the runs
    assert versions(lived, "a")[0][:3] == (1, hour(1), hour(8))
    assert run_ids(lived) == [1, 3, 6, 7, 8, 9, 10]
    assert kept(lived) == before


@pytest.mark.medium
def test_a_dry_run_says_what_would_be_removed_and_writes_nothing(lived):
    all_of_it = lived.dump()
    with database.reading(lived.engine) as connection:
        planned = would_prune(connection, PruneRequest("default", hour(8)))
    assert lived.dump() == all_of_it
    assert planned == pruned(lived, hour(8))


def test_the_database_collects_the_runs_that_are_needed_once_and_not_for_each_run(lived):
    with database.reading(lived.engine) as connection:
        query = sa.delete(sync_runs).where(*droppable_runs(connection, "default", hour(8)))
        text = query.compile(connection, compile_kwargs={"literal_binds": True})
        explain = "EXPLAIN QUERY PLAN" if database.is_sqlite(connection) else "EXPLAIN"
        plan = "\n".join(str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {text}"))
    assert "instance_versions" in plan
    assert "CORRELATED" not in plan  # SQLite's word for a query that is made for each row
    assert "SubPlan" not in plan  # PostgreSQL's word


@pytest.mark.medium
def test_a_run_and_a_prune_exclude_each_other(lived):
    with hold_lease(lived.engine, "default", "other", 60), pytest.raises(AccountBusy):
        prune(lived.engine, PruneRequest("default", hour(7)), lease_seconds=60)
    assert len(run_ids(lived)) == 10
    refused = []

    def meanwhile(_):
        outcome = []
        thread = threading.Thread(target=lambda: outcome.append(lived.run(clock=lambda: hour(1_000))))
        thread.start()
        thread.join()
        refused.append(type(outcome[0].error))

    prune(
        lived.engine, PruneRequest("default", hour(7)), lease_seconds=60, clock=lambda: hour(1_000), progress=meanwhile
    )
    assert set(refused) == {AccountBusy}
    assert verifies(lived)


@pytest.mark.medium
def test_a_prune_whose_lease_was_taken_over_says_that_what_was_folded_stays_folded(lived):
    def take_over(_):
        with database.writing(lived.engine) as connection:
            connection.execute(sa.update(accounts).values(fencing_token="of another"))

    request = PruneRequest("default", hour(7))
    with pytest.raises(LeaseLost, match=r"what was folded stays folded, the rest is unchanged\. Run again"):
        prune(lived.engine, request, lease_seconds=60, clock=lambda: hour(1_000), progress=take_over)
    assert verifies(lived)


def test_a_time_in_the_future_and_an_unknown_account_are_usage_errors(lived):
    all_of_it = lived.dump()
    with pytest.raises(UsageError, match="future"):
        pruned(lived, hour(1_001))
    with pytest.raises(UsageError, match="no account"):
        pruned(lived, hour(3), account="nobody")
    assert lived.dump() == all_of_it


@pytest.mark.parametrize(("words", "said"), [([], "was"), (["--dry-run"], "would be")])
def test_the_command_says_that_no_run_is_older_than_the_time(lived, capsys, words, said):
    url = lived.engine.url.render_as_string(hide_password=False)
    with pytest.raises(SystemExit) as ended:
        main(["prune", "--database", url, "--before", "2001-01-01", *words])
    out = f"default: no run is older than 2001-01-01T00:00:00Z; nothing {said} pruned\n"
    assert (ended.value.code, capsys.readouterr().out) == (0, out)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--before", "1d"], 0, "default: 5 versions {}folded into others, 3 runs {}dropped"),
        (["--before", "1d", "--account", "nobody"], 2, "no account"),
        (["--before", FUTURE], 2, "is in the future"),
        (["--before", FUTURE, "--dry-run"], 2, "is in the future"),
        (["--before", "soon"], 2, "is no time"),
        ([], 2, "--before"),
    ],
)
def test_the_command_says_what_it_did_in_one_line(lived, words, code, said, capsys):
    url = lived.engine.url.render_as_string(hide_password=False)
    for more in (["--dry-run"], []) if code == 0 else ([],):
        with pytest.raises(SystemExit) as ended:
            main(["prune", "--database", url, *words, *more])
        out, err = capsys.readouterr()
        assert ended.value.code == code, err
        if code:
            assert (out, err.count("\n")) == ("", 1)
            assert said in err
        else:
            assert out.startswith(said.format(*["would be " if more else ""] * 2))
            assert (out.count("\n"), out.endswith(" is coarse now\n")) == (1, not more)
            assert err == ""
    if code == 0:
        with pytest.raises(SystemExit) as ended:
            main(["verify", "--database", url])
        assert ended.value.code == 0


class Pruned(History):
    """A random history with prunes. Rows from before the time of the last prune are not compared with the model."""

    @stateful.rule(back=st.integers(0, 6), minutes=st.sampled_from([-30, 0, 30]))
    def prune(self, back, minutes):
        time = min(
            self.model.runs[-1 - min(back, len(self.model.runs) - 1)].time + timedelta(minutes=minutes), self.now
        )
        with database.reading(self.engine) as connection:
            planned = would_prune(connection, PruneRequest("default", time))
        assert planned == prune(self.engine, PruneRequest("default", time), lease_seconds=60, clock=lambda: self.now)
        self._compare()

    def _compare(self):
        with database.reading(self.engine) as connection:
            self.since = connection.scalar(sa.select(accounts.c.pruned_before)) or History.since
            assert verify_history(connection).breaches == []
        super()._compare()


@pytest.mark.slow
def test_every_random_history_pruned_at_any_time_agrees_with_the_model(engine):
    with Simulator(Fleet()) as simulator:
        stateful.run_state_machine_as_test(
            type("Machine", (Pruned,), {"engine": engine, "simulator": simulator}),
            settings=random_histories(40, stateful_step_count=12),
        )
