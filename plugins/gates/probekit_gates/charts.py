"""The pictures, as Vega-Lite charts."""

from typing import Any

import altair as alt
import pandas as pd

from probekit.charts import facets

SIDE = 260


def saturation_chart(table: str, units: pd.DataFrame, left: float, right: float) -> dict[str, Any]:
    """Left against right saturation with the diagonal; a column a model, a row a place."""
    unit = alt.Scale(domain=[0, 1])
    points = alt.Chart().mark_point(filled=True, size=22, opacity=0.45)
    points = points.encode(
        x=alt.X("left:Q", title=f"share of samples below {left}", scale=unit),
        y=alt.Y("right:Q", title=f"share of samples above {right}", scale=unit),
        color=alt.Color("gate:N", title="gate"),
        tooltip=["model:N", "place:N", "gate:N", "unit:Q", "left:Q", "right:Q", "samples:Q"],
    )
    ends = alt.Data(values=[{"x": 0, "y": 1}, {"x": 1, "y": 0}])
    diagonal = alt.Chart(ends).mark_line(color="#888", strokeDash=[4, 3], strokeWidth=1)
    panel = alt.layer(diagonal.encode(x="x:Q", y="y:Q"), points).properties(width=SIDE, height=SIDE)
    return facets(panel, table, units)


def ranges_chart(table: str, ranges: pd.DataFrame, kind: str) -> dict[str, Any]:
    """Box plots from stored quartiles, ordered by median; a column a model, a row a place."""
    by_median = alt.X(
        "unit:N",
        sort=alt.SortField("median"),
        title="units, by their median",
        axis=alt.Axis(labels=False, ticks=False),
    )
    quartiles = ["low:Q", "first_quartile:Q", "median:Q", "third_quartile:Q", "high:Q"]
    base = alt.Chart().encode(
        x=by_median,
        color=alt.Color("model:N", legend=None, sort=None),
        tooltip=["model:N", "place:N", "what:N", "unit:Q", *quartiles, "samples:Q"],
    )
    whisker = base.mark_rule(strokeWidth=1).encode(
        y=alt.Y("low:Q", title=f"{kind} activation"), y2="high:Q"
    )
    box = base.mark_bar(size=5).encode(y="first_quartile:Q", y2="third_quartile:Q")
    median = alt.Chart().mark_tick(size=5, thickness=1.5, color="black")
    median = median.encode(x=by_median, y="median:Q")
    panel = alt.layer(whisker, box, median).properties(width=420, height=180)
    return facets(panel, table, ranges, independent=("x",))
