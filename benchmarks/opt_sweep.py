"""What each neuron of an OPT is worth to agreement: the sweep beside one neuron a pass.

    python benchmarks/opt_sweep.py [--sentences 48] [--rounds 3] [--each 32]

A random OPT of the size of opt-125m, about 6% of whose neurons are active as in a trained one, is
asked which of two verb forms follows sentences with a noun between subject and verb (`nounpp`),
with a neuron at zero: one forward pass a neuron with all logits; the same with the two words alone;
and `margins`. Each round takes other neurons, as many of every layer; the figure is the CPU time a
neuron on one thread, the median of the rounds, the ratio the median of paired ratios (goal: at
least 20). The margins must agree.
"""

import argparse
import statistics
from time import process_time

import torch
from probekit_agreement.agreement import number_agreement
from probekit_agreement.params import AgreementParams
from probekit_opt.bpe import train_tokenizer
from probekit_opt.opt import Opt
from probekit_opt.tokens import TextReader
from rich.console import Console
from rich.table import Table
from transformers import OPTConfig, OPTForCausalLM, PreTrainedTokenizerFast

from probekit.ablations import Ablation
from probekit.interventions import zero_units
from probekit.model import Model

VOCABULARY = 500
SHARE = -1.555  # standard deviations below which 6% of a normal distribution lie


def make_model(data):
    """A random OPT whose neurons are active at 6% of the positions, and a tokenizer of words."""
    torch.manual_seed(0)
    network = OPTForCausalLM(OPTConfig())
    for layer in network.model.decoder.layers:
        spread = layer.fc1.weight.std() * layer.fc1.weight.shape[1] ** 0.5
        layer.fc1.bias.data.fill_(SHARE * spread)
    texts = [" ".join((*one.words, *one.target, one.labels["wrong"])) for one in data]
    words = PreTrainedTokenizerFast(
        tokenizer_object=train_tokenizer(texts, VOCABULARY), bos_token="</s>", pad_token="<pad>"
    )
    return Opt(network, TextReader(words, "random"))


def ask(sentences):
    """Sentences of four conditions, as many of each."""
    data = number_agreement(AgreementParams(context="none"))
    return data[:: max(1, len(data) // sentences)][:sentences]


def seconds(action):
    start = process_time()
    found = action()
    return process_time() - start, found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sentences", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--each", type=int, default=32, help="neurons a layer in one sweep")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    examples = ask(arguments.sentences)
    model = make_model(number_agreement(AgreementParams(context="none")))
    batch = model.encode(examples)
    layers = [(f"blocks.{at}.mlp.hook_post", 3072) for at in range(12)]
    chance = torch.Generator().manual_seed(1)
    active, rounds, each = [], [], arguments.each
    for _ in range(arguments.rounds):
        drawn = [
            [
                (name, int(unit))
                for unit in torch.randperm(width, generator=chance)[: arguments.each]
            ]
            for name, width in layers
        ]
        some = [one[0] for one in drawn]
        plain = [Ablation({name: (unit,)}) for name, unit in some]

        def passes(some=some):
            for name, unit in some:
                with torch.no_grad():
                    model.run_with_hooks(batch, fwd_hooks=[zero_units(name, [unit])])

        whole, _ = seconds(passes)
        short, slow = seconds(
            lambda plain=plain: torch.cat([Model.margins(model, examples, [one]) for one in plain])
        )
        units = [Ablation({name: (unit,)}) for one in drawn for name, unit in one]
        sweep, fast = seconds(lambda units=units: model.margins(examples, units))
        torch.testing.assert_close(fast[::each], slow, rtol=1e-4, atol=1e-4)
        rounds.append((whole / len(some), short / len(some), sweep / len(units)))
    specs = [model.hook_specs[name] for name, _ in layers]
    model.observe(batch, specs, lambda _, v: active.append((v > 0).float().mean().item()))
    words = int(batch.lengths.sum())
    title = f"{len(examples)} sentences, {words} tokens, {statistics.mean(active):.1%} active"
    table = Table(title=f"{title}, {arguments.rounds} rounds")
    for column in ("", "CPU ms a neuron", "ratio to the sweep"):
        table.add_column(column, justify="right")
    names = ("a pass, all logits", "a pass, two words", "sweep")
    for name, column in zip(names, zip(*rounds, strict=True), strict=True):
        ratio = statistics.median(one / row[2] for one, row in zip(column, rounds, strict=True))
        table.add_row(name, f"{1000 * statistics.median(column):.1f}", f"{ratio:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
