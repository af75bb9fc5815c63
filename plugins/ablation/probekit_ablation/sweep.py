"""Many ablations in one forward pass: the examples are repeated, and every copy loses one unit.

sweep = Sweep(model, dataset, rows=512)
sweep.intact()                          # the summed score of the whole model
sweep.without(spec, range(64), 0.0)     # [unit], the summed score without each unit
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from probekit.dataset import Dataset, Example
from probekit.hooks import HookSpec
from probekit.interventions import Intervention, set_units
from probekit.model import Model
from probekit.progress import tick

EXAMPLES_AT_ONCE = 64  # few enough for the lengths in one block to be alike


class Sweep:
    """One model asked the same examples again and again; `rows` is the most in a forward pass."""

    def __init__(self, model: Model, dataset: Dataset, rows: int) -> None:
        self.model, self.rows = model, rows
        self.examples = sorted(dataset, key=lambda one: (len(one.words), len(one.target)))

    def intact(self) -> float:
        """The summed score of all examples with nothing set."""
        total = 0.0
        for block in self._blocks():
            total += float(self.model.score(self.model.encode(block)).cpu().double().sum())
            tick(len(block))
        return total

    def without(
        self, spec: HookSpec, units: Sequence[int], value: float | Tensor
    ) -> Float[np.ndarray, " unit"]:
        """The summed score of all examples with each unit set to `value`, `[unit]`.

        `value` is a number, or one for every unit of the hook point.
        """
        total = np.zeros(len(units))
        for block in self._blocks():
            copies = max(1, min(self.rows // len(block), len(units)))
            whole = self.model.encode(block * copies)
            for start in range(0, len(units), copies):
                some = units[start : start + copies]
                batch = whole if len(some) == copies else self.model.encode(block * len(some))
                hook = one_unit_each(spec.name, some, len(block), value)
                scores = self.model.score(batch, [hook]).cpu().double()
                total[start : start + copies] += scores.view(len(some), -1).sum(1).numpy()
                tick(len(scores))
        return total

    def means(self, spec: HookSpec) -> Float[Tensor, " unit"]:
        """The mean of every unit over the real positions of all examples, `[unit]`."""
        assert spec.width is not None
        total, count = torch.zeros(spec.width, dtype=torch.float64), 0
        for block in self._blocks():
            batch = self.model.encode(block)

            def see(spec: HookSpec, values: Tensor) -> None:
                nonlocal total, count
                real = values[batch.mask(spec.part)].cpu()  # noqa: B023
                total = total + real.double().sum(0)
                count += len(real)

            self.model.observe(batch, [spec], see)
        return total / count

    def _blocks(self) -> Iterator[list[Example]]:
        size = min(EXAMPLES_AT_ONCE, self.rows)
        for start in range(0, len(self.examples), size):
            yield self.examples[start : start + size]


def one_unit_each(
    hook: str, units: Sequence[int], examples: int, value: float | Tensor
) -> Intervention:
    """Copy i of the examples, rows `i * examples` and on, has unit `units[i]` set to `value`."""
    chosen = torch.tensor(units).repeat_interleave(examples)
    values = value[chosen] if isinstance(value, Tensor) else value
    return set_units(hook, chosen, values, rows=torch.arange(len(chosen)))
