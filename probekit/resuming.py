"""Models that go on from where a text was left: what texts begin alike with is read once.

    begun = Beginnings.read(model, [(5, 1), (5, 2), (5, 1)], context)   # two rows are read
    model.run_with_hooks(batch, state=begun.of([0, 2]))                 # two go on

What is left of each text can then be run again and again, under one intervention after another.
"""

from collections.abc import Iterator, Mapping, Sequence
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


@runtime_checkable
class Prefilling(Protocol):
    """A model with attention whose runs take `state=`: what later positions attend to.

    A state holds tensors `[layer, batch, ...]`. Hooks are told that the first position run is 0.
    """

    def prefill(self, rows: Int[Tensor, "batch pos"]) -> State:
        """What is attended to behind these ids, read from the start; no gradients flow through."""


@dataclass(frozen=True)
class Beginnings:
    """What some texts begin with: `state [layer, distinct, ...]`, and the `place` of each text."""

    state: State
    place: Int[Tensor, " text"]

    @classmethod
    def read(
        cls, model: object, rows: Sequence[Sequence[int]], context: Sequence[int] = ()
    ) -> "Beginnings | None":
        """The context and each distinct row of ids, read once; None where a model cannot go on.

        A model with attention reads rows of one length, which may be 0 behind a context.
        """
        places = {row: at for at, row in enumerate(dict.fromkeys(map(tuple, rows)))}
        if isinstance(model, Resuming):
            state = _recurrent(model, list(places), context)
        elif isinstance(model, Prefilling) and (context or any(places)):
            state = _attended(model, [(*context, *row) for row in places])
        else:
            return None
        place = torch.tensor([places[tuple(row)] for row in rows], device=state[0].device)
        return cls(state, place)

    def of(self, rows: Int[Tensor, " row"] | Sequence[int]) -> State:
        """The state of some texts, by their numbers; `[layer, row, ...]`."""
        chosen = self.place[torch.as_tensor(rows, device=self.place.device)]
        return tuple(one[:, chosen] for one in self.state)


def _recurrent(
    model: Resuming, rows: Sequence[Sequence[int]], context: Sequence[int] = ()
) -> State:
    """The state after the context and each row, `[layer, row, unit]`; no gradients flow through."""
    reader = Reader.of(model)
    start = reader.read([tuple(context)], reader.zeros())
    return _joined([reader.read(some, start) for some in _blocks(rows)])


def _attended(model: Prefilling, rows: Sequence[Sequence[int]]) -> State:
    return _joined([model.prefill(torch.tensor(some)) for some in _blocks(rows)])


def _blocks(rows: Sequence[Sequence[int]]) -> Iterator[Sequence[Sequence[int]]]:
    return (rows[first : first + ROWS_AT_ONCE] for first in range(0, len(rows), ROWS_AT_ONCE))


def _joined(parts: Sequence[State]) -> State:
    return tuple(torch.cat(some, dim=1) for some in zip(*parts, strict=True))


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
