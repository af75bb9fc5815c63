"""The published way, written from its description: torch's own layers, one word at a time.

Five sentences are read first, every test sentence starts from the state after them, and a unit is
ablated by zeroing what the next step, and the output, read of it (Lakretz et al. 2019, section 4).
"""

from collections import OrderedDict

import torch
from torch import nn


class RNNModel(nn.Module):
    """The module that word_language_model pickles whole."""

    def __init__(self, words, width, hidden, layers):
        super().__init__()
        self.drop = nn.Dropout(0.2)
        self.encoder = nn.Embedding(words, width)
        self.rnn = nn.LSTM(width, hidden, layers, dropout=0.2 if layers > 1 else 0.0)
        self.decoder = nn.Linear(hidden, words)
        self.rnn_type, self.nhid, self.nlayers = "LSTM", hidden, layers


class Original:
    """The model of a state dict, asked sentence by sentence and word by word."""

    def __init__(self, weights, words, layers):
        self.ids = {word: at for at, word in enumerate(words)}
        rows, width = weights["encoder.weight"].shape
        hidden = weights["rnn.weight_hh_l0"].shape[1]
        self.net = RNNModel(rows, width, hidden, layers).eval()
        self.net.load_state_dict(OrderedDict(weights))
        self.layers = layers

    def ablate(self, layer, unit):
        """Zero the unit's column of the recurrent weights, and of the output in the last layer."""
        with torch.no_grad():
            getattr(self.net.rnn, f"weight_hh_l{layer}")[:, unit] = 0
            if layer == self.layers - 1:
                self.net.decoder.weight[:, unit] = 0

    def read(self, words, state):
        """The log-probabilities after each word, and the last state."""
        told = []
        for word in words:
            tokens = torch.tensor([[self.ids.get(word, self.ids["<unk>"])]])
            hidden, state = self.net.rnn(self.net.encoder(tokens), state)
            told.append(self.net.decoder(hidden)[0, 0].log_softmax(-1))
        return told, state

    def margins(self, examples):
        """log p(right form) - log p(wrong form) after each sentence."""
        found = []
        with torch.no_grad():
            _, state = self.read(examples[0].context, None)
            for example in examples:
                told, _ = self.read(example.words, state)
                right, wrong = example.target[0], example.labels["wrong"]
                found.append(float(told[-1][self.ids[right]] - told[-1][self.ids[wrong]]))
        return torch.tensor(found)
