"""What is wanted of a model's output: which positions, which vocabulary items, which form.

    Readout()                                    # logits, every position, the whole vocabulary
    Readout.nothing()                            # states only: the vocabulary head is never run
    Readout(positions=[4, 6], items=[12, 99])    # two words at one position of each sequence

A comparison of two words at one position never pays for all words at all positions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Form = Literal["logits", "log_probs"]


@dataclass(frozen=True)
class Readout:
    """A request for output.

    `positions` holds one position for each sequence (None: all); `items` the vocabulary ids, the
    same for every sequence, or a row of them for each, which needs positions (None: all).
    Log-probabilities of chosen items still need the normaliser over the whole vocabulary, at the
    chosen positions alone; logits do not.
    """

    positions: Sequence[int] | None = None
    items: Sequence[int] | Sequence[Sequence[int]] | None = None
    form: Form = "logits"
    empty: bool = False

    def __post_init__(self) -> None:
        if self.items is not None and self.positions is None and torch.tensor(self.items).ndim == 2:
            raise ValueError("items of each sequence need a position of each sequence")

    @classmethod
    def nothing(cls) -> "Readout":
        """No output at all: for analyses that read hook points only."""
        return cls(empty=True)

    def project(
        self,
        hidden: Float[Tensor, "batch pos unit"],
        weight: Float[Tensor, "vocabulary unit"],
        bias: Float[Tensor, " vocabulary"] | None = None,
    ) -> Float[Tensor, "batch ..."]:
        """`hidden [batch, pos, unit]` through `weight [vocabulary, unit]`.

        Gives `[batch, pos, item]`, or `[batch, item]` where positions were chosen, or an empty
        tensor `[batch, 0]` where nothing was asked for.
        """
        if self.empty or self.form == "log_probs":
            return self._form(torch.nn.functional.linear(self._at(hidden), weight, bias))
        if self.items is not None:
            chosen = torch.as_tensor(self.items, device=hidden.device)
            weight, bias = weight[chosen], bias if bias is None else bias[chosen]
            if chosen.ndim == 2:
                logits = (weight @ self._at(hidden)[..., None])[..., 0]
                return logits if bias is None else logits + bias
        return torch.nn.functional.linear(self._at(hidden), weight, bias)

    def choose(self, logits: Float[Tensor, "batch pos item"]) -> Float[Tensor, "batch ..."]:
        """The same of logits that are there already, as after free-running decoding."""
        return self._form(self._at(logits))

    def _at(self, values: Tensor) -> Tensor:
        """The chosen positions of `values [batch, pos, unit]`, or all; none of nothing."""
        if self.empty:
            return values[:, :0]
        if self.positions is None:
            return values
        rows = torch.arange(len(values), device=values.device)
        return values[rows, torch.as_tensor(self.positions, device=values.device)]

    def _form(self, logits: Tensor) -> Tensor:
        """Whole logits at chosen positions as what was asked for."""
        if self.empty:
            return logits.new_zeros(len(logits), 0)
        values = logits.log_softmax(-1) if self.form == "log_probs" else logits
        if self.items is None:
            return values
        chosen = torch.as_tensor(self.items, device=values.device)
        return values.gather(1, chosen) if chosen.ndim == 2 else values[..., chosen]


def smallest_lead(
    logits: Float[Tensor, "batch pos item"],
    targets: Int[Tensor, "batch pos"],
    real: Bool[Tensor, "batch pos"],
) -> Float[Tensor, " batch"]:
    """By how much the right item leads all others at the real position where it leads least.

    Above 0 exactly where the right item is the most likely at every real position.
    """
    right = logits.gather(2, targets[..., None])
    others = logits.scatter(2, targets[..., None], -torch.inf).amax(dim=2)
    lead = (right[..., 0] - others).masked_fill(~real, torch.inf)
    return lead.amin(dim=1)
