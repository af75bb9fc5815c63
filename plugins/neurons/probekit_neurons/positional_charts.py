"""The pictures of positional neurons, as Vega-Lite charts."""

from typing import Any

import altair as alt
import pandas as pd

from probekit_neurons.shapes import STRENGTHS, TYPES

COLOURS = ["#6a3d9a", "#d7301f", "#31a354", "#e6a700"]  # the paper's purple, red, green, yellow
MOST_WIDE = 1000
CIRCLE = 9  # pixels


def circles_chart(table: str, found: pd.DataFrame) -> dict[str, Any]:
    """A circle a neuron, a line of them a layer; a row a model."""
    wide = 1 + max(map(int, found["place"]), default=0)
    layers = sorted(found["layer"].unique(), reverse=True)
    size = max(2, min(CIRCLE, MOST_WIDE // wide))
    circles = alt.Chart(alt.NamedData(table)).mark_circle(size=0.6 * size * size)
    chart = circles.encode(
        x=alt.X("place:Q", title="neurons", scale=alt.Scale(domain=[-1, max(20, wide)]),
                axis=alt.Axis(tickMinStep=1, grid=False)),
        y=alt.Y("layer:O", title="layer", sort=layers),
        color=_colour(),
        opacity=_strength(),
        tooltip=["model:N", "layer:Q", "unit:Q", "type:N", "strength:N", "information:Q",
                 "corrected:Q", "frequency:Q"],
    ).properties(width=min(MOST_WIDE, max(300, wide * size)), height=alt.Step(14))  # fmt: skip
    return _made(chart.facet(row=alt.Row("model:N", title=None, sort=None)))


def gallery_chart(table: str, rows: pd.DataFrame) -> dict[str, Any]:
    """Frequency along the positions: a panel a type and strength, one line an example."""
    lines = alt.Chart(alt.NamedData(table)).mark_line(strokeWidth=1)
    chart = lines.encode(
        x=alt.X("position:Q", title="position"),
        y=alt.Y("frequency:Q", title="activation frequency", scale=alt.Scale(domain=[0, 1])),
        color=_colour(),
        detail=["model:N", "layer:N", "unit:N"],
        opacity=alt.Opacity("example:O", title="example", scale=alt.Scale(range=[1, 0.3])),
        tooltip=["model:N", "layer:Q", "unit:Q", "position:Q", "frequency:Q"],
    ).properties(width=190, height=120)
    panels = alt.Facet("shape:N", title=None, sort=list(rows["shape"].unique()))
    return _made(chart.facet(facet=panels, columns=len(TYPES)))


def ranges_chart(table: str, ranges: pd.DataFrame) -> dict[str, Any]:
    """The position ranges of each neuron as bars; a panel a model."""
    bars = alt.Chart(alt.NamedData(table)).mark_bar(color=COLOURS[0])
    chart = bars.encode(
        x=alt.X("first:Q", title="position"),
        x2="last:Q",
        y=alt.Y("unit:N", title="unit", sort=alt.SortField("order")),
        tooltip=["model:N", "layer:Q", "unit:Q", "first:Q", "last:Q"],
    ).properties(width=560, height=alt.Step(16))
    rows = chart.facet(row=alt.Row("panel:N", title=None, sort=list(ranges["panel"].unique())))
    return _made(rows.resolve_scale(y="independent"))


def _colour() -> alt.Color:
    return alt.Color("type:N", title=None, scale=alt.Scale(domain=list(TYPES), range=COLOURS))


def _strength() -> alt.Opacity:
    scale = alt.Scale(domain=list(STRENGTHS), range=[1, 0.4])
    return alt.Opacity("strength:N", title=None, scale=scale)


def _made(chart: Any) -> dict[str, Any]:
    made: dict[str, Any] = chart.to_dict(validate=False)
    return made
