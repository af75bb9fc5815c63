"""A dataset as language models read it with its answers: the right word stands last."""

from collections.abc import Sequence
from dataclasses import replace
from typing import overload

from probekit.dataset import Dataset, Example


class Answered(Dataset):
    """The same examples with their target at the end of their words."""

    def __init__(self, whole: Dataset) -> None:
        self.whole, self.name = whole, whole.name

    def __len__(self) -> int:
        return len(self.whole)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | Sequence[Example]:
        found = self.whole[index]
        if isinstance(found, Example):
            return answered(found)
        return [answered(example) for example in found]


def answered(example: Example) -> Example:
    """The example with its target at the end of its words."""
    return replace(example, words=(*example.words, *example.target), target=())
