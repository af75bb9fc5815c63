"""The picture of agreement by condition, as a Vega-Lite chart."""

from typing import Any

import altair as alt
import pandas as pd


def accuracy_chart(table: str, rows: pd.DataFrame) -> dict[str, Any]:
    """A bar a condition, a column a model, and a line at chance."""
    bars = alt.Chart().mark_bar(height={"band": 0.7}).encode(
        x=alt.X("accuracy:Q", title="share of right answers", axis=alt.Axis(format="%"),
                scale=alt.Scale(domain=[0, 1])),
        y=alt.Y("group:N", title=None, sort=list(rows["group"].unique())),
        tooltip=["model:N", "group:N", "sentences:Q", "accuracy:Q", "log_odds:Q", "difference:Q"],
    )  # fmt: skip
    chance = alt.Chart(alt.Data(values=[{"x": 0.5}])).mark_rule(strokeDash=[4, 3], color="#888")
    panel = alt.layer(bars, chance.encode(x="x:Q")).properties(width=360)
    chart = panel.properties(data=alt.NamedData(table)).facet(
        column=alt.Column("model:N", title=None, sort=list(rows["model"].unique()))
    )
    made: dict[str, Any] = chart.to_dict(validate=False)
    return made
