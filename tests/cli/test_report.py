"""`inventory report`: the page, opened in a real browser without a network, and compared with the views."""

import os
import re
import shutil
import stat
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
import sqlalchemy as sa

from inventory.cli import main
from inventory.config.database_url import parse_url
from inventory.history import accounts as act
from inventory.history.missing import accept_missing
from inventory.read.creators import list_creators
from inventory.read.queries import instances
from inventory.simulator import Status, on_page
from inventory.store import database
from inventory.store.database import connect
from inventory.store.tables import UTCDateTime
from inventory.whole_file import whole_file
from support.asking import asking
from support.marks import rule
from support.world import hour, ids

pytestmark = pytest.mark.browser

NOW = datetime(2026, 3, 7, 12, tzinfo=UTC)
HOSTILE = (
    "</script><script>document.title='hit'</script>", "<img src=x onerror=\"document.title='hit'\">", "<!--<script>",
    "\u202eevil\x1b[31m", "javascript:document.title='hit'", "${document.title='hit'}", "datum.x", "__proto__",
)  # fmt: skip


@pytest.fixture
def look(browser):
    """Yield a context manager that opens a file in the browser and yields the page.

    The test fails if a page writes to the console, raises an error, or requests anything except its own file.
    """
    complaints = []

    @contextmanager
    def opened(file, **how):
        context = browser.new_context(offline=True, **{"viewport": {"width": 1200, "height": 900}} | how)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: complaints.append(asked.url) if asked.url != file.as_uri() else None)
        page.goto(file.as_uri())
        wait_until_drawn(page)
        yield page
        context.close()

    yield opened
    assert complaints == []


def wait_until_drawn(page):
    page.wait_for_function("[...document.querySelectorAll('.chart')].every((each) => each.dataset.ready === 'yes')")


def extents(page, selector):
    """Return the left and the right edge of each shape that the selector finds, in pixels of the page."""
    boxes = "(shapes) => shapes.map((each) => each.getBoundingClientRect()).map((box) => [box.left, box.right])"
    return page.eval_on_selector_all(selector, boxes)


def run(*words, expect=0):
    with pytest.raises(SystemExit) as ended:
        main([*words])
    assert ended.value.code == expect


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Return a function that takes a database's URL and returns the file of its report. It writes each report once."""

    @cache
    def page(url):
        file = tmp_path_factory.mktemp("pages") / "page.html"
        run("report", "--database", url, "--output", str(file))
        return file

    return page


@pytest.fixture
def written(demo_url, pages):
    """Return the file of the demo's page. Tests must not change it."""
    return pages(demo_url)


def table(page, place):
    """Return the rows of the table at this CSS selector, the heading first, as lists of texts."""
    return page.eval_on_selector_all(
        f"{place} tr", "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
    )


def figures(page):
    return dict(
        page.eval_on_selector_all(
            "#figures > div", "(all) => all.map((each) => [...each.children].map((c) => c.textContent))"
        )
    )


def open_table(page, chart):
    """Open the table below a chart, and wait for its rows. Return them in the form of `table`."""
    place = f"details[data-table='{chart}']"
    page.click(f"{place} summary")
    page.wait_for_selector(f"{place} td")
    return table(page, place)


def svg(page, chart):
    return page.eval_on_selector(f"#{chart} svg", "(drawing) => drawing.outerHTML")


def test_the_page_is_drawn_without_an_error_and_without_a_request(written, look):
    with look(written) as page:
        assert page.title() == "Fleet report"
        for chart in ("fleet", "gpus", "hours", "lifetimes"):
            assert len(re.findall(r"<path", svg(page, chart))) > 5, chart
            assert len(open_table(page, chart)) > 3, chart


def test_the_numbers_of_the_page_are_those_of_the_views(written, demo_url, look):
    days = sa.text("SELECT day, sum(gpu_hours) FROM fleet_daily GROUP BY day ORDER BY day DESC")
    with asking(demo_url) as connection:
        live = list(instances(connection, presence="live"))
        known = list_creators(connection)
        daily = connection.execute(days).all()
    with look(written) as page:
        shown = figures(page)
        assert (shown["live now"], shown["GPUs live now"]) == (
            str(len(live)),
            str(sum(row["gpu_count"] for row in live)),
        )
        assert shown["created"] == str(sum(row["instances_created"] for row in known))
        rows = table(page, "#creators")[1:]
        assert sorted((row[0], int(row[1]), int(row[2]), int(row[3]), row[-1]) for row in rows) == sorted(
            (
                row["creator_user_nickname"] or "not known", row["instances_created"], row["created_before_watch"],
                row["live_now"], f"{row['gpu_hours_low']:,.1f}",
            )
            for row in known
        )  # fmt: skip
        assert [(row[0], row[-1]) for row in open_table(page, "hours")[1:]] == [
            (str(day), f"{hours:,.1f}") for day, hours in daily
        ]


