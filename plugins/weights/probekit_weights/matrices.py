"""The base of the analyses here: one shard for each matrix of each model.

    class RowMeans(MatrixAnalysis[MyParams]):
        def read(self, spec, weight, task): return {"mean": weight.mean(1)}
        def finish(self, found, inputs): return Result(...)    # found: [(label, spec, arrays)]

No dataset is read, and one matrix at a time is held.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float
from torch import Tensor

from probekit.analysis import Analysis, Inputs, Measured, Partial, Result, Shard, need_model
from probekit.dataset import Dataset
from probekit.model import Model
from probekit.weights import WeightQuery, WeightSpec, find_weight, select_weights
from probekit_weights.params import MatrixParams

M = TypeVar("M", bound=MatrixParams)
Weight = Float[np.ndarray, "to from"]


class Found(NamedTuple):
    """What was read of one matrix of one model."""

    label: str
    spec: WeightSpec
    arrays: Partial


class MatrixAnalysis(Analysis[M]):
    """Reads every chosen matrix by itself."""

    @abstractmethod
    def read(self, spec: WeightSpec, weight: Weight, task: Mapping[str, Any]) -> Partial:
        """What there is to keep of one matrix `[to, from]`."""

    @abstractmethod
    def finish(self, found: Sequence[Found], inputs: Inputs) -> Result:
        """The result of all matrices, in the order of models and matrices."""

    def chosen(self, inputs: Inputs, label: str) -> list[WeightSpec]:
        """The matrices of a model that the parameters ask for."""
        return chosen(inputs.model(label).weights, self.params, label)

    def task(self, spec: WeightSpec, inputs: Inputs) -> Mapping[str, Any]:
        """What `read` is to know beside the matrix, as plain values."""
        return {}

    def shards(self, inputs: Inputs) -> list[Shard]:
        """One shard a matrix, its size in weights."""
        return [
            Shard(
                name=f"{label}-{index:04d}",
                model=label,
                task={"matrix": spec.name, **self.task(spec, inputs)},
                size=spec.shape[0] * spec.shape[1],
            )
            for label in inputs.labels
            for index, spec in enumerate(self.chosen(inputs, label))
        ]

    def measure(self, shard: Shard, model: Model | None, dataset: Dataset) -> Partial:
        """What `read` keeps of the matrix of the shard."""
        reader = need_model(model)
        name = shard.task["matrix"]
        return self.read(reader.weights[name], as_array(reader.weight(name)), shard.task)

    def combine(self, parts: Sequence[Measured], inputs: Inputs) -> Result:
        """Put each partial beside the matrix it was read of, then finish."""
        found = []
        for shard, partial in parts:
            assert shard.model is not None
            spec = inputs.model(shard.model).weights[shard.task["matrix"]]
            found.append(Found(shard.model, spec, partial))
        return self.finish(found, inputs)


def chosen(weights: Mapping[str, WeightSpec], params: MatrixParams, model: str) -> list[WeightSpec]:
    """The matrices named, or else all that have the properties given, in the model's order.

    Raises ProbekitError where a name or a property is not among the model's.
    """
    if params.matrix:
        return [find_weight(weights, name, model) for name in dict.fromkeys(params.matrix)]
    queries = [
        WeightQuery(relation=relation, role=role, part=params.part, layer=params.layer)
        for relation, role in product(params.relation or [None], params.role or [None])
    ]
    return select_weights(weights, *queries, model=model)


def as_array(weight: Tensor) -> Weight:
    """A matrix on any device and of any precision as numbers of 32 bits or more."""
    weight = weight.detach().cpu()
    return (weight if weight.dtype.itemsize >= 4 else weight.float()).numpy()
