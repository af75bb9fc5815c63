"""The contract that every plugin passes, and what the installed distribution registers."""

import subprocess
import sys

import pytest

from probekit.registry import registry
from probekit.testing import AnalysisContract, DatasetContract, ModelContract

from .published import needs_weights

SMALL = {"checkpoint": "untrained", "embedding": 3, "hidden": 4}


class TestUntrained(ModelContract):
    name = "g2p-en"
    params = SMALL


class TestTeacher(ModelContract):
    name = "g2p-en"
    params = SMALL | {"decoding": "teacher"}


class TestWithoutTargets(ModelContract):
    name = "g2p-en"
    params = SMALL
    data_params = {"targets": "false"}  # noqa: RUF012


@needs_weights
class TestPublished(ModelContract):
    name = "g2p-en"


class TestSpelling(DatasetContract):
    name = "spelling"


class TestSaturation(AnalysisContract):
    name = "gate-saturation"
    model = "g2p-en"
    model_params = SMALL


@pytest.mark.parametrize(("noun", "name"), [("model", "g2p-en"), ("dataset", "spelling")])
def test_registered(noun, name):
    assert registry().find(name, noun).id == f"probekit-g2p/{name}"


def test_specs_and_params_import_no_torch():
    code = "import sys, probekit_g2p.specs, probekit_g2p.params; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
