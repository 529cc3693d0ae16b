"""`inventory dashboards superset`: the files in the bundle for Superset, and that they hold no password.

`make superset` imports such a bundle into a real Superset.
"""

import json
import zipfile
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from inventory.dashboards.superset import ROOT
from inventory.dashboards.superset_charts import AUDIT, FILTERS, FLEET, METRICS, TIME_COLUMNS
from inventory.store.catalogue import RELATIONS
from support.asking import asking
from support.command import Command


@pytest.fixture
def run(tmp_path):
    return Command(tmp_path)


def bundle(path):
    """Return a dict from the path of each file, below the root folder of the bundle, to its parsed JSON."""
    with zipfile.ZipFile(path) as archive:
        return {name.removeprefix(f"{ROOT}/"): json.loads(archive.read(name)) for name in archive.namelist()}


@pytest.fixture
def files(run, tmp_path):
    run("dashboards", "superset", "--output", "fleet.zip", "--database-uri", "postgresql+psycopg2://bi@db/inventory")
    return bundle(tmp_path / "fleet.zip")


def test_every_part_refers_to_parts_that_are_in_the_bundle(files):
    datasets = {content["uuid"]: content for name, content in files.items() if name.startswith("datasets/")}
    charts = {content["uuid"]: content for name, content in files.items() if name.startswith("charts/")}
    dashboards = [content for name, content in files.items() if name.startswith("dashboards/")]
    assert len(charts) == len(FLEET) + len(AUDIT)
    assert {each["database_uuid"] for each in datasets.values()} == {files["databases/inventory.yaml"]["uuid"]}
    assert {each["dataset_uuid"] for each in charts.values()} <= datasets.keys()
    placed = {
        part["meta"]["uuid"] for each in dashboards for part in each["position"].values()
        if isinstance(part, dict) and part["type"] == "CHART"
    }  # fmt: skip
    assert placed == charts.keys()
    for dashboard in dashboards:
        filters = dashboard["metadata"]["native_filter_configuration"]
        assert [each["name"] for each in filters] == ["Period", "Account", "Creator", "Type", "Region"]
        for each in filters[1:]:
            (target,) = each["targets"]
            assert target["column"]["name"] in {
                column["column_name"] for column in datasets[target["datasetUuid"]]["columns"]
            }


def test_the_datasets_have_the_columns_and_meanings_of_the_catalogue(files):
    relations = {relation.name: relation for relation in RELATIONS}
    for name in METRICS:
        made = files[f"datasets/inventory/{name}.yaml"]
        assert [(each["column_name"], each["description"]) for each in made["columns"]] == [
            (column.name, column.meaning) for column in relations[name].columns
        ]
        times = {each["column_name"] for each in made["columns"] if each["is_dttm"]}
        assert made["main_dttm_col"] in {*times, None}
        assert {"started_at", "day", "occurred_at"} & {each.name for each in relations[name].columns} <= times


@pytest.mark.slow
def test_a_period_of_days_has_its_first_day_and_not_the_day_after_it_on_sqlite(files, sqlite_demo):
    """For a type that its SQLite engine does not convert, Superset writes a limit in `python_date_format`.

    The default is '%Y-%m-%d %H:%M:%S.%f'.
    """
    for name in ("observation_daily", "fleet_daily"):
        (day,) = [each for each in files[f"datasets/inventory/{name}.yaml"]["columns"] if each["column_name"] == "day"]
        first, after = (
            datetime(2026, 3, number, tzinfo=UTC).strftime(day["python_date_format"] or "%Y-%m-%d %H:%M:%S.%f")
            for number in (5, 8)
        )
        sql = f"SELECT DISTINCT day FROM {name} WHERE day >= '{first}' AND day < '{after}' ORDER BY day"
        with asking(f"sqlite:///{sqlite_demo}", "UTC") as connection:
            days = connection.exec_driver_sql(sql).scalars().all()
        assert days == ["2026-03-05", "2026-03-06", "2026-03-07"], name


@pytest.mark.slow
def test_both_backends_know_every_column_and_metric(demo_url):
    with asking(demo_url, "UTC") as connection:
        for dataset, metrics in METRICS.items():
            values = ", ".join(sql for sql, _ in metrics.values())
            assert connection.execute(sa.text(f"SELECT {values} FROM {dataset}")).one()
        for chart in (*FLEET, *AUDIT):
            columns = [*chart.by, *([chart.order] if chart.order else []), *(name for name, _ in chart.where)]
            names = ", ".join([*columns, *filter(None, [TIME_COLUMNS.get(chart.dataset)])]) or "1"
            connection.execute(sa.text(f"SELECT {names} FROM {chart.dataset} LIMIT 1"))
            assert set(chart.metrics) <= METRICS[chart.dataset].keys()
        for _, column, dataset in FILTERS:
            assert connection.execute(sa.text(f"SELECT DISTINCT {column} FROM {dataset}")).all()


