"""Positional neurons of one layer: chosen by mutual information, then told apart by shape."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from probekit_neurons.information import Information
from probekit_neurons.params import PositionalParams
from probekit_neurons.shapes import Shape, shape_of, smoothed, stretches

EXAMPLES = 3  # patterns that are kept of each shape


@dataclass(frozen=True)
class Positional:
    """A positional neuron.

    `ranges` are the first and last positions at which it is active more often than not, of a strong
    oscillatory one. `pattern [pos]` is its activation frequency, kept of the clearest ones.
    """

    unit: int
    information: float
    bias: float
    frequency: float
    shape: Shape
    ranges: tuple[tuple[int, int], ...] = ()
    pattern: Float[np.ndarray, " pos"] | None = None


def positional(
    counts: Int[np.ndarray, "unit pos"],
    texts: Int[np.ndarray, " pos"],
    found: Information,
    first: int,
    origin: int,
    params: PositionalParams,
) -> Iterator[Positional]:
    """The positional ones among units whose activations at each position are `counts`.

    `texts [pos]` are the texts that have a token there; `first` is the number of the first unit,
    `origin` that of the first position.
    """
    value = found.value - found.bias if params.corrected else found.value
    for at in np.flatnonzero(value > params.least_information):
        frequency = counts[at] / texts
        shape = shape_of(frequency, int(texts.min()), params)
        strong = shape == Shape("oscillatory", "strong")
        yield Positional(
            unit=first + int(at),
            information=float(found.value[at]),
            bias=float(found.bias[at]),
            frequency=float(frequency.mean()),
            shape=shape,
            ranges=tuple(_ranges(frequency, origin, params)) if strong else (),
            pattern=frequency,
        )


def clearest(units: Iterable[Positional], most: int = EXAMPLES) -> Sequence[Positional]:
    """The same, with the patterns of those alone that have most information, of each shape."""
    kept: dict[Shape, int] = {}
    result = []
    for one in sorted(units, key=lambda one: -one.information):
        kept[one.shape] = kept.get(one.shape, 0) + 1
        result.append(one if kept[one.shape] <= most else replace(one, pattern=None))
    return sorted(result, key=lambda one: one.unit)


def _ranges(
    frequency: Float[np.ndarray, " pos"], origin: int, params: PositionalParams
) -> list[tuple[int, int]]:
    """Where the moving average is above one half; what touches either end reaches to it."""
    width = len(frequency) // params.smooth | 1  # odd, so that an edge stays where it is
    held = smoothed(frequency, width) > 0.5
    whole = np.pad(held, width // 2, mode="edge")
    return [(start + origin, stop + origin) for start, stop in stretches(whole)]
