"""Parameters of the analyses of this plugin (no torch here)."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from probekit.hooks import Part
from probekit.params import Params
from probekit.weights import Relation, WeightRole

OWN = ("epochs", "learning_rate", "batch_size")
By = Literal["mean", "max"]


class RetrainingParams(Params):
    """How an altered model is trained further, and which split is shown."""

    epochs: PositiveInt = Field(20, description="passes over the training data")
    learning_rate: PositiveFloat | None = Field(
        None, description="of the retraining; none: what the model's trainer takes"
    )
    batch_size: PositiveInt | None = Field(
        None, description="sequences a step; none: what the model's trainer takes"
    )
    settings: dict[str, Any] = Field(
        {}, description="further settings of the model's trainer, as a JSON object"
    )
    split: str = Field("", description="the split drawn and summed up; empty: the last")
    published: dict[str, float] = Field(
        {}, description="published numbers to draw, a JSON object by the name of the metric"
    )

    @model_validator(mode="after")
    def _once(self) -> "RetrainingParams":
        if twice := [name for name in OWN if name in self.settings]:
            raise ValueError(f"settings holds {twice[0]}; give it as {twice[0]}=VALUE instead")
        return self

    @property
    def schedule(self) -> Mapping[str, Any]:
        """All settings of the retraining that were given."""
        given = {name: getattr(self, name) for name in OWN}
        return {k: v for k, v in given.items() if v is not None} | self.settings


class SubstitutionParams(RetrainingParams):
    """Which components go from which models into which."""

    components: tuple[str, ...] = Field((), description="the components; empty: all")
    receivers: tuple[str, ...] = Field(
        (), description="labels of the models that receive; empty: the halves of the run, both ways"
    )
    donors: tuple[str, ...] = Field((), description="labels of their donors, in the same order")
    kinds: tuple[str, ...] = Field(
        (), description="what donors and receivers (or both halves of the run) are called"
    )
    seeds: tuple[NonNegativeInt, ...] = Field(
        (), description="seeds of the retraining; empty: the seed of the run"
    )
    epochs: PositiveInt = Field(100, description="passes over the training data")
    learning_rate: PositiveFloat | None = Field(
        1e-3, description="of the retraining; none: what the model's trainer takes"
    )

    @model_validator(mode="after")
    def _paired(self) -> "SubstitutionParams":
        if len(self.receivers) != len(self.donors):
            raise ValueError(
                f"{len(self.receivers)} receivers and {len(self.donors)} donors do not pair up;"
                " give as many of both, or neither"
            )
        if len(self.kinds) not in (0, 2):
            raise ValueError("kinds holds two names, that of the donors and that of the receivers")
        for name in ("components", "seeds"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise ValueError(f"{name} holds something twice; give it once")
        return self


class PruningParams(RetrainingParams):
    """Which units are kept."""

    keep: float = Field(0.05, gt=0, le=1, description="the share of units kept, rounded up")
    controls: NonNegativeInt = Field(3, description="random sets of as many units, treated alike")
    part: Part | None = Field(None, description="the part that is pruned; none: every part")
    relation: tuple[Relation, ...] = Field(
        ("recurrent",), min_length=1, description="the weights that make a unit strong"
    )
    role: tuple[WeightRole, ...] = Field((), description="the gates they feed; empty: all")
    by: By = Field("mean", description="mean or largest |weight| into and out of a unit")
