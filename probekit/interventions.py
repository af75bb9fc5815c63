"""Interventions that act row by row, so that one batch can hold many different ones.

    off = zero_units(spec.name, rows=[0, 1], units=[775, 987])      # another unit off in each row
    model.run_with_hooks(batch, fwd_hooks=[off])

Each is a pair (hook point, function) as TransformerLens takes it. `rows` and `units` are paired:
unit `units[i]` is changed in row `rows[i]` of the batch, at every position. With `rows=None` every
unit listed is changed in every row. With `steps` only those positions are changed.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

Intervention = tuple[str, Callable[..., Tensor]]
Index = Sequence[int] | Tensor


def zero_units(
    hook: str, units: Index, rows: Index | None = None, steps: Index | None = None
) -> Intervention:
    """Set units to zero."""
    return set_units(hook, units, 0.0, rows, steps)


def set_units(
    hook: str,
    units: Index,
    values: float | Sequence[float] | Tensor,
    rows: Index | None = None,
    steps: Index | None = None,
) -> Intervention:
    """Set units to constants: one for all, or one for each entry of `units`."""
    chosen = torch.as_tensor(units).long()

    def put(value: Tensor, wanted: Tensor) -> Tensor:
        constants = torch.as_tensor(values, dtype=value.dtype, device=value.device)
        if rows is None:
            value[..., chosen] = torch.where(wanted[..., None], constants, value[..., chosen])
        else:
            row = torch.as_tensor(rows, device=value.device).long()
            if value.ndim == 3 and constants.ndim == 1:
                constants = constants[:, None]
            # advanced indices parted by a slice come first: [pair, pos]
            now = value[row, ..., chosen]
            value[row, ..., chosen] = torch.where(wanted[row], constants, now)
        return value

    return hook, _intervene(put, steps)


def mean_units(
    hook: str,
    units: Index,
    means: Float[Tensor, " unit"],
    rows: Index | None = None,
    steps: Index | None = None,
) -> Intervention:
    """Set units to their means; `means [unit]` holds those of the whole hook point."""
    return set_units(hook, units, means[torch.as_tensor(units)], rows, steps)


def mask_units(
    hook: str, mask: Tensor, values: Tensor | float = 0.0, steps: Index | None = None
) -> Intervention:
    """`(1 - mask) * value + mask * values`: a mask of its own for each row, which may be soft.

    `mask` is `[batch, unit]` or `[unit]`, `values` the same or a number. Gradients flow through
    both (De Cao et al. 2022, section 3).
    """

    def blend(value: Tensor, wanted: Tensor) -> Tensor:
        spread = mask if value.ndim == 2 or mask.ndim == 1 else mask[:, None]
        target = values
        if isinstance(values, Tensor) and values.ndim == 2 and value.ndim == 3:
            target = values[:, None]
        return torch.where(wanted[..., None], (1 - spread) * value + spread * target, value)

    return hook, _intervene(blend, steps)


def _intervene(
    change: Callable[[Tensor, Tensor], Tensor], steps: Index | None
) -> Callable[..., Tensor]:
    """A hook function around `change(value, wanted)`, `wanted` being True at the positions chosen.

    Recurrent hook points fire with `[batch, unit]` and the position in `hook.ctx["t"]`, all others
    with `[batch, pos, unit]`.
    """
    positions = None if steps is None else torch.as_tensor(steps)

    def act(value: Tensor, hook: Any) -> Tensor:
        if value.ndim == 2:
            t = hook.ctx["t"]
            if positions is not None and t not in positions:
                return value
            wanted = torch.ones(len(value), dtype=torch.bool, device=value.device)
        else:
            wanted = torch.ones(value.shape[:2], dtype=torch.bool, device=value.device)
            if positions is not None:
                wanted = torch.zeros_like(wanted)
                wanted[:, positions] = True
        return change(value.clone(), wanted)

    return act
