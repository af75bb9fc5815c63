"""The verb forms of a dataset, and how far single weights set singular and plural ones apart.

A form is the answer of an example whose subject has its number, or the alternative where it has the
other one (labels `number` and `wrong`).
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from probekit.dataset import Example
from probekit.errors import ProbekitError
from probekit.language import LanguageModel
from probekit.model import Model
from probekit.weights import WeightSpec

SINGULAR, PLURAL = NUMBERS = ("singular", "plural")
LEAST = 2  # forms of a number, of which a deviation can be taken

Weights = Float[np.ndarray, "form unit"]
Units = Float[np.ndarray, " unit"]


class Forms(NamedTuple):
    """Words with their number, and their rows in a matrix; and how many were left out, and why."""

    words: list[str]
    singular: Bool[np.ndarray, " form"]
    rows: list[int]
    unknown: int
    ambiguous: int


def forms_of(examples: Iterable[Example]) -> dict[str, set[str]]:
    """Every form with the numbers that it is used for, in the order of the examples."""
    found: dict[str, set[str]] = {}
    for example in examples:
        number, wrong = example.labels.get("number"), example.labels.get("wrong")
        if number not in NUMBERS or len(example.target) != 1 or not isinstance(wrong, str):
            continue
        found.setdefault(example.target[0], set()).add(str(number))
        found.setdefault(wrong, set()).add(PLURAL if number == SINGULAR else SINGULAR)
    return found


def known_forms(found: Mapping[str, set[str]], model: Model, spec: WeightSpec, label: str) -> Forms:
    """The forms of one number that the matrix has a row for.

    Raises ProbekitError where there are fewer than two of either number.
    """
    clear = {word: next(iter(numbers)) for word, numbers in found.items() if len(numbers) == 1}
    rows = {word: _row(word, model, spec) for word in clear}
    known = {word: row for word, row in rows.items() if row is not None}
    singular = np.array([clear[word] == SINGULAR for word in known], dtype=bool)
    counts = int(singular.sum()), int((~singular).sum())
    if min(counts) < LEAST:
        raise ProbekitError(
            f"{label} knows {counts[0]} singular and {counts[1]} plural forms of the"
            f" {len(found)} that the dataset asks for, and {LEAST} of each are needed; name one"
            " whose examples have a verb as target with data=NAME, such as number-agreement."
        )
    return Forms(
        list(known), singular, list(known.values()), len(clear) - len(known),
        len(found) - len(clear),
    )  # fmt: skip


def _row(word: str, model: Model, spec: WeightSpec) -> int | None:
    """The row of a word; None where there is none."""
    if not isinstance(model, LanguageModel):
        return spec.rows.index(word) if word in spec.rows else None
    try:
        return model.word_ids([word])[0]
    except ProbekitError:
        return None


def separation(weights: Weights, singular: Bool[np.ndarray, " form"]) -> Units:
    """|mean of singular - mean of plural| / (deviation of singular + deviation of plural)."""
    one, two = weights[singular], weights[~singular]
    apart = np.abs(one.mean(0) - two.mean(0))
    spread = one.std(0) + two.std(0)
    return np.divide(apart, spread, out=np.where(apart > 0, np.inf, 0.0), where=spread > 0)


def threshold_accuracy(weights: Weights, singular: Bool[np.ndarray, " form"]) -> Units:
    """The share of forms that the best single threshold on each unit's weight puts right."""
    best = np.zeros(weights.shape[1])
    for threshold in weights:
        right = ((weights <= threshold) == singular[:, None]).mean(0)
        best = np.maximum(best, np.maximum(right, 1 - right))
    return best
