"""Units by name: how people write them, and what tables and figures call them.

    widths = (650, 650)                       # units of each layer, the first layer first
    unit = parse_unit("1:125", widths)        # layer 1, index 125, both counted from 0
    parse_unit("#776", widths)                # the same unit, by its number across layers, from 1
    unit.title(widths)                        # "layer 1 unit 125 (776)"

Papers on language models number units across layers from 1 (lakretz2019, footnote 5).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from probekit.errors import ProbekitError, Problems
from probekit.hooks import HookSpec

FORM = re.compile(r"(?P<layer>[0-9]{1,9}):(?P<index>[0-9]{1,9})|#(?P<number>[0-9]{1,9})")
SHOWN = 40


@dataclass(frozen=True, order=True)
class Unit:
    """One unit of one layer, both counted from 0."""

    layer: int
    index: int

    def __str__(self) -> str:
        return f"{self.layer}:{self.index}"

    @property
    def key(self) -> str:
        """`1-125`: the unit inside the name of a metric or of a file."""
        return f"{self.layer}-{self.index}"

    def number(self, widths: Sequence[int]) -> int:
        """The number across layers, from 1; `widths` are the units of each layer."""
        return sum(widths[: self.layer]) + self.index + 1

    def title(self, widths: Sequence[int]) -> str:
        """`layer 1 unit 125 (776)`: layer, index, and the number across layers."""
        return f"layer {self.layer} unit {self.index} ({self.number(widths)})"


def parse_unit(text: str, widths: Sequence[int], key: str = "units") -> Unit:
    """The unit that `1:125` or `#776` names in a model whose layers have these widths.

    `key` is the parameter that a message names. Raises ProbekitError where the text is no unit and
    where the model has none such.
    """
    shown = f"{key}={ascii(text.strip()[:SHOWN])[1:-1]}"
    found = FORM.fullmatch(text.strip())
    if not found:
        raise ProbekitError(
            f"{shown} is no unit; write layer:index, both from 0 (1:125), or the number across"
            " layers, from 1 (#776)."
        )
    if found["number"]:
        return _numbered(int(found["number"]), widths, key)
    unit = Unit(int(found["layer"]), int(found["index"]))
    if unit.layer >= len(widths):
        raise ProbekitError(
            f"{shown}: there is no layer {unit.layer}; the model has {_counted(widths)},"
            " counted from 0."
        )
    if unit.index >= widths[unit.layer]:
        raise ProbekitError(
            f"{shown}: layer {unit.layer} has {widths[unit.layer]} units, counted from 0."
        )
    return unit


def parse_units(
    texts: Iterable[str], widths: Sequence[int], key: str = "units"
) -> tuple[Unit, ...]:
    """The units that the texts name, each once, in their order; Problems with every mistake."""
    units: list[Unit] = []
    problems: list[str] = []
    for text in texts:
        try:
            units.append(parse_unit(text, widths, key))
        except ProbekitError as error:
            problems.append(str(error))
    if problems:
        raise Problems(problems)
    return tuple(dict.fromkeys(units))


def layer_widths(specs: Iterable[HookSpec]) -> tuple[int, ...]:
    """The units of each layer that hook points show, `(650, 650)`; 0 for a layer without any.

    Raises ProbekitError where the hook points of a layer differ in their number of units, so that
    its units could not be numbered.
    """
    found: dict[int, int] = {}
    for spec in specs:
        if spec.width is None:
            continue
        if found.setdefault(spec.layer, spec.width) != spec.width:
            raise ProbekitError(
                f"the hook points of layer {spec.layer} have {found[spec.layer]} and {spec.width}"
                " units, so their units are not the same; choose fewer kinds of hook points."
            )
    return tuple(found.get(layer, 0) for layer in range(max(found, default=-1) + 1))


def _numbered(number: int, widths: Sequence[int], key: str) -> Unit:
    index = number - 1
    for layer, width in enumerate(widths):
        if 0 <= index < width:
            return Unit(layer, index)
        index -= width
    raise ProbekitError(
        f"{key}=#{number}: units are numbered from 1 to {sum(widths)} across {_counted(widths)}."
    )


def _counted(widths: Sequence[int]) -> str:
    return "1 layer" if len(widths) == 1 else f"{len(widths)} layers"
