"""What hooks cost: the hooked GRU and LSTM beside torch's fused kernels, without gradients.

    python benchmarks/recurrent.py [--repeats 15]

Each figure is the median of paired ratios of CPU time on one thread: every round times all ways
after one another. `hooked` is the forward without hooks over the fused kernel (goal: 1.3 at batch
128); `gates` captures every gate and `all` every hook
point, both over `hooked`. The goal for gates is 1.15.
"""

import argparse
import statistics
from time import process_time

import torch
from rich.console import Console
from rich.table import Table

from probekit import HookedGRU, HookedLSTM, HookQuery, select

POSITIONS, INPUT, HIDDEN = 35, 512, 512
PAIRS = ((torch.nn.GRU, HookedGRU), (torch.nn.LSTM, HookedLSTM))


def seconds(action):
    start = process_time()
    action()
    return process_time() - start


def ratios(theirs, ours, batch, repeats):
    """Median ratios: hooked / fused, gates captured / hooked, all captured / hooked."""
    fused = theirs(INPUT, HIDDEN, batch_first=True)
    hooked = ours(INPUT, HIDDEN)
    hooked.load_state_dict(fused.state_dict())
    gates = [spec.name for spec in select(hooked.hook_specs, HookQuery(kind="gate"))]
    x = torch.randn(batch, POSITIONS, INPUT)
    ways = (
        lambda: fused(x),
        lambda: hooked(x),
        lambda: hooked.run_with_cache(x, names_filter=gates),
        lambda: hooked.run_with_cache(x),
    )
    for way in ways:
        way()
    rounds = [[seconds(way) for way in ways] for _ in range(repeats)]
    plain = statistics.median(r[1] / r[0] for r in rounds)
    return plain, *(statistics.median(r[k] / r[1] for r in rounds) for k in (2, 3))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    torch.manual_seed(0)
    torch.set_num_threads(1)
    table = Table(title=f"{POSITIONS} steps, input {INPUT}, hidden {HIDDEN}, median of {repeats}")
    for column in ("network", "batch", "hooked / fused", "gates / hooked", "all / hooked"):
        table.add_column(column, justify="right")
    with torch.no_grad():
        for theirs, ours in PAIRS:
            for batch in (1, 16, 128):
                found = ratios(theirs, ours, batch, repeats)
                table.add_row(theirs.__name__, str(batch), *(f"{value:.2f}" for value in found))
    Console().print(table)


if __name__ == "__main__":
    main()
