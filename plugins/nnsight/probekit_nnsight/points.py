"""Declared places as hook points of a network, in the order in which they fire.

    points = find_points(network, {"state": Place(module="rnn", index=0, kind="hidden")})

Order and widths come out of one forward pass with torch's own hooks; it may be on the meta device.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from probekit.errors import ProbekitError, did_you_mean
from probekit.hooks import HookSpec
from probekit_nnsight.params import Place

BATCH, POSITIONS = 2, 3


@dataclass(frozen=True)
class Point:
    """A hook point: what it is, and where its values pass."""

    spec: HookSpec
    module: str
    at: str
    index: int | None


def find_points(network: nn.Module, places: Mapping[str, Place]) -> dict[str, Point]:
    """The hook points by name, in the order of firing.

    Raises ProbekitError where a place names no module, never fires, fires more than once, or does
    not carry `[batch, pos, unit]` (nor that with batch and positions in one axis).
    """
    wanted = _spread(network, places)
    device = next(network.parameters()).device
    seen: list[tuple[str, Any]] = []
    handles = []
    for name, place in wanted.items():
        module = network.get_submodule(place.module)
        if place.at == "input":
            see = _before(name, seen)
            handles.append(module.register_forward_pre_hook(see, with_kwargs=True))
        else:
            handles.append(module.register_forward_hook(_after(name, seen)))
    try:
        with torch.no_grad():
            network(torch.zeros(BATCH, POSITIONS, dtype=torch.long, device=device))
    finally:
        for handle in handles:
            handle.remove()
    names = [name for name, _ in seen]
    for name in wanted:
        if names.count(name) != 1:
            raise ProbekitError(
                f"the hook point {name} ({wanted[name].module}) fires {names.count(name)} times in"
                " a forward pass; declare one that fires once."
            )
    return {name: _point(name, wanted[name], value) for name, value in seen}


def _spread(network: nn.Module, places: Mapping[str, Place]) -> dict[str, Place]:
    """Places with `{layer}` once for each layer; every module must be there."""
    modules = dict(network.named_modules())
    found: dict[str, Place] = {}
    for name, place in places.items():
        many = "{layer}" in name or "{layer}" in place.module
        if many and not place.layers:
            raise ProbekitError(f"the hook point {name} has {{layer}} and no number of layers.")
        for layer in range(place.layers or 1):
            own, path = (text.replace("{layer}", str(layer)) for text in (name, place.module))
            if path not in modules:
                hint = did_you_mean(path, modules) or "; see its named_modules()"
                raise ProbekitError(f"the network has no module {path} for {own}{hint}.")
            if own in found:
                raise ProbekitError(f"two hook points are called {own}; write {{layer}} in it.")
            found[own] = place.model_copy(update={"module": path, "layers": layer + 1})
    return found


def _before(name: str, seen: list[tuple[str, Any]]) -> Any:
    def see(_: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        seen.append((name, given[0] if given else next(iter(named.values()))))

    return see


def _after(name: str, seen: list[tuple[str, Any]]) -> Any:
    return lambda module, given, value: seen.append((name, value))  # noqa: ARG005


def _point(name: str, place: Place, value: Any) -> Point:
    """A place with its width."""
    index = place.index if isinstance(value, (tuple, list)) else None
    value = value if index is None else value[index]
    if not isinstance(value, Tensor) or not laid_out(value, BATCH, POSITIONS):
        shape = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ProbekitError(
            f"the hook point {name} carries {shape} for {BATCH} sequences of {POSITIONS} tokens,"
            " not [batch, pos, unit]; declare another place, or an index."
        )
    spec = HookSpec(
        name=name,
        kind=place.kind,
        width=value.shape[-1],
        layer=(place.layers or 1) - 1,
        stage=place.stage,
        span=place.span or (-math.inf, math.inf),
    )
    return Point(spec, place.module, place.at, index)


def laid_out(value: Tensor, batch: int, positions: int) -> bool:
    """Whether a tensor is `[batch, pos, unit]`, or the same with the first two axes in one."""
    shape = tuple(value.shape)
    return len(shape) in (2, 3) and shape[:-1] in ((batch, positions), (batch * positions,))
