"""The pictures, as Vega-Lite charts."""

from typing import Any

import altair as alt
import pandas as pd

MOST_UNITS = 24
PERCENT = alt.Axis(format="%")


def units_chart(table: str, rows: pd.DataFrame) -> dict[str, Any]:
    """The value of each unit, sized by prevalence; a row a setting, a column a model."""
    names = list(dict.fromkeys(rows["unit_name"]))
    y = alt.Y("unit_name:N", title=None, sort=names, axis=alt.Axis(grid=True, labelLimit=260))
    color = alt.Color("direction:N", title=None, sort=list(rows["direction"].unique()))
    span = alt.Chart().mark_rule().encode(x="low:Q", x2="high:Q", y=y, color=color)
    points = (
        alt.Chart()
        .mark_point(filled=True, opacity=0.85)
        .encode(
            x=alt.X("value:Q", title="value that the unit is set to",
                    axis=alt.Axis(grid=False), scale=alt.Scale(padding=14)),
            y=y,
            color=color,
            size=alt.Size(
                "prevalence:Q",
                title="share of masks",
                scale=alt.Scale(domain=[0, 1], range=[10, 160]),
                legend=alt.Legend(format="%", values=[0.25, 0.5, 1]),
            ),
            tooltip=["model:N", "unit_name:N", "direction:N", "value:Q", "deviation:Q",
                     "prevalence:Q"],
        )
    )  # fmt: skip
    panel = alt.layer(span, points).properties(width=260, data=alt.NamedData(table))
    chart = panel.facet(
        row=alt.Row("setting:N", title=None, sort=list(rows["setting"].unique())),
        column=alt.Column("model:N", title=None, sort=list(rows["model"].unique())),
    ).resolve_scale(y="independent")
    made: dict[str, Any] = chart.to_dict(validate=False)
    return made


def activations_chart(table: str, rows: pd.DataFrame) -> dict[str, Any]:
    """Each unit word by word, with and without the intervention; a column a sentence."""
    words = "slice(datum.label, indexof(datum.label, ' ') + 1)"
    panel = (
        alt.Chart()
        .mark_line(point=True)
        .encode(
            x=alt.X(
                "at:N",
                title=None,
                sort=None,
                axis=alt.Axis(labelExpr=words, labelAngle=-35, grid=False),
            ),
            y=alt.Y("value:Q", title="activation", scale=alt.Scale(zero=False)),
            color=alt.Color("which:N", title=None, sort=["original", "intervention"]),
            strokeDash=alt.StrokeDash("which:N", sort=["original", "intervention"], legend=None),
            tooltip=["unit_name:N", "word:N", "which:N", "value:Q"],
        )
        .properties(width=300, height=70, data=alt.NamedData(table))
    )
    chart = panel.facet(
        facet=alt.Facet("panel:N", title=None, sort=list(rows["panel"].unique())), columns=2
    ).resolve_scale(x="independent")
    made: dict[str, Any] = chart.to_dict(validate=False)
    return made


def comparison_chart(table: str, rows: pd.DataFrame) -> dict[str, Any]:
    """Accuracy against units, a colour a way of choosing units; a column a model."""
    legend = {} if rows["scope"].nunique() > 1 else {"legend": None}
    points = alt.Chart(alt.NamedData(table)).mark_point(filled=True, size=90, opacity=0.85)
    chart = points.encode(
        x=alt.X("units:Q", title="units"),
        y=alt.Y("accuracy:Q", title="answers turned", axis=PERCENT,
                scale=alt.Scale(domain=[0, 1])),
        color=alt.Color("method:N", title=None, sort=list(rows["method"].unique()),
                        legend=alt.Legend(labelLimit=320, columns=2)),
        shape=alt.Shape("scope:N", title="scope", **legend),
        tooltip=["model:N", "method:N", "scope:N", "share:Q", "kl_factor:Q", "units:Q",
                 "accuracy:Q", "deviation:Q"],
    ).properties(width=380, height=240)  # fmt: skip
    faceted = chart.facet(
        column=alt.Column("model:N", title=None, sort=list(rows["model"].unique()))
    )
    made: dict[str, Any] = faceted.to_dict(validate=False)
    return made


def curve_chart(table: str, rows: pd.DataFrame) -> dict[str, Any]:
    """Accuracy against units along alpha, a line a setting; a column a model."""
    base = alt.Chart().encode(
        x=alt.X("units:Q", title="units", scale=alt.Scale(zero=False)),
        y=alt.Y("accuracy:Q", title="answers turned", axis=PERCENT,
                scale=alt.Scale(domain=[0, 1])),
        color=alt.Color("line:N", title=None, sort=list(rows["line"].unique()),
                        legend=alt.Legend(labelLimit=400, columns=1)),
        order="alpha:Q",
        tooltip=["model:N", "line:N", "alpha:Q", "units:Q", "units_deviation:Q", "accuracy:Q",
                 "accuracy_deviation:Q", "kl:Q"],
    )  # fmt: skip
    names = base.mark_text(align="left", dx=7, dy=8).encode(text="alpha:Q")
    panel = alt.layer(base.mark_line(point=True), names).properties(width=380, height=240)
    chart = panel.properties(data=alt.NamedData(table)).facet(
        column=alt.Column("model:N", title=None, sort=list(rows["model"].unique()))
    )
    made: dict[str, Any] = chart.to_dict(validate=False)
    return made
