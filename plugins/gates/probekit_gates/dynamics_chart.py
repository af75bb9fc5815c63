"""The picture of gate dynamics, as a Vega-Lite chart: a row a gate or state, a column a unit.

It is written as a dictionary: altair copies every chart that it puts into another one, and took a
second for this.
"""

import json
from collections import Counter
from typing import Any

import pandas as pd

from probekit.report.theme import PALETTE

# Light blue for singular and pink for plural subjects, as in the paper.
NUMBERS = {"singular": "#56B4E9", "plural": "#CC79A7"}
DASHES = ([1, 0], [6, 4], [2, 3], [9, 3, 2, 3])
SPANS = {"gate": [0, 1], "candidate": [-1, 1]}
STEP, LEAST, HEIGHT, ALONE = 34, 200, 96, 180
LEGEND = {"title": "condition", "symbolType": "stroke", "symbolSize": 320, "symbolStrokeWidth": 2}

Chart = dict[str, Any]


def dynamics_chart(table: str, rows: pd.DataFrame) -> Chart:
    """Means as lines and deviations as bands over the positions of one task.

    `rows` are those of the task; conditions with a subject of one number share a colour, and the
    first of them, in which all nouns have that number, has the solid line.
    """
    whats = list(rows["what"].unique())
    return {
        "data": {"name": table},
        "vconcat": [_row(rows, what, what == whats[0], what == whats[-1]) for what in whats],
        "spacing": 12,
        "resolve": {"scale": {"color": "shared", "strokeDash": "shared"}},
    }


def _row(rows: pd.DataFrame, what: str, first: bool, last: bool) -> Chart:
    """One gate or state of every unit; the names of units stand above the first."""
    header = {"labels": first, "title": None, "labelPadding": 8 if first else 0}
    panels = list(rows["panel"].unique())
    return {
        "facet": {"column": {"field": "panel", "sort": panels, "header": header}},
        "spacing": 20,
        "spec": _panel(rows, what, last),
    }


def _panel(rows: pd.DataFrame, what: str, last: bool) -> Chart:
    """Bands and lines of one gate or state of one unit."""
    steps = int(rows["position"].max()) + 1
    x = {"field": "position", "type": "quantitative", "title": None, "axis": _words(rows, last),
         "scale": {"domain": [-0.4, steps - 0.6], "nice": False}}  # fmt: skip
    span = SPANS.get(what.split()[-1])
    y = {"type": "quantitative", "scale": {"domain": span} if span else {"zero": False},
         "axis": {"title": what, "minExtent": 36, "tickCount": 3}}  # fmt: skip
    colour, dash = _looks(rows)
    wanted = {"what": what, "task": str(rows["task"].iloc[0])}
    tips = [{"field": name} for name in ("condition", "word", "mean", "deviation", "examples")]
    band = {
        "mark": {"type": "area", "opacity": 0.15, "clip": True},
        "encoding": {"x": x, "y": {"field": "low", **y}, "y2": {"field": "high"}, "color": colour},
    }
    line = {
        "mark": {"type": "line", "point": {"size": 16, "filled": True}},
        "encoding": {"x": x, "y": {"field": "mean", **y}, "color": colour, "strokeDash": dash,
                     "tooltip": tips},
    }  # fmt: skip
    return {
        "width": max(LEAST, STEP * steps),
        "height": HEIGHT if rows["what"].nunique() > 1 else ALONE,
        "transform": [
            {"filter": {"and": [{"field": name, "equal": is_} for name, is_ in wanted.items()]}},
            {"calculate": "datum.mean - datum.deviation", "as": "low"},
            {"calculate": "datum.mean + datum.deviation", "as": "high"},
        ],
        "layer": [band, line],
    }


def _words(rows: pd.DataFrame, last: bool) -> Chart:
    """The words under their positions, under the last row alone."""
    words = list(rows.groupby("position")["word"].first().sort_index())
    return {
        "values": list(range(len(words))),
        "labels": last,
        "labelExpr": f"{json.dumps(words)}[datum.value]",
        "labelAngle": -40,
        "labelLimit": 90,
        "labelOverlap": False,
        "grid": True,
    }


def _looks(rows: pd.DataFrame) -> tuple[Chart, Chart]:
    """Colour by the number of the subject, dashes for what else differs."""
    kinds = list(dict.fromkeys(zip(rows["condition"], rows["subject"], strict=True)))
    known = all(subject in NUMBERS for _, subject in kinds)
    used: Counter[str] = Counter()
    colours: dict[str, str] = {}
    dashes: dict[str, list[int]] = {}
    for place, (condition, subject) in enumerate(sorted(kinds, key=_mixed)):
        colour = NUMBERS[subject] if known else PALETTE[place % len(PALETTE)]
        colours[condition], dashes[condition] = colour, DASHES[used[colour] % len(DASHES)]
        used[colour] += 1
    names = [condition for condition, _ in kinds]
    field = {"field": "condition", "type": "nominal", "legend": LEGEND}
    return (
        {**field, "scale": {"domain": names, "range": [colours[name] for name in names]}},
        {**field, "scale": {"domain": names, "range": [dashes[name] for name in names]}},
    )


def _mixed(kind: tuple[str, str]) -> bool:
    """Whether the nouns of a condition such as SP differ in number."""
    return len(set(kind[0])) > 1
