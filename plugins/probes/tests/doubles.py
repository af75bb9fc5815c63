"""Models whose units are known, an LSTM, and one that begins every sentence its own way."""

from dataclasses import replace

import torch

from probekit.dataset import Batch, Example, ListDataset, pad
from probekit.hooks import HookSpec
from probekit.recurrent import HookedLSTM
from probekit.testing import TinyModel

CARRIERS = (17, 3, 11)
WIDTH = 20
LETTERS = "abcdefgh"
PADDING = 1e9


class Planted(TinyModel):
    """Reads one of eight letters a position; each of three units holds one bit of which it is.

    The other units are noise, the same whenever the same sentence is read; padding is huge.
    """

    hook_specs = {"hook": HookSpec(name="hook", kind="hidden", width=WIDTH)}  # noqa: RUF012

    def __init__(self, spoilt=None):
        super().__init__()
        self.spoilt = spoilt

    def encode(self, examples):
        tokens, lengths = pad([[LETTERS.index(w) for w in e.words] for e in examples], 0)
        return Batch(tokens, lengths, examples=tuple(examples))

    def observe(self, batch, hooks, see):
        values = torch.full((*batch.tokens.shape, WIDTH), PADDING)
        for row, example in enumerate(batch.examples):
            values[row, : len(example.words)] = self.units(example.words)
        for spec in hooks:
            see(spec, values)

    def units(self, words):
        """What one sentence does to the units, `[pos, unit]`."""
        seed = int.from_bytes("".join(words).encode(), "big") % 2**31
        values = torch.randn(len(words), WIDTH, generator=torch.Generator().manual_seed(seed))
        letters = torch.tensor([LETTERS.index(word) for word in words])
        for bit, unit in enumerate(CARRIERS):
            values[:, unit] = 3 * (2.0 * (letters >> bit & 1) - 1) + 0.1 * values[:, unit]
        if self.spoilt is not None:
            values[:, self.spoilt] = float("nan")
        return values


def letters(sentences=80, seed=0, **labels):
    """Sentences of four to seven letters; each label is made by a function of the words."""
    source = torch.Generator().manual_seed(seed)
    found = []
    for number in range(sentences):
        drawn = torch.randint(8, (4 + number % 4,), generator=source).tolist()
        words = tuple(LETTERS[one] for one in drawn)
        made = {name: make(words) for name, make in labels.items()}
        found.append(Example(words, labels=made, source=f"sentence {number}"))
    return ListDataset(found, "letters")


class TinyLSTM(TinyModel):
    """A language model like TinyModel, with an LSTM inside."""

    def __init__(self):
        super().__init__()
        self.rnn = HookedLSTM(self.cfg.embedding, self.cfg.hidden)
        source = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for weight in self.rnn.parameters():
                weight.uniform_(-1, 1, generator=source)
        self.setup()


class Beginning(TinyModel):
    """Puts a token of its own before every sentence."""

    @staticmethod
    def places(words):
        return range(1, len(words) + 1)

    def encode(self, examples):
        batch = super().encode(examples)
        first = torch.full((len(batch), 1), len(self.vocabulary) - 1)
        tokens = torch.cat([first, batch.tokens], dim=1)
        return replace(batch, tokens=tokens, lengths=batch.lengths + 1)


class Ending(TinyModel):
    """Puts a token of its own behind every sentence; or, looking ahead, before long ones alone."""

    def __init__(self, ahead=False):
        super().__init__()
        self.ahead = ahead

    @staticmethod
    def places(words):
        return range(len(words))

    def encode(self, examples):
        end = self.vocabulary.ids["birds"]
        found = [self.vocabulary.encode(example.words) for example in examples]
        if self.ahead:
            rows = [[end, *ids] if len(ids) > 2 else ids for ids in found]
        else:
            rows = [[*ids, end] for ids in found]
        tokens, lengths = pad(rows, 0)
        return Batch(tokens, lengths, examples=tuple(examples))


class Cutting(TinyModel):
    """Begins with a token of its own, and cuts every word that ends in s."""

    @staticmethod
    def places(words):
        return [sum(1 + word.endswith("s") for word in words[: at + 1]) for at in range(len(words))]

    def encode(self, examples):
        stop = self.vocabulary.ids["."]
        rows = [
            [stop, *(one for word in example.words
                     for one in [self.vocabulary.ids[word], 3][: 1 + word.endswith("s")])]
            for example in examples
        ]  # fmt: skip
        tokens, lengths = pad(rows, 0)
        return Batch(tokens, lengths, examples=tuple(examples))


class Weighing(TinyModel):
    """Has attention weights only, whose number varies with the input."""

    hook_specs = {"hook": HookSpec(name="hook", kind="attention", width=None)}  # noqa: RUF012
