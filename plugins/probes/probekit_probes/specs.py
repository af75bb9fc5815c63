"""What this plugin registers."""

from probekit.hooks import HookQuery
from probekit.papers import BAAN2019, LAKRETZ2019
from probekit.specs import AnalysisSpec, Paper

DALVI = Paper(
    key="dalvi2019",
    citation=(
        "Dalvi, Durrani, Sajjad, Belinkov, Bau and Glass (2019). What is one grain of sand in the"
        " desert? Analyzing individual neurons in deep NLP models. AAAI."
    ),
    url="https://arxiv.org/abs/1812.09355",
)
HEWITT = Paper(
    key="hewitt2019",
    citation=(
        "Hewitt and Liang (2019). Designing and interpreting probes with control tasks. EMNLP."
    ),
    url="https://aclanthology.org/D19-1275",
)
KING = Paper(
    key="king2014",
    citation=(
        "King and Dehaene (2014). Characterizing the dynamics of mental representations: the"
        " temporal generalization method. Trends in Cognitive Sciences."
    ),
    url="https://doi.org/10.1016/j.tics.2014.01.002",
)

functional_group = AnalysisSpec(
    name="functional-group",
    summary="the fewest units from which a linear classifier tells a word, a position or a label",
    implementation="probekit_probes.analysis:FunctionalGroup",
    params="probekit_probes.params:GroupParams",
    wants=(HookQuery(),),
    papers=(BAAN2019, DALVI, HEWITT),
)

decoding_over_time = AnalysisSpec(
    name="decoding-over-time",
    summary="how long the subject's number can be read off, from all units and from single ones",
    implementation="probekit_probes.over_time:DecodingOverTime",
    params="probekit_probes.params:DecodingParams",
    wants=(HookQuery(),),
    labels=("condition", "number", "subject_at", "attractor", "attractor_at"),
    papers=(LAKRETZ2019, KING),
)

short_range_units = AnalysisSpec(
    name="short-range-units",
    summary="units that hold the number of the last noun, and units that keep the subject's",
    implementation="probekit_probes.short_range:ShortRangeUnits",
    params="probekit_probes.params:RangeParams",
    wants=(HookQuery(),),
    labels=("condition", "number", "subject_at", "attractor", "attractor_at"),
    papers=(LAKRETZ2019,),
)

depth_regression = AnalysisSpec(
    name="depth-regression",
    summary="how well all units together tell syntactic depth, and which have outlying weights",
    implementation="probekit_probes.depth:DepthRegression",
    params="probekit_probes.params:DepthParams",
    wants=(HookQuery(),),
    labels=("depth", "sampled"),
    papers=(LAKRETZ2019,),
)
