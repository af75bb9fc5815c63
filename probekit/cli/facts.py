"""What `probekit show` tells of a spec, as plain values by title."""

from typing import Any, cast

from probekit.cli.schema import parameter_rows
from probekit.registry import registry
from probekit.specs import AnalysisSpec, ModelSpec, Noun, Paper, RecipeSpec, Spec

Rows = list[dict[str, str]]
PREFIXES: dict[Noun, str] = {"model": "model.", "dataset": "data.", "engine": "engine."}


def facts_of(spec: Spec) -> dict[str, Any]:
    """What there is to say beside the parameters; what is empty is left out."""
    facts: dict[str, Any] = {}
    papers: list[Paper] = list(getattr(spec, "papers", ()))
    if isinstance(spec, RecipeSpec):
        papers = [spec.paper] if spec.paper else []
        facts = _of_recipe(spec) | _of_analysis(_analysis(spec.analysis))
    elif isinstance(spec, AnalysisSpec):
        facts = _of_analysis(spec)
    elif isinstance(spec, ModelSpec):
        facts = _of_model(spec)
    else:
        facts["labels"] = list(getattr(spec, "labels", ()))
    facts["papers"] = [f"{paper.citation} {paper.url}".strip() for paper in papers]
    return {title: value for title, value in facts.items() if value}


def _analysis(name: str) -> AnalysisSpec:
    return cast("AnalysisSpec", registry().find(name, "analysis").spec)


def _of_recipe(spec: RecipeSpec) -> dict[str, Any]:
    parts = (("", spec.params), ("model.", spec.model_params), ("data.", spec.data_params))
    given = [(prefix + key, value) for prefix, keys in parts for key, value in keys.items()]
    return {
        "shows": spec.shows,
        "analysis": spec.analysis,
        "model": spec.model,
        "dataset": spec.data,
        "fills in": [f"{key}={_text(value)}" for key, value in given],
    }


def _of_analysis(spec: AnalysisSpec) -> dict[str, Any]:
    models = [cast("ModelSpec", entry.spec) for entry in registry().of("model")]
    fitting = [] if spec.trains else [model.name for model in models if spec.fits(model)]
    return {
        "hook points": [str(want) for want in spec.wants],
        "labels": list(spec.labels),
        "models": fitting,
    }


def _of_model(spec: ModelSpec) -> dict[str, Any]:
    return {
        "hook points": [str(offer) for offer in spec.offers],
        "checkpoints": [f"{key}: {text}" for key, text in spec.checkpoints.items()],
        "usual dataset": spec.data,
        "trained by": f"probekit train model={spec.name}" if spec.trainer else "",
    }


def parameters_of(spec: Spec) -> Rows:
    """The rows of the parameter table; a recipe has those of its analysis, its own as defaults."""
    if isinstance(spec, RecipeSpec):
        return parameter_rows(_analysis(spec.analysis).params, "", spec.params)
    return parameter_rows(cast("Any", spec).params, PREFIXES.get(spec.noun, ""))


def training_of(spec: Spec) -> Rows:
    """The parameters of `probekit train` for a model that can be trained."""
    if not (isinstance(spec, ModelSpec) and spec.trainer):
        return []
    return parameter_rows(_analysis(spec.trainer).params, "", spec.trainer_params)


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
