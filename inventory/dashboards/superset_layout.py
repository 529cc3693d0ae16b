"""The content of a Superset dashboard's file: where the charts are on the page, and the filters."""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from inventory.dashboards.superset_charts import FILTERS, SupersetChart

Json = dict[str, Any]

VERSION = "1.0.0"
"""The version of the file format. Every file in the zip names it."""


def object_uuid(*names: str) -> str:
    """Return the UUID of a Superset object. `names` are its kind, such as `chart`, and the names that identify it.

    The same names always give the same UUID, also in another process.
    """
    return str(uuid5(NAMESPACE_URL, "/".join(("inventory/superset", *names))))


def dashboard(title: str, charts: tuple[SupersetChart, ...]) -> Json:
    """Return the content of a dashboard's file: its charts, laid out in rows, and its filters."""
    return {
        "dashboard_title": f"inventory: {title}",
        "description": None,
        "css": "",
        "slug": f"inventory-{title.lower()}",
        "certified_by": None,
        "certification_details": None,
        "published": True,
        "uuid": object_uuid("dashboard", title),
        "position": _position(title, charts),
        "metadata": {
            "native_filter_configuration": [_period(title), *(_filter(title, *each) for each in FILTERS)],
            "cross_filters_enabled": True,
            "color_scheme": "supersetColors",
            "refresh_frequency": 0,
        },
        "version": VERSION,
    }


def _position(title: str, charts: tuple[SupersetChart, ...]) -> Json:
    rows: list[list[SupersetChart]] = [[]]
    for chart in charts:
        if sum(each.width for each in rows[-1]) + chart.width > 12:  # noqa: PLR2004 - Superset's pages have 12 columns
            rows.append([])
        rows[-1].append(chart)
    names = [f"ROW-{title}-{number}" for number in range(len(rows))]
    position: Json = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "GRID_ID": {"type": "GRID", "id": "GRID_ID", "children": names, "parents": ["ROOT_ID"]},
        "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": f"inventory: {title}"}},
    }
    number = 0
    for name, row in zip(names, rows, strict=True):
        ids = [f"CHART-{title}-{number + place}" for place in range(len(row))]
        position[name] = {
            "type": "ROW", "id": name, "children": ids, "parents": ["ROOT_ID", "GRID_ID"],
            "meta": {"background": "BACKGROUND_TRANSPARENT"},
        }  # fmt: skip
        for id_, chart in zip(ids, row, strict=True):
            number += 1
            meta = {
                "chartId": number, "uuid": object_uuid("chart", title, chart.title), "sliceName": chart.title,
                "width": chart.width, "height": 20 if chart.shape == "number" else 50,
            }  # fmt: skip
            position[id_] = {
                "type": "CHART",
                "id": id_,
                "children": [],
                "parents": ["ROOT_ID", "GRID_ID", name],
                "meta": meta,
            }
    return position


def _period(title: str) -> Json:
    return _native(title, "Period", "filter_time", [{}], {})


def _filter(title: str, name: str, column: str, dataset: str) -> Json:
    targets = [{"column": {"name": column}, "datasetUuid": object_uuid("dataset", dataset)}]
    controls = {"multiSelect": True, "enableEmptyFilter": False, "defaultToFirstItem": False, "searchAllOptions": True}
    return _native(title, name, "filter_select", targets, controls)


def _native(title: str, name: str, type_: str, targets: list[Json], controls: Json) -> Json:
    return {
        "id": f"NATIVE_FILTER-{title}-{name}",
        "name": name,
        "filterType": type_,
        "type": "NATIVE_FILTER",
        "targets": targets,
        "controlValues": controls,
        "defaultDataMask": {"extraFormData": {}, "filterState": {}, "ownState": {}},
        "cascadeParentIds": [],
        "scope": {"rootPath": ["ROOT_ID"], "excluded": []},
        "description": "",
    }
