"""Training one model: Adam on the answers, and with guidance on the attention as well.

    model = Seq2Seq(Config()).initialise(seed=0, span=0.08)
    found = fit(model, train, validation, params, seed=0)

Weights that do not require a gradient stay as they are, so parts of a model can be frozen.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from probekit.dataset import Batch, Example
from probekit.errors import ProbekitError
from probekit.progress import tick
from probekit_seq2seq.model import Decoded, Seq2Seq
from probekit_seq2seq.params import TrainingParams

NOWHERE = -1


@dataclass
class Fitted:
    """What training gave.

    `best` and `last` are weights by name: those with the lowest validation loss, and the final
    ones. The losses are a mean over sequences for each epoch (the validation's at its end).
    """

    best: dict[str, Tensor]
    last: dict[str, Tensor]
    best_step: int
    train_loss: list[float]
    validation_loss: list[float]


@dataclass(frozen=True)
class Lesson:
    """A batch with what its attention should look at: `focus [batch, pos]`, -1 where nothing."""

    batch: Batch
    focus: Tensor

    def rows(self, index: Tensor) -> "Lesson":
        """Some of its sequences, cut to the longest of them."""
        batch = self.batch
        assert batch.targets is not None
        assert batch.target_lengths is not None
        lengths, answers = batch.lengths[index], batch.target_lengths[index]
        width, height = int(lengths.max()), int(answers.max())
        return Lesson(
            Batch(batch.tokens[index, :width], lengths, batch.targets[index, :height], answers),
            self.focus[index, :height],
        )


def lesson(model: Seq2Seq, examples: Sequence[Example], guided: bool) -> Lesson:
    """Examples as a Lesson; with `guided` each needs the label `attention`, an index a word."""
    batch = model.encode(examples)
    if batch.targets is None:
        raise ProbekitError("training needs examples with targets; this dataset has none.")
    focus = torch.full_like(batch.targets, NOWHERE)
    if guided:
        for row, example in enumerate(examples):
            focus[row, : len(example.target)] = torch.tensor(_attention(example))
    return Lesson(batch, focus)


def _attention(example: Example) -> Sequence[int]:
    found = example.labels.get("attention", ())
    if len(found) != len(example.target):
        where = example.source or "an example"
        raise ProbekitError(
            f"{where} has {len(found)} attention targets for {len(example.target)} words; give one "
            "for each, or train with guidance=false."
        )
    return found  # type: ignore[no-any-return]


def losses(decoded: Decoded, lesson: Lesson, weight: float) -> Tensor:
    """The loss of each sequence, `[batch]`.

    The negative log-likelihood of its words, summed, plus `weight` times the sum of -log attention
    at the targets (baan2019, section 2.3; the latter only where there are targets).
    """
    batch = lesson.batch
    assert batch.targets is not None
    words = functional.cross_entropy(
        decoded.logits.transpose(1, 2), batch.targets, reduction="none"
    )
    loss = (words * batch.mask("decoder")).sum(dim=1)
    guided = lesson.focus != NOWHERE
    if not bool(guided.any()):
        return loss
    at_focus = decoded.attention.gather(2, lesson.focus.clamp_min(0)[..., None]).squeeze(-1)
    surprise = -at_focus.clamp_min(torch.finfo(at_focus.dtype).tiny).log()
    return loss + weight * (surprise * guided).sum(dim=1)


def fit(
    model: Seq2Seq,
    train: Sequence[Example],
    validation: Sequence[Example],
    params: TrainingParams,
    seed: int,
) -> Fitted:
    """Train the model in place, on one thread: the same seed gives the same weights, bit for bit.

    The model feeds back its own words. Every `validate_every` steps, and after the last, the
    validation loss is taken, and the weights with the lowest are kept. Raises ProbekitError where
    the examples lack what training needs, and where no loss was a number.
    """
    lessons = lesson(model, train, params.guidance)
    exam = lesson(model, validation, params.guidance)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    with one_thread():
        return _Fit(model, lessons, exam, weights, params).run(seed)


class _Fit:
    """The state of one training."""

    def __init__(
        self,
        model: Seq2Seq,
        lessons: Lesson,
        exam: Lesson,
        weights: list[torch.nn.Parameter],
        params: TrainingParams,
    ) -> None:
        self.model, self.lessons, self.exam = model, lessons, exam
        self.weights, self.params = weights, params
        self.optimizer = torch.optim.Adam(weights, lr=params.learning_rate, fused=True)
        self.step, self.best_step, self.lowest = 0, 0, float("inf")
        self.best: dict[str, Tensor] = {}

    def run(self, seed: int) -> Fitted:
        source = torch.Generator().manual_seed(seed)
        train_loss, validation_loss = [], []
        for epoch in range(self.params.epochs):
            order = torch.randperm(len(self.lessons.batch), generator=source)
            train_loss.append(self._epoch(order))
            validation_loss.append(self._validate(keep=epoch + 1 == self.params.epochs))
            tick()
        if not self.best:
            raise ProbekitError(
                "the validation loss was never a number: training went astray; give a smaller "
                f"learning_rate than {self.params.learning_rate} or a smaller clip."
            )
        return Fitted(self.best, self._copy(), self.best_step, train_loss, validation_loss)

    def _epoch(self, order: Tensor) -> float:
        """One pass over the examples; gives their mean loss."""
        total = 0.0
        for rows in torch.split(order, self.params.batch_size):
            total += self._learn(self.lessons.rows(rows))
            self.step += 1
            if self.step % self.params.validate_every == 0:
                self._validate(keep=True)
        return total / len(order)

    def _learn(self, lesson: Lesson) -> float:
        """One step down the gradient of the mean loss; gives the summed loss."""
        self.optimizer.zero_grad(set_to_none=True)
        decoded = self.model.decode(lesson.batch, "greedy")
        loss = losses(decoded, lesson, self.params.guidance_weight).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.weights, self.params.clip)
        self.optimizer.step()
        return float(loss.detach()) * len(lesson.batch)

    def _validate(self, keep: bool) -> float:
        """The mean validation loss; with `keep` the weights are kept where it is the lowest."""
        with torch.no_grad():
            decoded = self.model.decode(self.exam.batch, "greedy")
            loss = float(losses(decoded, self.exam, self.params.guidance_weight).mean())
        if keep and loss < self.lowest:
            self.lowest, self.best_step, self.best = loss, self.step, self._copy()
        return loss

    def _copy(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.model.state_dict().items()}


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it torch works on one thread: for matrices this small more are slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
