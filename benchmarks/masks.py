"""What a sparse intervention costs on an LSTM of 2 x 650 units with 50,000 words.

    python benchmarks/masks.py [--hidden 650] [--words 50000] [--limit 8]

CPU seconds on one thread. First an update of 64 sentences ("The boy near the car"), beside one that
reads each sentence from its beginning and takes a softmax over all words after every word; the
divergence is from the output without intervention, which that one computes anew. Then the time
until the expected share of units is at most 2% and the mask turns 94% of held-out answers, with
hard concrete gates and with the score function, given up after `--limit` times as long. The model
is made by hand: its weights are random, and two units carry the number of the subject, so that
there is a small mask to be found.
"""

import argparse
from time import process_time

import torch
from probekit_lstm.model import UNKNOWN, Config, LstmLM
from probekit_masks.baselines import same
from probekit_masks.cases import Case
from probekit_masks.fitting import Fit
from probekit_masks.params import MaskParams
from probekit_masks.scoring import accuracy
from rich import box
from rich.console import Console
from rich.table import Table

from probekit.interventions import mask_units
from probekit.testing.loading import load_dataset

ALPHA, ENOUGH = 0.02, 0.94
NUMBER = {"singular": 1.0, "plural": -1.0}
HEARS, KEEP = 1, {2: 1.0, 4: -1.0}  # of layer 0; of layer 1, with the sign of singular
ROUNDS, LOOK = 3, 10  # updates that are timed; updates between two looks at a mask


def planted(dataset, hidden, words):
    """The model made by hand."""
    known = [word for one in dataset for word in (*one.words, *one.target, one.labels["wrong"])]
    own = dict.fromkeys((UNKNOWN, "<eos>", *known))
    config = Config((*own, *(f"word{at}" for at in range(words - len(own)))), hidden, hidden)
    model = LstmLM(config).initialise(0)
    ids = model.vocabulary.ids
    with torch.no_grad():
        model.encoder.weight[:, 0] = 0
        for one in dataset:
            subject = one.words[one.labels["subject_at"]]
            model.encoder.weight[ids[subject], 0] = NUMBER[one.labels["number"]]
        relay(model, 0, HEARS, {0: 3.0}, {})
        for unit, sign in KEEP.items():
            relay(model, 1, unit, {HEARS: 2.0 * sign}, {unit: 4.0})
            model.decoder.weight[:, unit] = 0
        speak(model, dataset)
    return model


def relay(model, layer, unit, inputs, states):
    """A unit whose cell is its candidate: gates open, nothing remembered but by its own state."""
    hidden = model.cfg.hidden
    ways = {"ih": inputs, "hh": states}
    for way, given in ways.items():
        weight, bias = (getattr(model.rnn, f"{name}_{way}_l{layer}") for name in ("weight", "bias"))
        weight[unit::hidden], bias[unit::hidden] = 0, 0
        for at, value in given.items():
            weight[2 * hidden + unit, at] = value
    bias = getattr(model.rnn, f"bias_ih_l{layer}")
    for gate, value in enumerate((8.0, -8.0, 0.0, 8.0)):
        bias[gate * hidden + unit] = value


def speak(model, dataset):
    """Both forms of a verb differ in what they hear from the planted units alone."""
    ids, weight = model.vocabulary.ids, model.decoder.weight
    for one in dataset:
        right, wrong = ids[one.target[0]], ids[one.labels["wrong"]]
        if one.labels["number"] == "singular":
            weight[wrong] = weight[right]
            for unit, sign in KEEP.items():
                weight[right, unit], weight[wrong, unit] = 1.5 * sign, -1.5 * sign


def naive(case, fit, kl):
    """One update without any of what makes ours cheap."""
    runner, rows = fit.turns[0].next()
    model, passage, hidden = case.model, runner.passage, case.model.cfg.hidden
    batch = model.encode([passage.batch.examples[row] for row in rows.tolist()])
    mask, values = fit.gate.sample(len(rows), fit.source), fit.values[0].of(len(rows), fit.source)
    hooks = [
        mask_units("rnn.layers.0.hook_state", mask[:, :hidden], values[:hidden], [passage.at]),
        mask_units("rnn.layers.1.hook_hidden", mask[:, hidden:], values[hidden:], [passage.at]),
    ]
    told = model.run_with_hooks(batch, fwd_hooks=hooks).log_softmax(-1)
    pairs = passage.pairs[rows]
    lead = told[:, -1].gather(1, pairs[..., 0]) - told[:, -1].gather(1, pairs[..., 1])
    loss = lead.exp().mean()
    if kl:
        with torch.no_grad():
            before = model.run_with_hooks(batch).log_softmax(-1)
        loss = (
            loss
            + (before.exp() * (before - told)).sum((1, 2)).mean() / passage.batch.tokens.shape[1]
        )
    torch.autograd.grad(loss, [fit.gate.location, *fit.free])


