"""Activations of units word by word, with and without an intervention (figures 1 to 4).

    shown = activations(model, task, runner, 0, mask, values)      # [2, pos, unit]

Every word of the text has its activation, those before the intervention included; a word of
several parts that of its last part.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from probekit.dataset import Batch, Example
from probekit.interventions import Intervention
from probekit.language import LanguageModel
from probekit.model import Model
from probekit.readout import Readout
from probekit_masks.fitting import Task
from probekit_masks.passages import Runner
from probekit_masks.sites import Sites


def activations(
    model: Model,
    task: Task,
    runner: Runner,
    row: int,
    mask: Float[Tensor, " unit"],
    values: Float[Tensor, " unit"],
) -> Float[Tensor, "2 pos unit"]:
    """All units at each position of one text, without and with the mask, `[2, pos, unit]`."""
    sites = task.known.sites
    batch = model.encode([runner.passage.batch.examples[row]])
    held = sites.hooks(task.held(mask)[None], values[None], runner.steps_in(batch))
    with torch.no_grad():
        return torch.stack([_seen(model, sites, batch, hooks) for hooks in ([], held)])


def words_at(model: Model, example: Example, sites: Sites) -> dict[int, str]:
    """The words of an example by the position of their last part; none where others are read."""
    if any(site.spec.part == "decoder" for site in sites.sites):
        return {}
    if not isinstance(model, LanguageModel):
        return dict(enumerate(example.words))
    cut = [replace(example, words=example.words[: at + 1], target=(), labels={})
           for at in range(len(example.words))]  # fmt: skip
    lengths = model.encode(cut).lengths.tolist()
    return {length - 1: word for length, word in zip(lengths, example.words, strict=True)}


def _seen(
    model: Model, sites: Sites, batch: Batch, hooks: Sequence[Intervention]
) -> Float[Tensor, "pos unit"]:
    """What passes the hook points behind the interventions, `[pos, unit]`."""
    seen: dict[str, list[Tensor]] = {site.held.name: [] for site in sites.sites}
    watch = [(name, _into(found)) for name, found in seen.items()]
    model.run_with_hooks(batch, readout=Readout.nothing(), fwd_hooks=[*hooks, *watch])
    whole = [torch.cat(found) for found in seen.values()]
    shortest = min(len(one) for one in whole)
    return torch.cat([one[:shortest] for one in whole], dim=1)


def _into(found: list[Tensor]) -> Callable[..., None]:
    """A hook function that keeps what passes at each position of the one row, `[pos, unit]`."""

    def see(value: Tensor, hook: Any) -> None:
        if value.ndim == 3:
            found.append(value[0].detach().clone())
        elif hook.ctx["t"] >= 0:
            found.append(value.detach().clone())

    return see
