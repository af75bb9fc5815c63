"""The tables of unit ablation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from probekit.hooks import HookQuery, HookSpec
from probekit.questions import Group
from probekit.units import Unit

COLUMNS = 6  # units with a column of their own in the table of conditions


@dataclass(frozen=True)
class Asked:
    """What one model answered, by group: `asked` and `intact [group]`, `right [unit, group]`."""

    label: str
    specs: list[HookSpec]
    labels: tuple[str, ...]
    groups: list[Group]
    asked: np.ndarray
    intact: np.ndarray
    right: Mapping[str, np.ndarray]
    left_out: int
    guessed: int

    @property
    def kept(self) -> list[int]:
        """The numbers of the groups in which anything was asked."""
        return [at for at, count in enumerate(self.asked) if count]

    def unit_name(self, spec: HookSpec, unit: int) -> str:
        """`layer 1 unit 125 (776)`; of a model with parts `encoder layer 0 unit 3`."""
        if spec.part:
            return f"{spec.part} layer {spec.layer} unit {unit}"
        role = f"{spec.role} gate, " if spec.role else ""
        return role + Unit(spec.layer, unit).title(self._widths(spec))

    def _widths(self, spec: HookSpec) -> list[int]:
        """The units of each layer, among the hook points of this kind."""
        alike = {one.layer: one.width or 0 for one in self.specs if one.role == spec.role}
        return [alike.get(layer, spec.width or 0) for layer in range(spec.layer + 1)]

    def intact_rows(self) -> pd.DataFrame:
        """One row a group: how many answers of the whole model are right."""
        kept = self.kept
        return pd.DataFrame(
            {
                "model": self.label,
                "group": [".".join(self.groups[at]) for at in kept],
                "who": "whole model",
                "score": self.intact[kept] / self.asked[kept],
            }
        )


def ranked(asked: Asked, cost: float) -> pd.DataFrame:
    """One row a unit of one model, the costliest first.

    `drop` is the share of all answers that is lost, `worst` that in the group (`where`) that loses
    most; a unit is costly where `worst` is above `cost`.
    """
    layers = len({spec.layer for spec in asked.specs})
    table = pd.concat([_units(asked, spec, layers) for spec in asked.specs], ignore_index=True)
    table.insert(0, "model", asked.label)
    order = ["worst", "drop", "unit"]
    table = table.sort_values(order, ascending=[False, False, True], ignore_index=True)
    table.insert(1, "rank", np.arange(1, len(table) + 1))
    return table.assign(costly=table["worst"] > cost)


def _units(asked: Asked, spec: HookSpec, layers: int) -> pd.DataFrame:
    right, kept = asked.right[spec.name], asked.kept
    total = asked.asked.sum()
    intact, score = asked.intact.sum() / total, right.sum(axis=1) / total
    by_group = asked.intact[kept] / asked.asked[kept] - right[:, kept] / asked.asked[kept]
    worst = by_group.argmax(axis=1)
    layer = spec.layer if layers > 1 else None
    return pd.DataFrame(
        {
            "place": str(HookQuery(kind=spec.kind, role=spec.role, part=spec.part, layer=layer)),
            "part": spec.part or "",
            "layer": spec.layer,
            "hook": spec.name,
            "unit": np.arange(len(right)),
            "unit_name": [asked.unit_name(spec, unit) for unit in range(len(right))],
            "intact": intact,
            "score": score,
            "drop": intact - score,
            "worst": by_group.max(axis=1),
            "where": [".".join(asked.groups[kept[at]]) for at in worst],
        }
    )


def summarize(units: pd.DataFrame) -> pd.DataFrame:
    """For each model and hook point: how much its units cost, and how many cost much or nothing."""
    grouped = units.assign(free=units["drop"] <= 0).groupby(["model", "place", "hook"], sort=False)
    table = grouped.agg(
        units=("unit", "size"),
        intact=("intact", "first"),
        mean_drop=("drop", "mean"),
        median_drop=("drop", "median"),
        largest_drop=("drop", "max"),
        largest_in_a_condition=("worst", "max"),
        costly=("costly", "sum"),
        free=("free", "sum"),
    )
    return table.reset_index()


def costly_rows(asked: Asked, cost: float) -> pd.DataFrame:
    """One row for each unit and group in which it costs more than `cost`."""
    rows = []
    for spec in asked.specs:
        right = asked.right[spec.name]
        for at in asked.kept:
            intact = asked.intact[at] / asked.asked[at]
            drop = intact - right[:, at] / asked.asked[at]
            rows += [
                {
                    "model": asked.label,
                    "unit_name": asked.unit_name(spec, int(unit)),
                    "key": f"{spec.layer}-{unit}",
                    "hook": spec.name,
                    "layer": spec.layer,
                    "unit": int(unit),
                    "group": ".".join(asked.groups[at]),
                    "intact": intact,
                    "score": intact - drop[unit],
                    "drop": drop[unit],
                }
                for unit in np.flatnonzero(drop > cost)
            ]
    columns = ["model", "unit_name", "key", "hook", "layer", "unit", "group", "intact", "score",
               "drop"]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values("drop", ascending=False, kind="stable", ignore_index=True)


def conditions(asked: Sequence[Asked], cost: float) -> pd.DataFrame:
    """One row for each model and group, laid out as in Lakretz et al. (2019), table 2.

    The share of right answers of the whole model, then a column for each of the costliest units,
    empty where it costs no more than `cost`.
    """
    return pd.concat([_conditions(one, cost) for one in asked], ignore_index=True)


def _conditions(asked: Asked, cost: float) -> pd.DataFrame:
    rows = costly_rows(asked, cost)
    leading = list(dict.fromkeys(rows["unit_name"]))[:COLUMNS]
    found = []
    for at in asked.kept:
        name = ".".join(asked.groups[at])
        row = {"model": asked.label, **dict(zip(asked.labels, asked.groups[at], strict=True)),
               "sentences": int(asked.asked[at]),
               "whole model": asked.intact[at] / asked.asked[at]}  # fmt: skip
        here = rows[rows["group"] == name].set_index("unit_name")["score"]
        found.append(row | {unit: here.get(unit, np.nan) for unit in leading})
    return pd.DataFrame(found)
