"""What the statistics of neurons cost, beside the bare forward pass and the usual ways.

    OMP_NUM_THREADS=1 python benchmarks/neurons.py [--tokens 2048] [--rounds 2]

An OPT of the 125m's size with random weights, about 6% of whose neurons are active; CPU seconds on
one thread, ratios to the bare pass of the same round, medians over rounds. The bare pass is that of
Hugging Face with fused attention and no vocabulary head. All others count the activations by
position and by the token, bigram and trigram that triggered them, in every layer. Ours leaves bits
on disk in the pass and computes the rest from them later; as what is later costs less per token in
a long corpus, that is timed on one of 200,000 tokens whose bits are random, and added.
"""

import argparse
import statistics
import tempfile
from collections import Counter, defaultdict
from copy import deepcopy
from pathlib import Path
from time import process_time

import numpy as np
import torch
from probekit_neurons import sweep as sweeping
from probekit_neurons.layers import look
from probekit_neurons.packing import pack
from probekit_neurons.params import NeuronsParams, PositionalParams
from probekit_neurons.recorded import Recorded
from rich.console import Console
from rich.table import Table
from transformer_lens.model_bridge.sources import build_bridge_from_module
from transformers import OPTConfig, OPTForCausalLM

from probekit.analysis import Measured, Shard
from probekit.hooks import HookSpec
from probekit.partials import PartialStore

LENGTH, BATCH, ACTIVE, WORDS, BOS, LAYERS, UNITS = 512, 4, 0.06, 50272, 2, 12, 3072
LONG, SOME = 200_000, 768  # tokens and units of the deferred pass


def network():
    """Random weights, with biases that leave so many neurons active, layer by layer."""
    torch.manual_seed(0)
    model = OPTForCausalLM(OPTConfig(attn_implementation="sdpa")).eval()
    ids = torch.randint(5, WORDS, (1, 256))
    for layer in model.model.decoder.layers:
        seen = []
        handle = layer.fc1.register_forward_hook(lambda m, i, out, seen=seen: seen.append(out))  # noqa: ARG005
        with torch.no_grad():
            model.model(ids)
            layer.fc1.bias -= torch.quantile(seen[0].view(-1, UNITS), 1 - ACTIVE, dim=0)
        handle.remove()
    return model


