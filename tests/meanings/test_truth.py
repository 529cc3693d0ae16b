"""Compare the views of two simulated weeks with what the fleet really did."""

from collections import Counter, defaultdict
from datetime import timedelta

import pytest
import sqlalchemy as sa

from inventory.store.tables import UTCDateTime
from support.asking import asking
from support.marks import rule
from support.watched import EVERY, alive, gpus, hours

pytestmark = pytest.mark.slow

TIMES = ("appeared_after", "appeared_at", "last_seen_at", "vanished_at", "changed_at", "occurred_at")


@pytest.fixture
def rows(watch):
    """Yield a function that returns the rows of a query. It converts columns named in TIMES to datetimes in UTC."""
    with asking(watch.url) as connection:

        def query(sql):
            types = {name: UTCDateTime() for name in TIMES}
            return list(connection.execute(sa.text(sql).columns(**types)))

        yield query


@pytest.fixture
def presences(watch):
    """Return a dict from (account, instance id) to a list of groups. A group is a list of lives of the instance.

    The lives are objects of the simulator's class `Life`. The runs of the account cannot tell the lives of one group
    apart: two successive lives are in one group if no complete run both started and ended between them. Groups and
    lives are in order of time.
    """
    found = {}
    for account in EVERY:
        complete = [run for run in watch.of(account) if run.complete]
        for life in watch.lives:
            before = found.setdefault((account, life.id), [])
            gone = before[-1][-1].died if before else None
            if before and not any(gone <= run.started and run.ended < life.born for run in complete):
                before[-1].append(life)
            else:
                before.append([life])
    return found


@pytest.fixture
def matched(watch, rows, presences):
    """Return a list with a tuple for each row of `instance_episodes`.

    A tuple holds the row, the group in `presences` that the row stands for, and a dict of all runs: from (account,
    start) to the run. The dict is the same in each tuple.
    """
    runs = {(run.account, run.started): run for run in watch.runs}
    pairs = []
    for row in rows("SELECT * FROM instance_episodes ORDER BY account, instance_id, episode"):
        first, last = runs[row.account, row.appeared_at], runs[row.account, row.last_seen_at]
        (lives,) = [
            lives
            for lives in presences[row.account, row.instance_id]
            if lives[0].born <= first.ended and (lives[-1].died is None or lives[-1].died > last.started)
        ]
        pairs.append((row, lives, runs))
    return pairs


def test_the_two_weeks_have_every_kind_of_fault(watch):
    """Check that the simulated weeks have the faults that the other tests of this file need."""
    for account, count in (("research", 333), ("production", 28)):
        assert len(watch.of(account)) == count
    kinds = Counter((run.account, run.status, run.code) for run in watch.runs)
    assert kinds["research", "partial", "server_error"] == 1
    assert kinds["research", "failed", "server_error"] == 6
    assert kinds["research", "succeeded", "server_error"] == 2
    assert kinds["production", "succeeded", "server_error"] == 1
    assert sum(run.accepted is not None for run in watch.runs) == 2
    assert kinds["production", "failed", "server_error"] == 1
    assert sum(episode.missing is not None for episode in watch.episodes) >= 1
    assert sum(episode.number > 1 for episode in watch.episodes) > 5
    moved = [event for life in watch.lives for event in (life.born, life.died, *(since for since, _ in life.changes))]
    during = [at for at in moved if at and any(run.started < at <= run.ended for run in watch.runs)]
    assert len(during) >= 3  # the fleet changed during a run


def test_every_item_that_a_run_received_was_true_during_the_run(watch):
    for run in watch.runs:
        true = defaultdict(list)
        for life in watch.lives:
            if life.born <= run.ended and (life.died is None or life.died > run.started):
                ends = [since for since, _ in life.changes[1:]] + [life.died or run.ended + timedelta(1)]
                true[life.id] += [
                    item
                    for (since, item), until in zip(life.changes, ends, strict=True)
                    if since <= run.ended and until > run.started
                ]
        for id_, item in run.told.items():
            assert item in true[id_]


def test_a_run_receives_every_instance_but_those_that_a_walk_skips_before_they_are_known(watch):
    assert any(watch.skipped(account) for account in EVERY)
    for account in EVERY:
        skipped = watch.skipped(account)
        assert len(skipped) <= 3
        for id_, started in skipped:
            (run,) = [run for run in watch.of(account) if run.started == started]
            assert any(life.died and run.started < life.died <= run.ended for life in watch.lives)
            assert not any(id_ in earlier.told for earlier in watch.of(account) if earlier.started < started)


@rule("times-are-bounds")
def test_births_and_deaths_lie_in_the_intervals_of_their_episodes(watch, matched):
    assert len(matched) > 500
    skipped = {account: watch.skipped(account) for account in EVERY}
    for row, lives, runs in matched:
        born, died = lives[0].born, lives[-1].died
        if (row.instance_id, row.appeared_after) not in skipped[row.account]:
            assert row.appeared_after is None or row.appeared_after < born
        assert born <= runs[row.account, row.appeared_at].ended
        assert died is None or died > row.last_seen_at
        if row.vanished_at is not None:
            assert died <= runs[row.account, row.vanished_at].ended
        elif died is not None:  # the instance died after the last complete run began, or is missing
            assert died > watch.last(row.account).started or row.last_seen_at < watch.last(row.account).started
    assert any(row.vanished_at is None and lives[-1].died for row, lives, _ in matched)


