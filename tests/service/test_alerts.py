"""Alerts: which are due, that each is sent once over real HTTP, and that a failing channel delays nothing else."""

import json
import os
import re
import signal
import socket
import threading
from datetime import UTC, datetime, timedelta

import pytest

from inventory import log
from inventory.cli import main
from inventory.config.alerts import AlertSettings
from inventory.config.database_url import parse_url
from inventory.config.settings import load
from inventory.errors import DatabaseError, UsageError
from inventory.history.missing import accept_missing
from inventory.outcome import Outcome
from inventory.service.alerts import Alerts
from inventory.service.channels import Alert, Channels
from inventory.service.troubles import begun_and_ended
from inventory.simulator import on_page
from inventory.simulator.faults import Status
from inventory.store.database import connect, writing
from support.command import Command
from support.forked import Forked
from support.libraries import ROOT
from support.marks import rule
from support.receiver import receiving
from support.workers import crew
from support.world import hour, machine

LIMIT = timedelta(minutes=150)


@pytest.fixture
def receiver():
    with receiving() as one:
        yield one


@pytest.fixture
def alerts_after(world, receiver):
    """Return a function that makes a run, passes its outcome to a new observer, and returns `receiver.take_posts()`.

    The posts are the alerts that the observer has sent. Each call uses a new observer, as if a new process made the
    run. If an `outcome` is passed, no run is made. `on` and `rules` are settings of the alerts.
    """

    def run(outcome=None, *, on=None, rules=(), **flags):
        outcome = outcome or world.run(**flags)
        settings = AlertSettings(urls=[receiver.url], rules=rules, **({} if on is None else {"on": on}))
        alerts = Alerts(world.engine, settings, LIMIT)
        alerts.observe(outcome)
        alerts.close(60)
        return receiver.take_posts()

    return run


def titles(sent):
    return [title for _, title, _ in sent]


# Which alerts are due


@pytest.mark.parametrize(
    ("runs", "begun", "ended"),
    [
        ("ok:1", "", ""),
        ("failed:1", "", ""),
        ("failed:3", "stale", ""),
        ("failed:2 failed:3", "stale", ""),
        ("failed:3 failed:4", "", ""),
        ("failed:3 ok:4", "", "stale"),
        ("failed:2 ok:3", "", ""),
        ("abandoned:3 failed:4", "stale", ""),
        ("abandoned:3 ok:4", "", ""),
        ("running:3 failed:4", "stale", ""),
        ("failed:2 abandoned:3", "", ""),
        ("failed:2 running:3", "", ""),
        ("ok:9", "", ""),
        ("partial:3", "stale", ""),
        ("unauthorized:1", "key_refused", ""),
        ("unauthorized:1 failed:1 forbidden:2", "", ""),
        ("unauthorized:1 unauthorized:3", "stale", ""),
        ("unauthorized:1 unauthorized:3 ok:4", "", "key_refused stale"),
        ("held:1", "held", ""),
        ("held:1 failed:1 held:1", "", ""),
        ("held:1 ok:2", "", "held"),
        ("held:1 unauthorized:1", "key_refused", ""),
    ],
)
def test_an_alert_is_due_once_and_its_end_once(runs, begun, ended):
    """A run is written `NAME:HOUR`: its status or error code, and the hour at which it started.

    `ok` stands for `succeeded`. Each run is judged as if the last complete run before it had started at hour 0. `begun`
    names the alerts that must be sent after the last of the runs. `ended` names the alerts whose end must be reported
    after the last of the runs.
    """

    def row(text):
        name, _, hours = text.partition(":")
        refused = name in {"unauthorized", "forbidden"}
        return {
            "status": "failed" if refused else "succeeded" if name == "ok" else name,
            "complete": name in {"ok", "held"},
            "error_code": name if refused else "network",
            "known_since": hour(0),
            "started_at": hour(int(hours)),
        }

    *before, last = map(row, runs.split())
    assert begun_and_ended(last, before, LIMIT) == (set(begun.split()), set(ended.split()))


