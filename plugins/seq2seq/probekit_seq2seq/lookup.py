"""The lookup-table task: apply one or two tables to three bits, and say every result on the way.

    dataset = lookup_tables(LookupParams(split=("new_compositions",)))
    dataset[0]      # words 000 t7 t7 .   target 000 011 100   attention 0 1 2

A table is a bijection on the eight strings of three bits. Of eight tables, t1 to t6 are seen in
compositions while training and t7 and t8 only alone (baan2019, section 2.1, after Liska et al.
2018). The splits ask ever more: unseen inputs to seen compositions, unseen compositions, one table
never seen in a composition, and two of those.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TypeVar

import numpy as np

from probekit.dataset import Example, ListDataset
from probekit.errors import ProbekitError
from probekit_seq2seq.params import SPLITS, LookupParams

STRINGS = tuple("".join(bits) for bits in product("01", repeat=3))
COMPOSED = tuple(f"t{number}" for number in range(1, 7))
ALONE = ("t7", "t8")
TABLES = (*COMPOSED, *ALONE)
END = "."

HELD_OUT_PAIRS = 8
INPUTS_HELD_OUT = 2
VALIDATION_ROWS = 16
COLUMNS = 3

Table = Mapping[str, str]
Rows = list[tuple[str, ...]]
T = TypeVar("T")


class LookupTables(ListDataset):
    """The chosen splits of one lookup-table task; `split(name)` gives each of the six.

    `task` is the argument that makes the same task again (`data.task_seed=0`).
    """

    def __init__(self, splits: Mapping[str, Sequence[Example]], params: LookupParams) -> None:
        chosen = [example for name in dict.fromkeys(params.split) for example in splits[name]]
        super().__init__(chosen, "lookup-tables", splits)
        self.task = (
            f"data.path={params.path}" if params.path else f"data.task_seed={params.task_seed}"
        )


def lookup_tables(params: LookupParams) -> LookupTables:
    """The task in a folder of the original files, or a generated one.

    Each example is labelled with its `split`, its `composition` (`t1 t6`), and a value for each
    input position: `position` (0, 1, ...) and `table` (None where the word is not a table). The
    decoder's step t is about input position t, so that the same labels serve it. `attention` holds
    the input position to attend to at each output position.
    """
    splits = _read_folder(params.path, params.split) if params.path else _generate(params.task_seed)
    return LookupTables(splits, params)


def label(
    words: tuple[str, ...],
    target: tuple[str, ...],
    attention: tuple[int, ...],
    split: str,
    source: str,
) -> Example:
    """One example with its labels (see `lookup_tables`)."""
    tables = tuple(None if word == END or word in STRINGS else word for word in words)
    return Example(
        words=words,
        target=target,
        labels={
            "split": split,
            "composition": " ".join(table for table in tables if table),
            "position": tuple(range(len(words))),
            "table": tables,
            "attention": attention,
        },
        source=source,
    )


def _generate(seed: int) -> dict[str, list[Example]]:
    """A task of the original's structure, the same on every platform and numpy version."""
    shuffled = Shuffler(seed)
    tables = {name: dict(zip(STRINGS, shuffled(STRINGS), strict=True)) for name in TABLES}
    pairs = shuffled(list(product(COMPOSED, COMPOSED)))
    held_out, seen = sorted(pairs[:HELD_OUT_PAIRS]), sorted(pairs[HELD_OUT_PAIRS:])
    inside, outside = _divide_inputs(seen, shuffled)
    mixed = [pair for pair in product(TABLES, TABLES) if (pair[0] in ALONE) != (pair[1] in ALONE)]
    rows = {
        "train": _applied([(name,) for name in TABLES]) + inside,
        "validation": outside[:VALIDATION_ROWS],
        "heldout_inputs": outside[VALIDATION_ROWS:],
        "heldout_compositions": _applied(held_out),
        "heldout_tables": _applied(mixed),
        "new_compositions": _applied(list(product(ALONE, ALONE))),
    }
    return {
        split: [_solved(row, tables, split, number) for number, row in enumerate(found, start=1)]
        for split, found in rows.items()
    }


