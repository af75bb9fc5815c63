"""Which positions are looked at, and what is to be predicted at each.

    samples = read_samples(model, dataset, spec, params)
    samples.values[samples.labels[0]]       # what the first of them is to be classified as

At position t the target `token` is the word there and `position` is t. Any other target is a label
of the dataset: one value for the whole example, or a sequence with one for each position, of which
None leaves a position out. At decoder step t all of them are those of input position t: that is the
word which the decoder answers there, where a task goes word by word.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any

import numpy as np
from jaxtyping import Int

from probekit.dataset import Dataset, Example
from probekit.errors import ProbekitError, did_you_mean, listing
from probekit.hooks import HookSpec
from probekit.model import Model
from probekit_probes.params import GroupParams

SHOWN = 12
TOKEN, POSITION = "token", "position"


@dataclass(frozen=True)
class Samples:
    """The positions that have a target.

    Their examples by number and places in the batch, and their labels as an index into `values`.
    """

    examples: Int[np.ndarray, " sample"]
    positions: Int[np.ndarray, " sample"]
    labels: Int[np.ndarray, " sample"]
    values: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)


def read_samples(model: Model, dataset: Dataset, spec: HookSpec, params: GroupParams) -> Samples:
    """Every real position of the hook point that has a target.

    Raises ProbekitError where the dataset lacks the label or has none of the `classes`, and where
    a label of positions does not fit the positions that the model has.
    """
    targets = _Targets(params.target, spec)
    places: list[tuple[int, int]] = []
    found: list[Any] = []
    for start in range(0, len(dataset), params.batch_size):
        examples = dataset[start : start + params.batch_size]
        batch = model.encode(examples)
        mask = batch.mask(spec.part).cpu().numpy()
        for row, example in enumerate(examples):
            real = np.flatnonzero(mask[row]).tolist()
            places += [(start + row, position) for position in real]
            ids = [] if spec.part == "decoder" else batch.tokens[row, real].tolist()
            found += targets.of(example, len(real), ids)
    return _chosen(places, targets.names(found, dataset), params, spec)


def _chosen(
    places: Sequence[tuple[int, int]],
    names: Sequence[str | None],
    params: GroupParams,
    spec: HookSpec,
) -> Samples:
    """The positions whose target is admitted."""
    kept = [at for at, name in enumerate(names) if name is not None and _admits(params, name)]
    if not kept:
        known = listing(islice(sorted({name for name in names if name}, key=_order), SHOWN))
        wanted = f" among {listing(params.classes)}" if params.classes else ""
        raise ProbekitError(
            f"no position of {spec.name} has a {params.target}{wanted}; its values are: {known}."
        )
    chosen = [str(names[at]) for at in kept]
    values = tuple(sorted(set(chosen), key=_order))
    index = {value: at for at, value in enumerate(values)}
    return Samples(
        np.array([places[at][0] for at in kept]),
        np.array([places[at][1] for at in kept]),
        np.array([index[value] for value in chosen]),
        values,
    )


class _Targets:
    """Reads the target of every position, one example after another."""

    def __init__(self, target: str, spec: HookSpec) -> None:
        self.target, self.spec = target, spec
        self.labels: dict[str, None] = {}
        self.worded = True

    def of(self, example: Example, count: int, ids: Sequence[int]) -> Sequence[Any]:
        """The targets of an example's `count` positions."""
        if self.target == POSITION:
            return range(count)
        if self.target == TOKEN:
            return self._tokens(example, count, ids)
        self.labels.update(dict.fromkeys(example.labels))
        value = example.labels.get(self.target)
        if not isinstance(value, tuple | list):
            return [value] * count
        self._check(len(value), example, count, f"values of {self.target}")
        return value[:count]

    def names(self, found: Sequence[Any], dataset: Dataset) -> list[str | None]:
        """The targets as text."""
        if self.target == TOKEN:
            return [word if self.worded else f"#{number}" for word, number in found]
        if self.target != POSITION and self.target not in self.labels:
            hint = did_you_mean(self.target, self.labels)
            raise ProbekitError(
                f"the dataset {dataset.name} has no label called {self.target}{hint}; give"
                f" target=token, target=position, or one of its labels: {listing(self.labels)}."
            )
        return [None if value is None else str(value) for value in found]

    def _tokens(self, example: Example, count: int, ids: Sequence[int]) -> Sequence[Any]:
        """Words with ids; where a model cuts words up or adds some, the ids alone are right."""
        if self.spec.part == "decoder":
            self._check(len(example.words), example, count, "words")
            return [(word, 0) for word in example.words[:count]]
        self.worded &= len(example.words) == count
        words = example.words if len(example.words) == count else [""] * count
        return list(zip(words, ids, strict=True))

    def _check(self, given: int, example: Example, count: int, what: str) -> None:
        """Raise ProbekitError where there is not one value a position."""
        spare = self.spec.part == "decoder" and given == len(example.words) > count
        if given == count or spare:
            return
        where = example.source or "an example"
        raise ProbekitError(
            f"{where} has {given} {what} for the {count} positions of {self.spec.name}, which needs"
            " one for each; give target=position or a label of whole examples."
        )


def _admits(params: GroupParams, name: str) -> bool:
    return not params.classes or any(fnmatchcase(name, one) for one in params.classes)


def _order(name: str) -> tuple[int, int, str]:
    """Whole numbers by size, then words."""
    number = re.fullmatch(r"-?[0-9]{1,18}", name)
    return (0, int(name), name) if number else (1, 0, name)
