"""When a run is due: by an interval, or by a cron expression, with the meaning that it has for cron."""

from datetime import UTC, datetime, timedelta

import pytest

from inventory.config.timetable import Cron, Every

FRIDAY = datetime(2026, 3, 6, 9, tzinfo=UTC)
DAY = 86_400


def fires(expression, number, after=FRIDAY):
    cron, found = Cron(expression), []
    for _ in range(number):
        after = cron.after(after)
        found.append(f"{after:%a %d %b %H:%M}")
    return found


@pytest.mark.medium
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("*/15 * * * *", ["Fri 06 Mar 09:15", "Fri 06 Mar 09:30", "Fri 06 Mar 09:45"]),
        ("0 9 * * 1-5", ["Mon 09 Mar 09:00", "Tue 10 Mar 09:00", "Wed 11 Mar 09:00"]),
        ("0 9 * * mon-fri", ["Mon 09 Mar 09:00", "Tue 10 Mar 09:00", "Wed 11 Mar 09:00"]),
        ("0 9 * * 0", ["Sun 08 Mar 09:00", "Sun 15 Mar 09:00", "Sun 22 Mar 09:00"]),
        ("0 9 * * 7", ["Sun 08 Mar 09:00", "Sun 15 Mar 09:00", "Sun 22 Mar 09:00"]),
        ("0 9 * * 6,0", ["Sat 07 Mar 09:00", "Sun 08 Mar 09:00", "Sat 14 Mar 09:00"]),
        ("0 9 * * 5-7", ["Sat 07 Mar 09:00", "Sun 08 Mar 09:00", "Fri 13 Mar 09:00"]),
        ("0 9 * * SAT-MON", ["Sat 07 Mar 09:00", "Sun 08 Mar 09:00", "Mon 09 Mar 09:00"]),
        ("0 9 * * 1,7/4", ["Sun 08 Mar 09:00", "Mon 09 Mar 09:00", "Thu 12 Mar 09:00"]),
        ("0 9 * * */3", ["Sat 07 Mar 09:00", "Sun 08 Mar 09:00", "Wed 11 Mar 09:00"]),
        ("0 0 13 * 5", ["Fri 13 Mar 00:00", "Fri 20 Mar 00:00", "Fri 27 Mar 00:00"]),
        ("0 0 10 * 2", ["Tue 10 Mar 00:00", "Tue 17 Mar 00:00", "Tue 24 Mar 00:00"]),
        ("0 0 8 * */2", ["Sun 08 Mar 00:00", "Sat 08 Aug 00:00"]),
        ("30 2 1,15 jan-mar *", ["Sun 15 Mar 02:30", "Fri 01 Jan 02:30", "Fri 15 Jan 02:30"]),
        ("0 0 29 2 *", ["Tue 29 Feb 00:00", "Sun 29 Feb 00:00"]),
        ("0 0 30 2 mon", ["Mon 01 Feb 00:00", "Mon 08 Feb 00:00"]),
    ],
)
def test_a_cron_expression_means_what_it_means_to_cron(expression, expected):
    assert fires(expression, len(expected)) == expected


@pytest.mark.medium
@pytest.mark.parametrize(
    "expression",
    [
        "", "* * * *", "* * * * * *", "61 * * * *", "* 24 * * *", "a * * * *", "*/0 * * * *", "5-1 * * * *",
        "* * * * 8", "* * * * fry", "* * * * 1-", "* * 0 * *", "* * * 13 *", "@hourly", "0 0 31 2 *",
    ],
)  # fmt: skip
def test_an_invalid_cron_expression_or_one_that_never_fires_is_refused(expression):
    with pytest.raises(ValueError, match=r"\w"):
        Cron(expression)


@pytest.mark.parametrize(
    ("expression", "time", "expected"),
    [
        ("*/5 * * * *", FRIDAY, 300),
        ("*/5 * * * *", FRIDAY + timedelta(minutes=4), 300),
        ("0 9 * * *", FRIDAY + timedelta(seconds=3), DAY),
        ("0 9 * * 1-5", FRIDAY, 3 * DAY),  # Friday: the next fire time is on Monday
        ("0 9 * * 1-5", FRIDAY + timedelta(days=3), 3 * DAY),  # Monday: the previous fire time was on Friday
        ("0 9 * * 1-5", FRIDAY + timedelta(days=4), DAY),
        ("0 9 1 * *", FRIDAY, 31 * DAY),
        ("0 0 29 2 *", FRIDAY, 1461 * DAY),
    ],
)
def test_the_interval_of_a_cron_run_is_the_longer_gap_to_the_next_or_previous_fire_time(expression, time, expected):
    assert Cron(expression).interval(time) == expected


def test_the_next_run_is_due_at_the_first_fire_time_after_the_last_attempt():
    cron = Cron("0 9 * * *")
    assert cron.left(FRIDAY, FRIDAY + timedelta(hours=1)) == 23 * 3600
    assert cron.left(FRIDAY - timedelta(seconds=1), FRIDAY + timedelta(hours=1)) == -3600
    assert cron.left(FRIDAY - timedelta(days=9), FRIDAY) == -8 * DAY  # many were missed: one run is due


@pytest.mark.medium
def test_an_interval_counts_from_the_last_attempt():
    every = Every(timedelta(minutes=5))
    assert every.left(FRIDAY, FRIDAY) == 300
    assert every.left(FRIDAY, FRIDAY + timedelta(minutes=5)) == 0
    assert every.left(FRIDAY, FRIDAY + timedelta(days=1)) == 300 - DAY
    assert every.interval(FRIDAY) == 300
