"""A run: one execution of a request, and the folder that it leaves behind.

    folder = execute(build(parse(["plugin=gru-saturation"]), registry()))

The same request again resumes: partials that are there are not measured twice.
"""

import json
import logging
import math
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple, cast

import tomli_w

from probekit.analysis import Analysis, Partial, Result, Shard
from probekit.errors import ProbekitError
from probekit.inputs import RunInputs
from probekit.manifest import describe, now, remarks
from probekit.partials import PartialStore, write_file
from probekit.progress import listening
from probekit.report import write_figures, write_page
from probekit.report.folder import plain_names, read_manifest
from probekit.request import Request
from probekit.specs import AnalysisSpec, resolve

log = logging.getLogger("probekit")


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

    def claim(self, identity: dict[str, Any]) -> bool:
        """Make the folder this run's, refusing one that holds anything else.

        Gives whether it was not there before.
        """
        if self.path.exists() and not self.path.is_dir():
            raise ProbekitError(f"{self.path} is a file; give another folder with out=DIR.")
        manifest = self.path / "manifest.json"
        if manifest.exists():
            self._same(read_manifest(self.path), identity)
        elif self.path.exists() and any(self.path.iterdir()):
            raise ProbekitError(f"{self.path} is not empty and no run; give another out=DIR.")
        fresh = not self.path.exists()
        self.path.mkdir(parents=True, exist_ok=True)
        return fresh

    def _same(self, manifest: dict[str, Any], identity: dict[str, Any]) -> None:
        before = _flat(manifest.get("identity") or {})
        now = _flat(json.loads(json.dumps(identity)))
        for key in sorted(before.keys() | now.keys()):
            old, new = before.get(key), now.get(key)
            if old != new:
                raise ProbekitError(
                    f"{self.path} holds a run with another {key} ({_cut(old)}, now {_cut(new)});"
                    " give another out=DIR or remove that folder."
                )

    def _within(self, name: str) -> Path:
        """The path of a file that an analysis leaves; one outside the folder is refused."""
        path = self.path / name
        if not path.resolve().is_relative_to(self.path.resolve()):
            raise ProbekitError(f"the analysis would write {name}, outside its run folder.")
        return path

    def write_json(self, name: str, content: Any) -> None:
        """Write a JSON file; numbers that JSON does not have become null."""
        text = json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False)
        write_file(self.path / name, (text + "\n").encode())

    def write_result(self, result: Result) -> None:
        """Write tables, metrics, figures and files."""
        plain_names(result.tables, "table")
        for name, table in result.tables.items():
            text = table.to_csv(index=False, lineterminator="\n")
            write_file(self.path / "tables" / f"{name}.csv", text.encode())
            write_file(self.path / "tables" / f"{name}.parquet", table.to_parquet(index=False))
        self.write_json("metrics.json", result.metrics)
        for name, content in result.files.items():
            write_file(self._within(name), content)
        write_figures(self.path, result.figures, result.tables)


def execute(request: Request, watch: Watch | None = None) -> Path:
    """Carry a request out; gives the run folder, whose page is `report.html`."""
    inputs = RunInputs(request)
    identity = request.identity() | {"fingerprints": inputs.fingerprints()}
    work = _plan(request, inputs)
    folder = RunFolder(request.folder)
    fresh = folder.claim(identity)
    manifest = describe(request, identity)
    folder.write_json("manifest.json", manifest)
    write_file(folder.path / "config.toml", tomli_w.dumps(_plain(request.chosen)).encode())
    handler = logging.FileHandler(folder.path / "log.txt", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        _carry_out(request, work, inputs, folder, manifest, watch or Watch())
    except BaseException as error:
        log.info("stopped: %s: %s", type(error).__name__, error)
        folder.write_json("manifest.json", manifest | {"status": "failed"})
        if fresh and isinstance(error, ProbekitError) and not folder.partials.any():
            shutil.rmtree(folder.path)  # a mistake that was found late leaves nothing behind
        raise
    finally:
        log.removeHandler(handler)
        handler.close()
    return folder.path


class Work(NamedTuple):
    """An analysis and the shards that it divides into."""

    analysis: Analysis[Any]
    shards: list[Shard]


def _plan(request: Request, inputs: RunInputs) -> Work:
    implementation = resolve(cast("AnalysisSpec", request.analysis.entry.spec).implementation)
    analysis: Analysis[Any] = implementation(request.analysis.params, request.run.seed)
    return Work(analysis, _distinct(analysis.shards(inputs)))


def _carry_out(
    request: Request,
    work: Work,
    inputs: RunInputs,
    folder: RunFolder,
    manifest: dict[str, Any],
    watch: Watch,
) -> None:
    analysis, shards = work
    analysis.scratch, analysis.device = folder.path / "scratch", inputs.device
    _measure(request, work, inputs, folder.partials, watch)
    result = analysis.combine(folder.partials.all(shards), inputs)
    folder.write_result(result)
    manifest |= {
        "shards": len(shards),
        "notes": result.notes + remarks(request),
        "files": sorted(result.files),
        "figures": [
            {"name": f.name, "title": f.title, "caption": f.caption, "table": f.table}
            for f in result.figures
        ],
        "status": "complete",
        "finished": now(),
    }
    folder.write_json("manifest.json", manifest)
    write_page(folder.path)
    shutil.rmtree(analysis.scratch, ignore_errors=True)
    log.info("complete: %s", folder.path)


def _measure(
    request: Request,
    work: Work,
    inputs: RunInputs,
    store: PartialStore,
    watch: Watch,
) -> None:
    """Measure what is not there yet, keeping every partial as soon as it is known."""
    analysis, shards = work
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


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """Nested values under dotted names: `analysis.params.left`."""
    if isinstance(value, list):
        value = {str(index): item for index, item in enumerate(value)}
    if not isinstance(value, dict):
        return {name: value}
    found: dict[str, Any] = {}
    for key, item in value.items():
        found |= _flat(item, f"{name}.{key}" if name else key)
    return found


def _cut(value: Any) -> str:
    return str(value)[:20]


def _plain(value: Any) -> Any:
    """Nested values as TOML and JSON have them."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
