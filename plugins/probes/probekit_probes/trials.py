"""Sentences whose subject is singular or plural: the trials of number decoding.

    trials = read_trials(dataset, ("PS", "SP"))
    trials.plural            # [trial], the number of the subject

The order is that of the conditions, and within each that of the dataset.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool

from probekit.dataset import Dataset, Example
from probekit.errors import ProbekitError, listing

NUMBERS = ("singular", "plural")
SHOWN = 12


@dataclass(frozen=True)
class Trials:
    """The sentences, the number of their subject, and where subject and attractor stand.

    Positions count from 0; that of the attractor is -1 where there is none.
    """

    examples: tuple[Example, ...]
    plural: Bool[np.ndarray, " trial"]
    subject: tuple[int, ...]
    attractor: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def attractor_plural(self) -> Bool[np.ndarray, " trial"]:
        """The number of the attractor; ProbekitError where a sentence has none."""
        for example, at in zip(self.examples, self.attractor, strict=True):
            if at < 0:
                raise ProbekitError(
                    f"{named(example)} has no noun between subject and verb (attractor_at is -1);"
                    " choose sentences that have one, such as data.task=nounpp."
                )
        plural = np.array([_plural(example, "attractor") for example in self.examples])
        need_both(plural, "attractor")
        return plural

    @property
    def beginnings(self) -> int:
        """How many different sentences these are as far as the subject."""
        pairs = zip(self.examples, self.subject, strict=True)
        return len({example.words[: at + 1] for example, at in pairs})


def read_trials(dataset: Dataset, conditions: Sequence[str]) -> Trials:
    """The examples of the conditions.

    Raises ProbekitError where a label is missing or not what it should be, where a condition has no
    example, and where all subjects have one number.
    """
    if not len(dataset):
        raise ProbekitError("the dataset has no examples; name one with data=NAME.")
    found: dict[str, list[Example]] = {}
    for example in dataset:
        found.setdefault(str(label(example, "condition")), []).append(example)
    if absent := [name for name in conditions if name not in found]:
        raise ProbekitError(
            f"the dataset {dataset.name} has no sentences of condition {absent[0]}; give"
            f" conditions=A,B of: {listing(list(found)[:SHOWN])}."
        )
    chosen = tuple(example for name in dict.fromkeys(conditions) for example in found[name])
    plural = np.array([_plural(example, "number") for example in chosen])
    need_both(plural, "subject")
    subject = tuple(_position(example, "subject_at", 0) for example in chosen)
    attractor = tuple(_position(example, "attractor_at", -1) for example in chosen)
    return Trials(chosen, plural, subject, attractor)


def label(example: Example, name: str) -> Any:
    """A label of an example; ProbekitError where it has none of that name."""
    if name not in example.labels:
        raise ProbekitError(
            f"{named(example)} has no label {name}; name a dataset whose examples have one with"
            f" data=NAME (this has: {listing(sorted(example.labels))})."
        )
    return example.labels[name]


def named(example: Example) -> str:
    """Where an example stands, for messages."""
    return example.source or "an example"


def need_both(plural: Bool[np.ndarray, " trial"], noun: str) -> None:
    """Raise ProbekitError where every sentence has the same number."""
    if plural.all() or not plural.any():
        raise ProbekitError(
            f"the {noun} of every sentence is {NUMBERS[int(plural[0])]}, so there is nothing to"
            " tell apart; give conditions=A,B of both numbers."
        )


def need_folds(
    plural: Bool[np.ndarray, " sample"], folds: int, what: str, instead: str = "give more data"
) -> None:
    """Raise ProbekitError where a number has fewer samples than there are folds."""
    counts = int((~plural).sum()), int(plural.sum())
    few = min(counts)
    if few < folds:
        fewer = f", or folds={few}" if few > 1 else ""
        raise ProbekitError(
            f"there are only {few} {NUMBERS[counts.index(few)]} {what}, too few for {folds} folds;"
            f" {instead}{fewer}."
        )


def _plural(example: Example, name: str) -> bool:
    number = label(example, name)
    if number not in NUMBERS:
        raise ProbekitError(
            f"{named(example)}: {name} is {number!r}; it should be singular or plural."
        )
    return bool(number == NUMBERS[1])


def _position(example: Example, name: str, least: int) -> int:
    at = label(example, name)
    if not isinstance(at, int) or not least <= at < len(example.words):
        raise ProbekitError(
            f"{named(example)}: {name} is {at!r}, which is none of its {len(example.words)} words,"
            " counted from 0."
        )
    return at
