"""Arrow files, as Hugging Face datasets keep them on disk."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int

from probekit.errors import ProbekitError
from probekit_text.params import CorpusParams
from probekit_text.reader import Reader, no_field, unreadable
from probekit_text.sources import Source


class ArrowFile(Reader):
    """A table of either arrow form, read without being held in memory; a row is a document."""

    def __init__(self, source: Source, params: CorpusParams) -> None:
        super().__init__(source)
        table = _table(self.path)
        if params.field not in table.column_names:
            raise no_field(str(self.path), params.field, list(table.column_names))
        self.column = table.column(params.field)
        if not (pa.types.is_string(self.column.type) or pa.types.is_large_string(self.column.type)):
            raise ProbekitError(
                f"{self.path}: the field {params.field} holds {self.column.type}, not text; name"
                " another with data.field=NAME."
            )
        self.documents = _rows_with_words(self.column)

    def text(self, piece: int) -> str:
        """The field of a row."""
        return cast("str", self.column[int(self.documents[piece])].as_py())

    def where(self, piece: int) -> str:
        """The file and the row, counted from 0."""
        return f"{self.path.name} row {self.documents[piece]}"


def _table(path: Path) -> Any:
    """The table of a file, mapped."""
    try:
        mapped = pa.memory_map(str(path))
        if mapped.read(6) == b"ARROW1":
            return pa.ipc.open_file(mapped).read_all()
        mapped.seek(0)
        return pa.ipc.open_stream(mapped).read_all()
    except (OSError, pa.ArrowInvalid) as error:
        raise unreadable(path, error) from error


def _rows_with_words(column: Any) -> Int[np.ndarray, " row"]:
    """The numbers of the rows that hold more than whitespace."""
    found, start = [np.zeros(0, np.int64)], 0
    for chunk in column.chunks:
        words = pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(chunk)), 0)
        held = pc.fill_null(words, False).to_numpy(zero_copy_only=False)
        found.append(start + np.flatnonzero(held))
        start += len(chunk)
    return np.concatenate(found)
