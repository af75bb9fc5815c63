"""Where hook points are, in words for tables and panels."""

from collections import Counter
from collections.abc import Sequence

from probekit.hooks import HookSpec


def places(specs: Sequence[HookSpec]) -> dict[str, tuple[str, str]]:
    """Where each hook point is and what it holds, by name: (`encoder`, `update gate`).

    Where two hook points would be called the same, their own names tell them apart.
    """
    layers = len({spec.layer for spec in specs})
    named = {spec.name: (_place(spec, layers), _content(spec)) for spec in specs}
    often = Counter(named.values())
    return {
        name: (place, content if often[place, content] == 1 else f"{content} {name}")
        for name, (place, content) in named.items()
    }


def _place(spec: HookSpec, layers: int) -> str:
    """The part, and the layer where there are several or no parts."""
    words = [spec.part or "", f"layer {spec.layer}" if layers > 1 or not spec.part else ""]
    return " ".join(word for word in words if word)


def _content(spec: HookSpec) -> str:
    """The role with the kind, and whether it is before the non-linearity."""
    words = [spec.role or "", spec.kind, "before its non-linearity" if spec.stage == "pre" else ""]
    return " ".join(word for word in words if word)
