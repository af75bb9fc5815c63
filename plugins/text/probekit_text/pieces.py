"""A text file as pieces: short enough to be held, each within one document, none without words.

with open("wiki.txt", "rb") as file:
places = list(pieces(file, "blank", "wiki.txt"))
"""

from collections.abc import Iterator
from io import BufferedIOBase
from typing import NamedTuple

from probekit.errors import ProbekitError
from probekit_text.params import Rule

LONGEST = 2**15  # bytes of a piece


class Piece(NamedTuple):
    """Where a piece stands in its file, in bytes, and the number of its document there."""

    start: int
    stop: int
    document: int


def pieces(
    stream: BufferedIOBase, rule: Rule, name: str, longest: int = LONGEST
) -> Iterator[Piece]:
    """The pieces of a file, in order; whitespace alone is left out.

    A document longer than `longest` bytes is cut at the end of a line, a line at a space. Raises
    ProbekitError at the first line that is not UTF-8.
    """
    start = stop = 0
    document, opens = -1, True  # the piece from start to stop opens a document
    words = ended = False  # whether it has any, and whether its document ends at stop
    empty = True  # whether the line has been empty so far
    for part in _parts(stream, longest, name):
        empty = empty and not part.strip()
        whole = part.endswith(b"\n")
        ends = ended or (rule == "blank" and empty and whole)
        if ends or stop - start + len(part) > longest:
            if words:
                document += opens
                yield Piece(start, stop, document)
                opens = False
            opens = opens or ends
            start, words = stop, False
        words, stop = words or bool(part.strip()), stop + len(part)
        ended, empty = rule == "line" and whole, empty or whole
    if words:
        yield Piece(start, stop, document + opens)


def _parts(stream: BufferedIOBase, longest: int, name: str) -> Iterator[bytes]:
    """The lines of a stream, one that is too long in several parts, each checked to be UTF-8."""
    number, rest = 1, b""
    while line := rest + stream.readline(longest - len(rest)):
        rest = b""
        if len(line) >= longest and not line.endswith(b"\n"):
            cut = _cut(line)
            line, rest = line[:cut], line[cut:]
        _check(line, name, number)
        number += line.endswith(b"\n")
        yield line


def _cut(line: bytes) -> int:
    """Where to cut a part of a line: after its last space, or else between two characters."""
    if cut := line.rfind(b" ") + 1:
        return cut
    last = len(line) - 1
    while last > max(0, len(line) - 4) and line[last] & 0xC0 == 0x80:  # within a character
        last -= 1
    return last if last else len(line)


def _check(line: bytes, name: str, number: int) -> None:
    try:
        line.decode()
    except UnicodeDecodeError as error:
        raise ProbekitError(
            f"{name} line {number} is not UTF-8 (byte {error.object[error.start]:#04x}); convert"
            " the file first, for example with iconv -t UTF-8."
        ) from error
