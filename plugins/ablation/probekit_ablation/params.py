"""Parameters of the analyses of this plugin."""

import math
from typing import Literal

from pydantic import Field, field_validator, model_validator

from probekit.hooks import HookQuery, Kind, Part, Role
from probekit.params import Params

WORDS = ("zero", "mean")
STARTS = ("context", "start")


class HoldingParams(Params):
    """What is held, at what, who notices, and from when on."""

    kind: Kind = Field("hidden", description="the kind of hook point whose units are held")
    role: Role | None = Field(None, description="of gates: which gate; none: all")
    part: Part | None = Field(None, description="the part of the model; none: all")
    value: str = Field(
        "zero", description="what a unit is held at: zero, its mean over the dataset, or a number"
    )
    readers: Literal["state", "all"] = Field(
        "state",
        description="who reads the held value of a hidden unit: the next step alone, and of the"
        " last layer everybody (state), or everybody in every layer (all)",
    )
    with_cell: bool = Field(False, description="hold the same units of the cell as well")
    since: str = Field(
        "context",
        description="held from when on: context (always), start (the first word of the example),"
        " or a position, counted from 0",
    )
    by: tuple[str, ...] = Field(
        ("task", "condition"),
        description="labels by which answers are counted apart, where the dataset has them",
    )
    batch_size: int = Field(512, ge=1, description="rows (ablations times examples) at once")

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

    @field_validator("since", mode="before")
    @classmethod
    def _start(cls, since: object) -> str:
        text = str(since)
        if text not in STARTS and not (text.isdecimal() and text.isascii()):
            raise ValueError("units are held since context, since start, or since a position")
        return text

    @model_validator(mode="after")
    def _gate(self) -> "HoldingParams":
        if self.role is not None and self.kind != "gate":
            raise ValueError(f"role={self.role} is one of a gate; give kind=gate with it")
        if self.with_cell and self.kind not in ("hidden", "state"):
            raise ValueError(f"with_cell=true goes with kind=hidden, not kind={self.kind}")
        return self

    @property
    def query(self) -> HookQuery:
        """The hook points whose units are held."""
        return HookQuery(kind=self.kind, role=self.role, part=self.part)

    @property
    def first(self) -> int | None:
        """The first position at which units are held; None: always."""
        if self.since == "context":
            return None
        return 0 if self.since == "start" else int(self.since)


class AblationParams(HoldingParams):
    """Which units are held one at a time, and how the work divides."""

    layer: int | None = Field(None, ge=0, description="the layer; none: all")
    cost: float = Field(
        0.10, ge=0, le=1, description="a unit is costly if more than this is lost in a condition"
    )
    shard_size: int = Field(64, ge=1, description="units in one partial result")

    @property
    def query(self) -> HookQuery:
        """The hook points whose units are held."""
        return HookQuery(kind=self.kind, role=self.role, part=self.part, layer=self.layer)


class GroupParams(HoldingParams):
    """Which units are held together, and what they are compared with."""

    units: tuple[str, ...] = Field(
        min_length=1, description="the set: layer:index from 0 (1:125), or numbers from 1 (#776)"
    )
    controls: int = Field(1000, ge=0, description="random sets of the same size")
    same_layer: bool = Field(
        True, description="draw as many units of each layer as the set has; otherwise from all"
    )
    spared: tuple[str, ...] = Field((), description="units that no random set may hold")
    shard_size: int = Field(100, ge=1, description="random sets in one partial result")
