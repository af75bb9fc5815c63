"""Pairs of words as the ids that tell them apart, in models of words and of parts of words.

    spelling = Spelling(model)
    spelling.of(("greets", "greet"))          # Spelled(shared=(812,), first=1203, second=97)

A model of parts of words reads what both words begin alike with; then one id is compared with
another. Given that beginning, their odds are those of the words.
"""

from typing import NamedTuple, Protocol, runtime_checkable

from probekit.dataset import Example
from probekit.errors import ProbekitError
from probekit.language import LanguageModel


class Spelled(NamedTuple):
    """The ids that both words begin with, and the one that each ends with."""

    shared: tuple[int, ...]
    first: int
    second: int


@runtime_checkable
class Choice(Protocol):
    """What a model of parts of words says of a right and a wrong word."""

    shared: tuple[int, ...]
    right: int
    wrong: int


@runtime_checkable
class Choosing(Protocol):
    """A language model whose words may be several ids."""

    def choice(self, example: Example) -> Choice:
        """What tells the answers of an example apart; ProbekitError where no one id does."""


class Spelling:
    """How a model spells pairs of words; each pair is looked up once."""

    def __init__(self, model: LanguageModel) -> None:
        self.model = model
        self._found: dict[tuple[str, ...], Spelled | None] = {}

    def of(self, answers: tuple[str, ...]) -> Spelled | None:
        """The ids of two words; None where their odds are not those of two ids."""
        if answers not in self._found:
            try:
                self._found[answers] = self._look_up(*answers)
            except ProbekitError:
                self._found[answers] = None
        return self._found[answers]

    def _look_up(self, first: str, second: str) -> Spelled:
        if not isinstance(self.model, Choosing):
            one, other = self.model.word_ids((first, second))
            return Spelled((), one, other)
        found = self.model.choice(Example((), (first,), {"wrong": second}))
        return Spelled(tuple(found.shared), found.right, found.wrong)
