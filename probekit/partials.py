"""Durable partial results: one file a shard, written aside and renamed, never half there.

Partials that are large together are not read at once: each array is mapped when it is asked for.
"""

import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

import numpy as np

from probekit.analysis import Measured, Partial, Shard
from probekit.errors import ProbekitError

AT_ONCE = 2**28  # bytes of partials that are read into memory together
SMALL = 2**16  # bytes of an array that is read, not mapped


def write_file(path: Path, content: bytes) -> None:
    """Put a file in place whole: whoever reads it sees the old one or the new one."""
    with placing(path) as file:
        file.write(content)


@contextmanager
def placing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to, which takes its place when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


class StoredPartial(Mapping[str, np.ndarray]):
    """A partial that stays on disk: of an array that is asked for, only what is used is read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with zipfile.ZipFile(path) as archive:
            names = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            self._starts = {name: _data_start(path, info) for name, info in names.items()}

    def __getitem__(self, name: str) -> np.ndarray:
        with self.path.open("rb") as file:
            file.seek(self._starts[name])
            version = np.lib.format.read_magic(file)
            header = np.lib.format.read_array_header_1_0, np.lib.format.read_array_header_2_0
            shape, columns_first, dtype = header[version > (1, 0)](file)
            start = file.tell()
            if dtype.hasobject or dtype.itemsize * int(np.prod(shape)) <= SMALL:
                file.seek(self._starts[name])
                small: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
                return small
        order: Literal["C", "F"] = "F" if columns_first else "C"
        return np.memmap(self.path, dtype, "r", start, shape, order)

    def __iter__(self) -> Iterator[str]:
        return iter(self._starts)

    def __len__(self) -> int:
        return len(self._starts)


def _data_start(path: Path, info: zipfile.ZipInfo) -> int:
    """Where the bytes of a member that is not compressed begin: behind its own header."""
    with path.open("rb") as file:
        file.seek(info.header_offset + 26)
        lengths = np.frombuffer(file.read(4), "<u2")
        return info.header_offset + 30 + int(lengths.sum(dtype=np.int64))


class PartialStore:
    """The partials of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, shard: Shard) -> Path:
        """Where the partial of a shard is kept."""
        return self.folder / f"{shard.name}.npz"

    def write(self, shard: Shard, partial: Partial) -> None:
        """Keep the partial of a shard."""
        arrays = {name: np.asarray(value) for name, value in partial.items()}
        if loose := [name for name, value in arrays.items() if value.dtype == object]:
            raise ProbekitError(f"the partial of shard {shard.name} holds objects in {loose[0]}.")
        with placing(self.path(shard)) as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    def read(self, shard: Shard) -> Partial:
        """The partial of a shard."""
        with np.load(self.path(shard), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}

    def holds(self, shard: Shard) -> bool:
        """Whether the partial of a shard is there and whole; a damaged one counts as absent."""
        try:
            with zipfile.ZipFile(self.path(shard)) as archive:
                return archive.testzip() is None
        except (OSError, zipfile.BadZipFile):
            return False

    def any(self) -> bool:
        """Whether there is a partial of any shard."""
        return self.folder.is_dir() and next(self.folder.glob("*.npz"), None) is not None

    def all(self, shards: list[Shard], at_once: int = AT_ONCE) -> list[Measured]:
        """Every shard with its partial, in shard order.

        Where all take more than `at_once` bytes they stay on disk, each a StoredPartial.
        """
        large = sum(self.path(shard).stat().st_size for shard in shards) > at_once
        read = self.stored if large else self.read
        return [Measured(shard, read(shard)) for shard in shards]

    def stored(self, shard: Shard) -> Partial:
        """The partial of a shard, left on disk."""
        return StoredPartial(self.path(shard))
