"""Unit ablation: the answers that are lost when one unit is held at zero (or elsewhere).

Lakretz et al. (2019), section 4.1 and table 2, did so with the hidden units of a language model.
"""

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd

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
from probekit.model import Model
from probekit.questions import Questions, groups_of
from probekit_ablation.charts import MOST_POINTS, conditions_chart, ranked_chart
from probekit_ablation.holding import Holding
from probekit_ablation.params import AblationParams
from probekit_ablation.tables import Asked, conditions, costly_rows, ranked, summarize
from probekit_ablation.text import headline, sentences


class UnitAblation(Analysis[AblationParams]):
    """Holds every unit of the chosen hook points in turn, and scores the answers."""

    def shards(self, inputs: Inputs) -> list[Shard]:
        """The whole model, then chunks of the units of each hook point; one model after another."""
        groups_of(inputs.dataset, self.params.by)
        return [shard for label in inputs.labels for shard in self._shards(inputs, label)]

    def _holding(self, model: Model, label: str, questions: Questions | None = None) -> Holding:
        return Holding(model, self.params, questions.examples if questions else (), label)

    def _shards(self, inputs: Inputs, label: str) -> list[Shard]:
        examples, step = len(inputs.dataset), self.params.shard_size
        found = [Shard(name=f"{label}-intact", model=label, size=examples)]
        for number, spec in enumerate(self._holding(inputs.model(label), label).specs):
            width = cast("int", spec.width)
            for start in range(0, width, step):
                stop = min(start + step, width)
                task = {"hook": spec.name, "start": start, "stop": stop}
                found.append(
                    Shard(
                        name=f"{label}-{number:03d}-{start:06d}",
                        model=label,
                        task=task,
                        size=(stop - start) * examples,
                    )
                )
        return found

    def measure(self, shard: Shard, model: Model | None, dataset: Dataset) -> Partial:
        """`right [ablation, group]`: right answers of the whole model, or without each unit."""
        reader = need_model(model)
        questions = Questions(reader, dataset, self.params.by)
        holding = self._holding(reader, str(shard.model), questions)
        if "hook" not in shard.task:
            margins = reader.margins(questions.examples, [holding.of(())], self.params.batch_size)
            return {
                "right": questions.right(margins),
                "asked": questions.counts,
                "left_out": questions.left_out,
                "guessed": np.array(questions.guessed),
            }
        spec = reader.hook_specs[shard.task["hook"]]
        units = range(shard.task["start"], shard.task["stop"])
        ablations = [holding.of([(spec, unit)]) for unit in units]
        margins = reader.margins(questions.examples, ablations, self.params.batch_size)
        return {"right": questions.right(margins)}

    def combine(self, parts: Sequence[Measured], inputs: Inputs) -> Result:
        """Tables of units (ranked), hook points and conditions, and two figures."""
        asked = [self._asked(label, parts, inputs) for label in inputs.labels]
        units = pd.concat([ranked(one, self.params.cost) for one in asked], ignore_index=True)
        summary = summarize(units)
        shown = units[units["rank"] <= max(1, MOST_POINTS // len(inputs.labels))]
        drawn = "units" if len(shown) == len(units) else "shown"
        result = Result(
            tables={"units": units, "summary": summary}
            | ({} if drawn == "units" else {"shown": shown.reset_index(drop=True)}),
            metrics=headline(summary, asked),
            figures=[self._figure(drawn, units)],
            notes=sentences(units, self.params.cost, asked),
        )
        if asked[0].labels:
            costly = pd.concat([costly_rows(one, self.params.cost) for one in asked])
            result.tables["conditions"] = conditions(asked, self.params.cost)
            result.tables["costly"] = costly.reset_index(drop=True)
            result.metrics |= {
                f"without.{row['model']}.{row['key']}.{row['group']}": float(row["score"])
                for row in costly.to_dict("records")
            }
            result.figures.append(self._conditions_figure(asked, result))
        return result

    def _asked(self, label: str, parts: Sequence[Measured], inputs: Inputs) -> Asked:
        """What one model answered, intact and without each unit."""
        own = [part for part in parts if part.shard.model == label]
        labels, groups = groups_of(inputs.dataset, self.params.by)
        specs = self._holding(inputs.model(label), label).specs
        right = {
            spec.name: np.concatenate(
                [one.partial["right"] for one in own if one.shard.task.get("hook") == spec.name]
            )
            for spec in specs
        }
        intact = own[0].partial
        return Asked(
            label, specs, labels, groups, intact["asked"], intact["right"][0], right,
            int(intact["left_out"].sum()), int(intact["guessed"]),
        )  # fmt: skip

    def _figure(self, table: str, units: pd.DataFrame) -> Figure:
        value = {"zero": "zero", "mean": "its mean"}.get(self.params.value, self.params.value)
        return Figure(
            name="ranked",
            title="What each unit is worth",
            caption=(
                f"Each point is one unit held at {value}, by rank: the share of answers that the"
                " model loses, in the condition where it loses most. The line marks"
                f" {self.params.cost:.0%}; below 0 the model does better without the unit."
            ),
            table=table,
            chart=ranked_chart(table, units, self.params.cost),
        )

    def _conditions_figure(self, asked: Sequence[Asked], result: Result) -> Figure:
        """The share of right answers in each condition, intact and without the costly units."""
        costly = result.tables["costly"]
        intact = [one.intact_rows() for one in asked]
        rows = pd.concat([*intact, costly.assign(who=costly["unit_name"])], ignore_index=True)
        result.tables["by_condition"] = rows[["model", "group", "who", "score"]]
        return Figure(
            name="conditions",
            title="Right answers by condition",
            caption=(
                "The share of right answers of the whole model, and without each unit that costs"
                f" more than {self.params.cost:.0%} of the answers there."
            ),
            table="by_condition",
            chart=conditions_chart("by_condition", rows),
        )
