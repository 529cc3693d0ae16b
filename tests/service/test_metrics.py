"""`--metrics`: the metrics and /healthz, over real HTTP, after real syncs."""

import json
import re
import socket
import struct
import threading
from contextlib import closing
from datetime import timedelta
from http.client import HTTPConnection
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from inventory import __version__
from inventory.cli import main
from inventory.config.database_url import parse_url
from inventory.config.settings import load
from inventory.config.timetable import Cron, Every
from inventory.errors import AccountBusy, DatabaseError, UsageError
from inventory.outcome import Outcome
from inventory.service.metrics import DatabaseCollector
from inventory.service.metrics_server import MetricsServer, parse_address, serve_metrics
from inventory.service.observers import observing, stale_after_of_schedule
from inventory.simulator.faults import Status
from inventory.store.database import connect, writing
from inventory.store.tables import accounts
from inventory.times import brief
from support.libraries import ROOT
from support.workers import crew, until
from support.world import hour, machine

LIMIT = timedelta(minutes=90)


@pytest.fixture
def serving(engine, world):
    """Yield a function that starts a server of metrics and returns it.

    `now` is the clock of the server. By default the clock shows the time of the last run.
    """
    stack = []

    def start(now=None, **options):
        options = {"clock": lambda: hour(world.runs) if now is None else now()} | options
        accounts = options.pop("accounts", ())
        collector = DatabaseCollector(options.pop("engine", engine), LIMIT, **options)
        entered = serve_metrics(collector, "127.0.0.1:0", accounts=accounts)
        stack.append(entered)
        return entered.__enter__()

    yield start
    for entered in stack:
        entered.__exit__(None, None, None)


def get(served, path, method="GET", **headers):
    parts = urlsplit(served.address)
    with closing(HTTPConnection(parts.hostname, parts.port, timeout=30)) as connection:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers


def scrape(served):
    """Return the metrics of inventory, without buckets of histograms, as a dict of numbers.

    A key is a tuple: the name of the metric, then the values of its labels, sorted by the names of the labels.
    """
    status, text, headers = get(served, "/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in read_text(text)
        for sample in family.samples
        if sample.name.startswith("inventory_") and not sample.name.endswith("_bucket")
    }


def some(found, *names):
    return {key: value for key, value in found.items() if key[0].removeprefix("inventory_") in names}


@pytest.mark.medium
def test_metrics_from_the_database_are_served_by_a_process_without_runs_too(world, serving):
    world.put("a", "b", "c")
    world.run()
    world.remove("c")
    world.faults.add(Status(500), when=lambda request: request.path.endswith("/c"), times=None)
    world.faults.add(Status(500), when=lambda request: request.page == 1, after=1, times=None)
    world.run()
    assert world.presences() == {"a": "live", "b": "live", "c": "missing"}
    found = scrape(serving())
    assert found == {
        ("inventory_build_info", __version__): 1,
        ("inventory_database_up",): 1,
        ("inventory_stale_after_seconds",): 5400,
        ("inventory_last_complete_timestamp_seconds", "default"): hour(2).timestamp(),
        ("inventory_last_attempt_timestamp_seconds", "default"): hour(2).timestamp(),
        ("inventory_account_fresh", "default"): 1,
        ("inventory_failures_since_complete", "default"): 0,
        ("inventory_instances", "default", "live"): 2,
        ("inventory_instances", "default", "missing"): 1,
        ("inventory_held_instances", "default"): 0,
        ("inventory_last_run_info", "default", "server_error", "succeeded"): 1,
    }


@pytest.mark.medium
def test_a_refused_key_and_held_instances_are_reported_while_they_last(world, serving):
    served = serving(lambda: hour(2))
    world.put(*(f"i{number}" for number in range(12)))
    world.run()
    world.remove(*(f"i{number}" for number in range(12)))
    world.run()
    world.put("i0")
    world.run(account="other")
    world.faults.add(Status(401), times=None)
    world.run(account="other")
    found = scrape(served)
    assert some(found, "held_instances", "last_run_info", "failures_since_complete", "instances") == {
        ("inventory_held_instances", "default"): 12,
        ("inventory_held_instances", "other"): 0,
        ("inventory_instances", "default", "live"): 0,
        ("inventory_instances", "default", "missing"): 12,
        ("inventory_instances", "other", "live"): 1,
        ("inventory_instances", "other", "missing"): 0,
        ("inventory_failures_since_complete", "default"): 0,
        ("inventory_failures_since_complete", "other"): 1,
        ("inventory_last_run_info", "default", "mass_vanish", "held"): 1,
        ("inventory_last_run_info", "other", "unauthorized", "failed"): 1,
    }


