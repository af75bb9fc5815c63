"""functional-group: the fewest units of each hook point that tell what stands at a position.

    probekit run plugin=functional-group model=gru-seq2seq target=table part=encoder

Hupkes et al. (2018); Dalvi et al. (2019); Baan et al. (2019), section 4.1, tables 2 and 3. What is
averaged where is said in `group`.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from probekit.analysis import Analysis, Inputs, Measured, Partial, Result, Shard, need_model
from probekit.dataset import Dataset
from probekit.errors import ProbekitError
from probekit.hooks import HookQuery, HookSpec, select
from probekit.model import Model
from probekit_probes.activations import MEGABYTE, activations
from probekit_probes.group import full_accuracy, functional_group, split
from probekit_probes.params import GroupParams
from probekit_probes.places import places
from probekit_probes.results import Found, result
from probekit_probes.samples import Samples, read_samples

SHUFFLED = 1  # the second stream of random numbers: the first divides the samples


class FunctionalGroup(Analysis[GroupParams]):
    """Diagnostic classifiers on ever more units, of every hook point that matches.

    A shard is one hook point of one model; with `control` a second one fits shuffled labels, from
    which nothing can be learnt but by heart, in the same splits. The difference of the two full
    accuracies is the selectivity (Hewitt and Liang 2019; they draw a label for each word type).
    """

    def hooks(self, inputs: Inputs, label: str) -> list[HookSpec]:
        """The hook points asked for whose units have numbers."""
        asked = self.params
        queries = [
            HookQuery(
                kind=kind,
                role=asked.role if kind == "gate" else None,
                part=asked.part,
                layer=asked.layer,
                stage=asked.stage,
            )
            for kind in asked.kind
        ]
        found = select(inputs.model(label).hook_specs, *queries, model=label)
        fixed = [spec for spec in found if spec.width is not None]
        if not fixed:
            wanted = " and ".join(map(str, queries))
            raise ProbekitError(
                f"the {wanted} hook points of {label} have no fixed number of units, which a"
                " classifier needs; give another kind."
            )
        return fixed

    def shards(self, inputs: Inputs) -> list[Shard]:
        """One shard a hook point, or two; half of its size is the pass over the data."""
        size = len(inputs.dataset)
        if not size:
            raise ProbekitError("the dataset has no examples; name one with data=NAME.")
        return [
            Shard(
                name=re.sub(r"[^A-Za-z0-9_.-]", "-", f"{label}-{spec.name}") + ending,
                model=label,
                task={"hook": spec.name, "control": bool(ending)},
                size=2 * size,
            )
            for label in inputs.labels
            for spec in self.hooks(inputs, label)
            for ending in ("", "-control")[: 1 + self.params.control]
        ]

    def measure(self, shard: Shard, model: Model | None, dataset: Dataset) -> Partial:
        """The groups of a hook point, or the full accuracies from shuffled labels."""
        reader = need_model(model)
        spec = reader.hook_specs[shard.task["hook"]]
        samples = read_samples(reader, dataset, spec, self.params)
        self._check(samples, spec)
        trained = split(samples, self.params, self.seed)
        labels = samples.labels
        if shard.task["control"]:
            labels = np.random.default_rng([self.seed, SHUFFLED]).permutation(labels)
        partial: dict[str, Any] = {
            "values": np.array(samples.values),
            "counts": np.bincount(labels),
            "held": (~trained).sum(1),
        }
        with activations(reader, dataset, spec, samples, self.params) as inputs:
            for number, (goal, classes) in enumerate(self._problems(labels, len(samples.values))):
                if shard.task["control"]:
                    full, unfinished = full_accuracy(inputs, goal, trained, classes, self.params)
                    found = {"full": full, "unfinished": np.array(unfinished)}
                else:
                    group = functional_group(inputs, goal, trained, classes, self.params)
                    found = {name: np.asarray(value) for name, value in vars(group).items()}
                partial |= {f"{number}/{name}": value for name, value in found.items()}
        return partial

    def combine(self, parts: Sequence[Measured], inputs: Inputs) -> Result:
        """Tables `groups`, `splits`, `curve` and `units`, two figures, and sentences."""
        measured = {
            (part.shard.model, part.shard.task["hook"], part.shard.task["control"]): part.partial
            for part in parts
        }
        found = []
        for label in inputs.labels:
            specs = self.hooks(inputs, label)
            named = places(specs)
            for spec in specs:
                own, control = (measured.get((label, spec.name, which)) for which in (False, True))
                assert own is not None
                found.append(Found(label, *named[spec.name], spec, own, control))
        return result(found, self.params)

    def _problems(self, labels: np.ndarray, classes: int) -> list[tuple[np.ndarray, int]]:
        """What is to be told apart: all values, or with rank=class each one from the others."""
        if self.params.rank != "class":
            return [(labels, classes)]
        return [((labels == one).astype(labels.dtype), 2) for one in range(classes)]

    def _check(self, samples: Samples, spec: HookSpec) -> None:
        """Raise ProbekitError where there is nothing to tell apart, or far too much."""
        classes, params = len(samples.values), self.params
        if classes == 1:
            raise ProbekitError(
                f"{params.target} is {samples.values[0]!r} at every position of {spec.name}, so"
                " there is nothing to tell apart; give another target."
            )
        told = 2 if params.rank == "class" else classes
        assert spec.width is not None
        need = told * params.splits * (16 * len(samples) + 64 * spec.width) // MEGABYTE
        if need > params.memory_mb:
            raise ProbekitError(
                f"{len(samples):,} positions with {classes:,} values of {params.target} need about"
                f" {need:,} MB; give memory_mb={need + 1}, or fewer values with classes=A,B."
            )
