"""Doubles that load at once, so that analyses and models can be tested without any plugin.

    model, dataset = TinyModel(), tiny_dataset()
    _, cache = model.run_with_cache(model.encode(dataset[:4]))
    cache["rnn.layers.0.hook_update"]        # [batch, pos, unit]

They keep every promise of the contract.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import product

import torch
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint

from probekit.dataset import Batch, Dataset, Example, ListDataset, pad
from probekit.hooks import HookSpec
from probekit.model import HookedModel
from probekit.readout import Readout
from probekit.recurrent import HookedGRU
from probekit.testing.specs import TinyDataParams, TinyParams
from probekit.vocabulary import Vocabulary
from probekit.weights import WeightSpec, find_weight

NOUNS = {"cat": "singular", "dog": "singular", "cats": "plural", "dogs": "plural"}
VERBS = {"singular": "sees", "plural": "see"}
WORDS = (".", "the", "near", *NOUNS, *VERBS.values(), "birds")


class TinyModel(HookedModel):
    """A GRU language model with random weights, hooked on its embedding and inside its GRU."""

    def __init__(self, params: TinyParams | None = None, device: str = "cpu") -> None:
        super().__init__()
        self.cfg = params or TinyParams()
        self.vocabulary = Vocabulary(WORDS)
        self.embedding = nn.Embedding(len(WORDS), self.cfg.embedding)
        self.hook_embed = HookPoint()
        self.rnn = HookedGRU(self.cfg.embedding, self.cfg.hidden)
        self.decoder = nn.Linear(self.cfg.hidden, len(WORDS))
        source = torch.Generator().manual_seed(self.cfg.init_seed)
        with torch.no_grad():
            for weight in self.parameters():
                weight.uniform_(-1, 1, generator=source)
        self.setup()
        self.to(device)

    @cached_property
    def hook_specs(self) -> Mapping[str, HookSpec]:
        """The hook points by name, in the order of the forward pass."""
        embed = HookSpec(name="hook_embed", kind="embedding", width=self.cfg.embedding)
        inner = [replace(spec, name=f"rnn.{name}") for name, spec in self.rnn.hook_specs.items()]
        return {spec.name: spec for spec in (embed, *inner)}

    @cached_property
    def weights(self) -> Mapping[str, WeightSpec]:
        """The weight matrices by name, in the order of the forward pass."""
        width, words = self.cfg.hidden, len(WORDS)
        embedding = WeightSpec(
            name="embedding",
            relation="embedding",
            target="hook_embed",
            shape=(self.cfg.embedding, words),
            columns=WORDS,
        )
        readout = WeightSpec(
            name="readout",
            relation="readout",
            source="rnn.layers.0.hook_hidden",
            shape=(words, width),
            rows=WORDS,
        )
        inner = [spec.within("rnn") for spec in self.rnn.weights.values()]
        return {spec.name: spec for spec in (embedding, *inner, readout)}  # fmt: skip

    def weight(self, name: str) -> Tensor:
        """The matrix of that name `[to, from]`, a view."""
        find_weight(self.weights, name)
        if name == "embedding":
            return self.embedding.weight.detach().T
        if name == "readout":
            return self.decoder.weight.detach()
        return self.rnn.weight(name.removeprefix("rnn."))

    def encode(self, examples: Sequence[Example]) -> Batch:
        """Examples as padded ids."""
        rows = [self.vocabulary.encode(example.words) for example in examples]
        tokens, lengths = pad(rows, 0)
        return Batch(tokens.to(self.device), lengths.to(self.device), examples=tuple(examples))

    def to_tokens(self, text: str | Sequence[str]) -> Tensor:
        """Ids `[batch, pos]` of one text or several, whose words are parted by spaces."""
        texts = [text] if isinstance(text, str) else text
        return self.encode([Example(tuple(one.split())) for one in texts]).tokens

    def check(self, dataset: Dataset) -> None:
        """Raise Problems where a word is not among the ten."""
        self.vocabulary.check(dataset)

    def forward(self, batch: Batch | Tensor, readout: Readout | None = None) -> Tensor:
        """Logits `[batch, pos, word]`, or what `readout` asks for of them."""
        tokens = batch.tokens if isinstance(batch, Batch) else batch
        hidden, _ = self.rnn(self.hook_embed(self.embedding(tokens)))
        return (readout or Readout()).project(hidden, self.decoder.weight, self.decoder.bias)


def tiny_dataset(params: TinyDataParams | None = None) -> ListDataset:
    """Sentences such as `the cat near the dogs sees .`, labelled with the subject's `number`."""
    subjects = [nouns for depth in (1, 2, 3) for nouns in product(NOUNS, repeat=depth)]
    examples = [_sentence(nouns, at) for at, nouns in enumerate(subjects, start=1)]
    return ListDataset(examples[: (params or TinyDataParams()).sentences], "tiny-sentences")


def _sentence(nouns: Sequence[str], at: int) -> Example:
    number = NOUNS[nouns[0]]
    words = " near ".join(f"the {noun}" for noun in nouns) + f" {VERBS[number]} ."
    return Example(tuple(words.split()), labels={"number": number}, source=f"sentence {at}")
