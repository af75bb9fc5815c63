"""What this plugin registers."""

from probekit.papers import DECAO2022, LAKRETZ2019
from probekit.specs import AnalysisSpec, DatasetSpec

number_agreement = DatasetSpec(
    name="number-agreement",
    summary="sentences up to the verb, with the form that agrees and the one that does not",
    implementation="probekit_agreement.agreement:number_agreement",
    params="probekit_agreement.params:AgreementParams",
    labels=(
        "wrong",
        "task",
        "condition",
        "number",
        "attractor",
        "subject_at",
        "attractor_at",
        "attractors",
        "held_out",
    ),
    papers=(LAKRETZ2019, DECAO2022),
)

syntactic_depth = DatasetSpec(
    name="syntactic-depth",
    summary="sentences with the number of open syntactic nodes at each word",
    implementation="probekit_agreement.depth:syntactic_depth",
    params="probekit_agreement.params:DepthParams",
    labels=("depth", "sampled", "frequency", "position"),
    papers=(LAKRETZ2019,),
)

gender_bias = DatasetSpec(
    name="gender-bias",
    summary="sentences about a profession up to the pronoun, he or she",
    implementation="probekit_agreement.gender:gender_bias",
    params="probekit_agreement.params:GenderParams",
    labels=("wrong", "profession", "template", "stereotype", "gender", "subject_at", "held_out"),
    papers=(DECAO2022,),
)

number_agreement_accuracy = AnalysisSpec(
    name="number-agreement-accuracy",
    summary="how often a language model prefers the form that agrees, by condition",
    implementation="probekit_agreement.accuracy:AgreementAccuracy",
    params="probekit_agreement.params:AccuracyParams",
    labels=("wrong",),
    papers=(LAKRETZ2019,),
)
