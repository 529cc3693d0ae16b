"""The commands that read the history: `list --at`, `show`, `changes`, `creators`, `status`.

The fixture `lived` gives most tests the same small history, as `live` records it. There is an hour between two runs;
the third run fails. The table shows what each run finds:

    hour     1               2               3        4         5                        6
    a        appears         status, ip                                                  (nothing new)
    b        appears                                  vanishes  returns in another region
    c                                                 appears   labels, status
"""

import csv
import io
import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta

import pytest
import sqlalchemy as sa

from inventory.cli import main
from inventory.simulator import Status, on_list
from inventory.store import database
from inventory.store.tables import accounts, sync_runs
from inventory.times import brief
from support.marks import rule
from support.world import BEGIN, hour

READING = (
    ("list", "--at", "1h"), ("show", "a"), ("changes",), ("creators",), ("creators", "--since", "1h"), ("status",),
)  # fmt: skip


def live(world):
    world.put("a", status="pending", creator_user_nickname="ada")
    world.put("b", instance_type="gpu_1x_h100_sxm5", creator_user_nickname="grace")
    world.run()
    world.put("a", ip="192.0.2.1", creator_user_nickname="ada")
    world.run()
    world.faults.add(Status(503), when=on_list, times=None)
    world.run()
    world.faults.clear()
    world.remove("b")
    world.put("c", creator_user_nickname="ada")
    world.run()
    world.put("b", instance_type="gpu_1x_h100_sxm5", region="eu-north", creator_user_nickname="grace")
    world.put("c", creator_user_nickname="ada", status="stopped", labels={"team": "x"})
    world.run()
    world.run()


@pytest.fixture
def ask(database_url, capsys):
    """Return a function that runs a command in this process and returns its stdout and stderr."""

    def command(*words, expect=0):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*words, "--database", database_url])
        out, err = capsys.readouterr()
        assert ended.value.code == expect, err + out
        assert "Traceback" not in err
        return out, err

    return command


@pytest.fixture
def rows(ask):
    """Return a function that runs a command with `--format json` and returns its list of rows.

    The list is the value of the only key of the printed object.
    """

    def command(*words, key=None, expect=0):
        found = json.loads(ask(*words, "--format", "json", expect=expect)[0])
        (name,) = found
        assert name == (key or {"list": "instances", "show": "instances", "status": "accounts"}.get(words[0], words[0]))
        return found[name]

    return command


@pytest.fixture
def now(monkeypatch):
    """Set the clock of the database to 06:15, and return a function that sets it to another time."""

    def set_to(at):
        monkeypatch.setattr(database, "now", lambda _connection, clock=None: clock() if clock else at)

    set_to(hour(6.25))
    return set_to


def iso(number):
    return hour(number).isoformat().replace("+00:00", "Z")


def csv_rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def alter(lived, statement):
    with database.writing(lived.engine) as connection:
        connection.execute(statement)


# list --at


@pytest.mark.medium
@rule("the-fleet-at-a-time")
@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (1, {("a", "pending", "us-west", None, 1), ("b", "ready", "us-west", None, 1)}),
        (1.99, {("a", "pending", "us-west", None, 1), ("b", "ready", "us-west", None, 1)}),
        (2, {("a", "ready", "us-west", "192.0.2.1", 1), ("b", "ready", "us-west", None, 1)}),
        (3.5, {("a", "ready", "us-west", "192.0.2.1", 1), ("b", "ready", "us-west", None, 1)}),
        (4, {("a", "ready", "us-west", "192.0.2.1", 1), ("c", "ready", "us-west", None, 1)}),
        (
            6,
            {
                ("a", "ready", "us-west", "192.0.2.1", 1),
                ("b", "ready", "eu-north", None, 2),
                ("c", "stopped", "us-west", None, 1),
            },
        ),
    ],
)
@pytest.mark.usefixtures("lived")
def test_the_fleet_at_a_time_has_the_fields_of_that_time(rows, at, expected):
    found = rows("list", "--at", iso(at))
    assert {(row["instance_id"], row["status"], row["region"], row["ip"], row["episode"]) for row in found} == expected


