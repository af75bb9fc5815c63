"""What a pass over the corpus left behind: tokens, and bits that are read as they are needed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Int32

from probekit.analysis import Measured, Partial
from probekit_neurons.grams import Grams
from probekit_neurons.packing import UNITS, Bytes
from probekit_neurons.sweep import Places

HELD = 2**26  # bytes of bits that are held at once


@dataclass
class Recorded:
    """The windows of one model in the order of the shards.

    `tokens [window, pos]`; `domain [window]` numbers the names in `domains`.
    """

    tokens: Int32[np.ndarray, "window pos"]
    domain: Int[np.ndarray, " window"]
    domains: tuple[str, ...]
    partials: Sequence[Partial]
    _grams: Grams | None = None

    @classmethod
    def of(cls, parts: Sequence[Measured]) -> "Recorded":
        """What the partials of one model hold."""
        tokens = [np.asarray(part.partial["tokens"]) for part in parts]
        names = [str(part.shard.task["domain"]) for part in parts]
        domains = tuple(dict.fromkeys(names))
        numbers = [domains.index(name) for name in names]
        domain = np.repeat(numbers, [len(one) for one in tokens])
        return cls(np.concatenate(tokens), domain, domains, [part.partial for part in parts])

    def grams(self, bos: int | None) -> Grams:
        """The n-grams of the windows, sorted once."""
        if self._grams is None:
            self._grams = Grams.of(self.tokens, bos)
        return self._grams

    def places(self, bos: int | None) -> Places:
        """Positions told apart by begin-of-sentence or not, domain, and place in the window."""
        begin = np.zeros(self.tokens.shape, dtype=np.int64)
        if bos is not None:
            begin = (self.tokens == bos).astype(np.int64)
        row = begin * len(self.domains) + self.domain[:, None]
        cell = row * self.tokens.shape[1] + np.arange(self.tokens.shape[1])
        kinds = 1 if bos is None else 2
        return Places(cell.reshape(-1), kinds * len(self.domains) * self.tokens.shape[1])

    def blocks(
        self, hook: str, units: int, cells: int, held: int = HELD
    ) -> Iterator[tuple[int, Bytes]]:
        """The bits of a hook point, `[byte, position]`, some bytes at a time, with the first unit.

        So many that the bits, and counts of `cells` a unit, take no more than `held` bytes each.
        """
        count = -(-units // UNITS)
        step = max(1, min(held // max(1, self.tokens.size), held // (8 * UNITS * cells)))
        for first in range(0, count, step):
            rows = [one[f"bits/{hook}"][first : first + step] for one in self.partials]
            yield first * UNITS, np.concatenate(rows, axis=1)
