"""The questions of a dataset: those that the model can be asked, counted apart by condition.

questions = Questions(model, dataset, by=("task", "condition"))
questions.right(margins)                        # [ablation, group], right answers
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from probekit.dataset import Dataset, Example
from probekit.errors import ProbekitError
from probekit.model import Model

Group = tuple[str, ...]


def groups_of(dataset: Dataset, by: Sequence[str]) -> tuple[tuple[str, ...], list[Group]]:
    """The labels of `by` that every example has, and the distinct values of them, in order."""
    if not len(dataset):
        raise ProbekitError("the dataset has no examples; name one with data=NAME.")
    labels = tuple(name for name in by if all(name in one.labels for one in dataset))
    return labels, list(dict.fromkeys(_group(one, labels) for one in dataset))


def _group(example: Example, labels: Sequence[str]) -> Group:
    return tuple(str(example.labels[name]) for name in labels)


class Questions:
    """The examples whose answers the model knows, and the group that each belongs to.

    An example with a word in its answer that the model has no entry for cannot be asked; `left_out`
    counts those of each group, and `guessed` the words elsewhere that the model reads as unknown.
    """

    def __init__(self, model: Model, dataset: Dataset, by: Sequence[str]) -> None:
        labels, self.groups = groups_of(dataset, by)
        place = {group: at for at, group in enumerate(self.groups)}
        self.examples: list[Example] = []
        self.left_out = np.zeros(len(self.groups), dtype=np.int64)
        self.guessed = 0
        numbers = []
        for example in dataset:
            group = place[_group(example, labels)]
            unknown = model.unknown(example)
            if set(unknown) & {*example.target, example.labels.get("wrong")}:
                self.left_out[group] += 1
                continue
            self.examples.append(example)
            numbers.append(group)
            self.guessed += len(unknown)
        if not self.examples:
            raise ProbekitError(
                f"the model knows none of the answers of {dataset.name}: every one has a word that"
                " is not in its vocabulary; name another dataset with data=NAME."
            )
        self.numbers = torch.tensor(numbers)

    @property
    def counts(self) -> Int[np.ndarray, " group"]:
        """How many examples of each group are asked, `[group]`."""
        return np.bincount(self.numbers.numpy(), minlength=len(self.groups))

    def right(
        self, margins: Float[Tensor, "ablation example"]
    ) -> Int[np.ndarray, "ablation group"]:
        """How many answers of each group are right, `[ablation, group]`."""
        asked = torch.nn.functional.one_hot(self.numbers, len(self.groups)).double()
        found: np.ndarray = ((margins > 0).double() @ asked).numpy().astype(np.int64)
        return found


def unasked(label: str, left_out: int, guessed: int) -> list[str]:
    """What a model could not be asked, and what it read without knowing, if anything."""
    said = []
    if left_out:
        said.append(
            f"{label}: {left_out} examples were left out, because a word of their answer is not in"
            " the vocabulary."
        )
    if guessed:
        said.append(f"{label}: {guessed} words of the examples were read as unknown words.")
    return said
