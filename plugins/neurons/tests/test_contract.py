"""Promises are kept, on units with a threshold and on planted neurons."""

from probekit.hooks import HookQuery
from probekit.testing import AnalysisContract, GivenInputs

from .planted import Planted, at, no_one, often, on, on_trigram, random_text

HIDDEN = {"kind": "hidden", "threshold": "0.2", "length": "12"}


class TestNeurons(AnalysisContract):
    name = "neurons"
    params = HIDDEN


class TestActivity(AnalysisContract):
    name = "neuron-activity"
    params = HIDDEN


class TestPositional(AnalysisContract):
    name = "positional-neurons"
    params = HIDDEN


class OfPlanted(AnalysisContract):
    """Asked of neurons that are known, in two domains."""

    def inputs(self):
        layers = [
            [no_one, on(1), on_trigram(1, 2, 1), at(lambda place: place > 5), often(0.5, 1)],
            [often(0.2, seed) for seed in range(9)],
        ]
        return GivenInputs(
            {"planted": Planted(layers), "nopos": Planted(layers, bos=False)},
            random_text(40, 12, 0),
            (HookQuery(kind="neuron"),),
        )


class TestNeuronsOfPlanted(OfPlanted):
    name = "neurons"


class TestSuppressionOfPlanted(OfPlanted):
    name = "concept-suppression"


del OfPlanted
