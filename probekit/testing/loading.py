"""Registered models and datasets, loaded by name with `key=value` parameters."""

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any, cast

from probekit.dataset import Dataset
from probekit.errors import Problems
from probekit.model import Model
from probekit.params import Params, validate
from probekit.registry import GROUPS, registry
from probekit.specs import DatasetSpec, ModelSpec, Noun, resolve


def load_model(name: str, given: Mapping[str, Any]) -> Model:
    """The model of that name, on the CPU; `given` are its `model.` keys."""
    spec = cast("ModelSpec", registry().find(name, "model").spec)
    return cast("Model", resolve(spec.implementation)(parameters(spec.params, given), "cpu"))


def load_dataset(name: str, given: Mapping[str, Any]) -> Dataset:
    """The dataset of that name; `given` are its `data.` keys."""
    spec = cast("DatasetSpec", registry().find(name, "dataset").spec)
    return cast("Dataset", resolve(spec.implementation)(parameters(spec.params, given)))


def usual_data(model: str) -> str:
    """The dataset that the model of that name goes with, or an empty string."""
    return cast("ModelSpec", registry().find(model, "model").spec).data


def parameters(schema: str, given: Mapping[str, Any]) -> Params:
    """The parameters that `given` makes of the schema; Problems where it refuses them."""
    params, problems = validate(cast("type[Params]", resolve(schema)), given)
    if params is None:
        raise Problems(problems)
    return params


def reference(name: str, noun: Noun) -> str:
    """What the entry point of that name points to."""
    entry = registry().find(name, noun)
    group = next(group for group, spec in GROUPS.items() if spec.noun == noun)
    return next(
        point.value
        for point in entry_points(group=group, name=entry.spec.name)
        if point.dist and point.dist.name == entry.distribution
    )
