"""What holding a unit means: which hook points, at which value, from when on.

holding = Holding(model, params, examples, "lstm-lm")
holding.of([(spec, 125), (spec, 337)])          # one Ablation of two units
"""

from collections.abc import Iterable, Sequence
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from probekit.ablations import Ablation
from probekit.dataset import Example, alike
from probekit.errors import ProbekitError
from probekit.hooks import HookQuery, HookSpec, select
from probekit.model import Model
from probekit_ablation.params import HoldingParams

EXAMPLES_AT_ONCE = 64


class Holding:
    """The ablations that some parameters ask for in one model; `label` names it in messages."""

    def __init__(
        self, model: Model, params: HoldingParams, examples: Sequence[Example], label: str
    ) -> None:
        self.model, self.params, self.examples, self.label = model, params, examples, label
        self._means: dict[str, Tensor] = {}

    @cached_property
    def specs(self) -> list[HookSpec]:
        """The hook points whose units can be held: those asked for that have a fixed width."""
        found = select(self.model.hook_specs, self.params.query, model=self.label)
        specs = [spec for spec in found if spec.width is not None]
        if not specs:
            raise ProbekitError(
                f"the {self.params.query} hook points of {self.label} have no fixed number of"
                " units; choose another kind."
            )
        return specs

    def of(self, chosen: Iterable[tuple[HookSpec, int]]) -> Ablation:
        """The ablation of some units, each a hook point and an index."""
        units: dict[str, tuple[int, ...]] = {}
        values: dict[str, tuple[float, ...]] = {}
        for spec, unit in chosen:
            for place in self._places(spec):
                units[place.name] = (*units.get(place.name, ()), unit)
                values[place.name] = (*values.get(place.name, ()), self._value(place, unit))
        return Ablation(units, values, self.params.first)

    def _places(self, spec: HookSpec) -> list[HookSpec]:
        """The hook points at which a unit is held.

        With `readers=state` a hidden unit below the last layer is held in what the next step reads,
        so that the layer above still hears it in the same step: the semantics of Lakretz et al.
        (2019), who zeroed columns of recurrent and output weights.
        """
        places = [spec]
        if self.params.readers == "state" and spec.kind == "hidden" and self._read_above(spec):
            places = self._beside(spec, "state") or [spec]
        if self.params.with_cell:
            cells = self._beside(spec, "cell")
            if not cells:
                raise ProbekitError(
                    f"{self.label} has no cell beside {spec.name}; leave out with_cell=true."
                )
            places += cells
        return places

    def _read_above(self, spec: HookSpec) -> bool:
        """Whether a layer of the same part lies above."""
        others = self.model.hook_specs.values()
        return any(
            (one.kind, one.part) == (spec.kind, spec.part) and one.layer > spec.layer
            for one in others
        )

    def _beside(self, spec: HookSpec, kind: str) -> list[HookSpec]:
        """The hook points of that kind in the same part and layer."""
        query = HookQuery(kind=kind, part=spec.part, layer=spec.layer)  # type: ignore[arg-type]
        return [one for one in self.model.hook_specs.values() if query.admits(one)]

    def _value(self, spec: HookSpec, unit: int) -> float:
        if self.params.value == "zero":
            return 0.0
        if self.params.value != "mean":
            return float(self.params.value)
        if spec.name not in self._means:
            self._means[spec.name] = means(self.model, self.examples, spec)
        return float(self._means[spec.name][unit])


def means(model: Model, examples: Sequence[Example], spec: HookSpec) -> Float[Tensor, " unit"]:
    """The mean of every unit over the real positions of all examples, `[unit]`, in float64."""
    assert spec.width is not None
    total, count = torch.zeros(spec.width, dtype=torch.float64), 0
    for block in alike(examples, EXAMPLES_AT_ONCE):
        batch = model.encode([examples[at] for at in block])

        def see(spec: HookSpec, values: Tensor) -> None:
            nonlocal total, count
            real = values[batch.mask(spec.part)].cpu()  # noqa: B023
            total = total + real.double().sum(0)
            count += len(real)

        model.observe(batch, [spec], see)
    return total / count
