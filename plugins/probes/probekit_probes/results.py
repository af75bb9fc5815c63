"""Tables, numbers, figures and sentences of functional groups."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from probekit.analysis import Figure, Partial, Result
from probekit.hooks import HookSpec
from probekit_probes.charts import curve_chart, size_chart, thin
from probekit_probes.params import GroupParams

ALL = "all"
NAMED = 12  # units listed in a sentence


@dataclass(frozen=True)
class Found:
    """A hook point with its partial, and that of the control where there is one."""

    label: str
    place: str
    content: str
    spec: HookSpec
    partial: Partial
    control: Partial | None


@dataclass(frozen=True)
class Row:
    """One group: a hook point, or with rank=class one value at a hook point."""

    found: Found
    number: int
    value: str
    share: float

    def array(self, name: str) -> np.ndarray:
        """An array of this group."""
        return np.asarray(self.found.partial[f"{self.number}/{name}"])

    @property
    def where(self) -> dict[str, Any]:
        """The columns that every table begins with."""
        found = self.found
        return {
            "model": found.label,
            "place": found.place,
            "what": found.content,
            "hook": found.spec.name,
            "value": self.value,
        }

    @property
    def key(self) -> str:
        """The end of the names of this group's numbers, `guided.encoder.hidden`."""
        words = [self.found.label, self.found.place, self.found.content]
        words += [] if self.value == ALL else [self.value]
        return ".".join(word.replace(" ", "-") for word in words if word)

    @property
    def held(self) -> np.ndarray:
        """How many samples each split holds out."""
        return np.asarray(self.found.partial["held"])

    @property
    def full(self) -> np.ndarray:
        """The accuracy from all units, `[split]`."""
        return np.asarray(self.array("full") / self.held)

    @property
    def tried(self) -> np.ndarray:
        """The accuracy from 1, 2, ... units, `[tried, split]`; the last one is the group's."""
        return np.asarray(self.array("right") / self.held)

    @property
    def units(self) -> np.ndarray:
        """The group, strongest first."""
        return self.array("order")[: len(self.tried)]

    @property
    def reached(self) -> bool:
        """Whether the group reaches the share, or `most` ended the search."""
        return bool(self.tried[-1].mean() >= self.share * self.full.mean() - 1e-12)

    @property
    def controlled(self) -> np.ndarray | None:
        """The accuracy from all units on shuffled labels, `[split]`."""
        if self.found.control is None:
            return None
        return np.asarray(self.found.control[f"{self.number}/full"] / self.held)

    @property
    def majority(self) -> float:
        """The share of the samples that have the commonest value."""
        counts = np.asarray(self.found.partial["counts"])
        if self.value == ALL:
            return float(counts.max() / counts.sum())
        part = counts[self.number] / counts.sum()
        return float(max(part, 1 - part))

    @property
    def unfinished(self) -> int:
        """How many fits met `max_iter`."""
        control = self.found.control
        return int(self.array("unfinished")) + (
            0 if control is None else int(control[f"{self.number}/unfinished"])
        )


def result(found: Sequence[Found], params: GroupParams) -> Result:
    """The tables of all groups, one after another, and what they say."""
    rows = [row for one in found for row in _rows(one, params)]
    groups = pd.DataFrame([_group(row, params) for row in rows])
    tables = {
        "groups": groups,
        "splits": pd.concat([_splits(row) for row in rows], ignore_index=True),
        "curve": pd.concat([_curve(row) for row in rows], ignore_index=True),
        "units": pd.concat([_units(row) for row in rows], ignore_index=True),
    }
    shown = thin(tables["curve"])
    curve = "curve" if shown is tables["curve"] else "shown"
    return Result(
        tables=tables | ({} if curve == "curve" else {"shown": shown}),
        metrics=_metrics(rows),
        figures=_figures(curve, shown, groups, params),
        notes=[*_definition(params), *map(_sentence, rows), *_warnings(rows, params)],
    )


def _rows(found: Found, params: GroupParams) -> list[Row]:
    values = [ALL] if params.rank != "class" else [str(one) for one in found.partial["values"]]
    return [Row(found, number, value, params.share) for number, value in enumerate(values)]


def _group(row: Row, params: GroupParams) -> dict[str, Any]:
    """One row of the table `groups`."""
    columns = row.where | {
        "target": params.target,
        "full_accuracy": float(row.full.mean()),
        "group_accuracy": float(row.tried[-1].mean()),
        "size": len(row.units),
        "width": len(row.array("order")),
        "reached": row.reached,
        "units": ",".join(str(unit) for unit in row.units),
        "majority": row.majority,
    }
    if row.controlled is not None:
        columns["control_accuracy"] = float(row.controlled.mean())
        columns["selectivity"] = columns["full_accuracy"] - columns["control_accuracy"]
    counts = row.found.partial["counts"]
    return columns | {"samples": int(counts.sum()), "classes": len(counts)}


