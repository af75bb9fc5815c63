"""Specs of the doubles, as a plugin writes its own: no torch here.

Nothing registers them; a test that needs them listed can point an entry point at them.
"""

from pydantic import Field, PositiveInt

from probekit.hooks import HookQuery
from probekit.params import Params
from probekit.specs import DatasetSpec, ModelSpec


class TinyParams(Params):
    """The sizes of the tiny model and the seed of its weights."""

    hidden: PositiveInt = Field(6, description="width of the hidden state")
    embedding: PositiveInt = Field(4, description="width of the embedding")
    init_seed: int = Field(0, ge=0, description="seed of the weights")


class TinyDataParams(Params):
    """How much there is of the tiny dataset."""

    sentences: int = Field(84, ge=1, le=84, description="how many sentences")


tiny_model = ModelSpec(
    name="tiny",
    summary="a GRU language model of six units and ten words, with random weights",
    implementation="probekit.testing.doubles:TinyModel",
    params="probekit.testing.specs:TinyParams",
    offers=(
        HookQuery(kind="embedding"),
        HookQuery(kind="gate", role="reset"),
        HookQuery(kind="gate", role="update"),
        HookQuery(kind="candidate"),
        HookQuery(kind="hidden"),
        HookQuery(kind="state"),
    ),
    data="tiny-sentences",
)

tiny_sentences = DatasetSpec(
    name="tiny-sentences",
    summary="84 sentences over ten words, with the number of their subject",
    implementation="probekit.testing.doubles:tiny_dataset",
    params="probekit.testing.specs:TinyDataParams",
    labels=("number",),
)
