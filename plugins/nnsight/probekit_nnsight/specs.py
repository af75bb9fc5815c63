"""What this plugin registers."""

from probekit.hooks import HookQuery
from probekit.specs import ModelSpec, Paper

FIOTTO = Paper(
    key="fiottokaufman2024",
    citation=(
        "Fiotto-Kaufman, Loftus, Todd et al. (2024). NNsight and NDIF: Democratizing access to"
        " open-weight foundation model internals. arXiv."
    ),
    url="https://arxiv.org/abs/2407.14561",
)

nnsight = ModelSpec(
    name="nnsight",
    summary="any torch module or Hugging Face model with declared hook points, here or remote",
    implementation="probekit_nnsight.loading:load_nnsight",
    params="probekit_nnsight.params:NnsightParams",
    offers=(
        HookQuery(kind="embedding"),
        HookQuery(kind="residual"),
        HookQuery(kind="attention"),
        HookQuery(kind="neuron", stage=None),
    ),
    data="corpus",
    papers=(FIOTTO,),
)
