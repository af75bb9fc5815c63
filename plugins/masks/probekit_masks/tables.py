"""The tables of sparse interventions: every mask, the settings, the units, and the controls."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from probekit.analysis import Measured, Partial
from probekit_masks.params import MaskParams, Setting

WHOLE = "all"  # directions together
EVERYONE = "all models"
GRADIENTS = "integrated gradients, zeroed"
SETTING = ["gate", "scope", "alpha", "kl_factor"]
MEANS = ("gap", "share", "violation", "pruned_units", "pruned_accuracy", "random", "weights",
         "mean_patch")  # fmt: skip
SHOWN_STEPS = 50
SHOWN_UNITS = 6

Units = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Run:
    """One mask in one direction: how it was learned, and what was measured on it."""

    label: str
    setting: Setting
    name: str
    seed: int
    partial: Partial

    def array(self, key: str) -> np.ndarray | None:
        """What was measured in this direction, if it was."""
        found = f"{self.name}/{key}"
        return self.partial[found] if found in self.partial else None  # noqa: SIM401 (no get)

    def number(self, key: str) -> float:
        """A number measured in this direction, or NaN."""
        found = self.array(key)
        return float("nan") if found is None else float(np.mean(found))

    @property
    def mask(self) -> np.ndarray:
        """The chosen units, True or False, `[unit]`."""
        return np.asarray(self.partial["mask"])

    @property
    def facts(self) -> dict[str, Any]:
        """Which mask this is, in columns."""
        setting = self.setting
        return {
            "model": self.label,
            "gate": setting.gate,
            "scope": setting.scope,
            "alpha": setting.alpha,
            "kl_factor": setting.factor,
            "direction": self.name,
            "seed": self.seed,
        }


def runs_of(parts: Sequence[Measured], params: MaskParams) -> list[Run]:
    """Every mask in every direction that had examples, in the order of the shards."""
    return [
        Run(str(part.shard.model), params.settings[part.shard.task["setting"]], name,
            part.shard.task["seed"], part.partial)
        for part in parts
        if "names" in part.shard.task
        for name in part.shard.task["names"]
        if f"{name}/score" in part.partial
    ]  # fmt: skip


def runs_table(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a mask and direction.

    `gap` is what is lost by making the mask discrete; `share` is the expected share of units at
    the end, `violation` by how much it is above alpha, and `between` the share of gates strictly
    between 0 and 1; `passes` counts the texts read with gradients.
    """
    return pd.DataFrame([_run_row(run) for run in runs])


def _run_row(run: Run) -> dict[str, Any]:
    score, (share, between) = run.array("score"), map(float, run.partial["shares"])
    assert score is not None
    row = run.facts | {
        "examples": int(score[0]),
        "accuracy": float(score[1]),
        "units": int(run.mask.sum()),
        "kl": float(score[2]),
        "relaxed_accuracy": run.number("relaxed"),
        "gap": run.number("relaxed") - float(score[1]),
        "share": share,
        "between": between,
        "violation": max(0.0, share - run.setting.alpha),
        "passes": int(run.partial["passes"]),
    }
    for key in ("random", "weights", "mean-patch"):
        row[key.replace("-", "_")] = run.number(key)
    smaller, after = run.array("pruned"), run.array("pruned_score")
    if smaller is not None and after is not None:
        row |= {"pruned_units": int(smaller.sum()), "pruned_accuracy": float(after[1]),
                "pruned_kl": float(after[2])}  # fmt: skip
    return row


def seeds_table(runs: pd.DataFrame) -> pd.DataFrame:
    """One row a seed: directions together (`direction` is `all`), weighted by their examples.

    `units` is the mean of the directions' masks.
    """
    shares = ["accuracy", "kl", "relaxed_accuracy", "gap", "random", "weights", "mean_patch",
              "pruned_accuracy", "pruned_kl"]  # fmt: skip
    rows = []
    for keys, some in runs.groupby(["model", *SETTING, "seed"], sort=False):
        row = dict(zip(["model", *SETTING, "seed"], keys, strict=True)) | {"direction": WHOLE}
        for name in shares:
            if name in some:
                row[name] = float((some[name] * some["examples"]).sum(skipna=False)
                                  / some["examples"].sum())  # fmt: skip
        for name in ("units", "share", "violation", "pruned_units"):
            if name in some:
                row[name] = float(some[name].mean())
        row |= {"examples": int(some["examples"].sum()), "passes": int(some["passes"].sum())}
        rows.append(row)
    return pd.DataFrame(rows)


