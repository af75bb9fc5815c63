"""The contract of both analyses, on models that are tiny and trained for an epoch."""

import pytest

from probekit.registry import registry
from probekit.request import build
from probekit.runs import execute
from probekit.testing import AnalysisContract, GivenInputs
from probekit.testing.inputs import Thinned
from probekit.testing.loading import load_dataset, load_model

SMALL = {"checkpoint": "untrained", "embedding": 4, "hidden": 8}
QUICK = {"epochs": 1, "batch_size": 32, "settings": {"guidance": True}}


class TestPruning(AnalysisContract):
    name = "unit-pruning"
    model = "gru-seq2seq"
    model_params = SMALL
    params = QUICK | {"controls": 1, "keep": 0.25}


class TestPruningOfAnLstmDecoder(AnalysisContract):
    name = "unit-pruning"
    model = "lstm-seq2seq"
    model_params = SMALL
    params = QUICK | {"controls": 0, "part": "decoder", "published": {"after.strongest": 0.9}}


class TestSubstitution(AnalysisContract):
    name = "component-substitution"
    params = QUICK | {"components": ("decoder.input",)}

    def inputs(self):
        models = {
            name: load_model("gru-seq2seq", SMALL | {"init_seed": seed})
            for seed, name in enumerate(("baseline", "guided"))
        }
        return GivenInputs(models, Thinned(load_dataset("lookup-tables", {}), 32), (), self.seed)


@pytest.mark.parametrize("name", ["component-substitution", "unit-pruning"])
def test_both_are_registered_and_cite_the_paper(name):
    spec = registry().find(name, "analysis").spec
    assert [paper.key for paper in spec.papers] == ["baan2019"]


def test_a_run_from_the_command_line_reaches_the_donor(tmp_path):
    keys = {
        "plugin": "component-substitution",
        "model": "gru-seq2seq",
        "model.checkpoint": "untrained,untrained",
        "model.hidden": "8",
        "components": "encoder",
        "epochs": "1",
        "batch_size": "64",
        "settings": '{"guidance": false}',
        "receivers": "untrained-2",
        "donors": "untrained",
        "out": str(tmp_path / "run"),
    }
    folder = execute(build(keys, registry()))
    text = (folder / "tables" / "substitution.csv").read_text()
    assert text.splitlines()[1].startswith("untrained into untrained-2,none,1,")
    assert (folder / "figures" / "substitution.png").exists()