@pytest.mark.medium
@rule("output-uses-column-names")
@pytest.mark.usefixtures("lived")
def test_the_fleet_at_a_time_has_the_same_columns_in_json_and_csv_with_or_without_rows(ask, rows):
    names = [
        "account", "instance_id", "instance_type", "gpu_count", "gpu_model", "region", "sector", "ip", "status",
        "creator_user_nickname", "extra", "valid_from", "valid_to", "episode",
    ]  # fmt: skip
    last = rows("list", "--at", iso(5.5))[-1]
    assert list(last) == names
    assert (last["valid_from"], last["valid_to"], last["extra"]) == (iso(5), None, {"labels": {"team": "x"}})
    for filter_, count in ((), 3), (("--region", "nowhere"), 0):
        out = ask("list", "--at", iso(5.5), "--format", "csv", *filter_)[0]
        assert out.splitlines()[0].split(",") == names
        assert len(csv_rows(out)) == count


@pytest.mark.medium
@rule("output-uses-column-names")
@pytest.mark.parametrize("words", [("runs", "--failed"), ("missing",)])
def test_csv_has_the_same_columns_with_or_without_rows(lived, ask, words):
    lived.run(account="other")
    lived.remove("a")
    lived.faults.add(Status(500), when=lambda request: request.path.endswith("/a"))
    lived.faults.add(Status(500), when=lambda request: request.page == 1, after=1)
    lived.run()
    some, none = (ask(*words, "--format", "csv", "--account", name)[0].splitlines() for name in ("default", "other"))
    assert len(some) > 1
    assert none == some[:1]


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        (("--creator", "ada"), {"a"}),
        (("--type", "gpu_1x_h100_sxm5"), {"b"}),
        (("--status", "pending"), {"a"}),
        (("--status", "stopped"), set()),
        (("--region", "us-west"), {"a", "b"}),
        (("--account", "default"), {"a", "b"}),
    ],
)
@pytest.mark.usefixtures("lived")
def test_filters_apply_to_the_fields_of_that_time(rows, filter_, expected):
    assert {row["instance_id"] for row in rows("list", "--at", iso(1), *filter_)} == expected


@pytest.mark.usefixtures("lived")
def test_one_line_names_the_complete_runs_before_and_after_the_time(ask):
    out, err = ask("list", "--at", iso(4.5))
    assert err == (
        "2026-03-06 04:30:00, account default: between the complete run 4 (2026-03-06 04:00:00) "
        "and run 5 (2026-03-06 05:00:00).\n"
    )
    assert [line.split()[1] for line in out.splitlines()[1:]] == ["a", "c"]
    assert "the very time of complete run 6" in ask("list", "--at", iso(6))[1]


@pytest.mark.medium
def test_a_time_in_a_gap_is_reported_as_such(lived, ask):
    err = ask("list", "--at", iso(3.5))[1]
    assert "in a gap of 2h between the complete run 2" in err
    assert "and run 4 (2026-03-06 04:00:00), with 1 failed run: what came and went there is not known." in err
    assert err.count("\n") == 1
    assert "gap" not in ask("list", "--at", iso(4))[1]
    lived.runs = 19
    lived.run(expected_seconds=3600)
    assert "in a gap of 14h between" in (err := ask("list", "--at", iso(10))[1])
    assert "no run, though one was due" in err


@pytest.mark.medium
@rule("the-fleet-at-a-time")
def test_a_time_outside_the_record_is_2_and_the_error_names_where_the_record_begins_or_ends(lived, ask):
    assert f"its first complete run was at {iso(1)}" in ask("list", "--at", iso(0.5), expect=2)[1]
    assert f"its last complete run was at {iso(6)}" in ask("list", "--at", iso(6.01), expect=2)[1]
    alter(lived, sa.update(accounts).values(pruned_before=hour(4)))
    err = ask("list", "--at", iso(3.9), expect=2)[1]
    assert f"`inventory prune` folded its history before {iso(4)}" in err
    assert err.count("\n") == 1
    ask("list", "--at", iso(4))


@pytest.mark.medium
def test_no_time_is_on_record_before_the_first_complete_run(world, ask):
    assert "no account was synced then" in ask("list", "--at", "1h", expect=2)[1]
    world.faults.add(Status(503), when=on_list, times=None)
    world.run()
    assert "has no complete run yet" in ask("list", "--at", "1h", expect=2)[1]


@pytest.mark.usefixtures("lived")
def test_at_and_all_exclude_each_other_and_an_invalid_time_is_refused(ask):
    assert "exclude each other" in ask("list", "--at", iso(1), "--all", expect=2)[1]
    for text in ("yesterday", "2026-13-01", "", "5", "-1h", "9" * 50 + "d", "0001-01-01T00:00+23:00"):
        assert ask("list", f"--at={text}", expect=2)[1].count("\n") == 1


