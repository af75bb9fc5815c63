"""Parameters of the analysis, and the settings that they span."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from probekit.hooks import HookQuery, Kind, Part, Role
from probekit.params import Params

GateName = Literal["hard-concrete", "hard-concrete-closed", "straight-through", "score-function"]
ValueName = Literal["learned", "zero", "mean", "resampled"]
Objective = Literal["ratio", "log-ratio", "kl"]
Estimate = Literal["exact", "sampled", "shortlist"]
Baseline = Literal["gradients", "random", "weights", "mean-patch"]

EVERY, ALL = "every", "all"
SCORE = "score-function"


@dataclass(frozen=True)
class Setting:
    """One of the combinations that a run tries: how, where, how few, and how gently."""

    gate: GateName
    scope: str
    alpha: float
    factor: float

    @property
    def words(self) -> tuple[str, str, str, str]:
        """The setting in four words, as they stand in the names of numbers."""
        return self.gate, self.scope, f"alpha-{self.alpha:g}", f"kl-{self.factor:g}"


class PlaceParams(Params):
    """Which units may be set."""

    kind: tuple[Kind, ...] = Field(
        ("hidden",), min_length=1, description="the kinds of hook points whose units may be set"
    )
    role: Role | None = Field(None, description="of gates: which gate; none: all")
    part: Part | None = Field(None, description="the part of the model; none: all")
    layer: tuple[int, ...] = Field((), description="the layers; empty: all")
    readers: Literal["state", "all"] = Field(
        "state",
        description="who reads a hidden unit that is set: the next step alone, and of the last"
        " layer everybody (state), or everybody in every layer (all)",
    )

    @model_validator(mode="after")
    def _gate(self) -> "PlaceParams":
        if self.role is not None and set(self.kind) != {"gate"}:
            raise ValueError(f"role={self.role} is one of a gate; give kind=gate with it")
        return self

    @property
    def queries(self) -> tuple[HookQuery, ...]:
        """The hook points whose units may be set."""
        layers: Sequence[int | None] = self.layer or (None,)
        return tuple(
            HookQuery(kind=kind, role=self.role, part=self.part, layer=layer)
            for kind in self.kind
            for layer in layers
        )


class FitParams(PlaceParams):
    """How a mask is learned."""

    value: ValueName = Field(
        "learned",
        description="what a unit is set to: a learned constant within the hook point's range,"
        " zero, its mean, or (resampled) what it is in another example, of any direction",
    )
    objective: Objective = Field(
        "ratio",
        description="lower the ratio of the likelier answer to the other, or its logarithm; or kl:"
        " keep the output while all units but the chosen ones are set",
    )
    beta: float = Field(1.0, description="most expected share of gates strictly between 0 and 1")
    kl_training: Estimate = Field(
        "sampled",
        description="the divergence in training: at every position (exact), at one drawn position"
        " of each example (sampled), or over a shortlist of words",
    )
    shortlist: PositiveInt = Field(1000, description="words of the shortlist: the first of all")
    steps: PositiveInt = Field(400, description="updates of a mask")
    score_steps: PositiveInt = Field(4000, description="updates with gate=score-function")
    batch_size: PositiveInt = Field(64, description="examples in one update")
    gate_rate: PositiveFloat = Field(0.1, description="Adam's learning rate for the gates")
    value_rate: PositiveFloat = Field(0.1, description="Adam's learning rate for the values")
    multiplier_rate: PositiveFloat = Field(
        2e-3, description="that of the Lagrange multipliers, which are costs of one expected unit"
    )
    warm: float = Field(
        0.5,
        ge=0,
        le=1,
        description="share of the updates in which the bound on the units falls to alpha",
    )
    start: float = Field(0.0, description="location of every gate at the start (a logit)")
    temperature: PositiveFloat = Field(0.2, description="of the gates' distribution")
    stretch: tuple[float, float] = Field(
        (-0.2, 1.1),
        description="ends of the stretched interval; the half-open gate ends at 1 instead",
    )
    shared_mask: bool = Field(
        False, description="one mask for both directions, with values of its own for each"
    )

    @field_validator("beta")
    @classmethod
    def _share(cls, beta: float) -> float:
        if not 0 < beta <= 1:
            raise ValueError("beta is a share of the units, above 0 and at most 1")
        return beta

    @field_validator("stretch")
    @classmethod
    def _stretched(cls, stretch: tuple[float, float]) -> tuple[float, float]:
        if not (stretch[0] < 0 and stretch[1] > 1):
            raise ValueError("the interval is stretched to below 0 and above 1")
        return stretch


class MaskParams(FitParams):
    """What is tried, with which controls, and how the work divides."""

    gate: tuple[GateName, ...] = Field(
        ("hard-concrete",), min_length=1, description="the distribution of the mask; one or more"
    )
    scope: tuple[str, ...] = Field(
        ("subject_at",),
        min_length=1,
        description="when units are set: at the step that a label names, every (step of the"
        " example), or all (the context too); one or more",
    )
    alpha: tuple[float, ...] = Field(
        (0.02,), min_length=1, description="most expected share of units, in (0, 1]; one or more"
    )
    kl_factor: tuple[NonNegativeFloat, ...] = Field(
        (0.0,), min_length=1, description="weight of the divergence from the output; one or more"
    )
    label: str = Field(
        "",
        description="the label of two values that parts the directions; empty: number or gender,"
        " where the dataset has it",
    )
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1, description="one run each")
    evaluation: PositiveInt | None = Field(
        None,
        description="examples held out; none: the dataset's own split called evaluation, or a"
        " twelfth",
    )
    baselines: tuple[Baseline, ...] = Field(
        ("gradients", "random", "weights", "mean-patch"), description="controls in the same run"
    )
    controls: PositiveInt = Field(10, description="random sets for each mask")
    gradient_shares: tuple[float, ...] = Field(
        (0.005, 0.01, 0.02), description="shares of units that integrated gradients choose"
    )
    prune: float | None = Field(
        None,
        gt=0,
        le=1,
        description="afterwards drop unit after unit while this share of the accuracy is left;"
        " none: do not",
    )
    sentences: int = Field(1, ge=0, description="examples of each direction in the figure")

    @field_validator("alpha", "gradient_shares")
    @classmethod
    def _shares(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if bad := [share for share in shares if not 0 < share <= 1]:
            raise ValueError(f"{bad[0]:g} is no share of the units, above 0 and at most 1")
        return shares

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds) or min(seeds) < 0:
            raise ValueError("seeds are different numbers from 0 on")
        return seeds

    @model_validator(mode="after")
    def _fitting(self) -> "MaskParams":
        if self.objective == "kl" and self.shared_mask:
            raise ValueError("objective=kl has no directions; leave out shared_mask=true")
        if self.objective == "kl" and (any(self.kl_factor) or self.prune is not None):
            raise ValueError(
                "objective=kl is the divergence itself, and its masks are not pruned; leave out"
                " kl_factor and prune"
            )
        return self

    @property
    def settings(self) -> list[Setting]:
        """Every combination of gate, scope, alpha and factor; the first is the main one."""
        axes = self.gate, self.scope, self.alpha, self.kl_factor
        return [Setting(*words) for words in product(*map(dict.fromkeys, axes))]
