"""Hook points: what a model says of each named place in its forward pass, and how to choose some.

    gates = select(model.hook_specs, HookQuery(kind="gate", role="update", part="encoder"))

Names are for people; analyses choose by kind, role, part and layer.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from probekit.errors import listing
from probekit.queries import Query, choose

Kind = Literal[
    "gate",
    "candidate",
    "cell",
    "hidden",
    "state",
    "neuron",
    "residual",
    "attention",
    "embedding",
    "logits",
]
Role = Literal["input", "forget", "output", "update", "reset"]
Part = Literal["encoder", "decoder"]
Stage = Literal["pre", "post"]
Side = Literal["low", "high"]

KINDS: tuple[Kind, ...] = get_args(Kind)
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, kw_only=True)
class HookSpec:
    """What one hook point carries.

    A recurrent layer has its hidden state twice: `hidden` is what everybody reads, `state` what the
    next step of the layer reads. `width` is the number of units (None where it varies with the
    input, as for attention weights).
    `stage` is `pre` before the non-linearity and `post` after it. `span` is the closed range of
    values. For gates, `low` and `high` say what a value near each end does, and `new_side` names
    the side that lets new information in (None for gates that rule old information alone).
    """

    name: str
    kind: Kind
    width: int | None
    layer: int = 0
    role: Role | None = None
    part: Part | None = None
    stage: Stage = "post"
    span: tuple[float, float] = (-math.inf, math.inf)
    low: str = ""
    high: str = ""
    new_side: Side | None = None


@dataclass(frozen=True, kw_only=True)
class HookQuery(Query):
    """Which hook points an analysis asks for; a field that is None admits every value."""

    kind: Kind | None = None
    role: Role | None = None
    part: Part | None = None
    layer: int | None = None
    stage: Stage | None = "post"

    def __str__(self) -> str:
        words = [self.part, self.role, self.kind or "any"]
        text = " ".join(word for word in words if word)
        text += "" if self.layer is None else f" of layer {self.layer}"
        return text + (" before its non-linearity" if self.stage == "pre" else "")


def select(
    hooks: Mapping[str, HookSpec], *queries: HookQuery, model: str = "the model"
) -> list[HookSpec]:
    """The hook points that any query admits, in the model's order.

    Raises ProbekitError where a query admits none, naming the kinds that the model has.
    """

    def absence(query: HookQuery) -> str:
        kinds = listing(describe_kinds(hooks.values()))
        return f"{model} has no {query} hook points; it has: {kinds}."

    return choose(hooks.values(), queries, absence)


def describe_kinds(specs: Iterable[HookSpec]) -> list[str]:
    """The distinct kinds with their roles, as `update gate`, in order of first appearance."""
    names = (f"{spec.role} {spec.kind}" if spec.role else spec.kind for spec in specs)
    return list(dict.fromkeys(names))