def test_nothing_is_drawn_across_a_gap(written, demo_url, look):
    question = sa.text("SELECT gap_start, gap_end FROM sync_gaps ORDER BY gap_start DESC")
    typed = question.columns(gap_start=UTCDateTime(), gap_end=UTCDateTime())
    with asking(demo_url) as connection:
        gaps = connection.execute(typed).all()
    assert [end is None for _, end in gaps] == [True, False, False]
    with look(written) as page:
        rows = open_table(page, "fleet")[1:]
        holes = [(row[0], row[-1]) for row in rows if row[-1].startswith("not observed")]
        assert [start for start, _ in holes] == [str(start)[:16] for start, _ in gaps]
        for start, end in gaps:
            assert [row for row in rows if str(start)[:16] < row[0] < (str(end)[:16] if end else "9")] == []
        areas = page.evaluate(
            "() => fleet(chosen(filter()), watched(filter())).rows.map((row) => row.stretch).filter("
            "(each, i, all) => each !== all[i - 1]).length"
        )
        assert areas == 3  # one before the two closed gaps, one between them, one after them
        for chart in ("#fleet", "#gpus"):
            drawn, unwatched = (extents(page, f"{chart} .mark-{mark} path") for mark in ("area", "rect"))
            assert len(unwatched) == 3
            assert len(drawn) >= 3
            overlaps = [min(right, end) - max(left, start) for left, right in drawn for start, end in unwatched]
            assert max(overlaps) < 0.5, chart  # pixels
        assert [row[0] for row in table(page, "#gaps")[1:]] == [str(start)[:16] for start, _ in gaps]


@rule("observed-share")
def test_the_page_says_how_much_of_each_month_is_known(written, demo_url, look):
    begun = "SELECT min(started_at) AS started_at FROM sync_runs WHERE complete"
    known = (
        "SELECT sum(observed_seconds), max(longest_interval_seconds), sum(complete_runs), sum(failed_runs) "
        "FROM observation_daily WHERE day BETWEEN '2026-03-01' AND '2026-03-31'"
    )
    with asking(demo_url) as connection:
        first = connection.scalar(sa.text(begun).columns(started_at=UTCDateTime()))
        seconds, longest, complete, failed = connection.execute(sa.text(known)).one()
    share = seconds / (datetime(2026, 4, 1, tzinfo=UTC) - first).total_seconds()
    assert 0.05 < share < 0.15  # the demo covers about four days of the month
    with look(written) as page:
        heading, *rows = table(page, "#observed")
        assert heading == ["month", "observed", "longest interval", "complete runs", "failed runs"]
        assert rows[-1] == [
            "2026-03",
            f"{int(share * 1000) / 10} %",
            f"{longest / 3600:.1f} h",
            str(complete),
            str(failed),
        ]
        assert {row[1] for row in rows[:-1]} == {"0.0 %"}  # there is no run in the later months


def test_a_filter_changes_the_charts_and_the_numbers(written, demo_url, look):
    with asking(demo_url) as connection:
        someone = next(row for row in list_creators(connection) if row["creator_user_nickname"] and row["live_now"])
        name = someone["creator_user_nickname"]
        of_both = list(instances(connection, presence="live", creator=name))
    with look(written) as page:
        before = svg(page, "fleet"), svg(page, "hours"), figures(page)
        page.select_option("select[name=creator]", label=name)
        wait_until_drawn(page)
        assert svg(page, "fleet") != before[0]
        assert svg(page, "hours") != before[1]
        assert figures(page)["live now"] == str(someone["live_now"])
        assert [row[0] for row in table(page, "#creators")[1:]] == [name]
        assert {row[5] for row in table(page, "#changes")[1:]} == {name}
        page.select_option("select[name=type]", label="gpu_1x_h100_sxm5")
        wait_until_drawn(page)
        wanted = [row for row in of_both if row["instance_type"] == "gpu_1x_h100_sxm5"]
        assert figures(page)["live now"] == str(len(wanted))
        page.click("button[type=reset]")
        page.wait_for_function(
            "(text) => document.querySelector('#figures dd').textContent === text", arg=before[2]["live now"]
        )
        page.fill("input[name=from]", "2026-03-06")
        page.fill("input[name=to]", "2026-03-06")
        wait_until_drawn(page)
        assert {row[0][:10] for row in table(page, "#changes")[1:]} == {"2026-03-06"}
        page.fill("input[name=from]", "2020-01-01")
        page.fill("input[name=to]", "2020-01-02")
        wait_until_drawn(page)
        assert "Nothing was recorded" in page.text_content("#fleet")


