"""How many n-grams trigger a neuron (Voita et al. 2023, sections 4.1, A.1; figures 2, 12, 13)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from probekit.analysis import Figure, Result
from probekit_neurons.charts import bins_chart
from probekit_neurons.layers import Layer
from probekit_neurons.params import TriggerParams
from probekit_neurons.tables import by_model, where

NAMES = {1: "unigrams", 2: "bigrams", 3: "trigrams"}
NONE = "0"


def triggers(layers: Sequence[Layer], params: TriggerParams) -> Result:
    """Tables `triggers` (a row a unit) and `trigger_bins`, and a figure for each n."""
    seen = [layer for layer in layers if len(layer.covers)]
    units = pd.concat([_units(layer, params) for layer in seen], ignore_index=True)
    bins = pd.DataFrame([row for layer in seen for n in NAMES for row in _bins(layer, n, params)])
    result = Result(
        tables={f"{name}_by_layer": bins[bins["n"] == n].reset_index(drop=True)
                for n, name in NAMES.items()} | {"triggers": units},
        figures=[_figure(n, params, set(bins[bins["n"] == n]["bin"])) for n in NAMES],
    )  # fmt: skip
    for label, own in by_model(seen).items():
        for n, name in NAMES.items():
            covers = np.concatenate([layer.covers[n - 1][layer.alive] for layer in own])
            few = float((covers <= edges(n, params)[0]).mean()) if covers.size else 0.0
            result.metrics[f"few_{name}.{label}"] = few
    half = "the lower half of the layers" if params.layers == "lower" else "all layers"
    result.notes.append(
        f"N-grams are those of {half}; they lie in one window and hold no begin-of-sentence. A"
        f" neuron's number is that of the most frequent n-grams which cover {params.cover:.0%} of"
        " its activations; few_unigrams, few_bigrams and few_trigrams are the shares of neurons in"
        f" the first bin. The bin {NONE} has neurons that were active at begin-of-sentence alone."
    )
    return result


def edges(n: int, params: TriggerParams) -> tuple[int, ...]:
    """The upper ends of the bins of an n."""
    return {1: params.unigram_bins, 2: params.bigram_bins, 3: params.trigram_bins}[n]


def bin_names(ends: Sequence[int]) -> list[str]:
    """`1-5`, `6-10`, ..., `2k-50k`, as the paper writes them, and `over 50k`."""
    names = []
    for low, high in zip((0, *ends), ends, strict=False):
        names.append(f"{_short(low) if low >= 1000 else low + 1}-{_short(high)}")
    return [NONE, *names, f"over {_short(ends[-1])}"]


def _short(number: int) -> str:
    for size, letter in ((1_000_000, "M"), (1000, "k")):
        if number >= size and number % size == 0:
            return f"{number // size}{letter}"
    return str(number)


def _units(layer: Layer, params: TriggerParams) -> pd.DataFrame:
    alive = np.flatnonzero(layer.alive)
    found = {**where(layer, params), "unit": alive, "count": layer.counts.sum(axis=0)[alive]}
    for n, name in NAMES.items():
        found |= {f"{name}_total": layer.totals[n - 1][alive], name: layer.covers[n - 1][alive]}
    return pd.DataFrame(found)


def _bins(layer: Layer, n: int, params: TriggerParams) -> list[dict[str, object]]:
    """The neurons that are alive in each bin of an n."""
    ends = edges(n, params)
    names = bin_names(ends)
    covers = layer.covers[n - 1][layer.alive]
    at = np.where(covers == 0, 0, 1 + np.searchsorted(ends, covers))
    counts = np.bincount(at, minlength=len(names))
    return [
        {**where(layer, params), "n": n, "bin": name, "order": order, "neurons": int(count)}
        for order, (name, count) in enumerate(zip(names, counts, strict=True))
        if count or 0 < order <= len(ends)
    ]


def _figure(n: int, params: TriggerParams, seen: set[str]) -> Figure:
    name = NAMES[n]
    return Figure(
        name,
        f"{name.capitalize()} that trigger a neuron",
        f"Neurons by the number of {name} that cover {params.cover:.0%} of their activations; those"
        " alone that are not dead.",
        f"{name}_by_layer",
        bins_chart(f"{name}_by_layer", name, bin_names(edges(n, params)), seen),
    )
