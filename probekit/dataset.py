"""Datasets: sequences of words with whatever labels an analysis asks for.

A dataset knows nothing of any model; a model turns its examples into a Batch of token ids.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any, overload

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from probekit.errors import ProbekitError, did_you_mean, listing
from probekit.hooks import Part


@dataclass(frozen=True)
class Example:
    """One sequence: its words, what a sequence-to-sequence model should answer, and labels.

    `source` says where it stands (`train.tsv line 3`), for messages. `context` is what every model
    reads first: it has an effect and no positions of its own.
    """

    words: tuple[str, ...]
    target: tuple[str, ...] = ()
    labels: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    context: tuple[str, ...] = ()


@dataclass(frozen=True)
class Batch:
    """Examples as token ids, padded on the right.

    `tokens` is `[batch, pos]` and `lengths` `[batch]`; `targets` and `target_lengths` are the same
    for the decoder (None where the model has none). `context` are ids that every row reads first.
    """

    tokens: Int[Tensor, "batch pos"]
    lengths: Int[Tensor, " batch"]
    targets: Int[Tensor, "batch target_pos"] | None = None
    target_lengths: Int[Tensor, " batch"] | None = None
    examples: tuple[Example, ...] = ()
    context: Int[Tensor, " context"] | None = None

    def __len__(self) -> int:
        return int(self.tokens.shape[0])

    def mask(self, part: Part | None = None) -> Bool[Tensor, "batch pos"]:
        """Which positions of that part of the model are real, not padding: `[batch, pos]`."""
        if part == "decoder":
            if self.targets is None or self.target_lengths is None:
                raise ProbekitError("this batch has no targets, so it has no decoder positions.")
            return positions_before(self.target_lengths, self.targets.shape[1])
        return positions_before(self.lengths, self.tokens.shape[1])


def positions_before(lengths: Int[Tensor, " batch"], width: int) -> Bool[Tensor, "batch pos"]:
    """True at the first `lengths[b]` of `width` positions, `[batch, pos]`."""
    return torch.arange(width, device=lengths.device)[None, :] < lengths[:, None]


def pad(
    rows: Sequence[Sequence[int]], value: int
) -> tuple[Int[Tensor, "batch pos"], Int[Tensor, " batch"]]:
    """Rows of ids as one `[batch, pos]` tensor filled up with `value`, and their lengths."""
    lengths = torch.tensor([len(row) for row in rows], dtype=torch.long)
    tokens = torch.full((len(rows), int(lengths.max()) if rows else 0), value, dtype=torch.long)
    for index, row in enumerate(rows):
        tokens[index, : len(row)] = torch.tensor(row, dtype=torch.long)
    return tokens, lengths


def shared_context(examples: Sequence[Example]) -> tuple[str, ...]:
    """The context that all of some examples have; ProbekitError where they differ in it."""
    contexts = {example.context for example in examples}
    if len(contexts) > 1:
        raise ProbekitError(
            "examples of one batch follow different contexts; put those of one context together."
        )
    return contexts.pop() if contexts else ()


def alike(examples: Sequence[Example], size: int) -> list[list[int]]:
    """The numbers of the examples in blocks of at most `size`, of one context and alike in length.

    They can be encoded together, with little padding.
    """

    def sizes(at: int) -> tuple[Any, ...]:
        return examples[at].context, len(examples[at].words), len(examples[at].target)

    blocks: list[list[int]] = []
    for at in sorted(range(len(examples)), key=sizes):
        last = blocks[-1] if blocks else []
        if last and len(last) < size and examples[last[0]].context == examples[at].context:
            last.append(at)
        else:
            blocks.append([at])
    return blocks


class Dataset(ABC):
    """Examples by number; a dataset too large for memory reads them when asked."""

    name: str = "dataset"

    @abstractmethod
    def __len__(self) -> int:
        """The number of examples."""

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Example]: ...
    @abstractmethod
    def __getitem__(self, index: int | slice) -> Example | Sequence[Example]:
        """One example, or those of a slice."""

    def __iter__(self) -> Iterator[Example]:
        return (self[index] for index in range(len(self)))

    def split(self, name: str) -> "Dataset":
        """The named part of the dataset (`train`, `validation`, ...)."""
        raise ProbekitError(
            f"the dataset {self.name} has no split called {name}; it has no splits."
        )

    @cached_property
    def fingerprint(self) -> str:
        """A hash of every word, target and label: it tells whether two runs saw the same data."""
        digest = sha256()
        for example in self:
            labels = sorted((key, str(value)) for key, value in example.labels.items())
            told = (example.words, example.target, labels)
            digest.update(repr((*told, example.context) if example.context else told).encode())
        return digest.hexdigest()


class ListDataset(Dataset):
    """A dataset that is held in memory, with named splits."""

    def __init__(
        self,
        examples: Sequence[Example],
        name: str = "dataset",
        splits: Mapping[str, Sequence[Example]] | None = None,
    ) -> None:
        self.name = name
        self.splits = dict(splits or {})
        self._examples = tuple(examples)

    def __len__(self) -> int:
        return len(self._examples)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | Sequence[Example]:
        return self._examples[index]

    def split(self, name: str) -> "ListDataset":
        """The named part of the dataset; an unknown name is an error that lists the known."""
        if name not in self.splits:
            hint = did_you_mean(name, self.splits) or f"; it has: {listing(self.splits)}"
            raise ProbekitError(f"the dataset {self.name} has no split called {name}{hint}.")
        return ListDataset(self.splits[name], f"{self.name}/{name}")
