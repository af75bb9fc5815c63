"""The contract of every analysis, and one count by hand."""

import torch
from probekit_example_silence.silence import unit_rows

from probekit.statistics import TailCounts
from probekit.streaming import Found
from probekit.testing import AnalysisContract, TinyModel


class TestSilentUnits(AnalysisContract):
    name = "silent-units"


class TestSilentGates(AnalysisContract):
    name = "silent-units"
    params = {"kind": "gate", "threshold": "0.4"}  # noqa: RUF012


def test_counts_by_hand():
    spec = TinyModel().hook_specs["rnn.layers.0.hook_hidden"]
    counts = TailCounts(2, -0.25, 0.25)
    counts.add(torch.tensor([[0.1, 0.9], [-0.25, -0.3], [0.3, 0.26]]))
    rows = unit_rows(Found("tiny", spec, counts))
    assert rows["silent_count"].tolist() == [2, 0]
    assert rows["silent"].tolist() == [2 / 3, 0]
