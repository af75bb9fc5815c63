"""The contract that every plugin passes, and what the installed distribution registers."""

import subprocess
import sys

import pytest

from probekit.registry import registry
from probekit.testing import AnalysisContract, DatasetContract, ModelContract

SMALL = {"checkpoint": "untrained", "embedding": 3, "hidden": 4}
TRAINING = {"epochs": 1, "batch_size": 32, "embedding": 3, "hidden": 4, "seeds": (0, 1)}


class TestGru(ModelContract):
    name = "gru-seq2seq"
    params = SMALL


class TestLstm(ModelContract):
    name = "lstm-seq2seq"
    params = SMALL


class TestTeacher(ModelContract):
    name = "gru-seq2seq"
    params = SMALL | {"decoding": "teacher"}


class TestLookupTables(DatasetContract):
    name = "lookup-tables"


class TestTraining(AnalysisContract):
    name = "seq2seq-training"
    model = "gru-seq2seq"
    params = TRAINING


@pytest.mark.parametrize(
    ("noun", "name"),
    [
        ("model", "gru-seq2seq"),
        ("model", "lstm-seq2seq"),
        ("dataset", "lookup-tables"),
        ("analysis", "seq2seq-training"),
    ],
)
def test_registered(noun, name):
    entry = registry().find(name, noun)
    assert entry.id == f"probekit-seq2seq/{name}"


def test_specs_and_params_import_no_torch():
    code = (
        "import sys, probekit_seq2seq.specs, probekit_seq2seq.params; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
