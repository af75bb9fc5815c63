"""Recurrent language models that go on from a state: what texts begin alike with is read once.

    state = states_after(model, [(5, 1), (5, 2), (5, 1)], context)      # two rows are read
    model.run_with_hooks(batch, state=state)                            # three go on

What is left of each text can then be run again and again, under one intervention after another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from probekit.dataset import Batch, pad
from probekit.hooks import HookQuery, HookSpec, Kind
from probekit.readout import Readout

State = tuple[Tensor, ...]

ROWS_AT_ONCE = 256


@runtime_checkable
class Resuming(Protocol):
    """A recurrent language model whose runs take `state=`, where to start.

    A state holds a tensor `[layer, batch, unit]` for each state of the cell: hidden, and of an LSTM
    the cell too. It stands in for a batch's context. Hooks are told that the first step is 0.
    """

    @property
    def hook_specs(self) -> Mapping[str, HookSpec]:
        """The hook points by name."""

    def run_with_cache(self, *args: Any, **kwargs: Any) -> tuple[Any, dict[str, Tensor]]:
        """The output and the activations `[batch, pos, unit]` by hook point."""

    def after(self, context: Int[Tensor, " context"], batch: int) -> State:
        """The state after these ids, read from the start, for each row of a batch."""


def states_after(
    model: Resuming, rows: Sequence[Sequence[int]], context: Sequence[int] = ()
) -> State:
    """The state after the context and each row of ids, which may be empty; `[layer, row, unit]`.

    The context is read once, and so is every distinct row. No gradients flow through it.
    """
    place = {row: at for at, row in enumerate(dict.fromkeys(map(tuple, rows)))}
    reader = Reader.of(model)
    start = reader.read([tuple(context)], reader.zeros())
    found = [
        reader.read(list(place)[first : first + ROWS_AT_ONCE], start)
        for first in range(0, len(place), ROWS_AT_ONCE)
    ]
    chosen = torch.tensor([place[tuple(row)] for row in rows], device=start[0].device)
    return tuple(torch.cat(parts, dim=1)[:, chosen] for parts in zip(*found, strict=True))


@dataclass(frozen=True)
class Reader:
    """A model, and the hook points of each of its states, the first layer first."""

    model: Resuming
    points: tuple[tuple[HookSpec, ...], ...]
    device: torch.device

    @classmethod
    def of(cls, model: Resuming) -> "Reader":
        """The reader of a model: its hidden states, and its cells where it has any."""
        kinds: tuple[Kind, ...] = ("hidden", "cell")
        points = [tuple(filter(HookQuery(kind=kind).admits, model.hook_specs.values()))
                  for kind in kinds]  # fmt: skip
        device = getattr(model, "device", torch.device("cpu"))
        return cls(model, tuple(filter(None, points)), device)

    def zeros(self) -> State:
        """The state of one row before anything is read."""
        return tuple(
            torch.stack([torch.zeros(1, spec.width or 0, device=self.device) for spec in layers])
            for layers in self.points
        )

    def read(self, rows: Sequence[Sequence[int]], start: State) -> State:
        """The state after each row, read from that of the one row in `start`."""
        tokens, lengths = pad(rows, 0)
        first = tuple(one.expand(-1, len(rows), -1).contiguous() for one in start)
        if not tokens.shape[1]:
            return first
        batch = Batch(tokens.to(self.device), lengths.clamp(min=1).to(self.device))
        names = [spec.name for layers in self.points for spec in layers]
        with torch.no_grad():
            _, cache = self.model.run_with_cache(
                batch, names_filter=names, readout=Readout.nothing(), state=first
            )
        return tuple(
            torch.stack([
                _at(before, cache[spec.name], lengths)
                for before, spec in zip(one, layers, strict=True)
            ])
            for one, layers in zip(first, self.points, strict=True)
        )  # fmt: skip


def _at(
    before: Float[Tensor, "row unit"],
    steps: Float[Tensor, "row pos unit"],
    lengths: Int[Tensor, " row"],
) -> Float[Tensor, "row unit"]:
    """What each row has reached at its own length; `before` at length 0."""
    trajectory = torch.cat([before[:, None], steps], dim=1)
    return trajectory[torch.arange(len(lengths)), lengths].clone()
