"""Durable partial results: one file a shard, written aside and renamed, never half there."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np

from probekit.analysis import Measured, Partial, Shard
from probekit.errors import ProbekitError


def write_file(path: Path, content: bytes) -> None:
    """Put a file in place whole: whoever reads it sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


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
        content = io.BytesIO()
        np.savez(content, **arrays)  # type: ignore[arg-type]
        write_file(self.path(shard), content.getvalue())

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

    def all(self, shards: list[Shard]) -> list[Measured]:
        """Every shard with its partial, in shard order."""
        return [Measured(shard, self.read(shard)) for shard in shards]
