"""What this plugin registers."""

from probekit.hooks import HookQuery
from probekit.papers import BAAN2019
from probekit.specs import AnalysisSpec

component_substitution = AnalysisSpec(
    name="component-substitution",
    summary="whether a model recovers when a component of another one is put into it and frozen",
    implementation="probekit_surgery.substitution:ComponentSubstitution",
    params="probekit_surgery.params:SubstitutionParams",
    papers=(BAAN2019,),
)

unit_pruning = AnalysisSpec(
    name="unit-pruning",
    summary="what a model can do with its strongest units alone, before and after retraining",
    implementation="probekit_surgery.pruning:UnitPruning",
    params="probekit_surgery.params:PruningParams",
    wants=(HookQuery(kind="hidden"),),
    papers=(BAAN2019,),
)
