"""Parameters of the analyses of this plugin (no torch here)."""

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from probekit.hooks import Kind, Part, Role, Stage
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
