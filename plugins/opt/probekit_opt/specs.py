"""What this plugin registers."""

from probekit.hooks import HookQuery
from probekit.papers import VOITA2023
from probekit.specs import AnalysisSpec, ModelSpec, Paper
from probekit_opt.params import SHIPPED

ZHANG = Paper(
    key="zhang2022",
    citation=(
        "Zhang, Roller, Goyal et al. (2022). OPT: Open pre-trained transformer language models."
        " arXiv."
    ),
    url="https://arxiv.org/abs/2205.01068",
)

OFFERS = (
    HookQuery(kind="embedding"),
    HookQuery(kind="residual"),
    HookQuery(kind="attention"),
    HookQuery(kind="neuron", stage=None),
    HookQuery(kind="logits"),
)

opt = ModelSpec(
    name="opt",
    summary="OPT of any size: shipped, trained here, or from a model folder",
    implementation="probekit_opt.loading:load_opt",
    params="probekit_opt.params:OptParams",
    offers=OFFERS,
    data="corpus",
    checkpoints=SHIPPED,
    trainer="opt-training",
    papers=(ZHANG, VOITA2023),
)

transformer = ModelSpec(
    name="transformer",
    summary="a decoder-only transformer of any kind that TransformerLens can bridge",
    implementation="probekit_opt.loading:load_transformer",
    params="probekit_opt.params:TransformerParams",
    offers=OFFERS,
    data="corpus",
)

opt_training = AnalysisSpec(
    name="opt-training",
    summary="train a small OPT and its tokenizer from scratch on text files",
    implementation="probekit_opt.trainer:OptTraining",
    params="probekit_opt.params:OptTrainingParams",
    trains=True,
    papers=(ZHANG,),
)
