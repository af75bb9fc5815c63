"""Streaming statistics of single units: fed activations, kept as named arrays, merged in order.

    tails = TailCounts(width=512, left=0.1, right=0.9)
    tails.add(values)                     # [sample, unit]
    other.absorb(tails.arrays())

Counts are integers, so merging in any order gives the same.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

Arrays = Mapping[str, np.ndarray]


class Statistic(ABC):
    """Something that is known of every unit of one hook point after a pass over data."""

    @abstractmethod
    def add(self, values: Float[Tensor, "sample unit"]) -> None:
        """Take `values [sample, unit]`."""

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """The state, to be kept or sent."""

    @abstractmethod
    def absorb(self, arrays: Arrays) -> None:
        """Merge the state of another statistic of the same kind into this one."""


class TailCounts(Statistic):
    """How many samples of each unit lie below `left` and above `right`, both ends excluded."""

    def __init__(self, width: int, left: float, right: float) -> None:
        self.left_end, self.right_end = left, right
        self.samples = 0
        self.left = np.zeros(width, dtype=np.int64)
        self.right = np.zeros(width, dtype=np.int64)

    def add(self, values: Float[Tensor, "sample unit"]) -> None:
        """Take `values [sample, unit]`."""
        self.samples += len(values)
        self.left += (values < self.left_end).sum(0).cpu().numpy()
        self.right += (values > self.right_end).sum(0).cpu().numpy()

    def arrays(self) -> dict[str, np.ndarray]:
        """`samples` and the counts `left [unit]`, `right [unit]`."""
        return {"samples": np.array(self.samples), "left": self.left, "right": self.right}

    def absorb(self, arrays: Arrays) -> None:
        """Add the counts of another."""
        self.samples += int(arrays["samples"])
        self.left = self.left + arrays["left"]
        self.right = self.right + arrays["right"]


class Extremes(Statistic):
    """The smallest and the largest value of each unit (infinite before the first sample)."""

    def __init__(self, width: int) -> None:
        self.low = np.full(width, np.inf)
        self.high = np.full(width, -np.inf)

    def add(self, values: Float[Tensor, "sample unit"]) -> None:
        """Take `values [sample, unit]`."""
        if len(values):
            self.absorb({"low": values.amin(0).cpu().numpy(), "high": values.amax(0).cpu().numpy()})

    def arrays(self) -> dict[str, np.ndarray]:
        """`low [unit]` and `high [unit]`."""
        return {"low": self.low, "high": self.high}

    def absorb(self, arrays: Arrays) -> None:
        """Take the wider of both ranges."""
        self.low = np.minimum(self.low, arrays["low"])
        self.high = np.maximum(self.high, arrays["high"])


class QuantileSketch(Statistic):
    """Quantiles of each unit to a relative error of `ERROR`, for values of any range.

    Samples are counted in bins whose edges grow geometrically, mirrored for negative values, as in
    DDSketch (Masson, Rim and Lee 2019); so merging is exact. Magnitudes under `SMALLEST` count as
    zero, those over `LARGEST` as `LARGEST`.
    """

    ERROR = 0.005
    SMALLEST = 1e-6
    LARGEST = 1e6

    _ratio = (1 + ERROR) / (1 - ERROR)
    _half = math.ceil(math.log(LARGEST / SMALLEST, _ratio)) + 1

    def __init__(self, width: int) -> None:
        self.counts = np.zeros((width, 2 * self._half + 1), dtype=np.int64)

    def add(self, values: Float[Tensor, "sample unit"]) -> None:
        """Take `values [sample, unit]`."""
        width, bins = self.counts.shape
        size = values.double().abs().clamp(max=self.LARGEST)
        rank = (size / self.SMALLEST).log().div(math.log(self._ratio)).ceil().clamp(min=1)
        signed = torch.where(size < self.SMALLEST, 0, rank * values.sign())
        place = signed.long() + self._half + torch.arange(width, device=values.device) * bins
        counted = torch.bincount(place.flatten(), minlength=width * bins)
        self.counts += counted.view(width, bins).cpu().numpy()

    def arrays(self) -> dict[str, np.ndarray]:
        """`counts [unit, bin]`."""
        return {"counts": self.counts}

    def absorb(self, arrays: Arrays) -> None:
        """Add the counts of another."""
        self.counts = self.counts + arrays["counts"]

    def quantile(self, share: float) -> Float[np.ndarray, " unit"]:
        """The value at rank `floor(share * (samples - 1))` of each unit, `[unit]` (NaN if none)."""
        total = self.counts.sum(1)
        rank = np.floor(share * (total - 1))
        index = (self.counts.cumsum(1) > rank[:, None]).argmax(1) - self._half
        middle = 2 * self._ratio ** np.abs(index) / (self._ratio + 1) * self.SMALLEST
        return np.where(total > 0, np.sign(index) * middle, np.nan)
