"""A mask is learned: fewer units against a lower ratio, by Lagrangian relaxation.

    fitted = Fit([task], setting, params, seed=(0, 3)).run()
    fitted.gate.chosen(), fitted.values[0].shown()

De Cao et al. (2022), section 3.1: minimise the objective subject to an expected share of units of
at most alpha (and of gates strictly between 0 and 1 of at most beta), the multipliers growing by
gradient ascent where a constraint is broken. A multiplier is the cost of one expected unit too
many, so that it means the same however many units there are.

Two things keep a mask from falling far below its bound, where no sample shows what a unit would
give: the bound falls to alpha step by step, and a multiplier starts again from zero wherever its
constraint holds (Gallego-Posada et al. 2022).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from probekit.errors import ProbekitError
from probekit.progress import tick
from probekit_masks.gates import Gate, make_gate
from probekit_masks.params import SCORE, FitParams, Setting
from probekit_masks.passages import Runner
from probekit_masks.readouts import Divergence, Joint
from probekit_masks.values import Known, Values, make_values

FIRST_MULTIPLIER = 1e-3
MEMORIES = (0.9, 0.99)  # the first violations, which are large, must not slow the last steps down
TRACE = ("loss", "share", "between", "multiplier")


@dataclass(frozen=True)
class Task:
    """What a mask is learned for: a direction's texts, and what is known of their units.

    `usual` is what is known of the texts of all directions; `keeps` says that the chosen units are
    those that stay, while all others are set.
    """

    name: str
    runners: Sequence[Runner]
    known: Known
    usual: Known
    keeps: bool = False

    def held(self, mask: Float[Tensor, "... unit"]) -> Float[Tensor, "... unit"]:
        """Where units are set, for a mask of chosen units."""
        return 1 - mask if self.keeps else mask


@dataclass(frozen=True)
class Fitted:
    """A learned gate with the values of each task; `trace [step, number]` are those of TRACE.

    `shares` are the expected shares of units, and of gates between 0 and 1, at the end; `read`
    counts the texts that were read with gradients.
    """

    gate: Gate
    values: tuple[Values, ...]
    trace: Float[np.ndarray, "step number"]
    shares: tuple[float, float]
    read: int


def steps_of(setting: Setting, params: FitParams) -> int:
    """How many updates a mask of that setting takes."""
    return params.score_steps if setting.gate == SCORE else params.steps


class Turns:
    """Rows of the passages in random order: a passage as often as examples ask something of it.

    All rows of one update are of one passage, so nothing is padded; each row comes once before any
    comes again, in blocks of one size, so that all weigh the same.
    """

    def __init__(self, runners: Sequence[Runner], size: int, source: torch.Generator) -> None:
        self.runners, self.size, self.source = runners, size, source
        self.shares = torch.tensor([float(runner.passage.examples) for runner in runners])
        self.left: list[list[Tensor]] = [[] for _ in runners]

    def next(self) -> tuple[Runner, Int[Tensor, " row"]]:
        """A passage and some of its rows."""
        at = int(torch.multinomial(self.shares, 1, generator=self.source))
        if not self.left[at]:
            order = torch.randperm(len(self.runners[at]), generator=self.source)
            blocks = order.tensor_split(-(-len(order) // self.size))
            self.left[at] = list(blocks)
        return self.runners[at], self.left[at].pop()


@dataclass
class Fit:
    """The optimisation of one mask over one task, or over several that share it.

    `label` names the model in messages; `seed` are numbers that all randomness follows from.
    """

    tasks: Sequence[Task]
    setting: Setting
    params: FitParams
    seed: Sequence[int]
    label: str = "the model"
    trace: list[list[float]] = field(default_factory=list)
    read: int = 0

    def __post_init__(self) -> None:
        entropy = np.random.SeedSequence(list(self.seed)).generate_state(2)
        self.source = torch.Generator().manual_seed(int(entropy[0]))
        order = torch.Generator().manual_seed(int(entropy[1]))
        params, first = self.params, self.tasks[0].known.span
        location = torch.full_like(first[0], params.start).requires_grad_()
        self.gate = make_gate(self.setting.gate, location, params)
        self.values = [
            make_values(params, task.known, task.usual, self.source) for task in self.tasks
        ]
        self.turns = [Turns(task.runners, params.batch_size, order) for task in self.tasks]
        self.first = float(self._shares()[0].detach())
        self.multipliers = torch.full((2,), FIRST_MULTIPLIER)
        self.free = [value.free for value in self.values if value.free is not None]
        self.down = torch.optim.Adam([
            {"params": [location], "lr": params.gate_rate},
            {"params": self.free, "lr": params.value_rate},
        ][: 1 + bool(self.free)])  # fmt: skip
        self.up = torch.optim.Adam(
            [self.multipliers], lr=params.multiplier_rate, betas=MEMORIES, maximize=True
        )

    def run(self) -> Fitted:
        """All updates; raises ProbekitError at the first whose loss is no finite number."""
        for step in range(steps_of(self.setting, self.params)):
            self._update(step)
            tick()
        trace = np.array(self.trace, dtype=np.float32)
        share, between = self._shares().tolist()
        return Fitted(self.gate, tuple(self.values), trace, (share, between), self.read)

    def _update(self, step: int) -> None:
        cost = torch.stack([self._cost(at) for at in range(len(self.tasks))]).mean()
        shares = self._shares()
        excess = shares - self._bounds(step).to(cost.device)
        weights = self.multipliers.to(cost.device)
        loss = cost + (weights * excess).sum() * len(self.gate.location)
        if not bool(loss.isfinite()):
            raise ProbekitError(self._lost(step, float(cost.detach())))
        places = [self.gate.location, *self.free]
        found = torch.autograd.grad(loss, places, allow_unused=True)
        for place, gradient in zip(places, found, strict=True):
            place.grad = gradient
        self.down.step()
        self.multipliers.grad = excess.detach().cpu()
        self.up.step()
        self.multipliers[self.multipliers.grad < 0] = 0
        self.multipliers.clamp_(min=0)
        numbers = [float(cost.detach()), *shares.tolist(), float(self.multipliers[0])]
        self.trace.append(numbers)

    def _shares(self) -> Float[Tensor, "2"]:
        """The expected shares of units and of gates between 0 and 1 (equations 6 and 7)."""
        return torch.stack([self.gate.nonzero().mean(), self.gate.between().mean()])

    def _bounds(self, step: int) -> Float[Tensor, "2"]:
        """What both shares may be: that of units falls from where it starts to alpha."""
        alpha, warm = self.setting.alpha, self.params.warm * steps_of(self.setting, self.params)
        left = max(0.0, 1 - step / warm) if warm else 0.0
        return torch.tensor([alpha * max(1.0, self.first / alpha) ** left, self.params.beta])

    def _cost(self, at: int) -> Float[Tensor, ""]:
        """The objective of one task on some of its rows, as a scalar to differentiate."""
        task = self.tasks[at]
        runner, rows = self.turns[at].next()
        self.read += len(rows)
        mask = self.gate.sample(len(rows), self.source)
        values = self.values[at].of(len(rows), self.source)
        costs = self.costs(runner, rows, task.held(mask), values)
        return self.gate.surrogate(costs, mask)

    def costs(
        self,
        runner: Runner,
        rows: Int[Tensor, " row"],
        held: Float[Tensor, "row unit"],
        values: Float[Tensor, "... unit"],
    ) -> Float[Tensor, " row"]:
        """The cost of each row: its ratios (equation 2) and its divergence (equation 8).

        A row counts as often as examples ask something of it.
        """
        wants_kl = self.params.objective == "kl" or self.setting.factor > 0
        parts = [] if self.params.objective == "kl" else [runner.leads(rows)]
        parts += [self._divergence(runner, rows)] if wants_kl else []
        output = runner.run(rows, held, values, Joint(*parts))
        counts = runner.passage.counts[rows]
        examples = counts.sum(1)
        divergence = output[:, -1] if wants_kl else torch.zeros_like(examples)
        if self.params.objective == "kl":
            return divergence * examples / examples.mean()
        leads = output[:, : counts.shape[1]]
        ratios = leads.exp() if self.params.objective == "ratio" else leads
        asked = torch.where(counts > 0, ratios, 0) * counts
        whole = asked.sum(1) + self.setting.factor * divergence * examples
        return whole / examples.mean()

    def _divergence(self, runner: Runner, rows: Int[Tensor, " row"]) -> Divergence:
        estimate = self.params.kl_training
        words = self.params.shortlist if estimate == "shortlist" else None
        drawn = None
        if estimate == "sampled":
            drawn = torch.randint(runner.changing, (len(rows),), generator=self.source)
        return runner.divergence(rows, words, drawn)

    def _lost(self, step: int, cost: float) -> str:
        """What to say where the loss is no number."""
        names = " and ".join(task.name for task in self.tasks)
        return (
            f"{self.label}, {names}, seed {self.seed[-1]}: the loss is {cost:g} at step {step}, so"
            " this mask cannot be learned on; the seeds that were finished are kept in the run"
            " folder; give a lower gate_rate and value_rate, or objective=log-ratio."
        )
