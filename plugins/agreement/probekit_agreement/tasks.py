"""The number-agreement tasks: their sentences up to the verb, and the project's own sets of them.

    generated("nounpp", sentences=600, seed=0)      # 2,400 pairs: SS, SP, PS, PP

lakretz2019, section 3 and table 1; the relative clauses are those of figure 3. Every condition has
the same lexical material.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import perm, prod

from probekit_agreement.draws import Draws
from probekit_agreement.lexicon import (
    AGREEMENT_VERBS,
    CAREFUL_ADVERBS,
    DEGREE_ADVERBS,
    LOCATIONS,
    NAMES,
    NUMBERS,
    OPEN_ADVERBS,
    PREPOSITIONS,
    SENTENCE_ADVERBS,
    SINGULAR,
    SUBJECTS,
    Noun,
    Number,
    Verb,
)
from probekit_agreement.pairs import Pair

POOLS: dict[str, tuple[str | Noun | Verb, ...]] = {
    "SUBJECT": tuple(SUBJECTS.values()),
    "OTHER": tuple(SUBJECTS.values()),
    "PLACE": tuple(LOCATIONS.values()),
    "NAME": tuple(NAMES),
    "PREPOSITION": PREPOSITIONS,
    "ADVERB": SENTENCE_ADVERBS,
    "DEGREE": DEGREE_ADVERBS,
    "OPEN": OPEN_ADVERBS,
    "CAREFUL": CAREFUL_ADVERBS,
    "VERB": tuple(AGREEMENT_VERBS.values()),
}
NOUN_SLOTS = ("SUBJECT", "OTHER", "PLACE", "NAME")


@dataclass(frozen=True)
class Frame:
    """One task as words and slots (in capitals); the verb that is asked for follows."""

    text: str

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words and slots."""
        return tuple(self.text.split())

    @cached_property
    def slots(self) -> tuple[str, ...]:
        """The slots in their order, and that of the verb asked for."""
        return (*(word for word in self.words if word in POOLS), "VERB")

    @cached_property
    def nouns_at(self) -> tuple[int, ...]:
        """Where the nouns before the verb stand, from 0: the subject, then the attractors."""
        return tuple(at for at, word in enumerate(self.words) if word in NOUN_SLOTS)

    @property
    def named(self) -> bool:
        """Whether the attractor is a name, which is always singular."""
        return "NAME" in self.words

    @cached_property
    def conditions(self) -> list[tuple[Number, ...]]:
        """Every choice of numbers for the nouns before the verb."""
        names = [self.words[at] == "NAME" for at in self.nouns_at]
        return list(product(*[(SINGULAR,) if name else NUMBERS for name in names]))


FRAMES: dict[str, Frame] = {
    "simple": Frame("The SUBJECT"),
    "adv": Frame("The SUBJECT ADVERB"),
    "adv_adv": Frame("The SUBJECT DEGREE ADVERB"),
    "adv_conjunction": Frame("The SUBJECT OPEN and CAREFUL"),
    "namepp": Frame("The SUBJECT PREPOSITION NAME"),
    "nounpp": Frame("The SUBJECT PREPOSITION the PLACE"),
    "nounpp_adv": Frame("The SUBJECT PREPOSITION the PLACE ADVERB"),
    "subject_relative": Frame("The SUBJECT that VERB the OTHER"),
    "double_embedding": Frame("The SUBJECT that VERB the OTHER that VERB the OTHER"),
}

Choice = tuple[str | Noun | Verb, ...]


def generated(task: str, sentences: int, seed: int) -> list[Pair]:
    """Pairs of a task, `sentences` for each condition, or all that exist if these are fewer.

    Within a condition no two are the same; the conditions differ in nothing but number.
    """
    frame = FRAMES[task]
    chosen = _choices(frame, sentences, seed)
    return [_pair(frame, choice, numbers) for numbers in frame.conditions for choice in chosen]


def _choices(frame: Frame, sentences: int, seed: int) -> list[Choice]:
    """Distinct choices of words for the slots; every one of them once if `sentences` is enough."""
    pools = [POOLS[slot] for slot in frame.slots]
    possible = prod(perm(len(pool), times) for pool, times in Counter(pools).items())
    if sentences >= possible:
        return [choice for choice in product(*pools) if _sensible(choice)]
    draws = Draws(seed)
    found: dict[Choice, None] = {}
    while len(found) < sentences:
        choice = tuple(draws.pick(pool) for pool in pools)
        if _sensible(choice):
            found[choice] = None
    return list(found)


def _sensible(choice: Choice) -> bool:
    """No noun and no verb twice in a sentence."""
    return len(set(choice)) == len(choice)


def _pair(frame: Frame, choice: Choice, numbers: Sequence[Number]) -> Pair:
    """One sentence: a verb inside agrees with the noun before it, the last one with the subject."""
    left: Iterator[Number] = iter(numbers)
    slots = iter(choice)
    nearest = numbers[0]
    words = []
    for word in frame.words:
        filler = next(slots) if word in POOLS else word
        if word in NOUN_SLOTS:
            nearest = next(left)
        words.append(_form(filler, nearest))
    correct, wrong = (_form(choice[-1], number) for number in (numbers[0], _other(numbers[0])))
    return Pair(tuple(words), correct, wrong, tuple(numbers), frame.nouns_at)


def _form(filler: str | Noun | Verb, number: Number) -> str:
    return filler if isinstance(filler, str) else filler.form(number)


def _other(number: Number) -> Number:
    return NUMBERS[1 - NUMBERS.index(number)]
