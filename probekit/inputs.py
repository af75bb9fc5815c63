"""The models and the dataset of a run, loaded when they are first asked for."""

from collections.abc import Sequence
from functools import cached_property
from typing import cast

import torch

from probekit.dataset import Dataset, ListDataset
from probekit.errors import ProbekitError
from probekit.hooks import HookSpec, select
from probekit.model import Model
from probekit.request import Request
from probekit.specs import AnalysisSpec


class RunInputs:
    """What an analysis reads; each model is loaded once and kept."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.seed = request.run.seed
        self._models: dict[str, Model] = {}

    @property
    def labels(self) -> Sequence[str]:
        """The labels of the models, in the order given."""
        return tuple(self.request.models)

    @cached_property
    def dataset(self) -> Dataset:
        """The dataset; an empty one where the run names none."""
        choice = self.request.data
        return cast("Dataset", choice.load()) if choice else ListDataset(())

    def model(self, label: str) -> Model:
        """The model of that label, on the device of the run."""
        if label not in self._models:
            self._models[label] = self.request.models[label].load(self.device)
        return self._models[label]

    def hooks(self, label: str) -> list[HookSpec]:
        """The hook points of that model that the analysis asks for."""
        spec = cast("AnalysisSpec", self.request.analysis.entry.spec)
        return select(self.model(label).hook_specs, *spec.wants, model=label)

    def fingerprints(self) -> dict[str, str]:
        """Hashes of the data and of every model, after each has been checked against the data."""
        found = {"data": self.dataset.fingerprint if self.request.data else ""}
        for label in self.labels:
            self.hooks(label)
            self.model(label).check(self.dataset)
            found[f"model {label}"] = self.model(label).fingerprint
        return found

    @property
    def device(self) -> str:
        """The device of the run; ProbekitError where this machine does not have it."""
        device = self.request.run.device
        missing = device.startswith("cuda") and not torch.cuda.is_available()
        if missing or (device == "mps" and not torch.backends.mps.is_available()):
            raise ProbekitError(f"device={device} is not on this machine; use device=cpu.")
        return device