def seconds(update):
    """CPU seconds of one update, after a first that warms up."""
    update()
    start = process_time()
    for _ in range(ROUNDS):
        update()
    return (process_time() - start) / ROUNDS


def ways():
    """What is timed: a name, parameters, and whether the slow update has a divergence."""
    yield "one step", {}, False
    yield "every step", {"scope": ("every",)}, None
    yield "one step, divergence at a drawn position", {"kl_factor": (1.0,)}, None
    yield "one step, exact divergence", {"kl_factor": (1.0,), "kl_training": "exact"}, True


def updates(model, dataset):
    """The table of what one update costs."""
    table = Table(title="an update of 64 sentences", box=box.SIMPLE)
    for name in ("", "seconds", "from the beginning, full softmax", "ratio", "400 updates"):
        table.add_column(name, justify="right" if name else "left")
    for name, given, slow in ways():
        params = MaskParams(alpha=(ALPHA,), baselines=(), **given)
        case = Case(model, dataset, params, 0, "planted")
        task = case.task(params.scope[0], "to-plural")
        fit = Fit([task], params.settings[0], params, [0])
        ours = seconds(lambda fit=fit: fit._update(0))
        theirs = (
            None
            if slow is None
            else seconds(lambda case=case, fit=fit, slow=slow: naive(case, fit, slow))
        )
        more = ("", "") if theirs is None else (f"{theirs:.3f}", f"{theirs / ours:.1f}x")
        table.add_row(name, f"{ours:.3f}", *more, f"{400 * ours:.0f}")
    return table


def until(model, dataset, gate, most):
    """CPU seconds and updates until the mask is small and good, and how far it has come."""
    params = MaskParams(alpha=(ALPHA,), gate=(gate,), baselines=(), evaluation=100)
    case = Case(model, dataset, params, 0, "planted")
    task, held = case.task("subject_at", "to-plural"), case.evaluation("subject_at", "to-plural")
    fit, spent, step = Fit([task], params.settings[0], params, [0]), 0.0, 0
    while True:
        start = process_time()
        for _ in range(LOOK):
            fit._update(step)
            step += 1
        spent += process_time() - start
        mask = fit.gate.chosen().float()
        right = accuracy(task, held, same(mask), fit.values[0], torch.Generator())
        share = float(fit.gate.nonzero().detach().mean())
        reached = share <= ALPHA and right >= ENOUGH
        if reached or spent > most:
            return spent, step, int(mask.sum()), share, right, reached


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hidden", type=int, default=650)
    parser.add_argument("--words", type=int, default=50_000)
    parser.add_argument("--limit", type=float, default=8.0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    dataset = load_dataset("number-agreement", {"sentences": "300", "context": "none"})
    model = planted(dataset, arguments.hidden, arguments.words)
    console = Console(width=110)
    console.print(updates(model, dataset))
    table = Table(title=f"until {ENOUGH:.0%} are turned by at most {ALPHA:.0%} of the units",
                  box=box.SIMPLE)  # fmt: skip
    for name in ("gate", "seconds", "updates", "units", "share", "answers turned", "ratio"):
        table.add_column(name, justify="left" if name == "gate" else "right")
    ours, *found = until(model, dataset, "hard-concrete", 600.0)
    theirs, *others = until(model, dataset, "score-function", arguments.limit * ours)
    for gate, spent, (count, units, share, right, reached) in (
        ("hard-concrete", ours, found),
        ("score-function", theirs, others),
    ):
        ratio = f"{'' if reached else '> '}{spent / ours:.1f}x"
        row = (f"{spent:.1f}", str(count), str(units), f"{share:.3f}", f"{right:.0%}", ratio)
        table.add_row(gate, *row)
    console.print(table)


if __name__ == "__main__":
    main()
