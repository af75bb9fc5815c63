"""Parses as nested brackets, and the number of open nodes at each word.

    tree = parse("[_S [_Name John ] [_Vintr laughed ] ]")
    leaves(tree)        # ["John", "laughed"]
    open_nodes(tree)    # [1, 2]

A word's open nodes are the word and all complete constituents to its left that have not been
joined into a larger one yet (lakretz2019, section 3, after Nelson et al. 2017).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from probekit.errors import ProbekitError

MAX_NESTING = 100


@dataclass
class Node:
    """A constituent and its parts; a word is a part that is text."""

    label: str
    parts: list["Node | str"] = field(default_factory=list)


def parse(text: str) -> Node:
    """The one tree that the brackets describe; ProbekitError where they describe none."""
    root = Node("")
    path = [root]
    for piece in text.split():
        if piece.startswith("["):
            node = Node(piece[1:])
            path[-1].parts.append(node)
            path.append(node)
            if len(path) > MAX_NESTING:
                raise ProbekitError(f"brackets nest deeper than {MAX_NESTING}; the parse is wrong.")
        elif piece != "]":
            path[-1].parts.append(piece)
        elif len(path) == 1 or not path[-1].parts:
            raise ProbekitError("a bracket closes nothing; give every constituent its words.")
        else:
            path.pop()
    if len(path) > 1 or len(root.parts) != 1 or isinstance(root.parts[0], str):
        raise ProbekitError("the brackets do not make up one tree; close each of them once.")
    return root.parts[0]


def leaves(tree: Node) -> list[str]:
    """The words from left to right."""
    return [word for word, _ in _walk(tree, 1)]


def open_nodes(tree: Node) -> list[int]:
    """The number of open nodes at each word, from 1."""
    return [count for _, count in _walk(tree, 1)]


def _walk(node: Node, count: int) -> Iterator[tuple[str, int]]:
    """Words with their open nodes: `count` at the first, one more for each part on its left."""
    for left, part in enumerate(node.parts):
        if isinstance(part, str):
            yield part, count + left
        else:
            yield from _walk(part, count + left)
