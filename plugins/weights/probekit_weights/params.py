"""Parameters of the analyses of this plugin (no torch here)."""

from typing import Literal

from pydantic import Field, NonNegativeInt, model_validator

from probekit.hooks import Part
from probekit.params import Params, StreamingParams
from probekit.weights import Relation, WeightRole

Order = Literal["index", "mean", "strength"]
By = Literal["mean", "max"]
Side = Literal["both", "in", "out"]


class MatrixParams(Params):
    """Which weight matrices: those named, or those that have every property given."""

    matrix: tuple[str, ...] = Field((), description="names of matrices; empty: choose by the next")
    relation: tuple[Relation, ...] = Field((), description="what they connect; empty: anything")
    role: tuple[WeightRole, ...] = Field((), description="the gates they feed; empty: all")
    part: Part | None = Field(None, description="encoder or decoder; none: both")
    layer: NonNegativeInt | None = Field(None, description="the layer; none: all")


class HeatmapParams(MatrixParams):
    """Which matrices are drawn, in which order, and what a block of cells shows."""

    relation: tuple[Relation, ...] = Field(
        ("embedding",), description="what they connect; empty: anything"
    )
    order: Order = Field("index", description="order of the units: index, mean or mean |weight|")
    block: Literal["strongest", "mean"] = Field(
        "strongest", description="what stands for cells that must be drawn as one"
    )


class GraphParams(MatrixParams):
    """Which weights count as strong, and which share of the units counts as few."""

    relation: tuple[Relation, ...] = Field(
        ("recurrent",), description="what they connect; empty: anything"
    )
    share: float = Field(0.01, gt=0, le=1, description="the strongest share of each matrix")
    threshold: float | None = Field(
        None, gt=0, description="draw every |weight| from this on instead of a share"
    )
    top: float = Field(0.05, gt=0, le=1, description="the share of units that are called hubs")
    order: Order = Field("index", description="order of the units: index, mean or mean |weight|")
    labels: int = Field(5, ge=0, le=20, description="how many hubs of each side are numbered")


class StrengthParams(MatrixParams):
    """How the strength of a unit is measured."""

    by: By = Field("mean", description="mean or largest |weight| of all weights of a unit")
    side: Side = Field("both", description="weights into a unit, out of it, or both")
    top: float = Field(0.05, gt=0, le=1, description="the share of units that count as strongest")


class GroupParams(StrengthParams):
    """The group of units: given in full, or found by an earlier run."""

    units: tuple[NonNegativeInt, ...] = Field((), description="the units of the group")
    hook: str = Field("", description="the hook point whose units they are")
    group: str = Field(
        "", description="a run folder with a table groups (model, hook, units), or such a file"
    )

    @model_validator(mode="after")
    def _one_group(self) -> "GroupParams":
        if bool(self.units) == bool(self.group):
            raise ValueError("name a group by units=3,17 or by group=RUN_DIR, one of the two")
        if len(set(self.units)) < len(self.units):
            raise ValueError("units names a unit twice; name each once")
        return self


class EfferentParams(MatrixParams):
    """Which units, and which matrix leads from them to words."""

    units: tuple[str, ...] = Field(
        ("auto",),
        min_length=1,
        description="layer:index (1:125) or #number across layers (#776), several by commas; auto:"
        " those that separate the forms best",
    )
    top: int = Field(5, ge=1, description="how many units auto finds")
    relation: tuple[Relation, ...] = Field(
        ("readout",), description="what the matrices connect; empty: anything"
    )


class AfferentParams(StreamingParams):
    """Which units, which weights into them, and when one of these stands out."""

    units: tuple[str, ...] = Field(
        ("auto",),
        min_length=1,
        description="layer:index (1:125) or #number across layers (#776), several by commas; auto:"
        " those of the top layer with the largest |z|",
    )
    top: int = Field(2, ge=1, description="how many units auto finds")
    marked: tuple[str, ...] = Field((), description="source units that the figure always shows")
    role: tuple[WeightRole, ...] = Field((), description="the gates they feed; empty: all")
    relation: tuple[Literal["recurrent", "input"], ...] = Field(
        ("recurrent",), min_length=1, description="from the layer itself, or from the one below"
    )
    part: Part | None = Field(
        None, description="encoder or decoder; none: the encoder, where there are both"
    )
    answer: bool = Field(True, description="language models read the right word too, as last")
    outlier: float = Field(3.0, gt=0, description="a weight stands out from this |z| on")
    labels: int = Field(
        5, ge=0, le=20, description="how many outliers of a unit and gate are named"
    )
