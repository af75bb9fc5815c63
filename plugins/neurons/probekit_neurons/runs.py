"""Which n-grams triggered each of some units, and how often: the sweep over active positions.

    trigrams = trigram_runs(where, grams)               # where units are active, positions sorted
    bigrams = shorter_runs(trigrams, grams.levels[2])
    covered = covers(bigrams, grams.levels[1], 0.95)    # K_2 of each unit

Neuron x n-gram is never made: only the n-grams that triggered a unit are held, a few units at once.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from probekit_neurons.grams import Grams, Level
from probekit_neurons.packing import Activations

PerUnit = Int[np.ndarray, " unit"]


class Runs(NamedTuple):
    """The n-grams that triggered each unit, in rising order, with the number of activations.

    Those of unit u are `[starts[u] : starts[u + 1]]`.
    """

    groups: Int[np.ndarray, " run"]
    counts: Int[np.ndarray, " run"]
    starts: Int[np.ndarray, " bound"]

    def of(self, unit: int) -> slice:
        """Where the runs of a unit stand."""
        return slice(int(self.starts[unit]), int(self.starts[unit + 1]))


def trigram_runs(where: Activations, grams: Grams) -> Runs:
    """The trigrams that triggered each unit; an activation is one position."""
    return _runs(grams.group[where.positions], None, where.starts)


def shorter_runs(runs: Runs, level: Level) -> Runs:
    """The same in n-grams that are one token shorter; `level` is that of the runs."""
    assert level.shorter is not None
    return _runs(level.shorter[runs.groups], runs.counts, runs.starts)


def counted_runs(runs: Runs, level: Level) -> Runs:
    """The same with 0 activations at n-grams that do not count (see Grams)."""
    return runs._replace(counts=runs.counts * level.counted[runs.groups])


def _runs(
    groups: Int[np.ndarray, " entry"],
    counts: Int[np.ndarray, " entry"] | None,
    starts: Int[np.ndarray, " bound"],
) -> Runs:
    """Neighbouring entries of one unit and group as one, their counts summed (1 each for None)."""
    opens = np.empty(len(groups), dtype=bool)
    opens[:1] = True
    np.not_equal(groups[1:], groups[:-1], out=opens[1:])
    opens[starts[starts < len(groups)]] = True
    first = np.flatnonzero(opens)
    if counts is None:
        total = np.diff(first, append=len(groups))
    else:
        total = np.add.reduceat(counts, first) if len(first) else counts
    return Runs(groups[first], total, np.searchsorted(first, starts))


def least_sum(share: float, total: PerUnit) -> PerUnit:
    """The smallest whole number that is at least that share of the total.

    Rounded at the sixth decimal first, so that 0.95 of 20 is 19 whatever the float says.
    """
    return np.ceil(np.round(share * total, 6)).astype(np.int64)


def covers(runs: Runs, share: float) -> tuple[PerUnit, PerUnit]:
    """The activations and the cover number of each unit.

    That is the fewest n-grams with that share of its activations, the most frequent ones first
    (Voita et al. 2023, section 4.1); 0 for a unit without activations. It takes memory for every
    number up to the highest count, for each unit.
    """
    units = len(runs.starts) - 1
    most = int(runs.counts.max(initial=0))
    key = most - runs.counts
    key += np.repeat(np.arange(units) * (most + 1), np.diff(runs.starts))
    cells = np.bincount(key, minlength=units * (most + 1)).reshape(units, most + 1)
    count = np.arange(most, -1, -1)  # how often an n-gram occurs that is counted in a cell
    sums = (cells * count).cumsum(axis=1)
    total = sums[:, -1]
    need = least_sum(share, total)
    level = (sums >= need[:, None]).argmax(axis=1)
    at = np.arange(units), level
    missing = need - (sums[at] - cells[at] * count[level])
    before = cells.cumsum(axis=1)[at] - cells[at]
    return total, before + -(-missing // np.maximum(count[level], 1))
