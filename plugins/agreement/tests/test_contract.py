"""The contract that every dataset passes, and what the installed distribution registers."""

import subprocess
import sys

import pytest

from probekit.registry import registry
from probekit.testing import DatasetContract

from .original import DATA, needs_data

DATASETS = ("number-agreement", "syntactic-depth", "gender-bias")


class TestAgreement(DatasetContract):
    name = "number-agreement"
    params = {"sentences": 12}  # noqa: RUF012


class TestRelatives(DatasetContract):
    name = "number-agreement"
    params = {"task": "namepp,subject_relative,double_embedding", "sentences": 5, "context": "none"}  # noqa: RUF012


@needs_data
class TestPublished(DatasetContract):
    name = "number-agreement"
    params = {"task": "simple", "path": str(DATA / "number_agreement")}  # noqa: RUF012


class TestDepth(DatasetContract):
    name = "syntactic-depth"
    params = {"sentences": 3, "per_cell": 1}  # noqa: RUF012


class TestGender(DatasetContract):
    name = "gender-bias"


@pytest.mark.parametrize("name", DATASETS)
def test_registered(name):
    assert registry().find(name, "dataset").id == f"probekit-agreement/{name}"


def test_specs_and_params_import_no_torch():
    code = (
        "import sys, probekit_agreement.specs, probekit_agreement.params;"
        "print({'torch', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
