"""Parameters of the analysis of this plugin."""

import math

from pydantic import Field, field_validator, model_validator

from probekit.hooks import HookQuery, Kind, Part, Role
from probekit.params import Params

WORDS = ("zero", "mean")


class AblationParams(Params):
    """Which units are set to what, and how the work divides."""

    kind: Kind = Field("hidden", description="the kind of hook point whose units are set")
    role: Role | None = Field(None, description="of gates: which gate; none: all")
    part: Part | None = Field(None, description="the part of the model; none: all")
    layer: int | None = Field(None, ge=0, description="the layer; none: all")
    value: str = Field(
        "zero", description="what a unit is set to: zero, its mean over the dataset, or a number"
    )
    cost: float = Field(0.10, ge=0, le=1, description="a unit is costly if more than this is lost")
    batch_size: int = Field(512, ge=1, description="rows (units times examples) in a forward pass")
    shard_size: int = Field(64, ge=1, description="units in one partial result")

    @field_validator("value", mode="before")
    @classmethod
    def _settable(cls, value: object) -> str:
        text = str(value)
        try:
            known = text in WORDS or math.isfinite(float(text))
        except ValueError:
            known = False
        if not known:
            raise ValueError("a unit can be set to zero, mean or a number")
        return text

    @model_validator(mode="after")
    def _gate(self) -> "AblationParams":
        if self.role is not None and self.kind != "gate":
            raise ValueError(f"role={self.role} is one of a gate; give kind=gate with it")
        return self

    @property
    def query(self) -> HookQuery:
        """The hook points whose units are set."""
        return HookQuery(kind=self.kind, role=self.role, part=self.part, layer=self.layer)
