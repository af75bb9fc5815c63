"""The page of a run: one HTML file that works offline, made from the run folder alone.

    write_page(Path("runs/gru-saturation"))      # -> runs/gru-saturation/report.html

Whatever stands in a run folder is hostile text here: nothing of it may become markup or script.
"""

import shlex
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
import vl_convert
from jinja2 import ChainableUndefined, Environment, Template
from markupsafe import Markup

from probekit.analysis import Figure
from probekit.errors import ProbekitError
from probekit.partials import write_file
from probekit.report import text
from probekit.report.figures import drawing, write_figures
from probekit.report.folder import (
    figures_of,
    read_manifest,
    read_object,
    read_table,
    table_names,
)

SHOWN_ROWS = 500
COMPLETE = "complete"


def write_page(folder: Path) -> Path:
    """Write `report.html` from the manifest, metrics, tables and charts of a run folder.

    Every text is escaped, the page asks for nothing outside itself, and a content security policy
    keeps it so. Raises ProbekitError where a file is missing or damaged.
    """
    manifest = read_manifest(folder)
    figures = [_figure(folder, row) for row in figures_of(folder, manifest)]
    drawn = {figure["table"]["name"] for figure in figures}
    recipe, analysis = manifest.get("recipe") or {}, manifest.get("analysis") or {}
    page = _template().render(
        m=manifest,
        kind="Recipe" if recipe else "Analysis",
        name=text.short((recipe or analysis).get("id")),
        summary=recipe.get("summary") or analysis.get("summary"),
        when=text.when(manifest.get("started"), manifest.get("finished")),
        command=_command(manifest),
        metrics=_metrics(read_object(folder / "metrics.json"), recipe.get("published") or {}),
        figures=figures,
        tables=[_table(folder, name) for name in table_names(folder) if name not in drawn],
        papers=_papers(manifest),
        css=Markup(_own("style.css")),  # noqa: S704 (the package's own file)
        runtime=Markup(_runtime()),  # noqa: S704 (a script, no text of a run in it)
    )
    path = folder / "report.html"
    write_file(path, page.encode("utf-8", "replace"))
    return path


def redraw(folder: Path) -> Path:
    """Draw every figure and the page again from the stored tables; give the page's path.

    Raises ProbekitError where the folder is no run folder, where the run is not complete, and
    where a file is missing or damaged.
    """
    manifest = read_manifest(folder)
    status = manifest.get("status")
    if status != COMPLETE:
        raise ProbekitError(
            f"the run in {folder} is not complete (its status is {status}); "
            "give its command again to finish it."
        )
    rows = figures_of(folder, manifest)
    tables = {name: read_table(folder, name) for name in {row["table"] for row in rows}}
    write_figures(folder, [_stored(folder, row) for row in rows], tables)
    return write_page(folder)


def _stored(folder: Path, row: Mapping[str, Any]) -> Figure:
    """A figure of the manifest with its stored chart."""
    chart = read_object(folder / "figures" / f"{row['name']}.vl.json")
    title, caption = (str(row.get(key) or "") for key in ("title", "caption"))
    return Figure(row["name"], title, caption, row["table"], chart)


def _figure(folder: Path, row: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows of a figure: its words, its chart as inline JSON, its table."""
    figure, table = _stored(folder, row), read_table(folder, row["table"])
    return {
        "name": figure.name,
        "title": figure.title,
        "caption": figure.caption,
        "chart": text.inline_json(drawing(figure, table)),
        "table": _rows(figure.table, table),
    }


def _table(folder: Path, name: str) -> dict[str, Any]:
    return _rows(name, read_table(folder, name))


def _rows(name: str, table: pd.DataFrame) -> dict[str, Any]:
    """The first SHOWN_ROWS rows of a table as text, and how many there are in all.

    Every column and every cell goes with whether it holds numbers.
    """
    head = table.head(SHOWN_ROWS)
    numeric = [pd.api.types.is_numeric_dtype(kind) for kind in table.dtypes]
    columns = [[text.number(cell) for cell in head.iloc[:, at]] for at in range(head.shape[1])]
    return {
        "name": name,
        "total": len(table),
        "shown": len(head),
        "columns": list(zip(map(str, table.columns), numeric, strict=True)),
        "cells": [list(zip(row, numeric, strict=True)) for row in zip(*columns, strict=True)],
    }


def _metrics(ours: Mapping[str, Any], published: Mapping[str, Any]) -> list[dict[str, str]]:
    """One row for each metric, ours or published, with the difference where there are both."""
    return [
        {
            "name": name,
            "ours": text.number(ours.get(name), 4),
            "paper": text.number(published.get(name)),
            "gap": text.gap(ours.get(name), published.get(name)),
        }
        for name in dict.fromkeys([*ours, *published])
    ]


def _command(manifest: Mapping[str, Any]) -> str:
    """The words to type again; a list without a verb is that of `probekit run`."""
    words = [str(word) for word in manifest.get("command") or []]
    verb = [] if words and "=" not in words[0] else ["run"]
    return shlex.join(["probekit", *verb, *words])


def _papers(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Every paper that the manifest names, each once."""
    recipe = manifest.get("recipe") or {}
    papers = [recipe.get("paper"), *(manifest.get("papers") or [])]
    return list({paper.get("key"): paper for paper in papers if paper}.values())


def _own(name: str) -> str:
    return files("probekit.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _runtime() -> str:
    """Vega, Vega-Lite and vega-embed as one script without an outside address."""
    script: str = vl_convert.javascript_bundle("globalThis.vegaEmbed = vegaEmbed;")
    return script


@cache
def _template() -> Template:
    jinja = Environment(
        autoescape=True, undefined=ChainableUndefined, trim_blocks=True, lstrip_blocks=True
    )
    jinja.filters.update(short=text.short, plain=text.plain, policy_hash=text.policy_hash)
    jinja.tests["web"] = text.is_web
    return jinja.from_string(_own("template.html"))