def test_a_pointer_over_a_chart_shows_the_numbers_there(written, look):
    with look(written) as page:
        page.hover("#fleet svg", position={"x": 400, "y": 100})
        page.wait_for_selector("#tip", state="visible")
        tip = page.text_content("#tip")
        assert re.match(r"2026-03-0\d \d\d:\d\d\n?gpu_", tip), tip
        assert "together: " in tip


def test_a_period_begins_at_since(demo_url, tmp_path, look):
    file = tmp_path / "page.html"
    run("report", "--database", demo_url, "--output", str(file), "--since", "2026-03-06T12:00Z")
    with look(file) as page:
        assert "begins at 2026-03-06 12:00 UTC" in page.text_content("#notice")
        assert min(row[0] for row in table(page, "#changes")[1:]) >= "2026-03-06 12:00"


def test_a_machine_that_changed_its_type_counts_under_the_type_of_each_time(world, database_url, tmp_path, look):
    world.run()
    world.put("a", instance_type="gpu_1x_h100_sxm5", creator_user_nickname="ada")
    world.run()
    world.run()
    world.put("a", instance_type="gpu_8x_h100_sxm5", creator_user_nickname="ada")
    world.run()
    world.run()
    world.put("a", instance_type="gpu_8x_h100_sxm5", creator_user_nickname="ada", region="eu-north")
    world.run(expected_seconds=1e9)  # so no gap is open
    file = tmp_path / "page.html"
    run("report", "--database", database_url, "--output", str(file))
    with look(file) as page:
        shown = figures(page)
        assert (shown["live now"], shown["GPUs live now"], shown["created"]) == ("1", "8", "1")
        assert shown["GPU hours at least"] == "18"
        assert table(page, "#creators")[1][-2:] == ["4.0", "18.0"]
        heading, *rows = open_table(page, "gpus")
        by_type = [dict(zip(heading, row, strict=True)) for row in rows]
        assert [(row["gpu_1x_h100_sxm5"], row["gpu_8x_h100_sxm5"]) for row in by_type][::-1] == [
            ("0", "0"), ("1", "0"), ("0", "8"), ("0", "8"),
        ]  # fmt: skip
        page.select_option("select[name=type]", label="gpu_1x_h100_sxm5")
        wait_until_drawn(page)
        shown = figures(page)
        assert (shown["live now"], shown["created"], shown["GPU hours at least"]) == ("0", "1", "2")
    run("report", "--database", database_url, "--output", str(file), "--since", "2026-03-06T05:00Z")
    with look(file) as page:
        assert figures(page)["GPU hours at least"] == "8"


def test_a_retired_account_counts_no_machine_after_its_last_complete_run(world, database_url, tmp_path, look):
    """Retire the account `one`. A partial run after its last complete run saw `a` with another type, and `b` as new."""
    world.put("a")
    world.run(account="one")
    world.run(account="two")
    world.put("b")
    world.put("a", instance_type="gpu_1x_h100_sxm5")
    world.put("c")
    world.faults.add(Status(500), when=on_page(3), times=None)
    assert world.run(account="one", page_size=1).status == "partial"
    world.faults.clear()
    act.retire(world.engine, "one", lease_seconds=60)
    world.remove("b", "c")
    world.put("a")
    world.run(account="two", expected_seconds=1e9)
    world.run(account="two", expected_seconds=1e9)
    file = tmp_path / "page.html"
    run("report", "--database", database_url, "--output", str(file))
    with look(file) as page:
        _, *rows = open_table(page, "fleet")
        shown = [" ".join(row[1:]) for row in rows]
        assert shown == ["1 0 1", "1 0 1", "1 0 1", "0 0 0", "1 0 1"]  # the newest first


