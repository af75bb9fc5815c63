"""The recipes name what is installed, and each runs on a small network."""

import json

import numpy as np
import pytest
from probekit_agreement.agreement import number_agreement
from probekit_agreement.params import AgreementParams
from probekit_lakretz2019 import FULL, LABEL, TASKS, fig1c, table2
from probekit_lstm.checkpoints import SHIPPED_FOLDER

from probekit.errors import Problems
from probekit.registry import registry
from probekit.request import build
from probekit.runs import execute
from probekit.specs import RecipeSpec

RECIPES = {
    entry.spec.name: entry.spec
    for entry in registry().of("recipe")
    if entry.distribution == "probekit-lakretz2019"
}
GROUPS = [name for name, spec in RECIPES.items() if spec.analysis == "group-ablation"]
OTHERS = [name for name in RECIPES if name not in GROUPS]
KNOWN = [name for name in GROUPS if RECIPES[name].params["units"]]
PARTS = ("lakretz-fig1a", "lakretz-fig1b")  # of lakretz-fig1
SHIPS = (SHIPPED_FOLDER / f"{LABEL}.safetensors").exists()

# What makes a recipe small; units that are written down are those of the shipped model.
SMALL = {
    "lakretz-table2": {"data.sentences": "2"},
    "lakretz-table2-full": {"data.sentences": "2"},
    "lakretz-fig1": {"units": "singular,plural"},
    "lakretz-fig1c": {"units": "singular"},
    "lakretz-fig1d": {"units": "auto,1:0,1:7", "data.sentences": "20"},
    "lakretz-fig2": {"units": "1:0,1:1", "data.sentences": "40"},
    "lakretz-fig3": {"units": "1:0", "data.sentences": "4"},
    "lakretz-fig4": {"units": "1:0,1:1", "marked": "1:2"},
    "lakretz-depth": {"data.per_cell": "4", "penalties": "4"},
    "lakretz-groups": {"units": "1:0,1:1", "controls": "5"},
    "lakretz-groups-short": {"units": "1:0", "controls": "5"},
    "lakretz-groups-syntax": {"units": "0:0,1:1", "controls": "5", "spared": "1:2"},
}


def test_every_table_figure_and_section_has_a_recipe():
    shown = {spec.shows for spec in RECIPES.values()}
    assert {"table 2", "figure 1a", "figure 1b", "figure 1d", "figure 2", "figure 3",
            "figure 4", "section 4.2", "section 4.3"} <= shown  # fmt: skip
    assert len(RECIPES) == 15


@pytest.mark.parametrize("name", [*OTHERS, *KNOWN])
def test_every_recipe_makes_a_complete_request(name):
    request = build({"plugin": name}, registry())
    assert isinstance(request.recipe.spec, RecipeSpec)
    assert request.recipe.spec.paper.key == "lakretz2019"
    assert list(request.models) == [LABEL]
    assert request.data is not None


@pytest.mark.parametrize("name", sorted(set(GROUPS) - set(KNOWN)))
def test_a_set_of_units_that_is_not_written_down_has_to_be_given(name):
    with pytest.raises(Problems, match="units"):
        build({"plugin": name}, registry())


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    """A file of the words of all tasks."""
    tasks = (*TASKS, "subject_relative", "double_embedding")
    data = number_agreement(AgreementParams(task=tasks, sentences=300))
    words = {word for one in data for word in (*one.words, *one.target, one.labels["wrong"])}
    path = tmp_path_factory.mktemp("words") / "vocab.txt"
    path.write_text("\n".join(["<unk>", "<eos>", *sorted(words)]) + "\n")
    return path


def run(name, vocabulary, folder):
    """The run folder of a recipe on an untrained network of eight units a layer."""
    keys = {
        "plugin": name, "out": str(folder / "run"), "model.checkpoint": "untrained",
        "model.vocab": str(vocabulary), "model.embedding": "6", "model.hidden": "8",
        "data.sentences": "12",
    }  # fmt: skip
    return execute(build(keys | SMALL.get(name, {}), registry()))


@pytest.mark.parametrize("name", [name for name in RECIPES if name not in PARTS])
def test_every_recipe_runs_and_says_what_the_paper_says(name, vocabulary, tmp_path):
    folder = run(name, vocabulary, tmp_path)
    assert (folder / "report.html").exists()
    manifest = json.loads((folder / "manifest.json").read_text())
    spec = RECIPES[name]
    assert manifest["recipe"]["published"] == dict(spec.published)
    assert set(spec.remarks) <= set(manifest["notes"])
    metrics = json.loads((folder / "metrics.json").read_text())
    general = [metric for metric in spec.published if not _of_one_unit(metric)]
    ours = {metric.replace(f".{LABEL}", ".untrained") for metric in general}
    assert ours <= set(metrics)


def _of_one_unit(metric):
    """Whether a number of the paper is about one of its units."""
    return metric.split(".")[0] in ("without", "z", "input-gate", "forget-gate", "output-gate")


def test_the_numbers_of_table_2_are_shares_of_every_condition():
    accuracy = {
        metric.split(".", 2)[2]: value
        for metric, value in table2.published.items()
        if metric.startswith("accuracy.")
    }
    assert accuracy == FULL
    tasks = number_agreement(AgreementParams(task=TASKS, sentences=1))
    asked = {f"{one.labels['task']}.{one.labels['condition']}" for one in tasks}
    assert set(FULL) == asked
    assert min(FULL.values()) > 0.5
    assert np.mean([*FULL.values()]) == pytest.approx(0.962, abs=5e-4)
    for metric, value in table2.published.items():
        if metric.startswith("without."):
            condition = ".".join(metric.split(".")[-2:])
            assert FULL[condition] - value > 0.1  # the paper shows no smaller loss


def test_the_prediction_of_figure_1c_opens_for_the_subject_and_keeps_until_the_verb():
    values = {tuple(metric.split(".")[i] for i in (0, -2, -1)): value
              for metric, value in fig1c.published.items()}  # fmt: skip
    assert values["input-gate", "singular", "subject"] == 1
    assert values["input-gate", "plural", "subject"] == 0
    assert {values["forget-gate", number, "between"] for number in ("singular", "plural")} == {1}
    assert {values["input-gate", number, "between"] for number in ("singular", "plural")} == {0}


@pytest.mark.skipif(not SHIPS, reason=f"the trained model {LABEL} is not here")
def test_the_shipped_model_has_a_singular_and_a_plural_unit(tmp_path):
    """What figures 1a and 1b show: both numbers are apart until the verb."""
    keys = {"plugin": "lakretz-fig1", "out": str(tmp_path / "run"), "data.sentences": "40"}
    folder = execute(build(keys, registry()))
    metrics = json.loads((folder / "metrics.json").read_text())
    found = [value for name, value in metrics.items() if name.startswith("separation.")]
    assert len(found) == 2
    assert min(found) > 3
