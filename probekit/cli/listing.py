"""`probekit list`, `probekit show` and `probekit hooks`."""

from enum import StrEnum
from typing import Annotated, Any, cast

import typer
from rich.table import Table

from probekit.cli.app import app
from probekit.cli.console import out, plain, say_json, table
from probekit.registry import Broken, Entry, Registry, registry
from probekit.specs import AnalysisSpec, ModelSpec, Noun, Paper, RecipeSpec, Spec

Json = Annotated[bool, typer.Option("--json", help="JSON alone on standard output.")]


class Group(StrEnum):
    """What can be listed alone."""

    models = "models"
    datasets = "datasets"
    analyses = "analyses"
    recipes = "recipes"
    engines = "engines"


NOUNS: dict[Group, Noun] = {
    Group.recipes: "recipe",
    Group.analyses: "analysis",
    Group.models: "model",
    Group.datasets: "dataset",
    Group.engines: "engine",
}


@app.command("list")
def list_(
    group: Annotated[Group | None, typer.Argument(help="Only these; all by default.")] = None,
    as_json: Json = False,
) -> None:
    """What is installed: recipes, analyses, models, datasets and engines."""
    found = registry()
    groups = [group] if group else list(NOUNS)
    if as_json:
        say_json({name.value: _rows_json(found, NOUNS[name]) for name in groups})
        return
    for name in groups:
        rows = [_row(entry) for entry in found.of(NOUNS[name])]
        rows += [_broken_row(row) for row in found.broken if row.noun == NOUNS[name]]
        out.print(table(name.value, ("name", "what it is", "from"), rows))
        out.print()
    out.print("`probekit show NAME` tells more of one; `probekit run plugin=NAME` runs one.")


def _row(entry: Entry) -> tuple[Any, ...]:
    about = entry.spec.summary
    if isinstance(entry.spec, RecipeSpec) and entry.spec.paper:
        about = f"{about} ({entry.spec.paper.key}, {entry.spec.shows})"
    source = f"{entry.distribution} {entry.version}"
    return plain(entry.spec.name, "bold cyan"), about, plain(source, "dim")


def _broken_row(row: Broken) -> tuple[Any, ...]:
    source = f"{row.distribution} {row.version}"
    return plain(row.name, "bold red"), plain(f"broken: {row.reason}", "red"), plain(source, "red")


def _rows_json(found: Registry, noun: Noun) -> list[dict[str, Any]]:
    sound = [
        {
            "name": e.spec.name,
            "id": e.id,
            "summary": e.spec.summary,
            "version": e.version,
            "broken": None,
        }
        for e in found.of(noun)
    ]
    broken = [
        {"name": b.name, "id": b.id, "summary": "", "version": b.version, "broken": b.reason}
        for b in found.broken
        if b.noun == noun
    ]
    return sound + broken


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A name from `probekit list`.")],
    as_json: Json = False,
) -> None:
    """Parameters, defaults, hook points, papers and compatible models of one thing."""
    entry = registry().find(name, *NOUNS.values())
    facts, parameters = _facts(entry), _parameters(entry.spec)
    if as_json:
        say_json({"name": entry.spec.name, "id": entry.id, "summary": entry.spec.summary}
                 | facts | {"parameters": parameters})  # fmt: skip
        return
    out.print(
        plain(entry.spec.name, "bold cyan"),
        plain(f"({entry.spec.noun}, {entry.id} {entry.version})", "dim"),
    )
    out.print(plain(entry.spec.summary))
    out.print()
    grid = Table.grid(padding=(0, 3, 0, 0))
    for title, value in facts.items():
        grid.add_row(
            plain(title, "dim"), plain("\n".join(value) if isinstance(value, list) else value)
        )
    out.print(grid)
    if parameters:
        out.print()
        columns = ("key", "type", "default", "meaning")
        out.print(table("parameters", columns, [[row[c] for c in columns] for row in parameters]))


def _facts(entry: Entry) -> dict[str, Any]:
    """What there is to say beside the parameters, by title."""
    spec = entry.spec
    facts: dict[str, Any] = {}
    papers: list[Paper] = list(getattr(spec, "papers", ()))
    if isinstance(spec, RecipeSpec):
        papers += [spec.paper] if spec.paper else []
        facts["shows"] = spec.shows
        facts["analysis"] = spec.analysis
        facts["model"] = spec.model
        facts["dataset"] = spec.data
        facts["fills in"] = [
            f"{prefix}{key}={_text(value)}"
            for prefix, keys in (
                ("", spec.params),
                ("model.", spec.model_params),
                ("data.", spec.data_params),
            )
            for key, value in keys.items()
        ]
        spec = registry().find(spec.analysis, "analysis").spec
    if isinstance(spec, AnalysisSpec):
        facts["hook points"] = [str(want) for want in spec.wants]
        facts["labels"] = list(spec.labels)
        facts["models"] = [
            e.spec.name for e in registry().of("model") if spec.fits(cast("ModelSpec", e.spec))
        ] if not spec.trains else []  # fmt: skip
    if isinstance(spec, ModelSpec):
        facts["hook points"] = [str(offer) for offer in spec.offers]
        facts["checkpoints"] = [f"{key}: {text}" for key, text in spec.checkpoints.items()]
        facts["usual dataset"] = spec.data
        facts["trained by"] = f"probekit train model={spec.name}" if spec.trainer else ""
    facts["papers"] = [f"{paper.citation} {paper.url}".strip() for paper in papers]
    return {title: value for title, value in facts.items() if value}


def _parameters(spec: Spec) -> list[dict[str, str]]:
    """The rows of the parameter table; a recipe has those of its analysis with its own defaults."""
    from probekit.cli.schema import parameter_rows

    if isinstance(spec, RecipeSpec):
        analysis = registry().find(spec.analysis, "analysis").spec
        return parameter_rows(cast("AnalysisSpec", analysis).params, "", spec.params)
    rows = parameter_rows(
        cast("Any", spec).params,
        {"model": "model.", "dataset": "data.", "engine": "engine."}.get(spec.noun, ""),
    )
    if isinstance(spec, ModelSpec) and spec.trainer:
        trainer = cast("AnalysisSpec", registry().find(spec.trainer, "analysis").spec)
        rows += [
            row | {"key": f"(train) {row['key']}"}
            for row in parameter_rows(trainer.params, "", spec.trainer_params)
        ]
    return rows


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


@app.command()
def hooks(
    model: Annotated[str, typer.Argument(help="A model from `probekit list models`.")],
    keys: Annotated[
        list[str] | None, typer.Argument(help="model.checkpoint=FILE and the like.")
    ] = None,
    as_json: Json = False,
) -> None:
    """A model's hook points, as a tree with shapes and what each gate's ends mean."""
    from probekit.cli.tree import hook_tree, load_model, spec_json

    specs = load_model(model, keys or []).hook_specs.values()
    if as_json:
        say_json([spec_json(spec) for spec in specs])
        return
    out.print(hook_tree(model, specs))
