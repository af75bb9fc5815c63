"""Hooked GRU and LSTM: torch.nn.GRU and torch.nn.LSTM with a hook point on everything inside.

    rnn = HookedGRU(16, 512)
    rnn.load_state_dict(torch.nn.GRU(16, 512).state_dict())
    (out, state), cache = rnn.run_with_cache(x)
    cache["layers.0.hook_update"]                    # [batch, pos, unit]

Gate names follow torch's equations. Within a forward pass a hook point fires once a time step with
`[batch, unit]` and the step in `hook.ctx["t"]`. Without gradients every step is computed in place
in one buffer a layer, which then is the record of all its gates: capturing them costs no copy.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from transformer_lens.hook_points import HookPoint

from probekit.cells import Cell, GRUCell, LSTMCell, State, fire
from probekit.dataset import Batch, Example, positions_before
from probekit.errors import ProbekitError
from probekit.hooks import HookSpec, Part
from probekit.linear import product
from probekit.model import HookedModel
from probekit.weights import WeightRole, WeightSpec, find_weight

ROWS_AT_ONCE = 512  # input projections of this many rows stay in the cache until they are used


class Unroll:
    """One layer being run over time.

    Without gradients `gates [pos, batch, row * unit]` and `trajectory` (one `[pos, batch, unit]` a
    state: hidden, then cell) are filled in place; with gradients the trajectory is a list. `first`
    is the number that hooks are told of the first step.
    """

    def __init__(
        self, rnn: "HookedRNN", layer: int, state: State, steps: int, first: int = 0
    ) -> None:
        self.cell: Cell = rnn.layers[layer]  # type: ignore[assignment]
        self.width, self.first = rnn.hidden_size, first
        self.state = state
        weight, bias = rnn.recurrent_weights(layer)
        self.in_place = not torch.is_grad_enabled()
        self.product = product(weight, bias, len(state[0]), steps if self.in_place else 0)
        self.recorded = self.in_place and self.cell.watched
        self.flowing: list[State] = []
        self.carried: list[Tensor] = []
        if self.in_place:
            self.trajectory = [values.new_empty(steps, *values.shape) for values in state]
        if self.recorded:
            self.gates = weight.new_empty(steps, len(state[0]), len(weight))

    def rows(self, index: int) -> Tensor | None:
        """The buffer of one gate over all steps, `[pos, batch, unit]`, where it is recorded."""
        if not self.recorded:
            return None
        return self.shown(self.gates[..., index * self.width : (index + 1) * self.width])

    def shown(self, steps: Tensor) -> Tensor:
        """The steps of a buffer `[pos, batch, unit]` that a cache keeps: those from 0 on."""
        return steps[max(0, -self.first) :]

    def step(self, gates: Tensor, t: int) -> Tensor:
        """Take step `t` from the input's share of the gates; gives the hidden state."""
        carried = self.product(self.state[0])
        if self.recorded:
            gates = self.gates[t].copy_(gates)
        if self.in_place:
            self.cell.step_(gates, carried, self, t)
            reached = tuple(values[t] for values in self.trajectory)
        else:
            reached = self.cell.step(gates, carried, self.state, self.first + t)
            self.flowing.append(reached)
        self.state = (self._carry(reached[0], t), *reached[1:])
        return reached[0]

    def _carry(self, hidden: Tensor, t: int) -> Tensor:
        """The hidden state as the next step will read it; what others read stays as it is."""
        point: HookPoint = self.cell.hook_state
        if not point._forward_hooks:
            return hidden
        self.carried.append(fire(point, hidden.clone(), self.first + t))
        return self.carried[-1]

    def finish(self) -> tuple[Tensor, ...]:
        """Every state over time, `[batch, pos, unit]`: hidden, then cell."""
        self.cell.forget_steps()
        if self.in_place:
            return tuple(values.transpose(0, 1) for values in self.trajectory)
        return tuple(torch.stack(values, dim=1) for values in zip(*self.flowing, strict=True))


