"""`probekit run`, `probekit train`, `probekit report` and `probekit check`."""

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probekit.cli.app import app
from probekit.cli.console import complain, err, out, plain, say_json, table
from probekit.cli.listing import Json
from probekit.errors import ProbekitError
from probekit.params import parse, read_config
from probekit.registry import registry

if TYPE_CHECKING:
    from probekit.request import Command

Keys = Annotated[
    list[str] | None, typer.Argument(help="key=value, as many as needed.", metavar="KEY=VALUE...")
]

MOST_ROWS, MOST_COLUMNS = 12, 6


@app.command(short_help="Run an analysis or a recipe.")
def run(keys: Keys = None, as_json: Json = False) -> None:
    """Run an analysis or a recipe: `probekit run plugin=NAME [key=value ...]`.

    The keys plugin, model, data, out, seed, device, engine and config belong to the run;
    model.x=, data.x= and engine.x= go to these parts; every other key is a parameter of the
    analysis. `probekit show NAME` lists them. The same command again resumes a run that was
    stopped.
    """
    _execute("run", keys or [], as_json)


@app.command(short_help="Train a model.")
def train(keys: Keys = None, as_json: Json = False) -> None:
    """Train a model: `probekit train model=NAME [key=value ...]`.

    `probekit show MODEL` lists what can be set, and which models can be trained. The run folder
    holds the checkpoints; a run that was stopped goes on after the last model that it finished.
    """
    _execute("train", keys or [], as_json)


def _execute(command: "Command", arguments: list[str], as_json: bool) -> None:
    given: dict[str, Any] = dict(parse(arguments))
    if "config" in given:
        given = read_config(given.pop("config")) | given
    from probekit.request import build

    request = build(given, registry(), command)
    with err.status("loading ..."):
        from probekit.runs import execute
    from probekit.cli.watch import Bar

    try:
        with Bar(request.name) as bar:
            folder = execute(request, bar)
    except KeyboardInterrupt:
        complain("stopped; the same command again goes on from here.")
        sys.exit(130)
    say_json(_summary(folder)) if as_json else _tell(folder)


def _summary(folder: Path) -> dict[str, Any]:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return {
        "folder": str(folder),
        "page": str(folder / "report.html"),
        "metrics": json.loads((folder / "metrics.json").read_text(encoding="utf-8")),
        "published": (manifest["recipe"] or {}).get("published", {}),
        "notes": manifest["notes"],
        "files": [str(folder / name) for name in manifest["files"]],
        "tables": sorted(str(path) for path in (folder / "tables").glob("*.csv")),
    }


def _tell(folder: Path) -> None:
    """The numbers, the tables that are short enough for a terminal, and what was found."""
    summary = _summary(folder)
    if summary["metrics"]:
        paper = summary["published"]
        columns = ("metric", "value", "the paper") if paper else ("metric", "value")
        rows = [
            (name, _short(value), _short(paper.get(name, "")))[: len(columns)]
            for name, value in summary["metrics"].items()
        ]
        out.print(table("", columns, rows))
    for path in map(Path, summary["tables"]):
        with path.open(encoding="utf-8", newline="") as file:
            header, *body = csv.reader(file)
        if len(body) <= MOST_ROWS and len(header) <= MOST_COLUMNS:
            out.print(table(f"\n{path.stem}", header, [map(_short, row) for row in body]))
    out.print()
    for note in summary["notes"]:
        out.print(plain(note))
    for name in [*summary["files"], summary["page"]]:
        out.print(plain(f"{'page' if name == summary['page'] else 'file'}: {name}"), soft_wrap=True)


def _short(value: object) -> str:
    """A number with four digits, everything else as it is."""
    try:
        return str(value) if str(value).isdigit() else f"{float(str(value)):.4g}"
    except ValueError:
        return str(value)


@app.command(short_help="Draw the page of a run again.")
def report(
    folder: Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN_DIR")],
) -> None:
    """Draw the figures and the page of a run again, from its stored tables."""
    from probekit.report import redraw

    out.print(plain(f"page: {redraw(folder)}", "bold"), soft_wrap=True)


@app.command(short_help="Hold a plugin against the contract.")
def check(
    name: Annotated[str, typer.Argument(help="A model, dataset or analysis.")],
) -> None:
    """Hold an installed model, dataset or analysis against the contract that all must pass."""
    from probekit.testing import check_installed

    outcomes = check_installed(name)
    for outcome in outcomes:
        mark = plain("ok    ", "green") if outcome.problem is None else plain("FAILED", "bold red")
        out.print(mark, plain(outcome.promise), plain(outcome.problem or "", "red"))
    kept = sum(outcome.problem is None for outcome in outcomes)
    out.print(plain(f"{kept} of {len(outcomes)} promises kept"))
    if kept < len(outcomes):
        raise ProbekitError(
            f"{name} breaks the contract; each line above names a promise not kept."
        )
