"""Tables and pictures of positional neurons (Voita et al. 2023, section 5; figures 7 to 11, 16)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from probekit.analysis import Figure, Result
from probekit.charts import thin
from probekit.report import MAX_ROWS
from probekit_neurons.layers import Layer
from probekit_neurons.params import PositionalParams
from probekit_neurons.positional import EXAMPLES, Positional
from probekit_neurons.positional_charts import circles_chart, gallery_chart, ranges_chart
from probekit_neurons.shapes import STRENGTHS, TYPES, Shape
from probekit_neurons.tables import by_model, rows, where

ENOUGH = 100  # texts from which the bias of the estimate is small
POINTS = 512  # of a pattern that is drawn
COLUMNS = ("model", "layer", "hook", "unit", "type", "strength", "information", "bias", "corrected",
           "frequency", "place")  # fmt: skip
PATTERNS = ("model", "layer", "unit", "type", "shape", "example", "position", "frequency")
RANGES = ("model", "layer", "unit", "panel", "order", "first", "last")


def patterns(layers: Sequence[Layer], params: PositionalParams) -> Result:
    """Tables of positional neurons, their counts, patterns and ranges, and of all information."""
    found = rows((row for layer in layers for row in _rows(layer, params)), COLUMNS)
    ranges = rows((row for layer in layers for row in _ranges(layer, params)), RANGES)
    chosen = _chosen(ranges, params)
    tables = {
        "positional_by_layer": pd.DataFrame(
            [row for one in layers for row in _counts(one, params)]
        ),
        "positional": found,
        "patterns": rows(_gallery(layers, params), PATTERNS),
        "ranges": chosen,
        "all_ranges": ranges,
        "information": pd.concat([_all(one, params) for one in layers], ignore_index=True),
    }
    if len(found) > MAX_ROWS:
        tables["positional_drawn"] = thin(found, 0)
    result = Result(tables=tables, figures=_figures(tables, params))
    if found.empty:
        result.notes.append(
            f"No neuron has over {params.least_information} nats of mutual information of activity"
            " and position."
        )
    for label, own in by_model(layers).items():
        drawn = chosen[chosen["model"] == label]["unit"].nunique()
        result.metrics |= _metrics(label, own) | {f"drawn_ranges.{label}": float(drawn)}
        result.notes += _notes(label, own, params)
    return result


def _rows(layer: Layer, params: PositionalParams) -> list[dict[str, Any]]:
    """The positional neurons of a layer in the order in which they are drawn."""

    def order(one: Positional) -> tuple[int, int, float]:
        shape = one.shape
        return TYPES.index(shape.type), STRENGTHS.index(shape.strength), -one.information

    return [
        {
            **where(layer, params),
            "unit": one.unit,
            "type": one.shape.type,
            "strength": one.shape.strength,
            "information": one.information,
            "bias": one.bias,
            "corrected": one.information - one.bias,
            "frequency": one.frequency,
            "place": place,
        }
        for place, one in enumerate(sorted(layer.positional, key=order))
    ]


def _counts(layer: Layer, params: PositionalParams) -> list[dict[str, Any]]:
    shapes = [one.shape for one in layer.positional]
    return [
        {
            **where(layer, params),
            "type": type_,
            "strength": strength,
            "neurons": shapes.count(Shape(type_, strength)),
        }
        for type_ in TYPES
        for strength in STRENGTHS
    ]


def _all(layer: Layer, params: PositionalParams) -> pd.DataFrame:
    return pd.DataFrame(
        {
            **where(layer, params),
            "unit": np.arange(layer.units),
            "information": layer.information,
            "bias": layer.bias,
            "corrected": layer.information - layer.bias,
        }
    )


def _gallery(layers: Sequence[Layer], params: PositionalParams) -> list[dict[str, Any]]:
    """The frequencies along the positions of the clearest neurons of each shape."""
    found = []
    for shape in (Shape(type_, strength) for strength in STRENGTHS for type_ in TYPES):
        some = [
            (layer, one)
            for layer in layers
            for one in layer.positional
            if one.pattern is not None and one.shape == shape
        ]
        some.sort(key=lambda pair: -pair[1].information)
        for example, (layer, one) in enumerate(some[:EXAMPLES], start=1):
            found += _pattern(layer, one, example, params)
    return found


def _pattern(
    layer: Layer, one: Positional, example: int, params: PositionalParams
) -> list[dict[str, Any]]:
    assert one.pattern is not None
    step = -(-len(one.pattern) // POINTS)
    number = layer.spec.layer + params.first_layer
    return [
        {
            "model": layer.label, "layer": number, "unit": one.unit, "type": one.shape.type,
            "shape": f"{one.shape.type}, {one.shape.strength}", "example": example, "position": at,
            "frequency": float(one.pattern[at]),
        }
        for at in range(0, len(one.pattern), step)
    ]  # fmt: skip


def _ranges(layer: Layer, params: PositionalParams) -> list[dict[str, Any]]:
    """The position ranges of the strong oscillatory neurons, by where the first one begins."""
    some = sorted((one for one in layer.positional if one.ranges), key=lambda one: one.ranges)
    number = layer.spec.layer + params.first_layer
    return [
        {
            "model": layer.label, "layer": number, "unit": one.unit,
            "panel": f"{layer.label}, layer {number}", "order": order, "first": first, "last": last,
        }
        for order, one in enumerate(some)
        for first, last in one.ranges
    ]  # fmt: skip


def _chosen(ranges: pd.DataFrame, params: PositionalParams) -> pd.DataFrame:
    """The ranges of one layer of each model: the one asked for, or that of most neurons."""
    if params.layer is not None:
        return ranges[ranges["layer"] == params.layer].reset_index(drop=True)
    counts = ranges.groupby(["model", "layer"], sort=False)["unit"].nunique().reset_index()
    best = counts.sort_values("unit", ascending=False, kind="stable").drop_duplicates("model")
    return ranges.merge(best[["model", "layer"]], on=["model", "layer"])


def _metrics(label: str, own: Sequence[Layer]) -> dict[str, float]:
    shapes = [one.shape for layer in own for one in layer.positional]
    found = {
        f"positional.{label}": float(len(shapes)),
        f"strong.{label}": float(sum(shape.strength == "strong" for shape in shapes)),
    }
    for type_ in TYPES:
        name = type_.replace(" ", "_")
        found[f"{name}.{label}"] = float(sum(shape.type == type_ for shape in shapes))
    strong = Shape("oscillatory", "strong")
    found[f"strong_oscillatory.{label}"] = float(shapes.count(strong))
    return found


def _notes(label: str, own: Sequence[Layer], params: PositionalParams) -> list[str]:
    texts = own[0].texts
    bias = float(np.mean(np.concatenate([layer.bias for layer in own])))
    told = (
        f"{label}: the mutual information of {texts} texts comes out {bias:.4f} nats too high on"
        " average, by chance alone (column bias; corrected is what is left)."
    )
    if texts < ENOUGH:
        told += (
            f" That many texts are too few: with under {ENOUGH}, neurons that do not depend on the"
            f" position exceed {params.least_information}; read more text, or set corrected=true."
        )
    return [told]


def _figures(tables: Mapping[str, pd.DataFrame], params: PositionalParams) -> list[Figure]:
    """Pictures of the tables that have rows."""
    circles = "positional_drawn" if "positional_drawn" in tables else "positional"
    figures = [
        Figure(
            "circles",
            "Positional neurons",
            "Each circle is a neuron with more than"
            f" {params.least_information} nats of mutual information of activity and position; its"
            " colour is the type of its pattern, dark where it is strong.",
            circles,
            circles_chart(circles, tables[circles]),
        ),
        Figure(
            "patterns",
            "Types of positional neurons",
            "Activation frequency along the positions: the neurons with most information of each"
            " type, where the pattern is strong and where it is weak.",
            "patterns",
            gallery_chart("patterns", tables["patterns"]),
        ),
        Figure(
            "ranges",
            "Position ranges",
            "Positions at which each strong oscillatory neuron of one layer is active more often"
            " than not.",
            "ranges",
            ranges_chart("ranges", tables["ranges"]),
        ),
    ]
    return [figure for figure in figures if len(tables[figure.table])]
