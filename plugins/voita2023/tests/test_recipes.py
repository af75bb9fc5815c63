"""The recipes name what is installed, and every published number has a metric of that name."""

import pytest

from probekit.registry import registry
from probekit.request import build
from probekit.specs import RecipeSpec

RECIPES = {
    entry.spec.name: entry.spec
    for entry in registry().of("recipe")
    if entry.distribution == "probekit-voita2023"
}
METRICS = {
    "neuron-activity": {"most_dead"},
    "token-detectors": {"token_detectors", "covered_tokens"},
    "concept-suppression": {"suppressed_share"},
    "positional-neurons": {"drawn_ranges"},
}


def test_there_is_one_for_each_figure():
    assert set(RECIPES) == {f"voita-fig{number}" for number in range(1, 17)}
    assert {name: spec.shows for name, spec in RECIPES.items()} == {
        f"voita-fig{number}": f"figure {number}" for number in range(1, 17)
    }


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_makes_a_complete_request(name):
    request = build({"plugin": name}, registry())
    spec = request.recipe.spec
    assert isinstance(spec, RecipeSpec)
    assert spec.paper.key == "voita2023"
    assert request.data.entry.spec.name == "corpus"
    measured = {metric.partition(".")[0] for metric in spec.published}
    assert measured <= METRICS.get(spec.analysis, set())
