"""The encoder-decoder once more, of torch's own layers and plain loops, to compare with."""

import torch
from torch import nn


class Reference(nn.Module):
    """One sequence at a time: no batch, no padding, no hooks."""

    def __init__(self, model):
        super().__init__()
        cfg = model.cfg
        cell = {"gru": nn.GRU, "lstm": nn.LSTM}[cfg.cell]
        self.encoder = nn.ModuleDict(
            {
                "embedding": nn.Embedding(len(cfg.input_words), cfg.embedding),
                "rnn": cell(cfg.embedding, cfg.hidden, batch_first=True),
            }
        )
        method = nn.ModuleDict(
            {"mlp": nn.Linear(2 * cfg.hidden, cfg.hidden), "out": nn.Linear(cfg.hidden, 1)}
        )
        self.decoder = nn.ModuleDict(
            {
                "embedding": nn.Embedding(len(cfg.output_words), cfg.hidden),
                "rnn": cell(cfg.hidden, cfg.hidden, batch_first=True),
                "attention": nn.ModuleDict({"method": method}),
                "ffocus_merge": nn.Linear(2 * cfg.hidden, cfg.hidden),
                "out": nn.Linear(cfg.hidden, len(cfg.output_words)),
            }
        )
        self.load_state_dict(model.state_dict())
        self.double()
        self.start = cfg.output_words.index("<sos>")

    def forward(self, words, steps, forced=None):
        """Ids of one input; gives logits [pos, word] and attention [pos, source]."""
        states, last = self.encoder["rnn"](self.encoder["embedding"](torch.tensor([words])))
        method, said = self.decoder["attention"]["method"], self.start
        all_logits, all_weights = [], []
        for t in range(steps):
            hidden = (last[0] if isinstance(last, tuple) else last)[0, 0]
            scores = [
                method["out"](torch.relu(method["mlp"](torch.cat([state, hidden]))))
                for state in states[0]
            ]
            weights = torch.softmax(torch.cat(scores), dim=0)
            context = sum(weight * state for weight, state in zip(weights, states[0], strict=True))
            embedded = self.decoder["embedding"](torch.tensor(said))
            merged = torch.relu(self.decoder["ffocus_merge"](torch.cat([context, embedded])))
            out, last = self.decoder["rnn"]((context * merged)[None, None], last)
            logits = self.decoder["out"](out[0, 0])
            all_logits.append(logits)
            all_weights.append(weights)
            said = int(logits.argmax()) if forced is None else forced[t]
        return torch.stack(all_logits), torch.stack(all_weights)
