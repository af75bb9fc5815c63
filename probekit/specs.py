"""What the registry lists: frozen descriptions that import neither torch nor the code they name.

A spec names its implementation as `"package.module:attribute"`; only a run imports it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, ClassVar, Literal

from probekit.hooks import HookQuery

API_VERSION = 1

Noun = Literal["model", "dataset", "analysis", "recipe", "engine"]


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A paper that an analysis or a recipe comes from, as it is cited on the page."""

    key: str
    citation: str
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What every registered thing has: a name, a summary, the API that it was written for."""

    noun: ClassVar[Noun]
    name: str
    summary: str
    api: int = API_VERSION


@dataclass(frozen=True, kw_only=True)
class ModelSpec(Spec):
    """A model that can be loaded.

    `implementation` is called as `load(params, device)` and gives a Model; `params` names a Params
    class; `offers` says which hook points it will have; `data` is the dataset it goes with;
    `checkpoints` lists the trained weights that ship with the plugin; `trainer` names the analysis
    behind `probekit train`, and `trainer_params` what this model fixes of its parameters.
    """

    noun: ClassVar[Noun] = "model"
    implementation: str
    params: str
    offers: tuple[HookQuery, ...]
    data: str = ""
    checkpoints: Mapping[str, str] = field(default_factory=dict)
    trainer: str = ""
    trainer_params: Mapping[str, Any] = field(default_factory=dict)
    papers: tuple[Paper, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(Spec):
    """A dataset that can be read or generated; `implementation` is called with its Params.

    `labels` names what every example carries beside its words.
    """

    noun: ClassVar[Noun] = "dataset"
    implementation: str
    params: str
    labels: tuple[str, ...] = ()
    papers: tuple[Paper, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AnalysisSpec(Spec):
    """A question that can be put to a model and a dataset.

    `wants` are the hook points it asks for (each must be offered), `labels` what it asks of the
    dataset. With `trains` set it makes models instead of reading them: it is reached by
    `probekit train`, and no checkpoint is loaded for it.
    """

    noun: ClassVar[Noun] = "analysis"
    implementation: str
    params: str
    wants: tuple[HookQuery, ...] = ()
    labels: tuple[str, ...] = ()
    trains: bool = False
    papers: tuple[Paper, ...] = ()

    def fits(self, model: ModelSpec) -> bool:
        """Whether the model offers every kind of hook point that the analysis asks for."""
        return all(any(want.admits(offer) for offer in model.offers) for want in self.wants)


@dataclass(frozen=True, kw_only=True)
class RecipeSpec(Spec):
    """An analysis with model, dataset and parameters filled in, under a citable name.

    `shows` is the table or figure of the paper; `published` holds the paper's numbers by the name
    of the metric, to be set beside those of the run; `remarks` are sentences for the page.
    """

    noun: ClassVar[Noun] = "recipe"
    analysis: str
    model: str = ""
    data: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    model_params: Mapping[str, Any] = field(default_factory=dict)
    data_params: Mapping[str, Any] = field(default_factory=dict)
    paper: Paper | None = None
    shows: str = ""
    published: Mapping[str, float] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EngineSpec(Spec):
    """A way to work through shards; `implementation`, called with its Params, is an Engine."""

    noun: ClassVar[Noun] = "engine"
    implementation: str
    params: str


def resolve(reference: str) -> Any:
    """The object that `"package.module:attribute"` names."""
    module, _, attribute = reference.partition(":")
    return getattr(import_module(module), attribute)
