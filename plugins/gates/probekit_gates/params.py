"""Parameters of the analyses of this plugin."""

from pydantic import Field, model_validator

from probekit.hooks import Kind, Part, Role
from probekit.params import StreamingParams


class SaturationParams(StreamingParams):
    """Where saturation begins, and how near an axis or the diagonal counts as on it."""

    left: float = Field(0.1, ge=0, le=1, description="a gate below this is left-saturated")
    right: float = Field(0.9, ge=0, le=1, description="a gate above this is right-saturated")
    tolerance: float = Field(
        0.02, ge=0, le=0.5, description="a share of samples under this counts as none"
    )

    @model_validator(mode="after")
    def _ordered(self) -> "SaturationParams":
        if self.left > self.right:
            raise ValueError(f"left={self.left} lies above right={self.right}; give left <= right")
        return self


class RangesParams(StreamingParams):
    """Which units are drawn."""

    kind: Kind = Field("hidden", description="the kind of hook point")
    units: int = Field(50, ge=1, description="how many units of each hook point, at random")


class DynamicsParams(StreamingParams):
    """Which units are followed, at which hook points, and what is read after the words."""

    units: tuple[str, ...] = Field(
        ("auto",),
        min_length=1,
        description="layer:index (1:125) or #number across layers (#776), several by commas; auto,"
        " singular or plural: found by what they hold before the answer",
    )
    top: int = Field(2, ge=1, description="how many units auto, singular and plural find each")
    kind: tuple[Kind, ...] = Field(
        ("gate", "candidate", "cell", "hidden"),
        min_length=1,
        description="kinds of hook points; those that a model lacks are left out",
    )
    role: tuple[Role, ...] = Field((), description="of gates: which ones; empty: all")
    part: Part | None = Field(
        None, description="encoder or decoder; none: the encoder, where there are both"
    )
    by: str | None = Field(
        None, description="the label whose values are compared; none: condition, where there is one"
    )
    answer: bool = Field(True, description="language models read the right word too, as last")
    after: tuple[str, ...] = Field((), description="words that are read after the answer")

    @model_validator(mode="after")
    def _answered(self) -> "DynamicsParams":
        if self.after and not self.answer:
            raise ValueError("after names words behind the answer; give answer=true with it")
        return self
