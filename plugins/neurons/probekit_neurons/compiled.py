"""The sweep compiled with numba: the same numbers as `probekit_neurons.sweep`, which is its twin.

Of a row of bytes the active positions of its eight units are listed, in sorted order. A unit closes
a run when its trigram changes, and with it the runs of the bigram and of the unigram around it.
"""

from collections.abc import Callable
from inspect import unwrap
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8
from numba import njit

from probekit_neurons.grams import LONGEST, Grams
from probekit_neurons.packing import UNITS, Bytes
from probekit_neurons.runs import least_sum
from probekit_neurons.sweep import Places, Swept


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function in machine code: itself, not what tests wrap around it to check its types."""
    made: Callable[..., Any] = njit(cache=True, nogil=True)(unwrap(function))
    return made


def sweep_compiled(rows: Bytes, grams: Grams | None, places: Places, share: float) -> Swept:
    """What `sweep` gives, of the same arguments."""
    units, n = len(rows) * UNITS, 0 if grams is None else LONGEST
    cells = np.zeros((units, places.cells), dtype=np.int64)
    total, cover = np.zeros((2, n, units), dtype=np.int64)
    cell = places.cell.astype(np.int32) if grams is None else places.cell[grams.order]
    counter = None if grams is None else _Counter(grams, share)
    found = np.empty((UNITS, rows.shape[1] + 1), dtype=np.int32)
    for at, row in enumerate(rows):
        some = slice(at * UNITS, (at + 1) * UNITS)
        count = _positions(row if grams is None else np.take(row, grams.order), found)
        _place(found, count, cell, cells[some])
        if counter is not None:
            total[:, some], cover[:, some] = counter.count(found, count)
    return Swept(cells, total, cover)


class _Counter:
    """Counts n-grams of one row after another."""

    def __init__(self, grams: Grams, share: float) -> None:
        low, middle, high = grams.levels
        self.share = share
        self.groups = (grams.group, high.shorter, middle.shorter)
        self.counted = (low.counted, middle.counted, high.counted)
        largest = [int(level.sizes.max(initial=1)) for level in grams.levels]
        self.tables = tuple(np.zeros((UNITS, most + 1), dtype=np.int32) for most in largest)
        self.tops = np.zeros((LONGEST, UNITS), dtype=np.int64)

    def count(
        self, found: Int[np.ndarray, "unit place"], count: Int[np.ndarray, " unit"]
    ) -> tuple[Int[np.ndarray, "n unit"], Int[np.ndarray, "n unit"]]:
        """The activations and the cover numbers of eight units, from their active positions."""
        _runs(found, count, self.groups, self.counted, self.tables, self.tops)
        pairs = list(zip(self.tables, self.tops, strict=True))
        total = np.stack([_totals(*pair) for pair in pairs])
        need = least_sum(self.share, total.reshape(-1)).reshape(total.shape)
        return total, np.stack([_covers(*pair, one) for pair, one in zip(pairs, need, strict=True)])


@_compiled
def _positions(
    row: UInt8[np.ndarray, " position"], found: Int[np.ndarray, "unit place"]
) -> Int[np.ndarray, " unit"]:
    """Fill `found` with the active positions of eight units, and give how many each has.

    Every position is written, and kept only where the unit is active: a branch would cost more.
    """
    n0 = n1 = n2 = n3 = n4 = n5 = n6 = n7 = 0  # an array would be read again after every write
    for at in range(len(row)):
        byte = row[at]
        found[0, n0] = at
        n0 += (byte >> 7) & 1
        found[1, n1] = at
        n1 += (byte >> 6) & 1
        found[2, n2] = at
        n2 += (byte >> 5) & 1
        found[3, n3] = at
        n3 += (byte >> 4) & 1
        found[4, n4] = at
        n4 += (byte >> 3) & 1
        found[5, n5] = at
        n5 += (byte >> 2) & 1
        found[6, n6] = at
        n6 += (byte >> 1) & 1
        found[7, n7] = at
        n7 += byte & 1
    return np.array([n0, n1, n2, n3, n4, n5, n6, n7])


@_compiled
def _place(
    found: Int[np.ndarray, "unit place"],
    count: Int[np.ndarray, " unit"],
    cell: Int[np.ndarray, " position"],
    cells: Int[np.ndarray, "unit cell"],
) -> None:
    """Count the activations of eight units by place."""
    for unit in range(8):
        own = cells[unit]
        for at in range(count[unit]):
            own[cell[found[unit, at]]] += 1


@_compiled
def _runs(found, count, groups, counted, tables, tops):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Fill `tables[n - 1] [unit, count]` with how many n-grams triggered a unit so often.

    `tops [n, unit]` become the highest counts.
    """
    group, to2, to1 = groups
    counted1, counted2, counted3 = counted
    tops[:] = 0
    for unit in range(8):
        sizes1, sizes2, sizes3 = tables[0][unit], tables[1][unit], tables[2][unit]
        open3, open2, open1 = -1, -1, -1
        count3, count2, count1 = 0, 0, 0
        top3, top2, top1 = 0, 0, 0
        for at in range(count[unit]):
            now3 = group[found[unit, at]]
            if now3 == open3:
                count3 += 1
                continue
            if open3 >= 0:
                sizes3[count3] += counted3[open3]
                top3, count2 = max(top3, count3), count2 + count3
            open3, count3 = now3, 1
            now2 = to2[now3]
            if now2 == open2:
                continue
            if open2 >= 0:
                sizes2[count2] += counted2[open2]
                top2, count1 = max(top2, count2), count1 + count2
            open2, count2 = now2, 0
            now1 = to1[now2]
            if now1 == open1:
                continue
            if open1 >= 0:
                sizes1[count1] += counted1[open1]
                top1 = max(top1, count1)
            open1, count1 = now1, 0
        if open3 >= 0:
            sizes3[count3] += counted3[open3]
            count2 += count3
            sizes2[count2] += counted2[open2]
            count1 += count2
            sizes1[count1] += counted1[open1]
        tops[2, unit], tops[1, unit] = max(top3, count3), max(top2, count2)
        tops[0, unit] = max(top1, count1)


@_compiled
def _totals(
    sizes: Int[np.ndarray, "unit count"], top: Int[np.ndarray, " unit"]
) -> Int[np.ndarray, " unit"]:
    """The activations of each unit, whose highest count is `top`."""
    total = np.zeros(8, np.int64)
    for unit in range(8):
        for count in range(1, top[unit] + 1):
            total[unit] += sizes[unit, count] * count
    return total


@_compiled
def _covers(
    sizes: Int[np.ndarray, "unit count"],
    top: Int[np.ndarray, " unit"],
    need: Int[np.ndarray, " unit"],
) -> Int[np.ndarray, " unit"]:
    """The fewest n-grams of each unit that sum to `need`, most frequent first; clears the sizes."""
    cover = np.zeros(8, np.int64)
    for unit in range(8):
        left = need[unit]
        for count in range(top[unit], 0, -1):
            there = sizes[unit, count] * count
            if left > 0:
                cover[unit] += min(sizes[unit, count], (left + count - 1) // count)
                left -= there
            sizes[unit, count] = 0
    return cover
