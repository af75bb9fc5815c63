"""Text to train on: files -> words -> ids.

    corpus = read_corpus(["wiki.txt.xz", "sentences.txt"], "text", 10_000, 0.01, seed=0)
    corpus.train                                    # ids of the whole text, int64

A line is a sentence or a paragraph; every sentence ends with `<eos>`.
"""

import gzip
import lzma
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Literal

import torch
from jaxtyping import Int
from torch import Tensor

from probekit.errors import ProbekitError
from probekit_lstm.model import END, UNKNOWN

Words = Literal["spaces", "text", "characters"]

TOKEN = re.compile(r"<unk>|<eos>|\d+(?:[.,]\d+)*|\w+(?:-\w+)*|'\w+|[^\w\s]")
STOPS, CLOSING = frozenset(".!?"), frozenset("\"')]\u201d\u2019")
OPENERS: dict[str, Callable[..., IO[str]]] = {".gz": gzip.open, ".xz": lzma.open}  # type: ignore[dict-item]


@dataclass(frozen=True)
class Corpus:
    """Texts as ids of one vocabulary; `digest` is a hash of the lines that they came from.

    `validation` holds what was held out of each file, by the name of the file.
    """

    words: tuple[str, ...]
    train: Int[Tensor, " train"]
    validation: Mapping[str, Int[Tensor, " validation"]]
    digest: str

    @property
    def exam(self) -> Int[Tensor, " validation"]:
        """All that was held out, one file after another."""
        return torch.cat(list(self.validation.values()))

    @property
    def covered(self) -> float:
        """The share of the training text that is in the vocabulary."""
        return float((self.train != self.words.index(UNKNOWN)).double().mean())


def read_corpus(
    paths: Sequence[str],
    how: Words,
    vocabulary: int,
    validation: float,
    seed: int,
    words: Sequence[str] = (),
) -> Corpus:
    """Read files, hold the last lines of each out, mix the lines of all, and number the words.

    The vocabulary is `words`, or else the most frequent words of the training lines, `<unk>` and
    `<eos>` first.
    Raises ProbekitError where a file cannot be read or there is too little text.
    """
    train: list[str] = []
    held: dict[str, list[str]] = {}
    digest = sha256()
    for path in paths:
        lines = read_lines(Path(path))
        for line in lines:
            digest.update(line.encode() + b"\n")
        cut = len(lines) - max(1, round(validation * len(lines)))
        train += lines[:cut]
        held.setdefault(Path(path).name, []).extend(lines[cut:])
    random.Random(seed).shuffle(train)  # noqa: S311 (an order, not a secret)
    kept = tuple(words) or _most_frequent(train, how, vocabulary)
    ids = {word: index for index, word in enumerate(kept)}
    exam = {name: _numbered(lines, how, ids) for name, lines in held.items()}
    return Corpus(kept, _numbered(train, how, ids), exam, digest.hexdigest())


def _most_frequent(lines: Sequence[str], how: Words, count: int) -> tuple[str, ...]:
    """The words of a new vocabulary."""
    counts = Counter(word for line in lines for word in cut_line(line, how))
    for word in (UNKNOWN, END):
        counts.pop(word, None)
    common = sorted(counts, key=lambda word: (-counts[word], word))
    return (UNKNOWN, END, *common[: max(0, count - 2)])


def read_lines(path: Path) -> list[str]:
    """The lines of a text file that hold anything; .gz and .xz are unpacked."""
    opener = OPENERS.get(path.suffix, open)
    try:
        with opener(path, "rt", encoding="utf-8") as file:
            lines = [line.strip() for line in file]
    except UnicodeDecodeError as error:
        raise ProbekitError(f"{path} is not UTF-8; save it as UTF-8.") from error
    except (OSError, EOFError, lzma.LZMAError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ProbekitError(f"{path} cannot be read: {reason}; check the file.") from error
    found = [line for line in lines if line]
    if len(found) < 2:
        raise ProbekitError(
            f"{path} has {len(found)} lines of text, and one to train on and one to hold out are"
            " the least; put a sentence or a paragraph in each line."
        )
    return found


def cut_line(line: str, how: Words) -> Iterator[str]:
    """The words of one line, `<eos>` after each sentence.

    `spaces` keeps what stands between spaces, `characters` every character; either has one
    sentence a line. `text` parts words from punctuation, and ends a sentence at `.`, `!` or `?`
    where the next word begins with a capital.
    """
    if how == "text":
        yield from _sentences(TOKEN.findall(line))
        return
    line = line.removesuffix(END).rstrip()
    yield from line.split(" ") if how == "spaces" else line
    yield END


def _sentences(words: Sequence[str]) -> Iterator[str]:
    """The words with `<eos>` where a sentence ends."""
    last = END
    for at, word in enumerate(words):
        if word == END and last == END:
            continue
        yield word
        last = word
        following = words[at + 1] if at + 1 < len(words) else ""
        ended = word in STOPS or (word in CLOSING and at > 0 and words[at - 1] in STOPS)
        if ended and following[:1].isupper():
            yield END
            last = END
    if last != END:
        yield END


def _numbered(lines: Sequence[str], how: Words, ids: dict[str, int]) -> Tensor:
    unknown = ids[UNKNOWN]
    return torch.tensor(
        [ids.get(word, unknown) for line in lines for word in cut_line(line, how)],
        dtype=torch.long,
    )
