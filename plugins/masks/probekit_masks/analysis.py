"""sparse-intervention: the fewest units that change a model's decision when set to learned values.

    probekit run plugin=sparse-intervention model=lstm-lm scope=subject_at alpha=0.02

De Cao et al. (2022). A shard is one learned mask; what all masks of a model share is in `cases`.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from probekit.analysis import Analysis, Inputs, Measured, Partial, Result, Shard, need_model
from probekit.dataset import Dataset
from probekit.model import Model
from probekit_masks.baselines import (
    by_weight,
    integrated_gradients,
    random_sets,
    same,
    strongest,
)
from probekit_masks.cases import Case
from probekit_masks.directions import names_of
from probekit_masks.fitting import Fit, Fitted, Task, steps_of
from probekit_masks.params import MaskParams, Setting
from probekit_masks.passages import step_of
from probekit_masks.pruning import pruned
from probekit_masks.results import result
from probekit_masks.scoring import accuracy, scored
from probekit_masks.showing import activations, words_at
from probekit_masks.sites import Sites
from probekit_masks.values import Fixed, Values

BOTH = "both"
GRADIENTS = "gradients"
Array = dict[str, Any]


class SparseIntervention(Analysis[MaskParams]):
    """Learns masks: one for each model, setting, direction and seed."""

    def __init__(self, params: MaskParams, seed: int = 0) -> None:
        super().__init__(params, seed)
        self._cases: dict[str, Case] = {}

    def shards(self, inputs: Inputs) -> list[Shard]:
        """A shard for each mask, and for the gradients of each direction, where they are asked."""
        found = []
        for label in inputs.labels:
            model = inputs.model(label)
            names = names_of(model, inputs.dataset, self.params)
            Sites(model, self.params, label)
            for scope in dict.fromkeys(self.params.scope):
                for example in inputs.dataset:
                    step_of(example, scope)
            found += self._gradient_shards(label, names)
            found += self._fit_shards(label, names)
        return found

    def _gradient_shards(self, label: str, names: Sequence[str]) -> list[Shard]:
        if GRADIENTS not in self.params.baselines or self.params.objective == "kl":
            return []
        return [
            Shard(plain(f"{label}-{scope}-{name}-gradients"), label, {"scope": scope, "name": name})
            for scope in dict.fromkeys(self.params.scope)
            for name in names
        ]

    def _fit_shards(self, label: str, names: Sequence[str]) -> list[Shard]:
        shared = self.params.shared_mask and len(names) > 1
        groups = [(BOTH, list(names))] if shared else [(name, [name]) for name in names]
        return [
            Shard(
                plain(f"{label}-{number:02d}-{title}-seed-{seed}"),
                label,
                {"setting": number, "group": at, "names": group, "seed": seed},
                steps_of(setting, self.params),
            )
            for number, setting in enumerate(self.params.settings)
            for at, (title, group) in enumerate(groups)
            for seed in self.params.seeds
        ]

    def measure(self, shard: Shard, model: Model | None, dataset: Dataset) -> Partial:
        """One mask with what it does, or what integrated gradients choose in one direction."""
        case = self._case(str(shard.model), need_model(model), dataset)
        if "names" not in shard.task:
            return self._gradients(case, shard.task["scope"], shard.task["name"])
        setting, names = self.params.settings[shard.task["setting"]], shard.task["names"]
        partial: Array = {"left_out": np.array([case.found.left_out, case.found.guessed])}
        learned = [name for name in names if not case.empty(name)]
        if not learned:
            return partial
        seed = [self.seed, shard.task["group"], shard.task["seed"]]
        tasks = [case.task(setting.scope, name) for name in learned]
        fitted = Fit(tasks, setting, self.params, seed, case.label).run()
        partial["trace"] = fitted.trace
        partial["mask"] = plain_array(fitted.gate.chosen())
        partial["passes"], partial["shares"] = np.array(fitted.read), np.array(fitted.shares)
        for at, task in enumerate(tasks):
            found = self._scores(case, setting, task, fitted, fitted.values[at], shard)
            partial |= {f"{task.name}/{key}": value for key, value in found.items()}
        return partial

    def _case(self, label: str, model: Model, dataset: Dataset) -> Case:
        """What all shards of a model share; made again where model or data are others."""
        case = self._cases.get(label)
        if case is None or case.model is not model or case.dataset is not dataset:
            case = Case(model, dataset, self.params, self.seed, label)
            self._cases[label] = case
        return case

    def _scores(
        self,
        case: Case,
        setting: Setting,
        task: Task,
        fitted: Fitted,
        values: Values,
        shard: Shard,
    ) -> Array:
        """What the final mask does in one direction, and the controls."""
        scope, params = setting.scope, self.params
        mask = fitted.gate.chosen().to(fitted.gate.location.dtype)
        held = case.evaluation(scope, task.name)
        found: Array = {"values": plain_array(values.shown())}
        score = scored(task, held, same(mask), values, self._source(1, shard))
        found["score"] = np.array([score.examples, score.accuracy, score.kl])
        with torch.no_grad():
            soft = self._source(2, shard)
            found["relaxed"] = np.array(
                accuracy(task, held, lambda rows: fitted.gate.sample(rows, soft), values, soft)
            )
        if task.keeps:
            return found
        found |= self._controls(case, scope, task, mask, values, shard)
        if params.prune is not None and mask.any():
            smaller = pruned(task, mask, values, params.prune)
            after = scored(task, held, same(smaller), values, self._source(1, shard))
            found["pruned"] = plain_array(smaller)
            found["pruned_score"] = np.array([after.examples, after.accuracy, after.kl])
        return found | self._shown(case, scope, task, mask, values)

    def _controls(
        self, case: Case, scope: str, task: Task, mask: Tensor, values: Values, shard: Shard
    ) -> Array:
        """The accuracy of random sets, of the units with the largest weights, of a mean patch."""
        found: Array = {}
        held, size = case.evaluation(scope, task.name), int(mask.sum())

        def turned(chosen: Tensor, constants: Values) -> float:
            source = self._source(3, shard)
            return accuracy(task, held, same(chosen), constants, source)

        if "random" in self.params.baselines:
            sets = random_sets(mask, case.sites, self.params.controls, shard.task["seed"])
            found["random"] = np.array([turned(one, values) for one in sets])
        if "weights" in self.params.baselines:
            texts = [runner.passage for runner in task.runners]
            weights = by_weight(case.model, case.sites, texts)
            if weights is not None:
                found["weights"] = np.array(turned(strongest(weights, size), values))
        if "mean-patch" in self.params.baselines:
            others = case.others(scope, task.name)
            if others is not None:
                found["mean-patch"] = np.array(turned(mask, Fixed(others.mean)))
        return found

    def _shown(self, case: Case, scope: str, task: Task, mask: Tensor, values: Values) -> Array:
        """Activations of the chosen units in a few texts, `[text, 2, pos, unit]` one by one."""
        found: Array = {}
        units = torch.nonzero(mask)[:, 0]
        for number, (runner, row) in enumerate(self._texts(case, scope, task)):
            seen = activations(case.model, task, runner, row, mask, values.shown())
            words = words_at(case.model, runner.passage.batch.examples[row], case.sites)
            places = list(words) or list(range(seen.shape[1]))
            found[f"shown/{number}/units"] = plain_array(seen[:, places][..., units])
            found[f"shown/{number}/words"] = np.array([words.get(at, "") for at in places])
        return found

    def _texts(self, case: Case, scope: str, task: Task) -> list[tuple[Any, int]]:
        """The texts in the figure: the first of each passage, the longest passages first."""
        held = sorted(case.evaluation(scope, task.name), key=lambda one: -one.length)
        texts = [(runner, row) for row in range(self.params.sentences) for runner in held
                 if row < len(runner)]  # fmt: skip
        return texts[: self.params.sentences]

    def _gradients(self, case: Case, scope: str, name: str) -> Partial:
        """The units that integrated gradients choose, and the accuracy with them at zero."""
        if case.empty(name):
            return {}
        task, held = case.task(scope, name), case.evaluation(scope, name)
        scores = integrated_gradients(task)
        sizes = [max(1, round(share * len(scores))) for share in self.params.gradient_shares]
        zero = Fixed(torch.zeros_like(scores))
        turned = [
            accuracy(task, held, same(strongest(scores, size)), zero, torch.Generator())
            for size in sizes
        ]
        return {
            "scores": plain_array(scores),
            "sizes": np.array(sizes),
            "accuracy": np.array(turned),
            "examples": np.array(sum(runner.passage.examples for runner in held)),
        }

    def _source(self, number: int, shard: Shard) -> torch.Generator:
        """Random numbers for what is measured on a finished mask."""
        entropy = np.random.SeedSequence([self.seed, shard.task["seed"], number])
        return torch.Generator().manual_seed(int(entropy.generate_state(1)[0]))

    def combine(self, parts: Sequence[Measured], inputs: Inputs) -> Result:
        """Tables of units, runs, settings and controls, the figures, and sentences."""
        tables = {
            label: Sites(inputs.model(label), self.params, label).table for label in inputs.labels
        }
        names = {
            label: names_of(inputs.model(label), inputs.dataset, self.params)
            for label in inputs.labels
        }
        return result(parts, self.params, tables, names)


def plain(text: str) -> str:
    """A text that can name a file."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", text)


def plain_array(values: Tensor) -> np.ndarray:
    """A tensor as an array on the CPU."""
    array: np.ndarray = values.detach().cpu().numpy().copy()
    return array