def _splits(row: Row) -> pd.DataFrame:
    """What each split holds out, and how much of it is told from all units and from the group."""
    total = int(row.found.partial["counts"].sum())
    columns: dict[str, Any] = row.where | {
        "split": np.arange(len(row.held)),
        "trained": total - row.held,
        "held_out": row.held,
        "full_accuracy": row.full,
        "group_accuracy": row.tried[-1],
    }
    if row.controlled is not None:
        columns["control_accuracy"] = row.controlled
    return pd.DataFrame(columns)


def _curve(row: Row) -> pd.DataFrame:
    """The accuracy from the first units, one more each time, and the one to be reached."""
    return pd.DataFrame(
        row.where
        | {
            "units": np.arange(1, len(row.tried) + 1),
            "added": row.units,
            "accuracy": row.tried.mean(1),
            "enough": row.share * row.full.mean(),
        }
    )


def _units(row: Row) -> pd.DataFrame:
    """Every unit by its rank, strongest first."""
    order = row.array("order")
    ranks = np.arange(1, len(order) + 1)
    return pd.DataFrame(
        row.where
        | {
            "rank": ranks,
            "unit": order,
            "weight": row.array("strength")[order],
            "in_group": ranks <= len(row.units),
        }
    )


def _metrics(rows: Sequence[Row]) -> dict[str, float]:
    """Size and accuracies of each group; no size where the share was not reached."""
    metrics: dict[str, float] = {}
    for row in rows:
        if row.reached:
            metrics[f"size.{row.key}"] = float(len(row.units))
        metrics[f"full_accuracy.{row.key}"] = float(row.full.mean())
        metrics[f"group_accuracy.{row.key}"] = float(row.tried[-1].mean())
        if row.controlled is not None:
            metrics[f"selectivity.{row.key}"] = float(row.full.mean() - row.controlled.mean())
    return metrics


def _figures(
    curve: str, shown: pd.DataFrame, groups: pd.DataFrame, params: GroupParams
) -> list[Figure]:
    return [
        Figure(
            name="curve",
            title="Accuracy by number of units",
            caption=(
                f"How well classifiers tell {params.target} from the strongest units alone, as the"
                f" mean over {params.splits} splits. A line ends, with a point, where it reaches"
                f" {params.share:.0%} of the accuracy from all units, which is the dashed rule, or"
                " where `most` ended the search below it."
            ),
            table=curve,
            chart=curve_chart(curve, shown),
        ),
        Figure(
            name="sizes",
            title="Sizes of the functional groups",
            caption=(
                f"The fewest units from which {params.target} is told with {params.share:.0%} of"
                " the accuracy from all units; places that did not get there are left out."
            ),
            table="groups",
            chart=size_chart("groups", groups),
        ),
    ]


def _definition(params: GroupParams) -> list[str]:
    ranked = {
        "mean": "averaged over the values",
        "first": "of the first value alone",
        "class": "of a classifier for each value against the others",
    }[params.rank]
    drawn = (
        "Single positions are divided at random, as Baan et al. did, so that positions of one"
        " sequence may be trained on and held out; by=sequence keeps sequences whole."
        if params.by == "position"
        else "Whole sequences are divided at random into those trained on and those held out."
    )
    return [
        "Units are ranked by the absolute coefficient, itself the mean over"
        f" {params.splits} splits, {ranked}; they are added one at a time, with new classifiers"
        f" each time, until the mean accuracy is {params.share:.0%} of that of all units.",
        drawn,
    ]


def _sentence(row: Row) -> str:
    found = row.found
    words = [found.label, f"{found.place} {found.content}".strip(), row.value]
    subject = ", ".join(word for word in words if word != ALL)
    units = ", ".join(str(unit) for unit in row.units[:NAMED])
    more = ", ..." if len(row.units) > NAMED else ""
    reach = "reach" if row.reached else "were tried and only reach"
    return (
        f"{subject}: {len(row.units)} of {len(row.array('order'))} units ({units}{more}) {reach}"
        f" {row.tried[-1].mean():.3f} of the {row.full.mean():.3f} from all."
    )


def _warnings(rows: Sequence[Row], params: GroupParams) -> Iterator[str]:
    """What a reader could overlook."""
    idle = [row.key for row in rows if row.majority >= params.share * row.full.mean()]
    if idle:
        yield (
            "Always saying the commonest value is right as often as the group has to be, so the"
            f" group tells nothing, in: {', '.join(idle)}."
        )
    unfinished = sum(row.unfinished for row in rows)
    if unfinished:
        yield (
            f"{unfinished} fits met max_iter={params.max_iter} before their optimum, so other"
            " weights may be better; give a larger max_iter, or standardise=true."
        )
