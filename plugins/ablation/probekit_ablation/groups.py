"""Group ablation: a set of units held together, against random sets of the same size.

Lakretz et al. (2019), sections 4.2 and 4.3. p = (random sets that do no better + 1) / (sets + 1);
they count those that do worse, so that a set which costs nothing has a small p where no random set
costs anything either. Both are given.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import comb, prod

import numpy as np
import pandas as pd

from probekit.ablations import Ablation
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
from probekit.hooks import HookSpec
from probekit.model import Model
from probekit.questions import Questions, groups_of, unasked
from probekit.units import Unit, layer_widths, parse_units
from probekit_ablation.charts import controls_chart
from probekit_ablation.holding import Holding
from probekit_ablation.params import GroupParams

UnitSet = tuple[Unit, ...]


class GroupAblation(Analysis[GroupParams]):
    """Holds a set of units at once, then random sets like it."""

    def shards(self, inputs: Inputs) -> list[Shard]:
        """The whole model with the set; then chunks of random sets; one model after another."""
        groups_of(inputs.dataset, self.params.by)
        found = []
        for label in inputs.labels:
            _, controls = self._sets(inputs.model(label), label)
            found.append(Shard(f"{label}-set", label, size=2 * len(inputs.dataset)))
            for start in range(0, len(controls), self.params.shard_size):
                stop = min(start + self.params.shard_size, len(controls))
                task = {"start": start, "stop": stop}
                size = (stop - start) * len(inputs.dataset)
                found.append(Shard(f"{label}-{start:06d}", label, task, size))
        return found

    def _sets(self, model: Model, label: str) -> tuple[UnitSet, list[UnitSet]]:
        """The set, and the random sets that it is compared with."""
        specs = Holding(model, self.params, (), label).specs
        by_layer = _one_each(specs, label)
        widths = layer_widths(specs)
        chosen = parse_units(self.params.units, widths)
        if missing := [unit for unit in chosen if unit.layer not in by_layer]:
            raise ProbekitError(f"{label} has no such hook point in layer {missing[0].layer}.")
        spared = parse_units(self.params.spared, widths, "spared")
        drawn = draw(
            chosen, widths, self.params.controls, self.seed, spared, self.params.same_layer
        )
        return chosen, drawn

    def measure(self, shard: Shard, model: Model | None, dataset: Dataset) -> Partial:
        """`right [set, group]`: of the whole model and the set, or of some random sets."""
        reader, label = need_model(model), str(shard.model)
        questions = Questions(reader, dataset, self.params.by)
        holding = Holding(reader, self.params, questions.examples, label)
        specs = _one_each(holding.specs, label)
        chosen, controls = self._sets(reader, label)

        def ablation(units: UnitSet) -> Ablation:
            return holding.of([(specs[unit.layer], unit.index) for unit in units])

        if "start" in shard.task:
            sets = controls[shard.task["start"] : shard.task["stop"]]
        else:
            sets = [(), chosen]
        margins = reader.margins(
            questions.examples, [ablation(units) for units in sets], self.params.batch_size
        )
        return {
            "right": questions.right(margins),
            "asked": questions.counts,
            "left_out": questions.left_out,
            "guessed": np.array(questions.guessed),
        }

    def combine(self, parts: Sequence[Measured], inputs: Inputs) -> Result:
        """The table of conditions with p values, every set's score, and their distribution."""
        found = [self._of_model(label, parts, inputs) for label in inputs.labels]
        summary = pd.concat([one[0] for one in found], ignore_index=True)
        scores = pd.concat([one[1] for one in found], ignore_index=True)
        metrics: dict[str, float] = {}
        for row in summary.to_dict("records"):
            key = f"{row['model']}.{row['group']}"
            metrics |= {
                f"{name}.{key}": float(row[name]) for name in ("intact", "score", "p", "p_strict")
            }
        return Result(
            tables={"summary": summary, "scores": scores},
            metrics=metrics,
            figures=[
                Figure(
                    name="controls",
                    title="The set against random sets",
                    caption=(
                        "Bars: the share of right answers with a random set of units held. Lines:"
                        " the whole model, and the model with the set held."
                    ),
                    table="scores",
                    chart=controls_chart("scores", scores),
                )
            ],
            notes=[line for one in found for line in one[2]],
        )

    def _of_model(
        self, label: str, parts: Sequence[Measured], inputs: Inputs
    ) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
        own = [part.partial for part in parts if part.shard.model == label]
        _, groups = groups_of(inputs.dataset, self.params.by)
        asked = own[0]["asked"]
        kept = np.flatnonzero(asked)
        share = np.concatenate([part["right"] for part in own])[:, kept] / asked[kept]
        names = [".".join(groups[at]) or "all" for at in kept]
        total = np.concatenate([part["right"] for part in own]).sum(axis=1) / asked.sum()
        if len(names) > 1:
            names, share = [*names, "all"], np.column_stack([share, total])
            asked_of = [*asked[kept], asked.sum()]
        else:
            asked_of = [*asked[kept]]
        summary = pd.DataFrame(
            [
                {"model": label, "group": name, "sentences": int(count), "intact": column[0],
                 "score": column[1], **against(column[1], column[2:])}
                for name, count, column in zip(names, asked_of, share.T, strict=True)
            ]
        )  # fmt: skip
        who = ["whole model", "the set"] + ["random set"] * (len(share) - 2)
        scores = pd.DataFrame(
            {
                "model": label,
                "group": np.repeat(names, len(share)),
                "who": who * len(names),
                "score": share.T.ravel(),
            }
        )
        panel = scores["group"] if len(inputs.labels) == 1 else label + ": " + scores["group"]
        chosen, drawn = self._sets(inputs.model(label), label)
        widths = layer_widths(Holding(inputs.model(label), self.params, (), label).specs)
        text = f"{label}: {len(chosen)} units held together: " + "; ".join(
            unit.title(widths) for unit in chosen
        )
        said = [f"{text}.", *unasked(label, int(own[0]["left_out"].sum()), int(own[0]["guessed"]))]
        if len(drawn) < self.params.controls:
            said.append(f"{label}: there are only {len(drawn)} other sets of this kind.")
        return summary, scores.assign(panel=panel), said