# Alerts of failures


@pytest.mark.slow
def test_held_instances_are_reported_once_and_so_is_the_recovery(alerts_after, world):
    ids = [f"i{number:02}" for number in range(31)]
    world.put(*ids, creator_user_nickname="ada")
    assert alerts_after() == []
    world.remove(*ids)
    [(kind, title, lines)] = alerts_after()
    assert (kind, title) == ("warning", "inventory: default: 31 instances held")
    assert lines[0].startswith("31 instances are absent and held:")
    assert "`" not in "".join(lines[1:])
    assert lines[1:3] == ["i00  gpu_8x_h100_sxm5  us-west  ada", "i01  gpu_8x_h100_sxm5  us-west  ada"]
    assert lines[21:] == ["and 11 more"]
    assert alerts_after() == []
    accept_missing(world.engine, "default", lease_seconds=60)
    assert alerts_after() == [
        (
            "success",
            "inventory: default is well again",
            ["Run 4, at 2026-03-06T04:00:00Z, succeeded. Ended: held."],
        )
    ]
    assert alerts_after() == []


@pytest.mark.slow
def test_a_refused_key_is_reported_once_whatever_else_fails_meanwhile(alerts_after, world):
    alerts_after()
    sent = []
    for status in (401, 500, 403, 401):
        world.faults.add(Status(status), times=1)
        sent.append(titles(alerts_after(on=["key_refused", "recovery"])))
    assert sent == [["inventory: default: the key was refused"], [], [], []]
    assert titles(alerts_after()) == ["inventory: default is well again"]
    world.faults.add(Status(403), times=1)
    [(kind, _, lines)] = alerts_after()
    assert kind == "failure"
    assert len(lines) == 1
    assert "403" in lines[0]


@pytest.mark.slow
def test_the_first_attempt_after_the_limit_reports_stale_and_the_first_success_reports_recovery(alerts_after, world):
    alerts_after()
    sent = []
    for _ in range(5):
        world.faults.add(Status(500), times=1)
        sent.append(alerts_after())
    assert [titles(each) for each in sent] == [[], [], ["inventory: default is stale"], [], []]
    [(kind, _, [line])] = sent[2]
    assert kind == "warning"
    assert line.startswith("The last complete run was at 2026-03-06T01:00:00Z, 3h ago: more than 2h 30m. ")
    assert titles(alerts_after()) == ["inventory: default is well again"]


@pytest.mark.medium
def test_an_account_that_was_never_complete_becomes_stale_too(alerts_after, world):
    sent = []
    for _ in range(5):
        world.faults.add(Status(500), times=1)
        sent += alerts_after()
    [(_, title, [line])] = sent
    assert title == "inventory: default is stale"
    assert line.startswith("No run was complete for 3h: more than 2h 30m. ")


@pytest.mark.medium
def test_the_next_run_sends_the_alert_that_a_killed_process_could_not_send(alerts_after, world, engine):
    alerts_after()
    world.faults.add(Status(500), times=None)
    alerts_after()
    alerts_after()
    killed = world.run().run_id
    with writing(engine) as connection:
        connection.exec_driver_sql(f"UPDATE sync_runs SET status = 'abandoned' WHERE run_id = {killed}")
    assert titles(alerts_after()) == ["inventory: default is stale"]


@pytest.mark.medium
def test_each_account_has_its_own_alerts(alerts_after, world):
    alerts_after(account="one")
    alerts_after(account="two")
    world.faults.add(Status(401), times=None)
    assert titles(alerts_after(account="one")) == ["inventory: one: the key was refused"]
    assert titles(alerts_after(account="two")) == ["inventory: two: the key was refused"]
    world.faults.clear()
    assert titles(alerts_after(account="two")) == ["inventory: two is well again"]
    assert titles(alerts_after(account="one")) == ["inventory: one is well again"]


