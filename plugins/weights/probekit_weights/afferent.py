"""Afferent weights: which units drive the gates of single units.

Lakretz et al. (2019), section 4.4 and figure 4: every weight into a gate of a unit, times the
activity of its source that is furthest from 0 over all sentences and steps, with its sign. A weight
stands out where its z score over all sources of that gate does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from probekit.analysis import Figure, Inputs, Partial, Result, Shard, need_model
from probekit.dataset import Dataset
from probekit.errors import ProbekitError, listing
from probekit.hooks import HookQuery, HookSpec, select
from probekit.language import LanguageModel
from probekit.model import Model
from probekit.statistics import Extremes
from probekit.streaming import Found, StreamingAnalysis
from probekit.units import Unit, layer_widths, parse_units
from probekit.weights import WeightQuery, WeightSpec, select_weights
from probekit_weights.answered import Answered
from probekit_weights.matrices import as_array
from probekit_weights.params import AfferentParams
from probekit_weights.places import gate, slug
from probekit_weights.unit_charts import afferent_chart, afferent_marks

AUTO = "auto"

Sources = Float[np.ndarray, " source"]
Matrix = Float[np.ndarray, "to source"]


class Plan(NamedTuple):
    """What is read of one model: matrices into the layers of the units, and what they read."""

    matrices: list[WeightSpec]
    sources: list[HookSpec]
    widths: tuple[int, ...]


@dataclass(frozen=True)
class Afferents:
    """All weights of one matrix: as they are, scaled by activity, and their z scores."""

    spec: WeightSpec
    source: HookSpec
    weight: Matrix
    peak: Sources
    scaled: Matrix
    z: Matrix

    @property
    def panel(self) -> str:
        """`input gate`, or with where from for what does not come from the layer itself."""
        below = self.spec.relation == "input"
        return f"{gate(self.spec)}, from layer {self.source.layer}" if below else gate(self.spec)


class AfferentWeights(StreamingAnalysis[AfferentParams]):
    """One pass over the data for the activities; the weights are read at the end."""

    def plan(self, inputs: Inputs, label: str) -> Plan:
        """The matrices that lead into the layers of the units, from units of a hidden state."""
        model, part = inputs.model(label), self.params.part
        hidden = select(model.hook_specs, HookQuery(kind="hidden", part=part), model=label)
        hidden = [spec for spec in hidden if spec.part == hidden[0].part]
        widths = layer_widths(hidden)
        given = [text for text in self.params.units if text != AUTO]
        layers = {unit.layer for unit in parse_units(given, widths)}
        if len(given) < len(self.params.units):
            layers.add(len(widths) - 1)
        queries = [
            WeightQuery(relation=relation, part=hidden[0].part, role=role)
            for relation in self.params.relation
            for role in self.params.role or [None]
        ]
        by_name = {spec.name: spec for spec in hidden}
        matrices = [
            spec
            for spec in select_weights(model.weights, *queries, model=label)
            if spec.layer in layers and spec.source in by_name
        ]
        if not matrices:
            raise ProbekitError(
                f"no {listing(self.params.relation)} weights lead from hidden units to the units"
                f" chosen in {label}; the lowest layer reads no units, so give relation=recurrent."
            )
        names = dict.fromkeys(spec.source for spec in matrices)
        return Plan(matrices, [by_name[name] for name in names], widths)

    def hooks(self, inputs: Inputs, label: str) -> list[HookSpec]:
        """The hidden states that the matrices read."""
        return self.plan(inputs, label).sources

    def statistic(self, spec: HookSpec) -> Extremes:
        """The smallest and the largest activity of each unit."""
        assert spec.width is not None
        return Extremes(spec.width)

    def measure(self, shard: Shard, model: Model | None, dataset: Dataset) -> Partial:
        """The extremes of one block, in which language models read the answers too."""
        if self.params.answer and isinstance(need_model(model), LanguageModel):
            dataset = Answered(dataset)
        return super().measure(shard, model, dataset)

    def finish(self, found: Sequence[Found], inputs: Inputs) -> Result:
        """Tables `weights`, `outliers` and `circuit`, and figure 4."""
        tables, marked = [], {}
        for label in inputs.labels:
            peaks = {one.spec.name: peak(one.statistic) for one in found if one.label == label}
            plan = self.plan(inputs, label)
            afferents = [scaled(inputs.model(label), spec, peaks) for spec in plan.matrices]
            units = self._units(plan, afferents)
            marked[label] = {*units, *parse_units(self.params.marked, plan.widths, "marked")}
            tables += [self._rows(label, one, units, plan.widths) for one in afferents]
        weights = pd.concat(tables, ignore_index=True)
        outliers = weights[weights["outlier"]]
        order = outliers["z"].abs().sort_values(ascending=False, kind="stable").index
        circuit = weights[[
            Unit(row.source_layer, row.source_index) in marked[row.model]
            for row in weights.itertuples()
        ]]  # fmt: skip
        shown = afferent_marks(weights, circuit.index, self.params.labels, self.seed)
        return Result(
            tables={
                "weights": weights,
                "outliers": outliers.loc[order].reset_index(drop=True),
                "circuit": circuit.reset_index(drop=True),
                "shown": shown,
            },
            metrics=headline(weights, circuit),
            figures=[self._figure(shown)],
            notes=self._notes(inputs),
        )

    def _units(self, plan: Plan, afferents: Sequence[Afferents]) -> list[Unit]:
        """The units asked for; `auto` means those of the top layer with the largest |z|."""
        units: dict[Unit, None] = {}
        for text in self.params.units:
            if text != AUTO:
                units[parse_units([text], plan.widths)[0]] = None
                continue
            top = len(plan.widths) - 1
            largest = np.max(
                [np.abs(one.z).max(1) for one in afferents if one.spec.layer == top], axis=0
            )
            best = np.argsort(-largest, kind="stable")[: self.params.top]
            units |= dict.fromkeys(Unit(top, int(index)) for index in best)
        return list(units)

    def _rows(
        self, label: str, one: Afferents, units: Sequence[Unit], widths: Sequence[int]
    ) -> pd.DataFrame:
        """One row for each unit of the layer that is asked for, and each source."""
        sources = [Unit(one.source.layer, index) for index in range(len(one.peak))]
        tables = [
            pd.DataFrame(
                {
                    "model": label,
                    "panel": one.panel,
                    "unit": unit.title(widths),
                    "layer": unit.layer,
                    "index": unit.index,
                    "gate": gate(one.spec),
                    "source": [source.title(widths) for source in sources],
                    "source_layer": one.source.layer,
                    "source_index": np.arange(len(sources)),
                    "source_number": [source.number(widths) for source in sources],
                    "weight": one.weight[unit.index],
                    "activity": one.peak,
                    "scaled": one.scaled[unit.index],
                    "z": one.z[unit.index],
                    "outlier": np.abs(one.z[unit.index]) >= self.params.outlier,
                }
            )
            for unit in units
            if unit.layer == one.spec.layer
        ]
        return pd.concat(tables, ignore_index=True)

    def _figure(self, shown: pd.DataFrame) -> Figure:
        return Figure(
            name="afferent",
            title="What drives the gates of single units",
            caption=(
                "Each point is one weight into a gate, times the activity of its source that is"
                f" furthest from 0. Coloured are those with |z| of {self.params.outlier:g} or more"
                " among all sources of that gate, the largest with the number of their source;"
                " diamonds, to the right, are the units shown and those marked."
            ),
            table="shown",
            chart=afferent_chart("shown", shown),
        )

    def _notes(self, inputs: Inputs) -> list[str]:
        """How weights are scaled, and what was not known."""
        notes = [
            "Scaled weights are weights times the activity of their source that is furthest from 0"
            " over all sentences and steps, with its sign; z scores take the standard deviation"
            " over all sources of one gate of one unit."
        ]
        for label in inputs.labels:
            unknown = inputs.model(label).unknown
            count = sum(bool(unknown(example)) for example in inputs.dataset)
            if count:
                notes.append(
                    f"{count} of {len(inputs.dataset)} sentences hold words that {label} does not"
                    " know; it reads them as unknown words."
                )
        return notes


def peak(extremes: object) -> Sources:
    """The value furthest from 0, with its sign, `[source]`; of two as far, the positive one."""
    assert isinstance(extremes, Extremes)
    return np.where(extremes.high >= -extremes.low, extremes.high, extremes.low)


def scaled(model: Model, spec: WeightSpec, peaks: dict[str, Sources]) -> Afferents:
    """The weights of one matrix by the peaks of their sources."""
    weight = as_array(model.weight(spec.name)).astype(np.float64)
    effective = weight * peaks[spec.source]
    source = model.hook_specs[spec.source]
    return Afferents(spec, source, weight, peaks[spec.source], effective, z_scores(effective))


def z_scores(values: Matrix) -> Matrix:
    """(value - mean) / deviation over the sources of each unit; 0 where none differ."""
    apart = values - values.mean(1, keepdims=True)
    spread = values.std(1, keepdims=True)
    return np.divide(apart, spread, out=np.zeros_like(apart), where=spread > 0)


def headline(weights: pd.DataFrame, circuit: pd.DataFrame) -> dict[str, float]:
    """How many weights stand out, by unit and gate, and the z scores within the circuit."""
    counts = weights.groupby(["model", "layer", "index", "panel"], sort=False)["outlier"].sum()
    found = {
        f"outliers.{model}.{layer}-{index}.{slug(panel)}": float(count)
        for (model, layer, index, panel), count in counts.items()  # type: ignore[misc]
    }
    for row in circuit.to_dict("records"):
        source = f"{row['source_layer']}-{row['source_index']}"
        target = f"{row['layer']}-{row['index']}"
        found[f"z.{row['model']}.{source}-to-{target}.{slug(row['panel'])}"] = float(row["z"])
    return found