@pytest.mark.parametrize("since", [None, "2026-03-06"])
def test_a_fleet_too_large_for_a_page_is_shown_as_totals_of_the_whole_fleet(
    demo_url, tmp_path, look, monkeypatch, since
):
    words = ["report", "--database", demo_url, *(["--since", since] if since else []), "--output"]
    run(*words, str(tmp_path / "all.html"))
    monkeypatch.setattr(import_module("inventory.report.gather"), "MOST_STRETCHES", 20)
    run(*words, str(tmp_path / "totals.html"))

    def read(file):
        with look(tmp_path / file) as page:
            heading, *fleet = open_table(page, "fleet")
            found = (
                figures(page), open_table(page, "hours"), sorted(open_table(page, "lifetimes")),
                sorted(table(page, "#creators")),
            )  # fmt: skip
            return (
                (*found, table(page, "#changes"), table(page, "#gaps"), page.text_content("#lifetimes-note")),
                {row[0]: dict(zip(heading, row, strict=True)) for row in fleet if row[-1].isdigit()},
                page.text_content("#notice"),
                page.is_visible("#filters"),
            )

    whole, fleet, notice, filters = read("all.html")
    assert filters
    assert "cannot be filtered" not in notice
    same, same_fleet, notice, filters = read("totals.html")
    assert not filters
    assert "more than a page can hold" in notice
    assert "cannot be filtered here" in notice
    assert same == whole
    both = fleet.keys() & same_fleet.keys()
    assert len(both) > 10
    assert {at: same_fleet[at] for at in both} == {at: fleet[at] for at in both}


def test_totals_count_instances_that_were_last_seen_before_the_period_under_their_own_type(
    world, database_url, tmp_path, look, monkeypatch
):
    world.put("a", instance_type="gpu_1x_h100_sxm5")
    world.put(*ids(20), instance_type="gpu_4x_rare")
    world.run()
    world.remove(*ids(20))
    for number in (25, 49, 50):
        world.run(clock=lambda number=number: hour(number), expected_seconds=1e9)  # so no gap is open
    assert world.held() == {*ids(20)}
    words = ["report", "--database", database_url, "--since", "2026-03-08", "--output"]
    run(*words, str(tmp_path / "all.html"))
    monkeypatch.setattr(import_module("inventory.report.gather"), "MOST_STRETCHES", 0)
    run(*words, str(tmp_path / "totals.html"))
    for file in ("all.html", "totals.html"):
        with look(tmp_path / file) as page:
            heading, newest, *_ = open_table(page, "fleet")
            assert dict(zip(heading, newest, strict=True)) == {
                "time": "2026-03-08 02:00", "gpu_1x_h100_sxm5": "1", "gpu_4x_rare": "20", "together": "21",
            }  # fmt: skip


def test_totals_of_a_period_after_the_last_run_are_a_page_that_says_that_nothing_was_recorded(
    world, database_url, tmp_path, look, monkeypatch
):
    world.put("a", "b")
    world.run()
    monkeypatch.setattr(import_module("inventory.report.gather"), "MOST_STRETCHES", 0)
    file = tmp_path / "page.html"
    run("report", "--database", database_url, "--since", "2026-03-09", "--output", str(file))
    with look(file) as page:
        assert "more than a page can hold" in page.text_content("#notice")
        assert "Nothing was recorded" in page.text_content("#fleet")
        assert figures(page)["live now"] == "2"


def test_a_page_of_totals_lists_only_the_busiest_of_many_creators_and_says_so(sqlite_demo, tmp_path, look, monkeypatch):
    monkeypatch.setattr(import_module("inventory.report.gather"), "MOST_STRETCHES", 20)
    monkeypatch.setattr("inventory.report.totals.MOST_CREATORS", 2)
    file = tmp_path / "page.html"
    run("report", "--database", f"sqlite:///{sqlite_demo}", "--output", str(file))
    with asking(f"sqlite:///{sqlite_demo}") as connection:
        known = list_creators(connection)
    with look(file) as page:
        assert f"The 2 of {len(known)} with most GPU hours." in page.text_content("#creators-cut")
        assert [row[0] for row in table(page, "#creators")[1:]] == [
            row["creator_user_nickname"] or "not known" for row in known[:2]
        ]
        assert figures(page)["created"] == str(sum(row["instances_created"] for row in known))


