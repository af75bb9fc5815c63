"""One step of a recurrent layer: its equations, and a hook point on everything inside.

Gate names follow torch's equations. A cell computes in place where no gradient is asked for.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint

from probekit.weights import WeightRole

State = tuple[Tensor, ...]
Rows = Float[Tensor, "... rows"]

UNIT = (0.0, 1.0)
SYMMETRIC = (-1.0, 1.0)


def fire(point: HookPoint, value: Tensor, t: int, steps: Tensor | None = None) -> Tensor:
    """Pass one step through a hook point; gives the value after its hooks.

    `steps` is the buffer `[pos, batch, unit]` in which `value` is step `t`, where it will not be
    overwritten; what a hook returns is then written back into it.
    """
    point.ctx["t"] = t
    point.ctx["steps"] = steps
    after: Tensor = point(value)
    if steps is not None and after is not value:
        value.copy_(after)
        return value
    return after


class Cell(nn.Module):
    """The hook points of one layer and the equations of one step.

    In an `additive` cell the shares of the input and of the state are summed before all else, so
    that either may be written to.
    """

    rows: ClassVar[tuple[WeightRole, ...]]
    specs: ClassVar[Mapping[str, Mapping[str, Any]]]
    states: ClassVar[int]
    additive: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        for name in self.specs:
            self.add_module(name, HookPoint())

    @abstractmethod
    def step_(self, gates: Rows, carried: Rows, unroll: "Frame", t: int) -> None:
        """One step in place: `gates` (from the input) and `carried` are `[batch, row * unit]`."""

    @abstractmethod
    def step(self, gates: Rows, carried: Rows, state: State, t: int) -> State:
        """One step that gradients can flow through; gives the new state."""

    @property
    def watched(self) -> bool:
        """Whether anything is hooked."""
        return any(point._forward_hooks for point in self.children())

    def forget_steps(self) -> None:
        """Drop the buffers that the hook points were shown, so that no run outlives its use."""
        for point in self.children():
            point.ctx.pop("steps", None)  # type: ignore[union-attr, operator]


@runtime_checkable
class Frame(Protocol):
    """What a step in place reads and writes: the old state, and the room for the new one.

    Step `t` reaches `trajectory[...][t]`, and hooks are told that it is `first + t`.
    """

    width: int
    first: int
    state: State
    trajectory: list[Tensor]

    def rows(self, index: int) -> Tensor | None:
        """The buffer of one gate over all steps where it is recorded."""

    def shown(self, steps: Tensor) -> Tensor | None:
        """The part of a buffer of all steps that a cache keeps."""


class GRUCell(Cell):
    """A layer of torch.nn.GRU: h' = n + z * (h - n), so z near 1 keeps the old state."""

    rows = ("reset", "update", "candidate")
    states = 1
    specs: ClassVar = {
        "hook_reset_pre": {"kind": "gate", "role": "reset", "stage": "pre"},
        "hook_update_pre": {"kind": "gate", "role": "update", "stage": "pre"},
        "hook_candidate_pre": {"kind": "candidate", "stage": "pre"},
        "hook_reset": {
            "kind": "gate", "role": "reset", "span": UNIT,
            "low": "the candidate ignores the old state",
            "high": "the candidate reads the old state",
        },
        "hook_update": {
            "kind": "gate", "role": "update", "span": UNIT, "new_side": "low",
            "low": "the candidate replaces the old state",
            "high": "the old state is kept",
        },
        "hook_candidate": {"kind": "candidate", "span": SYMMETRIC},
        "hook_hidden": {"kind": "hidden", "span": SYMMETRIC},
        "hook_state": {"kind": "state", "span": SYMMETRIC},
    }  # fmt: skip

    def step_(self, gates: Rows, carried: Rows, unroll: "Frame", t: int) -> None:
        """One step in place (see Cell)."""
        width, now = unroll.width, unroll.first + t
        reset, update, candidate = gates.chunk(len(self.rows), dim=-1)
        both = gates[..., : 2 * width].add_(carried[..., : 2 * width])
        for point, value in ((self.hook_reset_pre, reset), (self.hook_update_pre, update)):
            _overwrite(value, fire(point, value, now))
        both.sigmoid_()
        fire(self.hook_reset, reset, now, unroll.rows(0))
        fire(self.hook_update, update, now, unroll.rows(1))
        candidate.addcmul_(reset, carried[..., 2 * width :])
        _overwrite(candidate, fire(self.hook_candidate_pre, candidate, now))
        fire(self.hook_candidate, candidate.tanh_(), now, unroll.rows(2))
        hidden = unroll.trajectory[0]
        torch.lerp(candidate, unroll.state[0], update, out=hidden[t])
        fire(self.hook_hidden, hidden[t], now, unroll.shown(hidden))

    def step(self, gates: Rows, carried: Rows, state: State, t: int) -> State:
        """One step that gradients can flow through."""
        reset, update, candidate = gates.chunk(3, dim=-1)
        carried_reset, carried_update, carried_candidate = carried.chunk(3, dim=-1)
        reset = fire(self.hook_reset_pre, reset + carried_reset, t).sigmoid()
        update = fire(self.hook_update_pre, update + carried_update, t).sigmoid()
        reset = fire(self.hook_reset, reset, t)
        update = fire(self.hook_update, update, t)
        candidate = fire(self.hook_candidate_pre, candidate + reset * carried_candidate, t).tanh()
        candidate = fire(self.hook_candidate, candidate, t)
        hidden = torch.lerp(candidate, state[0], update)
        return (fire(self.hook_hidden, hidden, t),)