@pytest.mark.medium
def test_only_the_configured_alerts_are_sent(alerts_after, world):
    alerts_after()
    world.faults.add(Status(401), times=2)
    assert alerts_after(on=["held", "stale"]) == []
    assert alerts_after(on=["held", "stale"]) == []
    assert alerts_after(on=["held", "stale", "recovery"]) == []  # no alert of the failure was sent, so none of its end
    world.faults.add(Status(401), times=1)
    assert titles(alerts_after(on=["key_refused"])) == ["inventory: default: the key was refused"]
    assert alerts_after(on=["key_refused"]) == []


@pytest.mark.medium
def test_an_attempt_that_began_no_run_sends_no_alert(alerts_after):
    assert alerts_after(Outcome("default", error=DatabaseError("down"))) == []


@pytest.mark.medium
def test_run_reports_once_that_an_account_is_stale_for_which_no_run_can_begin(world, receiver):
    alerts = Alerts(world.engine, AlertSettings(urls=[receiver.url]), LIMIT, scheduled=True)
    no_key = Outcome("default", error=UsageError("The key is gone."))

    def run(hours_ago):
        return world.run(clock=lambda: datetime.now(UTC) - timedelta(hours=hours_ago))

    alerts.observe(no_key)  # the account has no run
    alerts.observe(run(9))
    alerts.observe(no_key)
    alerts.observe(no_key)
    world.faults.add(Status(500), times=1)
    alerts.observe(run(6))  # the row of this failed run shows too that the account is stale
    alerts.observe(no_key)
    alerts.observe(run(1))
    alerts.observe(no_key)  # fresh
    alerts.close(60)
    (kind, title, [line]), recovery = receiver.take_posts()
    assert (kind, title) == ("warning", "inventory: default is stale")
    assert line.startswith("The last complete run was at ")
    assert line.endswith(", 9h ago: more than 2h 30m. The key is gone.")
    assert recovery[1:] == ("inventory: default is well again", [recovery[2][0]])
    assert recovery[2][0].endswith("Ended: stale.")


@pytest.mark.medium
def test_no_attempt_without_a_run_reports_what_an_earlier_run_has_reported(world, receiver):
    world.run()
    world.faults.add(Status(500), times=1)
    world.run(clock=lambda: hour(9))
    alerts = Alerts(world.engine, AlertSettings(urls=[receiver.url]), LIMIT, scheduled=True)
    alerts.observe(Outcome("default", error=UsageError("no key")))
    alerts.close(60)
    assert receiver.take_posts() == []


def test_a_database_lost_after_the_run_is_a_line_in_the_log(world, receiver, tmp_path, capfd):
    log.configure("json")
    lost = connect(parse_url(f"sqlite:///{tmp_path / 'nowhere' / 'x.db'}"), create=True)
    alerts = Alerts(lost, AlertSettings(urls=[receiver.url]), LIMIT)
    alerts.observe(world.run())
    alerts.close(60)
    (line,) = capfd.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "the alerts that are due could not be determined"


# Rules


APPEARED, VANISHED = {"event": "appeared"}, {"event": "vanished"}
A = "a  gpu_8x_h100_sxm5  us-west  "


@pytest.mark.medium
def test_instances_that_appear_and_vanish_are_reported_by_their_own_run_only(alerts_after, world):
    rules = [APPEARED, VANISHED]
    world.put("a", creator_user_nickname="ada")
    assert alerts_after(rules=rules) == []  # the instances of the first run are not new
    world.put("b", "c", creator_user_nickname="bob")
    outcome = world.run()
    world.remove("a")
    assert alerts_after(rules=rules) == [
        (
            "info",
            "inventory: default: 1 instance gone",
            ["As of 2026-03-06T03:00:00Z:", "a  gpu_8x_h100_sxm5  us-west  ada"],
        )
    ]
    assert alerts_after(outcome, rules=rules) == [
        (
            "info",
            "inventory: default: 2 instances new",
            ["As of 2026-03-06T02:00:00Z:", "b  gpu_8x_h100_sxm5  us-west  bob", "c  gpu_8x_h100_sxm5  us-west  bob"],
        )
    ]
    world.put("a")
    assert alerts_after(rules=rules) == [
        (
            "info",
            "inventory: default: 1 instance new",
            ["As of 2026-03-06T04:00:00Z:", "a  gpu_8x_h100_sxm5  us-west  -"],
        )
    ]
    assert alerts_after(rules=rules) == []


