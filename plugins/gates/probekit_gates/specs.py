"""What this plugin registers."""

from probekit.hooks import HookQuery
from probekit.papers import BAAN2019, LAKRETZ2019
from probekit.specs import AnalysisSpec, Paper

KARPATHY = Paper(
    key="karpathy2015",
    citation="Karpathy, Johnson, Fei-Fei (2015). Visualizing and understanding recurrent networks.",
    url="https://arxiv.org/abs/1506.02078",
)
gate_saturation = AnalysisSpec(
    name="gate-saturation",
    summary="how often each gate is nearly shut or nearly open, unit by unit",
    implementation="probekit_gates.saturation:GateSaturation",
    params="probekit_gates.params:SaturationParams",
    wants=(HookQuery(kind="gate"),),
    papers=(KARPATHY, BAAN2019),
)

activation_ranges = AnalysisSpec(
    name="activation-ranges",
    summary="quartiles and extremes of the values that units take",
    implementation="probekit_gates.ranges:ActivationRanges",
    params="probekit_gates.params:RangesParams",
    wants=(HookQuery(),),
    papers=(BAAN2019,),
)

gate_dynamics = AnalysisSpec(
    name="gate-dynamics",
    summary="gates and states of single units over time, by condition, with the words below",
    implementation="probekit_gates.dynamics:GateDynamics",
    params="probekit_gates.params:DynamicsParams",
    wants=(HookQuery(),),
    papers=(LAKRETZ2019,),
)
