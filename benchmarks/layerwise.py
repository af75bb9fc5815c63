"""What it costs to hold one layer at a time instead of the whole model.

    python benchmarks/layerwise.py [--rounds 3] [--sequences 16] [--length 256]

A random OPT of the size of opt-350m (24 layers, 1.4 GB in float32, but norms before the layers) is
written into a temporary folder. Each way has a process of its own, on one thread, and counts how
often every neuron is active. The time is the CPU time of a pass without the loading, the median of
the rounds (goal: at most 1.1); the memory is the process's peak, all imports and the loading
included (goal: under 40%). The counts must be the same.
"""

import argparse
import json
import statistics
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import torch
from probekit_opt.loading import load_opt
from probekit_opt.params import OptParams
from rich.console import Console
from rich.table import Table
from transformers import OPTConfig, OPTForCausalLM

from probekit.dataset import Batch
from probekit.hooks import HookQuery, select

BATCH = 4
VOCABULARY = 50272


def write_model(folder):
    torch.manual_seed(0)
    config = OPTConfig(
        vocab_size=VOCABULARY, hidden_size=1024, word_embed_proj_dim=1024, ffn_dim=4096,
        num_hidden_layers=24, num_attention_heads=16, max_position_embeddings=2048,
    )  # fmt: skip
    OPTForCausalLM(config).save_pretrained(folder, max_shard_size="200MB")
    return sum(path.stat().st_size for path in Path(folder).glob("*.safetensors"))


def measure(folder, execution, arguments):
    """One way, in this process: seconds of every round, peak memory, a hash of the counts."""
    torch.set_num_threads(1)
    model = load_opt(OptParams(path=folder, execution=execution), "cpu")
    chance = torch.Generator().manual_seed(1)
    shape = arguments.sequences, arguments.length
    ids = torch.randint(4, VOCABULARY, shape, generator=chance)
    batches = [Batch(some, torch.full((len(some),), some.shape[1])) for some in ids.split(BATCH)]
    specs = select(model.hook_specs, HookQuery(kind="neuron"))
    seconds, counts = [], {}
    for _ in range(arguments.rounds):
        counts = {spec.name: torch.zeros(spec.width, dtype=torch.int64) for spec in specs}

        def see(_, spec, values, counts=counts):
            counts[spec.name] += (values > 0).flatten(0, 1).sum(0)

        start = process_time()
        model.observe_batches(batches, specs, see)
        seconds.append(process_time() - start)
    digest = sha256(torch.stack([*counts.values()]).numpy().tobytes()).hexdigest()
    print(json.dumps({"seconds": seconds, "peak": peak(), "counts": digest}))


def peak():
    """The peak of this process's memory in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise SystemExit("this system does not say how much memory a process had at most")


def run(folder, execution, arguments):
    """One way, in a process of its own."""
    sizes = [f"--{name}={getattr(arguments, name)}" for name in ("rounds", "sequences", "length")]
    command = [sys.executable, __file__, *sizes, f"--folder={folder}", f"--one={execution}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sequences", type=int, default=16)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        measure(arguments.folder, arguments.one, arguments)
        return
    with TemporaryDirectory() as folder:
        size = write_model(folder)
        found = {how: run(folder, how, arguments) for how in ("whole", "layerwise")}
    assert found["whole"]["counts"] == found["layerwise"]["counts"], "the counts differ"
    tokens = arguments.sequences * arguments.length
    table = Table(
        title=f"24 layers, {size / 1e9:.2f} GB, {tokens} tokens, {arguments.rounds} rounds"
    )
    for column in ("", "CPU seconds", "peak memory, MB"):
        table.add_column(column, justify="right")
    times = {how: statistics.median(one["seconds"]) for how, one in found.items()}
    for how, one in found.items():
        table.add_row(how, f"{times[how]:.1f}", f"{one['peak'] / 1e6:.0f}")
    ratios = (
        times["layerwise"] / times["whole"],
        found["layerwise"]["peak"] / found["whole"]["peak"],
    )
    table.add_row("ratio", *(f"{ratio:.2f}" for ratio in ratios))
    Console().print(table)


if __name__ == "__main__":
    main()
