"""Terminal output: what comes from a plugin, a file or a person is shown as plain text."""

import json
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def plain(text: object, style: str = "") -> Text:
    """Text without markup, and without control characters that a terminal would obey."""
    shown = "".join(
        c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in str(text)
    )
    return Text(shown, style=style)


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Table:
    """A rich table of plain cells."""
    made = Table(
        title=plain(title, "bold"),
        title_justify="left",
        box=None,
        pad_edge=False,
        padding=(0, 3, 0, 0),
    )
    for column in columns:
        made.add_column(plain(column, "dim"), overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else plain(cell) for cell in row))
    return made


def complain(message: str) -> None:
    """One line a problem on standard error."""
    for line in message.splitlines():
        err.print(Text.assemble(("Error: ", "bold red"), plain(line)), soft_wrap=True)


def say_json(content: Any) -> None:
    """JSON alone on standard output."""
    print(json.dumps(content, indent=2, ensure_ascii=False))
