"""What a masked run is asked for: which of two words leads, and how far the output has moved.

    output = model.run_with_hooks(batch, readout=Joint(leads, divergence))
    output[:, :-1], output[:, -1]             # leads [row, answer], divergence [row]

Only the difference of two output rows is computed for a lead, and of the original distribution p
the divergence needs no more than its mean output vector: with logits W h + b it is

    KL(p || q) = sum p log p - p.b - (p W).h + logsumexp(W h + b)

All sequences of a batch are equally long.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from probekit.readout import Readout, smallest_lead

Hidden = Float[Tensor, "row pos unit"]
Logits = Float[Tensor, "row pos item"]
Weight = Float[Tensor, "vocabulary unit"]
Bias = Float[Tensor, " vocabulary"] | None


@dataclass(frozen=True, eq=False)
class Leads(Readout):
    """By how much the first word of each pair leads the second after the last position.

    `pairs [row, answer, 2]`; gives `[row, answer]`, a difference of logits.
    """

    pairs: Int[Tensor, "row answer 2"] | None = None

    def project(self, hidden: Hidden, weight: Weight, bias: Bias = None) -> Tensor:
        """From the last hidden state and the rows of the words alone."""
        assert self.pairs is not None
        first, second = self.pairs.unbind(-1)
        found = ((weight[first] - weight[second]) @ hidden[:, -1, :, None])[..., 0]
        return found if bias is None else found + bias[first] - bias[second]

    def choose(self, logits: Logits) -> Tensor:
        """From logits that are there."""
        assert self.pairs is not None
        both = logits[:, -1].gather(1, self.pairs.flatten(1)).view(self.pairs.shape)
        return both[..., 0] - both[..., 1]


@dataclass(frozen=True, eq=False)
class WholeLeads(Readout):
    """By how much the right answer leads where it leads least: `targets [row, pos]`, `[row, 1]`."""

    targets: Int[Tensor, "row pos"] | None = None

    def choose(self, logits: Logits) -> Tensor:
        """From logits that are there."""
        assert self.targets is not None
        real = torch.ones_like(self.targets, dtype=torch.bool)
        return smallest_lead(logits, self.targets, real)[:, None]

    def project(self, hidden: Hidden, weight: Weight, bias: Bias = None) -> Tensor:
        """From the hidden states of all positions."""
        return self.choose(functional.linear(hidden, weight, bias))


@dataclass(frozen=True, eq=False)
class Original(Readout):
    """What `Divergence` must know of the output without intervention, `[row, pos, ...]`.

    Positions before `first` are left out, and with `words` all vocabulary items from there on.
    """

    first: int = 0
    words: int | None = None

    def project(self, hidden: Hidden, weight: Weight, bias: Bias = None) -> Tensor:
        """The mean output vector under the original distribution, and the constant term."""
        weight, bias = weight[: self.words], bias if bias is None else bias[: self.words]
        told = functional.linear(hidden[:, self.first :], weight, bias).log_softmax(-1)
        share = told.exp()
        constant = (share * told).sum(-1, keepdim=True)
        if bias is not None:
            constant = constant - share @ bias[:, None]
        return torch.cat([share @ weight, constant], dim=-1)

    def choose(self, logits: Logits) -> Tensor:
        """The log-probabilities."""
        return logits[:, self.first :, : self.words].log_softmax(-1)


@dataclass(frozen=True, eq=False)
class Divergence(Readout):
    """KL(original || now) of each row, averaged over `positions` in all (equation 8), `[row]`.

    `original` is what `Original` gave with the same `first` and `words`; at the positions before
    `first` nothing changes. With `drawn [row]` one position a row stands for all.
    """

    original: Tensor | None = None
    length: int = 1
    first: int = 0
    words: int | None = None
    drawn: Int[Tensor, " row"] | None = None

    def project(self, hidden: Hidden, weight: Weight, bias: Bias = None) -> Tensor:
        """By the equation above: one product with the output weights."""
        weight, bias = weight[: self.words], bias if bias is None else bias[: self.words]
        states, original = self._drawn(hidden[:, self.first :]), self._original()
        surprise = functional.linear(states, weight, bias).logsumexp(-1)
        return self._mean(surprise + original[..., -1] - (states * original[..., :-1]).sum(-1))

    def choose(self, logits: Logits) -> Tensor:
        """By the definition, from logits that are there."""
        told = self._drawn(logits[:, self.first :, : self.words]).log_softmax(-1)
        original = self._original()
        return self._mean((original.exp() * (original - told)).sum(-1))

    def _original(self) -> Tensor:
        assert self.original is not None
        return self._drawn(self.original)

    def _drawn(self, values: Float[Tensor, "row pos size"]) -> Float[Tensor, "row some size"]:
        """The drawn position of each row, or all."""
        if self.drawn is None:
            return values
        return values[torch.arange(len(values)), self.drawn][:, None]

    def _mean(self, divergences: Float[Tensor, "row some"]) -> Float[Tensor, " row"]:
        """The mean over all positions; a drawn one counts for each that can change."""
        assert self.original is not None
        changing = self.original.shape[1]
        return divergences.mean(1) * (changing / self.length)


class Joint(Readout):
    """Several readouts of one run side by side, `[row, ...]`: leads, then divergence."""

    def __init__(self, *parts: Readout) -> None:
        super().__init__()
        object.__setattr__(self, "parts", parts)

    parts: tuple[Readout, ...]

    def project(self, hidden: Hidden, weight: Weight, bias: Bias = None) -> Tensor:
        """What each part makes of the hidden states."""
        return self._beside([part.project(hidden, weight, bias) for part in self.parts])

    def choose(self, logits: Logits) -> Tensor:
        """What each part makes of the logits."""
        return self._beside([part.choose(logits) for part in self.parts])

    def _beside(self, found: list[Tensor]) -> Float[Tensor, "row size"]:
        return torch.cat([one if one.ndim == 2 else one[:, None] for one in found], dim=1)
