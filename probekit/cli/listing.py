"""`probekit list`, `probekit show` and `probekit hooks`."""

from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.table import Table

from probekit.cli.app import app
from probekit.cli.console import out, plain, say_json, table
from probekit.registry import Broken, Entry, Registry, registry
from probekit.specs import Noun, RecipeSpec

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


@app.command("list", short_help="What is installed.")
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


@app.command(short_help="All about one of these.")
def show(
    name: Annotated[str, typer.Argument(help="A name from `probekit list`.")],
    as_json: Json = False,
) -> None:
    """Parameters, defaults, hook points, papers and compatible models of one thing."""
    from probekit.cli.facts import facts_of, parameters_of, training_of

    entry = registry().find(name, *NOUNS.values())
    spec = entry.spec
    facts, parameters, training = facts_of(spec), parameters_of(spec), training_of(spec)
    if as_json:
        about = {"name": spec.name, "id": entry.id, "summary": spec.summary}
        say_json(about | facts | {"parameters": parameters, "training": training})
        return
    source = f"({spec.noun}, {entry.id} {entry.version})"
    out.print(plain(spec.name, "bold cyan"), plain(source, "dim"))
    out.print(plain(spec.summary))
    out.print()
    grid = Table.grid(padding=(0, 3, 0, 0))
    for title, value in facts.items():
        text = "\n".join(value) if isinstance(value, list) else value
        grid.add_row(plain(title, "dim"), plain(text))
    out.print(grid)
    for title, rows in (("parameters", parameters), ("parameters of training", training)):
        if rows:
            columns = ("key", "type", "default", "meaning")
            out.print()
            out.print(table(title, columns, [[row[c] for c in columns] for row in rows]))


@app.command(short_help="A model's hook points, as a tree.")
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
