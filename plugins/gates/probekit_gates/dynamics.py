"""Gate dynamics: gates, candidate, cell and hidden state of single units over aligned time steps.

Lakretz et al. (2019), figures 1a, 1b and 3: mean and deviation over the sentences of a condition,
with the words on the axis; the summary says what figure 1c predicts of a number unit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
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
from probekit.dataset import Dataset, Example, alike
from probekit.errors import ProbekitError, listing
from probekit.hooks import HookQuery, HookSpec, describe_kinds
from probekit.language import LanguageModel
from probekit.model import Model
from probekit.progress import tick
from probekit.report import MAX_ROWS
from probekit.units import layer_widths
from probekit_gates.dynamics_chart import dynamics_chart
from probekit_gates.followed import FOUND, Followed, chosen_layers, follow, memory
from probekit_gates.moments import Moments, merge_arrays
from probekit_gates.params import DynamicsParams
from probekit_gates.phases import phase_metrics, phase_rows, step_rows
from probekit_gates.sentences import Group, Key, axis_words, compared, groups_of, key_of

STEPS, LAST = "steps", "last"


@dataclass(frozen=True)
class Plan:
    """What is read of one model.

    `specs` are shown; `memories` hold what a layer knows, by layer; `widths` are the units of each
    layer of the model, whether it is read or not.
    """

    specs: Sequence[HookSpec]
    memories: Mapping[int, HookSpec]
    widths: tuple[int, ...]

    @property
    def hooks(self) -> list[str]:
        """The names of all hook points that are read."""
        return list(dict.fromkeys(spec.name for spec in (*self.specs, *self.memories.values())))


@dataclass(frozen=True)
class Dynamics:
    """What was found of one model: moments by group number, row (steps or last) and hook point."""

    label: str
    plan: Plan
    groups: Sequence[Group]
    moments: Mapping[str, Moments]

    @property
    def widths(self) -> tuple[int, ...]:
        """The units of each layer."""
        return self.plan.widths

    @property
    def memories(self) -> Mapping[int, HookSpec]:
        """Where each layer that is read holds what it knows."""
        return self.plan.memories

    def steps(self, group: int, spec: HookSpec) -> Moments:
        """Mean and deviation at every position, `[step, unit]`."""
        return self.moments[f"{group}/{STEPS}/{spec.name}"]

    def last(self, group: int, spec: HookSpec) -> Moments:
        """Those at the last word before the answer, `[1, unit]`."""
        return self.moments[f"{group}/{LAST}/{spec.name}"]


class GateDynamics(Analysis[DynamicsParams]):
    """One pass over the sentences; every unit of the layers that are asked for is kept."""

    def plan(self, inputs: Inputs, label: str) -> Plan:
        """The hook points of the kinds, roles and part asked for, in the layers of the units."""
        params = self.params
        offered = list(inputs.model(label).hook_specs.values())
        queries = [HookQuery(kind=kind, part=params.part) for kind in params.kind]
        specs = [
            spec for spec in offered
            if spec.width is not None
            and any(query.admits(spec) for query in queries)
            and (spec.kind != "gate" or not params.role or spec.role in params.role)
        ]  # fmt: skip
        if not specs:
            raise ProbekitError(
                f"{label} has no such hook points ({listing(params.kind)}); choose by kind, role"
                f" and part; it has: {listing(describe_kinds(offered))}."
            )
        specs = [spec for spec in specs if spec.part == specs[0].part]
        widths, layers = layer_widths(specs), chosen_layers(params.units, specs)
        own = [spec for spec in offered if spec.part == specs[0].part]
        memories = {layer: memory(own, layer) for layer in sorted(layers)}
        return Plan(
            [spec for spec in specs if spec.layer in layers],
            {layer: spec for layer, spec in memories.items() if spec is not None},
            widths,
        )

    def shards(self, inputs: Inputs) -> list[Shard]:
        """Blocks of the dataset, one model after another."""
        total, block = len(inputs.dataset), self.params.shard_size
        if not total:
            raise ProbekitError("the dataset has no examples; name one with data=NAME.")
        by = compared(inputs.dataset, self.params.by)
        keys = [list(group.key) for group in groups_of(inputs.dataset, by)]
        return [
            Shard(
                name=f"{label}-{start:09d}",
                model=label,
                task={
                    "hooks": self.plan(inputs, label).hooks,
                    "by": by,
                    "groups": keys,
                    "start": start,
                    "stop": min(start + block, total),
                },
                size=min(start + block, total) - start,
            )
            for label in inputs.labels
            for start in range(0, total, block)
        ]

    def measure(self, shard: Shard, model: Model | None, dataset: Dataset) -> Partial:
        """The moments of every group of one block: at every position, and before the answer."""
        reader = need_model(model)
        specs = [reader.hook_specs[name] for name in shard.task["hooks"]]
        numbers = {Key(*key): number for number, key in enumerate(shard.task["groups"])}
        grouped: dict[int, list[Example]] = {}
        for example in dataset[shard.task["start"] : shard.task["stop"]]:
            grouped.setdefault(numbers[key_of(example, shard.task["by"])], []).append(example)
        found: dict[str, Moments] = {}
        for number, examples in grouped.items():
            for block in alike(examples, self.params.batch_size):
                seen = self._see(reader, [examples[at] for at in block], specs)
                merge_arrays(found, {f"{number}/{name}": array for name, array in seen.items()})
        return {
            name: array
            for prefix, moments in found.items()
            for name, array in moments.arrays(prefix).items()
        }

    def _see(
        self, model: Model, examples: Sequence[Example], specs: Sequence[HookSpec]
    ) -> dict[str, np.ndarray]:
        """The moments of one batch, by row and hook point."""
        plain = model.encode(examples)
        batch = model.encode([self.read(example, model) for example in examples])
        found: dict[str, np.ndarray] = {}

        def see(spec: HookSpec, values: Tensor) -> None:
            ends = plain.mask(spec.part).sum(1) - 1
            last = values[torch.arange(len(values), device=values.device), ends][:, None]
            every = torch.ones(len(values), 1, dtype=torch.bool)
            steps = Moments.of(values, batch.mask(spec.part))
            found.update(steps.arrays(f"{STEPS}/{spec.name}"))
            found.update(Moments.of(last, every).arrays(f"{LAST}/{spec.name}"))

        model.observe(batch, specs, see)
        tick(len(batch))
        return found

    def read(self, example: Example, model: Model) -> Example:
        """What the model reads: for a language model the answer too, and what comes after it."""
        if not (self.params.answer and isinstance(model, LanguageModel)):
            return example
        words = (*example.words, *example.target, *self.params.after)
        return replace(example, words=words, target=())

    def combine(self, parts: Sequence[Measured], inputs: Inputs) -> Result:
        """Tables `dynamics`, `phases` and `units`, a figure a task, and what figure 1c asks."""
        groups = groups_of(inputs.dataset, compared(inputs.dataset, self.params.by))
        found: list[tuple[Dynamics, list[Followed]]] = []
        for label in inputs.labels:
            moments: dict[str, Moments] = {}
            for part in parts:
                if part.shard.model == label:
                    merge_arrays(moments, part.partial)
            one = Dynamics(label, self.plan(inputs, label), groups, moments)
            found.append((one, follow(one, self.params)))
        axes = {label: self._axes(inputs, label, groups) for label in inputs.labels}
        steps = pd.concat([step_rows(one, units, axes[one.label]) for one, units in found])
        phases = pd.concat([phase_rows(one, units) for one, units in found])
        units = pd.DataFrame([unit.row() for _, units in found for unit in units])
        steps, phases = (table.reset_index(drop=True) for table in (steps, phases))
        drawn = _drawn(steps)
        return Result(
            tables={"dynamics": steps, "units": units}
            | ({"phases": phases} if len(phases) else {})
            | ({} if drawn is steps else {"shown": drawn}),
            metrics=_separations(found) | phase_metrics(phases),
            figures=self._figures("dynamics" if drawn is steps else "shown", drawn),
            notes=[*_how_found(found, self.params), *_unknown(inputs), *_uneven(groups)],
        )

    def _axes(self, inputs: Inputs, label: str, groups: Sequence[Group]) -> dict[str, list[str]]:
        """The words on the axis of each task."""
        model = inputs.model(label)
        sentences: dict[str, list[Sequence[str]]] = {group.key.task: [] for group in groups}
        for example in inputs.dataset:
            task = key_of(example, "").task
            read = self.read(example, model)
            sentences[task].append(read.target if self.params.part == "decoder" else read.words)
        return {task: axis_words(words) for task, words in sentences.items()}

    def _figures(self, table: str, rows: pd.DataFrame) -> list[Figure]:
        """One figure a task."""
        tasks = list(rows["task"].unique())
        return [
            Figure(
                name="dynamics" if len(tasks) == 1 else f"dynamics-{number:02d}",
                title=f"Gates and states over time{f': {task}' if task else ''}",
                caption=(
                    "Each line is the mean over the sentences of one condition, each band one"
                    " standard deviation to either side. Below each position stands its most"
                    " frequent word, with an ellipsis where there are others."
                ),
                table=table,
                chart=dynamics_chart(table, rows[rows["task"] == task]),
            )
            for number, task in enumerate(tasks)
        ]


def _drawn(steps: pd.DataFrame) -> pd.DataFrame:
    """The rows of as many units as can be drawn; all where that is possible."""
    if len(steps) <= MAX_ROWS:
        return steps
    sizes = steps.groupby("panel", sort=False).size().cumsum()
    panels = set(sizes[sizes <= MAX_ROWS].index)
    return steps[steps["panel"].isin(panels)].reset_index(drop=True)


def _separations(found: Sequence[tuple[Dynamics, list[Followed]]]) -> dict[str, float]:
    """How far apart the two numbers are before the answer, where that is defined."""
    return {
        f"separation.{one.label}.{unit.unit.key}": unit.separation
        for one, units in found
        for unit in units
        if np.isfinite(unit.separation)
    }


def _how_found(
    found: Sequence[tuple[Dynamics, list[Followed]]], params: DynamicsParams
) -> list[str]:
    """Which units were found, and by what."""
    if not set(params.units) & set(FOUND):
        return []
    numbered = any(np.isfinite(unit.separation) for _, units in found for unit in units)
    notes = [
        "Units were found by what they hold at the last word before the answer: "
        + (
            "the largest difference between the means of singular and plural subjects by the"
            " pooled standard deviation, all conditions together. A singular unit is further from"
            " 0 for singular subjects, a plural unit for plural ones."
            if numbered
            else "the largest standard deviation, for the examples do not have both numbers."
        )
    ]
    for one, units in found:
        names = ", ".join(unit.title for unit in units)
        notes.append(f"{one.label}: {names}.")
    return notes


def _unknown(inputs: Inputs) -> list[str]:
    """How many sentences hold words that a model does not know."""
    notes = []
    for label in inputs.labels:
        unknown = inputs.model(label).unknown
        count = sum(bool(unknown(example)) for example in inputs.dataset)
        if count:
            notes.append(
                f"{count} of {len(inputs.dataset)} sentences hold words that {label} does not know;"
                " it reads them as unknown words."
            )
    return notes


def _uneven(groups: Sequence[Group]) -> list[str]:
    """Where sentences of one condition differ in length."""
    uneven = [f"{group.key.task} {group.title}".strip() for group in groups if group.length is None]
    if not uneven:
        return []
    return [
        f"Sentences differ in length in: {listing(uneven)}. They are aligned at their first word,"
        " and later positions are means over fewer sentences."
    ]
