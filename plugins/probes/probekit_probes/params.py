"""Parameters of the analyses of this plugin (no torch here)."""

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from probekit.hooks import HookQuery, Kind, Part, Role, Stage
from probekit.params import Params

Rank = Literal["mean", "first", "class"]
By = Literal["position", "sequence"]


class GroupParams(Params):
    """Where to look, what to predict there, and how the classifiers are fitted and compared."""

    kind: tuple[Kind, ...] = Field(("hidden",), min_length=1, description="the kinds of hook point")
    role: Role | None = Field(None, description="the role of the gate, with kind=gate")
    part: Part | None = Field(None, description="encoder or decoder; by default both")
    layer: int | None = Field(None, ge=0, description="one layer; by default all")
    stage: Stage | None = Field("post", description="before or after the non-linearity")
    target: str = Field(
        "token", min_length=1, description="token, position, or a label of the dataset"
    )
    classes: tuple[str, ...] = Field(
        (), description="only these values of the target; patterns such as t* are allowed"
    )
    splits: PositiveInt = Field(5, description="random divisions into trained and held out")
    train_share: float = Field(0.9, gt=0, lt=1, description="share of the samples trained on")
    by: By = Field("position", description="divide single positions, or whole sequences")
    C: PositiveFloat = Field(1.0, description="weight of the loss against the penalty")
    standardise: bool = Field(False, description="give every unit mean 0 and deviation 1")
    max_iter: PositiveInt = Field(100, description="Newton steps of one fit at most")
    rank: Rank = Field(
        "mean", description="order units by all classes, the first, or each class on its own"
    )
    share: float = Field(0.95, gt=0, le=1, description="share of the full accuracy to be reached")
    most: PositiveInt | None = Field(None, description="units tried at most; by default all")
    control: bool = Field(True, description="fit shuffled labels too, for the selectivity")
    batch_size: PositiveInt = Field(64, description="sequences in one forward pass")
    memory_mb: PositiveInt = Field(2048, description="activations beyond this wait on disk")

    @model_validator(mode="after")
    def _gate(self) -> "GroupParams":
        if self.role is not None and "gate" not in self.kind:
            raise ValueError(f"role={self.role} is one of a gate; give kind=gate with it")
        return self


class LayersParams(Params):
    """Which hook point of every layer is read, all layers side by side."""

    kind: Kind | None = Field(
        None,
        description="the kind of hook point that is read in every layer; none: cell, or hidden in a"
        " model without cells",
    )
    role: Role | None = Field(None, description="the role of the gate, with kind=gate")
    batch_size: PositiveInt = Field(64, description="sequences in one forward pass")

    @model_validator(mode="after")
    def _gate(self) -> "LayersParams":
        if (self.role is None) == (self.kind == "gate"):
            raise ValueError("kind=gate and a role such as role=forget go together")
        return self

    @property
    def queries(self) -> tuple[HookQuery, ...]:
        """The hook points that are read: the first of these that a model has."""
        if self.kind is None:
            return HookQuery(kind="cell"), HookQuery(kind="hidden")
        return (HookQuery(kind=self.kind, role=self.role),)


class NumberParams(LayersParams):
    """Which sentences the number of the subject is told from."""

    conditions: tuple[str, ...] = Field(
        ("PS", "SP"),
        min_length=1,
        description="conditions of the sentences, subject first; by default those in which subject"
        " and attractor differ in number",
    )


class LongRangeParams(NumberParams):
    """What counts as a unit that keeps the number of the subject."""

    long: float = Field(
        0.9,
        ge=0,
        le=1,
        description="a unit is long-range if a classifier on it, trained at the subject, is right"
        " about the subject at the attractor more often than this",
    )
    readout: bool = Field(
        True, description="only units whose output weights tell singular from plural verbs count"
    )
    separated: float = Field(0.9, ge=0, le=1, description="least accuracy with which they do")


class DecodingParams(LongRangeParams):
    """Which units the number is decoded from over time, and how the classifiers are fitted."""

    units: tuple[str, ...] = Field(
        ("auto",),
        description="units that have a curve of their own: layer:index (1:125), number (#776), or"
        " auto: the best long-range ones; empty: none",
    )
    minus: tuple[str, ...] | None = Field(
        None,
        description="units left out of the curve of all; long: every unit that is long-range by its"
        " activity; none: those of `units`",
    )
    top: PositiveInt = Field(2, description="how many units auto finds at most")
    splits: PositiveInt = Field(5, description="random divisions into trained and held out")
    test_share: float = Field(0.2, gt=0, lt=1, description="share of the sentences held out")
    C: PositiveFloat = Field(1.0, description="weight of the loss against the penalty")
    tolerance: PositiveFloat = Field(1e-5, description="when a fit has arrived")
    max_iter: PositiveInt = Field(1000, description="iterations of one fit at most")
    answer: bool = Field(True, description="language models read the right word too, as last")


class RangeParams(LongRangeParams):
    """What counts as a short-range and as a long-range unit."""

    short: float = Field(
        0.9,
        ge=0,
        le=1,
        description="short: the number of the noun is told at the subject and at the attractor with"
        " at least this accuracy",
    )
    swapped: float = Field(
        0.1,
        ge=0,
        le=1,
        description="short: at the attractor, a classifier trained at the subject is right less"
        " often than this",
    )
    folds: int = Field(5, ge=2, description="folds of the cross-validation")
    C: PositiveFloat = Field(1.0, description="weight of the loss against the penalty")


class DepthParams(LayersParams):
    """How open nodes are predicted from all units, and which of these count as syntax units."""

    kind: Kind | None = Field(
        "hidden",
        description="the kind of hook point that is read in every layer; none: cell, or hidden in a"
        " model without cells",
    )
    frequency: bool = Field(True, description="add the frequency of the word as a covariate")
    folds: int = Field(5, ge=2, description="outer folds, on which R2 is measured")
    inner: int = Field(5, ge=2, description="inner folds, on which the penalty is chosen")
    weakest: PositiveFloat = Field(1e-5, description="the weakest penalty that is tried")
    strongest: PositiveFloat = Field(1e5, description="the strongest penalty that is tried")
    penalties: PositiveInt = Field(20, description="how many are tried, evenly in their logarithm")
    scaler: Literal["train", "all"] = Field(
        "train",
        description="samples whose mean and deviation scale the features: those trained on, or all"
        " (as the authors did)",
    )
    outlier: PositiveFloat = Field(
        3.0, description="deviations from the mean weight beyond which a unit is a syntax unit"
    )

    @model_validator(mode="after")
    def _ordered(self) -> "DepthParams":
        if self.weakest > self.strongest:
            raise ValueError(
                f"weakest={self.weakest} is above strongest={self.strongest}; give them in order"
            )
        return self
