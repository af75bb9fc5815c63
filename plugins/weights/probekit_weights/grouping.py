"""Groups of units: given as parameters, or by the table `groups` of an earlier run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from probekit.errors import ProbekitError, did_you_mean, listing
from probekit.hooks import HookSpec
from probekit.report.folder import read_table
from probekit_weights.params import GroupParams
from probekit_weights.places import home

COLUMNS = ("model", "hook", "units")


class Group(NamedTuple):
    """Units of one hook point; `number` counts the groups of a model from 0."""

    model: str
    number: int
    hook: str
    units: tuple[int, ...]


def groups_of(params: GroupParams, hooks: Mapping[str, Mapping[str, HookSpec]]) -> list[Group]:
    """The groups of every model; `hooks` holds the hook points of each model by its label.

    Raises ProbekitError where the file or a hook point is missing, where a unit is not there, and
    where a model has no group.
    """
    if params.units:
        given = [
            Group(label, 0, params.hook or only_hidden(own, label), params.units)
            for label, own in hooks.items()
        ]
    else:
        given = read_groups(params.group, list(hooks), params.hook)
    for group in given:
        check(group, hooks[group.model])
    return given


def only_hidden(hooks: Mapping[str, HookSpec], model: str) -> str:
    """The model's hidden state, where it has only one."""
    names = [name for name, spec in hooks.items() if spec.kind == "hidden"]
    if len(names) != 1:
        raise ProbekitError(
            f"{model} has {len(names)} hidden states ({listing(names)});"
            " say with hook=NAME whose units they are."
        )
    return names[0]


def read_groups(source: str, models: Sequence[str], hook: str) -> list[Group]:
    """The groups that a run folder or a file holds for these models (of that hook point only)."""
    table = read_source(Path(source))
    if missing := [name for name in COLUMNS if name not in table.columns]:
        found = listing(str(name)[:40] for name in table.columns)
        raise ProbekitError(
            f"the groups in {source} have no column {missing[0]}; needed are model, hook and"
            f" units, and there is: {found}."
        )
    groups: list[Group] = []
    for label in models:
        rows = table[table["model"].astype(str) == label]
        rows = rows[rows["hook"].astype(str) == hook] if hook else rows
        if not len(rows):
            known = listing(dict.fromkeys(table["model"].astype(str)))
            of_hook = f" of {hook}" if hook else ""
            raise ProbekitError(
                f"{source} holds no group{of_hook} for the model {label}; it has groups for:"
                f" {known}."
            )
        pairs = zip(rows["hook"], rows["units"], strict=True)
        groups += [
            Group(label, number, str(at), as_units(units, source))
            for number, (at, units) in enumerate(pairs)
        ]
    return groups


def read_source(path: Path) -> pd.DataFrame:
    """The table `groups` of a run folder, or a table in a csv or parquet file."""
    if path.is_dir():
        return read_table(path, "groups")
    if path.suffix not in (".csv", ".parquet"):
        raise ProbekitError(
            f"group={path} is neither a run folder nor a csv or parquet file; give one of these."
        )
    read = pd.read_parquet if path.suffix == ".parquet" else pd.read_csv
    try:
        return read(path)
    except OSError as error:
        raise ProbekitError(f"group={path} cannot be read: {error.strerror}.") from error
    except ValueError as error:  # what pandas and pyarrow raise at a file of another kind
        raise ProbekitError(f"group={path} is no table; give the folder of a run.") from error


def as_units(value: Any, source: str) -> tuple[int, ...]:
    """`"3, 17"`, `3` or a list as units."""
    items: Any = value.split(",") if isinstance(value, str) else value
    try:
        units = tuple(int(item) for item in (items if hasattr(items, "__iter__") else [items]))
    except (TypeError, ValueError) as error:
        raise ProbekitError(
            f"{source} has {str(value)[:40]!r} where units should be; write them as 3,17."
        ) from error
    if not units or len(set(units)) < len(units):
        raise ProbekitError(f"{source} has a group that is empty or names a unit twice.")
    return units


def check(group: Group, hooks: Mapping[str, HookSpec]) -> None:
    """Raise ProbekitError where the model has no such hook point or no such unit."""
    if group.hook not in hooks:
        hint = did_you_mean(group.hook, hooks) or "; `probekit hooks MODEL` shows those it has"
        raise ProbekitError(f"{group.model} has no hook point {group.hook[:80]}{hint}.")
    at = home(hooks[group.hook])
    if at is None:
        raise ProbekitError(f"{group.hook} shows no units, so a group cannot be taken from it.")
    if outside := [unit for unit in group.units if not 0 <= unit < at.width]:
        raise ProbekitError(
            f"{group.hook} of {group.model} has no unit {outside[0]}: it has {at.width} units,"
            " counted from 0."
        )
