"""What units are set to: a learned constant, zero, a mean, or what they are in other examples.

    values = make_values(params, known, usual, source)
    values.of(rows, source)             # [unit] or [row, unit]

A learned constant lies in the closed range of its hook point (tanh of a free parameter between the
ends; the published ones all lie in [-1, 1]). Where the range has no end, the most extreme value
that the unit takes in the examples takes its place.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from probekit.model import Model
from probekit_masks.params import FitParams
from probekit_masks.passages import Passage
from probekit_masks.sites import Sites

Units = Float[Tensor, " unit"]

SPREAD = 0.1  # of the free parameter at the start
AT_ONCE = 128
MOST_SAMPLES = 4096


class Values(ABC):
    """What the units of a mask are set to."""

    free: Units | None = None

    @abstractmethod
    def of(self, rows: int, source: torch.Generator) -> Float[Tensor, "... unit"]:
        """The values for some rows, `[unit]` or `[row, unit]`."""

    @abstractmethod
    def shown(self) -> Units:
        """One value a unit, for tables."""


class Learned(Values):
    """A constant for each unit between `span[0]` and `span[1]`."""

    def __init__(self, span: Float[Tensor, "2 unit"], source: torch.Generator) -> None:
        self.low, self.high = span
        start = SPREAD * torch.randn(span.shape[1], generator=source)
        self.free = start.to(span.device).requires_grad_()

    def of(self, rows: int, source: torch.Generator) -> Float[Tensor, "... unit"]:
        """The constants, with gradients to the free parameter."""
        assert self.free is not None
        return self.low + (self.high - self.low) * (self.free.tanh() + 1) / 2

    def shown(self) -> Units:
        """The constants."""
        return self.of(1, torch.Generator()).detach()


class Fixed(Values):
    """The same constants throughout."""

    def __init__(self, constants: Units) -> None:
        self.constants = constants

    def of(self, rows: int, source: torch.Generator) -> Float[Tensor, "... unit"]:
        """The constants."""
        return self.constants

    def shown(self) -> Units:
        """The constants."""
        return self.constants


class Resampled(Values):
    """Whatever all units are in an example drawn for each row; `pool [sample, unit]`."""

    def __init__(self, pool: Float[Tensor, "sample unit"]) -> None:
        self.pool = pool

    def of(self, rows: int, source: torch.Generator) -> Float[Tensor, "... unit"]:
        """One sample a row."""
        return self.pool[torch.randint(len(self.pool), (rows,), generator=source)]

    def shown(self) -> Units:
        """The mean of all samples."""
        return self.pool.mean(0)


@dataclass(frozen=True)
class Known:
    """What the units of some texts are without intervention, where they would be set."""

    model: Model
    sites: Sites
    passages: Sequence[Passage]

    @cached_property
    def samples(self) -> Float[Tensor, "sample unit"]:
        """Every unit at each position that would be changed, one text after another.

        At most `MOST_SAMPLES`, evenly spread.
        """
        found = [self._samples(passage) for passage in self.passages]
        whole = torch.cat(found)
        step = max(1, -(-len(whole) // MOST_SAMPLES))
        return whole[::step]

    def _samples(self, passage: Passage) -> Float[Tensor, "sample unit"]:
        blocks = [self._block(passage, slice(start, start + AT_ONCE))
                  for start in range(0, len(passage), AT_ONCE)]  # fmt: skip
        return torch.cat(blocks)

    def _block(self, passage: Passage, rows: slice) -> Float[Tensor, "sample unit"]:
        seen: dict[str, Tensor] = {}
        batch = self.model.encode(list(passage.batch.examples[rows]))
        held = [site.held for site in self.sites.sites]
        self.model.observe(
            batch, held, lambda spec, values: seen.update({spec.name: values.clone()})
        )
        parts = [seen[spec.name] for spec in held]
        if passage.at is not None:
            return torch.cat([part[:, passage.at] for part in parts], dim=1)
        shortest = min(part.shape[1] for part in parts)
        return torch.cat([part[:, :shortest].flatten(0, 1) for part in parts], dim=1)

    @cached_property
    def mean(self) -> Units:
        """The mean of each unit there, over distinct texts."""
        return self.samples.double().mean(0).to(self.samples.dtype)

    @cached_property
    def span(self) -> Float[Tensor, "2 unit"]:
        """The range of each unit: that of its hook point, or where that has no end what is seen.

        It is seen in the same samples.
        """
        span = self.sites.span
        if bool(span.isfinite().all()):
            return span.to(self.passages[0].batch.tokens.device)
        seen = torch.stack([self.samples.amin(0), self.samples.amax(0)])
        return torch.where(span.isfinite().to(seen.device), span.to(seen), seen)


def make_values(params: FitParams, known: Known, usual: Known, source: torch.Generator) -> Values:
    """The values that the parameters ask for.

    Constants are learned within the range of `known`; means and samples are those of `usual`.
    """
    if params.value == "learned":
        return Learned(known.span, source)
    if params.value == "resampled":
        return Resampled(usual.samples)
    return Fixed(usual.mean if params.value == "mean" else torch.zeros_like(known.span[0]))
