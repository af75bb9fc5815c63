"""A run: one execution of a request, and the folder that it leaves behind.

    folder = execute(build(parse(["plugin=gru-saturation"]), registry()))

The same request again resumes: partials that are there are not measured twice.
"""

import json
import logging
import math
import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

import tomli_w

from probekit.analysis import Analysis, Partial, Result, Shard
from probekit.errors import ProbekitError
from probekit.inputs import RunInputs
from probekit.partials import PartialStore, write_file
from probekit.progress import listening
from probekit.report import write_figures, write_page
from probekit.request import Request
from probekit.specs import AnalysisSpec, RecipeSpec, resolve

log = logging.getLogger("probekit")

LIBRARIES = ("probekit-core", "torch", "transformer-lens", "numpy", "pandas")


class Watch:
    """Whoever wants to see a run go on; this one looks away."""

    def start(self, shards: int, kept: int, size: int) -> None:
        """`size` units of work lie ahead; of `shards` shards, `kept` were there already."""

    def advance(self, amount: int) -> None:
        """So much of the work is done."""


class RunFolder:
    """The files of a run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.partials = PartialStore(path / "partials")

    def claim(self, identity: dict[str, Any]) -> None:
        """Make the folder this run's; refuse one that holds anything else."""
        if self.path.exists() and not self.path.is_dir():
            raise ProbekitError(f"{self.path} is a file; give another folder with out=DIR.")
        manifest = self.path / "manifest.json"
        if manifest.exists():
            self._same(read_manifest(self.path), identity)
        elif self.path.exists() and any(self.path.iterdir()):
            raise ProbekitError(f"{self.path} is not empty and no run; give another out=DIR.")
        self.path.mkdir(parents=True, exist_ok=True)

    def _same(self, manifest: dict[str, Any], identity: dict[str, Any]) -> None:
        before = manifest.get("identity") or {}
        for key in identity:
            if before.get(key) != json.loads(json.dumps(identity[key])):
                raise ProbekitError(
                    f"{self.path} holds a run with another {key}; give another out=DIR"
                    " or remove that folder."
                )

    def write_json(self, name: str, content: Any) -> None:
        """Write a JSON file; numbers that JSON does not have become null."""
        text = json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False)
        write_file(self.path / name, (text + "\n").encode())

    def write_result(self, result: Result) -> None:
        """Write tables, metrics, figures and files."""
        for name, table in result.tables.items():
            text = table.to_csv(index=False, lineterminator="\n")
            write_file(self.path / "tables" / f"{name}.csv", text.encode())
            write_file(self.path / "tables" / f"{name}.parquet", table.to_parquet(index=False))
        self.write_json("metrics.json", result.metrics)
        for name, content in result.files.items():
            write_file(self.path / name, content)
        write_figures(self.path, result.figures, result.tables)


def execute(request: Request, watch: Watch | None = None) -> Path:
    """Carry a request out; gives the run folder, whose page is `report.html`."""
    inputs = RunInputs(request)
    identity = request.identity() | {"fingerprints": inputs.fingerprints()}
    folder = RunFolder(request.folder)
    folder.claim(identity)
    manifest = _manifest(request, identity)
    folder.write_json("manifest.json", manifest)
    write_file(folder.path / "config.toml", tomli_w.dumps(_plain(request.chosen)).encode())
    handler = logging.FileHandler(folder.path / "log.txt", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        _carry_out(request, inputs, folder, manifest, watch or Watch())
    except BaseException as error:
        log.info("stopped: %s: %s", type(error).__name__, error)
        folder.write_json("manifest.json", manifest | {"status": "failed"})
        raise
    finally:
        log.removeHandler(handler)
        handler.close()
    return folder.path


def _carry_out(
    request: Request, inputs: RunInputs, folder: RunFolder, manifest: dict[str, Any], watch: Watch
) -> None:
    implementation = resolve(cast("AnalysisSpec", request.analysis.entry.spec).implementation)
    analysis: Analysis[Any] = implementation(request.analysis.params, request.run.seed)
    shards = _distinct(analysis.shards(inputs))
    _measure(request, analysis, inputs, shards, folder.partials, watch)
    result = analysis.combine(folder.partials.all(shards), inputs)
    folder.write_result(result)
    manifest |= {
        "shards": len(shards),
        "notes": result.notes + _remarks(request),
        "figures": [
            {"name": f.name, "title": f.title, "caption": f.caption, "table": f.table}
            for f in result.figures
        ],
        "status": "complete",
        "finished": _now(),
    }
    folder.write_json("manifest.json", manifest)
    write_page(folder.path)
    log.info("complete: %s", folder.path)


def _measure(
    request: Request,
    analysis: Analysis[Any],
    inputs: RunInputs,
    shards: list[Shard],
    store: PartialStore,
    watch: Watch,
) -> None:
    """Measure what is not there yet, keeping every partial as soon as it is known."""
    todo = [shard for shard in shards if not store.holds(shard)]
    watch.start(len(shards), len(shards) - len(todo), sum(shard.size for shard in todo))
    log.info("%d shards, %d of them measured before", len(shards), len(shards) - len(todo))
    seen = 0

    def tick(amount: int) -> None:
        nonlocal seen
        seen += amount
        watch.advance(amount)

    def keep(shard: Shard, partial: Partial) -> None:
        nonlocal seen
        store.write(shard, partial)
        watch.advance(shard.size - seen)
        seen = 0
        log.info("measured %s", shard.name)

    with listening(tick):
        request.engine.load().work(analysis, inputs, todo, keep)


def _distinct(shards: list[Shard]) -> list[Shard]:
    counts = Counter(shard.name for shard in shards)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise ProbekitError(f"the analysis names two shards {twice[0]}; each needs its own name.")
    return shards


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a run folder; a folder without a sound one is an error."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise ProbekitError(f"{folder} is no run folder: it has no manifest.json.") from error
    except ValueError as error:
        raise ProbekitError(f"{folder}/manifest.json is damaged: {error}.") from error
    if not isinstance(manifest, dict):
        raise ProbekitError(f"{folder}/manifest.json is damaged: it holds no object.")
    return manifest


def _manifest(request: Request, identity: dict[str, Any]) -> dict[str, Any]:
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
        "started": _now(),
        "identity": identity,
    }  # fmt: skip


def _remarks(request: Request) -> list[str]:
    return list(cast("RecipeSpec", request.recipe.spec).remarks) if request.recipe else []


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


def _plain(value: Any) -> Any:
    """Nested values as TOML and JSON have them."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


__all__: Sequence[str] = ["RunFolder", "Watch", "execute", "read_manifest"]
