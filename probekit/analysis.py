"""The Analysis interface: shards -> measure -> combine, and the Result.

    class MeanActivation(Analysis[MyParams]):
        def shards(self, inputs): return one_shard_per_block(...)
        def measure(self, shard, model, dataset): return {"sum": ..., "count": ...}
        def combine(self, parts, inputs): return Result(tables={"means": ...})

Resuming, progress and distribution are the business of the run, not of the analysis.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
import pandas as pd

from probekit.dataset import Dataset
from probekit.errors import ProbekitError
from probekit.hooks import HookSpec
from probekit.model import Model
from probekit.params import Params

P = TypeVar("P", bound=Params)
Partial = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Shard:
    """One piece of the work.

    `name` is unique in the run and names the file of its partial result; `model` is the label of
    the model to be loaded (None where none is); `task` holds the plain values that `measure` needs;
    `size` is how much work it is, for the progress bar; `others` are the labels of further models
    that are needed at the same time.
    """

    name: str
    model: str | None = None
    task: Mapping[str, Any] = field(default_factory=dict)
    size: int = 1
    others: tuple[str, ...] = ()


class Measured(NamedTuple):
    """A shard and what was measured on it."""

    shard: Shard
    partial: Partial


@dataclass(frozen=True)
class Figure:
    """A picture of one table, as data: a Vega-Lite chart that names its table.

    `chart` is the Vega-Lite dictionary without its data; `table` is the key in `Result.tables`.
    """

    name: str
    title: str
    caption: str
    table: str
    chart: Mapping[str, Any]


@dataclass
class Result:
    """What an analysis found: tables, numbers to cite, figures, sentences, and files to keep.

    `files` are written into the run folder under their relative paths (trained weights, say).
    """

    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)


@runtime_checkable
class Inputs(Protocol):
    """The models and the dataset of a run, each loaded when it is first asked for."""

    seed: int

    @property
    def labels(self) -> Sequence[str]:
        """The labels of the models, in the order given."""

    @property
    def dataset(self) -> Dataset:
        """The dataset."""

    def model(self, label: str) -> Model:
        """The model of that label."""

    def hooks(self, label: str) -> list[HookSpec]:
        """The hook points of that model that the analysis asks for."""


class Analysis(ABC, Generic[P]):
    """A question put to models and a dataset, in three steps.

    `measure` is pure: the same shard gives the same partial, on any machine. `combine` sees the
    partials in the order of the shards, so the result does not depend on who worked when.

    `scratch` is a folder for what a long measurement wants to find again after it was killed. It
    may not be there yet, goes when the run is complete, and is None outside a run. `device` is
    where a training puts what it trains.
    """

    scratch: Path | None = None
    device: str = "cpu"

    def __init__(self, params: P, seed: int = 0) -> None:
        self.params = params
        self.seed = seed

    @abstractmethod
    def shards(self, inputs: Inputs) -> list[Shard]:
        """How the work divides."""

    @abstractmethod
    def measure(self, shard: Shard, model: Model | None, dataset: Dataset) -> Partial:
        """The partial result of one shard: a small set of named arrays.

        Where shards name `others`, it takes these models too, as `*others` behind the dataset.
        """

    @abstractmethod
    def combine(self, parts: Sequence[Measured], inputs: Inputs) -> Result:
        """The result of all partials, which come in shard order."""


def measured(analysis: Analysis[Any], shard: Shard, inputs: Inputs) -> Partial:
    """The partial of one shard, measured on the models that it names: what every engine does."""
    measure: Callable[..., Partial] = analysis.measure
    model = None if shard.model is None else inputs.model(shard.model)
    return measure(shard, model, inputs.dataset, *map(inputs.model, shard.others))


def need_model(model: Model | None) -> Model:
    """The model of a shard that names one."""
    if model is None:
        raise ProbekitError("this analysis reads a trained model; name one with model=NAME.")
    return model
