"""The dataset: pieces of running text with the domain and the document that each belongs to.

    corpus = Corpus(CorpusParams(path=("wiki=wiki.txt.xz", "books/")))
    corpus[0].labels["text"]            # as it stands in the file, line breaks and all

A piece has at most 32 kB of a text file, or one record. Windows of tokens are cut by the analyses,
for only a model knows what its tokens are.
"""

from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from typing import overload

import numpy as np

from probekit.dataset import Dataset, Example
from probekit.errors import ProbekitError, did_you_mean, listing
from probekit_text.arrow import ArrowFile
from probekit_text.params import CorpusParams
from probekit_text.plain import JsonLines, TextFile
from probekit_text.reader import Reader
from probekit_text.sources import Source, ending, find


class Corpus(Dataset):
    """Pieces of text in the order of the paths; each domain is also a split.

    Labels: `domain`; `document`, a number that the pieces of one document share; `text`, of which
    the words are what stands between whitespace.
    """

    name = "corpus"

    def __init__(
        self, params: CorpusParams | None = None, readers: Sequence[Reader] | None = None
    ) -> None:
        params = params or CorpusParams()
        found = readers if readers is not None else _read(params)
        if not sum(map(len, found)):
            raise ProbekitError(
                f"the corpus has no words: data.path={','.join(params.path)} holds whitespace"
                " alone; give other files."
            )
        by_domain = {name: [one for one in found if one.domain == name] for name in _names(found)}
        self.readers = [reader for some in by_domain.values() for reader in some]
        self.ends = np.cumsum([len(reader) for reader in self.readers])
        counts = [reader.documents.max(initial=-1) + 1 for reader in self.readers]
        self.firsts = np.cumsum([0, *counts])  # the number of each reader's first document

    @property
    def domains(self) -> tuple[str, ...]:
        """The names of the domains, in the order given."""
        return _names(self.readers)

    def __len__(self) -> int:
        return int(self.ends[-1])

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | Sequence[Example]:
        if isinstance(index, slice):
            return [self._at(at) for at in range(*index.indices(len(self)))]
        return self._at(range(len(self))[index])

    def split(self, name: str) -> "Corpus":
        """The pieces of one domain."""
        chosen = [reader for reader in self.readers if reader.domain == name]
        if not chosen:
            hint = did_you_mean(name, self.domains) or f"; it has: {listing(self.domains)}"
            raise ProbekitError(f"the corpus has no split called {name}{hint}.")
        return Corpus(readers=chosen)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of every file and of how it is cut."""
        digest = sha256()
        for reader in self.readers:
            told = reader.domain, reader.digest(), reader.documents.tobytes()
            digest.update(repr(told).encode())
        return digest.hexdigest()

    def _at(self, index: int) -> Example:
        which = int(np.searchsorted(self.ends, index, side="right"))
        reader = self.readers[which]
        piece = index - int(self.ends[which]) + len(reader)
        text = reader.text(piece)
        document = int(self.firsts[which] + reader.documents[piece])
        labels = {"domain": reader.domain, "document": document, "text": text}
        return Example(tuple(text.split()), labels=labels, source=reader.where(piece))


def open_reader(source: Source, params: CorpusParams) -> Reader:
    """The reader of a file by its ending; an ending that is not known is read as text."""
    reader = {".jsonl": JsonLines, ".arrow": ArrowFile}.get(ending(source.path), TextFile)
    return reader(source, params)


def _read(params: CorpusParams) -> list[Reader]:
    return [open_reader(source, params) for source in find(params.path, params.files)]


def _names(readers: Sequence[Reader]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reader.domain for reader in readers))
