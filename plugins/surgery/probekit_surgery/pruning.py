"""Unit pruning: a model keeps its most strongly connected units alone, and is then retrained.

Baan et al. (2019), section 5.2. A unit that is pruned has every weight and bias that leads into it
and every weight that leads out of it held at zero, in training too; random sets of as many units
are treated alike, since recovering says nothing of the units unless others recover worse.
"""

from collections.abc import Mapping, Sequence
from typing import Any

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
from probekit.hooks import HookQuery, HookSpec, select
from probekit.model import Model
from probekit_surgery.charts import recovery_chart
from probekit_surgery.params import PruningParams
from probekit_surgery.recovery import (
    WHEN,
    joined,
    points,
    published_points,
    recovery,
    score_rows,
    shown_split,
    summarize,
)
from probekit_surgery.strength import count_kept, queries, strengths, strongest

WHOLE, STRONGEST, RANDOM = "whole", "strongest", "random"
ALL = (WHOLE, STRONGEST, RANDOM)


class UnitPruning(Analysis[PruningParams]):
    """Prunes all units but the strongest, or but random ones, and trains what is left further."""

    def hooks(self, model: Model, label: str = "the model") -> list[HookSpec]:
        """The hidden states whose units are pruned."""
        wanted = HookQuery(kind="hidden", part=self.params.part)
        return select(model.hook_specs, wanted, model=label)

    def shards(self, inputs: Inputs) -> list[Shard]:
        """For each model the whole, its strongest units, and every random set."""
        for label in inputs.labels:
            model = inputs.model(label)
            for hook in self.hooks(model, label):
                model.connections(hook.name, [])  # a model that has none says so before any work
                strengths(model, hook, queries(self.params), self.params.by)
        sets = [(WHOLE, 0), (STRONGEST, 0)] + [(RANDOM, n + 1) for n in range(self.params.controls)]
        return [
            Shard(
                name=f"{label}-{name}" + (f"-{draw}" if draw else ""),
                model=label,
                task={"set": name, "draw": draw},
                size=1 if name == WHOLE else self.params.epochs,
            )
            for label in inputs.labels
            for name, draw in sets
        ]

    def measure(self, shard: Shard, model: Model | None, dataset: Dataset) -> Partial:
        """Scores of the pruned model before and after it is trained further, and its units."""
        whole = need_model(model)
        if shard.task["set"] == WHOLE:
            return recovery(whole, whole, dataset)
        kept = self.kept(whole, shard.task)
        held = pruned(whole, kept)
        values = {name: whole.parameter(name).masked_fill(mask, 0) for name, mask in held.items()}
        healed = whole.retrained(dataset, self.seed, self.params.schedule, held=held)
        units = {f"units/{hook}": np.array(chosen) for hook, chosen in kept.items()}
        return {**recovery(whole.altered(values), healed, dataset), **units}

    def kept(self, model: Model, task: Mapping[str, Any]) -> dict[str, list[int]]:
        """The units that are kept, by hook point; random ones are new for each hook point."""
        found = {}
        for number, hook in enumerate(self.hooks(model)):
            strength = strengths(model, hook, queries(self.params), self.params.by)
            count = count_kept(len(strength), self.params.keep)
            if task["set"] == STRONGEST:
                found[hook.name] = strongest(strength, count)
            else:
                source = np.random.default_rng([self.seed, task["draw"], number])
                chosen = source.permutation(len(strength))[:count]
                found[hook.name] = sorted(chosen.tolist())
        return found

    def combine(self, parts: Sequence[Measured], inputs: Inputs) -> Result:
        """Tables `pruning` (one split), `summary`, `scores` and `units`, and the picture."""
        scores = pd.concat([_rows(part) for part in parts], ignore_index=True)
        split = shown_split(scores, self.params.split)
        summary, shown = summarize(scores, ["model", "set"]), scores[scores["split"] == split]
        chosen = summary["split"] == split
        return Result(
            tables={
                "pruning": summary[chosen].drop(columns="split").reset_index(drop=True),
                "summary": summary,
                "scores": scores,
                "units": pd.concat([t for part in parts for t in _units(part)], ignore_index=True),
                "points": (drawn := self._drawn(shown, inputs.labels)),
            },
            metrics=headline(shown),
            figures=[self._figure(drawn, split)],
            notes=[self._how(inputs), *sentences(shown, split, self.params.epochs)],
        )

    def _drawn(self, shown: pd.DataFrame, labels: Sequence[str]) -> pd.DataFrame:
        """The points of the picture; the whole model has no score after retraining."""
        own = points(shown, "model", "set")
        own = own[(own["row"] != WHOLE) | own["when"].str.startswith("before")]
        beside = [
            published_points(self.params.published, {name: (label, name) for name in ALL})
            for label in labels
        ]
        return joined([own, *beside])

    def _figure(self, drawn: pd.DataFrame, split: str) -> Figure:
        return Figure(
            name="pruning",
            title="The strongest units alone",
            caption=(
                f"Right answers of each model with {self.params.keep:.0%} of the units of each"
                f" layer, before and after {self.params.epochs} epochs of training what is left:"
                f" the strongest, and {self.params.controls} random sets of as many. A tick marks"
                " the mean after retraining. Published numbers are the same in every panel."
            ),
            table="points",
            chart=recovery_chart("points", drawn, split),
        )

    def _how(self, inputs: Inputs) -> str:
        """What was kept and what pruning does, in a sentence or two."""
        hooks = self.hooks(inputs.model(inputs.labels[0]))
        counts = [
            f"{count_kept(hook.width, self.params.keep)} of {hook.width} units of {hook.name}"
            for hook in hooks
            if hook.width
        ]
        weights = ", ".join(str(query) for query in queries(self.params))
        settings = ", ".join(f"{name}={value}" for name, value in self.params.schedule.items())
        return (
            f"Kept are {' and '.join(counts)}; strength is the {self.params.by} |weight| into and"
            f" out of a unit ({weights}). All that leads into and out of the others is held at zero"
            f" throughout. Retraining is the model's own procedure ({settings}), and the weights"
            " with the lowest validation loss are scored."
        )


