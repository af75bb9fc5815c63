"""What a finished mask does to examples that it was not learned on.

    score = scored(task, runners, mask, values, source)
    score.accuracy, score.kl

Accuracy is the share of examples whose likelier answer is no longer the likelier (De Cao et al.
2022, section 4): a ratio below 1. Where units are kept instead, it is the share of examples after
which the most likely word stays the same.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from probekit.readout import Readout
from probekit_masks.fitting import Task
from probekit_masks.passages import Runner
from probekit_masks.values import Values

AT_ONCE = 128
NUMBERS_AT_ONCE = 2**24  # of log-probabilities

MakeMask = Callable[[int], Float[Tensor, "... unit"]]


@dataclass(frozen=True)
class Score:
    """Examples asked and turned, and the sum over examples of the divergence of their output."""

    examples: float
    turned: float
    divergence: float = float("nan")

    @property
    def accuracy(self) -> float:
        """The share of examples that are turned (or kept)."""
        return self.turned / self.examples

    @property
    def kl(self) -> float:
        """The mean divergence of an example."""
        return self.divergence / self.examples


def accuracy(
    task: Task,
    runners: Sequence[Runner],
    mask: MakeMask,
    values: Values,
    source: torch.Generator,
) -> float:
    """The share of examples that are turned with units set; `mask(rows)` makes the mask of rows."""
    if task.keeps:
        return scored(task, runners, mask, values, source).accuracy
    examples = turned = 0.0
    with torch.no_grad():
        for runner, rows in blocks(runners, AT_ONCE):
            leads = _run(task, runner, rows, mask, values, source, runner.leads(rows))
            counts = runner.passage.counts[rows]
            turned += float((counts * (leads < 0)).sum())
            examples += float(counts.sum())
    return turned / examples


def scored(
    task: Task,
    runners: Sequence[Runner],
    mask: MakeMask,
    values: Values,
    source: torch.Generator,
) -> Score:
    """What is turned, and the exact divergence over the whole vocabulary (equation 8)."""
    examples = turned = divergence = 0.0
    with torch.no_grad():
        for runner in runners:
            for rows in _rows(runner, _affordable(runner)):
                counts = runner.passage.counts[rows]
                before = _run(task, runner, rows, None, values, source, Readout())
                after = _run(task, runner, rows, mask, values, source, Readout())
                told = [one[:, runner.first :].log_softmax(-1) for one in (before, after)]
                moved = (told[0].exp() * (told[0] - told[1])).sum((1, 2)) / runner.length
                divergence += float((moved * counts.sum(1)).sum())
                turned += float(_turned(task, runner, rows, before, after))
                examples += float(counts.sum())
    return Score(examples, turned, divergence)


def _turned(
    task: Task, runner: Runner, rows: Tensor, before: Tensor, after: Tensor
) -> Float[Tensor, ""]:
    """How many examples are turned, or where units are kept, how many keep their likeliest words.

    `before` and `after` are logits `[row, pos, word]`.
    """
    counts = runner.passage.counts[rows]
    if not task.keeps:
        return (counts * (runner.leads(rows).choose(after) < 0)).sum()
    last = slice(None) if runner.answers else slice(-1, None)
    same = (before[:, last].argmax(-1) == after[:, last].argmax(-1)).all(1)
    return (counts.sum(1) * same).sum()


def _run(
    task: Task,
    runner: Runner,
    rows: Int[Tensor, " row"],
    mask: MakeMask | None,
    values: Values,
    source: torch.Generator,
    readout: Readout,
) -> Tensor:
    """The output of some rows with units set, or without a mask as it is."""
    if mask is None:
        return runner.run(rows, None, None, readout)
    held, constants = task.held(mask(len(rows))), values.of(len(rows), source)
    return runner.run(rows, held, constants.detach(), readout)


def spread(runners: Sequence[Runner], texts: int) -> list[tuple[Runner, Int[Tensor, " row"]]]:
    """About so many texts: rows of every passage, in proportion to its size, evenly spread."""
    share = min(1.0, texts / sum(len(runner) for runner in runners))
    found = []
    for runner in runners:
        count = max(1, round(share * len(runner)))
        rows = np.linspace(0, len(runner) - 1, count).round().astype(np.int64)
        found.append((runner, torch.from_numpy(np.unique(rows))))
    return found


def blocks(runners: Sequence[Runner], size: int) -> Iterator[tuple[Runner, Int[Tensor, " row"]]]:
    """All rows of all passages, at most `size` at once."""
    return ((runner, rows) for runner in runners for rows in _rows(runner, size))


def _rows(runner: Runner, size: int) -> Iterator[Int[Tensor, " row"]]:
    return iter(torch.arange(len(runner)).split(size))


def _affordable(runner: Runner) -> int:
    """How many rows have an output that fits into memory."""
    with torch.no_grad():
        one = runner.run(torch.zeros(1, dtype=torch.long), None, None, Readout())
    return max(1, min(AT_ONCE, NUMBERS_AT_ONCE // one.numel()))
