"""Text -> windows of tokens, all of one length.

    blocks = plan(dataset, model, 2048, params)
    for window in read(dataset, model, 2048, params, blocks[0]): ...

Where a model has a begin-of-sentence (`model.bos`), every window starts with it, and so does every
further document in a window. A rest that fills no window is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from probekit.dataset import Dataset, Example
from probekit.errors import ProbekitError, did_you_mean, listing
from probekit.model import Model
from probekit_neurons.params import ReadingParams

Tokens = Int[np.ndarray, " token"]

USUAL = 256  # tokens in a window of a model that has no longest one


class Window(NamedTuple):
    """Tokens `[length]`, and where the first of them stands: `used` tokens into an example."""

    example: int
    used: int
    tokens: Tokens


@dataclass(frozen=True)
class Block:
    """Consecutive windows of a domain; the first begins `used` tokens into `example`."""

    domain: str
    example: int
    used: int
    windows: int

    def task(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


class Cutter:
    """Cuts the documents of one domain, example by example."""

    def __init__(self, model: Model, length: int, join: bool) -> None:
        self.model, self.length, self.join = model, length, join
        self.bos = begin(model)
        self.document: Any = None
        self.tokens = 0  # seen so far
        self._parts: list[Tokens] = []
        self._start = (0, 0)

    def feed(self, index: int, example: Example, used: int = 0) -> Iterator[Window]:
        """The windows that are full after an example, of which `used` tokens are left out."""
        document = example.labels.get("document", index)
        if document != self.document:
            yield from self._part_documents()
        self.document = document
        tokens = tokens_of(self.model, text_of(example))[used:]
        self.tokens += len(tokens)
        at = 0
        while at < len(tokens):
            if not self._parts:
                self._start = (index, used + at)
                self._parts += self._begin()
            take = tokens[at : at + self.length - self._filled]
            at += len(take)
            self._parts.append(take)
            yield from self._full()

    @property
    def _filled(self) -> int:
        return sum(map(len, self._parts))

    def _begin(self) -> list[Tokens]:
        return [] if self.bos is None else [np.array([self.bos], dtype=np.int32)]

    def _part_documents(self) -> Iterator[Window]:
        """What stands between two documents in a window: begin-of-sentence, or the window's end."""
        if not self.join:
            self._parts = []
        elif self._parts:
            self._parts += self._begin()
            yield from self._full()

    def _full(self) -> Iterator[Window]:
        if self._filled == self.length:
            yield Window(*self._start, np.concatenate(self._parts))
            self._parts = []


def plan(
    dataset: Dataset, model: Model, length: int, params: ReadingParams, label: str = "the model"
) -> list[Block]:
    """The blocks of at most `shard_size` windows that the dataset gives, domain by domain.

    Raises ProbekitError where a domain is not there, and where no domain fills a window.
    """
    cutters: dict[str, Cutter] = {}
    starts: dict[str, list[tuple[int, int]]] = {}
    for index, example in enumerate(dataset):
        domain = domain_of(example)
        if params.domains and domain not in params.domains:
            continue
        cutter = cutters.setdefault(domain, Cutter(model, length, params.join))
        found = starts.setdefault(domain, [])
        if params.windows is None or len(found) < params.windows:
            found += [(window.example, window.used) for window in cutter.feed(index, example)]
    _check(dataset, starts, cutters, length, params, label)
    size = params.shard_size
    return [
        Block(domain, *found[at], min(size, len(found[: params.windows]) - at))
        for domain, found in starts.items()
        for at in range(0, len(found[: params.windows]), size)
    ]


def read(
    dataset: Dataset, model: Model, length: int, params: ReadingParams, block: Block
) -> Iterator[Tokens]:
    """The windows of a block, one after another."""
    cutter, left = Cutter(model, length, params.join), block.windows
    for index in range(block.example, len(dataset)):
        example = dataset[index]
        if domain_of(example) != block.domain:
            continue
        for window in cutter.feed(index, example, block.used if index == block.example else 0):
            yield window.tokens
            left -= 1
            if not left:
                return


def domain_of(example: Example) -> str:
    """The domain of an example: empty where the dataset has none."""
    return str(example.labels.get("domain", ""))


def text_of(example: Example) -> str:
    """The text as it stands, or the words where the dataset keeps no more."""
    return str(example.labels.get("text") or " ".join(example.words))


def begin(model: Model) -> int | None:
    """The id that begins every text of the model, if there is one (its `bos`)."""
    found = getattr(model, "bos", None)
    return None if found is None else int(found)


def longest(model: Model) -> int | None:
    """How many tokens a model reads at once, if there is an end to it.

    That is its `window`, or the `n_ctx` of its configuration.
    """
    found = getattr(model, "window", None) or getattr(model.cfg, "n_ctx", None)
    return found if isinstance(found, int) else None


def length_of(model: Model, params: ReadingParams, label: str = "the model") -> int:
    """The tokens in a window; ProbekitError where the model cannot read so many."""
    most = longest(model)
    if params.length and most and params.length > most:
        raise ProbekitError(f"{label} reads at most {most} tokens; give length={most} or less.")
    return params.length or most or USUAL


def tokens_of(model: Model, text: str) -> Tokens:
    """The ids of a text `[token]`, without begin-of-sentence.

    A model may cut a text at the length that it can read; so one that comes out as long as that is
    read in two halves.
    """
    found = model.to_tokens(text)[0].cpu().numpy().astype(np.int32)
    most = longest(model)
    if most is not None and len(found) == most and (middle := _middle(text)):
        halves = [tokens_of(model, part) for part in (text[:middle], text[middle:])]
        return np.concatenate(halves)
    bos = begin(model)
    return found[1:] if bos is not None and len(found) and found[0] == bos else found


def _middle(text: str) -> int:
    """The place of a space or line end near the middle; the middle, or 0 where it has one word."""
    half = len(text) // 2
    for mark in ("\n", " "):
        if (at := text.rfind(mark, 1, half + 1)) > 0 and text[at:].strip() and text[:at].strip():
            return at
    return half


def _check(
    dataset: Dataset,
    starts: Mapping[str, Sequence[tuple[int, int]]],
    cutters: Mapping[str, Cutter],
    length: int,
    params: ReadingParams,
    label: str,
) -> None:
    for name in params.domains:
        if name not in starts:
            has = list(dict.fromkeys(map(domain_of, dataset)))
            hint = did_you_mean(name, has) or f"; it has: {listing(has)}"
            raise ProbekitError(f"{dataset.name} has no domain {name}{hint}.")
    if not any(starts.values()):
        most = max((cutter.tokens for cutter in cutters.values()), default=0)
        what = "documents of" if not params.join else "domains of"
        raise ProbekitError(
            f"none of the {what} {dataset.name} fills a window of {length} tokens of {label} (the"
            f" longest domain has {most}); give length=N or name more text with data.path=."
        )