def _divide_inputs(pairs: Sequence[tuple[str, ...]], shuffled: "Shuffler") -> tuple[Rows, Rows]:
    """Six inputs of each composition to train on, and the other two of all of them, shuffled."""
    inside: Rows = []
    outside: Rows = []
    for pair in pairs:
        inputs = shuffled(STRINGS)
        outside += [(bits, *pair) for bits in inputs[:INPUTS_HELD_OUT]]
        inside += [(bits, *pair) for bits in sorted(inputs[INPUTS_HELD_OUT:])]
    return inside, shuffled(outside)


class Shuffler:
    """Shuffles by the raw stream of PCG64, which numpy promises never to change."""

    def __init__(self, seed: int) -> None:
        self.source = np.random.PCG64(seed)

    def __call__(self, items: Sequence[T]) -> list[T]:
        """The items in another order."""
        order = np.argsort(self.source.random_raw(len(items)), kind="stable")
        return [items[index] for index in order]


def _applied(compositions: Sequence[tuple[str, ...]]) -> Rows:
    """Every composition on every input."""
    return [(bits, *tables) for tables in compositions for bits in STRINGS]


def _solved(row: tuple[str, ...], tables: Mapping[str, Table], split: str, number: int) -> Example:
    """A row of an input and tables with its answer."""
    results = [row[0]]
    for name in row[1:]:
        results.append(tables[name][results[-1]])
    attention = tuple(range(len(results)))
    return label((*row, END), tuple(results), attention, split, f"generated {split} row {number}")


def _read_folder(path: str, needed: Sequence[str]) -> dict[str, list[Example]]:
    """The splits in a folder of the original files: those needed, and what else is there."""
    folder = Path(path)
    if not folder.is_dir():
        raise ProbekitError(
            f"data.path={path} is not a folder; name the folder that holds {SPLITS[0]}.tsv and the "
            "other splits, or leave it out to generate the task."
        )
    files = {split: folder / f"{split}.tsv" for split in SPLITS}
    return {
        split: list(_read_file(file, split))
        for split, file in files.items()
        if split in needed or file.exists()
    }


def _read_file(file: Path, split: str) -> Iterator[Example]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise ProbekitError(
            f"data.path={file.parent} has no file {file.name}; add it, or name other splits with "
            "data.split."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProbekitError(f"{file} cannot be read as text: {error}.") from error
    rows = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not rows:
        raise ProbekitError(f"{file} is empty; it should hold one row a line, columns by tabs.")
    for number, line in rows:
        yield _read_row(line, split, f"{file.name} line {number}")


def _read_row(line: str, split: str, source: str) -> Example:
    """`010 t1 t6 .<tab>010 101 000<tab>0 1 2 3` as an example; the attention to `.` is dropped."""
    columns = line.split("\t")
    if len(columns) != COLUMNS:
        raise ProbekitError(
            f"{source} has {len(columns)} columns; it should have {COLUMNS}, parted by tabs: "
            "input, output, attention targets."
        )
    words, target, indices = (tuple(column.split()) for column in columns)
    if not words or words[-1] != END:
        raise ProbekitError(
            f"{source}: the input {columns[0]!r} does not end with the word '{END}'."
        )
    attention = _attention(indices, len(words), source)
    if len(attention) != len(target) + 1:
        raise ProbekitError(
            f"{source} has {len(target)} output words and {len(attention)} attention targets; "
            f"there should be one for each output word and one for the closing '{END}'."
        )
    return label(words, target, attention[:-1], split, source)


def _attention(indices: Sequence[str], length: int, source: str) -> tuple[int, ...]:
    for index in indices:
        if not (index.isascii() and index.isdigit() and int(index) < length):
            raise ProbekitError(
                f"{source}: the attention target {index!r} is not a position of its input, which "
                f"are 0 to {length - 1}."
            )
    return tuple(int(index) for index in indices)