@pytest.mark.medium
@pytest.mark.usefixtures("lived")
def test_times_may_be_relative_to_the_databases_clock_or_have_a_zone_and_are_shown_in_utc(ask, now):
    now(hour(6))
    for text in ("90m", "1h30m", "2026-03-06T10:15+05:45", "2026-03-06 04:30", "20260306T043000Z"):
        assert ask("list", "--at", text)[1].startswith("2026-03-06 04:30:00, account default")


@pytest.mark.medium
def test_a_retired_account_without_a_complete_run_keeps_no_other_from_being_listed(lived, ask):
    lived.faults.add(Status(401), times=None)
    lived.run(account="mistake")
    assert "'mistake' at" in ask("list", "--at", iso(4), expect=2)[1]
    alter(lived, sa.update(accounts).where(accounts.c.account == "mistake").values(retired_at=hour(7.2)))
    out, err = ask("list", "--at", iso(4))
    assert {line.split()[0] for line in out.splitlines()[1:]} == {"default"}
    assert "account mistake: not listed; it is retired, and has no complete run." in err
    assert "'mistake' at" in ask("list", "--at", iso(4), "--account", "mistake", expect=2)[1]


@pytest.mark.slow
def test_the_time_must_be_on_record_for_every_account_that_was_not_retired_before(lived, ask, rows):
    lived.run(account="second")
    lived.run(account="default")
    assert "'second'" in (err := ask("list", "--at", iso(4), expect=2)[1])
    assert "--account" in err
    assert {row["account"] for row in rows("list", "--at", iso(4), "--account", "default")} == {"default"}
    assert "'second'" in ask("list", "--at", iso(7.5), expect=2)[1]
    alter(lived, sa.update(accounts).where(accounts.c.account == "second").values(retired_at=hour(7.2)))
    out, err = ask("list", "--at", iso(7.5))
    assert {line.split()[0] for line in out.splitlines()[1:]} == {"default"}
    assert "account second: not listed; it is retired, and its last complete run was run 7" in err
    assert {row["account"] for row in rows("list", "--at", iso(7))} == {"default", "second"}
    ask("list", "--at", iso(7.5), "--account", "second", expect=2)
    alter(lived, sa.update(accounts).where(accounts.c.account == "second").values(pruned_before=hour(7.8)))
    assert {row["account"] for row in rows("list", "--at", iso(7.5))} == {"default"}


# show


@pytest.mark.usefixtures("lived")
def test_show_has_the_row_the_episodes_the_versions_the_events_and_the_changes(rows):
    (found,) = rows("show", "b")
    assert {name: found[name] for name in ("account", "instance_id", "presence", "region", "first_seen_at")} == {
        "account": "default", "instance_id": "b", "presence": "live", "region": "eu-north", "first_seen_at": iso(1),
    }  # fmt: skip
    assert [(row["appeared_at"], row["vanished_at"], row["hours_low"]) for row in found["episodes"]] == [
        (iso(1), iso(4), 1.0), (iso(5), None, 1.0),
    ]  # fmt: skip
    assert [(row["opened_as"], row["valid_from"], row["closed_as"]) for row in found["versions"]] == [
        ("appeared", iso(1), "vanished"), ("reappeared", iso(5), None),
    ]  # fmt: skip
    assert [(row["event"], row["occurred_at"]) for row in found["events"]] == [
        ("appeared", iso(1)), ("vanished", iso(4)), ("reappeared", iso(5)),
    ]  # fmt: skip
    assert found["field_changes"] == []
    (found,) = rows("show", "c")
    changes = found["field_changes"]
    assert [(row["changed_at"], row["field"], row["old_value"], row["new_value"]) for row in changes] == [
        (iso(5), "labels", None, '{"team":"x"}'), (iso(5), "status", "ready", "stopped"),
    ]  # fmt: skip
    assert found["versions"][-1]["extra"] == {"labels": {"team": "x"}}


