"""Distributions of masks: what is sampled in training, and what is known of it in closed form.

    gate = HardConcrete(torch.zeros(1300), temperature=0.2, low=-0.2, high=1.0)
    gate.sample(64, source)           # [row, unit], in [0, 1], with gradients to the location
    gate.nonzero().mean()             # the expected share of units that are not 0

Louizos et al. (2018), section 2.2; De Cao et al. (2022), section 3.5, whose equation 9 has both
ends of the stretched interval swapped.
"""

import math
from abc import ABC, abstractmethod
from functools import cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from probekit_masks.params import SCORE, FitParams, GateName

Mask = Float[Tensor, "row unit"]
Units = Float[Tensor, " unit"]

POINTS = 64  # of the quadrature behind an expected value
EDGE = 1e-6  # uniform samples keep this far from 0 and 1
MEMORY = 0.99  # of the moving average that score-function estimates are measured against


class Gate(ABC):
    """Independent random masks, each unit with a learned `location [unit]`, a logit."""

    def __init__(self, location: Units) -> None:
        self.location = location

    @abstractmethod
    def sample(self, rows: int, source: torch.Generator) -> Mask:
        """A mask for each row, `[row, unit]`."""

    @abstractmethod
    def nonzero(self) -> Units:
        """The probability that a unit's gate is not 0 (equation 6)."""

    @abstractmethod
    def between(self) -> Units:
        """The probability that it is neither 0 nor 1 (equation 7)."""

    @abstractmethod
    def expected(self) -> Units:
        """Its expected value; the final mask has the units where it is above 0.5."""

    def surrogate(self, costs: Float[Tensor, " row"], mask: Mask) -> Float[Tensor, ""]:
        """A scalar whose gradient is that of the expected cost, or an estimate of it."""
        return costs.mean()

    def chosen(self) -> Tensor:
        """The final mask, `[unit]`, True where a unit is chosen."""
        return (self.expected() > 0.5).detach()


class HardConcrete(Gate):
    """A binary concrete variable, stretched to (low, high) and cut off at 0 and 1.

    With `high` at 1 there is no mass at 1: the paper's half-open interval.
    """

    def __init__(self, location: Units, temperature: float, low: float, high: float) -> None:
        super().__init__(location)
        self.temperature, self.low, self.high = temperature, low, high

    def sample(self, rows: int, source: torch.Generator) -> Mask:
        """Equation 9: s = sigmoid((logit u + location) / temperature), stretched and cut off."""
        noise = logistic(rows, self.location, source)
        soft = ((noise + self.location) / self.temperature).sigmoid()
        return (soft * (self.high - self.low) + self.low).clamp(0, 1)

    def nonzero(self) -> Units:
        """P(z != 0) = sigmoid(location - temperature * log(-low / high))."""
        return self._above(0.0)

    def between(self) -> Units:
        """P(z != 0) - P(z = 1)."""
        return self._above(0.0) - self._above(1.0)

    def expected(self) -> Units:
        """The integral of P(z > x) over x from 0 to 1, by Gauss-Legendre quadrature."""
        points, weights = quadrature()
        total = torch.zeros_like(self.location, dtype=torch.float64)
        for point, weight in zip(points, weights, strict=True):
            total = total + weight * self._above(point).double()
        return total

    def _above(self, point: float) -> Units:
        """P(z > point) for a point in [0, 1]."""
        share = (point - self.low) / (self.high - self.low)
        if share >= 1:
            return torch.zeros_like(self.location)
        return (self.location - self.temperature * math.log(share / (1 - share))).sigmoid()


class StraightThrough(Gate):
    """A mask of zeros and ones whose gradient is that of a sigmoid of the same noise."""

    def __init__(self, location: Units, temperature: float) -> None:
        super().__init__(location)
        self.temperature = temperature

    def sample(self, rows: int, source: torch.Generator) -> Mask:
        """1 where noise and location together are above 0."""
        noise = logistic(rows, self.location, source)
        soft = ((noise + self.location) / self.temperature).sigmoid()
        return (soft > 0.5).to(soft) + (soft - soft.detach())

    def nonzero(self) -> Units:
        """sigmoid(location)."""
        return self.location.sigmoid()

    def between(self) -> Units:
        """Nowhere."""
        return torch.zeros_like(self.location)

    def expected(self) -> Units:
        """sigmoid(location)."""
        return self.nonzero()


class ScoreFunction(Gate):
    """Bernoulli masks; the gradient is that of Williams (1992), against a moving average cost."""

    def __init__(self, location: Units) -> None:
        super().__init__(location)
        self.usual: float | None = None

    def sample(self, rows: int, source: torch.Generator) -> Mask:
        """1 with probability sigmoid(location)."""
        return (logistic(rows, self.location, source) + self.location > 0).to(self.location)

    def nonzero(self) -> Units:
        """sigmoid(location)."""
        return self.location.sigmoid()

    def between(self) -> Units:
        """Nowhere."""
        return torch.zeros_like(self.location)

    def expected(self) -> Units:
        """sigmoid(location)."""
        return self.nonzero()

    def surrogate(self, costs: Float[Tensor, " row"], mask: Mask) -> Float[Tensor, ""]:
        """The mean cost, and each cost above the usual one times the log-probability of its mask.

        The log-probability's own value is taken out, so that the scalar is the mean cost.
        """
        now = float(costs.detach().mean())
        usual = now if self.usual is None else self.usual
        self.usual = MEMORY * usual + (1 - MEMORY) * now
        chance = -functional.softplus(torch.where(mask > 0, -self.location, self.location)).sum(1)
        score = (costs.detach() - usual) * (chance - chance.detach())
        return costs.mean() + score.mean()


def logistic(rows: int, like: Units, source: torch.Generator) -> Mask:
    """Standard logistic noise, `[row, unit]`, drawn on the CPU: the same on every device."""
    uniform = torch.rand(rows, len(like), generator=source, dtype=like.dtype)
    return torch.logit(uniform, eps=EDGE).to(like.device)


@cache
def quadrature() -> tuple[list[float], list[float]]:
    """Points and weights of an integral from 0 to 1."""
    points, weights = np.polynomial.legendre.leggauss(POINTS)
    return ((points + 1) / 2).tolist(), (weights / 2).tolist()


def make_gate(name: GateName, location: Units, params: FitParams) -> Gate:
    """The gate of that name."""
    if name == SCORE:
        return ScoreFunction(location)
    if name == "straight-through":
        return StraightThrough(location, params.temperature)
    high = 1.0 if name == "hard-concrete" else params.stretch[1]
    return HardConcrete(location, params.temperature, params.stretch[0], high)