@pytest.mark.medium
def test_an_instance_that_a_partial_run_saw_first_is_reported_by_that_run(alerts_after, world):
    world.put("a")
    alerts_after(rules=[APPEARED])
    world.remove("a")
    world.put("b", "a")  # `b` is on the first page
    world.faults.add(Status(500), when=on_page(2), times=None)
    sent = [alerts_after(rules=[APPEARED], page_size=1)]
    world.faults.clear()
    sent.append(alerts_after(rules=[APPEARED]))
    assert world.statuses() == ["succeeded", "partial", "succeeded"]
    assert [titles(each) for each in sent] == [["inventory: default: 1 instance new"], []]
    assert sent[0][0][2] == ["As of 2026-03-06T02:00:00Z:", "b  gpu_8x_h100_sxm5  us-west  -"]


@pytest.mark.medium
def test_nothing_that_a_partial_run_saw_before_the_first_complete_one_is_reported(alerts_after, world):
    world.put("a", "b")
    world.faults.add(Status(500), when=on_page(2), times=None)
    sent = [alerts_after(rules=[APPEARED], page_size=1)]
    world.faults.clear()
    sent.append(alerts_after(rules=[APPEARED]))
    assert world.statuses() == ["partial", "succeeded"]
    assert sent == [[], []]


@pytest.mark.medium
def test_a_rule_may_be_limited_to_one_creator_or_one_type(alerts_after, world):
    alerts_after()
    world.fleet.put(machine("a", creator_user_nickname="ada"))
    world.fleet.put(machine("b", creator_user_nickname="bob", instance_type="gpu_1x_h100_sxm5"))
    outcome = world.run()

    def lines(**rule):
        return [line for _, _, lines in alerts_after(outcome, rules=[APPEARED | rule]) for line in lines[1:]]

    assert lines(creator="ada") == ["a  gpu_8x_h100_sxm5  us-west  ada"]
    assert lines(type="gpu_1x_h100_sxm5") == ["b  gpu_1x_h100_sxm5  us-west  bob"]
    assert lines(creator="ada", type="gpu_1x_h100_sxm5") == []
    assert lines(creator="a%") == []


def test_a_long_list_is_cut(alerts_after, world):
    alerts_after()
    world.put(*(f"i{number:03}" for number in range(51)))
    [(_, title, lines)] = alerts_after(rules=[APPEARED])
    assert title == "inventory: default: 51 instances new"
    assert len(lines) == 22
    assert lines[-1] == "and 31 more"


@pytest.mark.medium
def test_an_instance_settled_by_a_later_run_is_reported_once(alerts_after, world):
    world.put("a", "b", "c", "d", "e")
    alerts_after(rules=[VANISHED])
    world.remove("a", "b")
    world.faults.add(Status(500), when=lambda request: request.path.endswith(("/a", "/b")), times=2)
    world.faults.add(Status(500), when=lambda request: request.page == 1, after=1)
    assert alerts_after(rules=[VANISHED]) == []
    assert world.presences()["a"] == "missing"
    world.remove("c")
    [(_, title, lines)] = alerts_after(rules=[VANISHED])
    assert title == "inventory: default: 3 instances gone"
    assert [line[0] for line in lines[1:]] == ["c", "a", "b"]
    assert alerts_after(rules=[VANISHED]) == []


