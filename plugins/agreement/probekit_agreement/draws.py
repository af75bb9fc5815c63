"""Random choices that are the same on every platform and version of numpy."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

BLOCK = 4096

T = TypeVar("T")


class Draws:
    """Choices by the raw stream of PCG64, which numpy promises never to change."""

    def __init__(self, seed: int) -> None:
        self._raw = _stream(np.random.PCG64(seed))

    def below(self, count: int) -> int:
        """A number from 0 to `count` - 1."""
        return next(self._raw) % count

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return next(self._raw) < probability * 2.0**64

    def pick(self, items: Sequence[T]) -> T:
        """One of the items, each as likely as the other."""
        return items[self.below(len(items))]

    def weighted(self, items: Sequence[tuple[T, int]]) -> T:
        """One of the items, as likely as the whole number beside it says."""
        at = self.below(sum(weight for _, weight in items))
        for item, weight in items:
            at -= weight
            if at < 0:
                return item
        raise AssertionError("weights are whole numbers from 1")

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in another order."""
        keys = [next(self._raw) for _ in items]
        return [items[at] for at in sorted(range(len(items)), key=keys.__getitem__)]


def _stream(source: np.random.PCG64) -> Iterator[int]:
    while True:
        yield from source.random_raw(BLOCK).tolist()
