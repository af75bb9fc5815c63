"""Figures: one chart a figure, drawn as PNG and SVG here and live on the page.

    write_figures(folder, result.figures, result.tables)
    spec = drawing(figure, table)     # a complete Vega-Lite dictionary, data and theme inside

A chart holds no rows: it names its table, so the same chart is drawn wherever the table is.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import vl_convert

from probekit.analysis import Figure
from probekit.errors import ProbekitError
from probekit.partials import write_file
from probekit.report.folder import plain_names
from probekit.report.theme import themed

MAX_ROWS = 20_000
PNG_SCALE = 2.0

Spec = dict[str, Any]


def write_figures(
    folder: Path, figures: Sequence[Figure], tables: Mapping[str, pd.DataFrame]
) -> None:
    """Write `figures/NAME.vl.json` (the chart without data), `.svg` and `.png` for each figure.

    Raises ProbekitError where a figure's table is absent, has more than MAX_ROWS rows or is not
    what the chart draws, and where the chart is not valid Vega-Lite.
    """
    plain_names([figure.name for figure in figures], "figure")
    for figure in figures:
        if figure.table not in tables:
            raise ProbekitError(
                f"the figure {figure.name} draws the table {figure.table}, "
                "which the result does not hold; name one of its tables."
            )
        svg = svg_of(figure, tables[figure.table])
        png: bytes = vl_convert.svg_to_png(svg, scale=PNG_SCALE)
        path = folder / "figures" / figure.name
        write_file(path.with_name(f"{path.name}.vl.json"), _text(bare_chart(figure)))
        write_file(path.with_name(f"{path.name}.svg"), svg.encode())
        write_file(path.with_name(f"{path.name}.png"), png)


def bare_chart(figure: Figure) -> Spec:
    """The chart of a figure without the rows of its table, which it names.

    Raises ProbekitError where the chart draws something other than that table.
    """
    try:
        chart: Spec = json.loads(json.dumps(figure.chart, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ProbekitError(f"the chart of {figure.name} is not plain JSON: {error}.") from error
    chart.setdefault("data", {"name": figure.table})
    chart.pop("usermeta", None)  # it could change how the page draws
    datasets = chart.pop("datasets", {})
    datasets.pop(figure.table, None)
    sources = [source for source in _sources(chart) if isinstance(source, dict)]
    names = {source["name"] for source in sources if "name" in source}
    outside = any("url" in source for source in sources) or names - {figure.table, *datasets}
    if figure.table not in names or outside:
        raise ProbekitError(
            f"the figure {figure.name} draws data other than its table {figure.table}; "
            f"build its chart on alt.NamedData({figure.table!r})."
        )
    return {**chart, "datasets": datasets} if datasets else chart


def drawing(figure: Figure, table: pd.DataFrame) -> Spec:
    """The complete Vega-Lite dictionary: the chart, the house look, and the columns it needs."""
    chart = bare_chart(figure)
    beside = chart.get("datasets", {})
    rows = len(table) + sum(map(len, beside.values()))
    if rows > MAX_ROWS:
        raise ProbekitError(
            f"the figure {figure.name} would draw the {rows:,} rows of {figure.table}, and "
            f"the most is {MAX_ROWS:,}: aggregate them into a smaller table first."
        )
    datasets = {**beside, figure.table: records(needed(chart, table))}
    return {**themed(chart), "datasets": datasets}


def svg_of(figure: Figure, table: pd.DataFrame) -> str:
    """The figure as SVG: the same figure and table give the same text."""
    spec = json.dumps(drawing(figure, table))
    try:
        svg: str = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    except ValueError as error:
        reason = next((line for line in str(error).splitlines() if "Error" in line), str(error))
        message = f"the figure {figure.name} cannot be drawn ({reason.strip()}); mend its chart."
        raise ProbekitError(message) from error
    return _renumbered(svg)


def needed(chart: Spec, table: pd.DataFrame) -> pd.DataFrame:
    """The columns whose names occur anywhere in the chart: in fields, expressions, lists, keys."""
    named = "\n".join(_strings(chart)).replace("\\", "")
    return table[[name for name in table.columns if str(name).replace("\\", "") in named]]


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as plain JSON values; whatever is missing or not finite is None."""
    columns = {str(name): [_plain(cell) for cell in table[name]] for name in table.columns}
    if not columns:
        return [{} for _ in range(len(table))]  # a chart may count rows and name no column
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _plain(cell: Any) -> Any:
    if isinstance(cell, np.ndarray | np.generic):
        cell = cell.tolist()
    if isinstance(cell, list | tuple):
        return [_plain(item) for item in cell]
    if isinstance(cell, float):
        return cell if math.isfinite(cell) else None
    if isinstance(cell, str | int):
        return cell
    if cell is None or cell is pd.NA or cell is pd.NaT:
        return None
    return cell.isoformat() if hasattr(cell, "isoformat") else str(cell)


def _sources(node: Any) -> Iterator[Any]:
    """Every `data` of a chart and of the charts inside it."""
    if isinstance(node, list):
        for item in node:
            yield from _sources(item)
    elif isinstance(node, dict):
        if "data" in node:
            yield node["data"]
        for key, item in node.items():
            if key != "data":
                yield from _sources(item)


def _strings(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for item in node:
            yield from _strings(item)
    elif isinstance(node, dict):
        yield from node
        yield from _strings(list(node.values()))


def _renumbered(svg: str) -> str:
    """The SVG with its inner ids counted from 0; the renderer goes on counting between figures."""
    found = re.findall(r' id="((?:clip|gradient_)\d+)"', svg)
    order = {name: f"part{index}" for index, name in enumerate(dict.fromkeys(found))}
    pattern = r'( id="|="url\(#|href="#)((?:clip|gradient_)\d+)'
    return re.sub(pattern, lambda hit: hit[1] + order.get(hit[2], hit[2]), svg)


def _text(chart: Spec) -> bytes:
    return (json.dumps(chart, indent=1, ensure_ascii=False) + "\n").encode()
