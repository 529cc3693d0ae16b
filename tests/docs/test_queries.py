"""Each question of docs/queries.md: its SQL, the same on both backends, gives the expected rows.

The expected rows are computed in plain Python, from the items that the simulated fleet sent to each run (see
`support.watched`). The answers to some questions are a lower and an upper bound. For the questions in TRUTHS, the true
value is computed from the true lives of the instances, and must lie between the bounds.
"""

import os
import pwd
import re
import socket
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from urllib.parse import urlsplit

import pytest

from inventory.history.accounts import retire
from inventory.history.prune import PruneRequest, prune
from inventory.simulator import Status, on_page
from inventory.store import database
from support.asking import asking
from support.questions import PAGE, SECTIONS, SQL
from support.watched import EVERY, HOUR, REASONS, gpus, hours
from support.world import hour

pytestmark = pytest.mark.slow

BY_DAYS_OF_THE_SESSION = {"How large was the fleet at each day's peak?"}
ANSWERS = {}
TRUTHS = {}
DAY = timedelta(days=1)


def answers(question):
    """Return a decorator that registers a function in ANSWERS, under this question.

    The function takes a Watch and returns the rows that the SQL of the question must give: a list of tuples if their
    order matters, else a set.
    """
    return lambda function: ANSWERS.setdefault(question, function)