def pruned(model: Model, kept: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """All that leads into and out of the units that are not kept: masks by parameter."""
    held: dict[str, Tensor] = {}
    for hook, units in kept.items():
        width = model.hook_specs[hook].width
        assert width is not None
        others = sorted(set(range(width)) - set(units))
        for name, mask in model.connections(hook, others).items():
            held[name] = held[name] | mask if name in held else mask
    return held


def headline(shown: pd.DataFrame) -> dict[str, float]:
    """The score of each set, before and after: of each model, and their mean where several."""
    models = list(dict.fromkeys(shown["model"]))
    groups = {"": shown} | (
        {f".{m}": shown[shown["model"] == m] for m in models} if models[1:] else {}
    )
    found: dict[str, float] = {}
    for tail, rows in groups.items():
        for name, own in rows.groupby("set", sort=False):
            for when in WHEN:
                if (name, when) != (WHOLE, "after"):
                    found[f"{when}.{name}{tail}"] = float(own[when].mean())
    return found


def _rows(part: Measured) -> pd.DataFrame:
    task = part.shard.task
    return score_rows(
        part, {"model": part.shard.model, "set": task["set"], "draw": int(task["draw"])}
    )


def _units(part: Measured) -> list[pd.DataFrame]:
    """For each hook point, one row a unit that was kept."""
    task = part.shard.task
    facts = {"model": part.shard.model, "set": task["set"], "draw": int(task["draw"])}
    return [
        pd.DataFrame({**facts, "hook": name.removeprefix("units/"), "unit": units})
        for name, units in part.partial.items()
        if name.startswith("units/")
    ]


def sentences(shown: pd.DataFrame, split: str, epochs: int) -> list[str]:
    """For each model, what its strongest units can do beside random ones."""
    notes = []
    for label, own in shown.groupby("model", sort=False):
        whole, strong, other = (own[own["set"] == name] for name in ALL)
        before, after = float(strong["before"].iloc[0]), float(strong["after"].iloc[0])
        intact = float(whole["before"].iloc[0])
        back = "" if after >= intact else "not "
        text = (
            f"{label} answers {intact:.1%} of {split} right. With its strongest units alone it"
            f" answers {before:.1%}, and {after:.1%} after {epochs} epochs of retraining, so it is"
            f" {back}restored."
        )
        notes.append(text + _beside(after, other))
    return notes


def _beside(after: float, other: pd.DataFrame) -> str:
    """How random sets of units did."""
    if other.empty:
        return " No random sets were asked for, so that says nothing of these units (controls=3)."
    low, high = float(other["after"].min()), float(other["after"].max())
    said = f" Random sets of as many units answer {other['before'].mean():.1%}, and afterwards"
    said += f" {other['after'].mean():.1%} ({low:.1%} to {high:.1%}): "
    if after > high:
        return f"{said}the strongest units recover better than any of them."
    return f"{said}the strongest units recover no better, so the contrast does not show."
