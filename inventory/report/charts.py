"""The charts as Vega-Lite specifications without data. The page's script adds the data and the limits of the time axis.

Colours are variables of the style sheet. So the light, dark and print styles need no redraw of a chart.
"""

from typing import Any

Chart = dict[str, Any]

COLOURS = 8
"""The number of colours for the types of instances, `--c1` to `--c8`.

If there are more types than colours, the most frequent types have a colour each, and all others share the last one.
"""

_GAPS: Chart = {
    "data": {"name": "gaps"},
    "mark": {"type": "rect", "fill": "var(--gap)", "stroke": "var(--gap-edge)", "strokeDash": [3, 3], "aria": False},
    "encoding": {
        "x": {"field": "from", "type": "temporal"},
        "x2": {"field": "to"},
        "tooltip": {"field": "tip", "type": "nominal"},
    },
}
_COLOUR: Chart = {"field": "kind", "type": "nominal", "scale": {"domain": [], "range": []}, "legend": None}
_TIME: Chart = {
    "field": "at",
    "type": "temporal",
    "scale": {"type": "utc"},
    "axis": {
        "title": None, "grid": False, "labelOverlap": True, "labelFlush": True, "tickCount": {"expr": "width / 90"},
    },
}  # fmt: skip


def _amount(**axis: Any) -> Chart:
    return {
        "field": "amount",
        "type": "quantitative",
        "stack": "zero",
        "impute": None,  # else Vega-Lite adds a zero to an area at each time of another area, also in gaps
        "axis": {"title": None, "tickCount": 4, "domain": False, "ticks": False, **axis},
    }


def _hover(**encoding: Any) -> Chart:
    """Return a layer: a vertical line at the time nearest to the pointer, with a tooltip of all values at that time."""
    return {
        "data": {"name": "moments"},
        "params": [
            {
                "name": "near",
                "select": {
                    "type": "point", "nearest": True, "on": "pointermove", "clear": "pointerout", "encodings": ["x"],
                },
            }
        ],
        "mark": {"type": "rule", "stroke": "var(--ink)", "aria": False},
        "encoding": {
            "opacity": {"condition": {"param": "near", "empty": False, "value": 0.5}, "value": 0},
            "tooltip": {"field": "tip", "type": "nominal"},
            **encoding,
        },
    }  # fmt: skip


def over_time(height: int) -> Chart:
    """Return a chart of a number over time, stacked by type, `height` pixels high.

    The time from one gap to the next is an area of its own, so that nothing is drawn across a gap. The field `stretch`
    has the number of the area. An area of a single time would have no width, so it is drawn as a bar.
    """
    stacked = {"y": _amount(tickMinStep=1), "color": _COLOUR, "order": {"field": "rank", "type": "quantitative"}}
    return {
        "height": height,
        "encoding": {"x": _TIME},
        "layer": [
            _GAPS,
            {
                "data": {"name": "rows"},
                "mark": {"type": "area", "interpolate": "step-after", "aria": False},
                "encoding": stacked | {"detail": {"field": "stretch", "type": "nominal"}},
            },
            {
                "data": {"name": "alone"},
                "mark": {"type": "bar", "width": 2, "aria": False},
                "encoding": stacked,
            },
            _hover(),
        ],
    }


def by_day(height: int) -> Chart:
    """Return a bar chart of GPU hours, stacked by type, `height` pixels high. Each bar is for one day or several."""
    bar = {"x": _TIME | {"bin": "binned"}, "x2": {"field": "to"}}
    return {
        "height": height,
        "layer": [
            _GAPS,
            {
                "data": {"name": "rows"},
                "mark": {"type": "bar", "x2Offset": -1, "aria": False},
                "encoding": bar
                | {"y": _amount(format="~s"), "color": _COLOUR, "order": {"field": "rank", "type": "quantitative"}},
            },
            {
                "data": {"name": "moments"},
                "mark": {"type": "bar", "fill": "transparent", "aria": False},
                "encoding": bar | {"y": {"value": 0}, "y2": {"value": height}, "tooltip": {"field": "tip"}},
            },
        ],
    }


def lifetimes() -> Chart:
    """Return a chart of how many hours instances lived, with a row for each creator.

    A row has three bars: for the middle 80 %, for the middle 50 %, and for the median. Lifetimes are known as bounds
    only. So a bar goes from a quantile of the lower bounds to a quantile of the upper bounds.
    """

    def span(low: str, high: str, size: int, opacity: float) -> Chart:
        return {
            "mark": {"type": "bar", "height": size, "fill": "var(--accent)", "fillOpacity": opacity, "aria": False},
            "encoding": {"x": _hours(low), "x2": {"field": high}},
        }

    return {
        "data": {"name": "rows"},
        "encoding": {
            "y": {
                "field": "who",
                "type": "nominal",
                "sort": None,
                "axis": {"title": None, "domain": False, "ticks": False, "labelLimit": 130, "labelPadding": 8},
            },
            "tooltip": {"field": "tip", "type": "nominal"},
        },
        "layer": [
            span("low10", "high90", 2, 0.55),
            span("low25", "high75", 10, 0.35),
            span("low50", "high50", 16, 1) | {"mark": {
                "type": "bar", "height": 16, "fill": "var(--accent)", "stroke": "var(--accent)", "strokeWidth": 2,
                "aria": False,
            }},
        ],
    }  # fmt: skip


def _hours(name: str) -> Chart:
    """Return the encoding of the field `name` on an axis of hours. Its scale is logarithmic, but includes 0."""
    ticks = [0, 1, 3, 8, 24, 72, 168, 720, 2160, 8760, 43800]
    label = (
        "datum.value < 24 ? datum.value + ' h' : datum.value < 8760 ? datum.value / 24 + ' d' : "
        "datum.value / 8760 + ' y'"
    )
    return {
        "field": name,
        "type": "quantitative",
        "scale": {"type": "symlog", "constant": 1, "nice": False, "domainMin": 0},
        "axis": {"title": None, "values": ticks, "labelExpr": label, "labelOverlap": True, "domain": False},
    }


CONFIG: Chart = {
    "background": None,
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)", "labelFontSize": 11, "gridColor": "var(--line)", "domainColor": "var(--line)",
        "tickColor": "var(--line)",
    },
}  # fmt: skip


def charts() -> dict[str, Chart]:
    """Return a dict of all charts. A key is the id of the element of the page that holds the chart."""
    common = {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}, "config": CONFIG}
    found = {"fleet": over_time(260), "gpus": over_time(180), "hours": by_day(180), "lifetimes": lifetimes()}
    return {name: common | chart for name, chart in found.items()}
