"""The parameters of this plugin's model (no torch here)."""

from collections.abc import Mapping
from typing import Literal

from probekit_opt.params import Number
from pydantic import Field, NonNegativeInt, PositiveInt

from probekit.hooks import Kind, Stage
from probekit.params import Params


class Place(Params):
    """Where a hook point is in a network, and what it is.

    `{layer}` in its name and in `module` stands for 0, 1, ..., `layers` - 1.
    """

    module: str = Field(min_length=1, description="dotted path of a module, as torch names it")
    at: Literal["input", "output"] = Field("output", description="what goes in, or what comes out")
    index: NonNegativeInt | None = Field(None, description="which of an output's parts")
    kind: Kind = Field("hidden", description="the kind of hook point")
    stage: Stage = Field("post", description="before or after the non-linearity")
    span: tuple[float, float] | None = Field(None, description="the range of values, if bounded")
    layers: PositiveInt | None = Field(None, description="layers, where there is {layer}")


class NnsightParams(Params):
    """Which network, where its hook points are, and where it runs."""

    path: str = Field(
        "", description="a Hugging Face model folder or a hub name; none: the shipped OPT"
    )
    module: str = Field(
        "",
        description="package.module:function that makes a torch module, which reads ids"
        " [batch, pos] and gives logits; path is then its tokenizer's folder",
    )
    hooks: Mapping[str, Place] = Field(
        default_factory=dict,
        description="hook points by name; none: those known for OPT, GPT-2, Pythia and Llama",
    )
    head: str | None = Field(
        None, description="path of the vocabulary head; empty: none that may be left out"
    )
    window: int | None = Field(None, ge=2, description="longest sequence in tokens")
    dtype: Number = Field("float32", description="of weights and activations")
    remote: bool | Literal["local"] = Field(
        False, description="run on NDIF (key in NDIF_API_KEY); local: simulated on this machine"
    )
