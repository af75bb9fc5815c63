"""What this plugin registers."""

from probekit.hooks import HookQuery
from probekit.specs import AnalysisSpec, Paper

LAKRETZ = Paper(
    key="lakretz2019",
    citation=(
        "Lakretz, Kruszewski, Desbordes, Hupkes, Dehaene and Baroni (2019). The emergence of"
        " number and syntax units in LSTM language models. NAACL."
    ),
    url="https://aclanthology.org/N19-1002",
)

unit_ablation = AnalysisSpec(
    name="unit-ablation",
    summary="what each unit is worth: the answers lost when it alone is switched off",
    implementation="probekit_ablation.units:UnitAblation",
    params="probekit_ablation.params:AblationParams",
    wants=(HookQuery(),),
    papers=(LAKRETZ,),
)
