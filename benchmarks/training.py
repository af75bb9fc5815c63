"""What training costs, beside a bare loop over torch's own layers.

    python benchmarks/training.py [--rounds 5] [--to-range]

Both train the guided GRU encoder-decoder on the 232 lookup-table examples: the same sizes,
attention, loss, clipping, and fused Adam. Each figure is the median over rounds of CPU seconds of
one epoch on one thread; the ratio is the median of paired ratios (goal: at most 1.5). `--to-range`
also trains one model by the fast recipe and says what it took and how well it does.
"""

import argparse
import statistics
from time import process_time

import torch
from probekit_seq2seq.lookup import lookup_tables
from probekit_seq2seq.model import Config, Seq2Seq
from probekit_seq2seq.params import HELD_OUT, LookupParams, TrainingParams
from probekit_seq2seq.training import fit, lesson
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.nn import functional

HIDDEN, EMBEDDING, INPUT_WORDS, OUTPUT_WORDS, START = 512, 16, 19, 11, 2
FAST = {"batch_size": 8, "learning_rate": 3e-3, "epochs": 60}


class Bare(nn.Module):
    """The network as one would write it by hand: torch.nn.GRU, no hooks, no padding."""

    def __init__(self):
        super().__init__()
        self.read = nn.Embedding(INPUT_WORDS, EMBEDDING)
        self.encoder = nn.GRU(EMBEDDING, HIDDEN, batch_first=True)
        self.said = nn.Embedding(OUTPUT_WORDS, HIDDEN)
        self.decoder = nn.GRU(HIDDEN, HIDDEN, batch_first=True)
        self.mlp, self.score = nn.Linear(2 * HIDDEN, HIDDEN), nn.Linear(HIDDEN, 1)
        self.merge, self.head = nn.Linear(2 * HIDDEN, HIDDEN), nn.Linear(HIDDEN, OUTPUT_WORDS)
        for weight in self.parameters():
            nn.init.uniform_(weight, -0.08, 0.08)

    def forward(self, tokens, steps):
        states, hidden = self.encoder(self.read(tokens))
        word = torch.full((len(tokens), 1), START)
        logits, attention = [], []
        for _ in range(steps):
            query = hidden[-1][:, None].expand_as(states)
            scores = self.score(torch.relu(self.mlp(torch.cat((states, query), 2))))
            weights = scores.squeeze(2).softmax(-1)
            context = torch.bmm(weights[:, None], states)
            merged = torch.relu(self.merge(torch.cat((context, self.said(word)), 2)))
            out, hidden = self.decoder(context * merged, hidden)
            logits.append(self.head(out[:, 0]))
            attention.append(weights)
            word = logits[-1].argmax(-1, keepdim=True)
        return torch.stack(logits, 1), torch.stack(attention, 1)


def bare_epoch(lessons, size, batch):
    """One epoch of the bare loop."""
    model = Bare()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    for rows in torch.randperm(size).split(batch):
        part = lessons.rows(rows)
        optimizer.zero_grad()
        logits, attention = model(part.batch.tokens, part.batch.targets.shape[1])
        words = functional.cross_entropy(logits.transpose(1, 2), part.batch.targets)
        focus = attention.gather(2, part.focus.clamp_min(0)[..., None])
        (words - focus.clamp_min(1e-9).log().mean()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()


def seconds(action):
    start = process_time()
    action()
    return process_time() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--to-range", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    data = lookup_tables(LookupParams())
    train, validation = list(data.split("train")), list(data.split("validation"))
    lessons = lesson(Seq2Seq(Config(hidden=4)), train, True)
    table = Table(title=f"one epoch, CPU seconds, median of {arguments.rounds}")
    for column in ("batch", "bare", "probekit", "ratio"):
        table.add_column(column, justify="right")
    for batch in (1, 8):
        params = TrainingParams(epochs=1, batch_size=batch)

        def ours(params=params):
            fit(Seq2Seq(Config()).initialise(0, 0.08), train, validation, params, 0)

        bare_epoch(lessons, len(train), batch)
        rounds = [
            (seconds(lambda b=batch: bare_epoch(lessons, len(train), b)), seconds(ours))
            for _ in range(arguments.rounds)
        ]
        found = [statistics.median(column) for column in zip(*rounds, strict=True)]
        ratio = statistics.median(mine / bare for bare, mine in rounds)
        table.add_row(str(batch), *(f"{value:.2f}" for value in (*found, ratio)))
    Console().print(table)
    if arguments.to_range:
        model = Seq2Seq(Config()).initialise(0, 0.08)
        took = seconds(lambda: fit(model, train, validation, TrainingParams(**FAST), 0))
        scores = {name: round(model.sequence_accuracy(data.split(name)), 3) for name in HELD_OUT}
        Console().print(f"guided, {FAST}: {took:.0f} CPU seconds, {scores}")


if __name__ == "__main__":
    main()
