"""The dashboards as one zip that Superset imports. Its YAML files are written as JSON, which is valid YAML.

The UUID of each object follows from its name. So a second import replaces the objects of the first. For the form of the
files see the folders `superset/commands/*/importers` and `superset/examples` of Superset's repository.
"""

import json
import re
import zipfile
from datetime import UTC, datetime
from typing import IO, Any
from urllib.parse import quote, unquote

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from inventory.dashboards.superset_charts import AUDIT, FLEET, METRICS, TIME_COLUMNS, SupersetChart
from inventory.dashboards.superset_layout import VERSION, Json, dashboard, object_uuid
from inventory.errors import UsageError
from inventory.masks import HARMLESS_PARAMETERS, is_clear_url, is_secret_name, looks_like_key
from inventory.store.catalogue import RELATIONS
from inventory.store.kinds import Kind, column_kinds

ROOT = "inventory_superset"
DATABASE = "inventory"
MASK = "XXXXXXXXXX"
"""The text that Superset expects in place of a password. During the import Superset asks for the password."""

_ROWS = 1000
_TYPES: dict[Kind, str] = {
    "text": "TEXT",
    "time": "TIMESTAMP",
    "day": "DATE",
    "integer": "BIGINT",
    "number": "DOUBLE PRECISION",
    "boolean": "BOOLEAN",
    "bytes": "BYTEA",
}
_SHAPES = {
    "number": "big_number_total",
    "lines": "echarts_timeseries_line",
    "bars": "echarts_timeseries_bar",
    "pie": "pie",
    "histogram": "histogram_v2",
    "table": "table",
}
_ALL_TIME = "No filter"
_HARMLESS = HARMLESS_PARAMETERS | {
    "mode", "uri", "timeout", "immutable", "cache", "keepalives", "keepalives_idle", "keepalives_interval",
    "keepalives_count", "tcp_user_timeout", "channel_binding", "gssencmode", "sslcrl", "sslkey", "passfile", "service",
}  # fmt: skip
"""The parameters of a URI whose values need not be masked. A value that looks like a key is masked all the same.

Besides HARMLESS_PARAMETERS, these are parameters of SQLite files and of libpq.
"""


def write_bundle(file: IO[bytes], connection: Connection, uri: str) -> None:
    """Write the zip into `file`. `uri` is the URI by which Superset opens the database.

    `uri` is written unchanged, so the caller must have masked it by `masked_uri`. `connection` may lead to any database
    with this program's schema, because only the types of the columns are read from it.
    """
    files = {
        "metadata.yaml": {
            "version": VERSION, "type": "Dashboard", "timestamp": f"{datetime(2026, 1, 1, tzinfo=UTC).isoformat()}"
        },
        f"databases/{DATABASE}.yaml": _database(uri),
    }  # fmt: skip
    for relation in RELATIONS:
        if relation.name in METRICS:
            kinds = column_kinds(connection, relation)
            columns = [_column(each.name, kinds[each.name], each.meaning) for each in relation.columns]
            files[f"datasets/{DATABASE}/{relation.name}.yaml"] = _dataset(relation.name, relation.meaning, columns)
    for title, charts in (("Fleet", FLEET), ("Audit", AUDIT)):
        for chart in charts:
            files[f"charts/{_slug(title, chart)}.yaml"] = _chart(title, chart)
        files[f"dashboards/{title.lower()}.yaml"] = dashboard(title, charts)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(f"{ROOT}/{name}", (2026, 1, 1, 0, 0, 0))
            archive.writestr(entry, f"{json.dumps(content, indent=1)}\n")


def _slug(title: str, chart: SupersetChart) -> str:
    return f"{title}_{chart.title}".lower().replace(" ", "_")


def _database(uri: str) -> Json:
    return {
        "database_name": DATABASE,
        "sqlalchemy_uri": uri,
        "cache_timeout": None,
        "expose_in_sqllab": True,
        "allow_run_async": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        "allow_csv_upload": False,
        "extra": {"allows_virtual_table_explore": True},
        "uuid": object_uuid("database"),
        "version": VERSION,
    }


def _column(name: str, kind: Kind, meaning: str) -> Json:
    return {
        "column_name": name,
        "verbose_name": None,
        "is_dttm": kind in {"time", "day"},
        "is_active": True,
        "type": _TYPES[kind],
        "groupby": True,
        "filterable": True,
        "expression": None,
        "description": meaning,
        "python_date_format": "%Y-%m-%d"
        if kind == "day"
        else None,  # the default adds a time, which sorts after the day
        "extra": {},
    }


def _dataset(name: str, meaning: str, columns: list[Json]) -> Json:
    metrics: list[Json] = [
        {
            "metric_name": metric, "verbose_name": metric.replace("_", " "), "metric_type": None, "expression": sql,
            "description": described, "d3format": None, "extra": {}, "warning_text": None,
        }
        for metric, (sql, described) in METRICS[name].items()
    ]  # fmt: skip
    return {
        "table_name": name,
        "main_dttm_col": TIME_COLUMNS.get(name),
        "description": meaning,
        "default_endpoint": None,
        "offset": 0,
        "cache_timeout": None,
        "schema": None,
        "sql": None,
        "params": None,
        "template_params": None,
        "filter_select_enabled": True,
        "fetch_values_predicate": None,
        "extra": None,
        "uuid": object_uuid("dataset", name),
        "metrics": metrics,
        "columns": columns,
        "version": VERSION,
        "database_uuid": object_uuid("database"),
    }


