"""Phrases without a verb: subjects, objects, places, adverbs, each drawn at random.

Every noun draws its number by itself, and its determiner goes with that number.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from probekit_agreement.draws import Draws
from probekit_agreement.lexicon import (
    ADJECTIVES,
    CAREFUL_ADVERBS,
    DEGREE_ADVERBS,
    DEGREES,
    DETERMINERS,
    LOCATIONS,
    MANNER_ADVERBS,
    NAMES,
    NUMBERS,
    NUMERALS,
    OPEN_ADVERBS,
    PACE_ADVERBS,
    PEOPLE,
    PLACES,
    PLURAL,
    PREPOSITIONS,
    PROFESSIONS,
    RELATIONAL,
    RELATIVES,
    SENTENCE_ADVERBS,
    SINGULAR,
    SUBJECTS,
    VOWELS,
    Noun,
    Number,
)


@dataclass(frozen=True)
class Subject:
    """What a verb agrees with: its head nouns or name, their number, where the first stands."""

    heads: tuple[str, ...]
    number: Number
    at: int


@dataclass(frozen=True)
class Agreement:
    """One verb of a sentence: the subject, where the agreeing word stands, the verb's lemma.

    `form` is the agreeing word, or a past form or `will`, which agree with any subject; `meets` is
    the lemma of the verb that the subject is joined with (None for a copula).
    """

    subject: Subject
    at: int
    form: str
    meets: str | None


@dataclass
class Sentence:
    """Words as they are being written, with the verbs so far and the construction's name."""

    words: list[str] = field(default_factory=list)
    agreements: list[Agreement] = field(default_factory=list)
    construction: str = ""

    def text(self) -> str:
        """The sentence on one line: its first word starts with a capital."""
        first, *rest = self.words
        return " ".join((f"{first[0].upper()}{first[1:]}", *rest))