def text(tokens, seed=0):
    """Windows of words as frequent as in text, of which phrases come back, `[window, pos]`."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, WORDS - 4)
    ids = rng.choice(np.arange(5, WORDS), tokens, p=share / share.sum()).astype(np.int32)
    for _ in range(tokens // 40):
        here, there, size = *rng.integers(0, tokens - 20, 2), rng.integers(2, 9)
        ids[there : there + size] = ids[here : here + size]
    ids = ids[: tokens // LENGTH * LENGTH].reshape(-1, LENGTH)
    ids[:, 0] = BOS
    return ids


def batches(ids):
    return [torch.from_numpy(some.astype(np.int64)) for some in np.split(ids, len(ids) // BATCH)]


def seconds(action, *args):
    start = process_time()
    with torch.no_grad():
        action(*args)
    return process_time() - start


def bare(model, ids):
    for some in batches(ids):
        model.model(some)


def ours(model, ids, folder):
    """The pass: bits, packed in a hook, in a file that is whole or not there."""
    bits = [np.zeros((UNITS // 8, ids.size), np.uint8) for _ in range(LAYERS)]
    at = [0] * LAYERS
    handles = []
    for layer, block in enumerate(model.model.decoder.layers):

        def see(module, given, out, layer=layer):  # noqa: ARG001
            packed = pack(out.view(BATCH, LENGTH, UNITS), 0.0)
            bits[layer][:, at[layer] : at[layer] + packed.shape[1]] = packed
            at[layer] += packed.shape[1]

        handles.append(block.activation_fn.register_forward_hook(see))
    bare(model, ids)
    for handle in handles:
        handle.remove()
    partial = {f"bits/{layer}": one for layer, one in enumerate(bits)}
    PartialStore(folder).write(Shard("one"), {"tokens": ids, **partial})


def deferred(compiled, params):
    """Microseconds a token and layer: everything that is computed of some units' bits."""
    ids = text(LONG, seed=1)
    rng = np.random.default_rng(0)
    bits = np.packbits(rng.random((SOME // 8, 8, ids.size), dtype=np.float32) < ACTIVE, axis=1)[
        :, 0
    ]
    shard = Shard("one", task={"domain": "text"})
    recorded = Recorded.of([Measured(shard, {"tokens": ids, "bits/0": bits})])
    recorded.grams(BOS)
    spec = HookSpec(name="0", kind="neuron", width=SOME)
    was, sweeping.has_numba = sweeping.has_numba, lambda: compiled
    try:
        action = (look, recorded, "opt", spec, 0, 1, BOS, params)
        if compiled:
            seconds(*action)  # compiles
        return seconds(*action) / ids.size * UNITS / SOME * 1e6
    finally:
        sweeping.has_numba = was


def grams_of(ids):
    """The token, bigram and trigram of every position as numbers."""
    last = ids.astype(np.int64)
    before, earlier = np.roll(last, 1, axis=1), np.roll(last, 2, axis=1)
    return [one.reshape(-1) for one in (last, last * WORDS + before,
                                        (last * WORDS + before) * WORDS + earlier)]  # fmt: skip


def lens(bridge, ids):
    """`run_with_cache`, and numpy on what it kept."""
    places = np.zeros((LAYERS, UNITS, LENGTH), np.int64)
    found = [defaultdict(list) for _ in range(LAYERS)]
    names = [f"blocks.{layer}.mlp.hook_post" for layer in range(LAYERS)]
    for number, some in enumerate(batches(ids)):
        _, cache = bridge.run_with_cache(some, names_filter=names)
        grams = grams_of(ids[number * BATCH : (number + 1) * BATCH])
        for layer, name in enumerate(names):
            active = cache[name].numpy() > 0
            places[layer] += active.sum(0).T
            position, unit = np.nonzero(active.reshape(-1, UNITS))
            for n, gram in enumerate(grams):
                found[layer][n].append(counted(unit, gram[position]))
    for layer in found:
        for parts in layer.values():
            units, grams, counts = map(np.concatenate, zip(*parts, strict=True))
            counted(units, grams, counts)


def counted(unit, gram, counts=None):
    """How often each n-gram triggered each unit: units, n-grams, counts."""
    order = np.lexsort((gram, unit))
    unit, gram = unit[order], gram[order]
    new = np.flatnonzero((np.diff(unit, prepend=-1) != 0) | (np.diff(gram, prepend=-1) != 0))
    if counts is None:
        return unit[new], gram[new], np.diff(new, append=len(unit))
    return unit[new], gram[new], np.add.reduceat(counts[order], new)


def dictionaries(model, ids):
    """Hooks that count in dictionaries, by pairs of unit and position or n-gram."""
    found = [[Counter() for _ in range(4)] for _ in range(LAYERS)]
    handles, now = [], []
    for layer, block in enumerate(model.model.decoder.layers):

        def see(module, given, out, layer=layer):  # noqa: ARG001
            position, unit = np.nonzero(out.view(-1, UNITS).numpy() > 0)
            whats = position % LENGTH, *(gram[position] for gram in now[0])
            for table, what in zip(found[layer], whats, strict=True):
                table.update((unit * WORDS**3 + what).tolist())

        handles.append(block.activation_fn.register_forward_hook(see))
    for number, some in enumerate(batches(ids)):
        now[:] = [grams_of(ids[number * BATCH : (number + 1) * BATCH])]
        model.model(some)
    for handle in handles:
        handle.remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model, ids = network(), text(options.tokens)
    copy = deepcopy(model)
    bridge = build_bridge_from_module(copy, "OPTForCausalLM", hf_config=copy.config)
    with tempfile.TemporaryDirectory() as folder:
        ways = {
            "bare forward pass": lambda: bare(model, ids),
            "ours: bits in the pass": lambda: ours(model, ids, Path(folder)),
            "TransformerLens run_with_cache + numpy": lambda: lens(bridge, ids),
            "hooks + dictionaries": lambda: dictionaries(model, ids),
        }
        seconds(bare, model, ids[:BATCH])
        taken = {name: [] for name in ways}
        for _ in range(options.rounds):
            for name, way in ways.items():
                taken[name].append(seconds(way))
    first = taken["bare forward pass"]
    ratios = {
        name: statistics.median(one / base for one, base in zip(some, first, strict=True))
        for name, some in taken.items()
    }
    token = statistics.median(first) / ids.size * 1e6
    later = {}
    all_, places = NeuronsParams(layers="all"), PositionalParams()
    for name, compiled in (("numpy", False), ("numba", True)):
        if compiled and not sweeping.has_numba():
            continue
        costs = deferred(compiled, all_), deferred(compiled, places)
        later[name] = costs
        added = ratios["ours: bits in the pass"]
        half = LAYERS // 2
        ratios[f"ours, {name}: n-grams of the lower half of the layers"] = (
            added + half * sum(costs) / token
        )
        ratios[f"ours, {name}: n-grams of all layers"] = added + LAYERS * costs[0] / token
    table = Table(f"{ids.size} tokens, {options.rounds} rounds", "ratio to the bare pass")
    for name, ratio in ratios.items():
        table.add_row(name, f"{ratio:.2f}")
    console = Console()
    console.print(table)
    console.print(f"bare pass: {token:.0f} us a token")
    for name, (grams, alone) in later.items():
        console.print(
            f"deferred, {name}: {grams:.1f} us a token and layer, {alone:.1f} without n-grams"
        )


if __name__ == "__main__":
    main()