def test_the_page_fits_light_and_dark_schemes_a_phone_and_paper(sqlite_demo, tmp_path, look):
    file = tmp_path / "page.html"
    run("report", "--database", f"sqlite:///{sqlite_demo}", "--output", str(file))
    grounds = []
    for scheme in ("light", "dark"):
        with look(file, color_scheme=scheme) as page:
            grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(set(grounds)) == 2
    with look(file, viewport={"width": 360, "height": 740}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == 360
    with look(file) as page:
        page.emulate_media(media="print")
        assert not page.is_visible("#filters button")
        assert page.is_visible("#fleet svg")


@rule("text-from-the-api-is-only-text")
def test_strings_from_the_api_are_text_and_nothing_else(world, database_url, tmp_path, look):
    for number, text in enumerate(HOSTILE):
        world.put(f"h{number}", creator_user_nickname=text, instance_type=text, region=text, **{text: text})
    world.run()
    for number, text in enumerate(HOSTILE):
        world.put(f"h{number}", creator_user_nickname=text, instance_type=text, status=text)
    world.run()
    file = tmp_path / "page.html"
    run("report", "--database", database_url, "--output", str(file))
    assert not {"\u202e", "\x1b"} & set(
        file.read_text(encoding="utf-8").rpartition('<script type="application/json"')[2]
    )
    with look(file) as page:
        assert page.title() == "Fleet report"
        names = [row[0] for row in table(page, "#creators")[1:]]
        assert {"</script><script>document.title='hit'</script>", "__proto__", r"\u202eevil\x1b[31m"} <= set(names)
        for name in names:
            page.select_option("select[name=creator]", label=name)
            wait_until_drawn(page)
            assert figures(page)["live now"] == "1"
        for details in page.query_selector_all("details"):
            details.query_selector("summary").click()
        page.hover("#lifetimes")
        assert page.title() == "Fleet report"


@rule("acts-have-an-actor-and-a-reason")
def test_what_operators_did_is_listed_with_who_and_why(world, database_url, tmp_path, look):
    world.put("a", "b")
    world.run()
    world.run(account="other")
    world.remove("a", "b")
    world.run(key="another:key")
    file = tmp_path / "page.html"
    run("report", "--database", database_url, "--output", str(file))
    with look(file) as page:
        assert page.is_hidden("#acts-section")
    long = "because " * 120 + "of this"
    act.rename(world.engine, "default", "second", lease_seconds=60, clock=lambda: hour(4))
    act.rename(world.engine, "second", "default", reason="one name a team", lease_seconds=60, clock=lambda: hour(5))
    accept_missing(world.engine, "default", reason=long, lease_seconds=60, clock=lambda: hour(30))
    act.retire(world.engine, "other", reason=HOSTILE[0] + HOSTILE[3], lease_seconds=60, clock=lambda: hour(31))
    run("report", "--database", database_url, "--output", str(file))
    text = file.read_text(encoding="utf-8").rpartition('<script type="application/json"')[2]
    assert not {"\u202e", "\x1b"} & {*text}
    with look(file) as page:
        heading, *rows = table(page, "#acts")
        assert heading == ["time", "account", "action", "what", "actor", "reason"]
        assert [(*row[:4], row[5]) for row in rows] == [
            ("2026-03-07 07:00", "other", "retire", "no longer synced", HOSTILE[0] + r"\u202eevil\x1b[31m"),
            ("2026-03-07 06:00", "default", "accept", "2 instances settled as vanished", long),
            ("2026-03-06 05:00", "default", "rename", "second is now default", "one name a team"),
            ("2026-03-06 04:00", "default", "rename", "default is now second", "none given"),
        ]
        assert all(f"(uid {os.geteuid()})" in row[4] for row in rows)
        assert page.title() == "Fleet report"
        page.fill("input[name=from]", "2026-03-07")
        wait_until_drawn(page)
        assert [row[2] for row in table(page, "#acts")[1:]] == ["retire", "accept"]
        page.select_option("select[name=account]", label="other")
        wait_until_drawn(page)
        assert [row[2] for row in table(page, "#acts")[1:]] == ["retire"]
    run("report", "--database", database_url, "--output", str(file), "--since", "2026-03-07T06:30Z")
    with look(file) as page:
        assert [row[2] for row in table(page, "#acts")[1:]] == ["retire"]


def test_the_policy_allows_no_other_script_and_no_request(sqlite_demo, tmp_path, browser):
    file = tmp_path / "page.html"
    run("report", "--database", f"sqlite:///{sqlite_demo}", "--output", str(file))
    text = file.read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert "unsafe" not in re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    file.write_text(
        text.replace("</main>", "<script>document.title = 'hit'</script><img src='http://127.0.0.1:9/x'></main>")
    )
    context = browser.new_context(offline=True)
    page = context.new_page()
    answered, refused = [], []
    page.on("response", lambda response: answered.append(response.url))
    page.on("requestfailed", lambda request: refused.append((request.url, request.failure)))
    page.goto(file.as_uri())
    wait_until_drawn(page)
    assert page.title() == "Fleet report"
    assert page.evaluate("() => fetch('http://127.0.0.1:9/').then(() => 'came', () => 'refused')") == "refused"
    assert answered in ([], [file.as_uri()])
    assert refused == [("http://127.0.0.1:9/x", "csp")]  # no event for the refused fetch
    context.close()


def test_an_empty_database_has_a_page_too(world, database_url, tmp_path, look):
    file = tmp_path / "page.html"
    run("report", "--database", database_url, "--output", str(file))
    with look(file) as page:
        assert "No complete run is on record" in page.text_content("#fresh")
    world.run()
    run("report", "--database", database_url, "--output", str(file))
    with look(file) as page:
        assert "Nothing was recorded" in page.text_content("#fleet")


COUNT_TO = "WITH RECURSIVE n (number) AS (SELECT {} UNION ALL SELECT number + 1 FROM n WHERE number < {})"
HOUR = "strftime('%Y-%m-%d %H:00:00.000000', '2026-03-06', '+' || ({}) || ' hours')"
LIFE = """
, life AS (
    SELECT printf('inst_%06d', number) AS instance_id, number % 8 + 1 AS gpu_count,
        'person-' || (number % 200) AS creator, 1 + number * 7919 % 7960 AS born,
        2 + number * 7919 % 7960 + number * 104729 % 799 AS died
    FROM n
)
"""
YEAR = (
    f"INSERT INTO accounts (account, created_at, last_complete_run_id) VALUES ('default', {HOUR.format(0)}, 8760)",
    f"""
    INSERT INTO sync_runs (
        run_id, account, "trigger", status, started_at, heartbeat_at, complete, api_url, version, previous_complete_at
    )
    {COUNT_TO.format(1, 8760)}
    SELECT number, 'default', 'manual', 'succeeded', {HOUR.format("number")}, {HOUR.format("number")}, 1, '', '',
        CASE WHEN number > 1 THEN {HOUR.format("number - 1")} END
    FROM n
    """,
    f"""
    INSERT INTO instance_state (
        account, instance_id, instance_type, gpu_count, creator_user_nickname, episode_creator, presence,
        first_seen_at, vanished_at, episodes, versions, seen_run_id, row_hash, version_hash
    )
    {COUNT_TO.format(0, 99_999)} {LIFE}
    SELECT 'default', instance_id, 'gpu_' || gpu_count || 'x_h100', gpu_count, creator, creator, 'vanished',
        {HOUR.format("born")}, {HOUR.format("died")}, 1, 1, died - 1, x'', x''
    FROM life
    """,
    f"""
    INSERT INTO instance_versions (
        account, instance_id, instance_type, gpu_count, creator_user_nickname, episode_creator, episode,
        valid_from, valid_to, opened_by_run_id, closed_by_run_id, opened_as, closed_as, last_seen_at
    )
    {COUNT_TO.format(0, 99_999)} {LIFE}
    SELECT 'default', instance_id, 'gpu_' || gpu_count || 'x_h100', gpu_count, creator, creator, 1,
        {HOUR.format("born")}, {HOUR.format("died")}, born, died, 'appeared', 'vanished', {HOUR.format("died - 1")}
    FROM life
    """,
)


def test_a_hundred_thousand_episodes_make_less_than_five_megabytes(tmp_path, migrated_sqlite, look):
    """The history is a year of hourly runs, in which 100,000 instances appear and vanish."""
    file = tmp_path / "year.db"
    shutil.copyfile(migrated_sqlite, file)
    engine = connect(parse_url(f"sqlite:///{file}"))
    with database.writing(engine) as connection:
        for statement in YEAR:
            connection.exec_driver_sql(statement)
    engine.dispose()
    written = tmp_path / "page.html"
    run("report", "--database", f"sqlite:///{file}", "--output", str(written))
    assert written.stat().st_size < 5_000_000
    with look(written) as page:
        assert figures(page)["vanished"] == "100,000"
        before = svg(page, "fleet")
        page.select_option("select[name=creator]", label="person-7")
        wait_until_drawn(page)
        assert svg(page, "fleet") != before
        assert figures(page)["vanished"] == "500"


# Where the page is written


@pytest.mark.parametrize("output", ["nowhere/page.html", ".", "/dev/full/x", "x" * 300])
def test_a_file_that_cannot_be_written_is_reported_before_the_work(output, tmp_path, capsys):
    run("report", "--database", f"sqlite:///{tmp_path / 'none.db'}", "--output", output, expect=2)
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "Name a" in err


def test_an_existing_file_stays_if_the_work_fails(tmp_path, capsys):
    file = tmp_path / "page.html"
    file.write_text("the old page")
    run("report", "--database", f"sqlite:///{tmp_path / 'none.db'}", "--output", str(file), expect=7)
    assert "There is no database" in capsys.readouterr().err

    def stopped():
        with whole_file(file) as opened:
            opened.write("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert file.read_text() == "the old page"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("output", "why"),
    [("history.db", "a SQLite database"), ("link", "a SQLite database"), ("fifo", "regular"), ("-", "stdout")],
)  # fmt: skip
def test_a_database_a_fifo_and_stdout_are_never_replaced_by_a_page(output, why, tmp_path, capsys):
    url = f"sqlite:///{tmp_path / 'history.db'}"
    run("db", "upgrade", "--database", url)
    os.mkfifo("fifo")
    Path("link").symlink_to("history.db")
    before = {each: each.lstat().st_mode for each in tmp_path.iterdir()}
    capsys.readouterr()
    run("report", "--database", url, "--output", output, expect=2)
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), why in err, "Name another file" in err) == ("", 1, True, True)
    assert {each: each.lstat().st_mode for each in tmp_path.iterdir()} == before
    run("list", "--database", url)


