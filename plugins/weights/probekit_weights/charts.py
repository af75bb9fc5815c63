"""The pictures, as Vega-Lite charts."""

from typing import Any

import altair as alt
import pandas as pd

from probekit.charts import facets
from probekit_weights.picture import Axis, Picture

NEGATIVE, POSITIVE, MIXED = "#2166ac", "#b2182b", "#c9c9c9"
INK = "#222222"
GREY = "#888888"
DIVERGING = ["#053061", "#2166ac", "#4393c3", "#92c5de", "#d1e5f0", "#ffffff",
             "#fddbc7", "#f4a582", "#d6604d", "#b2182b", "#67001f"]  # fmt: skip
SIDE = 240
WIDTH, HALF, LOW = 640, 400, 160
MOST_PIXELS = 24
WORD_HEIGHT = 15

Chart = dict[str, Any]


def graph_chart(table: str, marks: pd.DataFrame) -> Chart:
    """Edges between two rows of units; a column a model, a row a gate."""
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, 1]))
    ends = alt.Axis(values=[0, 1], labelExpr="datum.value ? 'to' : 'from'", title=None,
                    ticks=False, domain=False, grid=False)  # fmt: skip
    y = alt.Y("y:Q", axis=ends, scale=alt.Scale(domain=[-0.11, 1.11]))
    of = alt.Chart().transform_filter
    edges = of("datum.mark == 'edge'").mark_rule(strokeCap="butt")
    edges = edges.encode(
        x=x, y=y, x2="x2:Q", y2=alt.datum(1),
        color=alt.condition("datum.weight > 0", alt.value(POSITIVE), alt.value(NEGATIVE)),
        # not `opacity`: with that the PNG of so many lines takes minutes
        strokeOpacity=alt.StrokeOpacity("relative:Q", legend=None,
                                        scale=alt.Scale(range=[0.08, 0.8])),
        strokeWidth=alt.StrokeWidth("relative:Q", legend=None, scale=alt.Scale(range=[0.3, 1.4])),
        tooltip=["label:N", "weight:Q"],
    )  # fmt: skip
    units = of("datum.mark == 'unit'").mark_circle(stroke="white", strokeWidth=0.4, opacity=1)
    units = units.encode(
        x=x, y=y,
        size=alt.Size("strong:Q", title="strong weights of a unit",
                      scale=alt.Scale(range=[1, 190], domainMin=0)),
        color=alt.Color("polarity:Q", title="polarity",
                        scale=alt.Scale(domain=[-1, 0, 1], range=[NEGATIVE, MIXED, POSITIVE])),
        tooltip=["label:N", "strong:Q", "polarity:Q"],
    )  # fmt: skip
    name = {"fontSize": 10, "color": INK}
    above = of("datum.mark == 'name' && datum.y == 1").mark_text(dy=-13, **name)
    below = of("datum.mark == 'name' && datum.y == 0").mark_text(dy=13, **name)
    names = [layer.encode(x=x, y=y, text="label:N") for layer in (above, below)]
    panel = alt.layer(edges, units, *names).properties(width=420, height=230)
    return facets(panel, table, marks, "gate")


def polarity_chart(table: str, rows: pd.DataFrame) -> Chart:
    """Mean weight of a unit in one gate against another; a column a model, a row a place."""
    pairs = rows[["one", "other"]].drop_duplicates()
    one, other = pairs.iloc[0] if len(pairs) == 1 else ("first gate", "second gate")
    points = alt.Chart().encode(
        x=alt.X("mean_one:Q", title=f"mean weight, {one}"),
        y=alt.Y("mean_other:Q", title=f"mean weight, {other}"),
        tooltip=["unit:Q", "one:N", "mean_one:Q", "other:N", "mean_other:Q"],
    )
    plain = points.transform_filter("!datum.polar").mark_circle(size=14, opacity=0.35, color=GREY)
    polar = points.transform_filter("datum.polar").mark_circle(size=26, opacity=0.9)
    zero = alt.Chart().mark_rule(strokeWidth=0.8, color=GREY)
    axes = zero.encode(x=alt.datum(0)), zero.encode(y=alt.datum(0))
    panel = alt.layer(*axes, plain, polar).properties(width=SIDE, height=SIDE)
    return facets(panel, table, rows, "panel", independent=("x", "y"))


def strength_chart(table: str, units: pd.DataFrame) -> Chart:
    """Strength by the mean of its layer against rank, one line a model, a panel a place."""
    lines = alt.Chart().transform_joinaggregate(mean="mean(strength)", groupby=["model", "place"])
    lines = lines.transform_calculate(relative="datum.strength / datum.mean")
    marks = lines.mark_line().encode(
        x=_by_rank(units),
        y=alt.Y("relative:Q", title="strength / mean", scale=alt.Scale(zero=False)),
        color=alt.Color("model:N", title="model", sort=None),
        tooltip=["model:N", "place:N", "unit:Q", "rank:Q", "strength:Q"],
    )
    panel = marks.properties(width=380, height=200, data=alt.NamedData(table))
    chart = panel.facet(
        facet=alt.Facet("place:N", title=None, sort=list(units["place"].unique())), columns=2
    )
    return _made(chart)


