"""Unit ablation: the share of answers that are lost when one unit is held at zero (or elsewhere).

Lakretz et al. (2019), section 4.1, did so with the hidden units of a language model.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from torch import Tensor

from probekit.analysis import (
    Analysis,
    Figure,
    Inputs,
    Measured,
    Partial,
    Result,
    Shard,
    need_model,
)
from probekit.dataset import Dataset
from probekit.errors import ProbekitError
from probekit.hooks import HookQuery, HookSpec, select
from probekit.model import Model
from probekit_ablation.charts import MOST_POINTS, ranked_chart
from probekit_ablation.params import AblationParams
from probekit_ablation.sweep import Sweep


class UnitAblation(Analysis[AblationParams]):
    """Sets every unit of the chosen hook points in turn, at every step, and scores the answers."""

    def hooks(self, inputs: Inputs, label: str) -> list[HookSpec]:
        """The chosen hook points of a model that have a fixed width."""
        found = select(inputs.model(label).hook_specs, self.params.query, model=label)
        specs = [spec for spec in found if spec.width is not None]
        if not specs:
            raise ProbekitError(
                f"the {self.params.query} hook points of {label} have no fixed number of units;"
                " choose another kind."
            )
        return specs

    def shards(self, inputs: Inputs) -> list[Shard]:
        """The whole model, then chunks of the units of each hook point; one model after another."""
        if not len(inputs.dataset):
            raise ProbekitError("the dataset has no examples; name one with data=NAME.")
        return [shard for label in inputs.labels for shard in self._shards(inputs, label)]

    def _shards(self, inputs: Inputs, label: str) -> list[Shard]:
        examples, step = len(inputs.dataset), self.params.shard_size
        found = [Shard(name=f"{label}-intact", model=label, size=examples)]
        for number, spec in enumerate(self.hooks(inputs, label)):
            assert spec.width is not None
            for start in range(0, spec.width, step):
                stop = min(start + step, spec.width)
                found.append(
                    Shard(
                        name=f"{label}-{number:03d}-{start:06d}",
                        model=label,
                        task={"hook": spec.name, "start": start, "stop": stop},
                        size=(stop - start) * examples,
                    )
                )
        return found

    def measure(self, shard: Shard, model: Model | None, dataset: Dataset) -> Partial:
        """`score`: the mean score of the whole model, or of the model without each unit."""
        reader = need_model(model)
        sweep = Sweep(reader, dataset, self.params.batch_size)
        if "hook" not in shard.task:
            return {"score": np.array([sweep.intact()]) / len(dataset)}
        spec = reader.hook_specs[shard.task["hook"]]
        units = range(shard.task["start"], shard.task["stop"])
        return {"score": sweep.without(spec, units, self._value(sweep, spec)) / len(dataset)}

    def _value(self, sweep: Sweep, spec: HookSpec) -> float | Tensor:
        """What the units of a hook point are set to."""
        if self.params.value == "mean":
            return sweep.means(spec)
        return 0.0 if self.params.value == "zero" else float(self.params.value)

    def combine(self, parts: Sequence[Measured], inputs: Inputs) -> Result:
        """Tables `units` (ranked by what they cost) and `summary`, and the ranking as a figure."""
        tables = [self._units(label, parts, inputs) for label in inputs.labels]
        units = pd.concat(tables, ignore_index=True)
        summary = summarize(units)
        shown = units[units["rank"] <= max(1, MOST_POINTS // len(inputs.labels))]
        return Result(
            tables={"units": units, "summary": summary}
            | ({} if len(shown) == len(units) else {"shown": shown.reset_index(drop=True)}),
            metrics=headline(summary),
            figures=[self._figure("units" if len(shown) == len(units) else "shown", units)],
            notes=sentences(units, self.params.cost, len(inputs.dataset)),
        )

    def _units(self, label: str, parts: Sequence[Measured], inputs: Inputs) -> pd.DataFrame:
        """One row a unit of one model, the costliest first."""
        own = [part for part in parts if part.shard.model == label]
        intact = float(own[0].partial["score"][0])
        specs, rows = self.hooks(inputs, label), []
        layers = len({spec.layer for spec in specs})
        for spec in specs:
            of_hook = [part for part in own if part.shard.task.get("hook") == spec.name]
            score = np.concatenate([part.partial["score"] for part in of_hook])
            rows.append(unit_rows(place(spec, layers), spec, intact, score))
        table = pd.concat(rows, ignore_index=True)
        table.insert(0, "model", label)
        table = table.sort_values(["drop", "unit"], ascending=[False, True], ignore_index=True)
        table.insert(1, "rank", np.arange(1, len(table) + 1))
        return table.assign(costly=table["drop"] > self.params.cost)

    def _figure(self, table: str, units: pd.DataFrame) -> Figure:
        value = {"zero": "zero", "mean": "its mean"}.get(self.params.value, self.params.value)
        return Figure(
            name="ranked",
            title="What each unit is worth",
            caption=(
                f"Each point is one unit held at {value} at every step, by rank: the share of"
                f" answers that the model loses. The line marks {self.params.cost:.0%}; below 0 the"
                " model does better without the unit."
            ),
            table=table,
            chart=ranked_chart(table, units, self.params.cost),
        )


def place(spec: HookSpec, layers: int) -> str:
    """`encoder hidden`, `update gate of layer 1`: what a hook point is, in words for the figure."""
    layer = spec.layer if layers > 1 else None
    return str(HookQuery(kind=spec.kind, role=spec.role, part=spec.part, layer=layer))


def unit_rows(place: str, spec: HookSpec, intact: float, score: np.ndarray) -> pd.DataFrame:
    """One row a unit of one hook point: where it is, the score without it, and what that costs."""
    return pd.DataFrame(
        {
            "place": place,
            "part": spec.part or "",
            "layer": spec.layer,
            "hook": spec.name,
            "unit": np.arange(len(score)),
            "intact": intact,
            "score": score,
            "drop": intact - score,
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
        costly=("costly", "sum"),
        free=("free", "sum"),
    )
    return table.reset_index()


def headline(summary: pd.DataFrame) -> dict[str, float]:
    """The score of each whole model; for each hook point the largest drop and the costly units."""
    metrics: dict[str, float] = {}
    for row in summary.to_dict("records"):
        metrics[f"intact.{row['model']}"] = float(row["intact"])
        metrics[f"largest_drop.{row['model']}.{row['hook']}"] = float(row["largest_drop"])
        metrics[f"costly.{row['model']}.{row['hook']}"] = float(row["costly"])
    return metrics


def sentences(units: pd.DataFrame, cost: float, examples: int) -> list[str]:
    """What was found in each model."""
    return [
        _sentence(str(label), own, cost, examples)
        for label, own in units.groupby("model", sort=False)
    ]


def _sentence(label: str, own: pd.DataFrame, cost: float, examples: int) -> str:
    first = own.iloc[0]
    if first["intact"] == 0:
        return f"{label} answers none of {examples} examples right: nothing can be lost."
    text = f"{label} answers {first['intact']:.1%} of {examples} examples right."
    if first["drop"] <= 0:
        return f"{text} None of its {len(own)} units costs anything alone."
    return (
        f"{text} {int(own['costly'].sum())} of {len(own)} units cost more than {cost:.0%}; the"
        f" costliest is unit {first['unit']} of {first['hook']}, without which"
        f" {first['score']:.1%} are right. The median unit costs {own['drop'].median():.1%}."
    )
