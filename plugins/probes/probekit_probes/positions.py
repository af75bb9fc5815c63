"""Where a model reads the words of an example: at the last of the tokens that it makes of each.

    positions = Positions(model)
    positions.of(example, ids, [1, 4])      # the positions of the second and the fifth word

A model may cut words up, put a token before them or one behind them. Where it has one position a
word nothing is asked; otherwise the beginning of the example as far as the word is encoded alone,
and the word ends where that ends.
"""

from collections.abc import Sequence
from dataclasses import replace

from probekit.dataset import Example
from probekit.errors import ProbekitError
from probekit.model import Model


class Positions:
    """The positions of words, as one model encodes them."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.known: dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]] = {}

    def of(self, example: Example, ids: Sequence[int], words: Sequence[int]) -> list[int]:
        """The positions of the words in the example's own `ids`.

        Raises ProbekitError where the beginning of an example has other tokens than the example.
        """
        if len(ids) == len(example.words):
            return list(words)
        behind = self._behind(example, ids)
        return [self._end(example, ids, word, behind) - 1 for word in words]

    def _end(self, example: Example, ids: Sequence[int], word: int, behind: int) -> int:
        """How many tokens there are as far as the word."""
        beginning = self._ids(example, word)
        end = len(beginning) - behind
        if not 0 < end <= len(ids) or beginning[:end] != list(ids[:end]):
            raise ProbekitError(
                f"the model makes other tokens of the first {word + 1} words of"
                f" {example.source or 'an example'} than of all of them, so it has no position for"
                " each word; choose a model that reads word by word."
            )
        return end

    def _behind(self, example: Example, ids: Sequence[int]) -> int:
        """How many tokens the model puts behind the last word, where that can be told."""
        if len(example.words) < 2:
            return 0
        first = self._ids(example, 0)
        pairs = zip(first, ids, strict=False)
        shared = next((at for at, (one, other) in enumerate(pairs) if one != other), len(first))
        tail = first[shared:]
        return len(tail) if tail == list(ids[len(ids) - len(tail) :]) else 0

    def _ids(self, example: Example, word: int) -> list[int]:
        """The tokens of the beginning of an example, the word included."""
        key = example.context, example.words[: word + 1]
        if key not in self.known:
            batch = self.model.encode([replace(example, words=key[1], target=())])
            self.known[key] = batch.tokens[0, : int(batch.lengths[0])].tolist()
        return self.known[key]
