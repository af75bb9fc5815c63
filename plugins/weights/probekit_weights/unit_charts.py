"""The pictures of weights out of and into single units, as Vega-Lite charts."""

import json
from collections.abc import Iterable
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from probekit.charts import facets, thin

SINGULAR, PLURAL = "#56B4E9", "#CC79A7"  # as in the paper, light blue and pink
PLAIN, OUTLIER, INK = "#b8b8b8", "#0072B2", "#222222"
GOLDEN = 0.6180339887
NARROW, WIDE = 90, 230
SHARE = 0.42  # of a unit's column: for all points, and again for the circuit
SHIFT = 0.24  # how far to the left and to the right of the middle these stand
LETTER = 0.06  # the height of a name in a panel

Chart = dict[str, Any]


def efferent_chart(table: str, rows: pd.DataFrame) -> Chart:
    """Weights to both kinds of forms side by side; a column of points a unit, a panel a model."""
    units = list(rows["unit"].unique())
    x = alt.X("unit:N", title=None, sort=units,
              axis=alt.Axis(labelAngle=-30, labelLimit=180, grid=False))  # fmt: skip
    scale = alt.Scale(domain=["singular", "plural"], range=[SINGULAR, PLURAL])
    points = alt.Chart().mark_point(filled=True, size=34, opacity=0.7)
    points = points.encode(
        x=x,
        xOffset=alt.XOffset("form:N", sort=["singular", "plural"]),
        y=alt.Y("weight:Q", title="output weight"),
        color=alt.Color("form:N", title="verb form", scale=scale),
        tooltip=["unit:N", "word:N", "form:N", "weight:Q"],
    )
    zero = alt.Chart().mark_rule(strokeWidth=0.8).encode(y=alt.datum(0))
    panel = alt.layer(zero, points).properties(width=NARROW * len(units), height=240)
    return facets(panel, table, rows, "matrix")


def afferent_chart(table: str, shown: pd.DataFrame) -> Chart:
    """Scaled weights of every source; a strip of points a unit, a row a gate, a column a model."""
    units = list(shown["unit"].unique())
    ticks = alt.Axis(
        values=list(range(len(units))),
        labelExpr=f"{json.dumps(units)}[datum.value]",
        labelOverlap=False,
        grid=False,
    )
    scale = alt.Scale(domain=[-0.5, len(units) - 0.5], nice=False)
    x = alt.X("x:Q", title=None, scale=scale, axis=ticks)
    y = alt.Y("scaled:Q", title="weight by activity")
    tips = ["unit:N", "gate:N", "source:N", "weight:Q", "activity:Q", "scaled:Q", "z:Q"]

    def of(mark: str) -> alt.Chart:
        return alt.Chart().transform_filter(alt.FieldEqualPredicate(field="mark", equal=mark))

    outliers, circuit = of("outlier"), of("circuit")
    left = outliers.transform_filter("datum.left").mark_text(align="right", dx=-7, color=INK)
    right = outliers.transform_filter("!datum.left").mark_text(align="left", dx=7, color=INK)
    below = circuit.mark_text(dy=15, color=INK)
    panel = alt.layer(
        alt.Chart().mark_rule(strokeWidth=0.8).encode(y=alt.datum(0)),
        of("plain").mark_circle(size=12, opacity=0.5, color=PLAIN).encode(x=x, y=y, tooltip=tips),
        outliers.mark_circle(size=30, opacity=0.9, color=OUTLIER)
        .encode(x=x, y=y, tooltip=tips),
        circuit.mark_point(shape="diamond", size=120, filled=True, opacity=1, stroke=INK)
        .encode(x=x, y=y, tooltip=tips, color=alt.condition(
            "datum.outlier", alt.value(OUTLIER), alt.value(PLAIN))),
        *(layer.encode(x=x, y=y, text="name:N") for layer in (left, right, below)),
    ).properties(width=WIDE * len(units), height=200)  # fmt: skip
    return facets(panel, table, shown, "panel", independent=("y",))


def afferent_marks(
    weights: pd.DataFrame, circuit: Iterable[int], labels: int, seed: int
) -> pd.DataFrame:
    """What is drawn of each weight: its place, whether it stands out, and the name it bears.

    The units of the circuit stand side by side, to the right of all others. They bear the numbers
    of their sources, and so do at most `labels` outliers of each unit and gate, the largest first
    and none that would run into another's name.
    """
    mark = pd.Series(np.where(weights["outlier"], "outlier", "plain"), weights.index)
    mark[list(circuit)] = "circuit"
    sources = sorted(weights["source_number"][mark == "circuit"].unique())
    beside = {number: (at + 0.5) / len(sources) - 0.5 for at, number in enumerate(sources)}
    aside = ((weights["source_index"] * GOLDEN % 1 - 0.5) * SHARE).where(mark == "plain", 0.0)
    aside = aside - SHIFT
    right = weights["source_number"].map(beside) * SHARE + SHIFT
    places = weights["unit"].map({unit: at for at, unit in enumerate(weights["unit"].unique())})
    name = weights["source_number"].astype(str).where(mark == "circuit", "")
    x = places + aside.where(mark != "circuit", right)
    marks = weights.assign(mark=mark, x=x, name=name, left=False)
    for _, panel in marks.groupby("panel", sort=False):
        apart = float(np.ptp(panel["scaled"])) * LETTER
        own = panel[panel["mark"] == "outlier"]
        for _, one in own.groupby(["model", "unit"], sort=False):
            order = one["z"].abs().sort_values(ascending=False, kind="stable").index
            for at, left in apart_names(one["scaled"].loc[order], apart, labels):
                marks.loc[at, ["name", "left"]] = str(one["source_number"][at]), left
    return thin(marks, seed, keep=marks["mark"] != "plain")


def apart_names(heights: pd.Series, apart: float, most: int) -> list[tuple[int, bool]]:
    """Which of some points get a name, in their order, and whether it stands on the left.

    Names of one side are further apart than `apart`; a point with no room on either has none.
    """
    named: list[tuple[int, bool]] = []
    taken: dict[bool, list[float]] = {False: [], True: []}
    for at, height in heights.items():
        for left, others in taken.items():
            if len(named) < most and all(abs(height - other) > apart for other in others):
                others.append(height)
                named.append((at, left))
                break
    return named
