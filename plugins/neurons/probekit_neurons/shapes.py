"""The types of positional neurons: what the activation frequency looks like along the positions.

Voita et al. (2023), section 5.2, describe four types, each strong or weak, in words. The rules here
put them in numbers, all of which are parameters; they are the project's, not the paper's.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from probekit_neurons.params import PositionalParams

Type = Literal["oscillatory", "both extremes", "one extreme", "other"]
TYPES: tuple[Type, ...] = ("oscillatory", "both extremes", "one extreme", "other")
Strength = Literal["strong", "weak"]
STRENGTHS: tuple[Strength, ...] = ("strong", "weak")

Curve = Float[np.ndarray, " pos"]
Average = Float[np.ndarray, " average"]


@dataclass(frozen=True)
class Shape:
    """The type of a pattern and how pronounced it is."""

    type: Type
    strength: Strength


def shape_of(frequency: Curve, texts: int, rules: PositionalParams) -> Shape:
    """The shape of an activation frequency `[pos]` that comes from so many texts."""
    length = len(frequency)
    frequency = frequency[rules.skip :] if length > 2 * rules.skip else frequency
    average = smoothed(frequency, length // rules.smooth)
    if average.max() - average.min() >= rules.swing and switches(average, rules) >= rules.switches:
        return Shape("oscillatory", _graded(_indicates(frequency, average, rules)))
    lasting = max(1, length // rules.run)

    def ends(width: float) -> int:
        low, high = longest(average <= width), longest(average >= 1 - width)
        return int(low >= lasting) + int(high >= lasting)

    reached = ends(rules.near)
    if reached == 2:
        return Shape("both extremes", _graded(ends(rules.exact) == 2))
    if reached == 1:
        return Shape("one extreme", _graded(ends(rules.exact) == 1))
    return Shape("other", _graded(predicted(frequency, texts, rules) >= rules.predicted))


def smoothed(frequency: Curve, width: int) -> Average:
    """The moving average of so many positions, where they fit; it is `width - 1` shorter."""
    width = min(max(1, width), len(frequency))
    sums = np.concatenate([[0.0], np.cumsum(frequency)])
    return np.clip((sums[width:] - sums[:-width]) / width, 0, 1)


def switches(average: Average, rules: PositionalParams) -> int:
    """How often the average goes from near its smallest to near its largest value or back.

    Only what reaches `inside` of the range from either end counts, so that noise does not.
    """
    low, high = average.min(), average.max()
    margin = rules.inside * (high - low)
    side = np.where(average >= high - margin, 1, np.where(average <= low + margin, -1, 0))
    side = side[side != 0]
    return int(np.count_nonzero(side[1:] != side[:-1]))


def longest(held: Bool[np.ndarray, " pos"]) -> int:
    """The length of the longest stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], held.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def stretches(held: Bool[np.ndarray, " pos"]) -> list[tuple[int, int]]:
    """The first and the last place of each stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], held.astype(np.int8), [0]])))
    return [
        (int(start), int(stop) - 1) for start, stop in zip(edges[::2], edges[1::2], strict=True)
    ]


def predicted(frequency: Curve, texts: int, rules: PositionalParams) -> float:
    """How well the mean of the neighbours predicts a frequency: R2, without the noise of counting.

    The paper's thin and thick graphs. Noise is that of so many texts, binomial.
    """
    reach = rules.neighbours
    if len(frequency) <= 2 * reach:
        return 0.0
    sums = np.concatenate([[0.0], np.cumsum(frequency)])
    width = 2 * reach + 1
    middle = frequency[reach:-reach]
    around = (sums[width:] - sums[:-width] - middle) / (2 * reach)
    noise = float((middle * (1 - middle)).mean()) / max(1, texts)
    spread = float(middle.var()) - noise
    error = float(((middle - around) ** 2).mean()) - noise * (1 + 1 / (2 * reach))
    return 1 - max(0.0, error) / spread if spread > 0 else 0.0


def _indicates(frequency: Curve, average: Average, rules: PositionalParams) -> bool:
    """Whether a neuron is active at certain positions, at others not, and rarely in between."""
    between = ((frequency > rules.near) & (frequency < 1 - rules.near)).mean()
    ends = average.min() <= rules.exact and average.max() >= 1 - rules.exact
    return bool(ends and between <= rules.mixed)


def _graded(strong: bool) -> Strength:
    return "strong" if strong else "weak"