@pytest.mark.medium
def test_runs_and_requests_of_the_process_are_counted_by_account(world, serving):
    served = serving()
    world.put("a", "b", "c")
    served.observe(world.run(page_size=2))
    world.fleet.put(machine("a", status="stopped"))
    world.remove("b")
    world.faults.add(Status(503), times=2)
    served.observe(world.run(page_size=2, retry_attempts=5))
    world.put("b")
    served.observe(world.run(page_size=2))
    world.faults.add(Status(403), times=None)
    served.observe(world.run())
    found = scrape(served)
    counted = some(found, "runs_total", "failures_total", "pages_total", "retries_total", "events_total")
    assert {key: value for key, value in counted.items() if value} == {
        ("inventory_runs_total", "default", "succeeded"): 3,
        ("inventory_runs_total", "default", "failed"): 1,
        ("inventory_failures_total", "default", "forbidden"): 1,
        ("inventory_pages_total", "default"): 5,
        ("inventory_retries_total", "default"): 2,
        ("inventory_events_total", "default", "appeared"): 3,
        ("inventory_events_total", "default", "changed"): 1,
        ("inventory_events_total", "default", "vanished"): 1,
        ("inventory_events_total", "default", "reappeared"): 1,
    }
    assert found["inventory_run_duration_seconds_count", "default"] == 4


@pytest.mark.medium
def test_retries_are_counted_even_if_the_run_failed(world, serving):
    served = serving()
    world.faults.add(Status(503), times=None)
    served.observe(world.run(retry_attempts=3))
    found = scrape(served)
    assert found["inventory_retries_total", "default"] == 2
    assert found["inventory_failures_total", "default", "server_error"] == 1


def test_an_attempt_that_began_no_run_is_a_failure_unless_another_process_has_the_lease(serving):
    served = serving()
    served.observe(Outcome("default", error=AccountBusy("another one")))
    assert not some(scrape(served), "failures_total", "runs_total")
    served.observe(Outcome("default", error=DatabaseError("down")))
    served.observe(Outcome("default", error=UsageError("no key")))
    counted = some(scrape(served), "failures_total", "runs_total", "run_duration_seconds_count")
    assert {key: value for key, value in counted.items() if value} == {
        ("inventory_failures_total", "default", "database"): 1,
        ("inventory_failures_total", "default", "other"): 1,
    }


def test_counters_of_the_accounts_start_at_zero(serving):
    found = scrape(serving(accounts=["research"]))
    assert found["inventory_failures_total", "research", "unauthorized"] == 0
    assert found["inventory_runs_total", "research", "succeeded"] == 0
    assert found["inventory_run_duration_seconds_count", "research"] == 0


def test_names_of_accounts_are_escaped_in_labels(world, serving):
    evil = 'a"} 1\\n<b>\\"é'
    served = serving()
    served.observe(world.run(account=evil))
    found = scrape(served)
    assert found["inventory_runs_total", evil, "succeeded"] == 1
    assert found["inventory_account_fresh", evil] == 1


def deliver_a_checkpoint(world):
    """Record that a checkpoint was delivered at hour 1. Without a delivery, the metric with that time is not served."""
    with writing(world.engine) as connection:
        connection.execute(sa.update(accounts).values(checkpoint_at=hour(1)))


