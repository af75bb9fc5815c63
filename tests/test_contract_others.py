"""The contract of datasets and analyses: each broken one breaks just its own promise."""

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import torch

from probekit import (
    Analysis,
    AnalysisSpec,
    Example,
    Figure,
    HookQuery,
    ListDataset,
    Params,
    Result,
    Shard,
)
from probekit.testing import AnalysisContract, Contract, DatasetContract, tiny_dataset


def problems(contract: Contract) -> dict[str, str]:
    """What is not kept, by promise."""
    return {found.promise: found.problem for found in contract.outcomes() if found.problem}


def promised(contract: type[Contract], *names: str) -> set[str]:
    return {getattr(contract, name).__doc__.strip().splitlines()[0][:-1] for name in names}


class OfSentences(DatasetContract):
    spec = "probekit.testing.specs:tiny_sentences"


# Datasets, each with one fault.


class Walking(ListDataset):
    """Forgets its last example when it is walked over."""

    def __iter__(self):
        return iter(self._examples[:-1])


class Endlessly(ListDataset):
    """Begins again after its end."""

    def __getitem__(self, index):
        return super().__getitem__(index if isinstance(index, slice) else index % len(self))


class Slicing(ListDataset):
    """Takes the end of a slice into it."""

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self._examples[index.start : index.stop + 1]
        return self._examples[index]


class Unsettled(ListDataset):
    """Has a fingerprint of its address."""

    fingerprint = property(lambda self: str(id(self)))  # type: ignore[assignment]


class Obliging(ListDataset):
    """Gives everything for a split that it has not."""

    def split(self, name):
        return self


def with_example(at: int, **changes: Any):
    """The tiny dataset with one example changed."""

    def make(examples: list[Example]) -> ListDataset:
        return ListDataset([*examples[:at], replace(examples[at], **changes), *examples[at + 1 :]])

    return make


def textual(examples: list[Example]) -> ListDataset:
    """The words of one example are a text."""
    object.__setattr__(examples[5], "words", "the cat")
    return ListDataset(examples)


DATASETS = {
    "walking": (Walking, {"test_length"}),
    "endless": (Endlessly, {"test_length"}),
    "slicing": (Slicing, {"test_slices"}),
    "wordless": (with_example(5, words=()), {"test_words"}),
    "textual": (textual, {"test_words"}),
    "unlabelled": (with_example(7, labels={"tense": "past"}), {"test_labels"}),
    "nameless": (with_example(7, source=" "), {"test_sources"}),
    "unsettled": (Unsettled, {"test_fingerprint_repeats"}),
    "obliging": (Obliging, {"test_unknown_split"}),
}


@pytest.mark.parametrize(("make", "broken"), DATASETS.values(), ids=DATASETS)
def test_a_faulty_dataset_breaks_its_own_promise(make, broken):
    class Faulty(OfSentences):
        def build(self):
            return make(list(tiny_dataset()))

    assert set(problems(Faulty())) == promised(DatasetContract, *broken)


# Analyses, each with one fault.

COMBINING = ("test_combine_from_files", "test_combine_keeps_partials")


class LengthParams(Params):
    shard_size: int = 4


lengths = AnalysisSpec(
    name="lengths",
    summary="a sound analysis: the length of sentences and the mean of a unit, by number",
    implementation=f"{__name__}:Lengths",
    params=f"{__name__}:LengthParams",
    wants=(HookQuery(kind="hidden"),),
    labels=("number",),
)

CHART = {"mark": "bar", "encoding": {"x": {"field": "number"}, "y": {"field": "words"}}}


class Lengths(Analysis[LengthParams]):
    figures: ClassVar[list[Figure]] = []  # drawing takes a while

    def shards(self, inputs):
        total, block = len(inputs.dataset), self.params.shard_size
        return [
            Shard(f"{label}-{start}", label, {"start": start, "stop": start + block})
            for label in inputs.labels
            for start in range(0, total, block)
        ]

    def measure(self, shard, model, dataset):
        examples = dataset[shard.task["start"] : shard.task["stop"]]
        _, cache = model.run_with_cache(model.encode(examples))
        plural = np.array([example.labels["number"] == "plural" for example in examples])
        words = np.array([len(example.words) for example in examples])
        hidden = cache["rnn.layers.0.hook_hidden"][:, 0].double().numpy()
        return {
            "count": np.array([np.sum(~plural), np.sum(plural)]),
            "words": np.array([words[~plural].sum(), words[plural].sum()]),
            "hidden": np.array([hidden[~plural].sum(0), hidden[plural].sum(0)]),
        }

    def combine(self, parts, inputs):
        count, words, hidden = (
            np.sum([part.partial[name] for part in parts], axis=0)
            for name in ("count", "words", "hidden")
        )
        table = pd.DataFrame(
            {
                "number": ["singular", "plural"],
                "words": words,
                "draw": np.random.default_rng(self.seed).random(2),
                "hidden": hidden[:, 0] / count,
            }
        )
        return Result(
            tables={"lengths": table},
            metrics={"mean": float(words.sum() / count.sum()), "nothing": float("nan")},
            figures=list(self.figures),
            notes=["nothing is not a number, for there is nothing of it."],
            files={"more/data.txt": b"1"},
        )


class OfLengths(AnalysisContract):
    spec = f"{__name__}:lengths"
    analysis: ClassVar[type[Lengths]] = Lengths
    examples = 10

    def described(self):
        return lengths

    def build(self, **changed):
        return self.analysis(LengthParams(**changed), seed=3)

    def _parameters(self):
        return LengthParams()

    def test_no_torch(self):
        """It is not asked here, where the spec stands beside code that needs torch."""


