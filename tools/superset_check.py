"""Import the Superset bundle into a real Superset, and ask every chart for its data: `make superset`.

    python tools/superset_check.py [FOLDER]

It makes an environment for Superset in the folder, or uses the one that is there. Without a FOLDER, it makes a
temporary folder, which stays. It starts a PostgreSQL, or uses the one at TEST_DATABASE_URL. For each backend it fills
a database with a demo, imports the bundle once in Superset's page and twice over REST, and asks each chart for its
data. It compares some numbers, and those of a period of three days, with the database. It writes a screenshot of each
dashboard to build/superset. It needs the package registry and a Chromium.
"""

import os
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from socket import socket
from tempfile import mkdtemp
from typing import Any

import httpx
import sqlalchemy as sa

from inventory.config.database_url import parse_url
from inventory.dashboards.superset import superset_uri
from inventory.demo import demo
from inventory.store import database

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.browser import chromium  # noqa: E402 - found in the folder of the tests
from support.postgres import server  # noqa: E402

LIBRARIES = ("apache-superset==6.1.*", "rich", "cachetools", "flask-caching<2.4", "psycopg2-binary")
PICTURES = ROOT / "build" / "superset"
USER = {"username": "admin", "password": "admin"}
MAY_BE_EMPTY = {"Acts of operators"}
PATIENCE = 180  # seconds


def main() -> None:
    """Check both backends. The first check that fails ends the program with an error."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else mkdtemp(prefix="superset-"))
    program = folder / "v" / "bin"
    if not (program / "superset").exists():
        print(f"installing {LIBRARIES[0]}", flush=True)
        venv.create(folder / "v", with_pip=True)
        _run(program / "pip", "install", "-q", *LIBRARIES)
    PICTURES.mkdir(parents=True, exist_ok=True)
    with server() as postgres:
        for backend in ("sqlite", "postgresql"):
            with postgres.database() as name, postgres.database() as metadata:
                (folder / "demo.db").unlink(missing_ok=True)
                url = f"sqlite:///{folder / 'demo.db'}" if backend == "sqlite" else postgres.url_of(name)
                demo(url, days=10)
                own = sa.make_url(postgres.url_of(metadata)).set(drivername="postgresql+psycopg2")
                _check(folder, backend, url, own.render_as_string(hide_password=False))


def _check(folder: Path, backend: str, url: str, metadata: str) -> None:
    bundle = folder / "fleet.zip"
    uri = superset_uri(parse_url(url))
    words = ("dashboards", "superset", "--output", str(bundle), "--database-uri", uri)
    _run(sys.executable, "-c", "from inventory.cli import main; main()", *words)
    with _superset(folder, metadata) as api:
        address = str(api.base_url).partition("/api")[0]
        cookies = _log_in(address)
        _import_by_page(address, cookies, bundle)
        for _ in range(2):
            with bundle.open("rb") as file:
                answer = api.post(
                    "dashboard/import/", files={"formData": ("fleet.zip", file, "application/zip")},
                    data={"overwrite": "true", "passwords": "{}"},
                )  # fmt: skip
            _require(answer.status_code == 200, f"the import says {answer.status_code}: {answer.text[:500]}")  # noqa: PLR2004
        query = "(page_size:100)"
        charts = api.get("chart/", params={"q": query}).json()["result"]
        dashboards = api.get("dashboard/", params={"q": query}).json()["result"]
        datasets = api.get("dataset/", params={"q": query}).json()["result"]
        _require(len(dashboards) == 2, f"{len(dashboards)} dashboards after three imports of the same two")  # noqa: PLR2004
        numbers = {}
        for chart in charts:
            answer = api.get(f"chart/{chart['id']}/data/")
            _require(answer.status_code == 200, f"{chart['slice_name']}: {answer.text[:500]}")  # noqa: PLR2004
            (result,) = answer.json()["result"]
            _require(
                result["rowcount"] > 0 or chart["slice_name"] in MAY_BE_EMPTY, f"{chart['slice_name']} has no rows"
            )
            numbers[chart["slice_name"]] = result["data"]
        _compare(url, numbers)
        _check_a_period(url, api, next(each["id"] for each in datasets if each["table_name"] == "fleet_daily"))
        _picture(address, cookies, backend, dashboards)
    counts = f"{len(datasets)} datasets, {len(charts)} charts, {len(dashboards)} dashboards"
    print(f"{backend}: {counts}; all have their data", flush=True)


def _compare(url: str, numbers: dict[str, list[dict[str, Any]]]) -> None:
    """Compare the totals of six charts with the database, and exit with an error if one differs.

    `numbers` has the rows of each chart, by its title.
    """
    engine = database.connect(parse_url(url))
    with database.reading(engine) as connection:
        for title, column, sql in (
            ("Machines now", "machines", "SELECT count(*) FROM live_instances WHERE presence = 'live'"),
            ("GPUs now", "gpus", "SELECT sum(gpu_count) FROM live_instances WHERE presence = 'live'"),
            ("GPU hours by day", "gpu_hours", "SELECT sum(gpu_hours) FROM fleet_daily"),
            ("GPU hours by creator", "gpu_hours", "SELECT sum(gpu_hours_low) FROM instance_episodes"),
            (
                "Creations by creator",
                "events",
                "SELECT count(*) FROM instance_events WHERE event IN ('appeared', 'reappeared')",
            ),
            ("Churn by run", "appeared", "SELECT sum(appeared) FROM sync_runs"),
        ):
            expected = float(connection.exec_driver_sql(sql).scalar_one())
            shown = sum(float(row[column] or 0) for row in numbers[title])
            _require(abs(shown - expected) <= 1e-6 * max(1, expected), f"{title}: {shown}, not {expected}")
    engine.dispose()


def _check_a_period(url: str, api: httpx.Client, dataset: int) -> None:
    """Ask for the GPU hours of three days. Exit with an error if they differ from those in the database."""
    engine = database.connect(parse_url(url))
    with database.reading(engine) as connection:
        sql = "SELECT CAST(day AS TEXT), sum(gpu_hours) FROM fleet_daily GROUP BY day ORDER BY day"
        days = [*connection.exec_driver_sql(sql)]
    engine.dispose()
    (first, _), (after, _) = days[3], days[6]
    query = {
        "columns": ["day"], "metrics": ["gpu_hours"], "row_limit": 100,
        "filters": [{"col": "day", "op": "TEMPORAL_RANGE", "val": f"{first} : {after}"}],
    }  # fmt: skip
    answer = api.post("chart/data", json={"datasource": {"id": dataset, "type": "table"}, "queries": [query]})
    _require(answer.status_code == 200, f"a period: {answer.text[:500]}")  # noqa: PLR2004
    (result,) = answer.json()["result"]
    expected = sum(float(hours) for _, hours in days[3:6])
    shown = sum(float(row["gpu_hours"]) for row in result["data"])
    _require(len(result["data"]) == 3, f"{len(result['data'])} days in a period of three")  # noqa: PLR2004
    _require(abs(shown - expected) <= 1e-6 * expected, f"{shown} GPU hours in a period, not {expected}")


def _log_in(address: str) -> list[Any]:
    """Log in to Superset. Return the cookies of the session, in the form that Playwright's `add_cookies` takes."""
    with httpx.Client(base_url=address, follow_redirects=True, timeout=PATIENCE) as session:
        session.post("/login/", data=USER)
        return [{"name": name, "value": value, "url": address} for name, value in session.cookies.items()]


