"""The picture, as a Vega-Lite chart."""

from typing import Any

import altair as alt
import pandas as pd

from probekit_surgery.recovery import HERE, PUBLISHED, WHEN

BLUE, ORANGE = "#0072B2", "#D55E00"
WHENS = [f"{when} retraining" for when in WHEN]
ROW_HEIGHT = 26
WIDTH = 300
PANELS_A_LINE = 3


def recovery_chart(table: str, rows: pd.DataFrame, split: str) -> dict[str, Any]:
    """Scores before and after retraining, one line a `row`, a panel for each of `panel`.

    A tick marks the mean after retraining; published numbers are diamonds.
    """
    place = {
        "x": alt.X(
            "score:Q",
            title=f"right answers, {split}",
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(format="%", tickCount=5),
        ),
        "y": alt.Y("row:N", title=None, sort=list(rows["row"].unique())),
    }
    colors = alt.Scale(domain=WHENS, range=[ORANGE, BLUE])
    shapes = alt.Scale(domain=[HERE, PUBLISHED], range=["circle", "diamond"])
    beside = bool((rows["source"] == PUBLISHED).any())
    mean = alt.Chart().transform_filter((alt.datum.source == HERE) & (alt.datum.when == WHENS[-1]))
    mean = mean.transform_aggregate(score="mean(score)", groupby=["panel", "row"])
    dots = alt.Chart().mark_point(size=60, strokeWidth=1.6).encode(
        **place,
        color=alt.Color("when:N", title=None, scale=colors),
        shape=alt.Shape(
            "source:N", title=None, scale=shapes, legend=alt.Legend() if beside else None
        ),
        tooltip=["panel:N", "row:N", "when:N", "source:N", "score:Q"],
    )  # fmt: skip
    ticks = mean.mark_tick(thickness=2, size=18, color=BLUE).encode(**place)
    panel = alt.layer(ticks, dots).properties(
        width=WIDTH, height=ROW_HEIGHT * rows["row"].nunique(), data=alt.NamedData(table)
    )
    chart = panel.facet(
        facet=alt.Facet("panel:N", title=None, sort=list(rows["panel"].unique())),
        columns=PANELS_A_LINE,
    )
    made: dict[str, Any] = chart.to_dict(validate=False)
    return made