@pytest.mark.slow
def test_an_old_instance_is_reported_by_the_first_complete_run_after_its_age_limit(alerts_after, world):
    rules = [{"older_than": "2h30m"}]
    world.put("a", creator_user_nickname="ada")
    sent = [alerts_after(rules=rules)]  # 1: `a` is there, since an unknown time
    world.put("b")
    sent += [alerts_after(rules=rules), alerts_after(rules=rules)]  # 2, 3
    world.remove("b")
    world.faults.add(Status(500), times=1)
    sent.append(alerts_after(rules=rules))  # 4: `a` is old, but this run failed
    world.put("c")
    sent += [alerts_after(rules=rules) for _ in range(4)]  # 5 to 8
    assert [titles(each) for each in sent] == [
        [], [], [], [], ["inventory: default: 1 instance now older than 2h 30m"], [], [],
        ["inventory: default: 1 instance now older than 2h 30m"],
    ]  # fmt: skip
    assert sent[4][0][2] == ["As of 2026-03-06T05:00:00Z:", "a  gpu_8x_h100_sxm5  us-west  ada"]
    assert sent[7][0][2][1:] == ["c  gpu_8x_h100_sxm5  us-west  -"]
    world.run()
    assert alerts_after(rules=[{"older_than": "7h", "creator": "bob"}]) == []


@pytest.mark.medium
def test_an_instance_whose_fields_changed_is_as_old_as_its_episode(alerts_after, world):
    world.put("a")
    alerts_after()
    world.put("a", status="stopped")
    alerts_after()
    rules = [{"older_than": "90m"}]
    assert titles(alerts_after(rules=rules)) == ["inventory: default: 1 instance now older than 1h 30m"]
    assert alerts_after(rules=rules) == []


@pytest.mark.medium
@rule("text-from-the-api-is-only-text")
def test_no_string_of_the_api_is_markup_a_mention_a_link_or_an_escape(alerts_after, world):
    alerts_after()
    world.fleet.put(
        machine("a", creator_user_nickname="<!channel> @everyone *x* `y` [z](http://evil)\n\x1b[31m\u202e{k} $(rm)")
    )
    world.fleet.put(machine("b", creator_user_nickname="n" * 300))
    [(_, _, lines)] = alerts_after(rules=[APPEARED])
    assert len(lines) == 3
    assert not set("<>@*`[](){}$:&\x1b\u202e") & set("".join(lines[1:]))
    assert all(line.isprintable() and len(line) < 200 for line in lines)
    assert "everyone" in lines[1]


@pytest.mark.medium
@rule("text-from-the-api-is-only-text")
@pytest.mark.parametrize(("status", "trouble"), [(401, "key_refused"), (422, "stale")])
def test_no_error_message_of_the_api_is_markup_a_mention_or_a_link(alerts_after, world, status, trouble):
    alerts_after()
    message = "<!channel> @everyone *x* `y` [z](http://evil) $(rm)"
    world.faults.add(Status(status, body={"error": {"type": "x", "message": message}}), times=None)
    [(_, _, [line])] = [sent for _ in range(3) for sent in alerts_after(on=[trouble])]
    assert "everyone" in line
    assert not set("<>@*`[](){}$") & set(line)
    assert "://" not in line


# Channels


def test_a_failing_channel_affects_neither_the_outcome_nor_the_other_channel(world, receiver):
    with receiving() as broken:
        broken.statuses = [500] * 9
        dead = f"json://127.0.0.1:{free_port()}"
        settings = AlertSettings(urls=[broken.url, dead, receiver.url])
        alerts = Alerts(world.engine, settings, LIMIT, pauses=(0, 0))
        world.faults.add(Status(401))
        outcome = world.run()
        alerts.observe(outcome)
        for _ in range(3):
            broken.posts.get(timeout=60)
        alerts.close(60)
        assert (outcome.status, outcome.error.error_code) == ("failed", "unauthorized")
        assert titles(receiver.take_posts()) == ["inventory: default: the key was refused"]
        assert broken.take_posts() == []


@pytest.mark.medium
def test_a_hanging_channel_delays_neither_the_observer_nor_the_other_channel(world, receiver):
    with receiving() as hung:
        hung.answering.clear()
        alerts = Alerts(world.engine, AlertSettings(urls=[hung.url, receiver.url]), LIMIT)
        for _ in range(2):
            world.faults.add(Status(401))
            alerts.observe(world.run())
            receiver.posts.get(timeout=60)
            alerts.observe(world.run())
            receiver.posts.get(timeout=60)
        assert hung.posts.qsize() == 1
        alerts.close(0)