def _chart(title: str, chart: SupersetChart) -> Json:
    form = _form(chart)
    context = {
        "datasource": {"id": 0, "type": "table"},
        "force": False,
        "queries": [_query(chart)],
        "form_data": form,
        "result_format": "json",
        "result_type": "full",
    }
    return {
        "slice_name": chart.title,
        "description": chart.description,
        "certified_by": None,
        "certification_details": None,
        "viz_type": _SHAPES[chart.shape],
        "params": form,
        "query_context": json.dumps(context),
        "cache_timeout": None,
        "uuid": object_uuid("chart", title, chart.title),
        "version": VERSION,
        "dataset_uuid": object_uuid("dataset", chart.dataset),
    }


def _conditions(chart: SupersetChart) -> list[Json]:
    """Return the conditions of a chart in the form that Superset stores.

    If the dataset has a time column, one of the conditions is on this column. Superset puts the period of the
    dashboard's filter into that condition.
    """
    found: list[Json] = [
        {"clause": "WHERE", "expressionType": "SIMPLE", "subject": column, "operator": "IN", "comparator": list(values)}
        for column, values in chart.where
    ]
    if chart.dataset in TIME_COLUMNS:
        found.append({
            "clause": "WHERE", "expressionType": "SIMPLE", "subject": TIME_COLUMNS[chart.dataset],
            "operator": "TEMPORAL_RANGE", "comparator": _ALL_TIME,
        })  # fmt: skip
    return found


def _form(chart: SupersetChart) -> Json:
    form: Json = {
        "viz_type": _SHAPES[chart.shape],
        "adhoc_filters": _conditions(chart),
        "row_limit": _ROWS,
        "extra_form_data": {},
    }
    if chart.shape == "number":
        return form | {"metric": chart.metrics[0], "header_font_size": 0.4, "y_axis_format": "SMART_NUMBER"}
    if chart.shape == "pie":
        return form | {"metric": chart.metrics[0], "groupby": list(chart.by), "show_legend": True}
    if chart.shape == "histogram":
        return form | {"column": chart.by[0], "groupby": [], "bins": 20, "row_limit": 10_000}
    if chart.shape == "table":
        return form | {
            "query_mode": "raw",
            "all_columns": list(chart.by),
            "order_by_cols": [json.dumps(_order(chart))],
            "server_page_length": 25,
            "table_timestamp_format": "smart_date",
        }
    return form | {
        "x_axis": chart.by[0],
        "time_grain_sqla": None,
        "x_axis_sort_asc": True,
        "metrics": list(chart.metrics),
        "groupby": list(chart.by[1:]),
        "stack": "Stack" if chart.shape == "bars" else None,
        "show_legend": True,
        "rich_tooltip": True,
    }


def _order(chart: SupersetChart) -> list[Any]:
    """Return [column, ascending]: the column by which rows are sorted, and whether the order is ascending."""
    return [chart.order, chart.order == "account"]


def _query(chart: SupersetChart) -> Json:
    """Return the query of a chart in the form in which Superset's own page for charts would send it."""
    filters = [
        {"col": each["subject"], "op": each["operator"], "val": each["comparator"]} for each in _conditions(chart)
    ]
    query: Json = {
        "filters": filters,
        "extras": {"having": "", "where": ""},
        "applied_time_extras": {},
        "columns": list(chart.by),
        "metrics": list(chart.metrics),
        "annotation_layers": [],
        "row_limit": _ROWS,
        "series_limit": 0,
        "order_desc": True,
        "url_params": {},
        "custom_params": {},
        "custom_form_data": {},
    }
    if chart.order is not None:
        query["orderby"] = [_order(chart)]
    if chart.shape in {"table", "histogram"}:
        query["metrics"] = None
    return query


def superset_uri(url: URL) -> str:
    """Return the URI by which Superset opens a database: SQLite read-only, PostgreSQL with the driver psycopg2.

    A password in the URL of a PostgreSQL database stays in the URI.
    """
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)
    return f"sqlite:///file:{quote(url.database or '')}?mode=ro&uri=true"


def masked_uri(text: str) -> str:
    """Return a URI in which MASK replaces the password, and the value of each parameter that may hold a secret.

    Raise UsageError if the text is no URI, or if it is not certain where a password in it ends. The message does not
    repeat the text, which may hold a password.
    """
    place, _, query = text.partition("?")
    parameters = [part.partition("=")[::2] for part in query.split("&") if "=" in part]
    unknown = [name for name, _ in parameters if name not in _HARMLESS]
    # an unknown parameter beside one with a secret may be the rest of the secret, because a secret may contain an &
    if not _is_uri(text) or (len(unknown) > 1 and any(map(is_secret_name, unknown))):
        raise UsageError(
            "The URI of the database cannot be read, or it is not certain where a password in it ends. "
            "Give --database-uri without a password, such as postgresql+psycopg2://bi@db/inventory; Superset asks for "
            "the password."
        )
    place = re.sub("(://[^/@:]*):[^/@]+@", rf"\1:{MASK}@", place)
    shown = [
        f"{name}={MASK if name not in _HARMLESS or looks_like_key(unquote(value)) else value}"
        for name, value in parameters
    ]
    return f"{place}?{'&'.join(shown)}" if shown else place


def _is_uri(text: str) -> bool:
    try:
        sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        return False
    return is_clear_url(text)
