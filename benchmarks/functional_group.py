"""What a functional group costs, beside scikit-learn fitted from scratch at every number of units.

    python benchmarks/functional_group.py [--checkpoint baseline] [--lbfgs]

One 512-unit layer of the seq2seq GRU over all 576 sequences of the lookup tables, 5 splits, CPU
seconds on one thread, with the activations at hand: for the fits on all units, for those on 1, 2,
... units until the share is reached, and for both; behind them, how many times ours that is.
`newton-cg` is the fastest of scikit-learn's solvers here, run to the optimum; `default` is
LogisticRegression() as it comes, which stops before it and so may find another group; `--lbfgs`
adds its solver run to the optimum. `same` counts the numbers of units at which a way gives, in
every split, as many right answers as the analysis does.
"""

import argparse
from pathlib import Path
from time import process_time

import numpy as np
import torch
from probekit_probes.activations import activations
from probekit_probes.group import full_accuracy, functional_group, split
from probekit_probes.params import GroupParams
from probekit_probes.samples import read_samples
from rich import box
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from probekit import HookQuery, select
from probekit.testing.loading import load_dataset, load_model

PARAMS = GroupParams(target="table", kind=("gate",))
SPLITS = "train,validation,heldout_inputs,heldout_compositions,heldout_tables,new_compositions"
PLACES = (
    HookQuery(kind="hidden", part="encoder"),
    HookQuery(kind="gate", role="update", part="decoder"),
)
WAYS = {
    "newton-cg": {"solver": "newton-cg", "tol": 1e-8, "max_iter": 1000},
    "default": {"max_iter": 100_000},
    "lbfgs": {"tol": 1e-8, "max_iter": 100_000},
}


def probekit(inputs, labels, trained, classes):
    """Seconds for all units and for ever more of them, and the right answers of the latter."""
    given = (inputs, labels, trained, classes, PARAMS)
    first, _ = timed(lambda: full_accuracy(*given))
    both, group = timed(lambda: functional_group(*given))
    return first, both - first, group.right


def scratch(inputs, labels, trained, options):
    """The same by scikit-learn, every classifier fitted on its own."""
    units = inputs[1:].T.astype(np.float64)
    held = (~trained).sum(1)

    def fits(some):
        models = [LogisticRegression(**options).fit(some[row], labels[row]) for row in trained]
        right = [
            int((model.predict(some[~row]) == labels[~row]).sum())
            for model, row in zip(models, trained, strict=True)
        ]
        return models, np.array(right)

    first, (models, full) = timed(lambda: fits(units))
    strength = np.abs(np.mean([model.coef_ for model in models], axis=0)).mean(0)
    order = np.argsort(-strength, kind="stable")

    def grow():
        found = []
        for count in range(1, len(order) + 1):
            found.append(fits(units[:, order[:count]])[1])
            if np.mean(found[-1] / held) >= PARAMS.share * np.mean(full / held) - 1e-12:
                break
        return np.array(found)

    return first, *timed(grow)


def timed(action):
    start = process_time()
    found = action()
    return process_time() - start, found


def collect(model, dataset, spec):
    """Inputs, labels and splits, as the analysis makes them."""
    samples = read_samples(model, dataset, spec, PARAMS)
    with activations(model, dataset, spec, samples, PARAMS) as inputs:
        return np.array(inputs), samples, split(samples, PARAMS, seed=0)


def compare(table, where, given, classes, ways):
    """A row of the table for each way."""
    *ours, right = probekit(*given, classes)
    table.add_row(where, "probekit", str(len(right)), *(f"{s:.2f}" for s in (*ours, sum(ours))))
    for way in ways:
        *theirs, found = scratch(*given, WAYS[way])
        count = min(len(found), len(right))
        same = int((found[:count] == right[:count]).all(1).sum())
        pairs = zip((*theirs, sum(theirs)), (*ours, sum(ours)), strict=True)
        cells = (f"{their:.2f} {their / our:5.1f}x" for their, our in pairs)
        table.add_row("", way, str(len(found)), *cells, str(same))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", default="baseline")
    parser.add_argument("--lbfgs", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    ways = [way for way in WAYS if way != "lbfgs" or arguments.lbfgs]
    model = load_model("gru-seq2seq", {"checkpoint": arguments.checkpoint})
    dataset = load_dataset("lookup-tables", {"split": SPLITS})
    table = Table(
        title=f"seconds for functional groups of {Path(arguments.checkpoint).stem}", box=box.SIMPLE
    )
    for column in ("place", "way", "units", "all units", "growing", "both", "same"):
        side = "left" if column in ("place", "way") else "right"
        table.add_column(column, justify=side, no_wrap=True)
    with threadpool_limits(1):
        for (spec,) in (select(model.hook_specs, place) for place in PLACES):
            inputs, samples, trained = collect(model, dataset, spec)
            given = (inputs, samples.labels, trained)
            where = f"{spec.part} {spec.role or spec.kind}"
            compare(table, where, given, len(samples.values), ways)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
