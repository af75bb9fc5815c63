"""The recipes name what is installed, and each runs on a small network."""

import json

import pytest
from probekit_agreement.agreement import number_agreement
from probekit_agreement.gender import gender_bias
from probekit_agreement.params import AgreementParams, GenderParams
from probekit_decao2022 import SUMMARY, TABLE1, TASKS

from probekit.registry import registry
from probekit.request import build
from probekit.runs import execute
from probekit.specs import RecipeSpec

RECIPES = {
    entry.spec.name: entry.spec
    for entry in registry().of("recipe")
    if entry.distribution == "probekit-decao2022"
}
NUMBER = [name for name, spec in RECIPES.items() if spec.data == "number-agreement"]


def test_every_table_and_figure_has_a_recipe():
    shown = " ".join(spec.shows for spec in RECIPES.values())
    for number in range(1, 7):
        assert f"table {number}" in shown
    for number in range(1, 5):
        assert f"figure {number}" in shown
    assert len(RECIPES) == 12


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_makes_a_complete_request(name):
    request = build({"plugin": name}, registry())
    assert isinstance(request.recipe.spec, RecipeSpec)
    assert request.recipe.spec.paper.key == "decao2022"
    assert list(request.models) == ["lstm-lm"]
    params = request.analysis.params
    assert params.value == "learned"
    assert params.alpha[0] == 0.02
    assert (params.temperature, params.stretch[0]) == (0.2, -0.2)
    assert params.objective == "ratio"


def test_what_is_published_of_units_can_be_said_of_any_model():
    published = RECIPES["decao-table1"].published
    assert published["units-in-any-mask"] == len(TABLE1) == 9
    assert published["units-in-all-masks"] == 4
    assert published["accuracy"] == SUMMARY["accuracy"][1]
    assert "776: -0.81, 0.96, 20%" in RECIPES["decao-table1"].remarks[0]
    assert RECIPES["decao-table4"].published["units.every.kl-1"] == SUMMARY["units"][3]


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    """A file of the words of all sentences."""
    number = number_agreement(AgreementParams(task=TASKS, sentences=300))
    data = [*number, *gender_bias(GenderParams())]
    words = {word for one in data for word in (*one.words, *one.target, one.labels["wrong"])}
    path = tmp_path_factory.mktemp("words") / "vocab.txt"
    path.write_text("\n".join(["<unk>", "<eos>", *sorted(words)]) + "\n")
    return path


@pytest.mark.parametrize(
    "name", ["decao-table3", "decao-table4", "decao-table4-gender", "decao-table6", "decao-fig4"]
)
def test_a_run_gives_every_number_that_is_published(name, vocabulary, tmp_path):
    """On an untrained network of four units a layer, with few updates."""
    keys = {
        "plugin": name,
        "model.checkpoint": "untrained",
        "model.vocab": str(vocabulary),
        "model.hidden": "4",
        "model.embedding": "4",
        "steps": "3",
        "start": "2",
        "score_steps": "3",
        "seeds": "0",
        "out": str(tmp_path / "run"),
    }
    keys |= {"data.sentences": "4", "evaluation": "20"} if name in NUMBER else {}
    folder = execute(build(keys, registry()))
    metrics = json.loads((folder / "metrics.json").read_text())
    assert set(RECIPES[name].published) <= set(metrics)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(RECIPES[name].remarks) <= set(manifest["notes"])
    assert (folder / "figures" / "units.png").exists()
