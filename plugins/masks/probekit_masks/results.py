"""Tables, numbers to cite, figures and sentences of sparse interventions."""

from collections.abc import Hashable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from probekit.analysis import Figure, Measured, Result
from probekit.questions import unasked
from probekit_masks.charts import (
    MOST_UNITS,
    activations_chart,
    comparison_chart,
    curve_chart,
    units_chart,
)
from probekit_masks.params import MaskParams, Setting
from probekit_masks.tables import (
    EVERYONE,
    GRADIENTS,
    SETTING,
    WHOLE,
    Run,
    Units,
    activations_table,
    comparison_table,
    runs_of,
    runs_table,
    seeds_table,
    summary_table,
    training_table,
    units_table,
)

NOTABLE = 0.05  # of alpha: by how much a constraint is broken before it is said
FEW = 0.5  # units in at least so many masks have numbers to cite
FACTS = {
    "accuracy": "accuracy",
    "units": "units",
    "kl": "kl",
    "jaccard": "jaccard",
    "gap": "gap",
    "violation": "violation",
    "pruned_units": "pruned-units",
    "pruned_accuracy": "pruned-accuracy",
    "random": "random-sets",
    "weights": "largest-weights",
    "mean_patch": "mean-patch",
}
SCARCE = 20  # examples held out for a direction: with fewer it is said


def result(
    parts: Sequence[Measured],
    params: MaskParams,
    units: Units,
    names: Mapping[str, Sequence[str]],
) -> Result:
    """Everything that a run says; `names` are the directions of each model."""
    runs = runs_of(parts, params)
    notes = list(_unturned(runs, names)) + list(_left_out(parts))
    if not runs:
        return Result(tables={"runs": pd.DataFrame({"model": []})}, notes=notes)
    table = runs_table(runs)
    tables = {
        "summary": summary_table(runs, table),
        "units": units_table(runs, units),
        "comparison": comparison_table(parts, seeds_table(table), params),
        "runs": table,
        "training": training_table(parts, params),
    }
    made = Result(tables=tables, metrics=_metrics(tables, params), notes=notes)
    made.notes[:0] = [*_sentences(tables, params), *_scarce(table)]
    _draw(made, runs, units, params)
    return made


def key_of(setting: Setting, params: MaskParams) -> str:
    """The words of a setting in which the run's settings differ: `every.kl-1`; may be empty."""
    return ".".join(_varied_words(setting, params))


def _varied_words(setting: Setting, params: MaskParams) -> list[str]:
    axes = zip(*(one.words for one in params.settings), strict=True)
    varied = [len(set(axis)) > 1 for axis in axes]
    return [word for word, differs in zip(setting.words, varied, strict=True) if differs]


def _metrics(tables: Mapping[str, pd.DataFrame], params: MaskParams) -> dict[str, float]:
    """Numbers for each setting over all models, for each of several models, and direction."""
    summary, found = tables["summary"], {}
    several = EVERYONE in set(summary["model"])
    for row in summary.to_dict("records"):
        setting = Setting(*(row[name] for name in SETTING))
        words = [] if row["model"] == EVERYONE or not several else [str(row["model"])]
        words += [str(row["direction"])] if row["direction"] != WHOLE else []
        words += [key] if (key := key_of(setting, params)) else []
        for name, title in FACTS.items():
            if np.isfinite(row.get(name, np.nan)):
                found[".".join([title, *words])] = float(row[name])
    return found | _unit_metrics(tables["units"], params) | _gradient_metrics(tables["comparison"])