def _import_by_page(address: str, cookies: list[Any], bundle: Path) -> None:
    """Import the bundle as a person does: in the list of dashboards."""
    with chromium() as browser, closing(browser.new_page(viewport={"width": 1400, "height": 900})) as page:
        page.context.add_cookies(cookies)
        page.goto(f"{address}/dashboard/list/")
        page.click("button:has([aria-label=download])", timeout=PATIENCE * 1000)
        page.set_input_files("input[type=file]", bundle)
        page.click("[data-test=modal-confirm-button]")
        page.wait_for_selector("text=inventory: Fleet", timeout=PATIENCE * 1000)


def _picture(address: str, cookies: list[Any], backend: str, dashboards: list[dict[str, Any]]) -> None:
    with chromium() as browser, closing(browser.new_page(viewport={"width": 1400, "height": 2200})) as page:
        page.context.add_cookies(cookies)
        for dashboard in dashboards:
            page.goto(f"{address}{dashboard['url']}", timeout=PATIENCE * 1000)
            page.wait_for_selector(".dashboard-component-chart-holder", timeout=PATIENCE * 1000)
            page.wait_for_timeout(30_000)
            name = dashboard["dashboard_title"].rpartition(" ")[2].lower()
            page.screenshot(path=PICTURES / f"{backend}-{name}.png")


@contextmanager
def _superset(folder: Path, metadata: str) -> Iterator[httpx.Client]:
    """Start a Superset on an empty database of its own, and yield a client of its REST API."""
    (folder / "superset_config.py").write_text(
        f"SECRET_KEY = 'only for this test: {os.urandom(16).hex()}'\n"
        f"SQLALCHEMY_DATABASE_URI = {metadata!r}\n"
        "PREVENT_UNSAFE_DB_CONNECTIONS = False\nWTF_CSRF_ENABLED = False\nTALISMAN_ENABLED = False\n"
        "RATELIMIT_ENABLED = False\n"
    )
    environment = {**os.environ, "SUPERSET_CONFIG_PATH": str(folder / "superset_config.py"), "FLASK_APP": "superset"}
    program = str(folder / "v" / "bin" / "superset")
    print("starting Superset", flush=True)
    for words in (
        ("db", "upgrade"),
        ("fab", "create-admin", "--firstname", "a", "--lastname", "b", "--email", "a@example.org", *_user()),
        ("init",),
    ):
        _run(program, *words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "superset.log").open("w") as log:
        process = subprocess.Popen(  # noqa: S603
            [program, "run", "-p", str(port), "--with-threads"], env=environment, stdout=log, stderr=log
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1/", timeout=PATIENCE) as api:
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                try:
                    api.get(f"http://127.0.0.1:{port}/health")
                    break
                except httpx.TransportError:
                    _require(process.poll() is None, f"Superset ended: see {folder / 'superset.log'}")
                    time.sleep(1)
            else:
                raise SystemExit(f"Superset did not answer in {PATIENCE} s: see {folder / 'superset.log'}")
            token = api.post("security/login", json={**USER, "provider": "db"}).json()["access_token"]
            api.headers["Authorization"] = f"Bearer {token}"
            yield api
    finally:
        process.terminate()
        process.wait()


def _user() -> tuple[str, ...]:
    return ("--username", USER["username"], "--password", USER["password"])


def _run(*words: Any, **options: Any) -> None:
    subprocess.run([str(word) for word in words], check=True, **options)  # noqa: S603 - words of our own


def _require(true: bool, what: str) -> None:
    if not true:
        raise SystemExit(what)


if __name__ == "__main__":
    main()
