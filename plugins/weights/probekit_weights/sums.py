"""What is kept of a matrix for the strength of units: sums over its rows and its columns."""

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
from jaxtyping import Float

from probekit.hooks import HookSpec
from probekit_weights.matrices import Found, Weight
from probekit_weights.params import By, Side
from probekit_weights.places import Home, home

Units = Float[np.ndarray, " unit"]
Way = Literal["in", "out"]


def sums(weight: Weight) -> dict[str, np.ndarray]:
    """Of each row (`in_`) and column (`out_`): the sum, the sum and the largest of |weight|."""
    size = np.abs(weight)
    found = {}
    for name, axis in (("in", 1), ("out", 0)):
        found[f"{name}_sum"] = weight.sum(axis, dtype=np.float64)
        found[f"{name}_size"] = size.sum(axis, dtype=np.float64)
        found[f"{name}_largest"] = size.max(axis).astype(np.float64)
    return found


class Wires:
    """All weights of one direction of some units, of several matrices together."""

    def __init__(self, width: int) -> None:
        self.weights = 0
        self.matrices: list[str] = []
        self.total, self.size, self.largest = np.zeros((3, width))

    def add(self, name: str, weights: int, arrays: Mapping[str, np.ndarray], way: Way) -> None:
        """Take one matrix, in which each unit has `weights` weights of this direction."""
        self.weights += weights
        self.matrices.append(name)
        self.total = self.total + arrays[f"{way}_sum"]
        self.size = self.size + arrays[f"{way}_size"]
        self.largest = np.maximum(self.largest, arrays[f"{way}_largest"])

    def mean(self) -> Units:
        """The mean weight of each unit; NaN where there is none."""
        return self.total / self.weights if self.weights else np.full(self.total.shape, np.nan)

    def polarity(self) -> Units:
        """Mean weight by mean |weight|: 1 where all are positive, -1 where all are negative."""
        return self.total / np.where(self.size > 0, self.size, 1)


class Connections:
    """The weights that connect the units of one home."""

    def __init__(self, of: Home) -> None:
        self.home = of
        self.into, self.out_of = Wires(of.width), Wires(of.width)

    def wires(self, side: Side) -> list[Wires]:
        """Those of that side that there are."""
        sides: dict[Side, list[Wires]] = {
            "in": [self.into], "out": [self.out_of], "both": [self.into, self.out_of],
        }  # fmt: skip
        return [wire for wire in sides[side] if wire.weights]

    def strength(self, by: By, side: Side) -> Units:
        """Mean or largest |weight| of each unit, `[unit]`; there must be some of that side."""
        wires = self.wires(side)
        if by == "max":
            return np.stack([wire.largest for wire in wires]).max(0)  # type: ignore[no-any-return]
        size: Units = np.stack([wire.size for wire in wires]).sum(0)
        return size / sum(wire.weights for wire in wires)


def connections(found: Iterable[Found], hooks: Mapping[str, HookSpec]) -> dict[Home, Connections]:
    """The connections of every home that a side of a matrix of one model belongs to."""
    homes: dict[Home, Connections] = {}
    for _, spec, arrays in found:
        sides: list[tuple[str, Way, int]] = [
            (spec.target, "in", spec.shape[1]),
            (spec.source, "out", spec.shape[0]),
        ]
        for hook, way, weights in sides:
            at = home(hooks[hook]) if hook in hooks else None
            if at is None:
                continue
            one = homes.setdefault(at, Connections(at))
            wires = one.into if way == "in" else one.out_of
            wires.add(spec.name, weights, arrays, way)
    return homes
