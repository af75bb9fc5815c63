"""An OPT of which one layer at a time is in memory, for a model that is larger than that.

    model = load_opt(OptParams(path="opt-66b", execution="layerwise", dtype="float16"), "cuda")
    model.observe_batches(batches, specs, see)      # every layer is read once for all batches

What is held is the residual stream of all batches and one layer, on a GPU two: the next one comes
while this one works. The numbers are those of the whole model.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import OPTConfig, OPTForCausalLM
from transformers.masking_utils import create_causal_mask

from probekit.dataset import Batch
from probekit.hooks import HookSpec
from probekit.model import HookFunction
from probekit.readout import Readout
from probekit_opt.attention import open_attention
from probekit_opt.files import TensorFiles
from probekit_opt.matrices import Matrices
from probekit_opt.model import FINAL, SeeBatch, Transformer, fingerprint, shown
from probekit_opt.reading import context_length, longest, whole_tokens
from probekit_opt.taps import LOGITS, LayerTaps, Taps, bridged
from probekit_opt.tokens import TextReader

DECODER = "model.decoder."
FIRST = f"{DECODER}layers.0."
ENTRY = ("embed_tokens", "embed_positions", "project_in")
Hooks = Sequence[tuple[str | Callable[[str], bool], HookFunction]]


class Layerwise(Transformer):
    """An OPT that is read from its files layer by layer, again for every call.

    It is a network of one layer, whose weights are put in as they are needed. Give it many
    sequences at once: `observe_batches` reads each layer once for all of them.
    """

    prefill = None  # type: ignore[assignment]  # a call keeps nothing that another could go on from

    def __init__(
        self,
        files: TensorFiles,
        config: OPTConfig,
        reader: TextReader,
        window: int | None = None,
        without: Sequence[str] = (),
        opened: bool = False,
    ) -> None:
        self.files, self.config, self.reader = files, config, reader
        self.layers: int = config.num_hidden_layers
        self.network = _one_layer(config, opened)
        self._homes = _homes(self.network)
        self._names = _names(self._homes, self.layers)
        files.check(self._names)
        self.bridge = bridged(self.network)
        _fill_buffers(self.network, files.device, files.dtype)
        self.cfg = self.bridge.cfg
        self.window = longest(window, config, reader.place)
        with self._holding(self._outside), self._holding(self._of_layer(0)):
            one = Taps(self.bridge, self.device, without)
        self.layer_taps = LayerTaps(one, self.layers)

    @property
    def device(self) -> torch.device:
        """Where layers are put to work."""
        return torch.device(self.files.device)

    @cached_property
    def hook_specs(self) -> Mapping[str, HookSpec]:
        """The hook points by name, in the order of the forward pass."""
        return self.layer_taps.specs

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the configuration and of every weight: that of the whole model."""
        return fingerprint(self.config, self._names, self.files.read)

    @cached_property
    def matrices(self) -> Matrices:
        """The weight matrices, each read from its file when it is asked for."""
        found, files, config = Matrices(self.hook_specs), self.files, self.config
        words, width = files.shapes[f"{DECODER}embed_tokens.weight"]
        names = self.reader.names(words)
        found.add("embedding", lambda: files.read(f"{DECODER}embed_tokens.weight").T,
                  (width, words), relation="embedding", target="hook_embed",
                  columns=names)  # fmt: skip
        for layer in range(self.layers):
            at = f"{DECODER}layers.{layer}"
            found.add_ffn(layer, self._way(f"{at}.fc1.weight"), self._way(f"{at}.fc2.weight"),
                          config.ffn_dim, config.hidden_size)  # fmt: skip
        found.add("readout", self._readout, (words, config.hidden_size), relation="readout",
                  source=f"blocks.{self.layers - 1}.hook_resid_post", rows=names)  # fmt: skip
        return found

    @property
    def final_gain(self) -> Float[Tensor, " unit"] | None:
        """The gain of the norm between the last layer and the vocabulary; None without one."""
        return self.files.read(FINAL) if FINAL in self._names else None

    def _way(self, name: str) -> Callable[[], Tensor]:
        return lambda: self.files.read(name)

    def _readout(self) -> Tensor:
        """Vocabulary by residual stream."""
        head = self.files.read(self._head)
        project = f"{DECODER}project_out.weight"
        return head @ self.files.read(project) if project in self._names else head

    @property
    def _head(self) -> str:
        """The name of the head's matrix, which is the token embedding unless it has its own."""
        own = "lm_head.weight"
        return own if own in self._names else f"{DECODER}embed_tokens.weight"

    def run_with_hooks(
        self,
        batch: Batch | Tensor,
        *,
        readout: Readout | None = None,
        fwd_hooks: Hooks = (),
    ) -> Tensor:
        """Logits `[batch, pos, word]`, or what `readout` asks for, with hook functions set."""
        readout, skip = readout or Readout(), context_length(batch)
        hooks = self.layer_taps.paired(fwd_hooks)
        (hidden,) = self._bodies([whole_tokens(batch)], [hooks], [skip])
        asked = any(name == LOGITS for name, _ in hooks)
        if readout.empty and not asked:
            return hidden.new_zeros(len(hidden), 0)
        with self._holding([self._head]):
            head = self.network.get_output_embeddings()
            if not asked:
                return readout.project(hidden[:, skip:], head.weight)
            with self.layer_taps.at(None, hooks, skip):
                return readout.choose(head(hidden)[:, skip:])

    __call__ = run_with_hooks

    def forward(self, batch: Batch | Tensor, readout: Readout | None = None) -> Tensor:
        """The same without hook functions."""
        return self.run_with_hooks(batch, readout=readout)

    def body(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos unit"]:
        """What the vocabulary head reads."""
        return self._bodies([tokens], [()], [0])[0]

    def observe_batches(
        self, batches: Sequence[Batch], hooks: Iterable[HookSpec], see: SeeBatch
    ) -> None:
        """Run batches without output: `see(number of the batch, spec, activation)` for each hook.

        All batches pass a layer before the next layer is read.
        """
        wanted = list(hooks)
        tokens = [whole_tokens(batch) for batch in batches]
        skips = [context_length(batch) for batch in batches]
        functions = [
            [(spec.name, shown(at, spec, see)) for spec in wanted] for at in range(len(batches))
        ]
        with torch.no_grad():
            hidden = self._bodies(tokens, functions, skips)
            if any(spec.name == LOGITS for spec in wanted):
                with self._holding([self._head]):
                    for states, some, skip in zip(hidden, functions, skips, strict=True):
                        with self.layer_taps.at(None, some, skip):
                            self.network.get_output_embeddings()(states)

    def _bodies(
        self,
        tokens: Sequence[Tensor],
        hooks: Sequence[Sequence[tuple[str, HookFunction]]],
        skips: Sequence[int],
    ) -> list[Tensor]:
        """What the head reads, `[batch, pos, unit]` each; all pass a layer before the next."""
        decoder = self.network.model.decoder
        residuals: list[Tensor] = []
        with self._holding(self._entry):
            for ids, some, skip in zip(tokens, hooks, skips, strict=True):
                with self.layer_taps.at(None, some, skip):
                    residuals.append(self._embed(ids))
        for layer in self._layers():
            for at, (some, skip) in enumerate(zip(hooks, skips, strict=True)):
                mask = _mask(self.network.config, residuals[at])
                with self.layer_taps.at(layer, some, skip):
                    residuals[at] = self.bridge.blocks[0](residuals[at], attention_mask=mask)
        with self._holding(self._exit):
            for part in (decoder.final_layer_norm, decoder.project_out):
                if part is not None:
                    residuals = [part(residual) for residual in residuals]
        return residuals

    def _embed(self, ids: Int[Tensor, "batch pos"]) -> Tensor:
        """Token and position embeddings, as OPTDecoder adds them."""
        decoder = self.network.model.decoder
        there = torch.ones_like(ids)
        places = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
        embedded = decoder.embed_tokens(ids)
        placed = decoder.embed_positions(there, 0, position_ids=places)
        return placed + (embedded if decoder.project_in is None else decoder.project_in(embedded))

    def _layers(self) -> Iterator[int]:
        """The layers in order, the weights of each being in place while it is given."""
        with ThreadPoolExecutor(1) as reader:
            ahead = self.device.type == "cuda"
            coming = self._fetch(reader, 0)
            for layer in range(self.layers):
                tensors = coming.result()
                if ahead and layer + 1 < self.layers:
                    coming = self._fetch(reader, layer + 1)
                self._put({FIRST + name: value for name, value in tensors.items()})
                del tensors
                yield layer
                self._drop(name for name in self._homes if name.startswith(FIRST))
                if not ahead and layer + 1 < self.layers:
                    coming = self._fetch(reader, layer + 1)

    def _fetch(self, reader: ThreadPoolExecutor, layer: int) -> "Future[dict[str, Tensor]]":
        """The weights of a layer by their names in it, as they will be there."""
        prefix = f"{DECODER}layers.{layer}."
        names = self._of_layer(layer)

        def read() -> dict[str, Tensor]:
            with self._aside():
                found = self.files.read_all(names)
            return {name.removeprefix(prefix): value for name, value in found.items()}

        return reader.submit(read)

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """Within it, a GPU copies beside its work; at the end the copies are there."""
        if self.device.type != "cuda":
            yield
            return
        stream = torch.cuda.Stream(self.device)
        with torch.cuda.stream(stream):
            yield
        stream.synchronize()

    def _of_layer(self, layer: int) -> list[str]:
        return [name for name in self._names if name.startswith(f"{DECODER}layers.{layer}.")]

    @property
    def _outside(self) -> list[str]:
        """Everything that is in no layer."""
        return [name for name in self._names if not name.startswith(f"{DECODER}layers.")]

    @property
    def _entry(self) -> list[str]:
        """What is needed before the first layer."""
        starts = tuple(f"{DECODER}{part}." for part in ENTRY)
        return [name for name in self._outside if name.startswith(starts)]

    @property
    def _exit(self) -> list[str]:
        """What is needed between the last layer and the head."""
        before = (*self._entry, self._head)
        return [name for name in self._outside if name not in before]

    @contextmanager
    def _holding(self, names: Sequence[str]) -> Iterator[None]:
        """Within it, these weights are in place."""
        self._put(self.files.read_all(names))
        try:
            yield
        finally:
            self._drop(names)

    def _put(self, tensors: Mapping[str, Tensor]) -> None:
        for name, value in tensors.items():
            if value.is_cuda:  # it may have been copied beside the work that now reads it
                value.record_stream(torch.cuda.current_stream(value.device))
            for module, attribute in self._homes[name]:
                module._parameters[attribute] = nn.Parameter(value, requires_grad=False)

    def _drop(self, names: Iterable[str]) -> None:
        for name in names:
            for module, attribute in self._homes[name]:
                empty = torch.empty(self.files.shapes.get(name, (0,)), device="meta")
                module._parameters[attribute] = nn.Parameter(empty, requires_grad=False)


def _one_layer(config: OPTConfig, opened: bool) -> OPTForCausalLM:
    """The network with one layer, whose weights are nowhere."""
    facts = config.to_dict() | {"num_hidden_layers": 1}
    with torch.device("meta"):
        network = OPTForCausalLM(OPTConfig(**facts, attn_implementation="sdpa"))
    network.tie_weights()  # left out where weights are nowhere
    if opened:
        open_attention(network)
    return network.eval().requires_grad_(False)


def _fill_buffers(network: nn.Module, device: str, dtype: torch.dtype) -> None:
    """The buffers that are nowhere: a bridge gives the head a bias of zeros."""
    for module in network.modules():
        for name, buffer in module._buffers.items():
            if buffer is not None and buffer.is_meta:
                module._buffers[name] = torch.zeros(buffer.shape, device=device, dtype=dtype)


def _homes(network: nn.Module) -> dict[str, list[tuple[nn.Module, str]]]:
    """Where each weight belongs: modules and attributes, two where a weight is tied."""
    homes: dict[str, list[tuple[nn.Module, str]]] = {}
    names: dict[int, str] = {}
    for prefix, module in network.named_modules():
        for attribute, weight in module._parameters.items():
            if weight is not None:
                name = names.setdefault(id(weight), f"{prefix}.{attribute}")
                homes.setdefault(name, []).append((module, attribute))
    return homes


def _names(
    homes: Mapping[str, Sequence[tuple[nn.Module, str]]], layers: int
) -> dict[str, tuple[int, ...]]:
    """The names of all weights of the whole model with their shapes."""
    found: dict[str, tuple[int, ...]] = {}
    for name, ((module, attribute), *_) in homes.items():
        shape = tuple(getattr(module, attribute).shape)
        if not name.startswith(FIRST):
            found[name] = shape
            continue
        for layer in range(layers):
            found[f"{DECODER}layers.{layer}.{name.removeprefix(FIRST)}"] = shape
    return found


def _mask(config: OPTConfig, residual: Tensor) -> Any:
    """The causal mask that Hugging Face would make; None where the kernel needs none."""
    return create_causal_mask(
        config=config, inputs_embeds=residual, attention_mask=None, past_key_values=None
    )