@pytest.mark.usefixtures("lived")
def test_show_as_a_table_is_a_summary_and_a_history(ask):
    out, err = ask("show", "a")
    assert err == ""
    lines = [line.split() for line in out.splitlines()]
    assert out.splitlines()[:8] == [
        "instance    a",
        "account     default",
        "presence    live",
        "created by  ada, before the account's first complete run; seen at 2026-03-06 01:00:00",
        "first seen  2026-03-06 01:00:00",
        "last seen   2026-03-06 06:00:00",
        "hours       5.0 at least; it goes on",
        "GPU hours   40.0 at least; it goes on",
    ]
    assert ["2026-03-06", "01:00:00", "appeared", "instance_type", "gpu_8x_h100_sxm5"] in lines
    assert ["2026-03-06", "02:00:00", "changed", "ip", "(none)", "192.0.2.1"] in lines
    assert ["status", "pending", "ready"] in lines


@pytest.mark.medium
def test_an_episode_that_began_and_ended_on_record_has_lowest_and_highest_hours(lived, ask):
    lived.remove("c")
    lived.run()
    out = ask("show", "c")[0]
    assert "created by  ada, between 2026-03-06 02:00:00 and 2026-03-06 04:00:00" in out
    assert "presence    vanished between 2026-03-06 06:00:00 and 2026-03-06 07:00:00" in out
    assert "hours       2.0 to 5.0" in out
    assert "GPU hours   16.0 to 40.0" in out


@pytest.mark.medium
def test_a_type_without_a_gpu_count_has_unknown_gpu_hours_and_a_missing_creator_is_none(world, ask):
    world.put("d", instance_type="cpu")
    world.run()
    out = ask("show", "d")[0]
    assert "GPU hours   unknown" in out
    assert "created by  (none), before" in out


@pytest.mark.medium
def test_a_missing_and_held_instance_is_shown_as_such(lived, ask):
    lived.remove("a", "b", "c")
    assert lived.run(key="another:key").status == "held"
    assert "presence    missing since 2026-03-06 07:00:00; held until" in ask("show", "a")[0]


@pytest.mark.slow
def test_an_unknown_id_is_2_and_an_id_of_two_accounts_is_shown_twice(lived, ask, rows):
    assert ask("show", "nobody", expect=2)[1] == (
        "error: There is no instance 'nobody' in this database. `inventory list --all` has all.\n"
    )
    ask("show", "\udcff", expect=2)
    ask("show", expect=2)
    lived.run(account="second")
    assert [row["account"] for row in rows("show", "a")] == ["default", "second"]
    assert [row["account"] for row in rows("show", "a", "--account", "second")] == ["second"]
    assert ask("show", "a")[0].count("\nHistory\n") == 2
    lived.remove("a")
    lived.put("e")
    lived.run()
    assert "in the account 'second'" in ask("show", "e", "--account", "second", expect=2)[1]
    assert [row["valid_from"] for row in csv_rows(ask("show", "a", "--format", "csv")[0])] == [iso(1), iso(2), iso(7)]


# changes


def summaries(found):
    return [(row["occurred_at"], row["instance_id"], row["event"]) for row in found]


EVERYTHING = [
    (iso(5), "b", "reappeared"), (iso(5), "c", "changed"), (iso(4), "b", "vanished"), (iso(4), "c", "appeared"),
    (iso(2), "a", "changed"), (iso(1), "a", "appeared"), (iso(1), "b", "appeared"),
]  # fmt: skip


@pytest.mark.usefixtures("lived")
def test_changes_has_every_event_newest_first_and_each_change_with_its_fields(rows):
    found = rows("changes")
    assert summaries(found) == EVERYTHING
    assert list(found[0]) == [
        "occurred_at", "account", "instance_id", "event", "run_id", "episode", "instance_type", "gpu_count",
        "gpu_model", "region", "sector", "ip", "status", "creator_user_nickname", "extra", "fields",
    ]  # fmt: skip
    assert found[1]["fields"] == [
        {"field": "labels", "old_value": None, "new_value": '{"team":"x"}'},
        {"field": "status", "old_value": "ready", "new_value": "stopped"},
    ]
    assert found[4]["fields"] == [
        {"field": "ip", "old_value": None, "new_value": "192.0.2.1"},
        {"field": "status", "old_value": "pending", "new_value": "ready"},
    ]
    assert all(row["fields"] == [] for row in found if row["event"] != "changed")


