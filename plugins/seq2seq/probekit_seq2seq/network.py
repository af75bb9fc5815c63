"""The parts of the encoder-decoder: encoder, attention, and a decoder that attends first.

Module names are those of the original `machine` library, so that its weights fit.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional
from transformer_lens.hook_points import HookPoint

from probekit.cells import State, fire
from probekit.dataset import positions_before
from probekit.linear import product
from probekit.recurrent import HookedRNN


class Encoded(NamedTuple):
    """What the decoder reads.

    `last` is the state after the last word (`[layer, batch, unit]`, for an LSTM the pair);
    `padding` is True where there is no word (None where there is a word everywhere).
    """

    states: Float[Tensor, "batch source unit"]
    last: Tensor | State
    padding: Bool[Tensor, "batch source"] | None


class Encoder(nn.Module):
    """Embedding and recurrent layer."""

    def __init__(self, words: int, embedding: int, rnn: HookedRNN) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, embedding)
        self.hook_embed = HookPoint()
        self.rnn = rnn

    def forward(
        self, tokens: Int[Tensor, "batch source"], lengths: Int[Tensor, " batch"]
    ) -> Encoded:
        """The states of padded input words."""
        real = positions_before(lengths, tokens.shape[1])
        whole = bool(real.all())
        embedded = self.hook_embed(self.embedding(tokens))
        states, last = self.rnn(embedded, lengths=None if whole else lengths)
        return Encoded(states, last, None if whole else ~real)


class Mlp(nn.Module):
    """Scores an encoder state against a decoder state: out(relu(mlp([encoder; decoder])))."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.mlp = nn.Linear(2 * hidden, hidden)
        self.out = nn.Linear(hidden, 1)


class Attention(nn.Module):
    """Attention by a small perceptron."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.method = Mlp(hidden)

    def over(self, encoded: Encoded, steps: int) -> "Attending":
        """The attention over one batch of encoder states, for `steps` steps."""
        return Attending(self.method, encoded, steps)


class Attending:
    """Attention over the states of one batch; their share of the scores is computed once."""

    def __init__(self, method: Mlp, encoded: Encoded, steps: int) -> None:
        self.encoded, self.out = encoded, method.out
        of_states, of_query = method.mlp.weight.chunk(2, dim=1)
        self.keys = functional.linear(encoded.states, of_states)
        self.ask = product(of_query, method.mlp.bias, len(encoded.states), steps)

    def weights(self, query: Float[Tensor, "batch unit"]) -> Float[Tensor, "batch source"]:
        """The weights, zero on padding, for the decoder's state."""
        scores = self.out((self.keys + self.ask(query)[:, None, :]).relu()).squeeze(-1)
        if self.encoded.padding is not None:
            scores = scores.masked_fill(self.encoded.padding, -torch.inf)
        weights: Tensor = scores.softmax(dim=-1)
        return weights

    def context(self, weights: Float[Tensor, "batch source"]) -> Float[Tensor, "batch unit"]:
        """The encoder states averaged by the weights."""
        return torch.bmm(weights[:, None, :], self.encoded.states).squeeze(1)


class Decoder(nn.Module):
    """Attention with full focus, recurrent layer, output head."""

    def __init__(self, words: int, hidden: int, rnn: HookedRNN) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, hidden)
        self.hook_embed = HookPoint()
        self.attention = Attention(hidden)
        self.hook_attention = HookPoint()
        self.ffocus_merge = nn.Linear(2 * hidden, hidden)
        self.rnn = rnn
        self.out = nn.Linear(hidden, words)
        self.hook_logits = HookPoint()

    def begin(self, encoded: Encoded, steps: int) -> "Decoding":
        """A decoding of `steps` steps from the encoder's last state."""
        return Decoding(self, encoded, steps)


class Decoding:
    """The decoder being run one step at a time over one batch.

    A step attends from the state before it, gates the context by what it and the last word say
    (full focus), and feeds that to the recurrent layer.
    """

    def __init__(self, decoder: Decoder, encoded: Encoded, steps: int) -> None:
        self.decoder, self.t = decoder, 0
        self.attending = decoder.attention.over(encoded, steps)
        merge = decoder.ffocus_merge
        self.merge = product(merge.weight, merge.bias, len(encoded.states), steps)
        last = encoded.last
        self.hidden = (last if isinstance(last, Tensor) else last[0])[-1]
        self.stepper = decoder.rnn.begin(len(self.hidden), last, steps)

    def step(self, words: Int[Tensor, " batch"]) -> Float[Tensor, "batch source"]:
        """Feed the words said last; gives the attention weights."""
        decoder = self.decoder
        embedded = fire(decoder.hook_embed, decoder.embedding(words), self.t)
        weights = fire(decoder.hook_attention, self.attending.weights(self.hidden), self.t)
        context = self.attending.context(weights)
        merged = self.merge(torch.cat((context, embedded), dim=-1)).relu()
        self.hidden = self.stepper.step(context * merged)
        self.t += 1
        return weights

    def logits(self) -> Float[Tensor, "batch word"]:
        """What the decoder says after the last step."""
        return fire(self.decoder.hook_logits, self.decoder.out(self.hidden), self.t - 1)

    def finish(self) -> None:
        """End the run, releasing what it holds."""
        self.stepper.finish()
