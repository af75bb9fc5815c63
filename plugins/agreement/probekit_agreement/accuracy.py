"""Number-agreement accuracy: how often a language model prefers the form that agrees.

Lakretz et al. (2019), section 4.1 and the column 'Full' of table 2; Linzen et al. (2016).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch

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
from probekit.dataset import Batch, Dataset, ListDataset, alike
from probekit.errors import ProbekitError
from probekit.language import LanguageModel, alternatives
from probekit.model import Model
from probekit.progress import tick
from probekit.questions import Group, Questions, groups_of, unasked
from probekit.readout import Readout
from probekit_agreement.charts import accuracy_chart
from probekit_agreement.params import AccuracyParams

SUMS = ("right", "margin", "difference", "squared")


class AgreementAccuracy(Analysis[AccuracyParams]):
    """Compares the log-probabilities of two forms after each sentence, condition by condition."""

    def shards(self, inputs: Inputs) -> list[Shard]:
        """Blocks of the dataset, one model after another."""
        groups_of(inputs.dataset, self.params.by)
        total, step = len(inputs.dataset), self.params.shard_size
        return [
            Shard(
                f"{label}-{start:09d}",
                label,
                {"start": start, "stop": min(start + step, total)},
                min(start + step, total) - start,
            )
            for label in inputs.labels
            for start in range(0, total, step)
        ]

    def measure(self, shard: Shard, model: Model | None, dataset: Dataset) -> Partial:
        """`asked`, `left_out` and the sums over right answers and differences, each `[group]`."""
        reader = need_model(model)
        if not isinstance(reader, LanguageModel):
            raise ProbekitError(
                f"{shard.model} is no language model, so it prefers no word; choose another model."
            )
        labels, groups = groups_of(dataset, self.params.by)
        some = ListDataset(dataset[shard.task["start"] : shard.task["stop"]], dataset.name)
        try:
            questions = Questions(reader, some, labels)
        except ProbekitError:  # nothing in this block can be asked; others may have something
            return _nothing(groups, some, labels)
        sums = {name: np.zeros(len(questions.groups)) for name in SUMS}
        for block in alike(questions.examples, self.params.batch_size):
            batch = reader.encode([questions.examples[at] for at in block])
            group = questions.numbers[block].numpy()
            for name, values in compared(reader, batch).items():
                np.add.at(sums[name], group, values)
            tick(len(block))
        found = {**sums, "asked": questions.counts, "left_out": questions.left_out}
        place = [groups.index(group) for group in questions.groups]
        return {name: _spread(value, place, len(groups)) for name, value in found.items()} | {
            "guessed": np.array(questions.guessed)
        }

    def combine(self, parts: Sequence[Measured], inputs: Inputs) -> Result:
        """A row a condition, the accuracies as metrics and as a figure."""
        labels, groups = groups_of(inputs.dataset, self.params.by)
        tables, notes = [], []
        for label in inputs.labels:
            own = [part.partial for part in parts if part.shard.model == label]
            sums = {name: sum(part[name] for part in own) for name in own[0]}
            if not np.any(sums["asked"]):
                raise ProbekitError(
                    f"{label} knows none of the answers of {inputs.dataset.name}: every one has a"
                    " word that is not in its vocabulary; name another dataset with data=NAME."
                )
            tables.append(condition_rows(label, labels, groups, sums))
            notes += unasked(label, int(np.sum(sums["left_out"])), int(np.sum(sums["guessed"])))
        table = pd.concat(tables, ignore_index=True)
        return Result(
            tables={"conditions": table},
            metrics={
                f"accuracy.{row['model']}.{row['group']}": float(row["accuracy"])
                for row in table.to_dict("records")
            },
            figures=[
                Figure(
                    "accuracy",
                    "Agreement by condition",
                    "The share of sentences after which the form that agrees is the more likely"
                    " one. The line marks chance.",
                    "conditions",
                    accuracy_chart("conditions", table),
                )
            ],
            notes=notes,
        )


def compared(model: LanguageModel, batch: Batch) -> Mapping[str, np.ndarray]:
    """For each example whether it is right, its log-odds, and p(right form) - p(wrong form)."""
    pairs = [model.word_ids(alternatives(example)) for example in batch.examples]
    last = (batch.lengths - 1).tolist()
    with torch.no_grad():
        found = model.run_with_hooks(batch, readout=Readout(last, pairs, "log_probs"))
    right, wrong = found.double().cpu().numpy().T
    difference = np.exp(right) - np.exp(wrong)
    return {
        "right": right > wrong,
        "margin": right - wrong,
        "difference": difference,
        "squared": difference**2,
    }


def condition_rows(
    label: str, labels: Sequence[str], groups: Sequence[Group], sums: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """One row a condition of one model: accuracy, mean log-odds, p(right) - p(wrong)."""
    rows = []
    for at, group in enumerate(groups):
        asked = int(sums["asked"][at])
        if not asked:
            continue
        mean = sums["difference"][at] / asked
        rows.append(
            {
                "model": label,
                "group": ".".join(group) or "all",
                **dict(zip(labels, group, strict=True)),
                "sentences": asked,
                "left_out": int(sums["left_out"][at]),
                "accuracy": sums["right"][at] / asked,
                "log_odds": sums["margin"][at] / asked,
                "difference": mean,
                "deviation": max(0.0, sums["squared"][at] / asked - mean**2) ** 0.5,
            }
        )
    return pd.DataFrame(rows)


def _spread(values: np.ndarray, place: Sequence[int], size: int) -> np.ndarray:
    """Values of some groups at their places among all."""
    found = np.zeros(size, dtype=values.dtype)
    found[list(place)] = values
    return found


def _nothing(groups: Sequence[Group], some: Dataset, labels: Sequence[str]) -> Partial:
    """The partial of a block in which no answer is known."""
    zeros = {name: np.zeros(len(groups)) for name in SUMS}
    left_out = np.zeros(len(groups), dtype=np.int64)
    for example in some:
        left_out[groups.index(tuple(str(example.labels[name]) for name in labels))] += 1
    asked = np.zeros(len(groups), dtype=np.int64)
    return {**zeros, "asked": asked, "left_out": left_out, "guessed": np.array(0)}
