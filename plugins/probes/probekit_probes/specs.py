"""What this plugin registers."""

from probekit.hooks import HookQuery
from probekit.papers import BAAN2019
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

functional_group = AnalysisSpec(
    name="functional-group",
    summary="the fewest units from which a linear classifier tells a word, a position or a label",
    implementation="probekit_probes.analysis:FunctionalGroup",
    params="probekit_probes.params:GroupParams",
    wants=(HookQuery(),),
    papers=(BAAN2019, DALVI, HEWITT),
)