def summary_table(runs: Sequence[Run], table: pd.DataFrame) -> pd.DataFrame:
    """One row for each model, setting and direction: mean and deviation over seeds.

    With several models there is a last block over the runs of all of them.
    """
    whole = pd.concat([seeds_table(table), table], ignore_index=True)
    if whole["model"].nunique() > 1:
        whole = pd.concat([whole, whole.assign(model=EVERYONE)], ignore_index=True)
    rows = []
    for keys, some in whole.groupby(["model", *SETTING, "direction"], sort=False):
        row = dict(zip(["model", *SETTING, "direction"], keys, strict=True))
        row |= {"runs": len(some), "examples": float(some["examples"].mean())}
        for name in ("accuracy", "units", "kl"):
            row |= {name: float(some[name].mean()),
                    f"{name}_deviation": float(some[name].std(ddof=0))}  # fmt: skip
        for name in MEANS:
            if name in some:
                row[name] = float(some[name].mean())
        row["jaccard"] = _jaccard(runs, keys)
        rows.append(row)
    return pd.DataFrame(rows)


def _jaccard(runs: Sequence[Run], keys: tuple[Any, ...]) -> float:
    """How much the masks of two seeds overlap: the mean over pairs with any unit, NaN without.

    Of all directions it is the mean; of all models too.
    """
    label, *setting, direction = keys
    groups: dict[tuple[str, str], list[np.ndarray]] = {}
    for run in runs:
        facts = run.facts
        fits = label in (EVERYONE, run.label) and direction in (WHOLE, run.name)
        if fits and [facts[name] for name in SETTING] == setting:
            groups.setdefault((run.label, run.name), []).append(run.mask)
    found = [
        (one & other).sum() / (one | other).sum()
        for masks in groups.values()
        for one, other in combinations(masks, 2)
        if (one | other).any()
    ]
    return float(np.mean(found)) if found else float("nan")


def units_table(runs: Sequence[Run], units: Units) -> pd.DataFrame:
    """One row for each unit that any mask of a model and setting has, the commonest first.

    For each direction, under its name with _ for -: the mean value and its deviation over the masks
    that have the unit, and the share of the masks that do (prevalence); `prevalence` is the mean
    over directions, `pruned_prevalence` the share of all masks that keep the unit when pruned.
    """
    rows = [row for some in _grouped(runs) for row in _unit_rows(some, units[some[0].label])]
    columns = ["model", *SETTING, "unit_name", "prevalence"]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=columns, dtype=str)


def _grouped(runs: Sequence[Run]) -> Iterator[list[Run]]:
    """Runs of one model and setting."""
    groups: dict[tuple[str, Setting], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.label, run.setting), []).append(run)
    return iter(groups.values())


def _unit_rows(runs: Sequence[Run], units: pd.DataFrame) -> list[dict[str, Any]]:
    names = list(dict.fromkeys(run.name for run in runs))
    masks = {name: np.array([run.mask for run in runs if run.name == name]) for name in names}
    values = {
        name: np.array([run.array("values") for run in runs if run.name == name]) for name in names
    }
    rows = []
    for at in np.flatnonzero(np.any([some.any(0) for some in masks.values()], axis=0)):
        facts = {key: runs[0].facts[key] for key in ("model", *SETTING)}
        row: dict[str, Any] = facts | units.iloc[at].to_dict()
        row["prevalence"] = float(np.mean([masks[name][:, at].mean() for name in names]))
        left = [found[at] for run in runs if (found := run.array("pruned")) is not None]
        row |= {"pruned_prevalence": float(np.mean(left))} if left else {}
        for name in names:
            own = values[name][masks[name][:, at], at]
            key = name.replace("-", "_")
            row |= {
                key: float(own.mean()) if len(own) else np.nan,
                f"{key}_deviation": float(own.std()) if len(own) else np.nan,
                f"{key}_prevalence": float(masks[name][:, at].mean()),
            }
        rows.append(row)
    return sorted(rows, key=lambda row: -row["prevalence"])


def training_table(parts: Sequence[Measured], params: MaskParams) -> pd.DataFrame:
    """The course of each training at about fifty steps: `loss`, expected `share`, `multiplier`."""
    found = []
    for part in parts:
        if "trace" not in part.partial:
            continue
        setting, trace = params.settings[part.shard.task["setting"]], part.partial["trace"]
        steps = np.unique(np.linspace(0, len(trace) - 1, SHOWN_STEPS).round().astype(int))
        run = Run(str(part.shard.model), setting, " ".join(part.shard.task["names"]),
                  part.shard.task["seed"], part.partial)  # fmt: skip
        found.append(
            pd.DataFrame({
                **{key: [value] * len(steps) for key, value in run.facts.items()},
                "step": steps,
                "loss": trace[steps, 0].astype(float),
                "share": trace[steps, 1].astype(float),
                "multiplier": trace[steps, 3].astype(float),
            })
        )  # fmt: skip
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame({"model": []})


