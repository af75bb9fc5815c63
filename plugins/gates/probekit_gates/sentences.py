"""Sentences put together by condition, and the words that stand for them on an axis.

Conditions come from labels: `task` (where there is one), the label that is compared, and `number`,
the number of the subject (where there is one).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from probekit.dataset import Dataset, Example
from probekit.errors import ProbekitError, listing

MOST_GROUPS = 64
CONDITION, EVERY = "condition", "all"


class Key(NamedTuple):
    """What the sentences of one group share, as text; empty where a label is missing."""

    task: str
    condition: str
    number: str


@dataclass(frozen=True)
class Group:
    """The sentences of one condition.

    `title` is the condition as it is shown. `subject_at` and `length` (the words before the answer)
    are None where the sentences differ in them.
    """

    key: Key
    title: str
    examples: int
    subject_at: int | None
    length: int | None


def compared(dataset: Dataset, by: str | None) -> str:
    """The label whose values are compared: the one given, or `condition`, or none (empty)."""
    if by is not None:
        return by
    return CONDITION if len(dataset) and CONDITION in dataset[0].labels else ""


def key_of(example: Example, by: str) -> Key:
    """The group of an example; ProbekitError where it lacks the label that is compared."""
    labels = example.labels
    if by and by not in labels:
        raise ProbekitError(
            f"{example.source or 'an example'} has no label {by}; compare by another with"
            f" by=LABEL (it has: {listing(sorted(labels))})."
        )
    condition = str(labels[by]) if by else EVERY
    return Key(str(labels.get("task", "")), condition, str(labels.get("number", "")))


def groups_of(dataset: Dataset, by: str) -> list[Group]:
    """The groups in the order of their first sentence."""
    found: dict[Key, list[tuple[int, int]]] = {}
    for example in dataset:
        subject = example.labels.get("subject_at", -1)
        found.setdefault(key_of(example, by), []).append((int(subject), len(example.words)))
        if len(found) > MOST_GROUPS:
            raise ProbekitError(
                f"the label {by} makes more than {MOST_GROUPS} conditions; compare by one with few"
                " values with by=LABEL."
            )
    several = Counter((key.task, key.condition) for key in found)
    return [
        Group(
            key,
            f"{key.condition} {key.number}" if several[key[:2]] > 1 else key.condition,
            len(rows),
            _shared([subject for subject, _ in rows if subject >= 0], len(rows)),
            _shared([length for _, length in rows], len(rows)),
        )
        for key, rows in found.items()
    ]


def axis_words(sentences: Iterable[Sequence[str]]) -> list[str]:
    """The most frequent word at each position, with `…` where there are others."""
    counts: list[Counter[str]] = []
    for words in sentences:
        counts += [Counter() for _ in range(len(words) - len(counts))]
        for count, word in zip(counts, words, strict=False):
            count[word] += 1
    return [count.most_common(1)[0][0] + ("…" if len(count) > 1 else "") for count in counts]


def _shared(values: Sequence[int], examples: int) -> int | None:
    """The value that all examples have, or None."""
    return values[0] if len(values) == examples and len(set(values)) == 1 else None
