"""Where units are set: the units of several hook points side by side, as one row of numbers.

    sites = Sites(model, params, "lstm-lm")
    sites.hooks(mask, values, steps=[0])      # mask [row, unit]: interventions that set the units

Papers on language models number the units of all layers together, from 1; tables show both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from probekit.errors import ProbekitError
from probekit.hooks import HookQuery, HookSpec, select
from probekit.interventions import Intervention, mask_units
from probekit.model import Model
from probekit.places import content, place
from probekit.units import Unit
from probekit_masks.params import PlaceParams


@dataclass(frozen=True)
class Site:
    """One hook point: that asked for, that at which its units are set, and its columns."""

    spec: HookSpec
    held: HookSpec
    start: int
    stop: int


class Sites:
    """The units that may be set in one model; `label` names it in messages."""

    def __init__(self, model: Model, params: PlaceParams, label: str) -> None:
        self.model, self.params, self.label = model, params, label
        self.sites: list[Site] = []
        for spec in self._specs():
            start = self.sites[-1].stop if self.sites else 0
            self.sites.append(Site(spec, self._held(spec), start, start + (spec.width or 0)))

    def __len__(self) -> int:
        return self.sites[-1].stop

    def _specs(self) -> list[HookSpec]:
        """The hook points asked for that have a fixed width."""
        found = select(self.model.hook_specs, *self.params.queries, model=self.label)
        if specs := [spec for spec in found if spec.width is not None]:
            return specs
        asked = " and ".join(self.params.kind)
        raise ProbekitError(
            f"the {asked} hook points of {self.label} have no fixed number of units; choose another"
            " kind."
        )

    def _held(self, spec: HookSpec) -> HookSpec:
        """The hook point at which the units are set.

        With `readers=state` a hidden unit below the last layer is set in what the next step reads,
        so that the layer above still hears what it was (Lakretz et al. 2019).
        """
        if self.params.readers != "state" or spec.kind != "hidden":
            return spec
        others = self.model.hook_specs.values()
        above = HookQuery(kind="hidden", part=spec.part)
        if not any(above.admits(one) and one.layer > spec.layer for one in others):
            return spec
        state = HookQuery(kind="state", part=spec.part, layer=spec.layer)
        return next((one for one in others if state.admits(one)), spec)

    def hooks(
        self,
        mask: Float[Tensor, "... unit"],
        values: Float[Tensor, "... unit"],
        steps: Sequence[int] | None = None,
    ) -> list[Intervention]:
        """Interventions that set units to `values` where `mask` is 1, at all steps or at some."""
        return [
            mask_units(
                site.held.name,
                mask[..., site.start : site.stop],
                values[..., site.start : site.stop],
                None if steps is None else torch.tensor(steps),
            )
            for site in self.sites
        ]

    @cached_property
    def span(self) -> Float[Tensor, "2 unit"]:
        """The closed range of each unit, `[low or high, unit]`, infinite where it has no end."""
        ends = [
            torch.tensor([[end] for end in site.held.span]).expand(2, site.stop - site.start)
            for site in self.sites
        ]
        return torch.cat(ends, dim=1)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a unit: `unit_name`, `key`, `hook`, `place`, `layer`, `unit`, `number`.

        `number` counts across the layers of a model from 1; it is 0 where there are parts or
        several hook points in a layer.
        """
        layers = len({site.spec.layer for site in self.sites})
        rows = [
            {
                "unit_name": self._name(site.spec, unit),
                "key": self._key(site.spec, unit),
                "hook": site.spec.name,
                "place": f"{place(site.spec, layers)} {content(site.spec)}",
                "layer": site.spec.layer,
                "unit": unit,
                "number": Unit(site.spec.layer, unit).number(self._widths) if self._plain else 0,
            }
            for site in self.sites
            for unit in range(site.stop - site.start)
        ]
        return pd.DataFrame(rows)

    @cached_property
    def _plain(self) -> bool:
        """Whether layer and index say which unit it is."""
        layers = [site.spec.layer for site in self.sites]
        return len(set(layers)) == len(layers) and not any(site.spec.part for site in self.sites)

    @cached_property
    def _widths(self) -> list[int]:
        """The units of every layer of the model, among hook points of the same kind."""
        first = self.sites[0].spec
        alike = HookQuery(kind=first.kind, role=first.role, stage=first.stage)
        found = {one.layer: one.width or 0 for one in self.model.hook_specs.values()
                 if alike.admits(one)}  # fmt: skip
        return [found.get(layer, 0) for layer in range(max(found) + 1)]

    def _name(self, spec: HookSpec, unit: int) -> str:
        """`layer 1 unit 125 (776)`; where that is not enough `encoder layer 0 hidden unit 3`."""
        if self._plain:
            return Unit(spec.layer, unit).title(self._widths)
        where = f"{spec.part} layer {spec.layer}" if spec.part else f"layer {spec.layer}"
        return f"{where} {content(spec)} unit {unit}"

    def _key(self, spec: HookSpec, unit: int) -> str:
        """The unit inside the name of a number: `1-125`."""
        key = Unit(spec.layer, unit).key
        return key if self._plain else f"{spec.name}.{key}"
