"""The contract that every analysis passes, and what the installed distribution registers."""

import subprocess
import sys

import pytest

from probekit.registry import registry
from probekit.testing import AnalysisContract

NAMES = ("weight-heatmap", "weight-graph", "strongest-units", "group-connectivity")
ALL = {"relation": "", "order": "strength", "block": "mean"}
SHARE = {"share": "0.2", "relation": "input,recurrent"}
GATES = {"threshold": "0.05", "role": "input,forget,output", "order": "mean"}
GROUP = {"units": "1,3", "top": "0.4"}
SMALL = {"checkpoint": "untrained", "embedding": 3, "hidden": 8}


class TestHeatmap(AnalysisContract):
    name = "weight-heatmap"


class TestHeatmapOfAll(AnalysisContract):
    name = "weight-heatmap"
    params = ALL


class TestGraph(AnalysisContract):
    name = "weight-graph"
    params = SHARE


class TestGraphOfGates(AnalysisContract):
    name = "weight-graph"
    model, model_params = "lstm-seq2seq", SMALL
    params = GATES


class TestStrongestUnits(AnalysisContract):
    name = "strongest-units"
    model, model_params = "gru-seq2seq", SMALL


class TestConnectivity(AnalysisContract):
    name = "group-connectivity"
    params = GROUP


@pytest.mark.parametrize("name", NAMES)
def test_registered(name):
    entry = registry().find(name, "analysis")
    assert entry.id == f"probekit-weights/{name}"
    assert not entry.spec.labels


@pytest.mark.parametrize("name", ["efferent-weights", "afferent-weights"])
def test_registered_with_its_paper(name):
    entry = registry().find(name, "analysis")
    assert entry.id == f"probekit-weights/{name}"
    assert [paper.key for paper in entry.spec.papers] == ["lakretz2019"]


def test_specs_and_params_import_no_torch():
    code = (
        "import sys, probekit_weights.specs, probekit_weights.params; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