class Drawn(Lengths):
    """The sound one with its figure."""

    figures: ClassVar = [Figure("lengths", "Lengths", "Words.", "lengths", CHART)]


class TestLengths(OfLengths):
    analysis = Drawn


class Twice(Lengths):
    """Two shards have one name."""

    def shards(self, inputs):
        return [replace(shard, name="block") for shard in super().shards(inputs)]


class Pathlike(Lengths):
    """A shard's name leads out of the folder."""

    def shards(self, inputs):
        return [replace(shard, name=f"../{shard.name}") for shard in super().shards(inputs)]


class Handing(Lengths):
    """Hands numbers of numpy to its shards."""

    def shards(self, inputs):
        shards = super().shards(inputs)
        return [replace(s, task={k: np.int64(v) for k, v in s.task.items()}) for s in shards]


class Wandering(Lengths):
    """Divides the work in another order every time."""

    def shards(self, inputs):
        shards = super().shards(inputs)
        return shards if self.params.shard_size > 4 else wander(shards)


def wander(shards, kept=[]):  # noqa: B006 (the fault is that it remembers)
    kept.append(None)
    return [replace(shard, size=len(kept)) for shard in shards]


class Remembering(Lengths):
    """What it measures depends on what it measured before."""

    before = 0

    def measure(self, shard, model, dataset):
        partial = super().measure(shard, model, dataset)
        self.before += 1
        return {**partial, "order": np.array(self.before)}


class Keeping(Lengths):
    """Keeps objects in its partials."""

    def measure(self, shard, model, dataset):
        return {**super().measure(shard, model, dataset), "shard": np.array([shard.task])}


class Hoarding(Lengths):
    """Combines what it has in memory."""

    total = 0

    def measure(self, shard, model, dataset):
        partial = super().measure(shard, model, dataset)
        self.total += int(partial["count"].sum())
        return partial

    def combine(self, parts, inputs):
        result = super().combine(parts, inputs)
        result.metrics["total"] = self.total
        return result


class Spending(Lengths):
    """Changes its partials while it combines them."""

    def combine(self, parts, inputs):
        result = super().combine(parts, inputs)
        parts[-1].partial["count"][:] += 1
        return result


class Averaging(Lengths):
    """Takes the mean of the shards' means."""

    def combine(self, parts, inputs):
        result = super().combine(parts, inputs)
        means = [part.partial["words"].sum() / part.partial["count"].sum() for part in parts]
        result.metrics["mean"] = float(np.mean(means))
        return result


class Dicing(Lengths):
    """Draws from a generator that nobody seeded."""

    def combine(self, parts, inputs):
        result = super().combine(parts, inputs)
        result.metrics["draw"] = float(DICE.random())
        return result


DICE = np.random.default_rng(0)


class Nesting(Lengths):
    """Puts lists into a table."""

    def combine(self, parts, inputs):
        result = super().combine(parts, inputs)
        result.tables["lengths"]["all"] = [[1, 2], [3]]
        return result


class Indexed(Lengths):
    """Keeps in the index of a table what is nowhere else in it."""

    def combine(self, parts, inputs):
        result = super().combine(parts, inputs)
        result.tables["more"] = result.tables["lengths"].set_index("number")
        return result


class Elsewhere(Lengths):
    """Draws a table that is not there."""

    figures: ClassVar = [replace(Drawn.figures[0], table="absent")]


class Infinite(Lengths):
    def combine(self, parts, inputs):
        result = super().combine(parts, inputs)
        result.metrics["ratio"] = float("inf")
        return result


class Untold(Lengths):
    """Is silent about a number that is none."""

    def combine(self, parts, inputs):
        return replace(super().combine(parts, inputs), notes=[])


class Outside(Lengths):
    """Writes beside the run folder."""

    def combine(self, parts, inputs):
        return replace(super().combine(parts, inputs), files={"../weights.bin": b"1"})


class Meddling(Lengths):
    """Changes a weight of the model that it reads."""

    def measure(self, shard, model, dataset):
        with torch.no_grad():
            model.decoder.bias[0] = 0.0
        return super().measure(shard, model, dataset)


class Hooking(Lengths):
    """Leaves a hook set."""

    def measure(self, shard, model, dataset):
        model.hook_embed.add_hook(lambda value, hook: None)
        return super().measure(shard, model, dataset)


ANALYSES = {
    Twice: {"test_shard_names", *COMBINING, "test_partials_are_durable"},
    Pathlike: {"test_shard_names"},
    Handing: {"test_shard_tasks"},
    Wandering: {"test_shards_repeat"},
    Remembering: {"test_measure_is_pure"},
    Keeping: {"test_partials_are_durable", *COMBINING},
    Hoarding: {"test_combine_from_files"},
    Spending: {"test_combine_keeps_partials"},
    Averaging: {"test_shard_size"},
    Dicing: {"test_combine_from_files", "test_shard_size", "test_seed"},
    Nesting: {"test_tables"},
    Indexed: {"test_tables"},
    Elsewhere: {"test_figures"},
    Infinite: {"test_metrics"},
    Untold: {"test_metrics"},
    Outside: {"test_files"},
    Meddling: {"test_model_stays"},
    Hooking: {"test_model_stays"},
}


@pytest.mark.parametrize("faulty", ANALYSES, ids=lambda analysis: analysis.__name__)
def test_a_faulty_analysis_breaks_its_own_promise(faulty):
    contract = type("Of", (OfLengths,), {"analysis": faulty})()
    assert set(problems(contract)) == promised(AnalysisContract, *ANALYSES[faulty])
