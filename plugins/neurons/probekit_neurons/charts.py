"""The pictures of activity, triggers, detectors and updates, as Vega-Lite charts."""

from collections.abc import Collection, Sequence
from typing import Any

import altair as alt
import pandas as pd

Chart = dict[str, Any]

WIDTH, HEIGHT = 340, 220
FEW_TO_MANY = ["#bdbdbd", "#08306b", "#2171b5", "#6baed6", "#c6dbef", "#fdd0a2", "#fdae6b",
               "#e6550d", "#7f2704", "#000000"]  # fmt: skip
DARK, LIGHT = "#2166ac", "#c9d6e3"
DEPTH = "layer (relative to network depth)"


def lines_chart(
    table: str, field: str, title: str, percent: bool = False, lines: str = "model"
) -> Chart:
    """A value by depth, a line a model; or a line a domain and a column a model."""
    axis = alt.Axis(format="%") if percent else alt.Axis()
    marks = alt.Chart(alt.NamedData(table)).mark_line(point=True)
    chart = marks.encode(
        x=alt.X("depth:Q", title=DEPTH, scale=alt.Scale(domain=[0, 1])),
        y=alt.Y(f"{field}:Q", title=title, axis=axis),
        color=alt.Color(f"{lines}:N", title=lines, sort=None),
        tooltip=["model:N", "layer:Q", f"{field}:Q"],
    ).properties(width=WIDTH, height=HEIGHT)
    return _made(chart if lines == "model" else _columns(chart))


def bins_chart(table: str, grams: str, names: Sequence[str], seen: Collection[str]) -> Chart:
    """Neurons by layer, stacked by the number of n-grams that cover them; a column a model.

    The first and the last of the names are left out where they are not `seen`.
    """
    ends = names[0], names[-1]
    pairs = [pair for pair in zip(names, FEW_TO_MANY, strict=False)
             if pair[0] in seen or pair[0] not in ends]  # fmt: skip
    colours = alt.Scale(domain=[name for name, _ in pairs], range=[one for _, one in pairs])
    bars = alt.Chart(alt.NamedData(table)).transform_filter("datum.neurons > 0").mark_bar()
    chart = bars.encode(
        x=alt.X("layer:O", title="layer", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("neurons:Q", title="neurons"),
        color=alt.Color("bin:N", title=f"{grams} triggering a neuron", scale=colours, sort=None),
        order=alt.Order("order:Q"),
        tooltip=["model:N", "layer:Q", "bin:N", "neurons:Q"],
    )
    return _made(_columns(chart.properties(width=WIDTH, height=HEIGHT)))


def detectors_chart(table: str, title: str) -> Chart:
    """Detectors by depth, a line a model; those that are supported dashed."""
    base = alt.Chart().encode(
        x=alt.X("depth:Q", title=DEPTH),
        color=alt.Color("model:N", title="model", sort=None),
        tooltip=["model:N", "layer:Q", "detectors:Q", "supported:Q"],
    )
    all_ = base.mark_line(point=True).encode(y=alt.Y("detectors:Q", title=title))
    some = base.mark_line(strokeDash=[2, 2]).encode(y="supported:Q")
    return _made(_layered(table, all_, some))


def covered_chart(table: str, title: str) -> Chart:
    """Detected n-grams by depth: per layer solid, cumulative dashed; a line a model."""
    base = alt.Chart().encode(
        x=alt.X("depth:Q", title=DEPTH),
        color=alt.Color("model:N", title="model", sort=None),
        tooltip=["model:N", "layer:Q", "covered:Q", "cumulative:Q"],
    )
    layer = base.mark_line(point=True).encode(y=alt.Y("covered:Q", title=title))
    sum_ = base.mark_line(strokeDash=[5, 3]).encode(y="cumulative:Q")
    return _made(_layered(table, layer, sum_))


def new_chart(table: str, title: str) -> Chart:
    """What is new overall and what is new to the layer before, side by side; a column a model."""
    folded = alt.Chart(alt.NamedData(table)).transform_fold(
        ["new_overall", "new_to_previous"], as_=["kind", "new"]
    )
    named = folded.transform_calculate(
        what="datum.kind === 'new_overall' ? 'new overall' : 'new to the layer before'"
    )
    bars = named.mark_bar().encode(
        x=alt.X("layer:O", title="layer", axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset("what:N"),
        y=alt.Y("new:Q", title=title),
        color=alt.Color("what:N", title=None),
        tooltip=["model:N", "layer:Q", "what:N", "new:Q"],
    )
    return _made(_columns(bars.properties(width=WIDTH, height=HEIGHT)))


def shares_chart(table: str, field: str, title: str) -> Chart:
    """A share of detectors by layer, a line a model, with half of them marked."""
    line = alt.Chart().mark_line(point=True)
    line = line.encode(
        x=alt.X("layer:O", title="layer", axis=alt.Axis(labelAngle=0)),
        y=alt.Y(f"{field}:Q", title=title, axis=alt.Axis(format="%"),
                scale=alt.Scale(domain=[0, 1])),
        color=alt.Color("model:N", title="model", sort=None),
        tooltip=["model:N", "layer:Q", "detectors:Q", f"{field}:Q"],
    )  # fmt: skip
    return _made(_layered(table, line))


def projections_chart(table: str, shown: pd.DataFrame) -> Chart:
    """Bars for the tokens at either end of each update, those that it detects dark."""
    bars = alt.Chart().transform_calculate(
        at="(datum.end === 'promoted' ? 0 : 1000) + (datum.end === 'promoted' ? datum.rank"
        " : -datum.rank)"
    )
    y = alt.Y("at:O", axis=None, sort="ascending")
    x = alt.X("value:Q", title="projection on the vocabulary")
    colour = alt.Color(
        "trigger:N", title=None, legend=alt.Legend(labelExpr="datum.value ? 'detected' : 'other'"),
        scale=alt.Scale(domain=[True, False], range=[DARK, LIGHT]),
    )  # fmt: skip
    marks = bars.mark_bar().encode(x=x, y=y, color=colour, tooltip=["token:N", "value:Q"])
    right = bars.transform_filter("datum.value >= 0").mark_text(align="right", dx=-3, fontSize=10)
    left = bars.transform_filter("datum.value < 0").mark_text(align="left", dx=3, fontSize=10)
    at_zero = {"x": alt.datum(0), "y": y, "text": "token:N"}
    panel = alt.layer(marks, right.encode(**at_zero), left.encode(**at_zero))
    height = 12 * max(1, int(shown.groupby("detector")["rank"].size().max()))
    facet = alt.Facet("detector:N", title=None, sort=list(shown["detector"].unique()))
    chart = panel.properties(width=260, height=height, data=alt.NamedData(table))
    return _made(chart.facet(facet=facet, columns=3).resolve_scale(x="independent"))


def _layered(table: str, *layers: alt.Chart) -> alt.LayerChart:
    chart: alt.LayerChart = alt.layer(*layers, data=alt.NamedData(table))
    return chart.properties(width=WIDTH, height=HEIGHT)


def _columns(chart: alt.Chart) -> Any:
    """A column a model, in the order of the table."""
    return chart.facet(facet=alt.Facet("model:N", title=None, sort=None), columns=2).resolve_scale(
        y="independent"
    )


def _made(chart: Any) -> Chart:
    made: Chart = chart.to_dict(validate=False)
    return made
