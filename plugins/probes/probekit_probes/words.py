"""The words whose syntactic depth is told, with the covariate.

    words = read_words(dataset, seed=0, frequency=True)
    words.places[i]          # the sampled positions of example i

Sentences are shuffled, so that folds of contiguous samples hold sentences of every kind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from probekit.dataset import Dataset, Example
from probekit.errors import ProbekitError
from probekit_probes.trials import label, named


@dataclass(frozen=True)
class Words:
    """The examples in their shuffled order, and the positions that are sampled from each.

    A sample is a word: its depth, and its frequency (None where that was not asked for).
    """

    examples: tuple[Example, ...]
    places: tuple[tuple[int, ...], ...]
    depth: Float[np.ndarray, " sample"]
    frequency: Float[np.ndarray, " sample"] | None

    def __len__(self) -> int:
        return len(self.depth)


def read_words(dataset: Dataset, seed: int, frequency: bool) -> Words:
    """The sampled words of every example.

    Raises ProbekitError where a label is missing or does not fit the words, where nothing is
    sampled, and where all depths are the same.
    """
    if not len(dataset):
        raise ProbekitError("the dataset has no examples; name one with data=NAME.")
    order = np.random.default_rng(seed).permutation(len(dataset))
    examples = tuple(dataset[int(at)] for at in order)
    places = tuple(_places(example) for example in examples)
    depth = _gathered(examples, places, "depth")
    if not len(depth):
        raise ProbekitError(f"the dataset {dataset.name} samples no word; give data.sample=false.")
    if np.ptp(depth) == 0:
        raise ProbekitError(
            f"the depth is {depth[0]:g} at every word sampled, so there is nothing to tell apart;"
            " give more data."
        )
    return Words(
        examples, places, depth, _gathered(examples, places, "frequency") if frequency else None
    )


def _places(example: Example) -> tuple[int, ...]:
    places = _values(example, "sampled")
    count = len(example.words)
    if any(not isinstance(at, int) or not 0 <= at < count for at in places):
        raise ProbekitError(
            f"{named(example)}: sampled is {list(places)}, and its {count} words have the positions"
            f" 0 to {count - 1}."
        )
    return tuple(places)


def _gathered(
    examples: Sequence[Example], places: Sequence[Sequence[int]], name: str
) -> Float[np.ndarray, " sample"]:
    found: list[float] = []
    for example, some in zip(examples, places, strict=True):
        values = _values(example, name)
        if len(values) != len(example.words):
            raise ProbekitError(
                f"{named(example)} has {len(values)} values of {name} for {len(example.words)}"
                " words; it should have one for each."
            )
        found += [float(values[at]) for at in some]
    return np.array(found, dtype=np.float64)


def _values(example: Example, name: str) -> Sequence[Any]:
    values = label(example, name)
    if not isinstance(values, tuple | list):
        raise ProbekitError(
            f"{named(example)}: {name} is {values!r}; it should have a value for each word."
        )
    return values
