"""Many ablations of FFN neurons over many sequences, sharing all that can be shared.

    sweep = Sweep(rows, sequences, contrast, {"blocks.3.mlp.hook_post": 3}, origin=0)
    sweep.margins(ablations)                        # [ablation, sequence]

It comes to the same as one forward pass an ablation with hook functions set (`Model.margins`), and
does far less. A prefix that sequences have in common is read once: they are the paths of one tree,
whose nodes attend to those above them. What an ablation leaves as it is, is never computed again:
the layers up to the neuron, and every node above which the neuron has the value that it is held at
(a rectified one held at 0 mostly has). Behind the neuron's layer the residual stream of the others
is `residual + (value - activation) * W_out[:, neuron]`, for which later layers are run on the rows
of many ablations at once, the last one at the ends alone; and of the vocabulary, two words.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from probekit.ablations import Ablation
from probekit.prefixes import PrefixTree, blocks
from probekit.progress import tick
from probekit_opt.rows import Rows, attention, joined

NODES_AT_ONCE = 512  # of a tree; every node's attention looks at all of them
ROWS_AT_ONCE = 1024  # nodes of several ablations that pass a layer together


class Hold(NamedTuple):
    """Neurons of one layer, what they are held at, and the first position where they are."""

    units: Int[Tensor, " held"]
    values: Float[Tensor, " held"]
    since: int | None


class Job(NamedTuple):
    """One ablation in one tree: the nodes that it changes, in order, and where they stand."""

    number: int
    holds: Mapping[int, Hold]
    nodes: Int[Tensor, " node"]


class Sweep:
    """One OPT asked about the same sequences under many ablations of its neurons.

    `contrast [sequence, part]` is what is read off the last position of each sequence: a
    difference of two rows of the vocabulary head. `layers` are the layers of the hook points that
    ablations name; `origin` is the place in each sequence that counts as position 0.
    """

    def __init__(
        self,
        rows: Rows,
        sequences: Sequence[Sequence[int]],
        contrast: Float[Tensor, "sequence part"],
        layers: Mapping[str, int],
        origin: int = 0,
    ) -> None:
        self.rows, self.sequences, self.contrast = rows, sequences, contrast
        self.layers, self.origin = layers, origin

    def margins(self, ablations: Sequence[Ablation]) -> Float[Tensor, "ablation sequence"]:
        """The contrast of every sequence under every ablation, on the CPU."""
        found = torch.zeros(len(ablations), len(self.sequences))
        holds = [self._holds(ablation) for ablation in ablations]
        with torch.no_grad():
            for part in blocks(self.sequences, NODES_AT_ONCE):
                tree = PrefixTree([self.sequences[at] for at in part])
                contrast = self.contrast[torch.tensor(part, device=self.contrast.device)]
                forest = Forest(self.rows, tree, contrast, self.origin)
                found[:, part] = forest.intact.float().cpu()
                for jobs in _together([forest.job(at, one) for at, one in enumerate(holds)]):
                    for job, margins in zip(jobs, forest.run(jobs), strict=True):
                        found[job.number, part] = margins.float().cpu()
                tick(len(part) * len(ablations))
        return found

    def _holds(self, ablation: Ablation) -> dict[int, Hold]:
        """An ablation by layer."""
        like = self.contrast
        return {
            self.layers[hook]: Hold(
                torch.tensor(units, device=like.device, dtype=torch.long),
                torch.tensor(ablation.held(hook), device=like.device, dtype=like.dtype),
                ablation.since,
            )
            for hook, units in ablation.units.items()
            if units
        }


class Forest:
    """The sequences as one tree, what the whole model makes of it, and what is left of that.

    Nodes are rows: `seen [node, node]` says that the second is the first or above it.
    """

    def __init__(
        self, rows: Rows, tree: PrefixTree, contrast: Float[Tensor, "sequence part"], origin: int
    ) -> None:
        self.rows, self.contrast = rows, contrast
        device = contrast.device
        tokens, self.depth, self.seen, ends = _flat(tree, device)
        self.position = self.depth - origin
        self.ends, self.end_of = torch.unique(ends, return_inverse=True)
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []
        self.neurons: list[Tensor] = []
        self.summed: list[Tensor] = []
        self.intact = self._whole(tokens)

    def _whole(self, tokens: Int[Tensor, " node"]) -> Float[Tensor, " sequence"]:
        """The whole model at every node; keeps what ablations leave as it is."""
        rows, state = self.rows, self.rows.embed(tokens, self.depth)
        for layer in range(rows.config.num_hidden_layers):
            query, key, value = rows.attended(layer, state)
            middle = rows.middle(layer, state, joined(attention(query, key, value, self.seen)))
            self.keys.append(key.contiguous())
            self.values.append(value.contiguous())
            self.neurons.append(rows.neurons(layer, middle))
            self.summed.append(rows.summed(layer, middle, self.neurons[-1]))
            state = rows.leave(layer, self.summed[-1])
        return self._read(rows.last(state[self.ends]))

    def _read(self, said: Float[Tensor, "end part"]) -> Float[Tensor, " sequence"]:
        return (said[self.end_of] * self.contrast).sum(1)

    def job(self, number: int, holds: Mapping[int, Hold]) -> Job:
        """The nodes that an ablation changes: where a neuron gets another value, and below."""
        changed = torch.zeros_like(self.depth, dtype=torch.bool)
        for layer, hold in holds.items():
            other = (self.neurons[layer][:, hold.units] != hold.values).any(1)
            changed |= other & self._reached(hold, slice(None))
        below = self.seen[:, changed].any(1)
        return Job(number, holds, below.nonzero()[:, 0])

    def _reached(self, hold: Hold, nodes: Tensor | slice) -> Bool[Tensor, " node"]:
        """At which nodes the neurons are held."""
        positions = self.position[nodes]
        return (
            torch.ones_like(positions, dtype=torch.bool)
            if hold.since is None
            else (positions >= hold.since)
        )

    def run(self, jobs: Sequence[Job]) -> Iterator[Float[Tensor, " sequence"]]:
        """The contrasts under ablations that change nothing below one layer, the same for all."""
        first, last = min(jobs[0].holds), self.rows.config.num_hidden_layers - 1
        nodes = [job.nodes for job in jobs]
        state = torch.cat([self._behind(first, job) for job in jobs])
        for layer in range(first + 1, last + 1):
            asked = [self._at_ends(some) if layer == last else slice(None) for some in nodes]
            state = self._layer(layer, jobs, state, nodes, asked)
            nodes = [some[which] for some, which in zip(nodes, asked, strict=True)]
        if first == last:
            asked = [self._at_ends(some) for some in nodes]
            parts = state.split([len(some) for some in nodes])
            state = torch.cat([part[which] for part, which in zip(parts, asked, strict=True)])
            nodes = [some[which] for some, which in zip(nodes, asked, strict=True)]
        said = self.rows.last(state)
        for some, part in zip(nodes, said.split([len(some) for some in nodes]), strict=True):
            yield self._margins(some, part)

    def _behind(self, layer: int, job: Job) -> Float[Tensor, "row unit"]:
        """The residual stream behind the first layer that an ablation touches."""
        hold = job.holds[layer]
        change = hold.values - self.neurons[layer][job.nodes][:, hold.units]
        change = change * self._reached(hold, job.nodes)[:, None]
        summed = self.summed[layer][job.nodes] + change @ self.rows.out(layer)[:, hold.units].T
        return self.rows.leave(layer, summed)

    def _layer(
        self,
        layer: int,
        jobs: Sequence[Job],
        state: Float[Tensor, "row unit"],
        nodes: Sequence[Tensor],
        asked: Sequence[Tensor | slice],
    ) -> Float[Tensor, "asked_row unit"]:
        """A later layer: `state` are the rows of all jobs, of which `asked` go on."""
        rows, sizes = self.rows, [len(some) for some in nodes]
        query, key, value = rows.attended(layer, state)
        found, kept = [], []
        for q, k, v, some, which, own in zip(
            query.split(sizes, 1), key.split(sizes, 1), value.split(sizes, 1), nodes, asked,
            state.split(sizes), strict=True,
        ):  # fmt: skip
            found.append(self._attend(layer, some, k, v, q[:, which], some[which]))
            kept.append(own[which])
        middle = rows.middle(layer, torch.cat(kept), torch.cat(found))
        neurons = rows.neurons(layer, middle)
        start = 0
        for job, some, which in zip(jobs, nodes, asked, strict=True):
            there = some[which]
            if layer in job.holds:
                self._hold(neurons[start : start + len(there)], job.holds[layer], there)
            start += len(there)
        return rows.leave(layer, rows.summed(layer, middle, neurons))

    def _attend(
        self, layer: int, nodes: Tensor, key: Tensor, value: Tensor, query: Tensor, asked: Tensor
    ) -> Float[Tensor, "asked_row unit"]:
        """Attention of some nodes, with the changed keys and values in place for a while."""
        keys, values = self.keys[layer], self.values[layer]
        before = keys[:, nodes], values[:, nodes]
        keys[:, nodes], values[:, nodes] = key, value
        found = joined(attention(query, keys, values, self.seen[asked]))
        keys[:, nodes], values[:, nodes] = before
        return found

    def _hold(self, neurons: Tensor, hold: Hold, nodes: Tensor) -> None:
        """Hold neurons `[row, neuron]` of one job in place."""
        reached = self._reached(hold, nodes)[:, None]
        neurons[:, hold.units] = torch.where(reached, hold.values, neurons[:, hold.units])

    def _at_ends(self, nodes: Int[Tensor, " node"]) -> Bool[Tensor, " node"]:
        return torch.isin(nodes, self.ends)

    def _margins(self, nodes: Tensor, said: Tensor) -> Float[Tensor, " sequence"]:
        """The contrasts where these ends say something else than in the whole model."""
        places = torch.full_like(self.depth, -1)
        places[nodes] = torch.arange(len(nodes), device=nodes.device)
        at = places[self.ends[self.end_of]]
        changed = at >= 0
        margins = self.intact.clone()
        margins[changed] = (said[at[changed]] * self.contrast[changed]).sum(1)
        return margins


def _together(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """Jobs that change anything, those of one first layer together, up to so many rows."""
    waiting: dict[int, list[Job]] = {}
    for job in jobs:
        if not len(job.nodes):
            continue
        some = waiting.setdefault(min(job.holds), [])
        some.append(job)
        if sum(len(one.nodes) for one in some) >= ROWS_AT_ONCE:
            yield waiting.pop(min(job.holds))
    yield from waiting.values()


def _flat(tree: PrefixTree, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The tokens and depths of all nodes, who sees whom, and the node at which each row ends."""
    firsts = [0]
    for level in tree.levels:
        firsts.append(firsts[-1] + len(level))
    count = firsts[-1]
    tokens = torch.cat([level.tokens for level in tree.levels])
    sizes = torch.tensor([len(level) for level in tree.levels])
    depth = torch.arange(len(sizes)).repeat_interleave(sizes)
    seen = torch.eye(count, dtype=torch.bool)
    for at, level in enumerate(tree.levels[1:], start=1):
        rows = slice(firsts[at], firsts[at + 1])
        seen[rows] |= seen[level.parents + firsts[at - 1]]
    ends = torch.tensor([firsts[level] + place for level, place in tree.ends])
    return tokens.to(device), depth.to(device), seen.to(device), ends.to(device)