@pytest.mark.medium
def test_a_hanging_channel_keeps_at_most_a_hundred_alerts_in_memory(capfd):
    log.configure("json")
    with receiving() as hung:
        hung.answering.clear()
        channels = Channels([hung.url], pauses=())
        channels.send(Alert("info", "first", "x"))
        hung.posts.get(timeout=60)
        for number in range(300):
            channels.send(Alert("info", f"alert {number}", "x"))
        assert capfd.readouterr().err.count("\n") == 1
        hung.answering.set()
        channels.close(60)
        assert titles(hung.take_posts()) == [f"alert {number}" for number in range(100)]


@pytest.mark.medium
def test_the_log_has_only_changes_of_state_and_no_address(receiver, capfd):
    log.configure("json", "debug")
    receiver.statuses = [500, 500, 200, 200, 403]
    channels = Channels([receiver.url], pauses=())
    for number in range(5):
        channels.send(Alert("info", f"alert {number}", "x"))
    channels.close(60)
    out, err = capfd.readouterr()
    events = [json.loads(line)["event"] for line in err.splitlines()]
    assert events == ["an alert could not be sent", "alerts are sent again", "an alert could not be sent"]
    assert "very-secret-token" not in out + err


@pytest.mark.medium
def test_an_alert_is_tried_again_at_the_end_if_there_is_time(receiver, capfd):
    log.configure("json")
    receiver.statuses = [500]
    channels = Channels([receiver.url], pauses=(0.5,))
    channels.send(Alert("info", "in time", "x"))
    channels.close(60)
    assert titles(receiver.take_posts()) == ["in time", "in time"]
    assert capfd.readouterr().err == ""
    receiver.statuses = [500, 500]
    channels = Channels([receiver.url], pauses=(0, 3600))
    channels.send(Alert("info", "too late", "x"))
    channels.close(60)
    assert titles(receiver.take_posts()) == ["too late", "too late"]
    assert json.loads(capfd.readouterr().err)["event"] == "an alert could not be sent"


@pytest.mark.medium
def test_each_channel_that_still_has_alerts_at_the_end_is_named(receiver, capfd):
    log.configure("json")
    stop = threading.Event()
    stop.set()
    with receiving() as hung:
        hung.answering.clear()
        channels = Channels([hung.url, receiver.url], pauses=())
        channels.send(Alert("info", "an alert", "x"))
        receiver.posts.get(timeout=60)
        channels.close(60, stop)
    (line,) = map(json.loads, capfd.readouterr().err.splitlines())
    assert (line["event"].partition(":")[0], line["channel"]) == ("alerts are lost", 1)


@pytest.mark.medium
def test_a_full_queue_of_alerts_is_sent_before_the_end_and_nothing_is_called_lost(receiver, capfd):
    log.configure("json")
    receiver.answering.clear()
    channels = Channels([receiver.url], pauses=())
    channels.send(Alert("info", "first", "x"))
    receiver.posts.get(timeout=60)
    for number in range(100):
        channels.send(Alert("info", f"alert {number}", "x"))
    receiver.answering.set()
    channels.close(3600)
    assert len(receiver.take_posts()) == 100
    assert capfd.readouterr().err == ""


@pytest.mark.medium
def test_waiting_alerts_are_sent_before_the_end(receiver):
    channels = Channels([receiver.url])
    for number in range(5):
        channels.send(Alert("info", f"alert {number}", "x"))
    channels.close(60)
    assert titles(receiver.take_posts()) == [f"alert {number}" for number in range(5)]


def test_an_address_that_apprise_does_not_know_is_refused_and_not_shown():
    with pytest.raises(UsageError) as raised:
        Channels(["json://127.0.0.1", "nonsense://very-secret-token"])
    assert str(raised.value) == "Alerts: address number 2 is none of a service that apprise knows."


