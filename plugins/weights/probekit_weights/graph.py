"""The strongest weights as a graph between two rows of units (Baan et al. 2019, figure 2).

The paper draws |weight| from .2 (encoder) or .17 (decoder) on, on average the strongest percent,
and sees a few highly connected units in guided models where baselines look cluttered. The part of
the strong weights that the most connected 5% of the units hold makes that a number.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from probekit.analysis import Figure, Inputs, Partial, Result
from probekit.charts import thin
from probekit.weights import WeightSpec
from probekit_weights.charts import graph_chart, polarity_chart
from probekit_weights.drawing import drawn_graph
from probekit_weights.matrices import Found, MatrixAnalysis, Weight
from probekit_weights.params import GraphParams
from probekit_weights.places import layers_of, place, receivers, senders, slug
from probekit_weights.polarity import gate_pairs, polarity_rows, relation_row
from probekit_weights.strong import MOST_LISTED, edge_rows, strong_weights, summary_row, unit_rows
from probekit_weights.sums import sums


class WeightGraph(MatrixAnalysis[GraphParams]):
    """Keeps the strong weights of every chosen matrix and counts them unit by unit."""

    def read(self, spec: WeightSpec, weight: Weight, task: Mapping[str, Any]) -> Partial:
        """The strong weights, strongest first, their counts by unit, and sums over both sides."""
        return {
            **sums(weight),
            **strong_weights(weight, self.params.share, self.params.threshold),
        }

    def finish(self, found: Sequence[Found], inputs: Inputs) -> Result:
        """Tables of matrices, edges, units and gate pairs; a graph a place, and the polarities."""
        layers = layers_of([one.spec for one in found])
        summary = pd.DataFrame([summary_row(one, layers, self.params.top) for one in found])
        edges = pd.concat([edge_rows(one, layers) for one in found], ignore_index=True)
        units = pd.concat([unit_rows(one, layers) for one in found], ignore_index=True)
        result = Result(
            tables={"summary": summary, "edges": edges, "units": units},
            metrics=headline(summary),
            notes=[
                self._what_is_strong(), *sentences(summary, self.params.top), *left_out(summary),
            ],
        )  # fmt: skip
        for name in dict.fromkeys(summary["place"]):
            own = [one for one in found if place(one.spec, layers) == name]
            self._draw(result, name, own, inputs)
        self._compare_gates(result, found, layers)
        return result

    def _what_is_strong(self) -> str:
        if self.params.threshold is not None:
            return f"A weight is strong from |weight| = {self.params.threshold:g} on."
        return f"The strongest {self.params.share:.2%} of each matrix of each model are strong."

    def _draw(self, result: Result, name: str, found: Sequence[Found], inputs: Inputs) -> None:
        """Add the graph of the matrices of one place."""
        table, left_out = drawn_graph(found, self.params.order, self.params.labels)
        hooks, spec = inputs.model(found[0].label).hook_specs, found[0].spec
        key = slug(name)
        result.tables[f"graph-{key}"] = table
        result.figures.append(
            Figure(
                name=f"graph-{key}",
                title=f"Strong weights: {name}",
                caption=(
                    f"Strong weights lead from the {senders(spec, hooks)} at the bottom to the"
                    f" {receivers(spec, hooks)} at the top: blue is negative, red positive, and"
                    " dark strong in comparison with the panel. A circle's size is the number of"
                    " strong weights of a unit, its colour their polarity; the most connected units"
                    f" are numbered.{left_out}"
                ),
                table=f"graph-{key}",
                chart=graph_chart(f"graph-{key}", table),
            )
        )

    def _compare_gates(self, result: Result, found: Sequence[Found], layers: int) -> None:
        """Add the polarity of the units in each pair of gates, where there are pairs."""
        pairs = [
            polarity_rows(one, other, way, layers, self.params.top)
            for one, other in gate_pairs(found)
            for way in ("in", "out")
        ]
        if not pairs:
            return
        polarity = pd.concat(pairs, ignore_index=True)
        relation = pd.DataFrame([relation_row(rows) for rows in pairs])
        if polarity["pair"].nunique() > 1:
            polarity["panel"] += ": " + polarity["pair"]
        shown = thin(polarity, self.seed, keep=polarity["polar"])
        result.tables |= {"polarity": polarity, "gate_relation": relation}
        result.tables |= {} if shown is polarity else {"polarity-shown": shown}
        result.metrics |= {
            f"correlation.{slug(row['model'])}.{slug(row['panel'], row['pair'])}": row[
                "correlation"
            ]
            for row in relation.to_dict("records")
            if not math.isnan(row["correlation"])
        }
        table = "polarity" if shown is polarity else "polarity-shown"
        result.figures.append(
            Figure(
                name="polarity",
                title="Mean weights of two gates",
                caption=(
                    "Each point is one unit: the mean of its weights in one gate's matrix against"
                    f" that in the other's. The {self.params.top:.0%} with the largest means in"
                    " either are filled; on the falling diagonal the two gates are inversely"
                    " related."
                ),
                table=table,
                chart=polarity_chart(table, shown),
            )
        )


def headline(summary: pd.DataFrame) -> dict[str, float]:
    """Strong weights, and the part of them that hubs hold, by model and matrix."""
    found = {}
    for row in summary.to_dict("records"):
        key = slug(row["model"]) + "." + slug(row["place"], row["gate"].removesuffix(" gate"))
        for name in ("strong", "held_in", "held_out"):
            if not math.isnan(row[name]):
                found[f"{name}.{key}"] = float(row[name])
    return found


def sentences(summary: pd.DataFrame, top: float) -> list[str]:
    """What was found in each matrix."""
    found = []
    for row in summary.to_dict("records"):
        what = "{model}, {place}, {gate}: ".format_map(row)
        if not row["strong"]:
            found.append(f"{what}no weight is that strong.")
            continue
        found.append(
            f"{what}{row['strong']:,} strong weights (|weight| from {row['cutoff']:.3g} on,"
            f" {row['strong_share']:.2%}); the most connected {top:.0%} of the units hold"
            f" {row['held_in']:.0%} of those that lead in (by chance {row['chance_in']:.0%}) and"
            f" {row['held_out']:.0%} of those that lead out ({row['chance_out']:.0%})."
        )
    return found


def left_out(summary: pd.DataFrame) -> list[str]:
    """A sentence where a matrix has more strong weights than are listed."""
    if (summary["strong"] <= MOST_LISTED).all():
        return []
    return [f"The table `edges` lists the strongest {MOST_LISTED:,} of each matrix; all count."]
