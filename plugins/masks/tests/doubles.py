"""A language model made by hand, in which two known units carry the number of the subject.

Layer 0 unit 1 hears the number of the noun that is read and forgets it at once. Units 2 and 4 of
layer 1 take it over and keep it by reading themselves, one with each sign; both are needed, because
some verbs lean to one of their forms. All other units are noise that no choice of form depends on.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import torch
from torch import nn
from transformer_lens.hook_points import HookPoint

from probekit.dataset import Batch, Example, ListDataset, pad, shared_context
from probekit.hooks import HookSpec
from probekit.language import LanguageModel
from probekit.model import HookedModel
from probekit.readout import Readout
from probekit.recurrent import HookedGRU, HookedLSTM
from probekit.vocabulary import Vocabulary
from probekit.weights import WeightSpec, find_weight

NOUNS = {"cat": "singular", "dog": "singular", "cats": "plural", "dogs": "plural"}
VERBS = {"sees": "see", "likes": "like", "hears": "hear"}
LEANS = {"sees": 0.5, "likes": -0.5, "hears": 0.0}
WORDS = ("the", "near", "often", *NOUNS, *VERBS, *VERBS.values())
PLANTED = {2: 1.0, 4: -1.0}  # units of layer 1, with the sign that they have for singular
HEARS = 1


@dataclass(frozen=True)
class Config:
    """Units of a layer, and the seed of the noise."""

    hidden: int = 6
    seed: int = 0


class Slow(LanguageModel, HookedModel):
    """An LSTM language model with random weights; it always reads a text from its beginning."""

    rnn_type = HookedLSTM

    def __init__(self, cfg=None):
        super().__init__()
        self.cfg = cfg or Config()
        self.vocabulary = Vocabulary(WORDS)
        self.embedding = nn.Embedding(len(WORDS), 4)
        self.hook_embed = HookPoint()
        self.rnn = self.rnn_type(4, self.cfg.hidden, 2)
        self.decoder = nn.Linear(self.cfg.hidden, len(WORDS))
        source = torch.Generator().manual_seed(self.cfg.seed)
        with torch.no_grad():
            for weight in self.parameters():
                weight.uniform_(-1, 1, generator=source)
        self.setup()

    @cached_property
    def hook_specs(self):
        embed = HookSpec(name="hook_embed", kind="embedding", width=4)
        inner = [replace(spec, name=f"rnn.{name}") for name, spec in self.rnn.hook_specs.items()]
        return {spec.name: spec for spec in (embed, *inner)}

    @cached_property
    def weights(self):
        readout = WeightSpec(
            name="readout",
            relation="readout",
            source="rnn.layers.1.hook_hidden",
            shape=(len(WORDS), self.cfg.hidden),
            rows=WORDS,
        )
        return {"readout": readout}

    def weight(self, name):
        find_weight(self.weights, name)
        return self.decoder.weight.detach()

    def encode(self, examples):
        tokens, lengths = pad([self.vocabulary.encode(one.words) for one in examples], 0)
        batch = Batch(tokens, lengths, examples=tuple(examples))
        words = shared_context(examples)
        return (
            replace(batch, context=torch.tensor(self.vocabulary.encode(words))) if words else batch
        )

    def to_tokens(self, text):
        texts = [text] if isinstance(text, str) else text
        return self.encode([Example(tuple(one.split())) for one in texts]).tokens

    def word_ids(self, words):
        return [self.vocabulary.ids[word] for word in words]

    def read(self, context, batch):
        embedded = self.embedding(context)[None].expand(batch, -1, -1)
        return self.rnn(embedded, first=-len(context))[1]

    def forward(self, batch, readout=None, state=None):
        if not isinstance(batch, Batch):
            batch = Batch(batch, torch.full((len(batch),), batch.shape[1]))
        if state is None and batch.context is not None:
            state = self.read(batch.context, len(batch))
        hidden = self.rnn(self.hook_embed(self.embedding(batch.tokens)), state, batch.lengths)[0]
        return (readout or Readout()).project(hidden, self.decoder.weight, self.decoder.bias)


class Fast(Slow):
    """The same, and it can go on from a state."""

    def after(self, context, batch):
        state = self.read(context, batch)
        return state if isinstance(state, tuple) else (state,)


class SlowGru(Slow):
    """A GRU language model."""

    rnn_type = HookedGRU


class FastGru(Fast):
    """A GRU language model that can go on from a state."""

    rnn_type = HookedGRU


def planted(kind=Fast, seed=0):
    """The model made by hand (see above)."""
    model = kind(Config(seed=seed))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "hh_l1" in name or "ih_l1" in name:
                weight.mul_(0.3)
        _hear(model)
        for unit, sign in PLANTED.items():
            _keep(model, unit, sign)
        _speak(model)
    return model


def _hear(model):
    """Layer 0 unit HEARS: the candidate is the number of the noun, and the cell forgets."""
    model.embedding.weight[:, 0] = torch.tensor(
        [{"singular": 1.0, "plural": -1.0}.get(NOUNS.get(word, ""), 0.0) for word in WORDS]
    )
    _gates(model, 0, HEARS, {0: 3.0}, {})


def _keep(model, unit, sign):
    """A unit of layer 1 that takes the number over, and then keeps what it has."""
    _gates(model, 1, unit, {HEARS: 2.0 * sign}, {unit: 4.0})
    for other in range(model.cfg.hidden):
        if other != unit:  # nobody else reads it
            model.rnn.weight_hh_l1[other :: model.cfg.hidden, unit] = 0


def _gates(model, layer, unit, inputs, states):
    """Input and output gates open, forget gate closed, the candidate by the weights given."""
    hidden = model.cfg.hidden
    weights = [getattr(model.rnn, f"weight_{way}_l{layer}") for way in ("ih", "hh")]
    biases = [getattr(model.rnn, f"bias_{way}_l{layer}") for way in ("ih", "hh")]
    for value in (*weights, *biases):
        value[unit::hidden] = 0
    for gate, bias in enumerate((8.0, -8.0, 0.0, 8.0)):
        biases[0][gate * hidden + unit] = bias
    row = 2 * hidden + unit
    for weight, given in zip(weights, (inputs, states), strict=True):
        for at, value in given.items():
            weight[row, at] = value


def _speak(model):
    """Both forms of a verb differ in what they hear from the planted units, and in a lean."""
    weight, bias, ids = model.decoder.weight, model.decoder.bias, model.vocabulary.ids
    for unit in PLANTED:
        weight[:, unit] = 0
    for singular, plural in VERBS.items():
        weight[ids[plural]], bias[ids[plural]] = weight[ids[singular]], bias[ids[singular]]
        bias[ids[singular]] += LEANS[singular]
        for unit, sign in PLANTED.items():
            weight[ids[singular], unit], weight[ids[plural], unit] = 1.5 * sign, -1.5 * sign


def sentences(context=(), short=False):
    """Sentences up to the verb with its forms, subject first, of two lengths; or short ones."""
    found = []
    for noun, other, singular, far in product(NOUNS, NOUNS, VERBS, (False, True)):
        words = ("the", noun, "near", "the", other, *(("often",) if far else ()))
        words = ("the", noun, ("near", "often")[far]) if short else words
        forms = (singular, VERBS[singular])
        right, wrong = forms if NOUNS[noun] == "singular" else forms[::-1]
        labels = {"wrong": wrong, "number": NOUNS[noun], "subject_at": 1}
        source = f"sentence {len(found) + 1}"
        found.append(Example(words, (right,), labels, source, tuple(context)))
    return ListDataset(found, "sentences")
