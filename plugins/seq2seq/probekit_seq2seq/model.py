"""Seq2Seq: an encoder-decoder with attention, every gate, state and attention weight hooked.

    model = load_gru(GruParams(checkpoint="guided"), "cpu")
    logits, cache = model.run_with_cache(model.encode(dataset[:8]))
    cache["decoder.rnn.layers.0.hook_update"]       # [batch, pos, unit]
    cache["decoder.hook_attention"]                 # [batch, pos, source]

The parts are in `network`, the ways to load one in `checkpoints`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from probekit.dataset import Batch, Dataset, Example, pad
from probekit.errors import ProbekitError, Problems
from probekit.hooks import HookSpec
from probekit.model import HookedModel, HookFunction
from probekit.readout import Readout, smallest_lead
from probekit.recurrent import HookedGRU, HookedLSTM, HookedRNN
from probekit.vocabulary import Vocabulary
from probekit.weights import WeightSpec, find_weight
from probekit_seq2seq.lookup import END, STRINGS, TABLES
from probekit_seq2seq.matrices import matrix_specs, matrix_views
from probekit_seq2seq.network import Decoder, Encoder
from probekit_seq2seq.params import CellName
from probekit_seq2seq.params import Decoding as Mode

UNKNOWN, PAD, START = "<unk>", "<pad>", "<sos>"
INPUT_WORDS = (UNKNOWN, PAD, END, *TABLES, *STRINGS)
OUTPUT_WORDS = (UNKNOWN, PAD, START, *STRINGS)
CELLS: dict[CellName, type[HookedGRU] | type[HookedLSTM]] = {"gru": HookedGRU, "lstm": HookedLSTM}
ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class Config:
    """Kind and sizes of a model, its vocabularies in the order of their ids, and its decoding."""

    cell: CellName = "gru"
    embedding: int = 16
    hidden: int = 512
    input_words: tuple[str, ...] = INPUT_WORDS
    output_words: tuple[str, ...] = OUTPUT_WORDS
    decoding: Mode = "greedy"


def check_words(cfg: Config) -> None:
    """Raise ProbekitError where a vocabulary lacks a word that the model cannot do without."""
    for field, needed in (("input_words", (PAD,)), ("output_words", (PAD, START))):
        for word in needed:
            if word not in getattr(cfg, field):
                raise ProbekitError(f"{field} lacks {word}, which the model cannot do without.")


class Decoded(NamedTuple):
    """What a decoding gave."""

    logits: Float[Tensor, "batch pos word"]
    attention: Float[Tensor, "batch pos source"]


class Seq2Seq(HookedModel):
    """The encoder-decoder of baan2019, section 2.2: one layer a side, attention before the RNN.

    Positions of the encoder are input words; position t of the decoder is the step that says output
    word t. There is no word that ends an answer: it has as many words as its target, or without
    one as the input has words before the closing '.'.
    """

    def __init__(self, cfg: Config) -> None:
        super().__init__()
        check_words(cfg)
        self.cfg = cfg
        self.input_vocabulary = Vocabulary(cfg.input_words)
        self.output_vocabulary = Vocabulary(cfg.output_words)
        rnn = CELLS[cfg.cell]
        with torch.random.fork_rng(devices=[]):  # layers draw weights from the global generator
            self.encoder = Encoder(
                len(cfg.input_words), cfg.embedding, rnn(cfg.embedding, cfg.hidden, part="encoder")
            )
            self.decoder = Decoder(
                len(cfg.output_words), cfg.hidden, rnn(cfg.hidden, cfg.hidden, part="decoder")
            )
        self.setup()

    @cached_property
    def hook_specs(self) -> Mapping[str, HookSpec]:
        """The hook points by name, in the order of the forward pass."""
        hidden = self.cfg.hidden
        specs = [
            HookSpec(name="encoder.hook_embed", kind="embedding", width=self.cfg.embedding,
                     part="encoder"),
            *_prefixed("encoder.rnn", self.encoder.rnn),
            HookSpec(name="decoder.hook_embed", kind="embedding", width=hidden, part="decoder"),
            HookSpec(name="decoder.hook_attention", kind="attention", width=None, part="decoder",
                     span=(0.0, 1.0)),
            *_prefixed("decoder.rnn", self.decoder.rnn),
            HookSpec(name="decoder.hook_logits", kind="logits", width=len(self.cfg.output_words),
                     part="decoder"),
        ]  # fmt: skip
        return {spec.name: spec for spec in specs}

    @cached_property
    def weights(self) -> Mapping[str, WeightSpec]:
        """The weight matrices by name, in the order of the forward pass."""
        words = self.cfg.input_words, self.cfg.output_words
        return matrix_specs(self.encoder, self.decoder, *words)

    def weight(self, name: str) -> Float[Tensor, "to from"]:
        """The matrix of that name, a view."""
        return matrix_views(self.encoder, self.decoder)[find_weight(self.weights, name).name]

    def initialise(self, seed: int, span: float) -> "Seq2Seq":
        """Draw every weight uniformly from +-`span`; gives the model itself."""
        source = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for weight in self.parameters():
                weight.uniform_(-span, span, generator=source)
        return self

    def encode(self, examples: Sequence[Example]) -> Batch:
        """Examples as padded ids; targets are left out where no example has one."""
        words = [self.input_vocabulary.encode(example.words) for example in examples]
        tokens, lengths = pad(words, self.input_vocabulary.ids[PAD])
        batch = Batch(tokens.to(self.device), lengths.to(self.device), examples=tuple(examples))
        if not any(example.target for example in examples):
            return batch
        answers = [self.output_vocabulary.encode(example.target) for example in examples]
        targets, target_lengths = pad(answers, self.output_vocabulary.ids[PAD])
        return replace(
            batch, targets=targets.to(self.device), target_lengths=target_lengths.to(self.device)
        )

    def to_tokens(self, text: str | Sequence[str]) -> Int[Tensor, "batch pos"]:
        """Input ids of one text or several, whose words are parted by spaces."""
        texts = [text] if isinstance(text, str) else text
        tokens, _ = pad([self.input_vocabulary.encode(one.split()) for one in texts], self._pad)
        return tokens.to(self.device)

    def check(self, dataset: Dataset) -> None:
        """Raise Problems where an input or a target holds a word that the model does not know."""
        problems: list[str] = []
        for vocabulary, field in (
            (self.input_vocabulary, "words"),
            (self.output_vocabulary, "target"),
        ):
            try:
                vocabulary.check(dataset, field)
            except Problems as found:
                problems += found.messages
        if problems:
            raise Problems(problems)

    def forward(
        self,
        batch: Batch | Tensor,
        readout: Readout | None = None,
        decoding: Mode | None = None,
    ) -> Tensor:
        """Logits `[batch, pos, word]` of the answer, or what `readout` asks for of them.

        A tensor of input ids `[batch, pos]` has no targets. `decoding` is the model's own unless
        given. Past the end of a shorter answer the logits mean nothing.
        """
        readout = readout or Readout()
        decoded = self.decode(batch, decoding, say=not readout.empty)
        return readout.choose(decoded.logits)

    def decode(
        self, batch: Batch | Tensor, decoding: Mode | None = None, say: bool = True
    ) -> Decoded:
        """Run encoder and decoder.

        `greedy` feeds back the model's own last word, `teacher` the right one. Without `say` the
        output head is run only where something needs it, and the logits may be empty.
        """
        batch = batch if isinstance(batch, Batch) else self._read(batch)
        greedy = (decoding or self.cfg.decoding) == "greedy"
        if not greedy and batch.targets is None:
            raise ProbekitError("decoding=teacher needs examples with targets; use greedy.")
        say = say or greedy or bool(self.decoder.hook_logits._forward_hooks)
        steps = self._steps(batch)
        words = torch.full_like(batch.tokens[:, 0], self.output_vocabulary.ids[START])
        run = self.decoder.begin(self.encoder(batch.tokens, batch.lengths), steps)
        logits, attention = [], []
        for t in range(steps):
            attention.append(run.step(words))
            logits.append(run.logits() if say else run.hidden.new_empty(len(words), 0))
            if greedy:
                words = logits[-1].argmax(dim=-1)
            elif batch.targets is not None:
                words = batch.targets[:, t]
        run.finish()
        return Decoded(torch.stack(logits, dim=1), torch.stack(attention, dim=1))

    def answer(self, batch: Batch | Tensor) -> Int[Tensor, "batch pos"]:
        """The words that the model says by itself, as ids."""
        with torch.no_grad():
            return self.decode(batch, "greedy").logits.argmax(dim=-1)

    def sequence_accuracy(self, examples: Iterable[Example]) -> float:
        """The share of examples whose answer is right in every word."""
        right = self.right(list(examples))
        return float(right.double().mean())

    def right(self, examples: Sequence[Example]) -> Bool[Tensor, " example"]:
        """Whether each answer is right in every word."""
        found = [torch.zeros(0, dtype=torch.bool)]
        for start in range(0, len(examples), ROWS_AT_ONCE):
            batch = self.encode(examples[start : start + ROWS_AT_ONCE])
            found.append(self.score(batch).bool().cpu())
        return torch.cat(found)

    def margin(
        self, batch: Batch, fwd_hooks: Sequence[tuple[Any, HookFunction]] = ()
    ) -> Float[Tensor, " batch"]:
        """The lead of the right word over the next, where it is smallest in what the model says."""
        if batch.targets is None:
            raise ProbekitError("an answer is scored against a target; these examples have none.")
        with torch.no_grad():
            logits = self.run_with_hooks(batch, decoding="greedy", fwd_hooks=list(fwd_hooks))
        return smallest_lead(logits, batch.targets, batch.mask("decoder"))

    @property
    def _pad(self) -> int:
        return self.input_vocabulary.ids[PAD]

    def _read(self, tokens: Tensor) -> Batch:
        """A tensor of ids as a batch without targets; padding stands on the right."""
        return Batch(tokens, (tokens != self._pad).sum(dim=1))

    def _steps(self, batch: Batch) -> int:
        """How many words the longest answer has."""
        if batch.targets is not None:
            return int(batch.targets.shape[1])
        ends = batch.tokens == self.input_vocabulary.ids.get(END, -1)
        return max(1, int((batch.mask("encoder") & ~ends).sum(dim=1).max()))


def _prefixed(prefix: str, rnn: HookedRNN) -> list[HookSpec]:
    """The hook points of a recurrent layer under the name that it has in the whole."""
    return [replace(spec, name=f"{prefix}.{name}") for name, spec in rnn.hook_specs.items()]


def describe(cfg: Config) -> dict[str, str]:
    """A configuration as the metadata of a file; `configured` reads it back."""
    return {
        "cell": cfg.cell,
        "embedding": str(cfg.embedding),
        "hidden": str(cfg.hidden),
        "input_words": json.dumps(cfg.input_words),
        "output_words": json.dumps(cfg.output_words),
    }