@pytest.mark.medium
@pytest.mark.parametrize(
    ("words", "uri"),
    [
        ({"uri": "postgresql+psycopg2://bi:hunter2@db/inventory"}, "postgresql+psycopg2://bi:XXXXXXXXXX@db/inventory"),
        ({"INVENTORY_DATABASE_URL": "postgresql://bi:hunter2@db/inventory"}, "postgresql+psycopg2://bi:XXXXXXXXXX@db/inventory"),
        ({"INVENTORY_DATABASE_URL": "sqlite:////srv/fleet.db"}, "sqlite:///file:/srv/fleet.db?mode=ro&uri=true"),
        ({"uri": "sqlite:///file:/srv/my%20fleet.db?uri=true&mode=ro"}, "sqlite:///file:/srv/my%20fleet.db?uri=true&mode=ro"),
        ({"uri": "postgresql://bi@db/inventory?sslpassword=hunter2"}, "postgresql://bi@db/inventory?sslpassword=XXXXXXXXXX"),
        ({"uri": "postgresql://bi@db/inventory?token=hunter2"}, "postgresql://bi@db/inventory?token=XXXXXXXXXX"),
        ({"uri": "postgresql://bi@db/inventory?sslmode=require&apw=hunter2"}, "postgresql://bi@db/inventory?sslmode=require&apw=XXXXXXXXXX"),
        ({"uri": "postgresql://bi@db/inventory?sslmode=require&hunter2"}, "postgresql://bi@db/inventory?sslmode=require"),
        ({"uri": "mysql://somebody@else/inventory"}, "mysql://somebody@else/inventory"),
    ],
)  # fmt: skip
def test_the_uri_is_the_given_one_or_that_of_the_settings_with_its_password_masked(run, tmp_path, words, uri):
    given = ("--database-uri", words.pop("uri")) if "uri" in words else ()
    printed = run("dashboards", "superset", *given, secrets=("hunter2",), **words).stdout
    assert printed.startswith("superset.zip is complete.")
    assert b"hunter2" not in (tmp_path / "superset.zip").read_bytes()
    files = bundle(tmp_path / "superset.zip")
    assert files["databases/inventory.yaml"]["sqlalchemy_uri"] == uri
    assert "hunter2" not in json.dumps(files)


@pytest.mark.medium
def test_a_second_bundle_is_the_same_and_a_uri_that_is_none_is_2_in_one_line(run, tmp_path):
    run("dashboards", "superset", "--output", "one.zip", "--database-uri", "sqlite:////a.db")
    run("dashboards", "superset", "--output", "two.zip", "--database-uri", "sqlite:////a.db")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    done = run("dashboards", "superset", "--database-uri", "my secret", expect=2, secrets=("my secret",))
    assert (done.stderr.count("\n"), "The URI of the database cannot be read" in done.stderr) == (1, True)
    assert not (tmp_path / "superset.zip").exists()


@pytest.mark.parametrize(
    "words",
    [
        {"uri": "postgresql://bi:hunter2@tailsecret@db/fleet"},
        {"uri": "postgresql://bi:hunter2/tail@secret@db/fleet"},
        {"uri": "postgresql://bi:p?w=tailsecret@db/fleet"},
        {"uri": "postgresql://bi@db/fleet?password=ab&cd=tailsecret"},
        {"uri": "postgresql://bi@db/fleet?tail=cd&sslpassword=ab"},
        {"INVENTORY_DATABASE_URL": "postgresql://bi@db/fleet?password=ab&cd=tailsecret"},
    ],
)
def test_a_uri_whose_password_has_no_certain_end_is_2_and_nothing_is_written(run, tmp_path, words):
    given = ("--database-uri", words.pop("uri")) if "uri" in words else ()
    done = run("dashboards", "superset", *given, expect=2, secrets=("hunter2", "tail", "secret"), **words)
    assert (done.stderr.count("\n"), "it is not certain where a password in it ends" in done.stderr) == (1, True)
    assert not (tmp_path / "superset.zip").exists()
