"""The hook points of a TransformerLens bridge under the names and the descriptions of probekit.

    taps = Taps(bridged(network), "cpu")
    with taps.set([("blocks.3.mlp.hook_post", function)]):
        ...                                         # a forward pass of the bridge

Which hook points a model has is found out by a forward pass without the vocabulary head: those that
fire once, as `[batch, pos, unit]`. What a function returns is what the model goes on with.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from transformer_lens.hook_points import HookPoint
from transformer_lens.model_bridge.sources import build_bridge_from_module
from transformers import PreTrainedModel

from probekit.errors import ProbekitError, did_you_mean
from probekit.hooks import HookSpec, Kind, Stage
from probekit_opt.attention import patterns

Function = Callable[..., Tensor | None]
Hooks = Sequence[tuple[str | Callable[[str], bool], Function]]
NONNEGATIVE = ("relu", "relu2", "relu6")
LOGITS = "hook_logits"
MAY_MISS = ("final_layer_norm", "project_in", "project_out")
ONLY = "blocks.0."  # the one layer of a network that is read layer by layer


def bridged(network: PreTrainedModel) -> Any:
    """A bridge around a network, which it changes.

    Of an OPT whose norms follow its sublayers it asks for a final norm that is not there.
    """
    decoder = getattr(getattr(network, "model", None), "decoder", None)
    missing = [name for name in MAY_MISS if getattr(decoder, name, name) is None]
    bridge = build_bridge_from_module(network, type(network).__name__, hf_config=network.config)
    for name in missing:
        setattr(decoder, name, None)
    return bridge


@dataclass(frozen=True)
class Tap:
    """One hook point: its description, and the bridge's own hook point behind it.

    `head` picks one head of attention weights `[batch, head, pos, source]`. `in_place` says that
    the tensor is the residual stream itself, which goes past the module that is hooked, so that a
    new value must be written into it.
    """

    spec: HookSpec
    point: HookPoint
    head: int | None = None
    in_place: bool = False

    @contextmanager
    def set(self, function: Function, place: HookPoint, skip: int, alone: bool) -> Iterator[None]:
        """Within it, `function(value [batch, pos, unit], hook=place)` is called.

        The first `skip` positions are not shown. Where it is not `alone` on the hook point, others
        may hold on to the tensor, so that a copy is shown.
        """

        def act(value: Tensor, hook: Any) -> Tensor | None:  # noqa: ARG001
            whole = value.clone() if self.in_place and not alone else value
            shown = (whole if self.head is None else whole[:, self.head])[:, skip:]
            changed = function(shown, hook=place)
            if changed is None or changed is shown:
                return None
            return self._put_back(value, changed, skip)

        handle = self.point.add_hook(act)
        try:
            yield
        finally:
            handle.hook.remove()
            self.point.fwd_hooks.remove(handle)

    def _put_back(self, value: Tensor, changed: Tensor, skip: int) -> Tensor | None:
        """`value` with the changed part in its place; None where it was written into it."""
        if self.in_place:
            value[:, skip:] = changed
            return None
        if self.head is None:
            return torch.cat([value[:, :skip], changed], dim=1) if skip else changed
        value = value.clone()
        value[:, self.head, skip:] = changed
        return value


class Taps:
    """All hook points of a bridge, in the order of the forward pass."""

    def __init__(self, bridge: Any, device: Any, without: Sequence[str] = ()) -> None:
        found = [tap for tap in _candidates(bridge) if tap.spec.name not in without]
        shapes = _fired(found, bridge.original_model, device)
        self.taps = {
            tap.spec.name: replace(tap, spec=replace(tap.spec, width=shapes[tap.spec.name][-1]))
            if tap.head is None
            else tap
            for tap in found
            if tap.spec.name in shapes
        }
        self.places = {name: named_point(name) for name in self.taps}

    @property
    def specs(self) -> Mapping[str, HookSpec]:
        """The descriptions by name."""
        return {name: tap.spec for name, tap in self.taps.items()}

    @contextmanager
    def set(self, hooks: Hooks, skip: int = 0) -> Iterator[None]:
        """Within it, functions are called at hook points (see `Tap.set`).

        A hook point is given by its name or by a function of names, as TransformerLens does.
        Raises ProbekitError at a name that there is not.
        """
        pairs = paired(hooks, self.taps)
        with all_set([(self.taps[n], f, self.places[n]) for n, f in pairs], skip):
            yield

    def watched(self, name: str) -> bool:
        """Whether anything is set there."""
        return name in self.taps and bool(self.taps[name].point.fwd_hooks)


class LayerTaps:
    """The hook points of many layers on a bridge that has one, whichever layer that is just now."""

    def __init__(self, one: Taps, layers: int) -> None:
        self._one, self._layers = one, layers
        self.specs: dict[str, HookSpec] = {}
        self._homes: dict[str, tuple[int | None, str]] = {}
        for name in [name for name in one.taps if not name.startswith(ONLY) and name != LOGITS]:
            self._add(name, None, name)
        for layer in range(layers):
            for name in [name for name in one.taps if name.startswith(ONLY)]:
                self._add(f"blocks.{layer}.{name.removeprefix(ONLY)}", layer, name)
        self._add(LOGITS, None, LOGITS)
        self.places = {name: named_point(name) for name in self.specs}

    def _add(self, name: str, layer: int | None, own: str) -> None:
        if own in self._one.taps:
            self._homes[name] = layer, own
            self.specs[name] = replace(self._one.taps[own].spec, name=name, layer=layer or 0)

    def paired(self, hooks: Hooks) -> list[tuple[str, Function]]:
        """Each hook point that is named or chosen, with its function."""
        return paired(hooks, self.specs)

    @contextmanager
    def at(
        self, layer: int | None, pairs: Sequence[tuple[str, Function]], skip: int
    ) -> Iterator[None]:
        """Within it, the functions of that layer are set; None is what is in no layer."""
        here = [(name, function) for name, function in pairs if self._homes[name][0] == layer]
        taps = [(self._one.taps[self._homes[n][1]], f, self.places[n]) for n, f in here]
        with all_set(taps, skip):
            yield


@contextmanager
def all_set(taps: Sequence[tuple[Tap, Function, HookPoint]], skip: int) -> Iterator[None]:
    """Within it, every function is set at its tap (see `Tap.set`)."""
    points = [tap.point for tap, _, _ in taps]
    with ExitStack() as stack:
        for tap, function, place in taps:
            alone = sum(point is tap.point for point in points) == 1
            stack.enter_context(tap.set(function, place, skip, alone))
        yield


def paired(hooks: Hooks, names: Iterable[str]) -> list[tuple[str, Function]]:
    """Each hook point with its function; ProbekitError at a name that there is not."""
    known = [*names]
    found: list[tuple[str, Function]] = []
    for which, function in hooks:
        if callable(which):
            found += [(name, function) for name in known if which(name)]
        elif which in known:
            found.append((which, function))
        else:
            hint = did_you_mean(which, known) or "; `probekit hooks` lists them"
            raise ProbekitError(f"the model has no hook point {which}{hint}.")
    return found


def named_point(name: str) -> HookPoint:
    """What a hook function is told of where it is."""
    point = HookPoint()
    point.name = name
    return point


def _candidates(bridge: Any) -> list[Tap]:
    """Every hook point that a decoder-only transformer may have."""
    points, config = bridge.hook_dict, bridge.original_model.config
    post_norm = getattr(config, "do_layer_norm_before", True) is False
    found: list[Tap] = []

    def add(name: str, kind: Kind, own: str = "", in_place: bool = False, **facts: Any) -> None:
        point = points.get(own or name)
        if point is not None:
            found.append(Tap(HookSpec(name=name, kind=kind, width=None, **facts), point,
                             in_place=in_place))  # fmt: skip

    add("hook_embed", "embedding")
    add("hook_pos_embed", "embedding")
    for layer, block in enumerate(bridge.blocks):
        at = f"blocks.{layer}"
        add(f"{at}.hook_resid_pre", "residual", layer=layer)
        found += _heads(bridge, layer)
        add(f"{at}.hook_attn_out", "attention", layer=layer)
        if post_norm:  # the norm behind attention makes what both FFN and residual stream read
            add(f"{at}.hook_resid_mid", "residual", f"{at}.ln1.hook_out", layer=layer)
        else:
            add(f"{at}.hook_resid_mid", "residual", in_place=True, layer=layer)
        before: Stage = "pre"
        add(f"{at}.mlp.hook_pre", "neuron", layer=layer, stage=before)
        gated = "gate" in getattr(getattr(block, "mlp", None), "submodules", {})
        add(f"{at}.mlp.hook_post", "neuron", layer=layer, span=_span(config, gated))
        add(f"{at}.hook_resid_post", "residual", layer=layer)
    add(LOGITS, "logits", "hook_unembed")
    return found


def _heads(bridge: Any, layer: int) -> list[Tap]:
    """One hook point a head, where the attention weights can be hooked."""
    point = patterns(bridge.original_model).get(layer)
    if point is None:
        return []
    name = f"blocks.{layer}.attn.hook_pattern"
    spec = HookSpec(name=name, kind="attention", width=None, layer=layer, span=(0.0, 1.0))
    heads = range(bridge.original_model.config.num_attention_heads)
    return [Tap(replace(spec, name=f"{name}.{head}"), point, head=head) for head in heads]


def _span(config: Any, gated: bool) -> tuple[float, float]:
    """The range of an FFN neuron: from 0 where it is rectified and nothing multiplies it."""
    names = ("activation_function", "hidden_act", "hidden_activation")
    used = next((getattr(config, name) for name in names if hasattr(config, name)), "")
    return (0.0 if used in NONNEGATIVE and not gated else -math.inf, math.inf)


def _fired(taps: Sequence[Tap], network: Any, device: Any) -> dict[str, tuple[int, ...]]:
    """The shapes of those that fire once, with an axis for batch and one for positions."""
    seen: dict[str, list[tuple[int, ...]]] = {}
    ids = torch.zeros(2, 3, dtype=torch.long, device=device)
    base = getattr(network, network.base_model_prefix)
    with ExitStack() as stack:
        for tap in taps:
            see = _note(seen.setdefault(tap.spec.name, []))
            stack.enter_context(tap.set(see, HookPoint(), 0, True))
        with torch.no_grad():
            base(input_ids=ids, use_cache=False)
    seen[LOGITS] = [(2, 3, len(network.get_output_embeddings().weight))]
    return {
        name: shapes[0]
        for name, shapes in seen.items()
        if len(shapes) == 1 and len(shapes[0]) == 3 and shapes[0][:2] == (2, 3)
    }


def _note(shapes: list[tuple[int, ...]]) -> Function:
    return lambda value, hook: shapes.append(tuple(value.shape))  # noqa: ARG005
