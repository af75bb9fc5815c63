"""The units that are followed: given by name, or found by what they hold before the answer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from probekit.errors import ProbekitError, listing
from probekit.hooks import HookSpec
from probekit.units import Unit, layer_widths, parse_units
from probekit_gates.moments import Moments
from probekit_gates.params import DynamicsParams
from probekit_gates.sentences import Group

AUTO, SINGULAR, PLURAL = FOUND = ("auto", "singular", "plural")
GIVEN = "given"


@runtime_checkable
class Measured(Protocol):
    """What is known of one model (see probekit_gates.dynamics.Dynamics)."""

    label: str
    groups: Sequence[Group]
    widths: Sequence[int]
    memories: Mapping[int, HookSpec]

    def last(self, group: int, spec: HookSpec) -> Moments:
        """Moments at the last word before the answer, `[1, unit]`."""


@dataclass(frozen=True)
class Followed:
    """One unit, how far it separates the two numbers, and the mean that it holds for each."""

    label: str
    unit: Unit
    title: str
    number: int
    chosen: str
    held_by: str
    separation: float
    singular: float
    plural: float

    def row(self) -> dict[str, object]:
        """One row of the table `units`."""
        return {
            "model": self.label,
            "unit": self.title,
            "layer": self.unit.layer,
            "index": self.unit.index,
            "number": self.number,
            "chosen": self.chosen,
            "held_by": self.held_by,
            "separation": self.separation,
            "singular_mean": self.singular,
            "plural_mean": self.plural,
        }


@dataclass(frozen=True)
class Contrast:
    """Of every unit of a layer: separation, and means for either number, each `[unit]`."""

    separation: Float[np.ndarray, " unit"]
    singular: Float[np.ndarray, " unit"]
    plural: Float[np.ndarray, " unit"]

    def ranked(self, word: str) -> np.ndarray:
        """The units that `auto`, `singular` or `plural` asks for, the furthest apart first."""
        further = np.abs(self.singular) - np.abs(self.plural)
        admitted = {AUTO: further == further, SINGULAR: further > 0, PLURAL: further < 0}[word]
        order = np.argsort(-self.separation, kind="stable")
        found: np.ndarray = order[admitted[order]]
        return found


def chosen_layers(texts: Sequence[str], specs: Sequence[HookSpec]) -> set[int]:
    """The layers that hold the units asked for; what is to be found is sought in the top layer."""
    given = [text for text in texts if text not in FOUND]
    layers = {unit.layer for unit in parse_units(given, layer_widths(specs))}
    top = {max(spec.layer for spec in specs)}
    return layers | (top if len(given) < len(texts) else set())


def follow(one: Measured, params: DynamicsParams) -> list[Followed]:
    """The units asked for, in their order, each once."""
    contrasts = {layer: contrast(one, spec) for layer, spec in one.memories.items()}
    found: dict[Unit, str] = {}
    for text in params.units:
        if text in FOUND:
            top = max(contrasts, default=-1)
            for index in _sought(one, text, contrasts.get(top))[: params.top]:
                found.setdefault(Unit(top, int(index)), text)
        else:
            found.setdefault(parse_units([text], one.widths)[0], GIVEN)
    return [_followed(one, unit, how, contrasts.get(unit.layer)) for unit, how in found.items()]


def _sought(one: Measured, text: str, known: Contrast | None) -> np.ndarray:
    """The units that a word asks for, the best first."""
    if known is not None:
        return known.ranked(text)
    if text == AUTO and one.memories:
        last = pooled(one, one.memories[max(one.memories)])
        every = reduce(Moments.merged, last.values())
        return np.argsort(-every.deviation[0], kind="stable")
    raise ProbekitError(_no_contrast(one, text))


def memory(specs: Iterable[HookSpec], layer: int) -> HookSpec | None:
    """Where a layer holds what it knows: its cell, else its hidden state; None without either."""
    own = {spec.kind: spec for spec in specs if spec.layer == layer}
    return own.get("cell") or own.get("hidden")


def contrast(one: Measured, spec: HookSpec) -> Contrast | None:
    """Singular against plural subjects at the last word before the answer; None without both.

    The separation is |mean of singular - mean of plural| / pooled standard deviation.
    """
    last = pooled(one, spec)
    if set(last) != {SINGULAR, PLURAL}:
        return None
    singular, plural = last[SINGULAR], last[PLURAL]
    samples = int(singular.count[0] + plural.count[0])
    spread = np.sqrt((singular.square[0] + plural.square[0]) / samples)
    apart = np.abs(singular.mean[0] - plural.mean[0])
    separation = np.divide(apart, spread, out=np.where(apart > 0, np.inf, 0.0), where=spread > 0)
    return Contrast(separation, singular.mean[0], plural.mean[0])


def pooled(one: Measured, spec: HookSpec) -> dict[str, Moments]:
    """What is held at the last word before the answer, by the number of the subject."""
    found: dict[str, Moments] = {}
    for at, group in enumerate(one.groups):
        number, new = group.key.number, one.last(at, spec)
        found[number] = found[number].merged(new) if number in found else new
    return found


def _followed(one: Measured, unit: Unit, how: str, known: Contrast | None) -> Followed:
    values = [np.nan] * 3
    if known is not None:
        values = [float(v[unit.index]) for v in (known.separation, known.singular, known.plural)]
    held_by = one.memories[unit.layer].kind if unit.layer in one.memories else ""
    number = unit.number(one.widths)
    return Followed(one.label, unit, unit.title(one.widths), number, how, held_by, *values)


def _no_contrast(one: Measured, text: str) -> str:
    """Why no unit can be found."""
    if not one.memories:
        return f"units={text} finds units by a cell or hidden state, and {one.label} has neither."
    numbers = listing(dict.fromkeys(group.key.number or "no number" for group in one.groups))
    return (
        f"units={text} finds units by the label number, singular in some examples and plural in"
        f" others; these have {numbers}; give units=LAYER:INDEX."
    )
