"""How every chart looks, whoever draws it: fonts, sizes, colours, grid.

The colours are those of Okabe and Ito (2008), which people with any common colour vision tell
apart; yellow, too faint on white, stands last.
"""

from collections.abc import Mapping
from typing import Any

INK = "#222222"
GREY = "#888888"
GRID = "#e8e8e8"
PALETTE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#E69F00",
    "#000000",
    "#F0E442",
)

# Three names of one shape: text keeps its width on machines that have different fonts.
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"

THEME: dict[str, Any] = {
    "font": FONT,
    "background": "white",
    "padding": 6,
    # One label for every point would triple the files; the table behind the figure is the text.
    "aria": False,
    "axis": {
        "domainColor": GREY,
        "tickColor": GREY,
        "tickSize": 4,
        "gridColor": GRID,
        "grid": True,
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": 11,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "labelFlush": False,
    },
    "axisBand": {"grid": False},
    "header": {
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "labelFontWeight": "bold",
        "titleFontWeight": "normal",
        "labelPadding": 8,
    },
    "legend": {
        "orient": "top",
        "titleOrient": "left",
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "symbolOpacity": 1,
        "symbolSize": 60,
        "gradientThickness": 10,
    },
    "title": {"anchor": "start", "color": INK, "fontSize": 13, "offset": 10},
    "view": {"stroke": "#d0d0d0", "continuousWidth": 420, "continuousHeight": 280},
    "facet": {"spacing": 24},
    "concat": {"spacing": 28},
    "range": {
        "category": list(PALETTE),
        "ordinal": {"scheme": "blues"},
        "ramp": {"scheme": "blues"},
        "heatmap": {"scheme": "viridis"},
        "diverging": {"scheme": "blueorange"},
    },
    "mark": {"color": PALETTE[0], "tooltip": True},
    "point": {"filled": True, "size": 22},
    "circle": {"size": 22},
    "line": {"strokeWidth": 1.8},
    "rule": {"color": GREY, "tooltip": None},
    "bar": {"binSpacing": 1},
    "boxplot": {"median": {"color": "white"}, "rule": {"color": GREY}},
}


def themed(chart: Mapping[str, Any]) -> dict[str, Any]:
    """The chart with the house look; whatever the chart's own `config` says wins."""
    return {**chart, "config": merged(THEME, chart.get("config") or {})}


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Two nested mappings as one; where both hold a value, that of `over`."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[key] = merged(below, value) if both else value  # type: ignore[arg-type]
    return result
