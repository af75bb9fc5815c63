"""A network behind nnsight, as a probekit Model.

    model = load_nnsight(NnsightParams(path="my-opt"), "cpu")
    model.run_with_cache(batch)[1]["blocks.0.mlp.hook_post"]      # [batch, pos, neuron]

Hook functions run where the network runs, in the order of the forward pass; remotely they are sent
there, and what is kept comes back.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from probekit_opt.matrices import Matrices
from probekit_opt.model import SCALED, fingerprint
from probekit_opt.reading import ReadingModel, context_length, whole_tokens
from probekit_opt.tokens import TextReader
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint

from probekit.dataset import Batch
from probekit.errors import ProbekitError, did_you_mean
from probekit.hooks import HookSpec
from probekit.model import HookFunction, NamesFilter, See, as_predicate
from probekit.readout import Readout
from probekit.weights import WeightSpec, find_weight
from probekit_nnsight.points import Point
from probekit_nnsight.visits import Visit, visit

Remote = bool | str


class Network(NamedTuple):
    """A network in nnsight: the envoy, the torch module behind it, and how they are called.

    `head` is the path of the vocabulary head, or empty; `config` Hugging Face's, or None.
    """

    envoy: Any
    module: nn.Module
    head: str
    config: Any
    remote: Remote = False


class NnsightModel(ReadingModel):
    """A language model whose hook points are declared places of a network in nnsight.

    Weights need no gradients; what interventions do can be differentiated. Run remotely, it gives
    the same; its weights are not here, so it describes no weight matrices and its fingerprint is
    that of its name.
    """

    def __init__(
        self, network: Network, points: Mapping[str, Point], reader: TextReader, window: int
    ) -> None:
        self.network, self.points = network, points
        self.module = network.module
        self.reader, self.window = reader, window
        self.cfg = network.config or SimpleNamespace(model_type=type(network.module).__name__)
        self._places = {name: _place(name, network.remote) for name in points}

    @property
    def device(self) -> torch.device:
        """Where ids are put."""
        found = next(self.module.parameters()).device
        return torch.device("cpu") if found.type == "meta" else found

    @cached_property
    def hook_specs(self) -> Mapping[str, HookSpec]:
        """The hook points by name, in the order of the forward pass."""
        return {name: point.spec for name, point in self.points.items()}

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the configuration and of every weight, or of the name of a remote model."""
        if self.network.remote is True:
            name = self.network.envoy.repo_id, self.network.envoy.revision, repr(self.points)
            return sha256(repr(name).encode()).hexdigest()
        named = dict(self.module.named_parameters())
        config = self.network.config or SimpleNamespace(to_dict=lambda: {"kind": repr(self.module)})
        return fingerprint(config, named, named.__getitem__)

    @cached_property
    def matrices(self) -> Matrices:
        """The matrices that read or feed a hook point, and those of the vocabulary."""
        found = Matrices(self.hook_specs)
        if self.network.remote is True:
            return found
        for name, point in self.points.items():
            linear = self.module.get_submodule(point.module)
            if isinstance(linear, nn.Linear) and point.spec.kind == "neuron":
                _describe(found, name, point, linear)
        if isinstance(head := self._head, nn.Linear):
            words = len(head.weight)
            found.add("readout", lambda: head.weight, (words, head.weight.shape[1]),
                      relation="readout", rows=self.reader.names(words))  # fmt: skip
        return found

    @property
    def weights(self) -> Mapping[str, WeightSpec]:
        """The weight matrices by name."""
        return self.matrices.specs

    def weight(self, name: str) -> Float[Tensor, "to from"]:
        """The matrix of that name, a view."""
        return self.matrices.view(find_weight(self.weights, name).name)

    def run_with_hooks(
        self,
        batch: Batch | Tensor,
        *,
        readout: Readout | None = None,
        fwd_hooks: Sequence[tuple[str | Callable[[str], bool], HookFunction]] = (),
    ) -> Tensor:
        """Logits `[batch, pos, word]`, or what `readout` asks for, with hook functions set."""
        return self._run(batch, readout, fwd_hooks, ())[0]

    __call__ = run_with_hooks

    def run_with_cache(
        self,
        batch: Batch | Tensor,
        *,
        names_filter: NamesFilter = None,
        readout: Readout | None = None,
        device: Any = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The output and the activations `[batch, pos, unit]` by hook point."""
        keep = as_predicate(names_filter)
        names = [name for name in self.points if keep(name)]
        output, cache = self._run(batch, readout, (), names)
        return output, {name: cache[name].to(device or cache[name].device) for name in names}

    def observe(self, batch: Batch, hooks: Iterable[HookSpec], see: See) -> None:
        """Run once without output, handing each activation to `see`; remotely, when it is here."""
        if self.network.remote:
            super().observe(batch, hooks, see)
            return
        functions = [(spec.name, _shown(spec, see)) for spec in hooks]
        with torch.no_grad():
            self.run_with_hooks(batch, readout=Readout.nothing(), fwd_hooks=functions)

    def _run(
        self,
        batch: Batch | Tensor,
        readout: Readout | None,
        hooks: Sequence[tuple[str | Callable[[str], bool], HookFunction]],
        keep: Sequence[str],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """One forward pass, as much of it as is asked for."""
        readout, skip, tokens = readout or Readout(), context_length(batch), whole_tokens(batch)
        visits = self._visits(hooks, keep)
        if readout.empty and not visits:
            return torch.zeros(len(tokens), 0, device=self.device), {}
        short = bool(self.network.head) and not self.network.remote
        until = "visits" if readout.empty else "head" if short else "end"
        found, output = visit(self.network, tokens, visits, skip, until)
        if readout.empty:
            return torch.zeros(len(tokens), 0, device=self.device), found
        if until == "end":
            return readout.choose(output[:, skip:]), found
        head: Any = self._head
        return readout.project(output[:, skip:], head.weight, getattr(head, "bias", None)), found

    @property
    def _head(self) -> nn.Module | None:
        """The vocabulary head, where there is one that may be left out."""
        return self.module.get_submodule(self.network.head) if self.network.head else None

    def _visits(
        self,
        hooks: Sequence[tuple[str | Callable[[str], bool], HookFunction]],
        keep: Sequence[str],
    ) -> list[Visit]:
        """The places to stop at, in the order of the forward pass, and what to do at each."""
        functions: dict[str, list[HookFunction]] = {}
        for which, function in hooks:
            if not callable(which) and which not in self.points:
                hint = did_you_mean(which, self.points) or "; `probekit hooks` lists them"
                raise ProbekitError(f"the model has no hook point {which}{hint}.")
            for name in filter(which, self.points) if callable(which) else [which]:
                functions.setdefault(name, []).append(function)
        kept = set(keep)
        return [
            Visit(name, point.module, point.at, point.index, functions.get(name, []),
                  self._places[name], name in kept)
            for name, point in self.points.items()
            if name in functions or name in kept
        ]  # fmt: skip


def _describe(found: Matrices, name: str, point: Point, linear: nn.Linear) -> None:
    """The matrix whose rows or columns are the units of a hook point."""
    to, source = linear.weight.shape
    facts: dict[str, Any] = {"layer": point.spec.layer}
    if point.at == "input":
        facts |= {"relation": "merge", "source": name}
    else:
        facts |= {"relation": "input", "target": name}
    found.add(f"{point.module}.weight", lambda: linear.weight, (to, source), **facts)


def _place(name: str, remote: Remote) -> Any:
    """What a hook function is told of where it is; plain where it is sent elsewhere."""
    if remote:
        return SimpleNamespace(name=name, ctx={})
    point = HookPoint()
    point.name = name
    return point


def _shown(spec: HookSpec, see: See) -> HookFunction:
    return lambda value, hook: see(spec, value)  # noqa: ARG005


def scaled(config: Any) -> bool:
    """Whether something follows the matrix of the vocabulary head."""
    return any(getattr(config, name, None) not in (None, 1, 1.0) for name in SCALED)
