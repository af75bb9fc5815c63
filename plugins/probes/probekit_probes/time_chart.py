"""The picture of decoding over time, as a Vega-Lite chart."""

import json
from typing import Any

import altair as alt
import pandas as pd

STEP, HEIGHT = 64, 260
LEAST = 300
APART = 0.07  # between the points of two curves at one word, so that both are seen


def time_chart(table: str, curves: pd.DataFrame, subject: int) -> dict[str, Any]:
    """A line a curve with its deviations over the words, a panel a model.

    A vertical rule stands where the classifier was trained, a horizontal one at chance.
    """
    words, names = _words(curves), list(curves["curve"].unique())
    last = len(words) - 1
    axis = alt.Axis(
        values=list(range(len(words))),
        labelExpr=f"{json.dumps(words)}[datum.value]",
        labelAngle=-40,
        labelOverlap=False,
        title=None,
    )
    x = alt.X("at:Q", axis=axis, scale=alt.Scale(domain=[-0.4, last + 0.4], nice=False))
    area = alt.Scale(domain=[0, 1])
    colour = alt.Color(
        "curve:N",
        title=None,
        sort=names,
        legend=alt.Legend(orient="bottom", columns=1, labelLimit=400),
    )
    place = f"indexof({json.dumps(names)}, datum.curve) - {(len(names) - 1) / 2}"
    base = alt.Chart().transform_calculate(
        low="datum.mean - datum.deviation",
        high="datum.mean + datum.deviation",
        at=f"datum.position + {APART} * ({place})",
    )
    bars = base.mark_rule(clip=True, strokeWidth=1.2).encode(
        x=x, y=alt.Y("low:Q", scale=area, title="AUC"), y2="high:Q", color=colour
    )
    tips = ["curve:N", "word:N", "mean:Q", "deviation:Q"]
    lines = base.mark_line(point=alt.OverlayMarkDef(size=28, filled=True)).encode(
        x=x, y=alt.Y("mean:Q", title="AUC"), color=colour, tooltip=tips
    )
    rule = alt.Chart().mark_rule(strokeDash=[4, 3])
    chance, trained = rule.encode(y=alt.datum(0.5)), rule.encode(x=alt.datum(subject))
    panel = alt.layer(chance, trained, bars, lines)
    panel = panel.properties(width=max(LEAST, STEP * len(words)), height=HEIGHT)
    chart = panel.properties(data=alt.NamedData(table)).facet(
        column=alt.Column("model:N", title=None, sort=list(curves["model"].unique()))
    )
    made: dict[str, Any] = chart.to_dict(validate=False)
    return made


def _words(curves: pd.DataFrame) -> list[str]:
    """The words of the model that read most of them."""
    longest = curves["model"].iloc[int(curves["position"].to_numpy().argmax())]
    own = curves[curves["model"] == longest]
    return list(own.groupby("position")["word"].first())
