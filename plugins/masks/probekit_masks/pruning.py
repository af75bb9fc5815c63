"""Greedy backward pruning: unit after unit is dropped from a finished mask, the least missed first.

    smaller = pruned(task, mask, values, share=0.95)

The masks that lack one unit each are rows of one batch. This is no part of the published method.
Of large masks several units are dropped at once, as long as that costs no more than is allowed.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from probekit_masks.fitting import Task
from probekit_masks.passages import Runner
from probekit_masks.scoring import spread
from probekit_masks.values import Values

TEXTS = 256  # that a unit is judged on
ROWS_AT_ONCE = 256
LARGE, PART = 16, 4  # of a mask of more units than that a quarter is dropped at once, if it can be

Units = Float[Tensor, " unit"]


def pruned(task: Task, mask: Units, values: Values, share: float) -> Units:
    """The smallest mask found that keeps `share` of the accuracy on training texts.

    A mask that turns nothing stays as it is.
    """
    some = spread(task.runners, TEXTS)
    best = mask.clone()
    goal = share * float(_turned(task, some, best[None], values)[0])
    while goal > 0 and int(best.sum()) > 1:
        units = torch.nonzero(best)[:, 0]
        turned = _turned(task, some, _without(best, units[:, None]), values)
        if float(turned.max()) < goal:
            return best
        order = units[torch.argsort(turned, descending=True, stable=True)]
        best = _dropped(task, some, best, values, order, goal)
    return best


def _dropped(
    task: Task,
    some: Sequence[tuple[Runner, Tensor]],
    mask: Units,
    values: Values,
    order: Int[Tensor, " held"],
    goal: float,
) -> Units:
    """The mask without the first unit of `order`; of a large one, without as many as can go."""
    count = len(order) // PART if len(order) > LARGE else 1
    while count > 1:
        smaller = _without(mask, order[None, :count])[0]
        if float(_turned(task, some, smaller[None], values)[0]) >= goal:
            return smaller
        count //= 2
    return _without(mask, order[None, :1])[0]


def _without(mask: Units, units: Int[Tensor, "row some"]) -> Float[Tensor, "row unit"]:
    """The mask for each row without the units of that row."""
    return mask.repeat(len(units), 1).scatter(1, units, 0.0)


def _turned(
    task: Task,
    some: Sequence[tuple[Runner, Tensor]],
    masks: Float[Tensor, "mask unit"],
    values: Values,
) -> Float[Tensor, " mask"]:
    """How many examples each mask turns."""
    found = torch.zeros(len(masks), dtype=torch.float64)
    source = torch.Generator().manual_seed(0)  # the same draws for every mask that is compared
    at_once = max(1, ROWS_AT_ONCE // len(masks))
    with torch.no_grad():
        for runner, rows in some:
            for block in rows.split(at_once):
                both = block.repeat_interleave(len(masks))
                held = task.held(masks.repeat(len(block), 1))
                drawn = values.of(len(both), source)
                leads = runner.run(both, held, drawn, runner.leads(both))
                turned = ((leads < 0) * runner.passage.counts[both]).sum(1)
                found += turned.view(len(block), len(masks)).sum(0).cpu().double()
    return found
