"""Where hook points are, in words for tables and panels."""

from collections import Counter
from collections.abc import Sequence

from probekit.hooks import HookSpec
from probekit.places import content, place


def places(specs: Sequence[HookSpec]) -> dict[str, tuple[str, str]]:
    """Where each hook point is and what it holds, by name: (`encoder`, `update gate`).

    Where two hook points would be called the same, their own names tell them apart.
    """
    layers = len({spec.layer for spec in specs})
    named = {spec.name: (place(spec, layers), content(spec)) for spec in specs}
    often = Counter(named.values())
    return {
        name: (where, what if often[where, what] == 1 else f"{what} {name}")
        for name, (where, what) in named.items()
    }
