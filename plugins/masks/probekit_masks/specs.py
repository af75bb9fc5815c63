"""What this plugin registers."""

from probekit.hooks import HookQuery
from probekit.papers import DECAO2022
from probekit.specs import AnalysisSpec, Paper

LOUIZOS = Paper(
    key="louizos2018",
    citation="Louizos, Welling and Kingma (2018). Learning sparse neural networks through L0"
    " regularization. ICLR.",
    url="https://arxiv.org/abs/1712.01312",
)

sparse_intervention = AnalysisSpec(
    name="sparse-intervention",
    summary="the fewest units that change a model's decision when they are set to learned values",
    implementation="probekit_masks.analysis:SparseIntervention",
    params="probekit_masks.params:MaskParams",
    wants=(HookQuery(),),
    papers=(DECAO2022, LOUIZOS),
)