@pytest.mark.medium
@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (("--since", iso(4)), EVERYTHING[:4]),
        (("--until", iso(4)), EVERYTHING[4:]),
        (("--since", iso(2), "--until", iso(5)), EVERYTHING[2:5]),
        (("--since", "75m"), EVERYTHING[:2]),
        (("--event", "changed"), [EVERYTHING[1], EVERYTHING[4]]),
        (("--creator", "grace"), [EVERYTHING[0], EVERYTHING[2], EVERYTHING[6]]),
        (("--instance", "a"), [EVERYTHING[4], EVERYTHING[5]]),
        (("--instance", "a", "--account", "default", "--event", "changed"), [EVERYTHING[4]]),
        (("--limit", "3"), EVERYTHING[:3]),
        (("--since", iso(1), "--limit", "1"), EVERYTHING[:1]),
        (("--since", iso(6)), []),
        (("--creator", "nobody"), []),
    ],
)
@pytest.mark.usefixtures("lived", "now")
def test_changes_can_be_filtered(rows, filters, expected):
    assert summaries(rows("changes", *filters)) == expected


@pytest.mark.usefixtures("lived")
def test_an_event_is_one_row_with_its_changes_as_text_in_a_table_and_in_csv(ask):
    line = next(line for line in ask("changes")[0].splitlines() if " changed " in line and "labels" in line)
    assert line.rstrip().endswith('labels: (none) -> {"team":"x"}; status: ready -> stopped')
    out = ask("changes", "--format", "csv")[0]
    assert [(row["occurred_at"], row["instance_id"], row["event"]) for row in csv_rows(out)] == EVERYTHING
    assert csv_rows(out)[4]["fields"] == "ip: (none) -> 192.0.2.1; status: pending -> ready"
    nothing = ask("changes", "--creator", "nobody", "--format", "csv")[0]
    assert nothing == out.splitlines()[0] + "\n"


@pytest.mark.medium
@pytest.mark.usefixtures("lived")
def test_changes_says_when_rows_were_left_out(ask, monkeypatch):
    assert ask("changes", "--limit", "7")[1] == ""
    assert "the newest 6; --limit or --since" in ask("changes", "--limit", "6")[1]
    monkeypatch.setattr("inventory.cli.history.NEWEST", 2)
    out, err = ask("changes", "--format", "csv")
    assert (len(csv_rows(out)), "the newest 2" in err) == (2, True)
    out, err = ask("changes", "--format", "csv", "--since", iso(1))
    assert (len(csv_rows(out)), err) == (7, "")


@pytest.mark.medium
def test_a_change_of_two_accounts_at_the_same_time_keeps_its_own_fields(lived, rows):
    lived.run(account="second")
    lived.put("a", ip="192.0.2.7", creator_user_nickname="ada")
    lived.run(account="second")
    lived.runs -= 1
    lived.put("a", ip="192.0.2.8", creator_user_nickname="ada")
    lived.run()
    found = rows("changes", "--since", iso(8))
    assert [(row["account"], row["occurred_at"], row["fields"][0]["new_value"]) for row in found] == [
        ("default", iso(8), "192.0.2.8"), ("second", iso(8), "192.0.2.7"),
    ]  # fmt: skip
    assert {row["account"] for row in rows("changes", "--account", "second", "--instance", "a")} == {"second"}


@pytest.mark.slow
def test_more_changes_than_one_query_holds_have_all_their_fields(world, rows, monkeypatch):
    monkeypatch.setattr(database.batches, "__defaults__", (3,))
    ids = [f"m{number:02}" for number in range(10)]
    for status in ("init", "pending", "ready", "stopped"):
        world.put(*ids, status=status)
        world.run()
    found = [row for row in rows("changes", "--since", iso(0)) if row["event"] == "changed"]
    assert len(found) == 30
    assert {(row["occurred_at"], row["fields"][0]["new_value"], len(row["fields"])) for row in found} == {
        (iso(2), "pending", 1), (iso(3), "ready", 1), (iso(4), "stopped", 1),
    }  # fmt: skip


@pytest.mark.medium
@pytest.mark.usefixtures("lived")
def test_invalid_filters_of_changes_are_2(ask):
    assert "There is no instance 'nobody'" in ask("changes", "--instance", "nobody", expect=2)[1]
    assert "is not before" in ask("changes", "--since", iso(3), "--until", iso(3), expect=2)[1]
    for words in (("--event", "exploded"), ("--limit", "0"), ("--since", "soon"), ("--account", "nobody")):
        assert ask("changes", *words, expect=2)[1].count("\n") == 1


# creators


def tallies(found):
    names = (
        "creator_user_nickname", "instances_created", "created_before_watch", "live_now", "hours_low", "gpu_hours_low",
    )  # fmt: skip
    return [tuple(row[name] for name in names) for row in found]