def comparison_table(
    parts: Sequence[Measured], seeds: pd.DataFrame, params: MaskParams
) -> pd.DataFrame:
    """One row for each way of choosing units: accuracy, units, and examples read with gradients.

    Learned masks and what is measured beside each of them, then integrated gradients.
    """
    rows: list[dict[str, Any]] = []
    for keys, some in seeds.groupby(["model", *SETTING], sort=False):
        where = dict(zip(["model", *SETTING], keys, strict=True))
        for method, name in _beside(str(where["gate"])):
            if name not in some or not some[name].notna().any():
                continue
            size = "pruned_units" if name == "pruned_accuracy" else "units"
            rows.append(
                _shared(where) | {
                    "method": method, "share": where["alpha"],
                    "accuracy": float(some[name].mean()),
                    "deviation": float(some[name].std(ddof=0)),
                    "units": float(some[size].mean()),
                    "passes": float(some["passes"].mean()) if name == "accuracy" else np.nan,
                }
            )  # fmt: skip
    return pd.DataFrame(rows + _gradient_rows(parts, params))


def _shared(where: Mapping[str, Any]) -> dict[str, Any]:
    return {key: where[key] for key in ("model", "scope", "kl_factor")}


def _beside(gate: str) -> list[tuple[str, str]]:
    """The ways of choosing that are measured with a mask, and the columns that hold them."""
    return [
        (gate, "accuracy"),
        (f"{gate}, pruned", "pruned_accuracy"),
        (f"{gate}, mean patch", "mean_patch"),
        (f"{gate}, largest output weights", "weights"),
        (f"{gate}, random sets", "random"),
    ]


def _gradient_rows(parts: Sequence[Measured], params: MaskParams) -> list[dict[str, Any]]:
    """Integrated gradients for each model, scope and share, directions together."""
    groups: dict[tuple[str, str], list[Partial]] = {}
    for part in parts:
        if "names" not in part.shard.task and "accuracy" in part.partial:
            key = str(part.shard.model), str(part.shard.task["scope"])
            groups.setdefault(key, []).append(part.partial)
    return [
        {"model": label, "scope": scope, "kl_factor": 0.0, "method": GRADIENTS,
         "share": share,
         "accuracy": float(np.average([one["accuracy"][at] for one in found],
                                      weights=[one["examples"] for one in found])),
         "deviation": np.nan, "units": float(found[0]["sizes"][at]), "passes": np.nan}
        for (label, scope), found in groups.items()
        for at, share in enumerate(params.gradient_shares)
    ]  # fmt: skip


def activations_table(runs: Sequence[Run], units: Units, table: pd.DataFrame) -> pd.DataFrame:
    """The commonest chosen units word by word, of the first seed of each model and scope.

    `which` says whether the intervention was made; `words` are the words up to the answer.
    """
    found: dict[tuple[str, str, str], Run] = {}
    for run in runs:
        found.setdefault((run.label, run.setting.scope, run.name), run)
    rows = [row for run in found.values() for row in _shown_rows(run, units[run.label], table)]
    columns = ["model", "scope", "direction", "number", "sentence", "position", "word", "unit_name",
               "which", "value"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _shown_rows(run: Run, units: pd.DataFrame, table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    names = units["unit_name"].to_numpy()[run.mask]
    here = (table["model"] == run.label) & (table["scope"] == run.setting.scope)
    order = [name for name in dict.fromkeys(table[here]["unit_name"]) if name in names]
    number = 0
    while (seen := run.array(f"shown/{number}/units")) is not None:
        words = run.array(f"shown/{number}/words")
        assert words is not None
        for name in order[:SHOWN_UNITS]:
            column = int(np.flatnonzero(names == name)[0])
            for which, values in zip(("original", "intervention"), seen, strict=True):
                for position, value in enumerate(values[:, column]):
                    word = str(words[position]) if position < len(words) else ""
                    yield {"model": run.label, "scope": run.setting.scope, "direction": run.name,
                           "number": number, "sentence": " ".join(map(str, words)),
                           "position": position,
                           "word": word, "unit_name": name, "which": which,
                           "value": float(value)}  # fmt: skip
        number += 1