def against(score: float, controls: np.ndarray) -> dict[str, float]:
    """Where a score stands among those of random sets: p is one-sided, for doing worse.

    `p_strict` leaves ties out, as Lakretz et al. (2019) did.
    """
    if not len(controls):
        return {
            "controls": 0.0,
            "mean": np.nan,
            "deviation": np.nan,
            "p": np.nan,
            "p_strict": np.nan,
        }
    return {
        "controls": float(len(controls)),
        "mean": float(controls.mean()),
        "deviation": float(controls.std()),
        "p": float((np.sum(controls <= score) + 1) / (len(controls) + 1)),
        "p_strict": float((np.sum(controls < score) + 1) / (len(controls) + 1)),
    }


@lru_cache(maxsize=16)
def draw(
    chosen: UnitSet,
    widths: tuple[int, ...],
    count: int,
    seed: int,
    spared: UnitSet,
    same_layer: bool,
) -> list[UnitSet]:
    """Distinct random sets as large as `chosen`, other than it, without the units `spared`.

    With `same_layer` each has as many units of each layer as `chosen`. Where there are fewer sets
    than asked for, all of them.
    """
    pools = _pools(widths, spared, same_layer)
    wanted = [
        sum(1 for unit in chosen if not same_layer or unit.layer == layer)
        for layer, _ in enumerate(pools)
    ]
    if any(size > len(pool) for size, pool in zip(wanted, pools, strict=True)):
        raise ProbekitError(
            f"there are too few units to draw sets of {len(chosen)} from; spare fewer, or give"
            " same_layer=false."
        )
    own = set(chosen)
    possible = prod(comb(len(pool), size) for size, pool in zip(wanted, pools, strict=True))
    own_counts = own.isdisjoint(spared)
    most = min(count, possible - own_counts)
    source = np.random.default_rng(seed)
    found: dict[UnitSet, None] = {}
    while len(found) < most:
        picked = [
            pool[at]
            for size, pool in zip(wanted, pools, strict=True)
            for at in source.choice(len(pool), size, replace=False)
        ]
        if set(picked) != own:
            found[tuple(sorted(picked))] = None
    return list(found)


def _pools(widths: Sequence[int], spared: UnitSet, same_layer: bool) -> list[list[Unit]]:
    """The units that may be drawn: of each layer, or of all together."""
    pools = [
        [unit for unit in (Unit(layer, index) for index in range(width)) if unit not in spared]
        for layer, width in enumerate(widths)
    ]
    return pools if same_layer else [[unit for pool in pools for unit in pool]]


def _one_each(specs: Sequence[HookSpec], label: str) -> dict[int, HookSpec]:
    """The hook point of each layer; ProbekitError where a layer has several."""
    found: dict[int, HookSpec] = {}
    for spec in specs:
        if spec.layer in found:
            hint = "part=" if spec.part else "role="
            raise ProbekitError(
                f"{label} has several such hook points in layer {spec.layer}, so units=1:125 would"
                f" not say which; choose one with {hint} or kind=."
            )
        found[spec.layer] = spec
    return found
