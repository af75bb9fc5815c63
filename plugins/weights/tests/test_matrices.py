"""Which matrices are read, what is held meanwhile, and runs that need no dataset."""

import json
from dataclasses import replace
from importlib.metadata import EntryPoint

import numpy as np
import pytest
import torch
from probekit_weights.graph import WeightGraph
from probekit_weights.matrices import as_array, chosen
from probekit_weights.params import GraphParams, MatrixParams

from probekit import testing
from probekit.errors import ProbekitError
from probekit.recurrent import HookedGRU, HookedLSTM
from probekit.registry import Registry, registry
from probekit.request import build
from probekit.runs import execute
from probekit.testing import GivenInputs

from .planted import gru, result_of


def names(weights, **params):
    return [spec.name for spec in chosen(weights, MatrixParams(**params), "toy")]


def test_matrices_are_chosen_by_every_property_or_by_name():
    weights = HookedLSTM(3, 4, 2, part="encoder").weights
    assert names(weights) == list(weights)
    assert names(weights, relation=("input",), role=("forget", "output"), layer=1) == [
        "layers.1.input.forget", "layers.1.input.output",
    ]  # fmt: skip
    assert len(names(weights, part="encoder", role=("candidate",))) == 4
    both = ("layers.1.recurrent.input", "layers.0.input.input")
    assert names(weights, matrix=(*both, both[0]), relation=("readout",)) == list(both)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"relation": "readout"}, r"planted has no readout weights; it has: input reset, input up"),
        ({"part": "decoder"}, r"planted has no decoder recurrent weights; it has: "),
        ({"layer": "4"}, r"planted has no recurrent \(layer 4\) weights"),
        ({"matrix": "layers.0.recurrent.updat"}, r"did you mean layers.0.recurrent.update\?"),
    ],
)
def test_a_matrix_that_is_not_there_is_one_sentence(params, message):
    with pytest.raises(ProbekitError, match=message) as caught:
        result_of("weight_graph", gru(), **params)
    assert "\n" not in str(caught.value)


def test_a_model_that_describes_no_weights_is_told():
    class Mute(HookedGRU):
        weights = {}  # noqa: RUF012

    for name, params in (
        ("weight_graph", {}), ("weight_heatmap", {"relation": ""}), ("strongest_units", {}),
    ):  # fmt: skip
        with pytest.raises(ProbekitError, match=r"^mute describes no weight matrices, so"):
            result_of(name, {"mute": Mute(2, 3)}, **params)


def test_a_shard_is_one_matrix_of_one_model():
    models = {"a": gru(), "b": gru()}
    analysis = WeightGraph(GraphParams(relation=("input", "recurrent")))
    shards = analysis.shards(GivenInputs(models, wants=()))
    assert [shard.name for shard in shards[:2]] == ["a-0000", "a-0001"]
    assert len({shard.name for shard in shards}) == len(shards) == 12
    assert {(shard.model, shard.task["matrix"]) for shard in shards} == {
        (label, name) for label in models for name in models[label].weights
    }
    assert shards[-1].size == 400


def test_any_precision_becomes_numbers_and_float32_is_not_copied():
    half = torch.tensor([[0.5, -1.25]], dtype=torch.bfloat16)
    assert as_array(half).tolist() == [[0.5, -1.25]]
    assert as_array(half.half()).dtype == np.float32
    single = torch.zeros(2, 3)
    as_array(single)[1, 2] = 7
    assert single[1, 2] == 7
    assert as_array(single.double()).dtype == np.float64


@pytest.fixture
def without_data(monkeypatch):
    """A registry with these analyses and a tiny model that goes with no dataset."""
    alone = replace(testing.specs.tiny_model, data="")
    monkeypatch.setattr(testing.specs, "tiny_model", alone)
    found = Registry([EntryPoint("tiny", "probekit.testing.specs:tiny_model", "probekit.models")])
    found.entries += registry().of("analysis", "engine")
    return found


@pytest.mark.parametrize(
    ("plugin", "params"),
    [
        ("weight-heatmap", {}),
        ("weight-graph", {"share": "0.1"}),
        ("strongest-units", {}),
        ("group-connectivity", {"units": "1,2"}),
    ],
)
def test_a_run_needs_no_dataset(tmp_path, without_data, plugin, params):
    keys = {"plugin": plugin, "model": "tiny", "out": str(tmp_path / "run"), **params}
    folder = execute(build(keys, without_data))
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["status"], manifest["data"]) == ("complete", None)
    assert (folder / "report.html").stat().st_size > 1000
    shards = len(list((folder / "partials").glob("*.npz")))
    assert shards == manifest["shards"] >= 1
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "partials").iterdir()}
    execute(build(keys, without_data))
    assert before == {p.name: p.stat().st_mtime_ns for p in (folder / "partials").iterdir()}
