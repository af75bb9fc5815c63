"""A file as numbered pieces of text, read when they are asked for.

What is held of a file is where its pieces stand, not the text.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from hashlib import file_digest
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from probekit.errors import ProbekitError, listing
from probekit_text.sources import Source


class Reader(ABC):
    """One file; `documents [piece]` holds the number of each piece's document in it."""

    documents: Int[np.ndarray, " piece"]

    def __init__(self, source: Source) -> None:
        self.domain, self.path = source

    def __len__(self) -> int:
        return len(self.documents)

    @abstractmethod
    def text(self, piece: int) -> str:
        """The text of a piece, as it stands in the file."""

    @abstractmethod
    def where(self, piece: int) -> str:
        """Where a piece stands, for messages."""

    def digest(self) -> str:
        """A hash of the file's bytes."""
        with self.path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()


def field_of(record: Mapping[str, Any], field: str, where: str) -> str:
    """The text in a field of a record; ProbekitError where there is none."""
    if field not in record:
        raise no_field(where, field, list(record))
    text = record[field]
    if not isinstance(text, str):
        raise ProbekitError(
            f"{where}: the field {field} holds no text; name another with data.field=NAME."
        )
    return text


def no_field(where: str, field: str, names: list[str]) -> ProbekitError:
    """What to raise where a record or a table lacks a field."""
    return ProbekitError(
        f"{where} has no field {field}; it has: {listing(names)}; name one with data.field=NAME."
    )


def unreadable(path: Path, error: Exception) -> ProbekitError:
    """What to raise where a file cannot be read."""
    reason = getattr(error, "strerror", None) or str(error)
    return ProbekitError(f"{path} cannot be read: {reason}; check the file.")
