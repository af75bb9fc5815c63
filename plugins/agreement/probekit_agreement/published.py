"""The published number-agreement files: one sentence a line, right and wrong next to each other.

    The athlete admires<tab>singular<tab>correct<tab>id1
    The athlete admire<tab>singular<tab>wrong<tab>id1

The two lines of a pair share their id and differ in the last word, the verb.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from probekit.dataset import Example
from probekit.errors import ProbekitError
from probekit_agreement.lexicon import NUMBERS, SINGULAR, Number
from probekit_agreement.pairs import Pair, labelled
from probekit_agreement.reading import Line, collected, numbered, read_lines, shown
from probekit_agreement.tasks import FRAMES, Frame

KINDS = ("correct", "wrong")
COLUMNS = ("sentence", "condition", "correct or wrong", "id")
NUMBER_NAMES: Mapping[str, Number] = dict(zip(NUMBERS, NUMBERS, strict=True))


class Row(NamedTuple):
    """One line of a file."""

    line: int
    words: tuple[str, ...]
    condition: str
    kind: str
    id: str


def read_published(folder: Path, task: str) -> list[Example]:
    """The pairs of `task` in a folder of the published files, in the order of the file.

    Raises ProbekitError for one mistake and Problems for several: a missing column, an id without
    a partner, a pair that differs elsewhere than in the verb, an unknown condition.
    """
    path = folder / f"{task}.txt"
    lines = read_lines(path, f"add {task}.txt, or name other tasks with data.task")
    rows = collected(numbered(lines), lambda line: _row(line, path))
    by_id: dict[str, list[Row]] = {}
    for row in rows:
        by_id.setdefault(row.id, []).append(row)
    return collected(by_id.values(), lambda partners: _example(partners, task, path))


def _row(numbered_line: Line, path: Path) -> Row:
    number, line = numbered_line
    where = f"{path.name} line {number}"
    columns = line.split("\t")
    if len(columns) != len(COLUMNS):
        raise ProbekitError(
            f"{where} has {_counted(len(columns), 'column')}; it should have {len(COLUMNS)}, parted"
            f" by tabs: {', '.join(COLUMNS)}."
        )
    sentence, condition, kind, name = (column.strip() for column in columns)
    if kind not in KINDS:
        raise ProbekitError(
            f"{where}: the third column is {shown(kind)}; it should be correct or wrong."
        )
    return Row(number, tuple(sentence.split()), condition, kind, name)


def _example(rows: list[Row], task: str, path: Path) -> Example:
    """The rows of one id as an example, or the mistake in them."""
    where = f"{path.name} line {rows[0].line}"
    by_kind = {row.kind: row for row in rows}
    if len(rows) != len(KINDS) or set(by_kind) != set(KINDS):
        raise ProbekitError(
            f"{where}: the id {shown(rows[0].id)} stands on {_counted(len(rows), 'line')}; it"
            " should stand on two, one correct and one wrong."
        )
    correct, wrong = by_kind["correct"], by_kind["wrong"]
    if correct.words[:-1] != wrong.words[:-1] or correct.words[-1:] == wrong.words[-1:]:
        raise ProbekitError(
            f"{where}: the pair {shown(correct.id)} should differ in the last word and nowhere"
            f" else; it is {shown(' '.join(correct.words))} and {shown(' '.join(wrong.words))}."
        )
    if correct.condition != wrong.condition:
        raise ProbekitError(
            f"{where}: the pair {shown(correct.id)} has two conditions, {shown(correct.condition)}"
            f" and {shown(wrong.condition)}; it should have one."
        )
    source = f"{path.name} line {correct.line}"
    return labelled(_pair(correct, wrong, FRAMES[task], source), task, source)


def _pair(correct: Row, wrong: Row, frame: Frame, source: str) -> Pair:
    if len(correct.words) != len(frame.words) + 1:
        raise ProbekitError(
            f"{source}: {shown(' '.join(correct.words))} has"
            f" {_counted(len(correct.words), 'word')}; this task has {len(frame.words)} before the"
            f" verb ({frame.text})."
        )
    return Pair(
        words=correct.words[:-1],
        correct=correct.words[-1],
        wrong=wrong.words[-1],
        numbers=_numbers(correct.condition, frame, source),
        nouns_at=frame.nouns_at,
    )


def _numbers(condition: str, frame: Frame, source: str) -> tuple[Number, ...]:
    """`singular_plural` as numbers; names, which are singular, may be left out."""
    found = tuple(NUMBER_NAMES[part] for part in condition.split("_") if part in NUMBER_NAMES)
    if len(found) == 1 and frame.named:
        found = (*found, SINGULAR)
    if len(found) < len(condition.split("_")) or found not in frame.conditions:
        known = ", ".join("_".join(numbers) for numbers in frame.conditions)
        raise ProbekitError(f"{source}: the condition {shown(condition)} is none of: {known}.")
    return found


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
