"""What a run folder says of its run: versions, parameters, hashes, platform."""

import json
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, cast

from probekit.request import Request
from probekit.specs import AnalysisSpec, ModelSpec, RecipeSpec

LIBRARIES = ("probekit-core", "torch", "transformer-lens", "numpy", "pandas")


def describe(request: Request, identity: dict[str, Any]) -> dict[str, Any]:
    """What is known of a run before it begins."""
    spec = cast("AnalysisSpec", request.analysis.entry.spec)
    recipe = cast("RecipeSpec", request.recipe.spec) if request.recipe else None
    papers = [recipe.paper] if recipe and recipe.paper else list(spec.papers)
    prints = identity["fingerprints"]
    models = [one | {"fingerprint": prints[f"model {one['label']}"]} for one in identity["models"]]
    data = identity["data"] and identity["data"] | {"fingerprint": prints["data"]}
    return {
        "status": "running",
        "command": [
            request.command,
            *(f"{key}={_word(value)}" for key, value in request.given.items()),
        ],
        "analysis": {
            "id": request.analysis.entry.id,
            "version": request.analysis.entry.version,
            "summary": spec.summary,
        },
        "recipe": recipe and {
            "id": cast("Any", request.recipe).id, "summary": recipe.summary, "shows": recipe.shows,
            "paper": asdict(recipe.paper) if recipe.paper else None,
            "published": dict(recipe.published),
        },
        "papers": [asdict(paper) for paper in papers],
        "models": models,
        "data": data,
        "params": identity["analysis"]["params"],
        "given": dict(request.given),
        "seed": request.run.seed,
        "device": request.run.device,
        "engine": request.engine.describe(),
        "versions": _versions(request),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "started": now(),
        "identity": identity,
    }  # fmt: skip


def remarks(request: Request) -> list[str]:
    """The sentences that a recipe puts on its page, and what is known of each shipped model."""
    said = list(cast("RecipeSpec", request.recipe.spec).remarks) if request.recipe else []
    for label, choice in request.models.items():
        shipped = cast("ModelSpec", choice.entry.spec).checkpoints
        told = shipped.get(getattr(choice.params, "checkpoint", ""))
        said += (
            [f"The model {label} comes with {choice.entry.distribution}: {told}."] if told else []
        )
    return said


def _versions(request: Request) -> dict[str, str]:
    choices = [request.analysis, request.engine, *request.models.values()]
    choices += [request.data] if request.data else []
    found = {choice.entry.distribution: choice.entry.version for choice in choices}
    for name in LIBRARIES:
        try:
            found.setdefault(name, version(name))
        except PackageNotFoundError:
            continue
    return dict(sorted(found.items()))


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
