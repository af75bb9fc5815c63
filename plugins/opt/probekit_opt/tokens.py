"""Text as token ids, by a Hugging Face tokenizer.

reader = TextReader(tokenizer, "my-model")
reader.ids("The boys near the car")
reader.words_as_ids(["likes", "like"])          # each as it stands inside a sentence
"""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from probekit.errors import ProbekitError

BEFORE = "a"  # a text that words can follow
END = "<eos>"  # what datasets write where a text ends
SHORT = 2000  # characters of a text whose ids are kept
KEPT = 20_000  # such texts
BROKEN = "�"  # what stands for bytes that are no whole character


class Choice(NamedTuple):
    """Which of two ids comes next: behind `shared` ids, `right` or `wrong`."""

    shared: tuple[int, ...]
    right: int
    wrong: int


class TextReader:
    """A tokenizer without its special tokens; `place` is the model's folder, for messages.

    Without a tokenizer every text is an error: such a model reads ids alone.
    """

    def __init__(self, tokenizer: Any, place: str) -> None:
        self._tokenizer, self.place = tokenizer, place
        self._short = lru_cache(KEPT)(self._read)  # sweeps ask for the same sentences again

    @property
    def there(self) -> bool:
        """Whether there is a tokenizer."""
        return self._tokenizer is not None

    @property
    def tokenizer(self) -> Any:
        """The tokenizer; ProbekitError where the folder has none."""
        if self._tokenizer is None:
            raise ProbekitError(
                f"{self.place} has no tokenizer, so the model cannot read text; put its"
                " tokenizer.json there, or give ids [batch, pos]."
            )
        return self._tokenizer

    def text(self, words: Sequence[str]) -> str:
        """Words parted by single spaces; the word `<eos>` is the tokenizer's own end of text."""
        end = self._tokenizer and self._tokenizer.eos_token
        if not end or END not in words:
            return " ".join(words)
        return "".join(end if word == END else f" {word}" for word in words).removeprefix(" ")

    def ids(self, text: str) -> list[int]:
        """The ids of a text."""
        return [*(self._short(text) if len(text) <= SHORT else self._read(text))]

    def _read(self, text: str) -> tuple[int, ...]:
        found = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return tuple(map(int, found))

    def following(self, before: str, text: str) -> list[int]:
        """The ids of a text that stands one space behind another."""
        first, whole = self.ids(before), self.ids(f"{before} {text}")
        return whole[len(first) :] if whole[: len(first)] == first else self.ids(f" {text}")

    def word(self, word: str) -> list[int]:
        """The ids of a word as it stands inside a sentence."""
        return self.following(BEFORE, word)

    def words_as_ids(self, words: Sequence[str]) -> list[int]:
        """The one id of each word; ProbekitError where a word is several tokens."""
        found = []
        for word in words:
            ids = self.word(word)
            if len(ids) != 1:
                raise ProbekitError(
                    f"{word!r} is {len(ids)} tokens of the model, so its likelihood is not one"
                    " number; leave such examples out."
                )
            found += ids
        return found

    def choice(self, right: str, wrong: str) -> Choice | None:
        """Two words as one token each behind what they begin alike with; None where they are not.

        Given that beginning the odds of the two tokens are those of the words.
        """
        one, other = self.word(right), self.word(wrong)
        shared = 0
        while shared < min(len(one), len(other)) and one[shared] == other[shared]:
            shared += 1
        if not len(one) == len(other) == shared + 1:
            return None
        return Choice(tuple(one[:shared]), one[-1], other[-1])

    @cached_property
    def bos(self) -> int | None:
        """The id that begins every sequence, if the tokenizer knows one."""
        found = self._tokenizer and self._tokenizer.bos_token_id
        return None if found is None else int(found)

    @property
    def pad(self) -> int:
        """An id to fill rows with; nobody reads it."""
        found = self._tokenizer and self._tokenizer.pad_token_id
        return 0 if found is None else int(found)

    def names(self, count: int) -> tuple[str, ...]:
        """The texts of the first `count` ids, with the space before them; none without tokenizer.

        A token of bytes that are no whole character keeps the tokenizer's own name for it.
        """
        if not self.there:
            return ()
        known = range(min(count, len(self.tokenizer)))
        texts = self.tokenizer.batch_decode([[one] for one in known])
        own = self.tokenizer.convert_ids_to_tokens(list(known))
        names = [name if BROKEN in text else text for text, name in zip(texts, own, strict=True)]
        return (*names, *(f"<{one}>" for one in range(len(names), count)))
