"""Syntactic depth as a dataset: sentences with the number of open nodes at each word.

    dataset = syntactic_depth(DepthParams())
    dataset[0].labels["depth"]      # 1 2 3 3 4 2 ...

Depth grows with position; a sample that has every depth equally often at every position parts the
two (lakretz2019, section 3: positions 7 to 12, depths 3 to 8).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from probekit.dataset import Example, ListDataset
from probekit.errors import ProbekitError
from probekit_agreement.context import context_words
from probekit_agreement.params import DepthParams
from probekit_agreement.reading import Line, collected, numbered, read_lines, shown
from probekit_agreement.syntax import leaves, open_nodes, parse
from probekit_agreement.trees import Trees

TITLE = "syntactic-depth"
POSITIONS = range(7, 13)
DEPTHS = range(3, 9)
LENGTHS = range(2, 26)
COLUMNS = ("sentence", "parse", "open nodes", "brackets")
DEBRIS = "\\n'"
PATIENCE = 20


@dataclass(frozen=True)
class Annotated:
    """A sentence with the number of open nodes at each word, and where it stands."""

    words: tuple[str, ...]
    depth: tuple[int, ...]
    source: str


def syntactic_depth(params: DepthParams) -> ListDataset:
    """The sentences of a file, or generated ones.

    Labels, one value a word: `depth` (open nodes), `position` (from 0), `frequency` (how often the
    word occurs); and `sampled`, the positions that belong to the sample. With `sample` the
    sentences without any are left out; without it all positions are sampled. Raises ProbekitError,
    or Problems for several, at a mistake in a file.
    """
    path = Path(params.path) if params.path else None
    sentences = _read(path) if path else list(_generate(params.sentences, params.seed))
    frequency = _frequencies(params.frequency, sentences)
    context = context_words(params.context, path.parent if path else None)
    chosen = sampled(sentences, params.per_cell) if params.sample else map(_all, sentences)
    examples = [
        _example(sentence, positions, frequency, context)
        for sentence, positions in zip(sentences, chosen, strict=True)
        if positions
    ]
    if not examples:
        raise ProbekitError(
            f"no sentence has a word at positions {POSITIONS.start}-{POSITIONS.stop - 1} with"
            f" {DEPTHS.start}-{DEPTHS.stop - 1} open nodes; give longer ones, or data.sample=false."
        )
    return ListDataset(examples, TITLE)


def sampled(sentences: Iterable[Annotated], per_cell: int) -> Iterator[tuple[int, ...]]:
    """The positions to take from each sentence, so that no cell has more than `per_cell`.

    A cell is a position and a depth; each is filled by the first sentences that have it.
    """
    cells: Counter[tuple[int, int]] = Counter()
    for sentence in sentences:
        taken = []
        for position in POSITIONS[: max(0, len(sentence.depth) - POSITIONS.start)]:
            cell = (position, sentence.depth[position])
            if cell[1] in DEPTHS and cells[cell] < per_cell:
                cells[cell] += 1
                taken.append(position)
        yield tuple(taken)


def _all(sentence: Annotated) -> tuple[int, ...]:
    return tuple(range(len(sentence.words)))


def _example(
    sentence: Annotated,
    positions: tuple[int, ...],
    frequency: Mapping[str, float],
    context: tuple[str, ...],
) -> Example:
    return Example(
        words=sentence.words,
        labels={
            "depth": sentence.depth,
            "sampled": positions,
            "frequency": tuple(frequency.get(word, 0.0) for word in sentence.words),
            "position": _all(sentence),
        },
        source=sentence.source,
        context=context,
    )


def _generate(sentences: int, seed: int) -> Iterator[Annotated]:
    """Distinct sentences of every length, the lengths in turn, so that cells fill evenly."""
    trees = Trees(seed)
    by_length = [_distinct(trees, length, sentences) for length in LENGTHS]
    for number in range(sentences):
        for length, found in zip(LENGTHS, by_length, strict=True):
            if number < len(found):
                words, depth = found[number]
                yield Annotated(words, depth, f"generated length {length} sentence {number + 1}")


def _distinct(
    trees: Trees, length: int, sentences: int
) -> list[tuple[tuple[str, ...], tuple[int, ...]]]:
    """Different sentences of one length; fewer where new ones can hardly be found."""
    found: dict[tuple[str, ...], tuple[int, ...]] = {}
    for _ in range(PATIENCE * sentences):
        if len(found) == sentences:
            break
        tree = trees.tree(length)
        first, *rest = leaves(tree)
        found.setdefault((first[0].upper() + first[1:], *rest), tuple(open_nodes(tree)))
    return list(found.items())


def _read(path: Path) -> list[Annotated]:
    """The sentences of the published file; one that stands there again is left out."""
    lines = read_lines(path, "name the file of sentences and parses, or leave data.path out")
    found = collected(numbered(lines), lambda line: _row(line, path.name))
    return list({sentence.words: sentence for sentence in reversed(found)}.values())[::-1]


def _row(line: Line, name: str) -> Annotated:
    """`sentence | parse | open nodes | brackets`; the third column must follow from the second."""
    source = f"{name} line {line[0]}"
    columns = [column.strip() for column in line[1].split("|")]
    if len(columns) != len(COLUMNS):
        raise ProbekitError(
            f"{source} has {len(columns)} columns; it should have {len(COLUMNS)}, parted by |:"
            f" {', '.join(COLUMNS)}."
        )
    words = tuple(columns[0].split())
    try:
        tree = parse(columns[1])
    except ProbekitError as error:
        raise ProbekitError(f"{source}: {error}") from None
    _check(source, words, columns[2].removesuffix(DEBRIS), leaves(tree), open_nodes(tree))
    return Annotated(words, tuple(open_nodes(tree)), source)


def _check(
    source: str, words: Sequence[str], column: str, leaves: Sequence[str], depth: Sequence[int]
) -> None:
    if [word.lower() for word in words] != [word.lower() for word in leaves]:
        raise ProbekitError(
            f"{source}: the words of the parse, {shown(' '.join(leaves))}, are not those of the"
            f" sentence {shown(' '.join(words))}."
        )
    if column.split() != [str(count) for count in depth]:
        raise ProbekitError(
            f"{source}: the open nodes are {shown(column)}; by the parse they are"
            f" {' '.join(map(str, depth))}."
        )


def _frequencies(path: str, sentences: Sequence[Annotated]) -> dict[str, float]:
    """Counts by word: those of a file, or over the sentences themselves."""
    if not path:
        counts = Counter(word for sentence in sentences for word in sentence.words)
        return {word: float(count) for word, count in counts.items()}
    name = Path(path).name
    lines = read_lines(Path(path), "data.frequency is a file of words and counts")
    return dict(collected(numbered(lines), lambda line: _count(line, name)))


def _count(line: Line, name: str) -> tuple[str, float]:
    columns = line[1].split()
    if len(columns) != 2 or not (columns[1].isascii() and columns[1].isdigit()):
        raise ProbekitError(
            f"{name} line {line[0]} is {shown(line[1])}; it should be a word and how often it"
            " occurs, parted by a tab or a space."
        )
    return columns[0], float(columns[1])