class LSTMCell(Cell):
    """A layer of torch.nn.LSTM: c' = f * c + i * g, h = o * tanh(c')."""

    rows = ("input", "forget", "candidate", "output")
    states = 2
    additive = True
    specs: ClassVar = {
        "hook_input_pre": {"kind": "gate", "role": "input", "stage": "pre"},
        "hook_forget_pre": {"kind": "gate", "role": "forget", "stage": "pre"},
        "hook_candidate_pre": {"kind": "candidate", "stage": "pre"},
        "hook_output_pre": {"kind": "gate", "role": "output", "stage": "pre"},
        "hook_input": {
            "kind": "gate", "role": "input", "span": UNIT, "new_side": "high",
            "low": "the candidate is kept out", "high": "the candidate is let into the cell",
        },
        "hook_forget": {
            "kind": "gate", "role": "forget", "span": UNIT,
            "low": "the old cell is erased", "high": "the old cell is kept",
        },
        "hook_candidate": {"kind": "candidate", "span": SYMMETRIC},
        "hook_output": {
            "kind": "gate", "role": "output", "span": UNIT,
            "low": "the cell is hidden", "high": "the cell is shown",
        },
        "hook_cell": {"kind": "cell"},
        "hook_hidden": {"kind": "hidden", "span": SYMMETRIC},
        "hook_state": {"kind": "state", "span": SYMMETRIC},
    }  # fmt: skip

    def step_(self, gates: Rows, carried: Rows, unroll: "Frame", t: int) -> None:
        """One step in place (see Cell)."""
        width, now = unroll.width, unroll.first + t
        gates.add_(carried)
        rows = gates.chunk(len(self.rows), dim=-1)
        for name, value in zip(self.rows, rows, strict=True):
            _overwrite(value, fire(getattr(self, f"hook_{name}_pre"), value, now))
        enter, keep, candidate, show = rows
        gates[..., : 2 * width].sigmoid_()
        candidate.tanh_()
        show.sigmoid_()
        for index, name in enumerate(self.rows):
            fire(getattr(self, f"hook_{name}"), rows[index], now, unroll.rows(index))
        hidden, cell = unroll.trajectory
        torch.mul(keep, unroll.state[1], out=cell[t]).addcmul_(enter, candidate)
        fire(self.hook_cell, cell[t], now, unroll.shown(cell))
        torch.tanh(cell[t], out=hidden[t]).mul_(show)
        fire(self.hook_hidden, hidden[t], now, unroll.shown(hidden))

    def step(self, gates: Rows, carried: Rows, state: State, t: int) -> State:
        """One step that gradients can flow through."""
        rows = (gates + carried).chunk(4, dim=-1)
        before = {
            name: fire(getattr(self, f"hook_{name}_pre"), value, t)
            for name, value in zip(self.rows, rows, strict=True)
        }
        enter, keep, candidate, show = (
            fire(
                getattr(self, f"hook_{name}"),
                value.tanh() if name == "candidate" else value.sigmoid(),
                t,
            )
            for name, value in before.items()
        )
        cell = fire(self.hook_cell, keep * state[1] + enter * candidate, t)
        return (fire(self.hook_hidden, show * cell.tanh(), t), cell)


def _overwrite(value: Tensor, after: Tensor) -> None:
    if after is not value:
        value.copy_(after)