def test_the_exposition_obeys_the_stricter_format_and_the_conventions(world, serving):
    served = serving()
    served.observe(world.run())
    deliver_a_checkpoint(world)
    status, text, _ = get(served, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert status == 200
    families = [family for family in read_openmetrics(text) if family.name.startswith("inventory_")]
    assert len(families) == 17
    for family in families:
        assert re.fullmatch(r"inventory_[a-z]+(_[a-z]+)*", family.name)
        assert family.documentation.endswith(".")
        assert family.type in {"gauge", "counter", "histogram", "info"}


@pytest.mark.medium
def test_health_is_ok_while_every_account_is_fresh(world, serving):
    served = serving(lambda: hour(2))
    world.run()
    world.run(account="other")
    assert get(served, "/healthz")[:2] == (200, "fresh default: 1h old\nfresh other: 0s old\n")
    status, text, headers = get(served, "/healthz", "HEAD")
    assert (status, text, headers["Cache-Control"]) == (200, "", "no-store")


@pytest.mark.medium
def test_health_fails_and_names_the_accounts_that_status_calls_stale(world, serving):
    times = iter([hour(3), hour(0)])
    world.run()
    world.run(account="other")
    assert get(serving(lambda: next(times)), "/healthz")[:2] == (
        503, "STALE default: the last complete run is 2h old, more than 1h 30m\nfresh other: 1h old\n",
    )  # fmt: skip
    status, text, _ = get(serving(lambda: next(times)), "/healthz")
    assert status == 503
    assert text.startswith("STALE default: its last run, at 2026-03-06T01:00:00Z, is in the future")


@pytest.mark.medium
def test_a_retired_account_is_not_stale_and_has_no_metrics(world, serving, engine):
    world.run()
    world.run(account="other")
    with writing(engine) as connection:
        connection.exec_driver_sql("UPDATE accounts SET retired_at = created_at WHERE account = 'default'")
    served = serving(lambda: hour(3))
    assert get(served, "/healthz")[:2] == (200, "fresh other: 1h old\n")
    assert not [key for key in scrape(served) if "default" in key]


def test_health_fails_if_nothing_was_ever_synced(world, serving):
    assert get(serving(), "/healthz")[:2] == (503, "STALE no account is synced into this database yet\n")
    world.faults.add(Status(401), times=None)
    world.run()
    assert get(serving(), "/healthz")[:2] == (503, "STALE default: never synced to the end\n")


def test_an_account_that_only_the_settings_name_is_stale_as_in_status(world, serving):
    world.run()
    served = serving(named=("default", "new"))
    assert get(served, "/healthz")[:2] == (503, "fresh default: 0s old\nSTALE new: never synced to the end\n")
    found = scrape(served)
    assert (found["inventory_account_fresh", "default"], found["inventory_account_fresh", "new"]) == (1, 0)
    assert ("inventory_last_complete_timestamp_seconds", "new") not in found


def test_run_serves_the_accounts_of_the_settings(world, engine, tmp_path):
    """The settings name one account. The key file of this account does not exist yet."""
    (tmp_path / "inventory.toml").write_text('[[accounts]]\nname = "new"\napi_key_file = "none"\n')
    world.run()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    with observing(engine, load(), metrics=address):
        assert "STALE new: never synced" in get(SimpleNamespace(address=f"http://{address}"), "/healthz")[1]


def test_a_scrape_succeeds_and_reports_a_database_that_is_down(serving, tmp_path, backend):
    url = {
        "sqlite": f"sqlite:///{tmp_path / 'nowhere' / 'x.db'}",
        "postgresql": f"postgresql://127.0.0.1:{free_port()}/x",
    }[backend]
    down = connect(parse_url(url), create=True)
    served = serving(engine=down, accounts=["default"])
    found = scrape(served)
    assert found["inventory_database_up",] == 0
    assert ("inventory_account_fresh", "default") not in found
    assert found["inventory_runs_total", "default", "failed"] == 0
    assert get(served, "/healthz")[:2] == (503, "STALE the database cannot be read\n")


@pytest.mark.medium
def test_a_silent_database_delays_no_scrape_and_is_asked_once(serving):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        mute = connect(parse_url(f"postgresql://127.0.0.1:{silent.getsockname()[1]}/x"))
        served = serving(engine=mute, patience=0.1)
        assert scrape(served)["inventory_database_up",] == 0
        first, _ = silent.accept()
        assert scrape(served)["inventory_database_up",] == 0
        assert get(served, "/healthz")[0] == 503
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.accept()
        first.close()


@pytest.mark.medium
def test_scrapes_at_the_same_time_share_one_answer_of_the_database(world, serving, monkeypatch):
    world.run()
    monkeypatch.setattr("inventory.service.metrics.CACHE_SECONDS", 600)
    asked, answer, arrived = [], threading.Event(), threading.Semaphore(0)
    snapshot = DatabaseCollector.snapshot
    monkeypatch.setattr(DatabaseCollector, "snapshot", lambda self: arrived.release() or snapshot(self))
    served = serving(lambda: asked.append(1) or (answer.wait(60) and hour(1)), patience=60)
    found = []
    everyone = [threading.Thread(target=lambda: found.append(scrape(served))) for _ in range(20)]
    for each in everyone:
        each.start()
    assert all(arrived.acquire(timeout=60) for _ in everyone)
    answer.set()
    for each in everyone:
        each.join()
    assert asked == [1]
    assert [each["inventory_database_up",] for each in found] == [1] * 20


def test_other_paths_and_methods_are_refused(serving):
    served = serving()
    assert get(served, "/")[:2] == (404, "Here are /metrics and /healthz.\n")
    assert get(served, "/metrics/../x")[0] == 404
    assert get(served, "/healthz", "POST")[0] == 405
    assert get(served, "/metrics", "DELETE")[0] == 405


def test_a_client_that_disconnects_early_or_sends_nonsense_disturbs_nobody(serving, capfd):
    served = serving()
    port = urlsplit(served.address).port
    for words in (
        b"",
        b"GET",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\n\r\n",
    ):
        for linger in (struct.pack("ii", 0, 0), struct.pack("ii", 1, 0)):  # the second resets the connection
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                client.sendall(words)
    assert get(served, "/metrics")[0] == 200
    for thread in threading.enumerate():
        if "process_request_thread" in thread.name:
            thread.join(30)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9464", ("127.0.0.1", 9464)),
        (":9464", ("", 9464)),
        ("[::1]:9464", ("::1", 9464)),
        ("localhost:0", ("localhost", 0)),
    ],
)
def test_an_address_is_read_as_people_write_it(text, address):
    assert parse_address(text) == address