@pytest.mark.usefixtures("lived")
def test_creators_without_a_period_are_the_rows_of_the_view(rows):
    found = rows("creators")
    assert tallies(found) == [("ada", 1, 1, 2, 7.0, 56.0), ("grace", 0, 1, 1, 2.0, 2.0)]
    assert list(found[0])[:2] == ["account", "creator_user_nickname"]
    assert found[0]["first_created_at"] == iso(4)


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        (("--since", iso(0)), [("ada", 1, 1, 2, 7.0, 56.0), ("grace", 0, 1, 1, 2.0, 2.0)]),
        (("--until", iso(9)), [("ada", 1, 1, 2, 7.0, 56.0), ("grace", 0, 1, 1, 2.0, 2.0)]),
        (("--until", iso(4)), [("ada", 0, 1, 2, 3.0, 24.0), ("grace", 0, 1, 1, 1.0, 1.0)]),
        (("--since", iso(4)), [("ada", 1, 0, 2, 4.0, 32.0), ("grace", 0, 0, 1, 1.0, 1.0)]),
        (
            ("--since", iso(1.5), "--until", iso(4.25)),
            [("ada", 1, 0, 2, 3.0, 24.0), ("grace", 0, 0, 1, 0.5, 0.5)],
        ),
        (("--since", iso(3), "--until", iso(4)), [("ada", 0, 0, 2, 1.0, 8.0)]),
        (("--since", "75m"), [("ada", 0, 0, 2, 2.0, 16.0), ("grace", 0, 0, 1, 1.0, 1.0)]),
        (("--since", iso(7)), []),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("lived", "now")
def test_creators_of_a_period_count_only_what_lies_within_it(rows, period, expected):
    assert tallies(rows("creators", *period)) == expected


@pytest.mark.medium
def test_a_period_over_everything_gives_exactly_the_view_by_account(lived, rows):
    lived.put("d", instance_type="cpu")
    lived.run(account="second")
    lived.run(account="second")
    whole, within = rows("creators"), rows("creators", "--since", iso(0))
    assert within == whole
    assert list(within[0]) == list(whole[0])
    assert {row["account"] for row in whole} == {"default", "second"}
    unknown = next(row for row in within if row["creator_user_nickname"] is None)
    assert (unknown["hours_low"], unknown["gpu_hours_low"]) == (1.0, None)
    assert {row["account"] for row in rows("creators", "--since", iso(0), "--account", "second")} == {"second"}


@pytest.mark.medium
@pytest.mark.usefixtures("lived")
def test_creators_are_a_table_and_csv_too(ask):
    assert "ada" in ask("creators", "--since", iso(0))[0]
    assert [row["instances_created"] for row in csv_rows(ask("creators", "--format", "csv")[0])] == ["1", "0"]
    out, err = ask("creators", "--since", iso(8))
    assert (out, err) == ("", "Nobody created anything then.\n")
    assert "is not before" in ask("creators", "--since", iso(4), "--until", iso(3), expect=2)[1]


# status


@pytest.mark.usefixtures("lived", "now")
def test_a_fresh_account_is_0_with_its_age_and_counts(ask, rows):
    assert rows("status", "--max-age", "15m") == [
        {
            "account": "default", "last_complete_at": iso(6), "last_attempt_at": iso(6), "last_status": "succeeded",
            "failures_since_complete": 0, "live_instances": 3, "missing_instances": 0,
            "age_seconds": 900.0, "stale": False, "checkpoint_at": None, "checkpoint_age_seconds": None,
            "report_at": None, "report_age_seconds": None, "export_at": None, "export_age_seconds": None,
        }
    ]  # fmt: skip
    out, err = ask("status")
    assert (out.splitlines()[1].split()[:2], err) == (["default", "15m"], "")
    assert csv_rows(ask("status", "--format", "csv")[0])[0]["stale"] == "false"


@pytest.mark.usefixtures("lived")
def test_an_account_older_than_the_age_is_8_in_one_line_and_still_listed(ask, rows, now):
    now(hour(6.25) + timedelta(seconds=1))
    out, err = ask("status", "--max-age", "15m", expect=8)
    assert "15m 1s" in out
    assert err == (
        "error: default: the last complete run is 15m 1s old, more than 15m. `inventory runs` shows what happened.\n"
    )
    assert rows("status", "--max-age", "15m", expect=8)[0]["stale"] is True
    ask("status")


