"""The ablation sweep beside the usual ways of doing it, all in one run.

    python benchmarks/ablation_sweep.py                   # 2 x 650 units, 50,001 words, random
    python benchmarks/ablation_sweep.py --threads 2 --all # every one of the 1,300 units

The three ways give one unit at zero, as Lakretz et al. (2019) did it, over the same sentences:
one word at a time with the whole softmax (timed on a few sentences), batches of torch.nn.LSTM with
two logits (timed on a few units), and `Model.margins`. Times are wall-clock seconds; run it on an
idle machine.
"""

import argparse
import time
from collections.abc import Callable

import torch
from probekit_agreement.agreement import number_agreement
from probekit_agreement.params import AgreementParams
from probekit_lstm.model import Config, LstmLM
from torch import nn

from probekit.ablations import Ablation
from probekit.dataset import Example, pad

WORDS, HIDDEN = 50_001, 650
HOOKS = ("rnn.layers.0.hook_state", "rnn.layers.1.hook_hidden")


def clock(work: Callable[[], object]) -> float:
    """Seconds that some work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def network(model: LstmLM) -> nn.LSTM:
    """The same weights in torch's own layers."""
    fused = nn.LSTM(HIDDEN, HIDDEN, 2, batch_first=True)
    fused.load_state_dict(model.rnn.state_dict())
    return fused.eval()


def word_by_word(model: LstmLM, fused: nn.LSTM, examples: list[Example]) -> list[float]:
    """The published way: every word a step, with log-probabilities of the whole vocabulary."""
    margins = []
    state = None
    for token in model.vocabulary.encode(examples[0].context):
        _, state = fused(model.encoder(torch.tensor([[token]])), state)
    for example in examples:
        now = state
        for token in model.vocabulary.encode(example.words):
            hidden, now = fused(model.encoder(torch.tensor([[token]])), now)
            told = model.decoder(hidden).log_softmax(-1)
        right, wrong = model.word_ids([example.target[0], example.labels["wrong"]])
        margins.append(float(told[0, 0, right] - told[0, 0, wrong]))
    return margins


def batched(model: LstmLM, fused: nn.LSTM, examples: list[Example]) -> torch.Tensor:
    """Batches of sentences through torch.nn.LSTM, and two logits at the last position."""
    context = torch.tensor([model.vocabulary.encode(examples[0].context)])
    _, state = fused(model.encoder(context))
    found = []
    for start in range(0, len(examples), 512):
        some = examples[start : start + 512]
        tokens, lengths = pad([model.vocabulary.encode(one.words) for one in some], 0)
        first = tuple(values.expand(-1, len(some), -1).contiguous() for values in state)
        hidden = fused(model.encoder(tokens), first)[0][torch.arange(len(some)), lengths - 1]
        pairs = torch.tensor([model.word_ids([one.target[0], one.labels["wrong"]]) for one in some])
        weight = model.decoder.weight
        found.append((hidden * (weight[pairs[:, 0]] - weight[pairs[:, 1]])).sum(1))
    return torch.cat(found)


def main() -> None:
    """Print seconds a unit, and what the sweep over all units comes to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--task", default="nounpp", help="tasks of number-agreement, by commas")
    parser.add_argument("--path", default="", help="folder of the published files")
    parser.add_argument("--sentences", type=int, default=600, help="of each condition, generated")
    parser.add_argument("--all", action="store_true", help="every unit, not 64 of each layer")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    asked = AgreementParams(
        task=tuple(given.task.split(",")), path=given.path, sentences=given.sentences
    )
    examples = list(number_agreement(asked))
    known = {word for one in examples for word in (*one.words, *one.target, one.labels["wrong"])}
    words = sorted(known | {"<unk>", "<eos>"})
    model = LstmLM(Config((*words, *(f"filler{at}" for at in range(WORDS - len(words))))))
    model.initialise(0).eval()
    fused = network(model)
    units = range(HIDDEN) if given.all else range(64)
    with torch.no_grad():
        few = examples[:: max(1, len(examples) // 20)]
        word_by_word(model, fused, few[:2])
        slow = clock(lambda: word_by_word(model, fused, few)) / len(few) * len(examples)
        batched(model, fused, examples)
        usual = clock(lambda: [batched(model, fused, examples) for _ in range(3)]) / 3
        model.margins(examples[:50], [Ablation({HOOKS[0]: (0,)})])
        ours = [
            clock(lambda: model.margins(examples, [Ablation({hook: (u,)}) for u in units]))  # noqa: B023
            for hook in HOOKS
        ]
        apart = model.margins(few, [Ablation()])[0] - torch.tensor(word_by_word(model, fused, few))
    total = sum(ours) * HIDDEN / len(units)
    print(f"{len(examples):,} pairs; {given.threads} threads; 2 x {HIDDEN} units, {WORDS:,} words")
    print(f"{'way':<34}{'s a unit':>10}{'1,300 units':>14}{'ours is':>12}")
    for name, seconds in (
        ("one word at a time, whole softmax", slow),
        ("batches of torch.nn.LSTM", usual),
        ("Model.margins", total / (2 * HIDDEN)),
    ):
        whole = seconds * 2 * HIDDEN
        print(f"{name:<34}{seconds:>10.4f}{whole:>12.1f} s{whole / total:>10.0f} x")
    print(f"layer 1: {ours[0] / len(units):.4f} s a unit, layer 2: {ours[1] / len(units):.4f}")
    print(f"largest difference of log-odds from the first way: {float(apart.abs().max()):.1e}")


if __name__ == "__main__":
    main()
