"""The files for Grafana, with a PostgreSQL data source: dashboards to import, and alert rules to provision.

These pages describe the form of the files:
https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/ and
https://grafana.com/docs/grafana/latest/alerting/set-up/provision-alerting-resources/file-provisioning/.
"""

import json
from typing import Any

from inventory.dashboards.charts import ALERTS, AUDIT, FILTERS, FLEET, Alert, Chart

Json = dict[str, Any]

DATASOURCE_UID = "inventory"
"""The uid of the data source that the alert rules query. In the dashboards, the reader chooses a data source."""

_CHOSEN = {"type": "grafana-postgresql-datasource", "uid": "${datasource}"}
_COLUMNS = 24
_SCHEMA_VERSION = 39


def files() -> dict[str, str]:
    """Return a dict from the name of each file to its content, which is JSON text."""
    made = {
        "fleet.json": _dashboard("Fleet", "fal-inventory-fleet", "The fleet, now and over time.", FLEET),
        "audit.json": _dashboard("Audit", "fal-inventory-audit", "Who did what, and how much is known.", AUDIT),
        "alerts.json": _alerts(),
    }
    return {name: f"{json.dumps(content, indent=2)}\n" for name, content in made.items()}


def _dashboard(title: str, uid: str, description: str, charts: tuple[Chart, ...]) -> Json:
    choice = {"name": "datasource", "label": "Database", "type": "datasource", "query": _CHOSEN["type"], "current": {}}
    return {
        "title": f"inventory: {title}",
        "uid": uid,
        "description": description,
        "tags": ["inventory"],
        "schemaVersion": _SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "timezone": "utc",
        "refresh": "5m",
        "time": {"from": "now-30d", "to": "now"},
        "templating": {"list": [choice, *(_filter(each.name, each.label, each.sql) for each in FILTERS)]},
        "annotations": {"list": []},
        "links": [],
        "panels": _panels(charts),
    }


def _filter(name: str, label: str, sql: str) -> Json:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": _CHOSEN,
        "query": sql,
        "definition": sql,
        "refresh": 1,
        "multi": True,
        "includeAll": True,
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _panels(charts: tuple[Chart, ...]) -> list[Json]:
    """Return the panels, laid out in rows from left to right."""
    panels, x, y, height = [], 0, 0, 0
    for number, chart in enumerate(charts, 1):
        if x + chart.width > _COLUMNS:
            x, y, height = 0, y + height, 0
        panels.append(_panel(number, chart, {"x": x, "y": y, "w": chart.width, "h": chart.height}))
        x, height = x + chart.width, max(height, chart.height)
    return panels


def _panel(number: int, chart: Chart, place: Json) -> Json:
    defaults: Json = {} if chart.kind == "table" else {"unit": chart.unit, "min": 0}
    if chart.stacked:
        defaults["custom"] = {"fillOpacity": 30, "stacking": {"mode": "normal"}}
    options = {"barchart": {"orientation": "horizontal"}, "stat": {"reduceOptions": {"calcs": ["lastNotNull"]}}}
    return {
        "id": number,
        "type": chart.kind,
        "title": chart.title,
        "description": chart.description,
        "datasource": _CHOSEN,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options.get(chart.kind, {}),
        "targets": [_query(chart.sql, "time_series" if chart.kind == "timeseries" else "table", _CHOSEN)],
    }


def _query(sql: str, form: str, datasource: Json) -> Json:
    return {
        "refId": "A", "datasource": datasource, "editorMode": "code", "format": form, "rawQuery": True, "rawSql": sql
    }  # fmt: skip


def _alerts() -> Json:
    group = {
        "orgId": 1,
        "name": "inventory",
        "folder": "inventory",
        "interval": "5m",
        "rules": [_rule(alert) for alert in ALERTS],
    }
    return {"apiVersion": 1, "groups": [group]}


def _rule(alert: Alert) -> Json:
    expression = {"type": "__expr__", "uid": "__expr__"}
    threshold = {
        "refId": "B",
        "datasource": expression,
        "type": "threshold",
        "expression": "A",
        "conditions": [{"evaluator": {"type": "gt", "params": [alert.above]}}],
    }
    query = _query(alert.sql, "table", {"type": _CHOSEN["type"], "uid": DATASOURCE_UID})
    period = {"from": 600, "to": 0}
    return {
        "uid": alert.uid,
        "title": alert.title,
        "condition": "B",
        "data": [
            {"refId": "A", "datasourceUid": DATASOURCE_UID, "relativeTimeRange": period, "model": query},
            {"refId": "B", "datasourceUid": expression["uid"], "relativeTimeRange": period, "model": threshold},
        ],
        "for": "5m",
        "noDataState": "OK",
        "execErrState": "Error",
        "annotations": {"summary": alert.summary},
        "labels": {"source": "inventory"},
    }
