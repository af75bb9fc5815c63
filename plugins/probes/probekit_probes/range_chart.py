"""The picture of short- and long-range units, as a Vega-Lite chart."""

from typing import Any

import altair as alt
import pandas as pd

from probekit.charts import facets
from probekit.report.theme import GREY, PALETTE

KINDS = {"short": PALETTE[1], "long": PALETTE[0], "neither": GREY}
SIDE = 280


def range_chart(table: str, units: pd.DataFrame) -> dict[str, Any]:
    """Accuracy at the subject against that at the attractor; a column a model, a row a layer."""
    colour = alt.Color(
        "range:N",
        title="range",
        scale=alt.Scale(domain=list(KINDS), range=list(KINDS.values())),
    )
    tips = ["unit:N", "number:Q", "subject:Q", "attractor:Q", "kept:Q", "range:N"]
    points = alt.Chart().encode(
        x=alt.X("subject:Q", title="accuracy at the subject", scale=alt.Scale(zero=False)),
        y=alt.Y(
            "kept:Q", title="accuracy of that at the attractor", scale=alt.Scale(domain=[0, 1])
        ),
    )
    others = points.transform_filter("datum.range == 'neither'").mark_circle(size=16, opacity=0.4)
    chosen = points.transform_filter("datum.range != 'neither'")
    layers = (
        others.encode(color=colour, tooltip=tips),
        chosen.mark_circle(size=44, opacity=1).encode(color=colour, tooltip=tips),
        chosen.mark_text(align="right", dx=-6, fontSize=9).encode(text="label:N", color=colour),
    )
    panel = alt.layer(*layers).properties(width=SIDE, height=SIDE)
    return facets(panel, table, units)
