"""The recipes name what is installed, and the shipped pair shows what the paper says."""

import json

import pandas as pd
import pytest

from probekit.registry import registry
from probekit.request import build
from probekit.runs import execute
from probekit.specs import RecipeSpec

RECIPES = [
    entry.spec.name
    for entry in registry().of("recipe")
    if entry.distribution == "probekit-baan2019"
]


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_makes_a_complete_request(name):
    request = build({"plugin": name}, registry())
    assert isinstance(request.recipe.spec, RecipeSpec)
    assert request.recipe.spec.paper.key == "baan2019"
    assert request.recipe.spec.shows
    trains = request.analysis.entry.spec.trains
    expected = ["guided"] if name == "baan-pruning" else ["baseline", "guided"]
    assert list(request.models) == ([] if trains else expected)


def test_the_guided_encoder_sits_on_the_axes_and_the_baseline_does_not(tmp_path):
    """baan2019, figure 4: the contrast is in the encoder."""
    folder = execute(build({"plugin": "gru-saturation", "out": str(tmp_path / "run")}, registry()))
    summary = pd.read_parquet(folder / "tables" / "summary.parquet")
    near = summary[summary["gate"] == "all"].set_index(["model", "place"])["near_axis"]
    assert near["guided", "encoder"] > 0.9
    assert near["baseline", "encoder"] < 0.6
    chart = json.loads((folder / "figures" / "saturation.vl.json").read_text())
    assert chart["facet"]["row"]["sort"] == ["encoder", "decoder"]
    assert chart["facet"]["column"]["sort"] == ["baseline", "guided"]
    notes = json.loads((folder / "manifest.json").read_text())["notes"]
    assert any("Update gate: near 0 the candidate replaces the old state" in note for note in notes)
    assert any("left-saturated it overwrites" in note for note in notes)


def test_the_tables_of_accuracy_train_five_models_each(tmp_path):
    """baan2019, tables 5 and 6, made small."""
    keys = {"plugin": "baan-table6", "out": str(tmp_path / "run")}
    full = build(keys, registry()).analysis.params
    assert (full.seeds, full.guidance, full.epochs, full.hidden) == (
        (0, 1, 2, 3, 4),
        True,
        100,
        512,
    )
    small = {"epochs": "1", "hidden": "4", "batch_size": "64", "seeds": "3,4"}
    folder = execute(build(keys | small, registry()))
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["recipe"]["published"]["new_compositions_best"] == 0.87
    metrics = json.loads((folder / "metrics.json").read_text())
    assert set(manifest["recipe"]["published"]) <= set(metrics)
    assert len(list((folder / "checkpoints").iterdir())) == 4
