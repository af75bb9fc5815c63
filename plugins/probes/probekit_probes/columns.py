"""The units of all layers side by side: the columns of one matrix, first layer first.

    columns = columns_of(model.hook_specs, params.queries, "english")
    columns.unit(775)            # layer 1, index 125 of layers of 650 units

A column is one less than the number of its unit across layers (see probekit.units).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Int

from probekit.errors import ProbekitError
from probekit.hooks import HookQuery, HookSpec, select
from probekit.places import content
from probekit.units import Unit, layer_widths, parse_unit

DECODER = "decoder"


@dataclass(frozen=True)
class Columns:
    """One hook point a layer, in the order of the layers, and the widths of all layers."""

    specs: tuple[HookSpec, ...]
    widths: tuple[int, ...]

    def __len__(self) -> int:
        return sum(self.widths)

    @property
    def content(self) -> str:
        """What is read, in words: `cell`, `forget gate`."""
        return content(self.specs[0])

    def unit(self, column: int) -> Unit:
        """The unit of a column."""
        return parse_unit(f"#{column + 1}", self.widths)

    def title(self, column: int) -> str:
        """`layer 1 unit 125 (776)`."""
        return self.unit(column).title(self.widths)

    def find(self, text: str, key: str = "units") -> int:
        """The column of a unit that is written `1:125` or `#776`."""
        return parse_unit(text, self.widths, key).number(self.widths) - 1

    def span(self, spec: HookSpec) -> slice:
        """The columns of a hook point."""
        start = sum(self.widths[: spec.layer])
        return slice(start, start + self.widths[spec.layer])

    def rows(self, columns: Sequence[int] | Int[np.ndarray, " column"]) -> pd.DataFrame:
        """A row for each column: how the unit is written, layer and index from 0, number from 1."""
        units = [self.unit(int(column)) for column in columns]
        return pd.DataFrame(
            {
                "place": [f"layer {unit.layer}" for unit in units],
                "unit": [str(unit) for unit in units],
                "layer": np.array([unit.layer for unit in units], dtype=np.int64),
                "index": np.array([unit.index for unit in units], dtype=np.int64),
                "number": np.array([unit.number(self.widths) for unit in units], dtype=np.int64),
            }
        )


def columns_of(hooks: Mapping[str, HookSpec], queries: Sequence[HookQuery], label: str) -> Columns:
    """The hook points that the first query with any admits.

    Those of a decoder are left out: its steps are not the words of the example. Raises
    ProbekitError where there is none with a fixed number of units, or several in a layer.
    """
    some = (one for one in queries if any(one.admits(spec) for spec in hooks.values()))
    query = next(some, queries[0])
    try:
        admitted = select(hooks, query, model=label)
    except ProbekitError as error:
        raise ProbekitError(f"{str(error).removesuffix('.')}; give another kind=.") from None
    found = [spec for spec in admitted if spec.width is not None and spec.part != DECODER]
    if not found:
        raise ProbekitError(
            f"the {query} hook points of {label} have no fixed number of units at each word; give"
            " another kind."
        )
    layers = [spec.layer for spec in found]
    if twice := [layer for layer in layers if layers.count(layer) > 1]:
        raise ProbekitError(
            f"{label} has several {query} hook points in layer {twice[0]}, so its units could not"
            " be told apart; give another kind."
        )
    found.sort(key=lambda spec: spec.layer)
    return Columns(tuple(found), layer_widths(found))


def contents(columns: Iterable[Columns]) -> str:
    """What is read of several models, in words."""
    return " or ".join(dict.fromkeys(one.content for one in columns))
