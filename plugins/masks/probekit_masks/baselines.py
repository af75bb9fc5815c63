"""Other ways to choose units, to hold a learned mask against.

    integrated_gradients(task)                # [unit], how much each unit speaks for the answer
    by_weight(model, sites, passages)         # [unit], how strongly the output reads each unit

Random sets have as many units of each hook point as the mask; a mean patch sets the mask's own
units to what they are on average in the examples of the other direction.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from probekit.model import Model
from probekit_masks.fitting import Task
from probekit_masks.passages import Passage
from probekit_masks.readouts import Joint
from probekit_masks.scoring import spread
from probekit_masks.sites import Sites

PATH_STEPS = 10
TEXTS = 512  # that gradients are averaged over
AT_ONCE = 64

Units = Float[Tensor, " unit"]


def integrated_gradients(task: Task) -> Units:
    """How much each unit adds to the lead of the likelier answer, against all units at zero.

    Sundararajan et al. (2017), with a path of ten steps from zero; the mean over some training
    texts of every length. A mask of s at every unit, with the value zero, scales the units by
    1 - s.
    """
    total, count = torch.zeros_like(task.known.span[0], dtype=torch.float64), 0.0
    some = [(runner, rows) for runner, chosen in spread(task.runners, TEXTS)
            for rows in chosen.split(AT_ONCE)]  # fmt: skip
    for runner, rows in some:
        counts = runner.passage.counts[rows]
        for step in range(PATH_STEPS):
            share = 1 - (step + 0.5) / PATH_STEPS
            mask = torch.full((len(rows), len(total)), share, device=total.device)
            mask.requires_grad_()
            zeros = torch.zeros(len(total), device=total.device)
            leads = runner.run(rows, mask, zeros, Joint(runner.leads(rows)))
            (found,) = torch.autograd.grad((leads * counts).sum(), mask)
            total -= found.double().sum(0) / PATH_STEPS
        count += float(counts.sum())
    return (total / max(count, 1)).float()


def strongest(scores: Units, count: int) -> Units:
    """A mask of the `count` units with the largest absolute scores, the first of equals."""
    order = torch.argsort(scores.abs(), descending=True, stable=True)
    mask = torch.zeros_like(scores)
    mask[order[:count]] = 1
    return mask


def by_weight(model: Model, sites: Sites, passages: list[Passage]) -> Units | None:
    """The summed absolute difference of the output weights of both words, for each unit.

    Over all examples; None where the output reads none of the units.
    """
    read = next((spec for spec in model.weights.values() if spec.relation == "readout"), None)
    sources = [site for site in sites.sites if read and site.spec.name == read.source]
    pairs = [passage for passage in passages if passage.pairs is not None]
    if read is None or not sources or not pairs:
        return None
    weight, site = model.weight(read.name), sources[0]
    total = torch.zeros(len(sites), dtype=torch.float64, device=weight.device)
    for passage in pairs:
        assert passage.pairs is not None
        asked, counts = passage.pairs.flatten(0, 1), passage.counts.flatten()
        for some, weights in zip(asked.split(AT_ONCE), counts.split(AT_ONCE), strict=True):
            apart = (weight[some[:, 0]] - weight[some[:, 1]]).abs().double()
            total[site.start : site.stop] += weights.double() @ apart
    return total.float()


def random_sets(mask: Units, sites: Sites, count: int, seed: int) -> Iterator[Units]:
    """Random masks with as many units of each hook point as `mask` has."""
    source = np.random.default_rng(seed)
    for _ in range(count):
        drawn = torch.zeros_like(mask)
        for site in sites.sites:
            size = int(mask[site.start : site.stop].sum())
            picked = source.choice(site.stop - site.start, size, replace=False)
            drawn[site.start + torch.from_numpy(picked).long()] = 1
        yield drawn


def same(mask: Float[Tensor, " unit"]) -> Callable[[int], Float[Tensor, "row unit"]]:
    """The same mask for every row."""
    return lambda rows: mask.expand(rows, -1)
