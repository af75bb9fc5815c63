"""Ablations: sets of units held at a value, as data, so that a model can share work among them.

    one = Ablation({"rnn.layers.1.hook_hidden": (125,)})
    model.margins(examples, [Ablation(), one])       # [ablation, example]

`intervene` says what an ablation means; whatever a model does faster must come to the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from probekit.interventions import Intervention


@dataclass(frozen=True)
class Ablation:
    """Units by hook point, what they are held at, and from which position on.

    `values` holds one number for each unit listed at a hook point; those of a hook point that is
    left out are 0. `since` is the first position at which the units are held: 0 is the first word
    of the example, and None means always, the example's context included. An ablation of nothing
    is the whole model.
    """

    units: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    values: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    since: int | None = None

    def held(self, hook: str) -> tuple[float, ...]:
        """What each unit listed at the hook point is held at."""
        return self.values.get(hook) or (0.0,) * len(self.units[hook])


def intervene(ablations: Sequence[Ablation], copies: int) -> list[Intervention]:
    """Hook functions that hold the units of `ablations[i]` in rows `i * copies` and on."""
    hooks = dict.fromkeys(hook for ablation in ablations for hook in ablation.units)
    return [(hook, _hold(hook, ablations, copies)) for hook in hooks]


def _hold(hook: str, ablations: Sequence[Ablation], copies: int) -> Any:
    """The hook function of one hook point."""
    entries = [
        (row, unit, value, ablation.since)
        for index, ablation in enumerate(ablations)
        if hook in ablation.units
        for unit, value in zip(ablation.units[hook], ablation.held(hook), strict=True)
        for row in range(index * copies, (index + 1) * copies)
    ]
    rows, units = (
        torch.tensor([entry[at] for entry in entries], dtype=torch.long) for at in (0, 1)
    )
    values = torch.tensor([entry[2] for entry in entries])
    always = torch.tensor([entry[3] is None for entry in entries], dtype=torch.bool)
    since = torch.tensor([entry[3] or 0 for entry in entries], dtype=torch.long)

    def act(value: Tensor, hook: Any) -> Tensor:
        value = value.clone()
        if value.ndim == 2:
            now = always | (since <= hook.ctx["t"])
            value[rows[now], units[now]] = values[now].to(value)
            return value
        reached = since[:, None] <= torch.arange(value.shape[1])
        reached = (reached | always[:, None]).to(value.device)
        kept = value[rows, :, units]
        value[rows, :, units] = torch.where(reached, values.to(value)[:, None], kept)
        return value

    return act
