"""Models that are copied with other weights, and shards that name several models."""

import numpy as np
import pytest
import torch

from probekit.analysis import Analysis, Result, Shard, measured
from probekit.dataset import ListDataset
from probekit.errors import ProbekitError
from probekit.params import Params
from probekit.registry import registry
from probekit.specs import resolve
from probekit.testing import GivenInputs, TinyModel, tiny_dataset
from probekit.testing.specs import TinyParams


def test_an_altered_copy_has_the_values_and_leaves_the_model_as_it_was():
    model = TinyModel()
    before = model.fingerprint
    bias = torch.arange(len(model.parameter("decoder.bias"))).float()
    copy = model.altered({"decoder.bias": bias})
    assert isinstance(copy, TinyModel)
    assert torch.equal(copy.parameter("decoder.bias"), bias)
    assert model.fingerprint == before == TinyModel().fingerprint
    assert copy.fingerprint != before
    assert torch.equal(copy.parameter("embedding.weight"), model.parameter("embedding.weight"))
    batch = model.encode(tiny_dataset()[:3])
    moved = copy(batch) - model(batch)
    expected = bias - model.parameter("decoder.bias")
    torch.testing.assert_close(moved, expected.expand_as(moved), atol=1e-5, rtol=0)
    _, cache = copy.run_with_cache(batch)
    assert "rnn.layers.0.hook_update" in cache


def test_values_that_do_not_fit_are_refused():
    model = TinyModel()
    with pytest.raises(ProbekitError, match=r"no parameter decoder\.bais .did you mean decoder"):
        model.altered({"decoder.bais": torch.zeros(1)})
    with pytest.raises(ProbekitError, match=r"decoder\.bias is 10; a value of 1 does not fit it"):
        model.altered({"decoder.bias": torch.zeros(1)})


def test_a_model_that_cannot_be_trained_further_says_so():
    model, data = TinyModel(), tiny_dataset()
    assert model.components == {}
    for use in (
        lambda: model.retrained(data, 0, {}),
        lambda: model.scores(data),
        lambda: model.connections("rnn.layers.0.hook_hidden", [0]),
    ):
        with pytest.raises(ProbekitError, match="TinyModel cannot be altered and trained further"):
            use()


class Distance(Analysis[Params]):
    """How far the embeddings of two models are apart."""

    def shards(self, inputs):
        first, second = inputs.labels
        return [Shard("pair", first, others=(second,)), Shard("alone", first), Shard("none")]

    def measure(self, shard, model, dataset, *others):
        weights = [one.parameter("embedding.weight") for one in (model, *others) if one]
        return {"sum": np.array(sum(float(weight.sum()) for weight in weights))}

    def combine(self, parts, inputs):
        return Result()


def test_an_engine_hands_over_every_model_that_a_shard_names():
    models = {"a": TinyModel(), "b": TinyModel(TinyParams(init_seed=1))}
    inputs, analysis, found = GivenInputs(models, ListDataset(())), Distance(Params()), {}

    def keep(shard, partial):
        found[shard.name] = partial

    spec = registry().find("serial", "engine").spec
    engine = resolve(spec.implementation)(resolve(spec.params)())
    engine.work(analysis, inputs, analysis.shards(inputs), keep)
    one, other = (float(m.parameter("embedding.weight").sum()) for m in models.values())
    assert float(found["pair"]["sum"]) == pytest.approx(one + other, abs=1e-5)
    assert float(found["alone"]["sum"]) == pytest.approx(one, abs=1e-5)
    assert found["none"]["sum"] == 0
    assert measured(analysis, Shard("pair", "b", others=("a",)), inputs)["sum"] == pytest.approx(
        one + other, abs=1e-5
    )
