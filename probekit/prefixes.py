"""The prefix tree of many sequences: what they begin alike with is read once.

tree = PrefixTree([[5, 1, 7], [5, 1, 8], [5, 2]])
[len(level) for level in tree.levels]            # [1, 2, 2]
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor


@dataclass(frozen=True)
class Level:
    """The nodes at one depth: distinct prefixes of one length, those that go on first.

    `tokens [node]` are their last ids, `parents [node]` the places of the prefixes before them in
    the level above, and `inner` is how many go on.
    """

    tokens: Int[Tensor, " node"]
    parents: Int[Tensor, " node"]
    inner: int

    def __len__(self) -> int:
        return len(self.tokens)


class PrefixTree:
    """Sequences of ids, none of them empty, as levels of nodes.

    Sequence i ends at place `ends[i][1]` of level `ends[i][0]`.
    """

    def __init__(self, rows: Sequence[Sequence[int]]) -> None:
        nodes: list[dict[tuple[int, int], int]] = []
        ends = [_insert(nodes, row) for row in rows]
        goes_on: list[set[int]] = [{parent for parent, _ in level} for level in nodes[1:]]
        self.levels: list[Level] = []
        places: list[int] = [0]
        placed = []
        for depth, level in enumerate(nodes):
            inner = goes_on[depth] if depth < len(goes_on) else set()
            keys = sorted(level, key=lambda key: (level[key] not in inner, level[key]))
            self.levels.append(
                Level(
                    torch.tensor([token for _, token in keys]),
                    torch.tensor([places[parent] for parent, _ in keys]),
                    len(inner),
                )
            )
            places = [0] * len(level)
            for place, key in enumerate(keys):
                places[level[key]] = place
            placed.append(places)
        self.ends = [(depth, placed[depth][node]) for depth, node in ends]

    def __len__(self) -> int:
        return sum(len(level) for level in self.levels)


def _insert(nodes: list[dict[tuple[int, int], int]], row: Sequence[int]) -> tuple[int, int]:
    """Add one sequence to the numbered nodes of each depth; gives where it ends."""
    node = 0
    for depth, token in enumerate(row):
        if depth == len(nodes):
            nodes.append({})
        node = nodes[depth].setdefault((node, token), len(nodes[depth]))
    return len(row) - 1, node


def blocks(rows: Sequence[Sequence[int]], most: int) -> list[list[int]]:
    """The numbers of the sequences in blocks, each a prefix tree of about `most` nodes at most.

    Sequences that begin alike stand together, so little is read twice.
    """
    order = sorted(range(len(rows)), key=lambda at: tuple(rows[at]))
    found: list[list[int]] = []
    nodes, last = 0, ()  # type: tuple[int, tuple[int, ...]]
    for at in order:
        row = tuple(rows[at])
        new = len(row) - _shared(last, row)
        if not found or nodes + new > most:
            found.append([])
            nodes, new = 0, len(row)
        found[-1].append(at)
        nodes, last = nodes + new, row
    return found


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    """How many ids two sequences begin with alike."""
    count = 0
    for first, second in zip(one, other, strict=False):
        if first != second:
            break
        count += 1
    return count
