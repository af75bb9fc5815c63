"""Weight matrices as heatmaps (Baan et al. 2019, figure 1: the decoder embedding).

A matrix of more cells than a picture can show is drawn in blocks of equal size; a block shows its
strongest weight with its sign, or its mean, and the figure says which and how large the blocks are.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from probekit.analysis import Figure, Inputs, Partial, Result
from probekit.report import MAX_ROWS
from probekit.weights import WeightSpec
from probekit_weights.charts import heatmap_chart
from probekit_weights.matrices import Found, MatrixAnalysis, Weight
from probekit_weights.numbers import gini, held
from probekit_weights.params import HeatmapParams, Order
from probekit_weights.picture import Picture, picture_of
from probekit_weights.places import slug
from probekit_weights.sums import sums

MOST_LINES = 640  # of a side: with more, a line would be thinner than a pixel
TOP = 0.05


class WeightHeatmap(MatrixAnalysis[HeatmapParams]):
    """Keeps, of every chosen matrix, the cells of its picture and the means of both sides."""

    def task(self, spec: WeightSpec, inputs: Inputs) -> Mapping[str, Any]:
        """How many rows and columns make one block."""
        return {"block": list(block_size(spec.shape, MAX_ROWS // len(inputs.labels)))}

    def read(self, spec: WeightSpec, weight: Weight, task: Mapping[str, Any]) -> Partial:
        """`cells` in the order drawn, that order, and the sums of both sides."""
        found = sums(weight)
        words = {"in": spec.rows, "out": spec.columns}
        order = {
            way: unit_order(found, way, "index" if words[way] else self.params.order)
            for way in ("in", "out")
        }
        ordered = weight[np.ix_(order["in"], order["out"])]
        rows, columns = task["block"]
        cells = blocks(ordered, rows, columns, self.params.block)
        return {
            **found,
            "cells": cells,
            "block": np.array(task["block"]),
            "in_order": order["in"],
            "out_order": order["out"],
        }

    def finish(self, found: Sequence[Found], inputs: Inputs) -> Result:
        """Tables `means` and `summary`, and a heatmap a matrix with its table of cells."""
        result = Result()
        summary = pd.DataFrame([summary_row(one) for one in found])
        result.tables["summary"] = summary
        result.tables["means"] = pd.concat([mean_rows(one) for one in found], ignore_index=True)
        result.metrics = headline(summary)
        result.notes = sentences(summary)
        for name in dict.fromkeys(one.spec.name for one in found):
            own = [one for one in found if one.spec.name == name]
            hooks = inputs.model(own[0].label).hook_specs
            self._draw(result, picture_of(own, hooks, self.params.order))
        return result

    def _draw(self, result: Result, picture: Picture) -> None:
        key = f"heatmap-{slug(picture.name)}"
        result.tables[key] = picture.cells
        result.figures.append(
            Figure(
                name=key,
                title=f"Weights: {picture.name}",
                caption=picture.caption(self.params.block),
                table=key,
                chart=heatmap_chart(key, picture),
            )
        )


def block_size(shape: tuple[int, int], most: int) -> tuple[int, int]:
    """How many rows and columns make one block, so that at most `most` blocks are drawn."""
    sizes = [-(-length // MOST_LINES) for length in shape]
    while True:
        lines = [-(-length // size) for length, size in zip(shape, sizes, strict=True)]
        if lines[0] * lines[1] <= most or max(lines) == 1:
            return sizes[0], sizes[1]
        sizes = [size + (line == max(lines)) for size, line in zip(sizes, lines, strict=True)]


def unit_order(found: Mapping[str, np.ndarray], way: str, order: Order) -> np.ndarray:
    """The units of a side in the order drawn: by index, mean weight or mean |weight|, rising."""
    if order == "index":
        return np.arange(len(found[f"{way}_sum"]))
    key = found[f"{way}_sum" if order == "mean" else f"{way}_size"]
    return np.argsort(key, kind="stable")


def blocks(weight: Weight, rows: int, columns: int, shown: str) -> Float[np.ndarray, "row column"]:
    """The strongest or the mean weight of blocks of `rows` x `columns`, smaller at the ends."""
    starts = (np.arange(0, weight.shape[0], rows), np.arange(0, weight.shape[1], columns))

    def reduced(function: np.ufunc) -> np.ndarray:
        part: np.ndarray = function.reduceat(function.reduceat(weight, starts[0], 0), starts[1], 1)
        return part

    if shown == "mean":
        sizes = [np.diff([*at, length]) for at, length in zip(starts, weight.shape, strict=True)]
        return reduced(np.add) / np.outer(*sizes)
    high, low = reduced(np.maximum), reduced(np.minimum)
    return np.where(high >= -low, high, low)


def summary_row(one: Found) -> dict[str, Any]:
    """Size, strength, and how unevenly the strength is spread over both sides."""
    spec, arrays = one.spec, one.arrays
    weights = spec.shape[0] * spec.shape[1]
    return {
        "model": one.label,
        "matrix": spec.name,
        "rows": spec.shape[0],
        "columns": spec.shape[1],
        "mean": float(arrays["in_sum"].sum()) / weights,
        "mean_abs": float(arrays["in_size"].sum()) / weights,
        "largest": float(arrays["in_largest"].max()),
        "held_in": held(arrays["in_size"], TOP),
        "gini_in": gini(arrays["in_size"]),
        "held_out": held(arrays["out_size"], TOP),
        "gini_out": gini(arrays["out_size"]),
    }


def headline(summary: pd.DataFrame) -> dict[str, float]:
    """Strength and its unevenness, by model and matrix."""
    return {
        f"{name}.{slug(row['model'])}.{slug(row['matrix'])}": row[name]
        for row in summary.to_dict("records")
        for name in ("mean_abs", "gini_in", "gini_out")
        if row["mean_abs"] > 0 or name == "mean_abs"
    }


def sentences(summary: pd.DataFrame) -> list[str]:
    """What was found in each matrix."""
    return [
        f"{row.model}, {row.matrix} ({row.rows} x {row.columns}): mean |weight|"
        f" {row.mean_abs:.3g}, largest {row.largest:.3g}; Gini coefficient of the strength of its"
        f" rows {row.gini_in:.2f}, of its columns {row.gini_out:.2f}."
        for row in summary.itertuples()
    ]


def mean_rows(one: Found) -> pd.DataFrame:
    """One row for each row (`in`) and column (`out`) of a matrix, whole, whatever was drawn."""
    spec, arrays = one.spec, one.arrays
    tables = []
    for way, words, others in (
        ("in", spec.rows, spec.shape[1]),
        ("out", spec.columns, spec.shape[0]),
    ):
        count = len(arrays[f"{way}_sum"])
        facts = {
            "model": one.label,
            "matrix": spec.name,
            "side": way,
            "unit": np.arange(count),
            "word": list(words) or "",
            "mean": arrays[f"{way}_sum"] / others,
            "mean_abs": arrays[f"{way}_size"] / others,
            "largest": arrays[f"{way}_largest"],
        }
        tables.append(pd.DataFrame(facts))
    return pd.concat(tables, ignore_index=True)
