"""One pair of number agreement (the same words, two forms of a verb) as an example with labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from probekit.dataset import Example
from probekit_agreement.lexicon import NOUNS, NUMBERS, TRANSITIVE, Number, held_out

UNKNOWN = -1

SINGULARS: Mapping[str, str] = {
    noun.form(number): word for word, noun in NOUNS.items() for number in NUMBERS
}
LEMMAS: Mapping[str, str] = {
    verb.form(number): lemma for lemma, verb in TRANSITIVE.items() for number in NUMBERS
}


@dataclass(frozen=True)
class Pair:
    """A sentence up to the verb, the two forms of the verb, and the numbers of its nouns.

    `numbers` and `nouns_at` (positions from 0) begin with the subject.
    """

    words: tuple[str, ...]
    correct: str
    wrong: str
    numbers: tuple[Number, ...]
    nouns_at: tuple[int, ...]


def initials(numbers: Sequence[Number]) -> str:
    """A condition's short name: `SP` is a singular subject and a plural attractor."""
    return "".join(number[0].upper() for number in numbers)


def labelled(pair: Pair, task: str, source: str) -> Example:
    """The pair as an example (see `probekit_agreement.agreement`)."""
    subject, *attractors = pair.numbers
    subject_at, *attractors_at = pair.nouns_at
    return Example(
        words=pair.words,
        target=(pair.correct,),
        labels={
            "wrong": pair.wrong,
            "task": task,
            "condition": initials(pair.numbers),
            "number": subject,
            "attractor": attractors[-1] if attractors else "",
            "subject_at": subject_at,
            "attractor_at": attractors_at[-1] if attractors else UNKNOWN,
            "attractors": sum(number != subject for number in attractors),
            "held_out": _held_out(pair.words[subject_at], pair.correct),
        },
        source=source,
    )


def _held_out(subject: str, verb: str) -> bool:
    """Whether the training grammar never joins them; False for words that it does not have."""
    return subject in SINGULARS and verb in LEMMAS and held_out(SINGULARS[subject], LEMMAS[verb])
