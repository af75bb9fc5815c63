"""The pictures, as Vega-Lite charts."""

from typing import Any

import altair as alt
import pandas as pd

MOST_POINTS = 20_000
COLUMNS = 2
PANEL = "trim(datum.place + ' ' + datum.what)"


def thin(curve: pd.DataFrame) -> pd.DataFrame:
    """The rows of the curve to be drawn: all, or evenly spread ones where there are too many."""
    step = -(-len(curve) // MOST_POINTS)
    if step <= 1:
        return curve
    ends = ~curve.duplicated(["model", "hook", "value"], keep="last")
    return curve[(curve["units"] % (2 * step) == 1) | ends].reset_index(drop=True)


def curve_chart(table: str, curve: pd.DataFrame) -> dict[str, Any]:
    """A line a model (and a value, where each has its group), a panel a hook point."""
    color = alt.Color("model:N", title="model", sort=list(curve["model"].unique()))
    where = ["model:N", "panel:N", "value:N"]
    line = alt.Chart().mark_line()
    line = line.encode(
        x=alt.X("units:Q", title="strongest units", scale=alt.Scale(type="log", nice=False)),
        y=alt.Y("accuracy:Q", title="accuracy on what is held out", scale=alt.Scale(zero=False)),
        color=color,
        detail="value:N",
        tooltip=[*where, "units:Q", "added:Q", "accuracy:Q"],
    )
    ends = alt.Chart().mark_point(filled=True, size=60)
    ends = ends.encode(
        x=alt.X("max(units):Q"),
        y=alt.Y("accuracy:Q", aggregate=alt.ArgmaxDef(argmax="units")),
        color=color,
        detail="value:N",
    )
    rule = alt.Chart().mark_rule(strokeDash=[4, 3], opacity=0.7)
    rule = rule.encode(y="mean(enough):Q", color=color, detail="value:N")
    panel = alt.layer(rule, line, ends).properties(width=320, height=220)
    return panels(panel, table, curve)


def size_chart(table: str, groups: pd.DataFrame) -> dict[str, Any]:
    """A bar a model (and a value), a panel a hook point."""
    split = groups["value"].nunique() > 1
    legend = {} if split else {"legend": None}
    color = alt.Color("model:N", title="model", sort=list(groups["model"].unique()), **legend)
    names = alt.Y("value:N" if split else "model:N", title=None, sort=None)
    bars = alt.Chart().encode(
        x=alt.X("size:Q", title="units in the group"),
        y=names,
        color=color,
        tooltip=["model:N", "panel:N", "value:N", "size:Q", "group_accuracy:Q", "full_accuracy:Q"],
    )
    if split:
        bars = bars.encode(yOffset=alt.YOffset("model:N", sort=None))
    text = bars.mark_text(align="left", dx=4, color="black").encode(text="size:Q")
    panel = alt.layer(bars.mark_bar(), text).properties(width=320)
    panel = panel.transform_filter("datum.reached")
    return panels(panel, table, groups)


def panels(panel: alt.LayerChart, table: str, rows: pd.DataFrame) -> dict[str, Any]:
    """The panel for each hook point, in the order of the table."""
    order = list((rows["place"] + " " + rows["what"]).str.strip().unique())
    chart = panel.properties(data=alt.NamedData(table)).facet(
        facet=alt.Facet("panel:N", title=None, sort=order), columns=COLUMNS
    )
    made: dict[str, Any] = chart.transform_calculate(panel=PANEL).to_dict(validate=False)
    return made
