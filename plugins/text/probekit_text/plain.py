"""Text files and JSON lines, plain or packed."""

import gzip
import json
import lzma
import re
import shutil
import tempfile
import weakref
import zlib
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import cast

import numpy as np

from probekit.errors import ProbekitError
from probekit_text.params import CorpusParams
from probekit_text.pieces import Piece, pieces
from probekit_text.reader import Reader, field_of, unreadable
from probekit_text.sources import PACKED, Source

OPENERS = {".gz": gzip.open, ".xz": lzma.open}
MARK = "\ufeff"  # what some editors put before the first character


class Plain(Reader):
    """A file of bytes, of which pieces are cut; one that is packed is unpacked to disk once."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._unpacked: BufferedIOBase | None = None
        if self.path.suffix in PACKED:
            self._unpacked = _unpack(self.path)
            weakref.finalize(self, self._unpacked.close)
        with self.open() as file:
            found = list(self.cut(file))
        self.starts = np.array([one.start for one in found], dtype=np.int64)
        self.stops = np.array([one.stop for one in found], dtype=np.int64)
        self.documents = np.array([one.document for one in found], dtype=np.int64)

    @abstractmethod
    def cut(self, file: BufferedIOBase) -> Iterator[Piece]:
        """The pieces of the file."""

    @contextmanager
    def open(self) -> Iterator[BufferedIOBase]:
        """The file's bytes, unpacked, from their beginning."""
        if self._unpacked is not None:
            self._unpacked.seek(0)
            yield self._unpacked
            return
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise unreadable(self.path, error) from error
        with file:
            yield file

    def read(self, piece: int) -> str:
        """The characters of a piece."""
        with self.open() as file:
            file.seek(int(self.starts[piece]))
            return file.read(int(self.stops[piece] - self.starts[piece])).decode()


class TextFile(Plain):
    """Plain text, whose documents the parameter `documents` tells apart."""

    def __init__(self, source: Source, params: CorpusParams) -> None:
        self.rule = params.documents
        super().__init__(source)

    def cut(self, file: BufferedIOBase) -> Iterator[Piece]:
        """Pieces, each within a document."""
        return pieces(file, self.rule, str(self.path))

    def text(self, piece: int) -> str:
        """The text of a piece, without a byte order mark."""
        return self.read(piece).removeprefix("" if self.starts[piece] else MARK)

    def where(self, piece: int) -> str:
        """The file, and the byte at which the piece begins."""
        return f"{self.path.name} from byte {self.starts[piece]}"


class JsonLines(Plain):
    """A record a line, a document each, whose text is in one field."""

    def __init__(self, source: Source, params: CorpusParams) -> None:
        self.field = params.field
        super().__init__(source)

    def cut(self, file: BufferedIOBase) -> Iterator[Piece]:
        """One piece for each record that has words in its field."""
        stop = 0
        for number, line in enumerate(file):
            start, stop = stop, stop + len(line)
            if line.strip() and self._text(line, f"{self.path} line {number + 1}").strip():
                yield Piece(start, stop, number)

    def text(self, piece: int) -> str:
        """The field of a record."""
        return cast("str", json.loads(self.read(piece))[self.field])

    def where(self, piece: int) -> str:
        """The file and the line."""
        return f"{self.path.name} line {self.documents[piece] + 1}"

    def _text(self, line: bytes, where: str) -> str:
        """The text of a record; ProbekitError where the line is none, or lacks the field."""
        try:
            record = json.loads(line.decode())
        except UnicodeDecodeError as error:
            raise ProbekitError(f"{where} is not UTF-8; convert the file first.") from error
        except ValueError as error:
            raise ProbekitError(f"{where} is not JSON: {error}.") from error
        except RecursionError as error:
            raise ProbekitError(f"{where} is nested too deep; leave that record out.") from error
        if not isinstance(record, dict):
            raise ProbekitError(f"{where} is no record with named fields; write one a line.")
        text = field_of(record, self.field, where)
        if not text.isascii() and re.search("[\ud800-\udfff]", text):
            raise ProbekitError(f"{where} holds half a character (a surrogate); mend that record.")
        return text


def _unpack(path: Path) -> BufferedIOBase:
    """What a packed file holds, as a temporary file."""
    unpacked = tempfile.TemporaryFile()  # noqa: SIM115 (read for as long as the reader is there)
    try:
        with OPENERS[path.suffix](path, "rb") as file:
            shutil.copyfileobj(file, unpacked)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        unpacked.close()
        raise unreadable(path, error) from error
    return unpacked
