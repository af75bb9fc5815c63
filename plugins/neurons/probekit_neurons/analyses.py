"""The analyses: what each makes of the layers that were read."""

from collections.abc import Mapping, Sequence

from probekit.analysis import Inputs, Result
from probekit.errors import ProbekitError
from probekit.model import Model
from probekit_neurons.activity import activity
from probekit_neurons.detection import detection
from probekit_neurons.layers import Layer
from probekit_neurons.params import (
    ActivityParams,
    DetectorParams,
    NeuronsParams,
    PositionalParams,
    SuppressionParams,
    TriggerParams,
)
from probekit_neurons.patterns import patterns
from probekit_neurons.reading import NeuronAnalysis
from probekit_neurons.suppression import suppression
from probekit_neurons.tables import merged
from probekit_neurons.triggers import triggers
from probekit_neurons.words import Words


class NeuronActivity(NeuronAnalysis[ActivityParams]):
    """How often each neuron is active, and which are dead."""

    def finish(self, found: Sequence[Layer], inputs: Inputs) -> Result:
        """See `probekit_neurons.activity`."""
        return activity(found, self.params)


class NgramTriggers(NeuronAnalysis[TriggerParams]):
    """How many n-grams cover a neuron's activations."""

    def finish(self, found: Sequence[Layer], inputs: Inputs) -> Result:
        """See `probekit_neurons.triggers`."""
        return triggers(found, self.params)


class TokenDetectors(NeuronAnalysis[DetectorParams]):
    """Neurons that are active if and only if a token or a trigram is there."""

    def finish(self, found: Sequence[Layer], inputs: Inputs) -> Result:
        """See `probekit_neurons.detection`."""
        return detection(found, words_of(inputs), self.params)


class ConceptSuppression(NeuronAnalysis[SuppressionParams]):
    """Whether token detectors write against their tokens."""

    def finish(self, found: Sequence[Layer], inputs: Inputs) -> Result:
        """See `probekit_neurons.suppression`."""
        return suppression(found, models_of(inputs), words_of(inputs), self.params)


class PositionalNeurons(NeuronAnalysis[PositionalParams]):
    """Neurons whose activity depends on the position."""

    def finish(self, found: Sequence[Layer], inputs: Inputs) -> Result:
        """See `probekit_neurons.patterns`."""
        return patterns(found, self.params)


class Neurons(NeuronAnalysis[NeuronsParams]):
    """All of them, from one pass over the corpus."""

    def finish(self, found: Sequence[Layer], inputs: Inputs) -> Result:
        """Everything that the others give; what a model's weights do not allow is told."""
        words = words_of(inputs)
        results = [
            activity(found, self.params),
            triggers(found, self.params),
            detection(found, words, self.params),
            patterns(found, self.params),
        ]
        try:
            results.append(suppression(found, models_of(inputs), words, self.params))
        except ProbekitError as error:
            results.append(Result(notes=[f"No updates were projected: {error}"]))
        return merged(results)


def models_of(inputs: Inputs) -> Mapping[str, Model]:
    """The models by label."""
    return {label: inputs.model(label) for label in inputs.labels}


def words_of(inputs: Inputs) -> Mapping[str, Words]:
    """What the tokens of each model look like."""
    return {label: Words.of(inputs.model(label)) for label in inputs.labels}