class Phrases:
    """Writes phrases into the sentence at hand; a subject is written and then told."""

    def __init__(self, seed: int) -> None:
        self._draws = Draws(seed)
        self._now = Sentence()

    def _adverbs(self) -> None:
        """Nothing, or one of the adverbial phrases of lakretz2019 (table 1) and a few more."""
        kind = self._draws.weighted(
            (("", 48), ("one", 17), ("two", 11), ("and", 11), ("manner", 5), ("pace", 8))
        )
        if kind in ("one", "two"):
            if kind == "two":
                self._write(self._draws.pick(DEGREE_ADVERBS))
            self._write(self._draws.pick(SENTENCE_ADVERBS))
        elif kind == "and":
            self._write(self._draws.pick(OPEN_ADVERBS), "and", self._draws.pick(CAREFUL_ADVERBS))
        elif kind == "manner":
            self._write(self._draws.pick(MANNER_ADVERBS))
        elif kind == "pace":
            self._pace(1.0)

    def _pace(self, probability: float) -> None:
        if self._draws.chance(probability):
            if self._draws.chance(0.5):
                self._write(self._draws.pick(DEGREES))
            self._write(self._draws.pick(PACE_ADVERBS))

    # Subjects

    def _short(self) -> Subject:
        return self._name() if self._draws.chance(0.2) else self._noun()

    def _noun(self) -> Subject:
        """`the boy`, `these boys`."""
        number = self._draws.pick(NUMBERS)
        return self._head(self._person(), number, self._determiner(number))

    def _name(self) -> Subject:
        name = self._draws.pick(tuple(NAMES))
        return self._written((name,), SINGULAR, (), name)

    def _described(self) -> Subject:
        """`the very happy boy`."""
        number = self._draws.pick(NUMBERS)
        before = [*self._determiner(number), *self._adjectives()]
        return self._head(self._person(), number, before)

    def _counted(self) -> Subject:
        """`ten happy boys`, or `one boy` as often."""
        number = self._draws.pick(NUMBERS)
        count = "one" if number == SINGULAR else self._draws.pick(NUMERALS)
        before = ["the"] if number == PLURAL and self._draws.chance(0.3) else []
        before.append(count)
        if self._draws.chance(0.5):
            before += self._adjectives()
        return self._head(self._person(), number, before)

    def _of_phrase(self) -> Subject:
        """`the sisters of the poet`."""
        number = self._draws.pick(NUMBERS)
        word = self._draws.pick(tuple(RELATIONAL))
        subject = self._head(word, number, self._determiner(number))
        self._write("of")
        self._draws.weighted(
            ((self._noun, 5), (self._described, 3), (self._counted, 3), (self._name, 3))
        )()
        return subject

    def _pp_noun(self) -> Subject:
        """`the boy near the cars`."""
        subject = self._noun()
        self._locative(named=False)
        return subject

    def _pp_name(self) -> Subject:
        """`the boys near Pat`."""
        subject = self._noun()
        self._write(self._draws.pick(PREPOSITIONS))
        self._name()
        return subject

    def _double_pp(self) -> Subject:
        """`the boy near the cars behind the tree`."""
        subject = self._noun()
        self._locative()
        self._locative()
        return subject

    def _coordination(self) -> Subject:
        """`the boy and the girls`: plural, whatever its parts."""
        first = self._noun()
        self._write("and")
        second = self._short()
        return Subject((*first.heads, *second.heads), PLURAL, first.at)

    # Phrases

    def _object(self) -> None:
        self._draws.weighted(
            (
                (self._noun, 10),
                (self._described, 3),
                (self._counted, 3),
                (self._of_phrase, 2),
                (self._name, 3),
                (self._thing, 4),
            )
        )()
        self._maybe_locative(0.15)

    def _thing(self) -> None:
        number = self._draws.pick(NUMBERS)
        self._noun_phrase(self._place(), number, self._determiner(number))

    def _maybe_locative(self, probability: float) -> None:
        if self._draws.chance(probability):
            self._locative()

    def _locative(self, named: bool = True) -> None:
        """`near the cars`; with `named` also, now and then, `near Pat`."""
        self._write(self._draws.pick(PREPOSITIONS))
        if named and self._draws.chance(0.15):
            self._name()
            return
        number = self._draws.pick(NUMBERS)
        before = list(self._determiner(number))
        if self._draws.chance(0.1):
            before += self._adjectives()
        self._noun_phrase(self._place(), number, before)

    def _adjective(self) -> None:
        self._write(*self._adjectives())

    def _adjectives(self) -> list[str]:
        degree = [self._draws.pick(DEGREES)] if self._draws.chance(0.5) else []
        return [*degree, self._draws.pick(ADJECTIVES)]

    def _determiner(self, number: Number) -> list[str]:
        if self._draws.chance(0.75):
            return ["the"]
        return [self._draws.pick(DETERMINERS[number])]

    def _person(self) -> str:
        pool = self._draws.weighted(((SUBJECTS, 70), (RELATIVES, 15), (PROFESSIONS, 15)))
        return self._draws.pick(tuple(pool))

    def _place(self) -> Noun:
        pool = LOCATIONS if self._draws.chance(0.7) else PLACES
        if self._draws.chance(0.08):
            pool = SUBJECTS
        return pool[self._draws.pick(tuple(pool))]

    def _head(self, word: str, number: Number, before: Iterable[str]) -> Subject:
        return self._written((word,), number, before, PEOPLE[word].form(number))

    def _written(
        self, heads: tuple[str, ...], number: Number, before: Iterable[str], form: str
    ) -> Subject:
        self._write(*with_article(before, form))
        return Subject(heads, number, len(self._now.words) - 1)

    def _noun_phrase(self, noun: Noun, number: Number, before: Iterable[str]) -> None:
        self._write(*with_article(before, noun.form(number)))

    def _write(self, *words: str) -> None:
        self._now.words.extend(words)


def with_article(before: Iterable[str], form: str) -> list[str]:
    """The words with `an` for `a` where a vowel follows."""
    words = [*before, form]
    return [
        "an" if word == "a" and words[at + 1][0] in VOWELS else word
        for at, word in enumerate(words)
    ]
