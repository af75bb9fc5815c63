"""A GRU whose weights are known: noise of at most 0.01, and what a test plants in it."""

import torch
from probekit_weights import specs

from probekit.analysis import Measured
from probekit.recurrent import HookedGRU
from probekit.specs import resolve
from probekit.testing import GivenInputs
from probekit.testing.loading import parameters

INPUTS, UNITS = 4, 20
NOISE = 0.01


def gru(**planted):
    """The GRU; `recurrent_update=[(to, from, weight), ...]` sets weights of that matrix."""
    model = HookedGRU(INPUTS, UNITS)
    source = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.uniform_(-NOISE, NOISE, generator=source)
        for name, entries in planted.items():
            matrix = model.weight(f"layers.0.{name.replace('_', '.')}")
            for to, sender, value in entries:
                matrix[to, sender] = value
    return model


def result_of(name, models, seed=0, **params):
    """The result of a registered analysis of these models (a mapping, or one model)."""
    models = models if isinstance(models, dict) else {"planted": models}
    spec = getattr(specs, name)
    inputs = GivenInputs(models, wants=spec.wants, seed=seed)
    analysis = resolve(spec.implementation)(parameters(spec.params, params), seed)
    parts = [
        Measured(shard, analysis.measure(shard, models[shard.model], inputs.dataset))
        for shard in analysis.shards(inputs)
    ]
    return analysis.combine(parts, inputs)