@pytest.mark.medium
@pytest.mark.parametrize(
    "text", ["", "9464", "127.0.0.1", "127.0.0.1:", ":x", ":65536", "::1:9464", "[::1]", "a b:1", "[x]:1", ":٣"]
)
def test_an_invalid_address_is_refused_in_one_line(text):
    with pytest.raises(UsageError, match=r"^--metrics .* is no address\. Write HOST:PORT") as raised:
        parse_address(text)
    assert "\n" not in str(raised.value)


def test_a_port_in_use_and_an_address_of_another_host_are_refused_in_one_line(engine):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UsageError, match=f"^--metrics {address} cannot be used: Address already in use.$"):
            serve_metrics(DatabaseCollector(engine, LIMIT), address).__enter__()
    for host in ("192.0.2.1", "no-such-host.invalid", "a" * 70, "[2001:db8::1]"):
        with pytest.raises(UsageError, match=r"^--metrics \S+ cannot be used: [^\n]+\.$"):
            serve_metrics(DatabaseCollector(engine, LIMIT), f"{host}:0").__enter__()


# Guide, rules and dashboard


def names_in(text):
    return set(re.findall(r"\binventory_[a-z_]+", text))


def test_the_guide_names_every_metric_with_its_labels_and_no_other(world, serving):
    served = serving()
    served.observe(world.run())
    deliver_a_checkpoint(world)
    there = {}
    for family in read_text(get(served, "/metrics")[1]):
        for sample in family.samples:
            if sample.name.startswith("inventory_"):
                name = re.sub("_(bucket|count|sum)$", "", sample.name)
                there.setdefault(name, set()).update(set(sample.labels) - {"le"})
    guide = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(inventory_\w+)` \| (.*?) ?\| .+ \|$", guide, re.MULTILINE)
    assert {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows} == there


@pytest.mark.medium
@pytest.mark.parametrize("file", ["prometheus-alerts.yml", "grafana-dashboard.json"])
def test_rules_and_dashboard_use_only_metrics_and_labels_that_are_served(world, serving, file):
    served = serving()
    served.observe(world.run())
    samples = [sample for family in read_text(get(served, "/metrics")[1]) for sample in family.samples]
    expressions = expressions_of(file)
    asked = names_in(" ".join(expressions))
    assert len(asked) > 4
    assert asked <= {sample.name for sample in samples}
    used = set()
    for expression in expressions:
        labels = {
            label
            for group in re.findall(r"(?:by|on) \(([^)]*)\)", expression) + re.findall(r"\{([^}]*)\}", expression)
            for label in re.findall(r"([a-z_]+)(?==|!|,|$|\s*,)", re.sub(r'"[^"]*"', "", group))
        }
        served_labels = {label for sample in samples if sample.name in names_in(expression) for label in sample.labels}
        assert labels <= served_labels | {"instance", "job"}, expression
        assert expression.count("(") == expression.count(")")
        used |= labels
    assert used >= {"account", "code"}


def expressions_of(file):
    text = (ROOT / "deploy" / file).read_text(encoding="utf-8")
    if file.endswith(".yml"):
        rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
        assert {rule["alert"] for rule in rules} >= {
            "InventoryDatabaseDown", "InventoryStale", "InventoryKeyRefused", "InventoryHeld",
        }  # fmt: skip
        assert all(rule["annotations"]["summary"] and rule["labels"]["severity"] for rule in rules)
        return [rule["expr"] for rule in rules]
    dashboard = json.loads(text)
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    assert variables == {"datasource", "account"}
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
    return [target["expr"] for panel in panels for target in panel["targets"]]


# The command


@pytest.fixture
def running(world, database_url, tmp_path):
    """Yield a function that starts `inventory run` with the given words in a child process, and returns the Worker."""
    with crew() as start:
        yield lambda *words: start(
            tmp_path / "worker",
            {
                "FAL_KEY": "id:secret-part",
                "INVENTORY_API_URL": world.simulator.url,
                "INVENTORY_DATABASE_URL": database_url,
                "INVENTORY_RETRY_ATTEMPTS": "1",
            },
            *words,
        )


@pytest.mark.slow
def test_run_serves_metrics_of_its_runs_until_its_end(world, running):
    world.put("a", "b")
    port = free_port()
    worker = running("--metrics", f"127.0.0.1:{port}")
    worker.wait_for("synced")
    served = MetricsServer(f"http://127.0.0.1:{port}", None)
    found = until(lambda: (found := scrape(served))["inventory_runs_total", "default", "succeeded"] and found)
    assert found["inventory_events_total", "default", "appeared"] == 2
    assert until(lambda: get(served, "/healthz")[0] == 200)
    assert worker.stop() == 0
    with pytest.raises(OSError, match="refused"):
        get(served, "/metrics")


@pytest.mark.slow
def test_a_port_in_use_ends_run_before_it_begins(world, running):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        worker = running("--metrics", f"127.0.0.1:{taken.getsockname()[1]}")
        assert worker.ends() == 2
    (line,) = worker.log(level="error")
    assert re.fullmatch(r"--metrics \S+ cannot be used: Address already in use\.", line["event"])
    assert world.statuses() == []


@pytest.mark.medium
def test_a_missing_extra_is_reported_with_the_remedy(monkeypatch, database_url, capsys):
    monkeypatch.setenv("FAL_KEY", "id:secret-part")
    monkeypatch.setattr("inventory.config.extras.find_spec", lambda _: None)
    with pytest.raises(SystemExit) as ended:
        main(["run", "--metrics", ":0", "--database", database_url])
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "error: prometheus_client is not installed. Add it: pip install '.[metrics]' from a checkout.\n"
    )


@pytest.mark.slow
def test_run_serves_the_age_at_which_its_cron_schedule_makes_a_record_stale(running):
    port = free_port()
    running("--metrics", f"127.0.0.1:{port}", "--cron", "0,5 * * * *").wait_for("started")
    found = scrape(MetricsServer(f"http://127.0.0.1:{port}", None))
    assert some(found, "stale_after_seconds") == {("inventory_stale_after_seconds",): 65 * 60}


@pytest.mark.medium
@pytest.mark.parametrize(
    ("timetable", "limit"),
    [
        (Every(timedelta(minutes=5)), "15m"),
        (Every(timedelta(seconds=1)), "1m"),
        (Cron("0 * * * *"), "3h"),
        (Cron("0,5 * * * *"), "1h 5m"),
        (Cron("0 8,9 * * *"), "1d 1h"),
        (Cron("*/15 8-18 * * mon-fri"), "2d 13h"),
        (Cron("* 8-18 * * mon-fri"), "2d 13h"),
        (Cron("0 * 1-10 * *"), "21d 3h"),
        (Cron("0 0 1,2 * *"), "32d"),
        (Cron("0 12 * 1 *"), "337d"),
    ],
)
def test_the_longest_and_the_shortest_pause_decide_when_an_account_is_stale(timetable, limit):
    starts = (hour(-30), hour(0), hour(80), hour(24 * 26 + 0.5), hour(24 * 27 + 0.5))
    assert {brief(stale_after_of_schedule(timetable, start)) for start in starts} == {limit}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
