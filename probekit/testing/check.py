"""`probekit check NAME`: an installed model, dataset or analysis held against its contract."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from probekit.errors import ProbekitError, listing
from probekit.model import Model
from probekit.params import validate
from probekit.registry import Entry, registry
from probekit.specs import AnalysisSpec, DatasetSpec, ModelSpec, Noun, resolve
from probekit.testing.analyses import AnalysisContract
from probekit.testing.contract import Contract, Outcome
from probekit.testing.datasets import DatasetContract
from probekit.testing.inputs import Thinned
from probekit.testing.loading import load_dataset, load_model
from probekit.testing.models import ModelContract
from probekit.testing.specs import tiny_model, tiny_sentences

CONTRACTS: Mapping[Noun, type[Contract]] = {
    "model": ModelContract,
    "dataset": DatasetContract,
    "analysis": AnalysisContract,
}


def check_installed(name: str) -> list[Outcome]:
    """Every promise of what is registered under `name`, with its default parameters.

    An analysis is asked of the first installed model that fits it. Raises ProbekitError where
    nothing is called so, and where the promises cannot be tried without more being given.
    """
    if not __debug__:
        raise ProbekitError("`python -O` leaves assertions out, and promises with them; drop -O.")
    entry = registry().find(name, *CONTRACTS)
    facts: dict[str, Any] = {"name": entry.id}
    if isinstance(entry.spec, ModelSpec) and not entry.spec.data:
        raise ProbekitError(
            f"{entry.spec.name} goes with no dataset of its own, so there is nothing to show it; "
            "write a test class of probekit.testing.ModelContract with data = NAME."
        )
    if isinstance(entry.spec, AnalysisSpec):
        facts |= _readable(entry.spec)
    contract = cast("type[Contract]", type("Installed", (CONTRACTS[entry.spec.noun],), facts))
    return list(contract().outcomes())


def _readable(spec: AnalysisSpec) -> dict[str, str]:
    """A model and a dataset that the analysis can be asked of; none for the doubles."""
    if spec.trains:
        raise ProbekitError(
            f"{spec.name} makes models, which takes long; write a test class of "
            "probekit.testing.AnalysisContract with params that make it short."
        )
    for entry in registry().of("model"):
        described = cast("ModelSpec", entry.spec)
        model = _loaded(entry) if spec.fits(described) else None
        if model is not None:
            for data in _datasets(described, spec):
                if _reads(model, data):
                    return {"model": entry.id, "data": data.id}
    if spec.fits(tiny_model) and set(spec.labels) <= set(tiny_sentences.labels):
        return {}
    labels = f" and a dataset with the labels {listing(spec.labels)}" if spec.labels else ""
    raise ProbekitError(
        f"no installed model fits {spec.name}; install a plugin with a model that has "
        f"{listing(str(want) for want in spec.wants)} hook points{labels}."
    )


def _datasets(model: ModelSpec, spec: AnalysisSpec) -> Iterator[Entry]:
    """The datasets with the labels asked for that load by default, the model's usual one first."""
    found = registry().of("dataset")
    for entry in sorted(found, key=lambda entry: model.data not in (entry.spec.name, entry.id)):
        labels = cast("DatasetSpec", entry.spec).labels
        if set(spec.labels) <= set(labels) and _loads_by_default(entry):
            yield entry


def _loaded(entry: Entry) -> Model | None:
    """The model as it is by default; None where its weights are not on this machine."""
    try:
        return load_model(entry.id, {})
    except (ProbekitError, ValueError):
        return None


def _reads(model: Model, data: Entry) -> bool:
    """Whether the model can read the first examples of the dataset."""
    try:
        model.check(Thinned(load_dataset(data.id, {}), AnalysisContract.examples))
    except ProbekitError:
        return False
    return True


def _loads_by_default(entry: Entry) -> bool:
    """Whether every parameter has a default."""
    schema = resolve(cast("ModelSpec | DatasetSpec", entry.spec).params)
    return validate(schema, {})[0] is not None