# Settings


@pytest.fixture
def file(tmp_path):
    def write(text):
        (tmp_path / "inventory.toml").write_text(text, encoding="utf-8")
        return load().alerts

    return write


def test_addresses_are_read_from_the_file_a_variable_or_a_separate_file(file, tmp_path, monkeypatch):
    two = ("json://a/token-one", "json://b/token-two")
    assert file('[alerts]\nurls = ["json://a/token-one", "json://b/token-two"]').addresses() == two
    monkeypatch.setenv("WHERE", "json://a/token-one\njson://b/token-two\n")
    assert file('[alerts]\nurls_env = "WHERE"').addresses() == two
    (tmp_path / "where").write_text("# mine\njson://a/token-one\n\n  json://b/token-two\n")
    with pytest.raises(UsageError, match=r"^Alerts: others may read or change the secrets in where .* Run `chmod 600"):
        file('[alerts]\nurls_file = "where"').addresses()
    (tmp_path / "where").chmod(0o600)
    assert file('[alerts]\nurls_file = "where"').addresses() == two


def test_addresses_are_never_shown(file):
    settings = file('[alerts]\nurls = ["json://a/very-secret-token"]')
    settings.addresses()
    assert "very-secret-token" not in f"{settings!r} {settings} {settings.model_dump_json()} {settings.model_dump()}"
    assert "very-secret-token" not in log.plain("Failed: json://a/very-secret-token")


def test_the_alerts_of_the_file_are_read_as_people_write_them(file):
    settings = file(
        '[alerts]\nurls_env = "WHERE"\nstale_after = "30m"\non = ["held"]\n'
        '[[alerts.rules]]\nevent = "appeared"\ncreator = "ada"\n'
        '[[alerts.rules]]\nolder_than = "7d"\ntype = "gpu_8x_h100_sxm5"\n'
    )
    assert (settings.stale_after, settings.on) == (timedelta(minutes=30), ("held",))
    assert [rule.model_dump(exclude_none=True) for rule in settings.rules] == [
        {"event": "appeared", "creator": "ada"},
        {"older_than": timedelta(days=7), "type": "gpu_8x_h100_sxm5"},
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "alerts need urls, urls_env or urls_file, one of them"),
        ('urls = ["json://very-secret-token"]\nurls_env = "X"', "alerts need urls, urls_env or urls_file, one of them"),
        ('urls_env = "X"\non = ["helt"]', "'held', 'stale', 'key_refused', 'recovery' or 'checkpoint'"),
        ('urls_env = "X"\nstale_after = "soon"', "'soon' is no duration"),
        ('urls_env = "X"\nstale_after = "0s"', "greater than"),
        ('urls_env = "X"\nstale_after = "1000000d"', "it must be at most 36525d"),
        ('urls_env = "X"\n[[alerts.rules]]\nolder_than = "1000000d"', "it must be at most 36525d"),
        ('urls_env = "X"\nurl = "json://very-secret-token"', "there is no such setting"),
        ('urls = "json://very-secret-token"', "valid tuple"),
        ('urls_env = "X"\n[[alerts.rules]]\ncreator = "ada"', "a rule needs event or older_than, one of them"),
        ('urls_env = "X"\n[[alerts.rules]]\nevent = "changed"', "'appeared' or 'vanished'"),
    ],
)
def test_bad_alerts_are_one_line_that_names_the_place_and_no_secret(file, text, reason):
    with pytest.raises(UsageError) as raised:
        file(f"[alerts]\n{text}")
    message = str(raised.value)
    assert re.match(r"inventory\.toml, line \d+, alerts", message)
    assert reason in message
    assert "very-secret-token" not in message
    assert "\n" not in message


