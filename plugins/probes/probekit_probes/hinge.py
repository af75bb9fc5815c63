"""Linear support vector machines on one unit at a time, exactly, for all units at once.

    lines = fit(units[trained], plural[trained])
    (lines.says(units[held]) == plural[held][:, None]).mean(0)      # accuracy of each unit

The optimum is that of scikit-learn's `SVC(kernel="linear", C=C)` on a single feature: the smallest
w^2 / 2 + C * sum max(0, 1 - y (w x + b)), with y = 1 or -1 and a free b.

With one feature it can be written down. Take w >= 0 and order the P positive samples p from below
and the N negative samples n from above. At the best b as many positive as negative samples violate
their margin: the m lowest p and the m highest n. So the loss is a sum over pairs,

    F(w) = w^2 / 2 + C * sum_k max(0, 2 - w d_k),    d_k = p_k - n_k,   k = 1 ... min(P, N),

where d_k grows with k. Between two kinks w = 2 / d_k, the first m pairs violate and F is a parabola
with its bottom at C (d_1 + ... + d_m); the best of these bottoms, each held inside its interval, is
the optimum. w < 0 is the same problem for -x. Where b is free in an interval, its middle is taken,
as libsvm does.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.model_selection import StratifiedKFold

from probekit.progress import tick
from probekit_probes.states import Values

BLOCK = 256  # units looked at together

PerUnit = Float[np.ndarray, " unit"]
Positive = Float[np.ndarray, "positive unit"]
Negative = Float[np.ndarray, "negative unit"]


@dataclass(frozen=True)
class Lines:
    """One classifier a unit: it says yes where `weight * x + bias` is not negative."""

    weight: PerUnit
    bias: PerUnit

    def says(self, values: Values) -> Bool[np.ndarray, "sample unit"]:
        """What each unit's classifier says of each sample."""
        said: Bool[np.ndarray, "sample unit"] = values * self.weight + self.bias >= 0
        return said


def fit(values: Values, labels: Bool[np.ndarray, " sample"], C: float = 1.0) -> Lines:  # noqa: N803
    """The optimal classifier of each unit; both labels must occur."""
    positive = np.sort(values[labels], axis=0)
    negative = np.sort(values[~labels], axis=0)[::-1]
    up = _rising(positive, negative, C)
    down = _rising(-positive[::-1], -negative[::-1], C)
    falls = down.weight > 0
    return Lines(np.where(falls, -down.weight, up.weight), np.where(falls, down.bias, up.bias))


def transferred(
    values: Values,
    others: Values,
    labels: Bool[np.ndarray, " sample"],
    C: float = 1.0,  # noqa: N803
) -> PerUnit:
    """The accuracy on `others` of classifiers trained on `values`, by unit."""
    found = np.empty(values.shape[1])
    for block in _blocks(values):
        said = fit(values[:, block], labels, C).says(others[:, block])
        found[block] = (said == labels[:, None]).mean(0)
    return found


def cross_validated(
    values: Values,
    labels: Bool[np.ndarray, " sample"],
    folds: int = 5,
    C: float = 1.0,  # noqa: N803
) -> PerUnit:
    """The mean accuracy over stratified folds, in the order of the samples, by unit.

    It is scikit-learn's `cross_val_score(SVC(kernel="linear", C=C), x, labels, cv=folds)`. The
    units are a `tick` each.
    """
    parts = list(StratifiedKFold(folds).split(values, labels))
    found = np.empty(values.shape[1])
    for block in _blocks(values):
        found[block] = np.mean(
            [_held_out(values[:, block], labels, one, other, C) for one, other in parts], axis=0
        )
        tick(len(found[block]))
    return found


def _held_out(
    values: Values,
    labels: Bool[np.ndarray, " sample"],
    trained: Int[np.ndarray, " trained"],
    held: Int[np.ndarray, " held"],
    C: float,  # noqa: N803
) -> PerUnit:
    said = fit(values[trained], labels[trained], C).says(values[held])
    accuracy: PerUnit = (said == labels[held, None]).mean(0)
    return accuracy


def _blocks(values: Values) -> Iterator[slice]:
    return (slice(at, at + BLOCK) for at in range(0, values.shape[1], BLOCK))


def _rising(positive: Positive, negative: Negative, C: float) -> Lines:  # noqa: N803
    """The best classifiers with w >= 0; `positive` ascends, `negative` descends."""
    pairs = min(len(positive), len(negative))
    apart = positive[:pairs] - negative[:pairs]
    units = apart.shape[1]
    total = np.vstack([np.zeros((1, units)), np.cumsum(apart, axis=0)])
    with np.errstate(divide="ignore", over="ignore"):
        kinks = np.where(apart > 0, 2 / np.where(apart > 0, apart, 1.0), np.inf)
    lowest = np.vstack([kinks, np.zeros((1, units))])
    highest = np.vstack([np.full((1, units), np.inf), kinks])
    bottoms = np.clip(C * total, lowest, highest)
    possible = np.isfinite(bottoms)
    weights = np.where(possible, bottoms, 0.0)
    violating = np.arange(pairs + 1)[:, None]
    loss = weights**2 / 2 + C * (2 * violating - weights * total)
    best = np.where(possible, loss, np.inf).argmin(0)
    weight = weights[best, np.arange(units)]
    return Lines(weight, _middle(positive, negative, weight, best))


def _middle(
    positive: Positive, negative: Negative, weight: PerUnit, violating: Int[np.ndarray, " unit"]
) -> PerUnit:
    """The middle of the best biases, when so many of each label violate their margin."""

    def scaled(values: Values, at: Int[np.ndarray, " unit"], outside: float) -> PerUnit:
        inside = (at >= 0) & (at < len(values))
        chosen = values[np.clip(at, 0, len(values) - 1), np.arange(len(weight))]
        return np.where(inside, weight * chosen, outside)

    above = np.maximum(
        1 - scaled(positive, violating, np.inf), -1 - scaled(negative, violating - 1, np.inf)
    )
    below = np.minimum(
        1 - scaled(positive, violating - 1, -np.inf), -1 - scaled(negative, violating, -np.inf)
    )
    middle: PerUnit = (above + below) / 2
    return middle
