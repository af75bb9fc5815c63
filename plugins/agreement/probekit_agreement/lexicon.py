"""The words of the project's grammar, with every form that it uses.

    VERBS["greet"].form("singular")     # greets
    NOUNS["man"].form("plural")         # men
    verb_forms("plural")                # admire, approve, ...

The pools follow lakretz2019, section 3 and table 1 (20 subject nouns, 15 verbs, 10 names, 10
location nouns); the rest is there for syntactic depth, pronouns and variety.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

Number = Literal["singular", "plural"]
SINGULAR: Number = "singular"
PLURAL: Number = "plural"
NUMBERS: tuple[Number, Number] = (SINGULAR, PLURAL)

HELD_OUT_ONE_IN = 5
VOWELS = "aeiou"


@dataclass(frozen=True)
class Noun:
    """A noun; `gender` leans from -1 (she) over 0 to 1 (he) where the noun is a person."""

    singular: str
    plural: str
    gender: float = 0.0

    def form(self, number: Number) -> str:
        """The singular or the plural."""
        return self.singular if number == SINGULAR else self.plural


@dataclass(frozen=True)
class Verb:
    """A verb in its five forms; the plural of the present is the lemma."""

    plural: str
    singular: str
    past: str
    gerund: str
    participle: str

    def form(self, number: Number) -> str:
        """The form of the present tense that agrees with a subject of that number."""
        return self.singular if number == SINGULAR else self.plural


def _ends_in_consonant_y(word: str) -> bool:
    return word.endswith("y") and word[-2] not in VOWELS


def add_s(word: str) -> str:
    """A noun's plural or a verb's third person by the regular rule."""
    if _ends_in_consonant_y(word):
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "sh", "ch", "x", "z", "o")) else f"{word}s"


def _plural(noun: str) -> str:
    return f"{noun[:-2]}en" if noun.endswith("man") else add_s(noun)


def _regular(verb: str) -> Verb:
    if verb.endswith("e"):
        past, gerund = f"{verb}d", f"{verb[:-1]}ing"
    elif _ends_in_consonant_y(verb):
        past, gerund = f"{verb[:-1]}ied", f"{verb}ing"
    else:
        past, gerund = f"{verb}ed", f"{verb}ing"
    return Verb(verb, add_s(verb), past, gerund, past)


def _verbs(regular: str, *irregular: Verb) -> dict[str, Verb]:
    verbs = [*map(_regular, regular.split()), *irregular]
    return {verb.plural: verb for verb in sorted(verbs, key=lambda verb: verb.plural)}


def _nouns(words: str) -> dict[str, Noun]:
    """Nouns from `word` or `word:gender`, parted by spaces."""
    found = {}
    for entry in words.split():
        word, _, gender = entry.partition(":")
        found[word] = Noun(word, _plural(word), float(gender or 0))
    return found


def _chosen(nouns: Mapping[str, Noun], words: str) -> dict[str, Noun]:
    return {word: nouns[word] for word in words.split()}


SUBJECTS: Mapping[str, Noun] = _nouns(
    "athlete:.5 aunt:-1 boy:1 carpenter:.9 doctor:.6 farmer:.8 father:1 friend girl:-1 guy:1 kid"
    " lawyer:.4 man:1 mother:-1 poet singer:-.2 teacher:-.7 uncle:1 victim woman:-1"
)
RELATIVES: Mapping[str, Noun] = _nouns(
    "actor:.8 actress:-1 brother:1 cousin daughter:-1 sibling sister:-1 son:1"
)
PROFESSIONS: Mapping[str, Noun] = _nouns(
    "accountant:.2 architect:.6 artist:-.1 assistant:-.5 author:.1 baker:-.1 banker:.6 barber:.6"
    " boxer:.9 butcher:.9 captain:.8 chef:.5 clerk:-.4 coach:.8 cook:-.2 dancer:-.8 dentist:.5"
    " designer:-.3 detective:.6 director:.6 driver:.7 editor:.2 electrician:.9 engineer:.8"
    " firefighter:.8 gardener:.3 guard:.8 hairdresser:-.9 historian:.4 housekeeper:-.9"
    " inspector:.6 janitor:.7 journalist:.1 judge:.6 librarian:-.8 maid:-1 manager:.5 mechanic:.9"
    " minister:.7 musician:.2 nanny:-1 nun:-1 nurse:-.9 officer:.7 painter:.3 pianist:-.2 pilot:.8"
    " plumber:.9 priest:.9 professor:.4 receptionist:-.9 reporter:.1 sailor:.9 scientist:.5"
    " secretary:-.8 sheriff:.9 soldier:.9 student surgeon:.7 tailor:.4 therapist:-.4 writer:.1"
)
PEOPLE: Mapping[str, Noun] = {**SUBJECTS, **RELATIVES, **PROFESSIONS}

# Those that stand before "of": the sister of the poets.
RELATIONAL: Mapping[str, Noun] = _chosen(
    PEOPLE,
    "aunt brother cousin daughter doctor father friend lawyer mother sibling sister son teacher"
    " uncle victim",
)

NAMES: Mapping[str, float] = {
    "Barbara": -1,
    "Bill": 1,
    "Bob": 1,
    "Jim": 1,
    "John": 1,
    "Linda": -1,
    "Mary": -1,
    "Mike": 1,
    "Pat": 0,
    "Sue": -1,
}

LOCATIONS: Mapping[str, Noun] = _nouns("bike car cat chair desk dog table tree truck window")
PLACES: Mapping[str, Noun] = {
    **LOCATIONS,
    **_nouns("boat building cart door forest garden house lake road train wall"),
}
NOUNS: Mapping[str, Noun] = {**PEOPLE, **PLACES}

AGREEMENT_VERBS: Mapping[str, Verb] = _verbs(
    "admire approve avoid confuse criticize discourage encourage engage greet inspire observe"
    " remember stimulate",
    Verb("know", "knows", "knew", "knowing", "known"),
    Verb("understand", "understands", "understood", "understanding", "understood"),
)
TRANSITIVE: Mapping[str, Verb] = {
    **AGREEMENT_VERBS,
    **_verbs(
        "amuse attack bump clean push recognize scare terrify thrill",
        Verb("fight", "fights", "fought", "fighting", "fought"),
        Verb("meet", "meets", "met", "meeting", "met"),
        Verb("strike", "strikes", "struck", "striking", "struck"),
    ),
}
INTRANSITIVE: Mapping[str, Verb] = _verbs(
    "appear arrive cry depart explode laugh smile vanish",
    Verb("fall", "falls", "fell", "falling", "fallen"),
    Verb("leave", "leaves", "left", "leaving", "left"),
)
BELIEF: tuple[str, ...] = ("know", "remember", "understand")
BE = Verb("are", "is", "", "being", "been")
HAVE = Verb("have", "has", "had", "having", "had")
VERBS: Mapping[str, Verb] = {**TRANSITIVE, **INTRANSITIVE, "be": BE, "have": HAVE}

SENTENCE_ADVERBS = ("certainly", "definitely", "probably")
DEGREE_ADVERBS = ("indeed", "most", "now", "quite")
OPEN_ADVERBS = ("gently", "openly", "overtly")
CAREFUL_ADVERBS = ("carefully", "deliberately", "knowingly")
MANNER_ADVERBS = (*OPEN_ADVERBS, *CAREFUL_ADVERBS, "kindly")
PACE_ADVERBS = ("quickly", "slowly")
ADVERBS = (*SENTENCE_ADVERBS, *DEGREE_ADVERBS, *MANNER_ADVERBS, *PACE_ADVERBS)

PREPOSITIONS = ("behind", "beside", "by", "near", "opposite")
DEGREES = ("really", "very")
ADJECTIVES = (
    *("big", "ecstatic", "happy", "huge", "joyful", "large", "little"),
    *("miserable", "old", "sad", "small", "tiny", "young"),
)
NUMERALS = ("two", "three", "four", "five", "ten")
DETERMINERS: Mapping[Number, tuple[str, ...]] = {
    SINGULAR: ("a", "this", "that", "every"),
    PLURAL: ("some", "these", "those", "all"),
}

# decao2022, section 4 after Vig et al. (2020): a person, one of these, and then he or she.
TEMPLATES: tuple[str, ...] = (
    "said that",
    "yelled that",
    "whispered that",
    "wanted that",
    "desired that",
    "wished that",
    "ate because",
    "ran because",
    "drove because",
    "slept because",
    "cried because",
    "laughed because",
    "went home because",
    "stayed up because",
    "was fired because",
    "was promoted because",
    "yelled because",
)


def verb_forms(number: Number) -> tuple[str, ...]:
    """Every verb form of the present tense that goes with a subject of that number."""
    return tuple(verb.form(number) for verb in VERBS.values())


def held_out(head: str, other: str) -> bool:
    """Whether this pair never occurs together in the training grammar.

    The pair is a subject (noun in the singular, or name) and the lemma of its verb, or a subject
    and one of TEMPLATES. One pair in five is held out, by a hash of the two words alone: the same
    pairs for every seed.
    """
    digest = sha256(f"{head} {other}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % HELD_OUT_ONE_IN == 0