def test_missing_addresses_are_refused_with_the_place_where_they_should_be(file, tmp_path):
    with pytest.raises(UsageError, match=r"^Alerts: the variable WHERE holds no address\.$"):
        file('[alerts]\nurls_env = "WHERE"').addresses()
    with pytest.raises(UsageError, match=r"^Alerts: the addresses cannot be read from the file where: No such file"):
        file('[alerts]\nurls_file = "where"').addresses()
    (tmp_path / "where").write_bytes(b"\xff")
    (tmp_path / "where").chmod(0o600)
    with pytest.raises(UsageError, match="it is not text"):
        file('[alerts]\nurls_file = "where"').addresses()


# The commands


def test_the_guide_has_valid_settings_and_names_every_one(file):
    guide = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^```toml\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    settings = file(text)
    assert (settings.stale_after, len(settings.rules)) == (timedelta(minutes=30), 3)
    assert settings.on == AlertSettings(urls_env="X").on
    rows = re.findall(r"^\| (`[^|]+) \| [^|]+ \| .+ \|$", guide.partition("## Alerts")[2], re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(AlertSettings.model_fields)


@pytest.fixture
def commanded(world, database_url, receiver, tmp_path):
    """Return the environment of a program that sends alerts to the receiver."""
    (tmp_path / "inventory.toml").write_text(f'[alerts]\nurls = ["{receiver.url}"]\n')
    return {
        "FAL_KEY": "id:secret-part",
        "INVENTORY_CONFIG": str(tmp_path / "inventory.toml"),
        "INVENTORY_API_URL": world.simulator.url,
        "INVENTORY_DATABASE_URL": database_url,
        "INVENTORY_RETRY_ATTEMPTS": "1",
    }


@pytest.mark.parametrize(("interval", "sent"), [("1h", []), ("10m", ["inventory: default is stale"])])
def test_an_account_is_stale_by_the_interval_that_sync_is_told(world, commanded, receiver, tmp_path, interval, sent):
    """The last complete run was an hour ago."""
    world.run(clock=lambda: datetime.now(UTC) - timedelta(hours=1))
    world.faults.add(Status(500), times=None)
    Command(tmp_path, **commanded)("sync", "--expected", interval, expect=4)
    assert titles(receiver.take_posts()) == sent


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_sync_tries_an_alert_again_before_it_ends(world, commanded, receiver, tmp_path):
    world.faults.add(Status(401), times=None)
    receiver.statuses = [500]
    done = Command(tmp_path, **commanded)("sync", expect=3)
    assert titles(receiver.take_posts()) == ["inventory: default: the key was refused"] * 2
    assert "could not be sent" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_signal_ends_a_sync_that_waits_for_a_channel(world, commanded, receiver, tmp_path):
    world.faults.add(Status(401), times=None)
    receiver.answering.clear()
    process = Forked(["sync"], cwd=tmp_path, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | commanded)
    receiver.posts.get(timeout=60)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(90)
    assert process.returncode == 3
    assert "alerts are lost" in err


@pytest.mark.slow
def test_sync_and_run_together_report_the_same_failure_once(world, commanded, receiver, monkeypatch, capsys, tmp_path):
    for name, value in commanded.items():
        monkeypatch.setenv(name, value)
    world.faults.add(Status(401), times=None)
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            main(["sync"])
        assert ended.value.code == 3
    assert titles(receiver.take_posts()) == ["inventory: default: the key was refused"]
    with crew() as start:
        worker = start(tmp_path / "worker", commanded, "--every", "1s")
        worker.wait_for("sync failed")
        world.faults.clear()
        worker.wait_for("sync works again")
        post = receiver.posts.get(timeout=60)
        assert post["title"] == "inventory: default is well again"
        assert worker.stop() == 0
        assert "very-secret-token" not in worker.text + "".join(capsys.readouterr())
    assert receiver.take_posts() == []


def test_a_missing_extra_is_reported_with_the_remedy(commanded, monkeypatch, capsys):
    for name, value in commanded.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("inventory.config.extras.find_spec", lambda _: None)
    with pytest.raises(SystemExit) as ended:
        main(["run"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "error: apprise is not installed. Add it: pip install '.[alerts]' from a checkout.\n"
    )


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
