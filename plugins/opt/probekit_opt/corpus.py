"""Text files as documents, and documents as one stream of token ids.

stream = encode(tokenizer, read_documents(["enwiki.txt.xz"]))
Windows(stream, 257, bos=2, seed=0).rows(range(24))     # [window, 257]
"""

import gzip
import lzma
from collections.abc import Iterable, Iterator, Sequence
from io import TextIOWrapper
from itertools import groupby
from pathlib import Path

import numpy as np
from jaxtyping import Int
from tokenizers import Tokenizer

from probekit.errors import ProbekitError

OPENERS = {".gz": gzip.open, ".xz": lzma.open}
AT_ONCE = 1000  # documents encoded together


def read_documents(paths: Iterable[str]) -> list[str]:
    """The documents of text files, each its words parted by single spaces.

    An empty line ends a document. Raises ProbekitError where a file cannot be read or is no UTF-8.
    """
    return [document for path in paths for document in _documents(Path(path))]


def _documents(path: Path) -> Iterator[str]:
    try:
        with _open(path) as file:
            for filled, lines in groupby(file, key=lambda line: bool(line.strip())):
                if filled:
                    yield " ".join(word for line in lines for word in line.split())
    except UnicodeDecodeError as error:
        raise ProbekitError(
            f"{path} is not UTF-8 (byte {error.object[error.start]:#04x}); convert it first."
        ) from error
    except (OSError, EOFError, lzma.LZMAError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ProbekitError(f"corpus={path} cannot be read: {reason}.") from error


def _open(path: Path) -> TextIOWrapper:
    opener = OPENERS.get(path.suffix)
    return opener(path, "rt", encoding="utf-8") if opener else path.open(encoding="utf-8")  # type: ignore[operator,no-any-return]


def encode(tokenizer: Tokenizer, documents: Sequence[str], end: int) -> Int[np.ndarray, " token"]:
    """The ids of all documents one after another, each followed by `end`."""
    rows: list[np.ndarray] = []
    for start in range(0, len(documents), AT_ONCE):
        some = tokenizer.encode_batch_fast(
            documents[start : start + AT_ONCE], add_special_tokens=False
        )
        rows += [np.array([*one.ids, end], dtype=np.int32) for one in some]
    return np.concatenate(rows) if rows else np.zeros(0, np.int32)


class Windows:
    """The windows of a stream without end: each epoch has an order and a start of its own.

    Seed and number alone decide a window, so a training that stopped can go on anywhere.
    """

    def __init__(self, stream: Int[np.ndarray, " token"], width: int, bos: int, seed: int) -> None:
        self.stream, self.width, self.bos, self.seed = stream, width, bos, seed
        self.spare = min(width - 2, len(stream) - (width - 1))  # starts to choose from, less one
        self.count = (len(stream) - self.spare) // (width - 1)
        self._epoch: tuple[int, Int[np.ndarray, "window pos"]] | None = None

    def rows(self, numbers: Iterable[int]) -> Int[np.ndarray, "window pos"]:
        """The windows of these numbers, `[window, pos]`."""
        return np.stack([self._of(number // self.count)[number % self.count] for number in numbers])

    def _of(self, epoch: int) -> Int[np.ndarray, "window pos"]:
        if self._epoch is None or self._epoch[0] != epoch:
            chance = np.random.default_rng([self.seed, epoch])
            first = int(chance.integers(0, self.spare + 1))
            found = fixed_windows(self.stream[first:], self.width, self.bos)[: self.count]
            self._epoch = epoch, found[chance.permutation(self.count)]
        return self._epoch[1]


def fixed_windows(
    stream: Int[np.ndarray, " token"], width: int, bos: int
) -> Int[np.ndarray, "window pos"]:
    """The stream cut into windows that begin with `bos`, in order; a short rest is left out."""
    count = len(stream) // (width - 1)
    rows = stream[: count * (width - 1)].reshape(count, width - 1)
    return np.concatenate([np.full((count, 1), bos, stream.dtype), rows], axis=1)