def _unit_metrics(units: pd.DataFrame, params: MaskParams) -> dict[str, float]:
    """How many units some masks have and all have, and the values of common units.

    Of the first setting of the first model.
    """
    own = [
        row
        for row in units.to_dict("records")
        if Setting(*(row[name] for name in SETTING)) == params.settings[0]
        and row["model"] == units["model"].iloc[0]
    ]
    found = {
        "units-in-all-masks": float(sum(row["prevalence"] == 1 for row in own)),
        "units-in-any-mask": float(len(own)),
    }
    for row in (row for row in own if row["prevalence"] >= FEW):
        found[f"prevalence.{row['key']}"] = float(row["prevalence"])
        for column, value in row.items():
            named = f"{column}_deviation" in row and column not in SETTING
            if named and np.isfinite(value):
                found[f"value.{str(column).replace('_', '-')}.{row['key']}"] = float(value)
    return found


def _gradient_metrics(comparison: pd.DataFrame) -> dict[str, float]:
    """The accuracy of integrated gradients, by model and scope where there are several."""
    rows = comparison[comparison["method"] == GRADIENTS]
    return {
        ".".join(["gradients", *_varied(rows, row), f"{row['share']:g}"]): float(row["accuracy"])
        for row in rows.to_dict("records")
    }


def _varied(rows: pd.DataFrame, row: Mapping[Hashable, object]) -> list[str]:
    return [str(row[name]) for name in ("model", "scope") if rows[name].nunique() > 1]


def _sentences(tables: Mapping[str, pd.DataFrame], params: MaskParams) -> Iterator[str]:
    """What each setting found, and where a constraint is broken."""
    summary = tables["summary"]
    kept = params.objective == "kl"
    for row in summary[summary["direction"] == WHOLE].to_dict("records"):
        setting = Setting(*(row[name] for name in SETTING))
        what = "keep" if kept else "turn"
        units, turned = f"{row['units']:.1f}", f"{row['accuracy']:.1%}"
        over = ""
        if row["runs"] > 1:
            units += f" ± {row['units_deviation']:.1f}"
            turned += f" ± {row['accuracy_deviation']:.1%}"
            over = f" (mean and deviation of {row['runs']} seeds)"
        text = (
            f"{row['model']}, {', '.join(setting.words)}: {units} units {what} {turned} of"
            f" {row['examples']:.0f} answers{over}; the divergence is {row['kl']:.3f}."
        )
        if row["violation"] > NOTABLE * setting.alpha:
            text += (
                f" The expected share of units ended at {row['share']:.4f}, above"
                f" alpha={setting.alpha:g}."
            )
        yield text


def _scarce(runs: pd.DataFrame) -> Iterator[str]:
    """Directions that few examples speak for."""
    few = runs[runs["examples"] < SCARCE].drop_duplicates(["model", "direction"])
    for row in few.to_dict("records"):
        yield (
            f"{row['model']}: the accuracy {row['direction']} rests on {row['examples']} examples"
            " alone; give more data, or a larger evaluation=."
        )


