"""A run folder as the report reads it: every file may be missing, damaged or hostile."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from probekit.errors import ProbekitError

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


def plain_names(names: Iterable[str], what: str) -> None:
    """Raise ProbekitError at a name that is no plain file name, and at one that stands twice."""
    seen = set()
    for name in names:
        if not _PLAIN.fullmatch(name):
            rule = "use letters, digits, dots, dashes and underscores"
            raise ProbekitError(f"{name!r} cannot name a {what}, for it names a file: {rule}.")
        if name in seen:
            raise ProbekitError(f"two {what}s are called {name}; give each a name of its own.")
        seen.add(name)


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; ProbekitError where there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProbekitError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ProbekitError(f"{path} is not JSON; run the analysis again.") from error
    if not isinstance(value, dict):
        raise ProbekitError(f"{path} holds no JSON object; run the analysis again.")
    return value


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest; ProbekitError where the folder is no run folder."""
    path = folder / "manifest.json"
    if not path.is_file():
        raise ProbekitError(
            f"{folder} is no run folder: it has no manifest.json; give the folder of a run."
        )
    return read_object(path)


def figures_of(folder: Path, manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """What the manifest says of each figure, its names checked."""
    rows = manifest.get("figures") or []
    if not all(isinstance(row, dict) and _is_named(row) for row in rows):
        raise ProbekitError(
            f"{folder / 'manifest.json'} is damaged: a figure has no name or no table; "
            "run the analysis again."
        )
    plain_names([row["name"] for row in rows], "figure")
    plain_names({row["table"] for row in rows}, "table")
    return list(rows)


def _is_named(row: dict[str, Any]) -> bool:
    return isinstance(row.get("name"), str) and isinstance(row.get("table"), str)


def table_names(folder: Path) -> list[str]:
    """The names of the stored tables, sorted."""
    return sorted(path.stem for path in (folder / "tables").glob("*.parquet"))


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """A stored table; ProbekitError where its file is missing or damaged."""
    path = folder / "tables" / f"{name}.parquet"
    try:
        return pd.read_parquet(path)
    except FileNotFoundError as error:
        raise ProbekitError(f"the table {path} is missing; run the analysis again.") from error
    except (OSError, pa.ArrowException) as error:
        raise ProbekitError(f"the table {path} is damaged; run the analysis again.") from error
