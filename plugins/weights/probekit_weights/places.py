"""What a matrix, its sides and the units of a hook point are called in tables and panels."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from probekit.hooks import HookSpec, Kind
from probekit.weights import WeightSpec

STEPPED: tuple[Kind, ...] = ("gate", "candidate", "cell", "hidden")  # unit i of all is one unit


class Home(NamedTuple):
    """The units that a hook point shows: those of a recurrent layer, or its own."""

    part: str
    layer: int
    name: str
    width: int

    def text(self, layers: int) -> str:
        """`encoder hidden`, `layer 1 hidden`, `decoder embedding`."""
        return f"{where(self.part, self.layer, layers)} {self.name}".strip()


def home(spec: HookSpec) -> Home | None:
    """The home of a hook point's units; None where it shows words or positions, not units.

    Gates, candidate, cell and hidden state of a recurrent layer show the same units.
    """
    if spec.width is None or spec.kind in ("logits", "attention"):
        return None
    name = "hidden" if spec.kind in STEPPED else spec.kind
    return Home(spec.part or "", spec.layer, name, spec.width)


def where(part: str | None, layer: int, layers: int) -> str:
    """`encoder`, `layer 1`, `decoder layer 0`: the part, and the layer where there are several."""
    words = [part or "", f"layer {layer}" if layers > 1 else ""]
    return " ".join(word for word in words if word)


def place(spec: WeightSpec, layers: int) -> str:
    """`encoder recurrent`, `layer 1 input`: where a matrix is, and what it connects."""
    return f"{where(spec.part, spec.layer, layers)} {spec.relation}".strip()


def gate(spec: WeightSpec) -> str:
    """`update gate`, `candidate`, or the last part of the name of a matrix that feeds no gate."""
    if spec.role is None:
        return spec.name.rpartition(".")[2]
    return spec.role if spec.role == "candidate" else f"{spec.role} gate"


def layers_of(specs: Sequence[WeightSpec]) -> int:
    """How many layers the matrices are of."""
    return len({spec.layer for spec in specs})


def senders(spec: WeightSpec, hooks: Mapping[str, HookSpec]) -> str:
    """What the columns are: `words`, `encoder hidden units`, or just `units`."""
    return "words" if spec.columns else _units(spec.source, hooks)


def receivers(spec: WeightSpec, hooks: Mapping[str, HookSpec]) -> str:
    """What the rows are: `words`, `decoder update gate units`, or just `units`."""
    return "words" if spec.rows else _units(spec.target, hooks)


def _units(hook: str, hooks: Mapping[str, HookSpec]) -> str:
    if hook not in hooks:
        return "units"
    spec = hooks[hook]
    return " ".join(word for word in (spec.part, spec.role, spec.kind, "units") if word)


def slug(*words: str) -> str:
    """Words as a key or a file name: `encoder-recurrent`."""
    return re.sub(r"[^A-Za-z0-9_.]+", "-", " ".join(words)).strip("-.") or "model"
