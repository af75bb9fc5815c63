"""Weight matrices: what a model says of each of them, and how to choose some.

    update = select_weights(model.weights, WeightQuery(relation="recurrent", role="update"))
    model.weight(update[0].name)            # [to, from], one gate at a time

Every matrix is oriented `[to, from]`: row i holds what unit i receives, column j what unit j sends.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from probekit.errors import ProbekitError, did_you_mean, listing
from probekit.hooks import Part
from probekit.queries import Query, choose

Relation = Literal["embedding", "input", "recurrent", "attention", "merge", "readout"]
WeightRole = Literal["input", "forget", "output", "update", "reset", "candidate"]

RELATIONS: tuple[Relation, ...] = get_args(Relation)
WEIGHT_ROLES: tuple[WeightRole, ...] = get_args(WeightRole)
SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class WeightSpec:
    """What one weight matrix connects.

    `shape` is (to, from); `role` is the gate that it feeds, or `candidate`. `target` and `source`
    name the hook points whose units the rows and the columns are (empty where there is none):
    what arrives from `source` may have been averaged or gated on the way, unit by unit, and is
    that of the step before where `relation` is `recurrent`. Where rows or columns are words, `rows`
    or `columns` lists them in order.
    """

    name: str
    relation: Relation
    shape: tuple[int, int]
    role: WeightRole | None = None
    part: Part | None = None
    layer: int = 0
    source: str = ""
    target: str = ""
    rows: tuple[str, ...] = field(default=(), repr=False)
    columns: tuple[str, ...] = field(default=(), repr=False)

    def within(self, prefix: str) -> "WeightSpec":
        """The same matrix under the names that it has in a model which holds this one there."""
        return replace(
            self,
            name=f"{prefix}.{self.name}",
            source=self.source and f"{prefix}.{self.source}",
            target=self.target and f"{prefix}.{self.target}",
        )


@dataclass(frozen=True, kw_only=True)
class WeightQuery(Query):
    """Which weight matrices an analysis asks for; a field that is None admits every value."""

    relation: Relation | None = None
    role: WeightRole | None = None
    part: Part | None = None
    layer: int | None = None

    def __str__(self) -> str:
        words = [self.part, self.relation, self.role]
        text = " ".join(word for word in words if word) or "any"
        return text + ("" if self.layer is None else f" (layer {self.layer})")


def select_weights(
    weights: Mapping[str, WeightSpec], *queries: WeightQuery, model: str = "the model"
) -> list[WeightSpec]:
    """The matrices that any query admits, in the model's order.

    Raises ProbekitError where a query admits none, naming the relations that the model has, and
    where the model describes no weight matrices at all.
    """
    need_weights(weights, model)

    def absence(query: WeightQuery) -> str:
        found = listing(describe_relations(weights.values()))
        return f"{model} has no {query} weights; it has: {found}."

    return choose(weights.values(), queries, absence)


def find_weight(
    weights: Mapping[str, WeightSpec], name: str, model: str = "the model"
) -> WeightSpec:
    """The matrix of that name; ProbekitError with the nearest name where there is none."""
    need_weights(weights, model)
    if name not in weights:
        some = listing([*weights][:SHOWN]) + (", ..." if len(weights) > SHOWN else "")
        hint = did_you_mean(name, weights) or f"; it has: {some}"
        raise ProbekitError(f"{model} has no weight matrix {name}{hint}.")
    return weights[name]


def need_weights(weights: Mapping[str, WeightSpec], model: str = "the model") -> None:
    """Raise ProbekitError where a model describes no weight matrices."""
    if not weights:
        raise ProbekitError(
            f"{model} describes no weight matrices, so its weights cannot be analysed;"
            " choose another model, or let its plugin define `weights` and `weight`."
        )


def describe_relations(specs: Iterable[WeightSpec]) -> list[str]:
    """The distinct relations with part and role, as `encoder recurrent update`, in their order."""
    words = ((spec.part, spec.relation, spec.role) for spec in specs)
    return list(dict.fromkeys(" ".join(word for word in row if word) for row in words))