def test_no_presence_has_two_episodes_and_only_short_ones_have_none(watch, presences, matched):
    shown = Counter((row.account, lives[0].id, lives[0].born) for row, lives, _ in matched)
    assert set(shown.values()) == {1}
    for (account, id_), all_lives in presences.items():
        for lives in all_lives:
            if (account, id_, lives[0].born) in shown:
                continue
            for run in watch.of(account):
                seen = run.complete and any(alive(life, run.started, run.ended) for life in lives)
                assert not seen or (id_, run.started) in watch.skipped(account)


@rule("hours-follow-the-version")
def test_true_hours_lie_between_the_bounds(watch, matched):
    skipped = {account: watch.skipped(account) for account in EVERY}
    bounded = 0
    for row, lives, runs in matched:
        slack = [runs[row.account, at] for at in (row.appeared_at, row.vanished_at) if at]
        slack = sum(hours(run.ended - run.started) for run in slack)
        until = lives[-1].died or max(run.ended for run in runs.values())
        true = hours(until - lives[0].born)
        if (row.instance_id, row.appeared_after) in skipped[row.account]:
            continue
        assert row.hours_low <= true + slack
        assert row.gpu_hours_low == pytest.approx(row.hours_low * gpus(lives[-1].changes[-1][1]))
        if row.hours_high is not None:
            bounded += 1
            assert true <= row.hours_high + slack
            assert row.gpu_hours_high == pytest.approx(row.hours_high * gpus(lives[-1].changes[-1][1]))
    assert bounded > 300


@rule("created-before-watch")
def test_creators_are_credited_with_the_instances_that_they_created(rows, matched):
    first = {}
    for row, lives, _ in matched:
        first.setdefault((row.account, row.instance_id), (row, lives[0].creator))
    created, before = Counter(), Counter()
    for (account, _), (row, creator) in first.items():
        (before if row.appeared_after is None else created)[account, creator] += 1
    shown = rows("SELECT account, creator_user_nickname, instances_created, created_before_watch FROM creators")
    assert {(row[0], row[1]): row[2] for row in shown if row[2]} == created
    assert {(row[0], row[1]): row[3] for row in shown if row[3]} == before
    assert {name for _, name in created} >= {None, "mira", "nightly-batch"}


@rule("a-change-opens-a-version")
def test_changes_lie_after_the_run_that_saw_the_old_value_and_before_the_end_of_the_one_that_saw_the_new(
    watch, rows, presences
):
    runs = {(run.account, run.started): run for run in watch.runs}
    changes = rows("SELECT * FROM instance_field_changes")
    assert Counter(change.field for change in changes).keys() == {"status", "ip"}
    assert len(changes) > 500
    for change in changes:
        run = runs[change.account, change.changed_at]
        earlier = [each for each in watch.of(change.account) if each.complete and each.started < run.started][-1]
        values = [
            (since, item.get(change.field))
            for lives in presences[change.account, change.instance_id]
            for life in lives
            for since, item in life.changes
        ]
        became = [since for since, value in values if value == change.new_value and since <= run.ended]
        was = [since for since, value in values if value == change.old_value and since < max(became)]
        assert max(became) > earlier.started
        assert was


def test_the_events_are_the_starts_changes_and_ends_of_the_episodes(watch, rows):
    expected = Counter()
    for episode in watch.episodes:
        of = (episode.account, episode.id)
        expected[episode.seen.started, *of, "appeared" if episode.number == 1 else "reappeared"] += 1
        expected.update((version.since.started, *of, "changed") for version in episode.versions[1:])
        if episode.gone:
            expected[episode.gone.started, *of, "vanished"] += 1
    assert Counter(map(tuple, rows("SELECT occurred_at, account, instance_id, event FROM instance_events"))) == expected


@rule("hours-follow-the-version")
def test_the_hours_of_the_days_add_up_to_those_of_the_episodes_and_no_day_counts_too_many_instances(rows, watch):
    days = rows("SELECT account, sum(hours) AS hours, sum(gpu_hours) AS gpu_hours FROM fleet_daily GROUP BY account")
    low = rows("SELECT account, sum(hours_low), sum(gpu_hours_low) FROM instance_episodes GROUP BY account")
    assert {row[0]: row[1:] for row in days} == {row[0]: pytest.approx(row[1:]) for row in low}
    assert {row[0] for row in days} == set(EVERY)
    shown = rows("SELECT account, CAST(day AS text), sum(hours) FROM fleet_daily GROUP BY account, day")
    assert len(shown) == 2 * 14
    calm = 0
    for account, day, measured in shown:
        begin = watch.first(account).started.replace(hour=0, minute=0, second=0, microsecond=0)
        begin += timedelta(days=int(day[-2:]) - 2)
        end = begin + timedelta(days=1)
        true = sum(hours(max(min(life.died or end, end) - max(life.born, begin), timedelta())) for life in watch.lives)
        runs = [run for run in watch.of(account) if begin <= run.started < end]
        assert measured <= true + hours(len(watch.lives) * max(run.ended - run.started for run in runs))
        if sum(run.complete for run in runs) == 24:
            calm += 1
            assert measured >= 0.9 * true
    assert calm >= 8
