"""Parameters of the analyses of this plugin."""

from pydantic import Field, model_validator

from probekit.hooks import Kind
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
