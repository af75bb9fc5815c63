"""Mean and deviation of units at every step of aligned sequences: merged exactly, never squared.

    one = Moments.of(values, real)            # [sample, step, unit] and which steps are real
    both = one.merged(other)
    both.mean, both.deviation                 # [step, unit]

Sums of squared differences from the mean are merged by the formula of Chan, Golub and LeVeque
(1983). Sums of squares would lose what a unit that hardly moves has of deviation.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor

FIELDS = ("count", "mean", "square")


@dataclass(frozen=True)
class Moments:
    """How many samples each step has, and of each unit their mean and summed squared difference."""

    count: Int[np.ndarray, " step"]
    mean: Float[np.ndarray, "step unit"]
    square: Float[np.ndarray, "step unit"]

    @classmethod
    def of(
        cls, values: Real[Tensor, "sample step unit"], real: Bool[Tensor, "sample step"]
    ) -> "Moments":
        """Those of `values`, in float64; steps that are not real are left out."""
        there, values = real.cpu()[..., None], values.cpu().double()
        count = there.sum(0)
        mean = torch.where(there, values, 0.0).sum(0) / count.clamp(min=1)
        square = torch.where(there, values - mean, 0.0).square().sum(0)
        return cls(count[:, 0].numpy(), mean.numpy(), square.numpy())

    def merged(self, other: "Moments") -> "Moments":
        """Those of the samples of both; where one has more steps, its own."""
        steps = max(len(self.count), len(other.count))
        one, two = self._until(steps), other._until(steps)
        count = one.count + two.count
        share = (two.count / np.maximum(count, 1))[:, None]
        apart = two.mean - one.mean
        between = apart**2 * one.count[:, None] * share
        return Moments(count, one.mean + apart * share, one.square + two.square + between)

    @property
    def deviation(self) -> Float[np.ndarray, "step unit"]:
        """The standard deviation over the samples of each step (of the population)."""
        spread: np.ndarray = np.sqrt(self.square / np.maximum(self.count, 1)[:, None])
        return spread

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """The state, as `PREFIX/count` and so on."""
        return {f"{prefix}/{field}": getattr(self, field) for field in FIELDS}

    def _until(self, steps: int) -> "Moments":
        """The same with steps without samples added at the end."""
        more = steps - len(self.count)
        mean, square = (np.pad(rows, ((0, more), (0, 0))) for rows in (self.mean, self.square))
        return Moments(np.pad(self.count, (0, more)), mean, square)


def merge_arrays(found: dict[str, Moments], arrays: Mapping[str, np.ndarray]) -> None:
    """Merge what `Moments.arrays` gave, prefix by prefix, into `found`."""
    for prefix in dict.fromkeys(name.rpartition("/")[0] for name in arrays):
        new = Moments(*(arrays[f"{prefix}/{field}"] for field in FIELDS))
        found[prefix] = found[prefix].merged(new) if prefix in found else new
