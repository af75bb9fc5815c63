"""Pairs in the colorless-green form: X.text holds the sentences, X.gold what to ask of them.

A line of X.gold is the verb's position from 0, its right form, its wrong form and the number of
attractors, parted by tabs (Linzen et al. 2016, as filtered by Gulordava et al. 2018).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from probekit.dataset import Example
from probekit.errors import ProbekitError
from probekit_agreement.lexicon import PLURAL, SINGULAR, add_s
from probekit_agreement.pairs import UNKNOWN
from probekit_agreement.reading import collected, read_lines, shown

LINZEN = "linzen"
COLUMNS = ("position of the verb", "correct form", "wrong form", "attractors")
MANY = 4

IRREGULAR: Mapping[str, str] = {"is": "are", "has": "have", "was": "were"}


class Asked(NamedTuple):
    """One line of X.gold."""

    at: int
    correct: str
    wrong: str
    attractors: int


def read_linzen(stem: Path) -> list[Example]:
    """The pairs of `stem`.text and `stem`.gold; those whose two forms are the same are left out.

    Labels are those of `probekit_agreement.agreement`; `condition` is the number of attractors
    (`4+` for four and more), `number` comes from the two forms. Raises ProbekitError, or Problems
    for several mistakes.
    """
    text_file, gold_file = (stem.with_name(f"{stem.name}.{end}") for end in ("text", "gold"))
    text = read_lines(text_file, "X.text and X.gold belong together")
    gold = read_lines(gold_file, "X.text and X.gold belong together")
    if len(text) != len(gold):
        raise ProbekitError(
            f"{text_file.name} has {len(text)} lines and {gold_file.name} {len(gold)}; line by line"
            " they should belong together."
        )
    rows = list(zip(range(1, len(text) + 1), text, gold, strict=True))
    return collected(rows, lambda row: _example(*row, stem.name))


def stem_of(path: Path) -> Path:
    """The stem itself, or that of the one .gold file in a folder."""
    if Path(f"{path}.gold").exists():
        return path
    found = sorted(path.glob("*.gold")) if path.is_dir() else []
    if len(found) != 1:
        raise ProbekitError(
            f"data.path={path}: the task linzen needs X for the files X.text and X.gold, or a"
            f" folder with one .gold file; here are {len(found)}."
        )
    return found[0].with_suffix("")


def grammatical_number(form: str, other: str) -> str:
    """`singular` or `plural` for the form of a verb beside its other form, else empty."""
    form, other = form.lower(), other.lower()
    if _is_singular_of(form, other):
        return SINGULAR
    return PLURAL if _is_singular_of(other, form) else ""


def _is_singular_of(form: str, plural: str) -> bool:
    return IRREGULAR.get(form) == plural or form == add_s(plural)


def _example(line: int, sentence: str, gold: str, name: str) -> Example | None:
    source = f"{name}.text line {line}"
    asked = _asked(gold, f"{name}.gold line {line}")
    words = tuple(sentence.split())
    if not 0 < asked.at < len(words):
        raise ProbekitError(
            f"{name}.gold line {line}: the verb's position is {asked.at}; the sentence has"
            f" {len(words)} words, and the verb cannot be the first (position 0)."
        )
    if words[asked.at].lower() != asked.correct.lower():
        raise ProbekitError(
            f"{name}.gold line {line}: position {asked.at} of the sentence holds"
            f" {shown(words[asked.at])}, not the correct form {shown(asked.correct)}."
        )
    return None if asked.correct == asked.wrong else _labelled(words[: asked.at], asked, source)


def _asked(line: str, where: str) -> Asked:
    columns = line.split()
    if len(columns) != len(COLUMNS):
        raise ProbekitError(
            f"{where} has {len(columns)} columns; it should have {len(COLUMNS)}:"
            f" {', '.join(COLUMNS)}."
        )
    at, correct, wrong, attractors = columns
    for column in (at, attractors):
        if not (column.isascii() and column.isdigit() and len(column) < 10):
            raise ProbekitError(f"{where}: {shown(column)} should be a number, 0 or more.")
    return Asked(int(at), correct, wrong, int(attractors))


def _labelled(words: tuple[str, ...], asked: Asked, source: str) -> Example:
    many = asked.attractors >= MANY
    return Example(
        words=words,
        target=(asked.correct,),
        labels={
            "wrong": asked.wrong,
            "task": LINZEN,
            "condition": f"{MANY}+" if many else str(asked.attractors),
            "number": grammatical_number(asked.correct, asked.wrong),
            "attractor": "",
            "subject_at": UNKNOWN,
            "attractor_at": UNKNOWN,
            "attractors": asked.attractors,
            "held_out": False,
        },
        source=source,
    )
