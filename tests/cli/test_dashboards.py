"""`inventory dashboards grafana`: the files that it writes, and the SQL in these files, run on PostgreSQL."""

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest

from inventory.dashboards.charts import ALERTS, AUDIT, FILTERS, FLEET
from inventory.dashboards.grafana import files
from inventory.history.accounts import retire
from inventory.simulator import Status
from inventory.store.database import reading
from support.asking import asking
from support.command import Command
from support.marks import rule
from support.world import DEMO_DAYS, DEMO_ENDS, hour, ids

BEGINS = DEMO_ENDS - timedelta(days=DEMO_DAYS)


def as_grafana(sql, values, begins=BEGINS, ends=DEMO_ENDS):
    """Return the SQL as Grafana sends it.

    Macros are replaced by the period from `begins` to `ends`, and variables by the chosen values. `values` is a dict
    from the name of a variable to the list of its values.
    """
    first, last = (f"'{time:%Y-%m-%dT%H:%M:%SZ}'" for time in (begins, ends))
    sql = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 BETWEEN {first} AND {last}", sql)
    sql = sql.replace("$__timeFrom()", first).replace("$__timeTo()", last)
    for name, chosen in values.items():
        quoted = ",".join("'" + value.replace("'", "''") + "'" for value in chosen)
        sql = sql.replace(f"${{{name}:sqlstring}}", quoted)
    assert "$" not in sql
    return sql


@pytest.fixture(scope="module")
def ask(postgres_demo):
    """Yield a function that runs a query of a dashboard on the demo in PostgreSQL, and returns the rows as mappings.

    A filter that the call does not set has all of its values, as when Grafana opens a dashboard.
    """
    with asking(postgres_demo, "America/St_Johns") as connection:
        everything = {each.name: connection.exec_driver_sql(each.sql).scalars().all() for each in FILTERS}
        assert all(everything.values())

        def answer(sql, **values):
            return connection.exec_driver_sql(as_grafana(sql, everything | values)).mappings().all()

        yield answer


def titled(title):
    (chart,) = [chart for chart in (*FLEET, *AUDIT) if chart.title == title]
    return chart.sql


def queries():
    """Yield a pair for each panel and alert rule in the files: the text `FILE: TITLE`, and the SQL."""
    for name, content in files().items():
        made = json.loads(content)
        for panel in made.get("panels", []):
            yield f"{name}: {panel['title']}", panel["targets"][0]["rawSql"]
        for rule_ in made["groups"][0]["rules"] if "groups" in made else []:
            yield f"{name}: {rule_['title']}", rule_["data"][0]["model"]["rawSql"]


@pytest.mark.parametrize(("title", "sql"), [*queries()])
def test_postgresql_answers_every_query_in_the_files(title, sql, ask):
    rows = ask(sql)
    may_be_empty = {"audit.json: Acts of operators", "alerts.json: Yesterday is not wholly known"}
    assert rows or title in may_be_empty, title
    if re.search(r" AS time\b", sql):
        assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)


def test_the_numbers_are_those_of_the_views(ask):
    (live,) = ask("SELECT count(*) AS machines, sum(gpu_count) AS gpus FROM live_instances WHERE presence = 'live'")
    assert [row["machines"] for row in ask(titled("Machines now"))] == [live["machines"]]
    assert [row["gpus"] for row in ask(titled("GPUs now"))] == [live["gpus"]]
    (hours,) = ask("SELECT sum(gpu_hours) AS hours FROM fleet_daily")
    shown = sum(row["gpu_hours"] or 0 for row in ask(titled("GPU hours by day and region")))
    assert shown == pytest.approx(hours["hours"])
    (events,) = ask("SELECT count(*) AS n FROM instance_events WHERE event IN ('appeared', 'reappeared')")
    assert sum(row["machines"] for row in ask(titled("Creations by creator"))) == events["n"]