class HookedRNN(HookedModel):
    """A recurrent network of one or more layers, batch first, one direction.

    Parameters have torch's names (`weight_ih_l0`, ...), so it loads torch's state dicts.
    """

    cell_type: ClassVar[type[Cell]]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        dropout: float = 0.0,
        part: Part | None = None,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.num_layers, self.dropout, self.part = num_layers, dropout, part
        self.cfg = {"input_size": input_size, "hidden_size": hidden_size, "num_layers": num_layers}
        rows = len(self.cell_type.rows) * hidden_size
        bound = hidden_size**-0.5
        for layer in range(num_layers):
            width = input_size if layer == 0 else hidden_size
            shapes = {"weight_ih": (rows, width), "weight_hh": (rows, hidden_size),
                      "bias_ih": (rows,), "bias_hh": (rows,)}  # fmt: skip
            for name, shape in shapes.items():
                value = torch.empty(shape).uniform_(-bound, bound)
                self.register_parameter(f"{name}_l{layer}", nn.Parameter(value))
        self.layers = nn.ModuleList(self.cell_type() for _ in range(num_layers))
        self.setup()

    @property
    def hook_specs(self) -> Mapping[str, HookSpec]:
        """The hook points of every layer, first layer first."""
        specs = [
            HookSpec(
                name=f"layers.{layer}.{name}",
                width=self.hidden_size,
                layer=layer,
                part=self.part,
                **facts,
            )
            for layer in range(self.num_layers)
            for name, facts in self.cell_type.specs.items()
        ]
        return {spec.name: spec for spec in specs}

    @property
    def weights(self) -> Mapping[str, WeightSpec]:
        """The input and recurrent weights of every layer and gate, first layer first."""
        specs = [
            self._weight_spec(layer, relation, role)
            for layer in range(self.num_layers)
            for relation in ("input", "recurrent")
            for role in self.cell_type.rows
        ]
        return {spec.name: spec for spec in specs}

    def _weight_spec(
        self, layer: int, relation: Literal["input", "recurrent"], role: WeightRole
    ) -> WeightSpec:
        below = layer if relation == "recurrent" else layer - 1
        return WeightSpec(
            name=f"layers.{layer}.{relation}.{role}",
            relation=relation,
            shape=(self.hidden_size, self.hidden_size if below >= 0 else self.input_size),
            role=role,
            part=self.part,
            layer=layer,
            source=f"layers.{below}.hook_hidden" if below >= 0 else "",
            target=f"layers.{layer}.hook_{role}_pre",
        )

    def weight(self, name: str) -> Float[Tensor, "to from"]:
        """The matrix of that name, a view of the rows that belong to its gate."""
        spec = find_weight(self.weights, name)
        of = self.input_weights if spec.relation == "input" else self.recurrent_weights
        rows = self.cell_type.rows
        gates = of(spec.layer)[0].detach().chunk(len(rows))
        return gates[[*rows].index(spec.role)]  # type: ignore[arg-type]

    def input_weights(self, layer: int) -> tuple[Tensor, Tensor]:
        """The weight `[row * unit, input]` and bias of a layer's input."""
        return getattr(self, f"weight_ih_l{layer}"), getattr(self, f"bias_ih_l{layer}")

    def recurrent_weights(self, layer: int) -> tuple[Tensor, Tensor]:
        """The weight `[row * unit, unit]` and bias of a layer's own previous state."""
        return getattr(self, f"weight_hh_l{layer}"), getattr(self, f"bias_hh_l{layer}")

    def initial(self, batch: int, state: Tensor | State | None) -> list[State]:
        """The state of each layer before the first step; zeros where none is given."""
        given: State = (state,) if isinstance(state, Tensor) else tuple(state or ())
        if not given:
            zeros = self.weight_hh_l0.new_zeros(self.num_layers, batch, self.hidden_size)
            given = (zeros,) * self.cell_type.states
        return [tuple(values[layer] for values in given) for layer in range(self.num_layers)]

    def forward(
        self,
        x: Float[Tensor, "batch pos input"],
        state: Tensor | State | None = None,
        lengths: Int[Tensor, " batch"] | None = None,
        first: int = 0,
    ) -> tuple[Float[Tensor, "batch pos unit"], Any]:
        """`x [batch, pos, input]` -> outputs `[batch, pos, unit]` and the last state of each layer.

        The state is `[layer, batch, unit]`, for an LSTM the pair (hidden, cell). With `lengths
        [batch]` the rest of each row is padding: its outputs are zero and the state is that after
        the last real step, as torch gives for packed sequences. Hooks are told that the steps are
        `first`, `first + 1`, ...; those below 0 are a context, which a cache leaves out.
        """
        last = []
        for layer, before in enumerate(self.initial(len(x), state)):
            if layer and self.dropout:
                x = functional.dropout(x, self.dropout, self.training)
            unroll = self._run_layer(x, layer, before, first)
            trajectory = unroll.finish()
            last.append(_last_state(unroll, trajectory, lengths))
            x = trajectory[0]
        if lengths is not None and int(lengths.min()) < x.shape[1]:
            x = x * positions_before(lengths, x.shape[1])[..., None]
        final = tuple(torch.stack(values) for values in zip(*last, strict=True))
        return x, final if self.cell_type.states > 1 else final[0]

    def _run_layer(self, x: Tensor, layer: int, state: State, first: int) -> Unroll:
        unroll = Unroll(self, layer, state, x.shape[1], first)
        batch, steps = len(x), x.shape[1]
        block = max(1, ROWS_AT_ONCE // batch)
        project = product(*self.input_weights(layer), block * batch, steps)
        for start in range(0, steps, block):
            by_step = x[:, start : start + block].transpose(0, 1)
            gates = project(by_step.flatten(0, 1)).view(*by_step.shape[:2], -1)
            for offset, now in enumerate(gates.unbind()):
                unroll.step(now, start + offset)
        return unroll

    def begin(self, batch: int, state: Tensor | State | None, steps: int) -> "Stepper":
        """A run of `steps` steps whose inputs come one at a time, as in free-running decoding."""
        return Stepper(self, batch, state, steps)

    def encode(self, examples: Sequence[Example]) -> Batch:
        """A bare recurrent network has no vocabulary: always an error."""
        raise ProbekitError(
            "a bare recurrent network reads vectors, not words; wrap it in a model."
        )

    def to_tokens(self, text: Any) -> Tensor:
        """A bare recurrent network has no vocabulary: always an error."""
        raise ProbekitError(
            "a bare recurrent network reads vectors, not words; wrap it in a model."
        )


class Stepper:
    """A recurrent network run one step at a time."""

    def __init__(
        self, rnn: HookedRNN, batch: int, state: Tensor | State | None, steps: int
    ) -> None:
        self.rnn, self.t = rnn, 0
        first = rnn.initial(batch, state)
        self.unrolls = [Unroll(rnn, layer, first[layer], steps) for layer in range(rnn.num_layers)]

    def step(self, x: Float[Tensor, "batch input"]) -> Float[Tensor, "batch unit"]:
        """Feed `x [batch, input]`; gives the top layer's hidden state `[batch, unit]`."""
        for layer, unroll in enumerate(self.unrolls):
            gates = functional.linear(x, *self.rnn.input_weights(layer))
            x = unroll.step(gates, self.t)
        self.t += 1
        return x

    def finish(self) -> Float[Tensor, "batch pos unit"]:
        """The top layer's hidden states of all steps, `[batch, pos, unit]`."""
        return [unroll.finish() for unroll in self.unrolls][-1][0]


def _last_state(unroll: Unroll, trajectory: State, lengths: Int[Tensor, " batch"] | None) -> State:
    """The state after each row's last real step, as a next step would read it."""
    if lengths is None:
        return unroll.state
    if unroll.carried:
        trajectory = (torch.stack(unroll.carried, dim=1), *trajectory[1:])
    return tuple(_at_last(values, lengths) for values in trajectory)


def _at_last(
    values: Float[Tensor, "batch pos unit"], lengths: Int[Tensor, " batch"] | None
) -> Float[Tensor, "batch unit"]:
    """`[batch, pos, unit]` at each row's last real position, `[batch, unit]`."""
    if lengths is None:
        return values[:, -1]
    return values[torch.arange(len(values), device=values.device), lengths - 1]


class HookedGRU(HookedRNN):
    """torch.nn.GRU with hook points on gates, candidate and hidden state."""

    cell_type = GRUCell


class HookedLSTM(HookedRNN):
    """torch.nn.LSTM with hook points on gates, candidate, cell and hidden state."""

    cell_type = LSTMCell
