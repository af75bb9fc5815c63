"""Efferent weights: from single units to singular and plural verb forms at the output.

Lakretz et al. (2019), section 4.1 and figure 1d: the weights of a number unit to the two kinds of
forms lie apart, those of other units do not.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from probekit.analysis import (
    Analysis,
    Figure,
    Inputs,
    Measured,
    Partial,
    Result,
    Shard,
    need_model,
)
from probekit.dataset import Dataset
from probekit.errors import ProbekitError
from probekit.hooks import HookSpec
from probekit.model import Model
from probekit.units import Unit, layer_widths, parse_units
from probekit_weights.forms import forms_of, known_forms, separation, threshold_accuracy
from probekit_weights.matrices import as_array, chosen
from probekit_weights.numbers import ranks
from probekit_weights.params import EfferentParams
from probekit_weights.unit_charts import efferent_chart

AUTO = "auto"


class Efferents(NamedTuple):
    """What one matrix gives from the units of one layer: `weights [form, unit]`."""

    label: str
    matrix: str
    source: HookSpec
    widths: tuple[int, ...]
    arrays: Partial

    @property
    def weights(self) -> np.ndarray:
        """`[form, unit]`, in float64."""
        return self.arrays["weights"].astype(np.float64)

    @property
    def singular(self) -> np.ndarray:
        """Whether each form is singular, `[form]`."""
        return self.arrays["singular"]


class EfferentWeights(Analysis[EfferentParams]):
    """One shard for each matrix of each model: its rows at the verb forms of the dataset."""

    def shards(self, inputs: Inputs) -> list[Shard]:
        """One shard a matrix, after its words and units have been found."""
        found = []
        for label in inputs.labels:
            model = inputs.model(label)
            for index, spec in enumerate(chosen(model.weights, self.params, label)):
                if spec.source not in model.hook_specs:
                    raise ProbekitError(
                        f"{spec.name} of {label} does not lead from units to words; choose another"
                        " matrix with relation=readout."
                    )
                task = {"matrix": spec.name, "model": label}
                found.append(Shard(f"{label}-{index:04d}", label, task, spec.shape[1]))
        return found

    def measure(self, shard: Shard, model: Model | None, dataset: Dataset) -> Partial:
        """`weights [form, unit]`, `words [form]` and `singular [form]`."""
        reader = need_model(model)
        spec = reader.weights[shard.task["matrix"]]
        forms = known_forms(forms_of(dataset), reader, spec, shard.task["model"])
        return {
            "weights": as_array(reader.weight(spec.name)[forms.rows]),
            "words": np.array(forms.words),
            "singular": forms.singular,
            "unknown": np.array(forms.unknown),
            "ambiguous": np.array(forms.ambiguous),
        }

    def combine(self, parts: Sequence[Measured], inputs: Inputs) -> Result:
        """Tables `weights` (unit by form) and `units` (all of the layer), and figure 1d."""
        found = [_efferents(part, inputs) for part in parts]
        tables = [self._units(one) for one in found]
        shown = [list(table.index[table["shown"]]) for table in tables]
        weights = pd.concat(
            [
                weight_rows(one, table, at)
                for one, table, at in zip(found, tables, shown, strict=True)
            ],
            ignore_index=True,
        )
        units = pd.concat(tables, ignore_index=True)
        return Result(
            tables={"weights": weights, "units": units},
            metrics=headline(units[units["shown"]]),
            figures=[self._figure(weights)],
            notes=[
                "Separation is |mean of singular - mean of plural| by the sum of both standard"
                " deviations; accuracy is the share of forms on the right side of the best single"
                " threshold.",
                *(note for one in found for note in _left_out(one)),
            ],
        )

    def _units(self, one: Efferents) -> pd.DataFrame:
        """One row for each unit of the layer: separation, accuracy, and whether it is shown."""
        weights, singular = one.weights, one.singular
        known = [Unit(one.source.layer, index) for index in range(weights.shape[1])]
        apart = separation(weights, singular)
        rank = ranks(apart)
        table = pd.DataFrame(
            {
                "model": one.label,
                "matrix": one.matrix,
                "unit": [unit.title(one.widths) for unit in known],
                "layer": one.source.layer,
                "index": np.arange(len(known)),
                "number": [unit.number(one.widths) for unit in known],
                "separation": apart,
                "accuracy": threshold_accuracy(weights, singular),
                "rank": rank,
                "singular_mean": weights[singular].mean(0),
                "plural_mean": weights[~singular].mean(0),
                "singular_deviation": weights[singular].std(0),
                "plural_deviation": weights[~singular].std(0),
            }
        )
        given = parse_units([text for text in self.params.units if text != AUTO], one.widths)
        self._on_the_layer(given, one)
        wanted = np.isin(table["index"], [unit.index for unit in given])
        best = (rank <= self.params.top) & (AUTO in self.params.units)
        return table.assign(shown=wanted | best)

    def _on_the_layer(self, units: Sequence[Unit], one: Efferents) -> None:
        """Raise ProbekitError where a unit is of a layer that does not lead to the output."""
        for unit in units:
            if unit.layer != one.source.layer:
                raise ProbekitError(
                    f"units={unit}: {one.matrix} of {one.label} leads from layer"
                    f" {one.source.layer} alone; choose units of that layer."
                )

    def _figure(self, weights: pd.DataFrame) -> Figure:
        return Figure(
            name="efferent",
            title="Output weights to singular and plural forms",
            caption=(
                "Each point is the weight from a unit to one verb form. Where the two colours lie"
                " apart, the unit tells the output which number the verb has."
            ),
            table="weights",
            chart=efferent_chart("weights", weights),
        )


def _efferents(part: Measured, inputs: Inputs) -> Efferents:
    shard = part.shard
    assert shard.model is not None
    model = inputs.model(shard.model)
    source = model.hook_specs[model.weights[shard.task["matrix"]].source]
    beside = [
        s for s in model.hook_specs.values() if (s.kind, s.part) == (source.kind, source.part)
    ]
    widths = layer_widths(beside)
    return Efferents(shard.model, shard.task["matrix"], source, widths, part.partial)


def weight_rows(one: Efferents, units: pd.DataFrame, shown: Sequence[int]) -> pd.DataFrame:
    """One row for each unit shown and verb form."""
    order = units.loc[shown].sort_values("rank")
    facts: list[dict[str, Any]] = order[
        ["model", "matrix", "unit", "layer", "index", "number"]
    ].to_dict("records")
    forms = np.where(one.singular, "singular", "plural")
    tables = [
        pd.DataFrame(
            {
                **row,
                "word": one.arrays["words"].astype(str),
                "form": forms,
                "weight": one.weights[:, row["index"]],
            }
        )
        for row in facts
    ]
    return pd.concat(tables, ignore_index=True)


def headline(units: pd.DataFrame) -> dict[str, float]:
    """Separation and accuracy of the units shown."""
    return {
        f"{name}.{row['model']}.{row['layer']}-{row['index']}": float(row[name])
        for name in ("separation", "accuracy")
        for row in units.to_dict("records")
        if np.isfinite(row[name])
    }


def _left_out(one: Efferents) -> list[str]:
    """How many forms there are, and which were left out."""
    singular = int(one.singular.sum())
    notes = [
        f"{one.label}: {singular} singular and {len(one.singular) - singular} plural verb forms."
    ]
    for name, why in (("unknown", "it does not know"), ("ambiguous", "stand for both numbers")):
        if count := int(one.arrays[name]):
            notes.append(f"{one.label}: {count} more forms that {why} are left out.")
    return notes
