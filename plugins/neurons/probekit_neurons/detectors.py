"""Token and trigram detectors: active if and only if one of a few n-grams is there.

Voita et al. (2023), sections 4.2 and A.2: (1) few n-grams cover the neuron's activations; (2) those
that activate it nearly always when present are detected; (3) these account for nearly all of its
activations. The set of (2) is not limited to the few of (1).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from probekit_neurons.grams import Grams
from probekit_neurons.packing import UNITS, Activations, Bytes
from probekit_neurons.params import DetectorParams
from probekit_neurons.runs import least_sum
from probekit_neurons.sweep import Swept, active_units, gram_runs


@dataclass(frozen=True)
class Detector:
    """A unit with the n-grams that it detects, those with most activations first.

    `counts` are its activations at each of them, `sizes` how often each occurs; `total` are all of
    its activations at n-grams of that length, and `cover` is K_n.
    """

    unit: int
    n: int
    cover: int
    total: int
    grams: tuple[tuple[int, ...], ...]
    counts: tuple[int, ...]
    sizes: tuple[int, ...]


def limits(params: DetectorParams) -> dict[int, int]:
    """The largest cover number of a detector, by length of the n-gram."""
    return {1: params.most_unigrams, 3: params.most_trigrams}


def detect(
    rows: Bytes, swept: Swept, first: int, grams: Grams, params: DetectorParams
) -> Iterator[Detector]:
    """The detectors among the units of `rows`, of which `first` is the first."""
    for n, most in limits(params).items():
        cover, total = swept.covers[n - 1], swept.totals[n - 1]
        enough = least_sum(params.explained, total)
        units = np.flatnonzero((cover > 0) & (cover <= most))
        for unit, groups, counts in _triggers(rows, units, grams, n):
            sizes = grams.levels[n - 1].sizes[groups]
            often = counts >= np.maximum(least_sum(params.present, sizes), 1)
            found = often & (sizes >= params.least)
            if not found.any() or counts[found].sum() < enough[unit]:
                continue
            chosen = np.flatnonzero(found)[np.argsort(-counts[found], kind="stable")]
            yield Detector(
                first + unit, n, int(cover[unit]), int(total[unit]),
                tuple(grams.ids(n, int(group)) for group in groups[chosen]),
                tuple(counts[chosen].tolist()), tuple(sizes[chosen].tolist()),
            )  # fmt: skip


def _triggers(
    rows: Bytes, units: Int[np.ndarray, " unit"], grams: Grams, n: int
) -> Iterator[tuple[int, Int[np.ndarray, " gram"], Int[np.ndarray, " gram"]]]:
    """Each unit with the n-grams that triggered it and how often each did."""
    needed = np.unique(units // UNITS)
    for where in active_units(rows[needed], grams.order):
        at = needed[where.units // UNITS] * UNITS + where.units % UNITS
        some = _only(where, np.isin(at, units))
        runs = next(runs for length, runs in gram_runs(some, grams) if length == n)
        for index, unit in enumerate(at[np.isin(at, units)]):
            yield int(unit), runs.groups[runs.of(index)], runs.counts[runs.of(index)]


def _only(where: Activations, chosen: np.ndarray) -> Activations:
    """Some of the units."""
    sizes = np.diff(where.starts)
    kept = where.positions[np.repeat(chosen, sizes)]
    return Activations(where.units[chosen], kept, np.concatenate([[0], np.cumsum(sizes[chosen])]))