def bounds(question):
    """Return a decorator that registers a function in TRUTHS, under this question.

    The function takes a Watch and returns the true values, as a dict. The key of a value is a row of the answer without
    its last two columns. These two are a lower and an upper bound, between which the value must lie.
    """
    return lambda function: TRUTHS.setdefault(question, function)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def plain(value):
    """Return a value from the driver of either backend in the form that the expected rows have."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", value):
        return utc(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


def rows_of(result):
    return [tuple(map(plain, row)) for row in result]


def in_order(rows):
    return sorted(rows, key=lambda row: [str(value) for value in row if not isinstance(value, float)])


def same(answer, expected):
    """Assert that two answers have the same rows, and at least one. If `expected` is a list, the order matters too.

    Floats may differ by 0.005: the SQL of some questions counts whole seconds.
    """
    assert expected, "an answer without rows shows nothing"
    if not isinstance(expected, list):
        answer, expected = in_order(answer), in_order(expected)
    assert len(answer) == len(expected)
    for told, wanted in zip(answer, expected, strict=True):
        assert told == tuple(pytest.approx(value, abs=0.005) if isinstance(value, float) else value for value in wanted)


# -- The questions


@pytest.mark.parametrize("question", SQL)
def test_a_question_has_the_answer_that_follows_from_the_truth(question, watch):
    (statement,) = SQL[question]
    with asking(watch.url, "UTC") as connection:
        answer = rows_of(connection.exec_driver_sql(statement))
    same(answer, ANSWERS[question](watch))
    if question in TRUTHS:
        true = TRUTHS[question](watch)
        assert {row[:-2] for row in answer} >= set(true)
        for *of, low, high in answer:
            really = true.get(tuple(of), 0)
            slack = 1e-3 * really + 0.02  # hours: the fleet changes during a run, which takes some seconds
            assert low - slack <= really <= high + slack, of


@pytest.mark.parametrize("backend", ["postgresql"])
@pytest.mark.parametrize("question", [question for question in SQL if question not in BY_DAYS_OF_THE_SESSION])
def test_the_time_zone_of_a_session_changes_no_answer_but_where_the_page_says_so(question, watch):
    (statement,) = SQL[question]
    for zone in ("Asia/Kathmandu", "America/St_Johns"):  # clocks in St. John's changed on 8 March
        with asking(watch.url, zone) as connection:
            same(rows_of(connection.exec_driver_sql(statement)), ANSWERS[question](watch))


@pytest.mark.parametrize("question", SQL)
def test_the_sqlite3_module_alone_gives_the_same_answer(question, watched_sqlite):
    (statement,) = SQL[question]
    with closing(sqlite3.connect(watched_sqlite.url.removeprefix("sqlite:///"))) as connection:
        same(rows_of(connection.execute(statement)), ANSWERS[question](watched_sqlite))


def test_every_question_has_one_statement_one_answer_and_a_word_on_what_it_means():
    assert len(SQL) >= 20
    assert set(SQL) == set(ANSWERS) >= set(TRUTHS)
    assert PAGE.count("```sql") == len(SQL)
    assert all(question in PAGE.partition("\n## ")[0] for question in BY_DAYS_OF_THE_SESSION)
    for question, text in SECTIONS.items():
        assert question.endswith("?")
        assert len(SQL[question]) == 1
        assert 1 <= text.partition("```sql")[0].strip().count("\n") + 1 <= 4
    assert "%" not in "".join(statement for (statement,) in SQL.values())  # drivers take % as a parameter
    assert not re.search(r"[^\d'\w]:\w", "".join(statement for (statement,) in SQL.values()))  # and :name


# -- Who


@answers("Who created the machines that were live last Friday night?")
def _(watch):
    return grouped_gpus(watch, lambda each: each.at(utc("2026-03-06 22:00")))


def grouped_gpus(watch, item_of):
    """Return a set of tuples: account, creator, number of episodes, sum of their GPUs.

    `item_of` takes an episode. If it returns an item, the episode counts, with the GPUs of this item.
    """
    found = defaultdict(list)
    for each in watch.episodes:
        if item := item_of(each):
            found[each.account, each.creator].append(gpus(item))
    return {(*of, len(numbers), sum(numbers)) for of, numbers in found.items()}


@answers("Who created how many machines that week?")
def _(watch):
    week = utc("2026-03-02"), utc("2026-03-09")
    return grouped_gpus(
        watch, lambda each: each.unseen and week[0] < each.seen.started <= week[1] and each.versions[-1].item
    )


@answers("Who has the most GPUs now, and the oldest machine since when?")
def _(watch):
    oldest = defaultdict(list)
    for each in watch.episodes:
        if not each.gone:
            oldest[each.account, each.creator].append(each.seen.started)
    counted = grouped_gpus(watch, lambda each: not each.gone and each.item)
    return {(*row, min(oldest[row[:2]])) for row in counted}


@answers("Which live machines have no known creator?")
def _(watch):
    return {
        (each.account, each.id, each.item["instance_type"], each.item["region"], each.seen.started, each.low)
        for each in watch.episodes
        if not each.gone and each.creator is None
    }


@answers("How many GPUs did each creator have at once, at most?")
def _(watch):
    most = Counter()
    for run in watch.runs:
        now = Counter()
        for each in watch.episodes:
            if each.account == run.account and each.at(run.started):
                now[each.account, each.creator] += each.gpus
        most |= now
    return {(*of, number) for of, number in most.items()}


# -- When


@answers("Which machines are more than seven days old?")
def _(watch):
    rows = [
        (
            each.account,
            each.id,
            each.creator,
            each.item["instance_type"],
            each.item["region"],
            each.seen.started,
            each.low,
        )
        for each in watch.episodes
        if not each.gone and each.low > 168
    ]
    assert all(max(life.born for life in watch.lives if life.id == row[1]) < row[5] + HOUR for row in rows)
    return set(rows)


@answers("Which machines lived for less than three hours?")
def _(watch):
    short = [each for each in watch.episodes if each.high is not None and each.high < 3]
    assert all(each.lives[-1].died - each.lives[0].born < 3 * HOUR for each in short)
    return {
        (each.account, each.id, each.creator, each.item["instance_type"], each.seen.started, each.low, each.high)
        for each in short
    }


MEDIAN = "What is the median life of a machine?"


def lived(watch, hours_of):
    """Return a dict of medians of `hours_of(episode)`.

    An episode counts only if the upper bound of its length is known. A key is a tuple: account, instance type, number
    of episodes. Of two values in the middle, the lower one counts.
    """
    found = defaultdict(list)
    for each in watch.episodes:
        if each.high is not None:
            found[each.account, each.item["instance_type"]].append(hours_of(each))
    return {(*of, len(values)): sorted(values)[(len(values) - 1) // 2] for of, values in found.items()}


@answers(MEDIAN)
def _(watch):
    low, high = lived(watch, lambda each: each.low), lived(watch, lambda each: each.high)
    return {(*of, low[of], high[of]) for of in low}


@bounds(MEDIAN)
def _(watch):
    return lived(watch, lambda each: hours(each.lives[-1].died - each.lives[0].born))


READY = "How long from first sight to ready?"


def became_ready(watch, hours_of):
    """Return a dict of means of `hours_of(episode, ready)`. `ready` is the first run that saw the status `ready`.

    An episode counts if it began after the account's first complete run and was seen `ready`. A key is a tuple:
    account, instance type, number of episodes.
    """
    found = defaultdict(list)
    for each in watch.episodes:
        ready = [version.since for version in each.versions if version.item["status"] == "ready"]
        if each.unseen and ready:
            found[each.account, each.item["instance_type"]].append(hours_of(each, ready[0]))
    return {(*of, len(values)): sum(values) / len(values) for of, values in found.items()}


@answers(READY)
def _(watch):
    def low(each, ready):
        before = max(run.started for run in watch.of(each.account) if run.complete and run.started < ready.started)
        return max(0.0, hours(before - each.seen.started))

    least = became_ready(watch, low)
    most = became_ready(watch, lambda each, ready: hours(ready.started - each.unseen.started))
    return {(*of, least[of], most[of]) for of in least}


@bounds(READY)
def _(watch):
    def true(each, _):
        life = each.lives[0]
        return hours(min(since for since, item in life.changes if item["status"] == "ready") - life.born)

    return became_ready(watch, true)


BACK = "Which machines came back after they had vanished, and how long were they away?"


def returns(watch):
    of = {(each.account, each.id, each.number): each for each in watch.episodes}
    return [(of[account, id_, number - 1], each) for (account, id_, number), each in of.items() if number > 1]


@answers(BACK)
def _(watch):
    return {
        (
            *(back.account, back.id, back.number, gone.gone.started, back.seen.started),
            hours(back.unseen.started - gone.gone.started),
            hours(back.seen.started - gone.last.started),
        )
        for gone, back in returns(watch)
    }


@bounds(BACK)
def _(watch):
    return {
        (back.account, back.id, back.number, gone.gone.started, back.seen.started): hours(
            back.lives[0].born - gone.lives[-1].died
        )
        for gone, back in returns(watch)
    }


# -- How much

WEEKLY = "How many GPU hours did each creator use per week, at least and at most?"
WEEKS = [utc("2026-03-02"), utc("2026-03-09")]


def by_week(watch, *spans_of):
    """Return a dictionary from (week, account, creator) to a list of GPU hours.

    The list has one number for each function in `spans_of`. The function takes an episode and returns the spans of time
    that count, as pairs of their begin and end. A week is given by the date of its Monday, as text.
    """
    sums = defaultdict(lambda: [0.0] * len(spans_of))
    for each in watch.episodes:
        for week in WEEKS:
            for place, spans in enumerate(spans_of):
                for begin, end in spans(each):
                    inside = min(end, week + 7 * DAY) - max(begin, week)
                    if inside > timedelta():
                        sums[week.date().isoformat(), each.account, each.creator][place] += each.gpus * hours(inside)
    return sums


@answers(WEEKLY)
def _(watch):
    def low(each):
        return [(each.seen.started, each.last.started)]

    def high(each):
        last = max(watch.last(each.account).started, each.last.started)
        return [((each.unseen or each.seen).started, each.gone.started if each.gone else last)]

    return {(*of, *sums) for of, sums in by_week(watch, low, high).items()}


@bounds(WEEKLY)
def _(watch):
    def true(each):
        first, last = watch.first(each.account).started, watch.last(each.account).started
        return [(max(life.born, first), min(life.died or last, last)) for life in each.lives]

    return {of: value for of, (value,) in by_week(watch, true).items()}


@answers("How many GPU hours per month and region?")
def _(watch):
    found = defaultdict(lambda: [0.0, 0.0])
    for each in watch.episodes:
        sums = found["2026-03-01", each.account, each.item["region"]]
        sums[0] += each.low
        sums[1] += each.low * each.gpus
    return {(*of, *sums) for of, sums in found.items()}


@answers("How large was the fleet at each day's peak?")
def _(watch):
    peaks = {}
    for run in watch.runs:
        of = (run.started.date().isoformat(), run.account)
        if run.complete and len(run.told) > len(peaks[of].told if of in peaks else ()):
            peaks[of] = run
    return {
        (*of, run.started, len(run.told), sum(each.gpus for each in there(watch, run.account, run.started)))
        for of, run in peaks.items()
    }


def there(watch, account, moment):
    return [each for each in watch.episodes if each.account == account and each.at(moment)]


@answers("How many hours do machines spend in each status?")
def _(watch):
    found = defaultdict(lambda: [0, 0.0, 0.0])
    for each in watch.episodes:
        for version in each.versions:
            until = version.until if version.changed else each.last
            span = hours(until.started - version.since.started)
            sums = found[each.account, version.item["status"]]
            sums[:] = sums[0] + 1, sums[1] + span, sums[2] + span * gpus(version.item)
    return {(*of, *sums) for of, sums in found.items()}


# -- What changed


@answers("Which machines changed their address?")
def _(watch):
    found = [
        (each, {version.item["ip"] for version in each.versions if "ip" in version.item}) for each in watch.episodes
    ]
    for each, ips in found:
        assert ips <= {item.get("ip") for life in each.lives for _, item in life.changes}
    return {(each.account, each.id, each.number, len(ips)) for each, ips in found if len(ips) > 1}


@answers("What differs between two moments?")
def _(watch):
    then, now = (
        {
            (each.account, each.id): item["status"]
            for each in watch.episodes
            if (item := each.at(utc(f"2026-03-{day} 08:00")))
        }
        for day in ("09", "10")
    )
    return {(*of, then.get(of), now.get(of)) for of in then | now if then.get(of) != now.get(of)}


@answers("How much comes and goes in each region?")
def _(watch):
    found = defaultdict(lambda: [0, 0, 0])
    for at, account, event, _, item, run in events(watch):
        known = any(earlier.complete and earlier.started < run.started for earlier in watch.of(account))
        if event != "changed" and known and utc("2026-03-02") < at <= utc("2026-03-09"):
            found[account, item["region"]][["appeared", "reappeared", "vanished"].index(event)] += 1
    return {(*of, *counts) for of, counts in found.items()}


def events(watch):
    """Yield each event that the runs recorded, as a tuple: time, account, event, id, item, run."""
    for each in watch.episodes:
        opened = ["appeared" if each.number == 1 else "reappeared"] + ["changed"] * (len(each.versions) - 1)
        for event, version in zip(opened, each.versions, strict=True):
            yield version.since.started, each.account, event, each.id, version.item, version.since
        if each.gone:
            yield each.gone.started, each.account, "vanished", each.id, each.item, each.gone


@answers("Which machines change their status most often?")
def _(watch):
    changes = Counter()
    for each in watch.episodes:
        for old, new in pairwise(each.versions):
            changes[each.account, each.id] += old.item["status"] != new.item["status"]
    return sorted(((*of, number) for of, number in changes.items()), key=lambda row: (-row[2], row[:2]))[:10]


@answers("What happened in the last 24 hours of the record?")
def _(watch):
    return {
        (at, account, event, id_, item["status"])
        for at, account, event, id_, item, _ in events(watch)
        if at > watch.last(account).started - DAY
    }


# -- How far to trust the record


def gaps(watch):
    """Yield each gap as a tuple: account, start, end, hours, number of runs in it.

    A gap lies between two neighbouring complete runs. The time between them is a gap if an incomplete run lies in it,
    or if it is longer than two intervals of the schedule.
    """
    for account, every in EVERY.items():
        runs = watch.of(account)
        complete = [run for run in runs if run.complete]
        for one, two in pairwise(complete):
            failed = sum(one.started < run.started < two.started for run in runs)
            if failed or two.started - one.started > 2 * every * HOUR:
                yield account, one.started, two.started, hours(two.started - one.started), failed


@answers("What vanished while nobody watched?")
def _(watch):
    spans = list(gaps(watch))
    found = {
        (each.account, each.id, each.creator, each.last.started, each.gone.started, span, failed)
        for each in watch.episodes
        for account, _, end, span, failed in spans
        if each.gone and (account, end) == (each.account, each.gone.started)
    }
    assert {row[0] for row in found} == set(EVERY)
    return found


@answers("How much of March do we know?")
def _(watch):
    return set(observed(watch))


def observed(watch):
    """Yield a tuple for each account: how much of March is observed.

    Only the days from the account's first complete run on count. The tuple has the account, the number of these days,
    the share of them that is observed, the observed hours, the length in hours of the longest interval between
    neighbouring complete runs, the number of complete runs, and the number of other runs.
    """
    ends = {(account, end) for account, _, end, *_ in gaps(watch)}
    for account in EVERY:
        runs = watch.of(account)
        times = [run.started for run in runs if run.complete]
        known = sum(hours(two - one) for one, two in pairwise(times) if (account, two) not in ends)
        days = 31 - times[0].day + 1
        longest = max(hours(two - one) for one, two in pairwise(times))
        yield account, days, known / 24 / days, known, longest, len(times), len(runs) - len(times)


@answers("Which were the longest gaps?")
def _(watch):
    return sorted(gaps(watch), key=lambda row: (-row[3], *row[:2]))[:10]


@answers("How often do runs fail, and why?")
def _(watch):
    found = defaultdict(list)
    for run in watch.runs:
        found[run.account, run.status, run.code].append(run.started)
    return {(*of, len(times), min(times), max(times)) for of, times in found.items()}


@answers("What is missing, but not proven gone?")
def _(watch):
    missing = [each for each in watch.episodes if each.missing]
    assert all(each.lives[-1].died for each in missing)  # they are gone, though nobody could prove it
    return {
        (
            *(each.account, each.id, each.item["instance_type"], each.item["region"]),
            *(each.item.get("creator_user_nickname"), each.missing.started, each.last.started, False),
        )
        for each in missing
    }


@answers("Who accepted the disappearance of 12 March, and why?")
def _(watch):
    user = pwd.getpwuid(os.geteuid()).pw_name
    actor = f"{user} (uid {os.geteuid()}) on {socket.gethostname()}"
    if not watch.url.startswith("sqlite"):
        actor += f", PostgreSQL user {urlsplit(watch.url).username}"
    found = {
        (
            *(each.gone.accepted, each.account, actor, REASONS[each.account]),
            *(each.id, each.creator, each.last.started, each.gone.started),
        )
        for each in watch.episodes
        if each.gone and each.gone.accepted
    }
    assert {row[3] for row in found} == set(REASONS.values())
    return found


@answers("How exactly are the hours known?")
def _(watch):
    found = defaultdict(list)
    for each in watch.episodes:
        if each.high is not None:
            found[each.account].append((each.low, each.high))
    return {
        (account, len(of), sum(low for low, _ in of), sum(high for _, high in of), max(high - low for low, high in of))
        for account, of in found.items()
    }


@answers("Do the runs' counts agree with the log of events?")
def _(watch):
    counts = Counter((account, event) for _, account, event, *_ in events(watch))
    return {
        (account, *(counts[account, event] for event in ("appeared", "reappeared", "vanished") for _ in range(2)))
        for account in EVERY
    }


# -- Cases that do not occur in the watch


def ask(world, question, *literals):
    """Return the answer to a question as a list of tuples. `literals` are pairs: a text in the SQL, its replacement."""
    (statement,) = SQL[question]
    for old, new in literals:
        statement = statement.replace(old, new)
    with database.reading(world.engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL TIME ZONE 'UTC'")
        return rows_of(connection.exec_driver_sql(statement))


def test_a_machine_without_a_status_at_two_moments_does_not_differ(world):
    world.put("a", "b", "c", status=None)
    for _ in range(3):
        world.run()
    world.put("b", status="ready")
    world.remove("c")
    world.put("d", status=None)
    world.run()
    moments = ("2026-03-09 08:00", "2026-03-06 02:30"), ("2026-03-10 08:00", "2026-03-06 04:30")
    answer = ask(world, "What differs between two moments?", *moments)
    assert answer == [("default", "b", None, "ready"), ("default", "c", None, None), ("default", "d", None, None)]


def test_the_most_gpus_of_a_creator_count_a_machine_with_the_gpus_that_it_then_had(world):
    world.put("a", instance_type="gpu_8x_h100_sxm5", creator_user_nickname="ada")
    world.run()
    world.put("a", instance_type="gpu_1x_h100_sxm5", creator_user_nickname="ada")
    world.put("b", instance_type="gpu_1x_h100_sxm5", creator_user_nickname="bob")
    world.run()
    world.put("b", instance_type="gpu_8x_h100_sxm5", creator_user_nickname="bob")
    world.run()
    answer = ask(world, "How many GPUs did each creator have at once, at most?")
    assert sorted(answer) == [("default", "ada", 8), ("default", "bob", 8)]


@pytest.mark.parametrize(
    "question",
    [
        "Who has the most GPUs now, and the oldest machine since when?",
        "Which live machines have no known creator?",
        "Which machines are more than seven days old?",
    ],
)
def test_the_machines_of_a_retired_account_are_not_there_now(question, world):
    for account in ("left", "default"):
        world.put("a")
        world.run(account=account)
        world.run(account=account, clock=lambda: hour(200 + world.runs))
    assert [row[0] for row in ask(world, question)] == ["default", "left"]
    retire(world.engine, "left", lease_seconds=60)
    assert [row[0] for row in ask(world, question)] == ["default"]


def test_short_lives_by_the_low_bound_are_only_those_that_ended(world):
    text = SECTIONS["Which machines lived for less than three hours?"]
    (condition,) = re.findall(r"`(hours_low < 3.*?)`", text)
    world.run()
    world.put("short", "there")
    world.run()
    world.runs += 3  # no run for three hours: nobody knows whether "short" was there for so long
    world.remove("short")
    world.run()
    world.put("new")
    world.run()
    assert world.rows(f"SELECT instance_id FROM instance_episodes WHERE {condition}") == [("short",)]


def test_an_end_in_a_gap_may_be_known_better_than_the_length_of_the_gap(world):
    world.put("a", "b", "c")
    world.run(page_size=2)
    world.put("a", status="stopped")
    world.faults.add(Status(500), when=on_page(2), times=None)
    assert world.run(page_size=2).status == "partial"
    world.faults.clear()
    world.remove("a", "b")
    world.run(page_size=2)
    answer = {row[1]: row[3:6] for row in ask(world, "What vanished while nobody watched?")}
    assert answer == {"a": (hour(2), hour(3), 2.0), "b": (hour(1), hour(3), 2.0)}


def test_an_account_without_a_complete_run_has_no_row_in_how_much_is_known(world):
    world.run()
    world.faults.add(Status(500), times=None)
    world.run(account="never")
    assert [row[0] for row in ask(world, "How much of March do we know?")] == ["default"]


def test_a_day_on_which_no_run_saw_a_machine_has_a_peak_of_zero(world):
    world.run()
    assert ask(world, "How large was the fleet at each day's peak?") == [("2026-03-06", "default", hour(1), 0, 0)]


def test_how_long_to_ready_leaves_out_what_appeared_before_the_last_prune(world):
    world.run()
    for id_ in ("a", "b"):  # they appear at 2 and 7 o'clock, and are ready three hours later
        for status in ("provisioning", "provisioning", "provisioning", "ready", "stopped"):
            world.put(id_, status=status)
            world.run()
    question = "How long from first sight to ready?"
    assert ask(world, question) == [("default", "gpu_8x_h100_sxm5", 2, 2.0, 4.0)]
    prune(world.engine, PruneRequest("default", hour(7)), lease_seconds=60)
    assert ask(world, question) == [("default", "gpu_8x_h100_sxm5", 1, 2.0, 4.0)]
    prune(world.engine, PruneRequest("default", hour(11)), lease_seconds=60)
    assert ask(world, question) == []