@pytest.mark.usefixtures("ask")
def test_failures_do_not_refresh_an_account(lived, rows, now):
    lived.faults.add(Status(503), when=on_list, times=None)
    lived.run()
    now(hour(7))
    (found,) = rows("status", "--max-age", "59m", expect=8)
    assert (found["last_status"], found["failures_since_complete"], found["age_seconds"]) == ("failed", 1, 3600.0)


@pytest.mark.medium
def test_an_account_that_is_only_in_the_settings_was_never_synced_and_is_8(world, ask, rows, tmp_path, monkeypatch):
    world.put("a")
    world.run()
    ask("status")  # without a key and a settings file, only the accounts of the database are expected
    (tmp_path / "inventory.toml").write_text(
        "".join(f'[[accounts]]\nname = "{name}"\napi_key_env = "NO_KEY"\n' for name in ("default", "lost"))
    )
    found = {row["account"]: row for row in rows("status", expect=8)}
    assert {name: row["stale"] for name, row in found.items()} == {"default": False, "lost": True}
    assert set(found["lost"]) == set(found["default"])
    assert (found["lost"]["last_complete_at"], found["lost"]["live_instances"]) == (None, 0)
    out, err = ask("status", "--account", "lost", expect=8)
    assert "never" in out
    assert err.startswith("error: lost: never synced to the end")
    ask("status", "--account", "default")
    assert "There is no account 'nobody'" in ask("status", "--account", "nobody", expect=2)[1]
    (tmp_path / "inventory.toml").unlink()
    monkeypatch.setenv("FAL_KEY", "a:bcdefgh")
    ask("status")


@pytest.mark.usefixtures("now")
def test_an_account_without_a_complete_run_is_8_even_without_max_age(world, ask):
    world.faults.add(Status(503), when=on_list, times=None)
    world.run()
    out, err = ask("status", expect=8)
    assert "never" in out
    assert "default: never synced to the end" in err


@pytest.mark.medium
def test_a_run_in_the_future_is_8_even_without_max_age(lived, ask, now):
    now(hour(5.5))
    out, err = ask("status", expect=8)
    assert "-30m" in out
    assert "is in the future" in err
    alter(lived, sa.update(sync_runs).where(sync_runs.c.run_id == 6).values(started_at=BEGIN + timedelta(hours=5.2)))
    ask("status")


@pytest.mark.usefixtures("world")
def test_no_account_at_all_is_8_and_an_unknown_one_2(ask, rows):
    assert "`inventory sync` begins" in ask("status", expect=8)[1]
    assert rows("status", expect=8) == []
    ask("status", "--account", "nobody", expect=2)
    ask("status", "--max-age", "soon", expect=2)


@pytest.mark.medium
def test_a_retired_account_is_left_out_and_is_2_if_it_is_named(lived, ask, rows, now):
    lived.run(account="second")
    now(hour(7))
    assert "default: the last complete run is 1h old" in ask("status", "--max-age", "1m", expect=8)[1]
    alter(lived, sa.update(accounts).where(accounts.c.account == "default").values(retired_at=hour(7)))
    assert [row["account"] for row in rows("status", "--max-age", "1m")] == ["second"]
    assert "is retired" in ask("status", "--account", "default", expect=2)[1]
    alter(lived, sa.update(accounts).values(retired_at=hour(7)))
    ask("status", expect=8)


# all these commands


HOSTILE = (
    "\x1b[31mred", "\x1b]0;title\x07", "=1+1", "@cmd", "[bold]x[/bold]", "<script>alert(1)</script>", "\u202eevil",
    "a\nb", "%(x)s :name", "'; DROP TABLE accounts; --", ":warning:",
)  # fmt: skip


@pytest.fixture
def hostile(world):
    """Return a world of two runs, with an instance for each hostile text.

    Each text is a nickname, the status in the first run, and the name of a field. In the second run, it is also the
    value of this field.
    """
    for number, text in enumerate(HOSTILE):
        world.put(f"h{number}", creator_user_nickname=text, status=text, **{text: "before"})
    world.run()
    for number, text in enumerate(HOSTILE):
        world.put(f"h{number}", creator_user_nickname=text, status="ready", **{text: text})
    world.run()
    return world


