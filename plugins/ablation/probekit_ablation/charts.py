"""The pictures, as Vega-Lite charts."""

from typing import Any

import altair as alt
import pandas as pd

MOST_POINTS = 20_000


def ranked_chart(table: str, units: pd.DataFrame, cost: float) -> dict[str, Any]:
    """What a unit costs against its rank, one point a unit, coloured by place; a column a model."""
    points = alt.Chart().mark_point(filled=True, size=24, opacity=0.6)
    points = points.encode(
        x=alt.X("rank:Q", title="units, the costliest first"),
        y=alt.Y("worst:Q", title="share of answers lost", axis=alt.Axis(format="%")),
        color=alt.Color("place:N", title=None, sort=list(units["place"].unique())),
        tooltip=["model:N", "unit_name:N", "hook:N", "rank:Q", "intact:Q", "score:Q", "drop:Q",
                 "worst:Q", "where:N"],
    )  # fmt: skip
    mark = alt.Chart(alt.Data(values=[{"y": cost}])).mark_rule(color="#888", strokeDash=[4, 3])
    panel = alt.layer(mark.encode(y="y:Q"), points).properties(width=420, height=260)
    chart = panel.properties(data=alt.NamedData(table)).facet(
        column=alt.Column("model:N", title=None, sort=list(units["model"].unique()))
    )
    made: dict[str, Any] = chart.to_dict(validate=False)
    return made


def conditions_chart(table: str, rows: pd.DataFrame) -> dict[str, Any]:
    """Right answers in each condition, the whole model and the costly units; a column a model."""
    whole = alt.datum.who == "whole model"
    panel = alt.Chart(alt.NamedData(table)).mark_point(filled=True, size=70, opacity=0.8)
    panel = panel.encode(
        x=alt.X("score:Q", title="share of right answers", axis=alt.Axis(format="%"),
                scale=alt.Scale(domain=[0, 1])),
        y=alt.Y("group:N", title=None, sort=list(rows["group"].unique())),
        color=alt.Color("who:N", title=None, sort=list(rows["who"].unique()),
                        legend=alt.Legend(labelLimit=260, symbolLimit=20)),
        shape=alt.condition(whole, alt.value("diamond"), alt.value("circle")),
        tooltip=["model:N", "group:N", "who:N", "score:Q"],
    ).properties(width=420)  # fmt: skip
    chart = panel.facet(column=alt.Column("model:N", title=None, sort=list(rows["model"].unique())))
    made: dict[str, Any] = chart.to_dict(validate=False)
    return made


def controls_chart(table: str, rows: pd.DataFrame) -> dict[str, Any]:
    """For each condition the scores of the random sets as bars, and that of the set as a line."""
    bars = alt.Chart().transform_filter(alt.datum.who == "random set")
    bars = bars.mark_bar(color="#9bb", opacity=0.8).encode(
        x=alt.X("score:Q", bin=alt.Bin(maxbins=40), title="share of right answers",
                axis=alt.Axis(format="%")),
        y=alt.Y("count():Q", title="random sets"),
    )  # fmt: skip
    rules = alt.Chart().transform_filter(alt.datum.who != "random set")
    rules = rules.mark_rule(size=2).encode(
        x="score:Q",
        color=alt.Color("who:N", title=None, sort=["whole model", "the set"]),
        tooltip=["model:N", "group:N", "who:N", "score:Q"],
    )
    panel = alt.layer(bars, rules).properties(width=240, height=120)
    chart = panel.properties(data=alt.NamedData(table)).facet(
        facet=alt.Facet("panel:N", title=None, sort=list(rows["panel"].unique())), columns=3
    )
    made: dict[str, Any] = chart.to_dict(validate=False)
    return made
