"""Which examples an intervention is learned on: those whose answer it is to turn the other way.

    found = directions(model, dataset, params, seed=0)
    found.directions["to-plural"].train[0].answers      # the likelier word first, then the other

A direction is named after the form that it turns to. Which form an example starts from is what the
model prefers, right or wrong (De Cao et al. 2022, section 3.1), so no ratio is below 1 at first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probekit.ablations import Ablation
from probekit.dataset import Dataset, Example
from probekit.errors import ProbekitError, listing
from probekit.language import LanguageModel, alternatives
from probekit.model import Model
from probekit.questions import Questions
from probekit_masks.params import MaskParams
from probekit_masks.spelling import Spelling

KEEP, OTHER = "keep", "to-other"
USUAL = ("number", "gender")
SPLITS = ("train", "evaluation")
SHARE = 12  # one in so many examples is held out


@dataclass(frozen=True)
class Asked:
    """An example, the two answers that are compared (the likelier first), and its answer's class.

    `answers` is empty where a whole sequence is the answer, or where none is asked for.
    """

    example: Example
    answers: tuple[str, ...] = ()
    value: str = ""


@dataclass(frozen=True)
class Direction:
    """The examples of one direction, to learn from and to evaluate on."""

    name: str
    train: tuple[Asked, ...]
    evaluation: tuple[Asked, ...]


@dataclass(frozen=True)
class Found:
    """The directions of one model by name, and what it could not be asked."""

    directions: dict[str, Direction]
    left_out: int
    guessed: int


def names_of(model: Model, dataset: Dataset, params: MaskParams) -> list[str]:
    """The names of the directions that this run has.

    Raises ProbekitError where the dataset cannot serve the objective.
    """
    if not len(dataset):
        raise ProbekitError("the dataset has no examples; name one with data=NAME.")
    if params.objective == "kl":
        return [KEEP]
    if not isinstance(model, LanguageModel):
        if not all(example.target for example in dataset):
            raise ProbekitError(
                f"objective={params.objective} turns right answers into wrong ones, and some"
                f" examples of {dataset.name} have no target; give objective=kl, or other data."
            )
        return [OTHER]
    for example in dataset:
        alternatives(example)
    values = Sides(dataset, params)
    return [f"to-{value}" for value in values.both] if values.both else [OTHER]


class Sides:
    """The two values of the label that parts the directions; none where no label does.

    An example whose label is empty has the value that others with the same answer have.
    """

    def __init__(self, dataset: Dataset, params: MaskParams) -> None:
        self.label = _label(dataset, params.label)
        told = [(one.target, self._told(one)) for one in dataset] if self.label else []
        self.by_answer = {target: value for target, value in told if value}
        values = sorted(set(self.by_answer.values()))
        if params.label and len(values) != 2:
            raise ProbekitError(
                f"label={params.label} has {len(values)} value(s) in {dataset.name}"
                f" ({listing(values[:5])}); a direction leads from one of two to the other, so name"
                " another label, or leave it out."
            )
        self.both = tuple(values) if len(values) == 2 else ()

    def _told(self, example: Example) -> str:
        return str(example.labels[self.label])

    def of(self, example: Example, likelier_is_right: bool) -> str:
        """The value of the likelier answer; empty where there is none."""
        if not self.both:
            return ""
        value = self._told(example) or self.by_answer.get(example.target, "")
        if not value or likelier_is_right:
            return value
        return self.both[1 - self.both.index(value)]


def _label(dataset: Dataset, asked: str) -> str:
    """The label that parts the directions: the one asked for, or a usual one that all have."""
    for name in (asked,) if asked else USUAL:
        if all(name in example.labels for example in dataset):
            return name
    if asked:
        raise ProbekitError(
            f"the examples of {dataset.name} have no label {asked}; name one of:"
            f" {listing(sorted(dataset[0].labels))}."
        )
    return ""


def directions(model: Model, dataset: Dataset, params: MaskParams, seed: int) -> Found:
    """The examples of each direction; those whose answers the model does not know are left out."""
    names = names_of(model, dataset, params)
    train, evaluation = divided(dataset, params.evaluation, seed)
    found: dict[str, list[list[Asked]]] = {name: [[], []] for name in names}
    left_out = guessed = 0
    for part, examples in enumerate((train, evaluation)):
        asked, left, guesses = _asked(model, examples, dataset, params)
        left_out, guessed = left_out + left, guessed + guesses
        for one in asked:
            found[_towards(one, names)][part].append(one)
    made = {name: Direction(name, tuple(some), tuple(held))
            for name, (some, held) in found.items()}  # fmt: skip
    return Found(made, left_out, guessed)


def _towards(asked: Asked, names: Sequence[str]) -> str:
    """The direction of an example: away from its likelier answer."""
    if len(names) == 1:
        return names[0]
    return next(name for name in names if name != f"to-{asked.value}")


def _asked(
    model: Model, examples: Sequence[Example], dataset: Dataset, params: MaskParams
) -> tuple[list[Asked], int, int]:
    """Examples with their answers, how many were left out, and how many words are unknown."""
    if params.objective == "kl":
        return [Asked(example) for example in examples], 0, 0
    questions = Questions(model, _Some(examples, dataset.name), ())
    margins = model.margins(questions.examples, [Ablation()])[0]
    left_out, guessed = int(questions.left_out.sum()), questions.guessed
    if not isinstance(model, LanguageModel):
        right = [one for one, lead in zip(questions.examples, margins, strict=True) if lead > 0]
        return [Asked(one) for one in right], left_out + len(margins) - len(right), guessed
    values, spelling = Sides(dataset, params), Spelling(model)
    found = []
    for example, lead in zip(questions.examples, (margins >= 0).tolist(), strict=True):
        value, answers = values.of(example, lead), alternatives(example)
        if (value or not values.both) and spelling.of(answers):
            found.append(Asked(example, answers if lead else answers[::-1], value))
    return found, left_out + len(questions.examples) - len(found), guessed


class _Some(Dataset):
    """Some examples of a dataset, under its name."""

    def __init__(self, examples: Sequence[Example], name: str) -> None:
        self.examples, self.name = tuple(examples), name

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int | slice) -> Example | Sequence[Example]:  # type: ignore[override]
        return self.examples[index]


def divided(
    dataset: Dataset, evaluation: int | None, seed: int
) -> tuple[list[Example], list[Example]]:
    """Examples to learn from and to evaluate on: the dataset's own division, or a random one."""
    if evaluation is None and (own := _own_split(dataset)):
        return own
    total = len(dataset)
    count = max(1, round(total / SHARE)) if evaluation is None else evaluation
    if count >= total:
        raise ProbekitError(
            f"evaluation={count} is not below the {total} examples of {dataset.name}; leave some to"
            " learn from."
        )
    order = np.random.default_rng(seed).permutation(total)
    held = set(order[:count].tolist())
    return (
        [one for at, one in enumerate(dataset) if at not in held],
        [one for at, one in enumerate(dataset) if at in held],
    )


def _own_split(dataset: Dataset) -> tuple[list[Example], list[Example]] | None:
    """The splits called train and evaluation, where they make up the dataset."""
    try:
        train, evaluation = (list(dataset.split(name)) for name in SPLITS)
    except ProbekitError:
        return None
    whole = len(train) + len(evaluation) == len(dataset)
    return (train, evaluation) if whole and train and evaluation else None
