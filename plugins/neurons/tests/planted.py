"""A language model whose neurons are what a test says they are, and slow words for what they do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint

from probekit.dataset import Batch, Example, ListDataset
from probekit.hooks import HookSpec
from probekit.model import HookedModel
from probekit.readout import Readout
from probekit.weights import WeightSpec, find_weight

RESIDUAL = 5


@dataclass(frozen=True)
class Config:
    """`n_ctx` tokens at once, and `words` in the vocabulary, of which 0 begins a text."""

    n_ctx: int
    words: int
    name: str = "planted"


class Planted(HookedModel):
    """`rules[layer][unit](tokens)` says where a unit is active, `[batch, pos]`.

    Words are `w1`, `w2`, ...; with `bos` every text begins with token 0. A text longer than
    `n_ctx` comes out cut where `cuts` says so.
    """

    def __init__(self, rules, words=12, n_ctx=16, bos=True, cuts=False):
        super().__init__()
        self.cfg = Config(n_ctx, words)
        self.rules, self.cuts = rules, cuts
        self.bos = 0 if bos else None
        self.hook_neurons = nn.ModuleList(HookPoint() for _ in rules)
        source = torch.Generator().manual_seed(1)
        widths = [len(layer) for layer in rules]
        self.out = nn.ParameterList(torch.randn(RESIDUAL, n, generator=source) for n in widths)
        self.unembedding = nn.Parameter(torch.randn(words, RESIDUAL, generator=source))
        self.passes = 0
        self.setup()

    @cached_property
    def hook_specs(self) -> Mapping[str, HookSpec]:
        return {
            f"hook_neurons.{at}": HookSpec(
                name=f"hook_neurons.{at}", kind="neuron", width=len(layer), layer=at,
                span=(0.0, float("inf")),
            )
            for at, layer in enumerate(self.rules)
        }  # fmt: skip

    @cached_property
    def weights(self) -> Mapping[str, WeightSpec]:
        out = [
            WeightSpec(name=f"out.{at}", relation="merge", source=f"hook_neurons.{at}", layer=at,
                       shape=(RESIDUAL, len(layer)))
            for at, layer in enumerate(self.rules)
        ]  # fmt: skip
        names = tuple(f"w{at}" for at in range(self.cfg.words))
        readout = WeightSpec(
            name="unembed", relation="readout", rows=names, shape=(self.cfg.words, RESIDUAL)
        )
        return {spec.name: spec for spec in (*out, readout)}

    def weight(self, name: str) -> Tensor:
        find_weight(self.weights, name)
        if name == "unembed":
            return self.unembedding.detach()
        return self.out[int(name.removeprefix("out."))].detach()

    def to_tokens(self, text: str | Sequence[str]) -> Tensor:
        assert isinstance(text, str)
        ids = [int(word.removeprefix("w")) for word in text.split()]
        ids = ids if self.bos is None else [self.bos, *ids]
        return torch.tensor([ids[: self.cfg.n_ctx] if self.cuts else ids], dtype=torch.long)

    def encode(self, examples: Sequence[Example]) -> Batch:
        raise NotImplementedError

    def forward(self, batch: Batch | Tensor, readout: Readout | None = None) -> Tensor:
        tokens = batch.tokens if isinstance(batch, Batch) else batch
        self.passes += 1
        for layer, hook in zip(self.rules, self.hook_neurons, strict=True):
            active = [rule(tokens.numpy()) for rule in layer]
            hook(torch.from_numpy(np.stack(active, axis=-1)).float() * 1.5)
        return torch.zeros(len(tokens), 0)


def no_one(tokens):
    """Never active."""
    return np.zeros(tokens.shape, dtype=bool)


def on(*words):
    """Active at these tokens."""
    return lambda tokens: np.isin(tokens, words)


def on_trigram(first, second, third):
    """Active at the last token of these three."""

    def rule(tokens):
        found = np.zeros(tokens.shape, dtype=bool)
        found[:, 2:] = (
            (tokens[:, :-2] == first) & (tokens[:, 1:-1] == second) & (tokens[:, 2:] == third)
        )
        return found

    return rule


def at(held):
    """Active at the positions for which `held(position)` is true."""

    def rule(tokens):
        places = np.array([bool(held(place)) for place in range(tokens.shape[1])])
        return np.broadcast_to(places, tokens.shape)

    return rule


def often(share, seed):
    """Active at random, with a probability that is a number or a function of the position.

    What is drawn depends on the tokens, so that the same text always gives the same.
    """

    def rule(tokens):
        places = np.arange(tokens.shape[1])
        chance = np.array([share(place) if callable(share) else share for place in places])
        mixed = np.zeros(tokens.shape, dtype=np.uint64)
        for shift in range(4):
            before = np.zeros_like(tokens)
            before[:, shift:] = tokens[:, : tokens.shape[1] - shift]
            mixed = (mixed ^ before.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
        mixed = (mixed ^ (places.astype(np.uint64) + np.uint64(seed * 7919))) * np.uint64(
            0xBF58476D1CE4E5B9
        )
        drawn = (mixed >> np.uint64(11)).astype(float) / 2**53
        return drawn < chance

    return rule


def text(words, domain="", document=None):
    """An example of these word numbers."""
    labels = {"domain": domain} | ({} if document is None else {"document": document})
    return Example(tuple(f"w{word}" for word in words), labels=labels)


def random_text(count, words, seed, sizes=(20, 60), domains=("a", "b")):
    """Documents of random words, of which low numbers are frequent."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, words)
    examples = [
        text(
            rng.choice(np.arange(1, words), size=rng.integers(*sizes), p=share / share.sum()),
            domains[number % len(domains)],
        )
        for number in range(count)
    ]
    return ListDataset(examples, "random")