def test_the_age_of_the_record_does_not_depend_on_the_time_zone_of_the_server(ask):
    (newest,) = ask("SELECT max(started_at) AS at FROM sync_runs WHERE complete")
    (age,) = ask(titled("Age of the record"))
    assert float(age["seconds"]) == pytest.approx((datetime.now(UTC) - newest["at"]).total_seconds(), abs=120)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_retired_account_fires_no_alert_and_does_not_age_the_record(world):
    world.put(*ids(31))
    world.run()
    world.remove(*ids(31))
    world.run()  # they are held
    world.faults.add(Status(500), times=None)
    for _ in range(3):
        world.run()

    def firing():
        with reading(world.engine) as connection:
            answers = {each.uid: (connection.exec_driver_sql(each.sql), each.above) for each in ALERTS}
            return {uid for uid, (rows, above) in answers.items() if any(number > above for _, number in rows)}

    def age():
        return world.one(as_grafana(titled("Age of the record"), {"account": ["default"]}))

    assert firing() == {each.uid for each in ALERTS}
    assert age() > 0
    retire(world.engine, "default", lease_seconds=60)
    assert firing() == set()
    assert age() is None


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_the_machines_of_a_retired_account_do_not_count_as_there_now(world):
    values = {"account": ["default"], "creator": ["(not given)"], "type": ["gpu_8x_h100_sxm5"], "region": ["us-west"]}

    def now():
        return [world.one(as_grafana(titled(title), values)) for title in ("Machines now", "GPUs now", "Missing")]

    world.put(*ids(31))
    world.run()
    world.remove(*ids(30))
    world.run()  # they are held
    assert now() == [1, 8, 30]
    assert len(world.rows(as_grafana(titled("Freshness"), values))) == 1
    retire(world.engine, "default", lease_seconds=60)
    assert now() == [0, 0, 0]
    assert world.rows(as_grafana(titled("Freshness"), values)) == []


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_what_ended_just_when_the_period_begins_is_not_shown_in_it(world):
    values = {"account": ["default"], "creator": ["ada"], "type": ["gpu_8x_h100_sxm5"], "region": ["us-west"]}
    world.put("a", creator_user_nickname="ada")
    world.run()
    world.remove("a")
    world.run(clock=lambda: hour(50))  # a gap and a life end
    world.run(clock=lambda: hour(51))
    for begins, number in ((hour(50) - timedelta(seconds=1), 1), (hour(50), 0)):
        for title in ("Gaps", "Longest gaps", "GPU hours by creator"):
            rows = world.rows(as_grafana(titled(title), values, begins, hour(51)))
            assert len([row for row in rows if None not in row]) == number, (title, begins)


@rule("observed-share")
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_yesterday_is_unknown_as_far_as_it_lies_in_gaps_and_only_of_accounts_in_use(world):
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    # for each account: its complete runs, in hours after yesterday 00:00, and the interval of its schedule, in hours
    runs = {
        "steady": ((-12, 0, 12, 24), 12),
        "new": ((12, 24), 12),  # the account began at noon
        "daily": ((-12, 12), 24),  # today's run has not come yet
        "broken": ((-1, 0, 6, 7), 1),
        "stopped": ((-1, 0), 1),
        "late": ((18,), 1),  # it has no later run
        "retired": ((0, 6), 1),
    }
    for account, (hours, interval) in runs.items():
        for at in hours:
            time = midnight + timedelta(hours=at - 24)
            world.run(account=account, clock=lambda time=time: time, expected_seconds=3600 * interval)
    retire(world.engine, "retired", lease_seconds=60)
    (alert,) = [each for each in ALERTS if each.uid == "inventory-observed"]
    with reading(world.engine) as connection:
        connection.exec_driver_sql("SET LOCAL TIME ZONE 'America/St_Johns'")
        found = {account: float(unknown) for account, unknown in connection.exec_driver_sql(alert.sql)}
    assert found == pytest.approx({"broken": (6 + 17) / 24, "stopped": 1, "late": 6 / 24})


@rule("observed-share")
def test_the_audit_shows_how_much_of_the_period_is_known(ask):
    (share,) = ask(titled("Observed share"))
    days = [row["share"] for row in ask(titled("Observed share by day"))]
    assert len(days) == DEMO_DAYS + 1
    assert 0 < share["share"] < 1
    assert share["share"] == pytest.approx(sum(days) / len(days))


def test_a_filter_leaves_only_what_was_chosen_whatever_is_in_its_value(ask):
    table = titled("Who created what")
    (first, *_) = ask(table)
    chosen = ask(table, creator=[first["creator_user_nickname"] or "(not given)"])
    assert chosen
    assert {row["creator_user_nickname"] for row in chosen} == {first["creator_user_nickname"]}
    assert ask(table, creator=["'); DROP TABLE accounts; --"]) == []


@pytest.mark.parametrize("name", ["fleet.json", "audit.json"])
def test_no_panel_lies_on_another_and_none_names_a_data_source(name):
    made = json.loads(files()[name])
    places = [panel["gridPos"] for panel in made["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, two in combinations(places, 2):
        apart_x = one["x"] + one["w"] <= two["x"] or two["x"] + two["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= two["y"] or two["y"] + two["h"] <= one["y"]
        assert apart_x or apart_y, (one, two)
    assert len({panel["id"] for panel in made["panels"]}) == len(places)
    assert set(re.findall(r'"uid": "([^"]+)"', files()[name])) == {"${datasource}", made["uid"]}


def test_the_command_writes_the_files_and_no_password(tmp_path):
    run = Command(tmp_path, INVENTORY_DATABASE_URL="postgresql://inventory:hunter2@db/inventory")
    printed = run("dashboards", "grafana").stdout
    assert printed.split() == ["grafana/fleet.json", "grafana/audit.json", "grafana/alerts.json"]
    for name in printed.split():
        assert "hunter2" not in (tmp_path / name).read_text()
        json.loads((tmp_path / name).read_text())
    before = (tmp_path / "grafana" / "fleet.json").read_bytes()
    run("dashboards", "grafana")
    assert (tmp_path / "grafana" / "fleet.json").read_bytes() == before


def test_a_folder_that_cannot_be_made_is_2_in_one_line(tmp_path):
    (tmp_path / "taken").write_text("a file")
    done = Command(tmp_path)("dashboards", "grafana", "--output", "taken", expect=2)
    assert done.stderr.count("\n") == 1
    assert "taken cannot be made" in done.stderr
