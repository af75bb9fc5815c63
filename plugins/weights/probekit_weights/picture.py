"""How a matrix lies in its picture: which side runs along x, what its lines are called."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from probekit.hooks import HookSpec
from probekit_weights.matrices import Found
from probekit_weights.params import Order
from probekit_weights.places import receivers, senders

MOST_WORDS = 64  # with more, their labels would run into each other


@dataclass(frozen=True)
class Axis:
    """One side of the picture.

    `what` are its units (or words), of which each of its `lines` is a block of `block`; `order`
    says how they are ordered; `named` is set where each line is a word that is written beside it.
    """

    way: str
    what: str
    lines: int
    block: int
    named: bool
    order: str

    @property
    def title(self) -> list[str]:
        """What stands along the side, in lines."""
        blocks = "" if self.block == 1 else f"in blocks of {self.block}"
        return [line for line in (self.what, self.order, blocks) if line]


@dataclass(frozen=True)
class Picture:
    """A matrix of one name in all models: its cells, and what runs along x and y."""

    name: str
    cells: pd.DataFrame
    x: Axis
    y: Axis

    def caption(self, block: str) -> str:
        """What is drawn, and what was put together."""
        sides = f"{self.x.what} from left to right, {self.y.what} from top to bottom"
        colours = "Blue is negative, red positive."
        if self.x.block * self.y.block == 1:
            return f"Every weight, {sides}. {colours}"
        what = {"strongest": "its strongest weight, with its sign", "mean": "its mean weight"}
        return (
            f"Weights in blocks of {self.x.block} x {self.y.block}, {sides}. Each block shows"
            f" {what[block]}. {colours}"
        )


def picture_of(found: Sequence[Found], hooks: Mapping[str, HookSpec], order: Order) -> Picture:
    """The picture of one matrix of several models.

    Words run along y, else the shorter side does.
    """
    spec = found[0].spec
    blocks = found[0].arrays["block"].tolist()
    into = _axis("in", receivers(spec, hooks), spec.shape[0], blocks[0], spec.rows, order)
    out_of = _axis("out", senders(spec, hooks), spec.shape[1], blocks[1], spec.columns, order)
    upright = bool(spec.rows) or (not spec.columns and spec.shape[0] <= spec.shape[1])
    x, y = (out_of, into) if upright else (into, out_of)
    cells = pd.concat([_cells(one, x, y, order) for one in found], ignore_index=True)
    return Picture(spec.name, cells, x, y)


def _axis(way: str, what: str, length: int, block: int, words: Sequence[str], order: Order) -> Axis:
    lines = -(-length // block)
    by = {"index": "", "mean": "by mean weight", "strength": "by mean |weight|"}[order]
    named = bool(words) and block == 1 and lines <= MOST_WORDS
    return Axis(way, what, lines, block, named, "" if words else by)


def _cells(one: Found, x: Axis, y: Axis, order: Order) -> pd.DataFrame:
    """One row a cell: where it lies, what its lines are, its weight."""
    values = one.arrays["cells"] if y.way == "in" else one.arrays["cells"].T
    at_y, at_x = (index.ravel() for index in np.indices(values.shape))
    names = {axis.way: np.array(_names(one, axis, order), dtype=object) for axis in (x, y)}
    return pd.DataFrame(
        {
            "model": one.label,
            "x": at_x,
            "x2": at_x + 1,
            "y": at_y,
            "y2": at_y + 1,
            "column": names[x.way][at_x],
            "row": names[y.way][at_y],
            "weight": values.ravel(),
        }
    )


def _names(one: Found, axis: Axis, order: Order) -> list[str]:
    """What each line of a side is: a word, a unit, `12-17` or `6 units`."""
    units = one.arrays[f"{axis.way}_order"]
    words = one.spec.rows if axis.way == "in" else one.spec.columns
    lines = [units[at : at + axis.block] for at in range(0, len(units), axis.block)]
    if axis.block == 1:
        return [words[line[0]] if words else str(line[0]) for line in lines]
    if order == "index" or words:
        return [f"{line[0]}-{line[-1]}" for line in lines]
    return [f"{len(line)} units" for line in lines]
