"""What this plugin registers."""

from dataclasses import replace

from probekit.hooks import HookQuery
from probekit.papers import VOITA2023
from probekit.specs import AnalysisSpec

neurons = AnalysisSpec(
    name="neurons",
    summary="dead, n-gram, suppressing and positional neurons, all in one pass",
    implementation="probekit_neurons.analyses:Neurons",
    params="probekit_neurons.params:NeuronsParams",
    wants=(HookQuery(),),
    papers=(VOITA2023,),
)

neuron_activity = replace(
    neurons,
    name="neuron-activity",
    summary="how often each neuron is active, and which are dead",
    implementation="probekit_neurons.analyses:NeuronActivity",
    params="probekit_neurons.params:ActivityParams",
)
dead_neurons = replace(
    neuron_activity, name="dead-neurons", summary="neuron-activity by a plain name"
)

ngram_triggers = replace(
    neurons,
    name="ngram-triggers",
    summary="how many uni-, bi- and trigrams cover a neuron's activations",
    implementation="probekit_neurons.analyses:NgramTriggers",
    params="probekit_neurons.params:TriggerParams",
)

token_detectors = replace(
    neurons,
    name="token-detectors",
    summary="neurons that are active if and only if a token or a trigram is there",
    implementation="probekit_neurons.analyses:TokenDetectors",
    params="probekit_neurons.params:DetectorParams",
)

concept_suppression = replace(
    neurons,
    name="concept-suppression",
    summary="whether token detectors write against the tokens that trigger them",
    implementation="probekit_neurons.analyses:ConceptSuppression",
    params="probekit_neurons.params:SuppressionParams",
)

positional_neurons = replace(
    neurons,
    name="positional-neurons",
    summary="neurons whose activity depends on the position, and their types",
    implementation="probekit_neurons.analyses:PositionalNeurons",
    params="probekit_neurons.params:PositionalParams",
)
positional_mi = replace(
    positional_neurons, name="positional-mi", summary="positional-neurons by a plain name"
)