def _unturned(runs: Sequence[Run], names: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Directions in which nothing could be learned."""
    seen = {(run.label, run.name) for run in runs}
    for label, own in names.items():
        if missing := [name for name in own if (label, name) not in seen]:
            yield (
                f"{label}: nothing was learned for {' and '.join(missing)}, because too few"
                " examples start from the other answer."
            )


def _left_out(parts: Sequence[Measured]) -> Iterator[str]:
    """What a model could not be asked."""
    told: dict[str, np.ndarray] = {}
    for part in parts:
        if "left_out" in part.partial:
            told.setdefault(str(part.shard.model), part.partial["left_out"])
    for label, (left_out, guessed) in told.items():
        if left_out:
            yield (
                f"{label}: {left_out} examples were left out, because their answers are no single"
                " entries of the vocabulary, or because the one that should be turned was not given"
                " in the first place."
            )
        yield from unasked(label, 0, int(guessed))


def _draw(made: Result, runs: Sequence[Run], units: Units, params: MaskParams) -> None:
    """Add the figures and the tables behind them."""
    if not made.tables["units"].empty:
        made.tables["values"] = _values(made.tables["units"], params)
        made.figures.append(
            Figure("units", "Chosen units and their values",
                   _caption(params, made.tables["values"], made.tables["units"]), "values",
                   units_chart("values", made.tables["values"]))
        )  # fmt: skip
    shown = activations_table(runs, units, made.tables["units"])
    if not shown.empty:
        made.tables["activations"] = _panels(shown)
        made.figures.append(
            Figure(
                "activations",
                "Chosen units, word by word",
                "Activations of the commonest chosen units as the model reads a sentence, without"
                " the intervention and with it; the mask is that of the first seed and the first"
                " setting of each scope.",
                "activations",
                activations_chart("activations", made.tables["activations"]),
            )
        )
    if len(made.tables["comparison"]) > made.tables["comparison"]["model"].nunique():
        made.figures.append(
            Figure(
                "comparison",
                "Ways of choosing units",
                "The share of answers that are turned against the number of units that are set,"
                " for learned masks and for controls. Random sets and those of the largest weights"
                " have as many units as the mask beside them, and are set to its values.",
                "comparison",
                comparison_chart("comparison", made.tables["comparison"]),
            )
        )
    if len(set(params.alpha)) > 1:
        made.tables["curve"] = _curve(made.tables["summary"])
        made.figures.append(
            Figure(
                "curve",
                "Units against answers",
                "Each point is the alpha that stands beside it, the mean of all seeds.",
                "curve",
                curve_chart("curve", made.tables["curve"]),
            )
        )


def _caption(params: MaskParams, drawn: pd.DataFrame, units: pd.DataFrame) -> str:
    kept = " All other units are set." if params.objective == "kl" else ""
    shown, known = drawn["unit_name"].nunique(), units["unit_name"].nunique()
    if shown < known:
        kept += f" Drawn are the commonest of each panel, {shown} of {known} in all."
    return (
        "Each point is a unit and the value that it is set to, the mean over the masks that choose"
        " it; its size is the share of the masks that do, the bar the deviation." + kept
    )


def _values(units: pd.DataFrame, params: MaskParams) -> pd.DataFrame:
    """One row for each drawn unit and direction: the commonest of each model and setting."""
    rows = []
    for _, some in units.groupby(["model", *SETTING], sort=False):
        for row in some.head(MOST_UNITS).to_dict("records"):
            setting = Setting(*(row[name] for name in SETTING))
            for column in (name for name in row if f"{name}_deviation" in row):
                value, deviation = row[column], row[f"{column}_deviation"]
                if np.isfinite(value):
                    rows.append({
                        "model": row["model"],
                        "setting": ", ".join(_varied_words(setting, params)),
                        "unit_name": row["unit_name"],
                        "direction": str(column).replace("_", "-"),
                        "value": value,
                        "deviation": deviation,
                        "low": value - deviation,
                        "high": value + deviation,
                        "prevalence": row[f"{column}_prevalence"],
                    })  # fmt: skip
    return pd.DataFrame(rows)


def _panels(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with the panel that each belongs to, and its word with its place."""
    panel = rows["direction"] + ": " + rows["unit_name"]
    for name in ("scope", "model"):
        if rows[name].nunique() > 1:
            panel = rows[name] + ", " + panel
    several = rows.groupby(["model", "scope", "direction"])["sentence"].transform("nunique") > 1
    if several.any():
        panel = panel + ", sentence " + (rows["number"] + 1).astype(str)
    at = rows["position"].astype(str) + " " + rows["word"]
    return rows.assign(panel=panel, at=at)


def _curve(summary: pd.DataFrame) -> pd.DataFrame:
    """The rows of all directions, each with the line that it belongs to."""
    rows = summary[(summary["direction"] == WHOLE) & (summary["model"] != EVERYONE)]
    lines = [
        ", ".join(word for word in (row["gate"], row["scope"], f"kl-{row['kl_factor']:g}"))
        for row in rows.to_dict("records")
    ]
    return rows.assign(line=lines).reset_index(drop=True)
