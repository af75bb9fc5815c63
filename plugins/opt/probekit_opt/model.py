"""A decoder-only transformer behind TransformerLens' bridge, as a probekit Model.

    model = load_opt(OptParams(), "cpu")
    logits, cache = model.run_with_cache(model.encode(dataset[:8]))
    cache["blocks.0.mlp.hook_post"]                 # [batch, pos, neuron]

Fused attention and no vocabulary head unless somebody asks for what they hide.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from probekit.dataset import Batch
from probekit.hooks import HookSpec
from probekit.model import HookFunction, NamesFilter, See, as_predicate
from probekit.readout import Readout
from probekit.resuming import State
from probekit.weights import WeightSpec, find_weight
from probekit_opt.matrices import Matrices, bridge_matrices
from probekit_opt.reading import ReadingModel, context_length, longest, whole_tokens
from probekit_opt.taps import LOGITS, Taps, bridged
from probekit_opt.tokens import TextReader

SeeBatch = Callable[[int, HookSpec, Tensor], None]

PASSING = ("_name_or_path", "transformers_version", "dtype", "torch_dtype", "_attn_implementation")
FINAL = "model.decoder.final_layer_norm.weight"  # of an OPT, which a bridge may leave out
SCALED = ("final_logit_softcapping", "logit_scale", "logits_scaling", "lm_head_multiplier")


class Transformer(ReadingModel):
    """A Hugging Face model for causal language modelling, in a TransformerLens bridge.

    Weights need no gradients; what interventions do can be differentiated.
    """

    def __init__(
        self,
        network: PreTrainedModel,
        reader: TextReader,
        window: int | None = None,
        without: Sequence[str] = (),
    ) -> None:
        self.reader = reader
        self.config = network.config
        self.network = network.eval().requires_grad_(False)
        self._named = dict(network.named_parameters())
        self.bridge = bridged(network)
        self.cfg = self.bridge.cfg
        self.window = longest(window, network.config, reader.place)
        self.taps = Taps(self.bridge, self.device, without)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(iter(self._named.values())).device

    @cached_property
    def hook_specs(self) -> Mapping[str, HookSpec]:
        """The hook points by name, in the order of the forward pass."""
        return self.taps.specs

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the configuration and of every weight."""
        return fingerprint(self.config, self._named, self._named.__getitem__)

    @cached_property
    def matrices(self) -> Matrices:
        """The weight matrices."""
        return bridge_matrices(self.bridge, self.hook_specs, self.reader)

    @property
    def weights(self) -> Mapping[str, WeightSpec]:
        """The weight matrices by name, in the order of the forward pass."""
        return self.matrices.specs

    def weight(self, name: str) -> Float[Tensor, "to from"]:
        """The matrix of that name, a view where it is one weight of the model."""
        return self.matrices.view(find_weight(self.weights, name).name)

    @property
    def final_gain(self) -> Float[Tensor, " unit"] | None:
        """The gain of the norm between the last layer and the vocabulary; None without one."""
        own = self._named.get(FINAL)
        norm = getattr(getattr(self.bridge, "ln_final", None), "original_component", None)
        gain = own if own is not None else getattr(norm, "weight", None)
        return None if gain is None else gain.detach()

    def run_with_hooks(
        self,
        batch: Batch | Tensor,
        *,
        readout: Readout | None = None,
        fwd_hooks: Sequence[tuple[str | Callable[[str], bool], HookFunction]] = (),
        state: State | None = None,
    ) -> Tensor:
        """Logits `[batch, pos, word]`, or what `readout` asks for, with hook functions set.

        `state` is what `prefill` gave: the batch goes on behind it, and has no context of its own.
        """
        with self.taps.set(fwd_hooks, context_length(batch)):
            return self.forward(batch, readout, state)

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
        cache: dict[str, Tensor] = {}

        def keep(value: Tensor, hook: Any) -> None:
            cache[hook.name] = value.detach().to(device or value.device)

        hooks = [(as_predicate(names_filter), keep)]
        return self.run_with_hooks(batch, readout=readout, fwd_hooks=hooks), cache

    def observe(self, batch: Batch, hooks: Iterable[HookSpec], see: See) -> None:
        """Run once without output, handing each activation to `see` inside the hook."""
        self.observe_batches([batch], hooks, lambda _, spec, values: see(spec, values))

    def observe_batches(
        self, batches: Sequence[Batch], hooks: Iterable[HookSpec], see: SeeBatch
    ) -> None:
        """Run batches without output: `see(number of the batch, spec, activation)` for each hook.

        All of one batch comes before the next, or all of one layer (see `Layerwise`).
        """
        wanted = list(hooks)
        for at, batch in enumerate(batches):
            functions = [(spec.name, shown(at, spec, see)) for spec in wanted]
            with torch.no_grad():
                self.run_with_hooks(batch, readout=Readout.nothing(), fwd_hooks=functions)

    def forward(
        self, batch: Batch | Tensor, readout: Readout | None = None, state: State | None = None
    ) -> Tensor:
        """The body, and of the vocabulary head what is asked for.

        A tensor of ids `[batch, pos]` has no padding.
        """
        readout, skip, tokens = readout or Readout(), context_length(batch), whole_tokens(batch)
        if self._scaled and not readout.empty:
            output = self.network(input_ids=tokens, **behind(state))
            return readout.choose(output.logits[:, skip:])
        hidden, head = self.body(tokens, state), self.network.get_output_embeddings()
        if self.taps.watched(LOGITS):
            return readout.choose(head(hidden)[:, skip:])
        if readout.empty:
            return hidden.new_zeros(len(hidden), 0)
        return readout.project(hidden[:, skip:], head.weight, getattr(head, "bias", None))

    def body(
        self, tokens: Int[Tensor, "batch pos"], state: State | None = None
    ) -> Float[Tensor, "batch pos unit"]:
        """What the vocabulary head reads."""
        hidden: Tensor = self._base(input_ids=tokens, **behind(state)).last_hidden_state
        return hidden

    def prefill(self, rows: Int[Tensor, "batch pos"]) -> State:
        """Keys and values behind these ids, `[layer, batch, head, pos, unit]` each."""
        with torch.no_grad():
            cache = self._base(input_ids=rows.to(self.device), use_cache=True).past_key_values
        layers = [(layer.keys, layer.values) for layer in cache.layers]
        keys, values = (torch.stack(some) for some in zip(*layers, strict=True))
        return keys, values

    @property
    def _base(self) -> Any:
        return getattr(self.network, self.network.base_model_prefix)

    @property
    def _scaled(self) -> bool:
        """Whether something follows the matrix of the head."""
        return any(getattr(self.config, name, None) not in (None, 1, 1.0) for name in SCALED)


def behind(state: State | None) -> dict[str, Any]:
    """How Hugging Face is told to go on behind keys and values."""
    if state is None:
        return {"use_cache": False}
    cache = DynamicCache()
    for layer, (keys, values) in enumerate(zip(*state, strict=True)):
        cache.update(keys, values, layer)
    return {"past_key_values": cache, "use_cache": True}


def fingerprint(config: Any, names: Iterable[str], tensor: Callable[[str], Tensor]) -> str:
    """A hash of a configuration and of weights by name, whatever their order."""
    facts = {key: value for key, value in config.to_dict().items() if key not in PASSING}
    digest = sha256(json.dumps(facts, sort_keys=True, default=str).encode())
    for name in sorted(names):
        digest.update(name.encode())
        value = tensor(name).detach().cpu().contiguous()
        digest.update(value.flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def shown(at: int, spec: HookSpec, see: SeeBatch) -> HookFunction:
    """A hook function that hands over what it is shown."""
    return lambda value, hook: see(at, spec, value)  # noqa: ARG005
