"""Totals, cover numbers and places of the units of one layer, from their bits.

    swept = sweep(bytes, grams, places, share)       # bytes [byte, position], as the corpus stands

With numba installed the same is computed by `probekit_neurons.compiled`, several times as fast.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from jaxtyping import Int

from probekit_neurons.grams import LONGEST, Grams
from probekit_neurons.packing import AT_ONCE, UNITS, Activations, Bytes, activations
from probekit_neurons.runs import (
    Runs,
    counted_runs,
    covers,
    shorter_runs,
    trigram_runs,
)


@dataclass(frozen=True)
class Places:
    """What each position counts for: `cell [position]` is one of `cells`."""

    cell: Int[np.ndarray, " position"]
    cells: int


@dataclass(frozen=True)
class Swept:
    """`cells [unit, cell]` are activations by place; `totals` and `covers` are `[n, unit]`.

    Totals and covers are of the n-grams that count; both are empty where none were asked for.
    """

    cells: Int[np.ndarray, "unit cell"]
    totals: Int[np.ndarray, "n unit"]
    covers: Int[np.ndarray, "n unit"]


def has_numba() -> bool:
    """Whether the compiled sweep can be used."""
    return find_spec("numba") is not None


def sweep(
    rows: Bytes, grams: Grams | None, places: Places, share: float, compiled: bool | None = None
) -> Swept:
    """Sweep once over the activations of the units in `rows`.

    `places` are those of the positions as the corpus stands. `compiled` says whether numba does the
    work; None: where it is installed.
    """
    if has_numba() if compiled is None else compiled:
        from probekit_neurons.compiled import sweep_compiled

        return sweep_compiled(rows, grams, places, share)
    order = None if grams is None else grams.order
    cell = places.cell if order is None else places.cell[order]
    n, units = 0 if grams is None else LONGEST, len(rows) * UNITS
    counts = np.zeros((units, places.cells), dtype=np.int64)
    total, cover = np.zeros((2, n, units), dtype=np.int64)
    for where in active_units(rows, order):
        counts[where.units] = _per_cell(where, cell, places.cells)
        if grams is not None:
            for length, runs in gram_runs(where, grams):
                found = covers(runs, share)
                total[length - 1, where.units], cover[length - 1, where.units] = found
    return Swept(counts, total, cover)


def active_units(rows: Bytes, order: Int[np.ndarray, " position"] | None) -> Iterator[Activations]:
    """Where the units of `rows` are active, some units at a time, positions sorted."""
    together = max(1, AT_ONCE // max(1, rows.shape[1]))  # rows
    for start in range(0, len(rows), together):
        block = rows[start : start + together]
        block = block if order is None else np.take(block, order, axis=1)
        for some in activations(block):
            yield some._replace(units=some.units + start * UNITS)


def gram_runs(where: Activations, grams: Grams) -> Iterator[tuple[int, Runs]]:
    """The n-grams that triggered each unit, n = 3 first; 0 times where they do not count."""
    runs = trigram_runs(where, grams)
    for n in range(LONGEST, 0, -1):
        yield n, counted_runs(runs, grams.levels[n - 1])
        if n > 1:
            runs = shorter_runs(runs, grams.levels[n - 1])


def _per_cell(
    where: Activations, cell: Int[np.ndarray, " position"], cells: int
) -> Int[np.ndarray, "unit cell"]:
    """The activations of each unit by place."""
    units = len(where.units)
    flat = cell[where.positions]
    flat += np.repeat(np.arange(units) * cells, np.diff(where.starts))
    return np.bincount(flat, minlength=units * cells).reshape(units, cells)