def _by_rank(units: pd.DataFrame) -> alt.X:
    """Ranks on a logarithmic scale, for the first few matter most."""
    most = int(units["rank"].max())
    powers = [10**power for power in range(len(str(most)))]
    ticks = [tick * power for power in powers for tick in (1, 2, 5) if tick * power <= most]
    scale = alt.Scale(type="log", domain=[0.9, 1.1 * most], nice=False)
    return alt.X("rank:Q", title="rank of the unit", scale=scale,
                 axis=alt.Axis(values=ticks, format="d"))  # fmt: skip


def members_chart(table: str, units: pd.DataFrame) -> Chart:
    """Strength against rank, the group filled and numbered; a column a model, a row a hook."""
    at = {
        "x": _by_rank(units),
        "y": alt.Y("strength:Q", title="strength", scale=alt.Scale(zero=False)),
    }
    tip = ["unit:Q", "rank:Q", "strength:Q", "in_groups:Q"]
    others = alt.Chart().transform_filter("datum.in_groups == 0").mark_circle(size=10, color=GREY)
    group = alt.Chart().transform_filter("datum.in_groups > 0")
    filled = group.mark_circle(size=46, opacity=1, color=POSITIVE)
    names = group.mark_text(dx=5, dy=-8, align="left", fontSize=10, color=INK)
    last = alt.Chart().transform_filter("datum.strongest")
    last = last.transform_aggregate(end="max(rank)").mark_rule(strokeDash=[4, 3])
    panel = alt.layer(
        last.encode(x="end:Q"),
        others.encode(**at, opacity=alt.value(0.5), tooltip=tip),
        filled.encode(**at, tooltip=tip),
        names.encode(**at, text="label:N"),
    ).properties(width=340, height=220)
    return facets(panel, table, units, "hook", independent=("x", "y"))


def heatmap_chart(table: str, picture: Picture) -> Chart:
    """The cells of a matrix, the models side by side or, where it is wide, below each other."""
    wide = picture.x.lines > 1.5 * picture.y.lines
    pixels = max(1, min(MOST_PIXELS, (WIDTH if wide else HALF) // picture.x.lines))
    tall = max(pixels, LOW // picture.y.lines)
    if picture.y.named:
        tall = max(WORD_HEIGHT, tall)
    width, height = pixels * picture.x.lines, tall * picture.y.lines
    most = float(picture.cells["weight"].abs().max())
    stops = [most * (2 * at / (len(DIVERGING) - 1) - 1) for at in range(len(DIVERGING))]
    colours = alt.Scale(domain=stops, range=DIVERGING, interpolate="rgb")
    cells = alt.Chart(width=width, height=height).mark_rect(strokeWidth=0)
    cells = cells.encode(
        **_along_x(picture.x),
        **_along_y(picture.y),
        color=alt.Color("weight:Q", title="weight", scale=colours),
        tooltip=["row:N", "column:N", "weight:Q"],
    )
    models = {"field": "model", "type": "nominal", "title": None,
              "sort": list(picture.cells["model"].unique())}  # fmt: skip
    panel = cells.properties(data=alt.NamedData(table))
    if wide:
        return _made(panel.facet(row=alt.Row(**models, header=alt.Header(orient="top"))))
    return _made(panel.facet(column=alt.Column(**models)))


def _along_x(axis: Axis) -> dict[str, Any]:
    if axis.named:
        return {"x": alt.X("column:N", title=axis.title, sort=None)}
    scale = alt.Scale(domain=[0, axis.lines], nice=False)
    return {"x": alt.X("x:Q", title=axis.title, scale=scale, axis=_ticks(axis)), "x2": "x2:Q"}


def _along_y(axis: Axis) -> dict[str, Any]:
    if axis.named:
        return {"y": alt.Y("row:N", title=axis.title, sort=None)}
    scale = alt.Scale(domain=[axis.lines, 0], nice=False)
    return {"y": alt.Y("y:Q", title=axis.title, scale=scale, axis=_ticks(axis)), "y2": "y2:Q"}


def _ticks(axis: Axis) -> alt.Axis:
    """Ticks at units, not at blocks."""
    return alt.Axis(grid=False, labelExpr=f"format(datum.value * {axis.block}, 'd')")


def _made(chart: Any) -> Chart:
    made: Chart = chart.to_dict(validate=False)
    return made