@pytest.mark.slow
@rule("text-from-the-api-is-only-text")
@pytest.mark.usefixtures("hostile")
def test_hostile_strings_are_text_in_every_answer_and_format(ask):
    questions = [("list", "--at", iso(1)), ("changes",), ("creators",), ("creators", "--since", iso(0))]
    questions += [("show", f"h{number}") for number in range(len(HOSTILE))]
    for words in questions:
        for style in ("table", "csv", "json"):
            out, err = ask(*words, "--format", style)
            assert not set("\x1b\x07\u202e") & set(out + err)
            if style == "csv":
                for row in csv_rows(out):
                    assert not [value for value in row.values() if value.startswith(("=", "+", "-", "@", "\t"))]
    assert "[bold]x[/bold]" in ask("changes")[0]
    assert ":warning:" in ask("show", "h10")[0]


@pytest.mark.slow
@rule("text-from-the-api-is-only-text")
@pytest.mark.usefixtures("hostile")
def test_hostile_strings_can_be_asked_for(rows):
    for text in HOSTILE:
        assert len(rows("changes", "--creator", text)) == 2
        assert len(rows("list", "--at", iso(2), "--creator", text)) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("hostile")
def test_on_a_narrow_terminal_everything_is_there_and_no_escape_is_sent(database_url, tmp_path):
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm", "COLUMNS": "60", "NO_COLOR": "1"}
    for words, text in (
        (("show", "h0"), r"\x1b[31mred"),
        (("changes",), r'"before"->"\u001b[31mred"'),
        (("status",), "default"),
        (("list",), "instanceidh0"),
    ):
        leader, follower = pty.openpty()
        command = [sys.executable, "-c", "from inventory.cli import main; main()", *words, "--database", database_url]
        with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=follower, stderr=follower) as process:
            os.close(follower)
            out = b""
            with suppress(OSError):  # reading from a closed terminal fails
                while part := os.read(leader, 65_536):
                    out += part
        os.close(leader)
        assert process.returncode == 0, out
        for escape in (b"\x1b[31m", b"\x1b]0;", b"\x07", "\u202e".encode()):
            assert escape not in out
        if words == ("list",):  # no table fits, so each row takes several lines
            assert max(map(len, out.decode().splitlines())) <= 60
        shown = "".join(out.decode().replace("\x1b[1m", "").replace("\x1b[0m", "").split())
        assert text in shown


def completed(line, directory, **environment):
    """Return the words that Bash gets as completions of the last word of a command line."""
    words = {"_INVENTORY_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    done = subprocess.run(
        [sys.executable, "-c", "from inventory.cli import main; main()"],
        cwd=directory, env={"PATH": os.environ["PATH"]} | words | environment,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.slow
@pytest.mark.usefixtures("hostile")
def test_tab_completes_commands_options_and_values_of_the_database(database_url, tmp_path):
    known = {"INVENTORY_DATABASE_URL": database_url}
    assert completed("inventory cr", tmp_path, **known) == ["creators"]
    assert completed("inventory list --reg", tmp_path, **known) == ["--region"]
    assert completed("inventory show h1", tmp_path, **known) == ["h1", "h10"]
    assert completed(f"inventory show --database {database_url} h1", tmp_path) == ["h1", "h10"]
    assert completed("inventory list --account d", tmp_path, **known) == ["default"]
    offered = completed("inventory changes --creator ", tmp_path, **known)
    assert not [word for word in offered if set(word) & set(" $`'\"\\;&|<>()*?[]{}~!#=\n\x1b")]
    assert completed("inventory show h1", tmp_path, INVENTORY_DATABASE_URL="sqlite:///none.db") == []
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("words", READING)
def test_a_missing_database_is_7_and_is_not_created(words, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*words, "--database", f"sqlite:///{tmp_path / 'nothing.db'}"])
    assert ended.value.code == 7
    assert "`inventory sync` makes it" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.db*"))


@rule("reading-changes-nothing")
@pytest.mark.parametrize("words", READING)
@pytest.mark.usefixtures("now")
def test_reading_commands_write_nothing(lived, ask, words):
    before = lived.dump()
    ask(*(word.replace("1h", "2h") for word in words))
    assert lived.dump() == before


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0s"), (0.4, "0s"), (59.6, "1m"), (61, "1m 1s"), (3600, "1h"), (3605, "1h"), (3660, "1h 1m"),
        (90_000, "1d 1h"), (-30, "-30s"), (-0.2, "0s"),
    ],
)  # fmt: skip
def test_a_duration_is_shown_in_its_two_largest_units(seconds, words):
    assert brief(timedelta(seconds=seconds)) == words