def test_a_new_page_keeps_the_permissions_of_the_old_one_and_a_link_stays_a_link(tmp_path):
    folder, link = tmp_path / "www", tmp_path / "link.zip"
    folder.mkdir()
    link.symlink_to("www/fleet.zip")
    bundle = ("dashboards", "superset", "--database-uri", "sqlite:////a.db", "--output", str(link))
    run(*bundle)
    written = folder / "fleet.zip"
    content = written.read_bytes()
    written.write_text("old")
    written.chmod(0o600)
    run(*bundle)
    assert (written.read_bytes(), stat.S_IMODE(written.stat().st_mode)) == (content, 0o600)
    assert (link.is_symlink(), list(folder.iterdir())) == (True, [written])


def test_report_names_the_remedy_for_a_missing_library_and_a_demo_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("inventory.config.extras.find_spec", lambda _: None)
    run("report", "--database", f"sqlite:///{tmp_path / 'none.db'}", expect=2)
    assert "pip install '.[report]' from a checkout" in capsys.readouterr().err
    (tmp_path / "demo.html").write_text("my own page")
    run("demo", "--days", "1")
    assert "pip install '.[report]' from a checkout" in capsys.readouterr().err
    assert (tmp_path / "demo.html").read_text() == "my own page"


def test_a_demo_ends_by_writing_the_page_and_replaces_only_pages_of_its_own(tmp_path, capsys):
    for _ in range(2):
        run("demo", "--days", "1", "--database", "sqlite:///my.db")
        assert "open my.html in a browser" in capsys.readouterr().out
    assert "Fleet report" in (tmp_path / "my.html").read_text(encoding="utf-8")
    (tmp_path / "my.html").write_text("my own page")
    run("demo", "--days", "1", "--database", "sqlite:///my.db", expect=2)
    assert "my.html is no page of inventory" in capsys.readouterr().err
    assert (tmp_path / "my.html").read_text() == "my own page"


def test_a_demo_refuses_a_database_with_the_name_of_its_page(tmp_path, capsys):
    run("demo", "--days", "1", "--database", "sqlite:///d.html", expect=2)
    assert "d.html would be the database and the page" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_times_of_the_page_are_whole_microseconds():
    from inventory.report.values import micros

    assert micros(datetime(2026, 3, 6, 1, 2, 3, 456789, tzinfo=UTC)) == 1772758923456789
    assert micros(datetime(1970, 1, 1, tzinfo=UTC) - timedelta(microseconds=1)) == -1
