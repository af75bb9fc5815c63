"""What this plugin registers."""

from probekit.hooks import HookQuery
from probekit.papers import LAKRETZ2019
from probekit.specs import AnalysisSpec

unit_ablation = AnalysisSpec(
    name="unit-ablation",
    summary="what each unit is worth: the answers lost when it alone is switched off",
    implementation="probekit_ablation.units:UnitAblation",
    params="probekit_ablation.params:AblationParams",
    wants=(HookQuery(),),
    papers=(LAKRETZ2019,),
)

group_ablation = AnalysisSpec(
    name="group-ablation",
    summary="what a set of units is worth, against random sets of the same size",
    implementation="probekit_ablation.groups:GroupAblation",
    params="probekit_ablation.params:GroupParams",
    wants=(HookQuery(),),
    papers=(LAKRETZ2019,),
)
