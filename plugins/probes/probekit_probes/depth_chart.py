"""The picture of the weights of a regression, as a Vega-Lite chart."""

from typing import Any

import altair as alt
import pandas as pd

from probekit.report.theme import GREY, PALETTE

WIDTH, HEIGHT = 560, 260


def weight_chart(table: str, units: pd.DataFrame) -> dict[str, Any]:
    """Weight by number of the unit, colour by layer, the outliers numbered; a panel a model.

    The rules are at the columns `low` and `high`, beyond which a unit is an outlier.
    """
    places = list(units["place"].unique())
    colours = [GREY, *PALETTE][: len(places)] if len(places) > 1 else [GREY]
    base = alt.Chart().encode(
        x=alt.X("number:Q", title="unit, numbered across layers", scale=alt.Scale(nice=False)),
        y=alt.Y("weight:Q", title="weight"),
    )
    tips = ["unit:N", "number:Q", "weight:Q", "deviation:Q", "z:Q"]
    colour = alt.Color(
        "place:N", title=None, sort=places, scale=alt.Scale(domain=places, range=colours)
    )
    plain = base.transform_filter("!datum.syntax").mark_circle(size=14, opacity=0.6)
    chosen = base.transform_filter("datum.syntax")
    rules = [
        alt.Chart().mark_rule(strokeDash=[4, 3]).encode(y=alt.Y(f"mean({side}):Q"))
        for side in ("low", "high")
    ]
    layers = (
        *rules,
        plain.encode(color=colour, tooltip=tips),
        chosen.mark_circle(size=44, opacity=1).encode(color=colour, tooltip=tips),
        chosen.mark_text(dx=5, align="left", fontSize=9).encode(text="number:Q"),
    )
    panel = alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)
    chart = panel.properties(data=alt.NamedData(table)).facet(
        facet=alt.Facet("model:N", title=None, sort=list(units["model"].unique())), columns=1
    )
    made: dict[str, Any] = chart.resolve_scale(y="independent").to_dict(validate=False)
    return made
