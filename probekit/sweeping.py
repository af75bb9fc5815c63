"""Many ablations of a recurrent network over many sequences, sharing all that can be shared.

    sweep = Sweep(rnn, embed, rows, contrast, origin=len(context))
    sweep.margins(ablations)                         # [ablation, sequence]

It comes to the same as one forward pass an ablation with hook functions set (`Model.margins`), and
does far less: a prefix that sequences have in common is read once, and the recurrent product is
taken once a parent; layers below the lowest one that is touched are computed once for all
ablations; ablations are rows of one batch, sized to stay in the cache; and of the output only the
contrast of the two words that matter is ever computed.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional
from transformer_lens.hook_points import HookPoint

from probekit.ablations import Ablation
from probekit.cells import Cell
from probekit.linear import Product, product
from probekit.prefixes import Level, PrefixTree, blocks
from probekit.progress import tick
from probekit.recurrent import HookedRNN

Embed = Callable[[Int[Tensor, " token"]], Float[Tensor, "token input"]]

NODES_AT_ONCE = 8192  # of a prefix tree: what the untouched layers send up is kept for each
ABLATIONS_AT_ONCE = 16
ROWS_AT_ONCE = 768  # ablations times nodes in one step, few enough to stay in the cache
OFTEN = 1000  # a product that is used very many times


class Contrast(NamedTuple):
    """What is read off the last hidden state of each sequence: `state . vector + offset`.

    `vectors [pair, unit]` and `offsets [pair]` belong to distinct pairs of words; `pairs
    [sequence]` says which pair is asked of which sequence.
    """

    vectors: Float[Tensor, "pair unit"]
    offsets: Float[Tensor, " pair"]
    pairs: Int[Tensor, " sequence"]

    def of(self, sequences: Sequence[int]) -> "Contrast":
        """The contrast of some sequences, with the pairs that they ask for."""
        asked, pairs = torch.unique(self.pairs[list(sequences)], return_inverse=True)
        return Contrast(self.vectors[asked], self.offsets[asked], pairs)


class Sweep:
    """One network asked about the same sequences under many ablations.

    `embed` turns ids into the vectors that the network reads; `origin` is the place in each row
    that counts as position 0. Ablations may hold units of any hook point of the network, by its
    names there. Runs without gradients.
    """

    def __init__(
        self,
        rnn: HookedRNN,
        embed: Embed,
        rows: Sequence[Sequence[int]],
        contrast: Contrast,
        origin: int = 0,
    ) -> None:
        self.rnn, self.contrast, self.origin = rnn, contrast, origin
        self.parts = blocks(rows, NODES_AT_ONCE)
        self.rows = rows
        types = sorted({token for row in rows for token in row})
        self.place = {token: at for at, token in enumerate(types)}
        weight, bias = rnn.input_weights(0)
        with torch.no_grad():
            device = weight.device
            self.table = functional.linear(embed(torch.tensor(types, device=device)), weight, bias)

    def margins(self, ablations: Sequence[Ablation]) -> Float[Tensor, "ablation sequence"]:
        """The contrast of every sequence under every ablation, `[ablation, sequence]`."""
        found = torch.zeros(len(ablations), len(self.rows))
        with torch.no_grad():
            for part in self.parts:
                tree = PrefixTree([[self.place[token] for token in self.rows[at]] for at in part])
                walk = Walk(self, tree, self.contrast.of(part))
                for numbers, low in self._chunks(ablations):
                    some = [ablations[number] for number in numbers]
                    found[torch.tensor(numbers)[:, None], torch.tensor(part)] = walk.run(some, low)
                    tick(len(numbers) * len(part))
        return found

    def _chunks(self, ablations: Sequence[Ablation]) -> Iterator[tuple[list[int], int]]:
        """The numbers of ablations to run together, with the lowest layer that they touch."""
        by_layer: dict[int, list[int]] = {}
        for number, ablation in enumerate(ablations):
            low = min((self._layer(hook) for hook in ablation.units), default=self.rnn.num_layers)
            by_layer.setdefault(low, []).append(number)
        for low, numbers in sorted(by_layer.items()):
            for start in range(0, len(numbers), ABLATIONS_AT_ONCE):
                yield numbers[start : start + ABLATIONS_AT_ONCE], low

    def _layer(self, hook: str) -> int:
        return self.rnn.hook_specs[hook].layer


class Step:
    """A `cells.Frame` of one step of some nodes, `[ablation, node, unit]`."""

    def __init__(self, state: Sequence[Tensor], shape: Sequence[int], position: int) -> None:
        self.width, self.first, self.state = shape[-1], position, tuple(state)
        self.trajectory = [values.new_empty(1, *shape) for values in state]

    def rows(self, index: int) -> None:
        """Nothing is recorded."""

    def shown(self, steps: Tensor) -> None:
        """Nothing is recorded."""


class Walk:
    """One prefix tree walked again and again, each time under other ablations."""

    def __init__(self, sweep: Sweep, tree: PrefixTree, contrast: Contrast) -> None:
        self.rnn, self.table, self.origin = sweep.rnn, sweep.table, sweep.origin
        self.tree, self.contrast = tree, contrast
        device = self.table.device
        self.levels = [
            Level(level.tokens.to(device), level.parents.to(device), level.inner)
            for level in tree.levels
        ]
        self.ends = _ends(tree)
        self.carry, self.lift = [], []
        for layer in range(self.rnn.num_layers):
            self.carry.append(self._product(*self.rnn.recurrent_weights(layer)))
            self.lift.append(self._product(*self.rnn.input_weights(layer)))
        self.below: list[list[Tensor]] = [[] for _ in range(self.rnn.num_layers)]
        self.intact = self._walk(1, 0, keep=True)

    def _product(self, weight: Tensor, bias: Tensor) -> Product:
        return product(weight, bias, ROWS_AT_ONCE, OFTEN)

    def run(self, ablations: Sequence[Ablation], low: int) -> Float[Tensor, "ablation sequence"]:
        """The contrasts under some ablations that touch nothing below layer `low`."""
        if low >= self.rnn.num_layers:
            return self.intact.expand(len(ablations), -1)
        with self.rnn.hooks(fwd_hooks=hold_rows(ablations)):
            return self._walk(len(ablations), low)

    def _walk(self, count: int, low: int, keep: bool = False) -> Tensor:
        """All levels in order, layers `low` and up, for `count` ablations side by side."""
        layers = range(low, self.rnn.num_layers)
        carried = [self._carried(layer, self._zeros(count)) for layer in layers]
        margins = self.table.new_empty(count, len(self.contrast.pairs))
        for depth, level in enumerate(self.levels):
            after = [self._room(count, level.inner) for _ in layers]
            block = max(1, ROWS_AT_ONCE // count)
            for start in range(0, len(level), block):
                nodes = slice(start, min(start + block, len(level)))
                below: Tensor | None = None
                for index, layer in enumerate(layers):
                    below = self._step(depth, layer, nodes, carried[index], after[index], below)
                    if keep and layer + 1 < self.rnn.num_layers:
                        self._keep(depth, layer + 1, below[0])
                assert below is not None
                self._read(depth, nodes, below, margins)
            if level.inner:
                carried = [
                    self._carried(layer, self._state(layer, depth, states))
                    for layer, states in zip(layers, after, strict=True)
                ]
        return margins.cpu()

    def _step(
        self,
        depth: int,
        layer: int,
        nodes: slice,
        carried: list[Tensor],
        after: list[Tensor],
        below: Tensor | None,
    ) -> Float[Tensor, "ablation node unit"]:
        """One layer at some nodes of a level; gives the hidden state, and fills in `after`."""
        cell: Cell = self.rnn.layers[layer]  # type: ignore[assignment]
        level, count = self.levels[depth], len(carried[0])
        parents = level.parents[nodes]
        product, *others = [
            values if at == 1 and cell.additive else values.index_select(1, parents)
            for at, values in enumerate(carried)
        ]
        if below is None:
            gates = self._from_below(depth, layer, nodes)
        else:
            gates = self.lift[layer](below.flatten(0, 1)).view(*below.shape[:2], -1)
        shape = (count, len(parents), self.rnn.hidden_size)
        frame = Step(others, shape, depth - self.origin)
        if cell.additive and below is None:
            gates, product = product, gates  # the one that differs between ablations is written to
        elif below is None:
            gates = gates.expand(count, -1, -1).contiguous()
        cell.step_(gates, product, frame, 0)
        reached = [values[0] for values in frame.trajectory]
        inner = min(nodes.stop, level.inner) - nodes.start
        if inner > 0:
            for room, values in zip(after, reached, strict=True):
                room[:, nodes.start : nodes.start + inner] = values[:, :inner]
        return reached[0]

    def _from_below(self, depth: int, layer: int, nodes: slice) -> Float[Tensor, "1 node rows"]:
        """What the untouched input sends into the gates of a layer, the same for all ablations."""
        if layer == 0:
            return self.table[self.levels[depth].tokens[nodes]][None]
        return self.below[layer][depth][None, nodes]

    def _keep(self, depth: int, layer: int, hidden: Float[Tensor, "node unit"]) -> None:
        """Remember what the whole network sends into a layer at some nodes of a level."""
        kept, sent = self.below[layer], self.lift[layer](hidden)
        if depth < len(kept):
            kept[depth] = torch.cat([kept[depth], sent])
        else:
            kept.append(sent)

    def _state(self, layer: int, depth: int, states: list[Tensor]) -> list[Tensor]:
        """The states of the inner nodes of a level, the hidden one as the next step reads it."""
        cell: Cell = self.rnn.layers[layer]  # type: ignore[assignment]
        point: HookPoint = cell.hook_state
        point.ctx["t"] = depth - self.origin
        return [point(states[0]), *states[1:]]

    def _carried(self, layer: int, states: list[Tensor]) -> list[Tensor]:
        """The recurrent product of each parent, and its states."""
        hidden = states[0]
        product = self.carry[layer](hidden.flatten(0, 1)).view(*hidden.shape[:2], -1)
        return [product, *states]

    def _read(self, depth: int, nodes: slice, hidden: Tensor, margins: Tensor) -> None:
        """Fill in the contrasts of the sequences that end at some nodes."""
        places, sequences = self.ends[depth]
        here = (places >= nodes.start) & (places < nodes.stop)
        if not bool(here.any()):
            return
        spots, asked = places[here] - nodes.start, sequences[here]
        distinct, back = torch.unique(spots, return_inverse=True)
        device = hidden.device
        contrasts = hidden[:, distinct.to(device)] @ self.contrast.vectors.T + self.contrast.offsets
        margins[:, asked] = contrasts[:, back, self.contrast.pairs[asked]]

    def _zeros(self, count: int) -> list[Tensor]:
        """The states before the first step, of one parent."""
        return [torch.zeros_like(values) for values in self._room(count, 1)]

    def _room(self, count: int, nodes: int) -> list[Tensor]:
        """Uninitialised states of some nodes, one tensor a state."""
        shape = (count, nodes, self.rnn.hidden_size)
        return [self.table.new_empty(shape) for _ in range(self.rnn.cell_type.states)]


def _ends(tree: PrefixTree) -> list[tuple[Tensor, Tensor]]:
    """For each level the places where sequences end, and which sequences."""
    found: list[tuple[list[int], list[int]]] = [([], []) for _ in tree.levels]
    for sequence, (depth, place) in enumerate(tree.ends):
        found[depth][0].append(place)
        found[depth][1].append(sequence)
    return [
        (torch.tensor(one, dtype=torch.long), torch.tensor(two, dtype=torch.long))
        for one, two in found
    ]


def hold_rows(ablations: Sequence[Ablation]) -> list[tuple[str, Any]]:
    """Hook functions that hold, in place, units of ablation i in row i of `[row, node, unit]`."""
    hooks = dict.fromkeys(hook for ablation in ablations for hook in ablation.units)
    return [(hook, _hold(hook, ablations)) for hook in hooks]


def _hold(hook: str, ablations: Sequence[Ablation]) -> Any:
    entries = [
        (row, unit, value, ablation.since)
        for row, ablation in enumerate(ablations)
        if hook in ablation.units
        for unit, value in zip(ablation.units[hook], ablation.held(hook), strict=True)
    ]

    def act(value: Tensor, hook: Any) -> Tensor:
        now = [one for one in entries if one[3] is None or one[3] <= hook.ctx["t"]]
        if now:
            rows, units, held, _ = zip(*now, strict=True)
            constants = torch.tensor(held, dtype=value.dtype, device=value.device)
            value[list(rows), :, list(units)] = constants[:, None]
        return value

    return act
