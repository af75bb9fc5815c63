"""The picture, as a Vega-Lite chart."""

from typing import Any

import altair as alt
import pandas as pd

MOST_POINTS = 20_000


def ranked_chart(table: str, units: pd.DataFrame, cost: float) -> dict[str, Any]:
    """Drop against rank, one point a unit, coloured by place; a column a model."""
    points = alt.Chart().mark_point(filled=True, size=24, opacity=0.6)
    points = points.encode(
        x=alt.X("rank:Q", title="units, the costliest first"),
        y=alt.Y("drop:Q", title="share of answers lost", axis=alt.Axis(format="%")),
        color=alt.Color("place:N", title=None, sort=list(units["place"].unique())),
        tooltip=[
            "model:N",
            "place:N",
            "hook:N",
            "unit:Q",
            "rank:Q",
            "intact:Q",
            "score:Q",
            "drop:Q",
        ],
    )
    mark = alt.Chart(alt.Data(values=[{"y": cost}])).mark_rule(color="#888", strokeDash=[4, 3])
    panel = alt.layer(mark.encode(y="y:Q"), points).properties(width=420, height=260)
    chart = panel.properties(data=alt.NamedData(table)).facet(
        column=alt.Column("model:N", title=None, sort=list(units["model"].unique()))
    )
    made: dict[str, Any] = chart.to_dict(validate=False)
    return made
