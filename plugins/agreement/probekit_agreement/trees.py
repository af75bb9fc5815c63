"""A phrase-structure grammar whose sentences have any length that is asked for.

    Trees(seed=0).tree(12)      # a Node with twelve words

Every structure of that length is as likely as any other, and every word within its class: the
structures are counted by length, and one of them is drawn. The sentences are of the kind of
lakretz2019's syntactic-depth set (section 3): numerals, degrees, adverbs, chains of `of`.
"""

from collections.abc import Mapping, Sequence
from functools import cache

from probekit_agreement.draws import Draws
from probekit_agreement.lexicon import (
    ADJECTIVES,
    BE,
    DEGREES,
    HAVE,
    INTRANSITIVE,
    NAMES,
    NUMBERS,
    NUMERALS,
    PACE_ADVERBS,
    PLACES,
    PLURAL,
    RELATIONAL,
    RELATIVES,
    SINGULAR,
    SUBJECTS,
    TRANSITIVE,
    Number,
)
from probekit_agreement.syntax import Node

ROOT = "S"
DETERMINERS: Mapping[Number, tuple[str, ...]] = {
    SINGULAR: ("the", "this", "that"),
    PLURAL: ("the", "these", "those", "some"),
}
PREPOSITIONS = ("behind", "beside", "near")
TENSES = (*NUMBERS, "past", "gerund", "participle")


def _classes() -> dict[str, Sequence[str]]:
    """Word classes; what stands behind the slash is number or tense and no part of the label."""
    people = {**SUBJECTS, **RELATIVES}
    found: dict[str, Sequence[str]] = {
        "Name": tuple(NAMES),
        "Num": NUMERALS,
        "Of": ("of",),
        "P": PREPOSITIONS,
        "Degree": DEGREES,
        "Adj": ADJECTIVES,
        "Adv": PACE_ADVERBS,
        "Will": ("will",),
    }
    for number in NUMBERS:
        found[f"D/{number}"] = DETERMINERS[number]
        found[f"N/{number}"] = [noun.form(number) for noun in people.values()]
        found[f"Nrel/{number}"] = [noun.form(number) for noun in RELATIONAL.values()]
        found[f"Nloc/{number}"] = [noun.form(number) for noun in PLACES.values()]
        found[f"Be/{number}"] = (BE.form(number),)
        found[f"Have/{number}"] = (HAVE.form(number),)
    for tense in TENSES:
        found[f"V/{tense}"] = [getattr(verb, tense) for verb in TRANSITIVE.values()]
        found[f"Vintr/{tense}"] = [getattr(verb, tense) for verb in INTRANSITIVE.values()]
    return found


def _rules() -> dict[str, list[tuple[str, ...]]]:
    """What a phrase may consist of: one part or two, and never a circle of single parts."""
    rules: dict[str, list[tuple[str, ...]]] = {
        "S": [("PP", "Sbar")],
        "Sbar": [],
        "PP": [("P", "Name")],
        "AdjP": [("Degree", "Adj")],
        "AdvP": [("Degree", "Adv")],
        "RelP": [("Of", "Name")],
        "Object": [("Name",)],
    }
    for number in NUMBERS:
        for sentence in ("S", "Sbar"):
            rules[sentence].append((f"Subject/{number}", f"Predicate/{number}"))
        rules["PP"].append(("P", f"DPloc/{number}"))
        rules["RelP"].append(("Of", f"DP/{number}"))
        rules["Object"].append((f"DP/{number}",))
        rules |= _noun_phrases(number) | _predicates(number)
    for tense in TENSES:
        rules |= _verb_phrases(tense)
    return rules


def _noun_phrases(number: Number) -> dict[str, list[tuple[str, ...]]]:
    """Phrases around a noun of that number; numerals go with plurals, names are singular."""
    determiner, noun, place = f"D/{number}", f"N/{number}", f"Nloc/{number}"
    phrase, of, modified = f"NP/{number}", f"Nof/{number}", f"NPPP/{number}"
    rules: dict[str, list[tuple[str, ...]]] = {
        f"Subject/{number}": [(f"DP/{number}",), (determiner, modified)],
        f"DP/{number}": [(determiner, phrase)],
        phrase: [(noun,), (of,), ("Adj", noun), ("AdjP", noun), ("Adj", of), ("AdjP", of)],
        of: [(f"Nrel/{number}", "RelP")],
        modified: [(phrase, "PP")],
        f"DPloc/{number}": [(determiner, f"NPloc/{number}")],
        f"NPloc/{number}": [(place,), ("Adj", place), ("AdjP", place)],
    }
    if number == SINGULAR:
        rules[f"Subject/{number}"].append(("Name",))
    else:
        rules[f"Subject/{number}"].append(("Num", modified))
        rules[f"DP/{number}"] += [("Num", phrase), (determiner, "NumP")]
        rules[f"DPloc/{number}"].append(("Num", f"NPloc/{number}"))
        rules["NumP"] = [("Num", phrase)]
    return rules


def _predicates(number: Number) -> dict[str, list[tuple[str, ...]]]:
    return {
        f"Predicate/{number}": [
            (f"VP/{number}",),
            ("VP/past",),
            (f"Be/{number}", "VP/gerund"),
            (f"Have/{number}", "VP/participle"),
            ("Will", "VP/plural"),
        ]
    }


def _verb_phrases(tense: str) -> dict[str, list[tuple[str, ...]]]:
    verbs = (f"Vbar/{tense}", f"Vintr/{tense}")
    adverbs = [(adverb, verb) for adverb in ("Adv", "AdvP") for verb in verbs]
    return {
        f"VP/{tense}": [*((verb,) for verb in verbs), *adverbs],
        f"Vbar/{tense}": [(f"V/{tense}", "Object")],
    }


CLASSES: Mapping[str, Sequence[str]] = _classes()
RULES: Mapping[str, Sequence[tuple[str, ...]]] = _rules()


class Trees:
    """Trees at random; the same seed gives the same ones in the same order."""

    def __init__(self, seed: int) -> None:
        self._draws = Draws(seed)

    def tree(self, length: int) -> Node:
        """A sentence of `length` words (2 or more)."""
        return self._grow(ROOT, length)

    def _grow(self, symbol: str, length: int) -> Node:
        label = symbol.partition("/")[0]
        if symbol in CLASSES:
            return Node(label, [self._draws.pick(CLASSES[symbol])])
        at = self._draws.below(count(symbol, length))
        for parts, lengths in _ways(symbol, length):
            at -= _product(parts, lengths)
            if at < 0:
                grown = zip(parts, lengths, strict=True)
                return Node(label, [self._grow(part, size) for part, size in grown])
        raise AssertionError("the ways of a phrase add up to its count")


@cache
def count(symbol: str, length: int) -> int:
    """How many structures of that many words a phrase or a word class has."""
    if symbol in CLASSES:
        return int(length == 1)
    return sum(_product(parts, lengths) for parts, lengths in _ways(symbol, length))


@cache
def _ways(symbol: str, length: int) -> list[tuple[tuple[str, ...], tuple[int, ...]]]:
    """Every rule of a phrase with every way to share the words among its parts."""
    found: list[tuple[tuple[str, ...], tuple[int, ...]]] = []
    for parts in RULES[symbol]:
        if len(parts) == 1:
            found.append((parts, (length,)))
        else:
            found += [(parts, (first, length - first)) for first in range(1, length)]
    return found


def _product(parts: tuple[str, ...], lengths: tuple[int, ...]) -> int:
    total = 1
    for part, length in zip(parts, lengths, strict=True):
        total *= count(part, length)
    return total
