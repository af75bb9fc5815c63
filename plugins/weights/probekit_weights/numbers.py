"""How unevenly something is spread over units, and how likely an overlap is by chance."""

import math
from fractions import Fraction

import numpy as np
from jaxtyping import Float, Real

Values = Real[np.ndarray, " unit"]
CHANCE_DRAWS = 200


def gini(values: Values) -> float:
    """The Gini coefficient of amounts: 0 where all are equal, (n - 1) / n where one has all.

    NaN where there is nothing to share.
    """
    ordered = np.sort(values.astype(float))
    count, total = len(ordered), float(ordered.sum())
    if not total:
        return math.nan
    ranks = 2 * np.arange(1, count + 1) - count - 1
    return float(ranks @ ordered) / (count * total)


def top_count(count: int, share: float) -> int:
    """How many units the top `share` of them is, rounded up: 26 of 512 at 5%."""
    return min(count, math.ceil(round(share * count, 9)))


def held(values: Values, share: float) -> float:
    """The part of the sum that the largest `share` of the units holds; NaN if the sum is 0."""
    total = float(values.sum())
    largest = np.sort(values)[::-1][: top_count(len(values), share)]
    return float(largest.sum()) / total if total else math.nan


def held_by_chance(events: int, count: int, share: float) -> float:
    """What `held` would be, on average, if events fell on the units evenly at random."""
    if not events:
        return math.nan
    draws = np.random.default_rng([events, count]).multinomial(
        events, np.full(count, 1 / count), CHANCE_DRAWS
    )
    return float(np.mean([held(draw, share) for draw in draws]))


def correlation(one: Float[np.ndarray, " unit"], other: Float[np.ndarray, " unit"]) -> float:
    """Pearson's correlation; NaN where either does not vary."""
    if len(one) < 2 or not one.std() or not other.std():
        return math.nan
    return float(np.corrcoef(one, other)[0, 1])


def overlap_p(overlap: int, group: int, top: int, count: int) -> float:
    """How likely it is that random units hold so many of the strongest or more, exactly.

    `overlap` of the `group` units drawn out of `count` are among the `top` marked ones: the upper
    tail of the hypergeometric distribution.
    """
    ways = sum(
        math.comb(top, hits) * math.comb(count - top, group - hits)
        for hits in range(overlap, min(group, top) + 1)
    )
    return float(Fraction(ways, math.comb(count, group)))


def ranks(strength: Values) -> np.ndarray:
    """The rank of each unit from 1, strongest first; of equals, the lower unit first."""
    order = np.argsort(-strength, kind="stable")
    found = np.empty(len(order), dtype=np.int64)
    found[order] = np.arange(1, len(order) + 1)
    return found


def strongest(size: np.ndarray, count: int) -> np.ndarray:
    """The places of the `count` largest values; of equals at the end, the first ones."""
    cutoff = np.partition(size, -count)[-count]
    above = np.flatnonzero(size > cutoff)
    return np.concatenate([above, np.flatnonzero(size == cutoff)[: count - len(above)]])
