"""G2p: letters to phonemes by two GRUs, every gate and state hooked.

    model = load(G2pParams(), "cpu")
    model.pronounce(["probe"])                      # [("P", "R", "OW1", "B")]
    logits, cache = model.run_with_cache(model.encode(dataset[:8]))
    cache["decoder.rnn.layers.0.hook_update"]       # [batch, pos, unit]

There is no attention: all that the decoder knows of a word is the encoder's last state.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint

from probekit.cells import fire
from probekit.dataset import Batch, Dataset, Example, pad
from probekit.errors import ProbekitError, Problems
from probekit.hooks import HookSpec, Part
from probekit.model import HookedModel, HookFunction
from probekit.readout import Readout, smallest_lead
from probekit.recurrent import HookedGRU
from probekit.vocabulary import Vocabulary
from probekit.weights import WeightSpec, find_weight
from probekit_g2p.params import Decoding
from probekit_g2p.symbols import END, LETTERS, LONGEST, PAD, PHONEMES, START, UNKNOWN


@dataclass(frozen=True)
class Config:
    """Sizes of a model, and its decoding."""

    embedding: int = 256
    hidden: int = 256
    decoding: Decoding = "greedy"


class Reader(nn.Module):
    """An embedding and a recurrent layer."""

    def __init__(self, words: int, cfg: Config, part: Part) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, cfg.embedding)
        self.hook_embed = HookPoint()
        self.rnn = HookedGRU(cfg.embedding, cfg.hidden, part=part)

    @property
    def watched(self) -> bool:
        """Whether anything is hooked."""
        points = [one for one in self.modules() if isinstance(one, HookPoint)]
        return any(point._forward_hooks or point._backward_hooks for point in points)

    def forward(
        self,
        tokens: Int[Tensor, "batch pos"],
        state: Float[Tensor, "1 batch unit"] | None = None,
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> tuple[Float[Tensor, "batch pos unit"], Float[Tensor, "1 batch unit"]]:
        """The states of given words, and the last one of each row."""
        states, last = self.rnn(self.hook_embed(self.embedding(tokens)), state, lengths)
        return states, last


class Writer(Reader):
    """A reader that says something at each step."""

    def __init__(self, words: int, cfg: Config, part: Part) -> None:
        super().__init__(words, cfg, part)
        self.out = nn.Linear(cfg.hidden, words)
        self.hook_logits = HookPoint()


class G2p(HookedModel):
    """The published encoder-decoder of g2p-en.

    Positions of the encoder are letters and the closing `</s>`; position t of the decoder is the
    step that says phoneme t, `</s>` being the last. A batch has as many decoder positions as its
    targets have; where an example has none, the model's own answer is its target. So under greedy
    decoding of given targets an answer that ends before its target or goes on after it is shown
    for as long as the target is; without targets every position is one of the answer.
    """

    def __init__(self, cfg: Config) -> None:
        super().__init__()
        self.cfg = cfg
        self.letters = Vocabulary(LETTERS, unknown=UNKNOWN)
        self.phonemes = Vocabulary(PHONEMES)
        with torch.random.fork_rng(devices=[]):  # layers draw weights from the global generator
            self.encoder = Reader(len(LETTERS), cfg, "encoder")
            self.decoder = Writer(len(PHONEMES), cfg, "decoder")
        self.setup()

    @cached_property
    def hook_specs(self) -> Mapping[str, HookSpec]:
        """The hook points by name, in the order of the forward pass."""
        specs = []
        for part in (self.encoder, self.decoder):
            side = part.rnn.part
            specs.append(HookSpec(name=f"{side}.hook_embed", kind="embedding", part=side,
                                  width=self.cfg.embedding))  # fmt: skip
            specs += [
                replace(spec, name=f"{side}.rnn.{name}")
                for name, spec in part.rnn.hook_specs.items()
            ]
        specs.append(HookSpec(name="decoder.hook_logits", kind="logits", part="decoder",
                              width=len(PHONEMES)))  # fmt: skip
        return {spec.name: spec for spec in specs}

    @cached_property
    def weights(self) -> Mapping[str, WeightSpec]:
        """The weight matrices by name, in the order of the forward pass."""
        specs = []
        for part, words in ((self.encoder, LETTERS), (self.decoder, PHONEMES)):
            side = part.rnn.part
            below = f"{side}.hook_embed"
            specs.append(WeightSpec(name=f"{side}.embedding", relation="embedding", part=side,
                                    shape=(self.cfg.embedding, len(words)), target=below,
                                    columns=words))  # fmt: skip
            inner = [spec.within(f"{side}.rnn") for spec in part.rnn.weights.values()]
            specs += [spec if spec.source else replace(spec, source=below) for spec in inner]
        specs.append(WeightSpec(name="decoder.readout", relation="readout", part="decoder",
                                shape=(len(PHONEMES), self.cfg.hidden), rows=PHONEMES,
                                source="decoder.rnn.layers.0.hook_hidden",
                                target="decoder.hook_logits"))  # fmt: skip
        return {spec.name: spec for spec in specs}

    def weight(self, name: str) -> Float[Tensor, "to from"]:
        """The matrix of that name, a view."""
        side, _, inner = find_weight(self.weights, name).name.partition(".")
        part = self.encoder if side == "encoder" else self.decoder
        if inner == "embedding":
            return part.embedding.weight.detach().T
        if inner == "readout":
            return self.decoder.out.weight.detach()
        return part.rnn.weight(inner.removeprefix("rnn."))

    def initialise(self, seed: int) -> "G2p":
        """Draw every weight uniformly from +-1/sqrt(hidden); gives the model itself."""
        source, span = torch.Generator().manual_seed(seed), self.cfg.hidden**-0.5
        with torch.no_grad():
            for weight in self.parameters():
                weight.uniform_(-span, span, generator=source)
        return self

    def encode(self, examples: Sequence[Example]) -> Batch:
        """Examples as padded ids, closed by `</s>`; letters that are none of a to z are unknown.

        An example without a target gets what the model says by itself.
        """
        tokens, lengths = pad([self._letters(one.words) for one in examples], 0)
        batch = Batch(tokens.to(self.device), lengths.to(self.device), examples=tuple(examples))
        rows = [[*self.phonemes.encode(one.target), self._end][:LONGEST] for one in examples]
        if not all(one.target for one in examples):
            own = self.answer(batch)
            rows = [
                row if one.target else said
                for one, row, said in zip(examples, rows, own, strict=True)
            ]
        targets, sizes = pad(rows, 0)
        return replace(batch, targets=targets.to(self.device), target_lengths=sizes.to(self.device))

    def to_tokens(self, text: str | Sequence[str]) -> Int[Tensor, "batch pos"]:
        """Letter ids of one text or several, whose letters are parted by spaces."""
        texts = [text] if isinstance(text, str) else text
        tokens, _ = pad([self._letters(one.split()) for one in texts], 0)
        return tokens.to(self.device)

    def check(self, dataset: Dataset) -> None:
        """Raise Problems where a target holds an unknown phoneme, or more than can be said."""
        self.phonemes.check(dataset, "target")
        if long := [one for one in dataset if len(one.target) > LONGEST]:
            where = long[0].source or "an example"
            raise Problems([
                f"{where} has {len(long[0].target)} phonemes and the model says {LONGEST} at most;"
                " leave the word out."
            ])  # fmt: skip

    def forward(
        self,
        batch: Batch | Tensor,
        readout: Readout | None = None,
        decoding: Decoding | None = None,
    ) -> Tensor:
        """Logits `[batch, pos, phoneme]` of the answer, or what `readout` asks for of them.

        A tensor of letter ids `[batch, pos]` is answered in 20 steps. `decoding` is the model's own
        unless given: `greedy` feeds back the last phoneme said, `teacher` the right one. Past the
        end of an answer the logits mean nothing.
        """
        batch = batch if isinstance(batch, Batch) else self._bare(batch)
        readout = readout or Readout()
        state = self._read(batch)
        if (decoding or self.cfg.decoding) == "teacher":
            return readout.choose(self._taught(batch, state, readout))
        steps = LONGEST if batch.targets is None else batch.targets.shape[1]
        return readout.choose(self._greedy(state, steps))

    def answer(self, batch: Batch) -> list[list[int]]:
        """The phonemes that the model says by itself, as ids, up to `</s>` or the 20th step."""
        with torch.no_grad():
            said = self._greedy(self._read(batch), LONGEST).argmax(dim=-1).tolist()
        ends = [row.index(self._end) + 1 if self._end in row else LONGEST for row in said]
        return [row[:end] for row, end in zip(said, ends, strict=True)]

    def pronounce(self, words: Sequence[str]) -> list[tuple[str, ...]]:
        """What the model says of some words, without the closing `</s>`."""
        tokens, lengths = pad([self._letters(word) for word in words], 0)
        said = self.answer(Batch(tokens.to(self.device), lengths.to(self.device)))
        return [self.phonemes.decode(one for one in row if one != self._end) for row in said]

    def margin(
        self, batch: Batch, fwd_hooks: Sequence[tuple[Any, HookFunction]] = ()
    ) -> Float[Tensor, " batch"]:
        """The lead of the right phoneme, or of the end, over the next, where it is smallest.

        Teacher forcing decides who leads as greedy decoding does: until the first mistake both have
        fed the decoder the same.
        """
        if batch.targets is None:
            raise ProbekitError("an answer is scored against a target; this batch has none.")
        with torch.no_grad():
            logits = self.run_with_hooks(batch, decoding="teacher", fwd_hooks=list(fwd_hooks))
        return smallest_lead(logits, batch.targets, batch.mask("decoder"))

    def _read(self, batch: Batch) -> Float[Tensor, "1 batch unit"]:
        """The encoder's last state.

        Rows that are alike are read once where nobody watches the encoder, so that many ablations
        of the decoder share it.
        """
        tokens, lengths = batch.tokens, batch.lengths
        if not self.encoder.watched:
            distinct, place = torch.unique(tokens, dim=0, return_inverse=True)
            if len(distinct) < len(tokens):
                lengths = lengths.new_empty(len(distinct)).scatter_(0, place, lengths)
                state: Tensor = self.encoder(distinct, None, lengths)[1]
                return state[:, place]
        last: Tensor = self.encoder(tokens, None, lengths)[1]
        return last

    def _taught(self, batch: Batch, state: Tensor, readout: Readout) -> Tensor:
        """The logits of every step with the right phonemes fed; empty where nobody wants them."""
        if batch.targets is None:
            raise ProbekitError("decoding=teacher needs examples with targets; use greedy.")
        for point in (self.decoder.hook_embed, self.decoder.hook_logits):
            point.ctx.clear()  # greedy decoding leaves a time step there; this fires once for all
        first = torch.full_like(batch.targets[:, :1], self._start)
        fed = torch.cat((first, batch.targets[:, :-1]), dim=1)
        states: Tensor = self.decoder(fed, state)[0]
        if readout.empty and not self.decoder.hook_logits._forward_hooks:
            return states.new_empty(*states.shape[:2], 0)
        logits: Tensor = self.decoder.hook_logits(self.decoder.out(states))
        return logits

    def _greedy(self, state: Tensor, steps: int) -> Tensor:
        """The logits of `steps` steps, each fed what the one before said."""
        decoder, batch = self.decoder, state.shape[1]
        words = torch.full((batch,), self._start, device=state.device)
        run = decoder.rnn.begin(batch, state, steps)
        logits = []
        for t in range(steps):
            hidden = run.step(fire(decoder.hook_embed, decoder.embedding(words), t))
            logits.append(fire(decoder.hook_logits, decoder.out(hidden), t))
            words = logits[-1].argmax(dim=-1)
        run.finish()
        return torch.stack(logits, dim=1)

    def _letters(self, letters: Sequence[str]) -> list[int]:
        ids = self.letters.encode(letters)
        return ids if letters and letters[-1] == END else [*ids, self.letters.ids[END]]

    def _bare(self, tokens: Tensor) -> Batch:
        """A tensor of ids as a batch without targets; padding stands on the right."""
        return Batch(tokens, (tokens != self.letters.ids[PAD]).sum(dim=1))

    @property
    def _start(self) -> int:
        return self.phonemes.ids[START]

    @property
    def _end(self) -> int:
        return self.phonemes.ids[END]
