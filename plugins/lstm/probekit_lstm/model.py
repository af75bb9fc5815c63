"""LstmLM: an LSTM language model, every gate, cell and hidden state hooked.

    model = load_lstm(LstmParams(), "cpu")
    logits, cache = model.run_with_cache(model.to_tokens("The boys near the car"))
    cache["rnn.layers.1.hook_cell"]                 # [batch, pos, unit]

Parameters have the names of torch's word_language_model example (`encoder`, `rnn`, `decoder`), so
state dicts of that family load as they are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint

from probekit.ablations import Ablation
from probekit.dataset import Batch, Dataset, Example, alike, pad, shared_context
from probekit.errors import ProbekitError, Problems
from probekit.hooks import HookSpec
from probekit.language import LanguageModel, alternatives
from probekit.model import ROWS_AT_ONCE, HookedModel, NamesFilter
from probekit.readout import Readout
from probekit.recurrent import HookedLSTM
from probekit.sweeping import Contrast, Sweep
from probekit.vocabulary import Vocabulary
from probekit.weights import WeightSpec, find_weight

Unit = Literal["words", "characters"]
State = tuple[Tensor, Tensor]

UNKNOWN, END = "<unk>", "<eos>"


@dataclass(frozen=True)
class Config:
    """Sizes of a model, its words in the order of their ids, and what a word is.

    With `strict` a word that is not in the vocabulary is an error; otherwise it is read as `<unk>`
    where the vocabulary has that.
    """

    words: tuple[str, ...]
    embedding: int = 650
    hidden: int = 650
    layers: int = 2
    tied: bool = False
    unit: Unit = "words"
    strict: bool = False


class LstmLM(LanguageModel, HookedModel):
    """Embedding, LSTM layers, output: the architecture of Gulordava et al. (2018), section 3.

    A context is read before the first position, from zeros. Hooks see its steps as -n, ..., -1, so
    that an intervention holds there too unless it names its steps; no activation of it is kept.
    """

    def __init__(self, cfg: Config) -> None:
        super().__init__()
        self.cfg = cfg
        known = UNKNOWN if UNKNOWN in cfg.words and not cfg.strict else None
        self.vocabulary = Vocabulary(cfg.words, known)
        with torch.random.fork_rng(devices=[]):  # layers draw weights from the global generator
            self.encoder = nn.Embedding(len(cfg.words), cfg.embedding)
            self.hook_embed = HookPoint()
            self.rnn = HookedLSTM(cfg.embedding, cfg.hidden, cfg.layers)
            self.decoder = nn.Linear(cfg.hidden, len(cfg.words))
        if cfg.tied:
            if cfg.embedding != cfg.hidden:
                raise ProbekitError(
                    f"tied weights need an embedding as wide as the hidden state, not"
                    f" {cfg.embedding} and {cfg.hidden}."
                )
            self.decoder.weight = self.encoder.weight
        self.setup()

    @cached_property
    def hook_specs(self) -> Mapping[str, HookSpec]:
        """The hook points by name, in the order of the forward pass."""
        embed = HookSpec(name="hook_embed", kind="embedding", width=self.cfg.embedding)
        inner = [replace(spec, name=f"rnn.{name}") for name, spec in self.rnn.hook_specs.items()]
        return {spec.name: spec for spec in (embed, *inner)}

    @cached_property
    def weights(self) -> Mapping[str, WeightSpec]:
        """The weight matrices by name, in the order of the forward pass."""
        words, top = self.cfg.words, f"rnn.layers.{self.cfg.layers - 1}.hook_hidden"
        inner = [spec.within("rnn") for spec in self.rnn.weights.values()]
        specs = [
            WeightSpec(name="embedding", relation="embedding", target="hook_embed",
                       shape=(self.cfg.embedding, len(words)), columns=words),
            *(spec if spec.source else replace(spec, source="hook_embed") for spec in inner),
            WeightSpec(name="readout", relation="readout", source=top, rows=words,
                       shape=(len(words), self.cfg.hidden)),
        ]  # fmt: skip
        return {spec.name: spec for spec in specs}

    def weight(self, name: str) -> Float[Tensor, "to from"]:
        """The matrix of that name, a view."""
        find_weight(self.weights, name)
        if name == "embedding":
            return self.encoder.weight.detach().T
        if name == "readout":
            return self.decoder.weight.detach()
        return self.rnn.weight(name.removeprefix("rnn."))

    def initialise(self, seed: int, span: float = 0.1) -> "LstmLM":
        """Draw every weight uniformly: the LSTM's from +-1/sqrt(hidden), all others from +-`span`.

        The output bias starts at 0. Gives the model itself.
        """
        source = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, weight in self.named_parameters():
                bound = self.cfg.hidden**-0.5 if name.startswith("rnn.") else span
                weight.uniform_(-bound, bound, generator=source)
            self.decoder.bias.zero_()
        return self

    def words_of(self, example: Example) -> tuple[str, ...]:
        """The words of an example, or its characters, as the model reads them."""
        return example.words if self.cfg.unit == "words" else tuple(" ".join(example.words))

    def encode(self, examples: Sequence[Example]) -> Batch:
        """Examples as padded ids, with the context that they share; a target is only compared."""
        rows = [self.vocabulary.encode(self.words_of(example)) for example in examples]
        tokens, lengths = pad(rows, 0)
        batch = Batch(tokens.to(self.device), lengths.to(self.device), examples=tuple(examples))
        words = shared_context(examples)
        if not words:
            return batch
        context = self.vocabulary.encode(self.words_of(Example(words)))
        return replace(batch, context=torch.tensor(context, device=self.device))

    def to_tokens(self, text: str | Sequence[str]) -> Int[Tensor, "batch pos"]:
        """Ids of one text or several, whose words are parted by spaces."""
        texts = [text] if isinstance(text, str) else text
        examples = [Example(tuple(one.split())) for one in texts]
        rows = [self.vocabulary.encode(self.words_of(example)) for example in examples]
        return pad(rows, 0)[0].to(self.device)

    def word_ids(self, words: Sequence[str]) -> list[int]:
        """The id of each word; ProbekitError where one is not in the vocabulary."""
        for word in words:
            if word not in self.vocabulary:
                raise ProbekitError(
                    f"{word!r} is not in the model's vocabulary, so it cannot be an answer; leave"
                    " such examples out."
                )
        return [self.vocabulary.ids[word] for word in words]

    def unknown(self, example: Example) -> tuple[str, ...]:
        """The words of the example, its answer included, that the vocabulary lacks."""
        answer = alternatives(example) if "wrong" in example.labels else ()
        read = (*self.words_of(example), *answer)
        return tuple(word for word in read if word not in self.vocabulary)

    def check(self, dataset: Dataset) -> None:
        """Raise Problems where nothing is known, or an unknown word has no `<unk>` to stand in."""
        self.vocabulary.check(_as_read(self, dataset))
        read = [word for example in dataset for word in self.words_of(example)]
        if read and not any(word in self.vocabulary for word in read):
            raise Problems([
                f"none of the words of {dataset.name} is in the model's vocabulary, such as"
                f" {read[0]!r}; name a dataset in the model's language with data=NAME."
            ])  # fmt: skip

    def forward(
        self,
        batch: Batch | Tensor,
        readout: Readout | None = None,
        state: State | None = None,
    ) -> Tensor:
        """Logits `[batch, pos, word]` of the next word, or what `readout` asks for of them.

        A tensor of ids `[batch, pos]` has no padding. `state` (hidden and cell, each `[layer,
        batch, unit]`) is where to start; otherwise that after the batch's context, or zeros.
        """
        if not isinstance(batch, Batch):
            batch = Batch(batch, torch.full((len(batch),), batch.shape[1]))
        states = self.states(batch, state)
        return (readout or Readout()).project(states, self.decoder.weight, self.decoder.bias)

    def states(self, batch: Batch, state: State | None = None) -> Float[Tensor, "batch pos unit"]:
        """The top layer's hidden state at every position, `[batch, pos, unit]`."""
        if state is None and batch.context is not None:
            state = self.after(batch.context, len(batch))
        embedded = self.hook_embed(self.encoder(batch.tokens))
        hidden: Tensor = self.rnn(embedded, state, batch.lengths.to(embedded.device))[0]
        return hidden

    def after(self, context: Int[Tensor, " context"], batch: int) -> State:
        """The state after the context, each `[layer, batch, unit]`.

        Rows are read once for all unless someone watches, who may treat them differently.
        """
        rows = batch if any(layer.watched for layer in self.rnn.layers) else 1
        embedded = self.encoder(context)[None].expand(rows, -1, -1)
        hidden, cell = self.rnn(embedded, first=-len(context))[1]
        return hidden.expand(-1, batch, -1), cell.expand(-1, batch, -1)

    def margins(
        self, examples: Sequence[Example], ablations: Sequence[Ablation], rows: int = ROWS_AT_ONCE
    ) -> Float[Tensor, "ablation example"]:
        """The margin of every example under every ablation, `[ablation, example]`, on the CPU.

        What examples and ablations have in common is computed once (see `probekit.sweeping`);
        ablations outside the recurrent layers go the common way.
        """
        inner = [_within_rnn(ablation) for ablation in ablations]
        if not examples or None in inner:
            return super().margins(examples, ablations, rows)
        found = torch.zeros(len(ablations), len(examples))
        for block in alike(examples, len(examples)):
            some = [examples[at] for at in block]
            batch = self.encode(some[:1])
            context = [] if batch.context is None else batch.context.tolist()
            read = [context + self.vocabulary.encode(self.words_of(one)) for one in some]
            sweep = Sweep(self.rnn, self.encoder, read, contrast(self, some), len(context))
            found[:, block] = sweep.margins([one for one in inner if one is not None])
        return found

    def run_with_cache(
        self, *args: Any, names_filter: NamesFilter = None, **kwargs: Any
    ) -> tuple[Any, dict[str, Tensor]]:
        """The output and the activations `[batch, pos, unit]`; the context is read unwatched."""
        batch = args[0] if args else kwargs.get("batch")
        if isinstance(batch, Batch) and batch.context is not None and "state" not in kwargs:
            kwargs["state"] = self.after(batch.context, len(batch))
        return super().run_with_cache(*args, names_filter=names_filter, **kwargs)


def contrast(model: LstmLM, examples: Sequence[Example]) -> Contrast:
    """What tells the right word from the wrong one after each example: a difference of outputs."""
    ids = [tuple(model.word_ids(alternatives(example))) for example in examples]
    place = {pair: at for at, pair in enumerate(dict.fromkeys(ids))}
    right, wrong = torch.tensor(list(place), device=model.device).T
    weight, bias = model.decoder.weight.detach(), model.decoder.bias.detach()
    return Contrast(
        weight[right] - weight[wrong],
        bias[right] - bias[wrong],
        torch.tensor([place[pair] for pair in ids]),
    )


def _within_rnn(ablation: Ablation) -> Ablation | None:
    """The same ablation by the names of the recurrent network; None where it reaches beyond."""
    if not all(hook.startswith("rnn.") for hook in ablation.units):
        return None
    units, values = (
        {hook.removeprefix("rnn."): held for hook, held in named.items()}
        for named in (ablation.units, ablation.values)
    )
    return Ablation(units, values, ablation.since)


def _as_read(model: LstmLM, dataset: Dataset) -> Iterable[Example]:
    return (replace(example, words=model.words_of(example)) for example in dataset)
