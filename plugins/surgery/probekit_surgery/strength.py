"""How strongly each unit of a recurrent layer is connected (Baan et al. 2019, section 5.2).

The paper keeps the units "with the biggest weights" and leaves open which weights those are. Here
they are those of the matrices asked for, into a unit and out of it, each weight alike.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float

from probekit.errors import ProbekitError
from probekit.hooks import HookSpec, Kind
from probekit.model import Model
from probekit.weights import WeightQuery, select_weights
from probekit_surgery.params import By, PruningParams

STATES: tuple[Kind, ...] = ("gate", "candidate", "cell", "hidden")  # unit i of each is one unit


def queries(params: PruningParams) -> list[WeightQuery]:
    """The weights that make a unit strong."""
    roles = params.role or (None,)
    return [
        WeightQuery(relation=relation, role=role) for relation in params.relation for role in roles
    ]


def strengths(
    model: Model, hook: HookSpec, wanted: Sequence[WeightQuery], by: By
) -> Float[np.ndarray, " unit"]:
    """The mean or the largest |weight| into and out of each unit of a hook point, `[unit]`.

    Raises ProbekitError where no matrix leads into or out of these units.
    """
    found = []
    for spec in select_weights(model.weights, *wanted):
        size = model.weight(spec.name).double().abs()
        if spec.target and same_units(model.hook_specs[spec.target], hook):
            found.append(size)
        if spec.source and same_units(model.hook_specs[spec.source], hook):
            found.append(size.T)
    if not found:
        raise ProbekitError(
            f"no weights chosen lead into or out of the units of {hook.name}; choose others with"
            " relation= and role=, or another part."
        )
    weights = torch.cat(found, dim=1)
    strength = weights.mean(dim=1) if by == "mean" else weights.amax(dim=1)
    return strength.cpu().numpy()


def same_units(one: HookSpec, other: HookSpec) -> bool:
    """Whether two hook points show the units of one recurrent layer."""
    places = [(spec.part, spec.layer, spec.kind in STATES) for spec in (one, other)]
    return places[0] == places[1]


def count_kept(width: int, share: float) -> int:
    """How many of `width` units are kept, rounded up: 26 of 512 at 5%."""
    return math.ceil(round(share * width, 9))


def strongest(strength: Float[np.ndarray, " unit"], count: int) -> list[int]:
    """The `count` strongest units in ascending order; of equal ones the first."""
    return sorted(np.argsort(-strength, kind="stable")[:count].tolist())
