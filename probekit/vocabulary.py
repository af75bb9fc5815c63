"""A closed vocabulary: words <-> ids."""

from collections.abc import Iterable, Sequence

from probekit.dataset import Example
from probekit.errors import ProbekitError, Problems, did_you_mean

SHOWN = 5


class Vocabulary:
    """Words numbered from 0 in the order given.

    Where `unknown` names one of the words, a word that is not listed becomes that one; otherwise
    it is an error.
    """

    def __init__(self, words: Sequence[str], unknown: str | None = None) -> None:
        self.words = tuple(words)
        self.ids = {word: index for index, word in enumerate(self.words)}
        if len(self.ids) != len(self.words):
            twice = next(word for word in self.words if self.words.count(word) > 1)
            raise ProbekitError(f"the vocabulary lists {twice!r} twice; each word may stand once.")
        self.unknown = unknown

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self.ids

    def encode(self, words: Iterable[str]) -> list[int]:
        """The ids of the words; raises ProbekitError at an unknown word."""
        return [self._id(word) for word in words]

    def decode(self, ids: Iterable[int]) -> tuple[str, ...]:
        """The words of the ids."""
        return tuple(self.words[index] for index in ids)

    def _id(self, word: str) -> int:
        found = self.ids.get(word)
        if found is None and self.unknown is not None:
            found = self.ids[self.unknown]
        if found is None:
            raise ProbekitError(f"the word {word!r} is not in the model's vocabulary.")
        return found

    def check(self, examples: Iterable[Example], field: str = "words") -> None:
        """Raise Problems that name the first unknown words and where they stand."""
        if self.unknown is not None:
            return
        problems, total, unknown = [], 0, ""
        for example in examples:
            for word in getattr(example, field):
                total += 1
                if word not in self.ids:
                    hint = did_you_mean(word, self.words)
                    where = example.source or "an example"
                    unknown = unknown or f"{word!r} ({where})"
                    problems.append(
                        f"{where}: the word {word!r} is not in the model's vocabulary"
                        f"{hint}; correct the file or choose a model that knows it."
                    )
        if len(problems) > SHOWN and 2 * len(problems) > total:
            raise Problems(
                [
                    f"the dataset does not fit the model: {len(problems)} of {total} words are not"
                    f" in the model's vocabulary, such as {unknown}; name another with data=NAME."
                ]
            )
        if problems:
            more = len(problems) - SHOWN
            raise Problems(problems[:SHOWN] + ([f"... and {more} more such words."] * (more > 0)))
