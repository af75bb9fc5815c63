"""Inputs that are at hand already, for running an analysis without the registry.

    inputs = GivenInputs({"tiny": TinyModel()}, tiny_dataset(), spec.wants)
    shards = analysis.shards(inputs)

`probekit.inputs` has those of a run, which loads what it is asked for.
"""

from collections.abc import Mapping, Sequence

from probekit.dataset import Dataset, ListDataset
from probekit.hooks import HookQuery, HookSpec, select
from probekit.model import Model


class GivenInputs:
    """Models by label, a dataset, and the hook points that the analysis asks for."""

    def __init__(
        self,
        models: Mapping[str, Model],
        dataset: Dataset | None = None,
        wants: Sequence[HookQuery] = (HookQuery(),),
        seed: int = 0,
    ) -> None:
        self.models, self.wants, self.seed = dict(models), tuple(wants), seed
        self.dataset = ListDataset(()) if dataset is None else dataset

    @property
    def labels(self) -> Sequence[str]:
        """The labels of the models, in the order given."""
        return tuple(self.models)

    def model(self, label: str) -> Model:
        """The model of that label."""
        return self.models[label]

    def hooks(self, label: str) -> list[HookSpec]:
        """The hook points of that model that the analysis asks for."""
        return select(self.models[label].hook_specs, *self.wants, model=label)


class Thinned(ListDataset):
    """At most `most` examples of a dataset, evenly spread, and its splits thinned the same way."""

    def __init__(self, whole: Dataset, most: int) -> None:
        super().__init__([whole[at] for at in spread(len(whole), most)], whole.name)
        self.whole, self.most = whole, most

    def split(self, name: str) -> "Thinned":
        """The named part of the dataset, thinned."""
        return Thinned(self.whole.split(name), self.most)


def spread(count: int, most: int) -> Sequence[int]:
    """At most `most` of `count` indices, evenly spread from the first."""
    return [at * count // most for at in range(most)] if count > most else range(count)
