"""Scores before and after retraining: as a partial, as rows, summed up, and as points to draw."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from probekit.analysis import Measured, Partial
from probekit.dataset import Dataset
from probekit.errors import ProbekitError, did_you_mean, listing
from probekit.model import Model

WHEN = ("before", "after")
HERE, PUBLISHED = "here", "published"


def recovery(before: Model, after: Model, dataset: Dataset) -> Partial:
    """The scores of both models by split: `splits [split]`, `before [split]`, `after [split]`."""
    first, then = before.scores(dataset), after.scores(dataset)
    if not first:
        raise ProbekitError("the dataset has no split that the model scores; name another data=.")
    return {
        "splits": np.array(list(first)),
        "before": np.array([first[name] for name in first]),
        "after": np.array([then[name] for name in first]),
    }


def score_rows(part: Measured, facts: Mapping[str, Any]) -> pd.DataFrame:
    """One row a split of one partial, `facts` in front."""
    columns = {"split": "splits", "before": "before", "after": "after"}
    arrays = {name: part.partial[key] for name, key in columns.items()}
    return pd.DataFrame({**facts, **arrays, "split": list(map(str, arrays["split"]))})


def shown_split(scores: pd.DataFrame, asked: str) -> str:
    """The split that is drawn and summed up: the one asked for, or the last."""
    splits = list(dict.fromkeys(scores["split"]))
    if asked and asked not in splits:
        hint = did_you_mean(asked, splits) or f"; it has: {listing(splits)}"
        raise ProbekitError(f"the dataset has no split {asked}{hint}.")
    return asked or splits[-1]


def summarize(scores: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean and sample deviation of the scores of each group (no deviation where there is one)."""
    grouped = scores.groupby([*by, "split"], sort=False)
    table = grouped.agg(
        retrainings=("after", "size"),
        before=("before", "mean"),
        before_deviation=("before", "std"),
        after=("after", "mean"),
        after_deviation=("after", "std"),
    )
    return table.reset_index()


def points(scores: pd.DataFrame, panel: str, row: str) -> pd.DataFrame:
    """One row a score: its `panel` and `row` in the picture, `when` it is, and its `source`."""
    tables = [
        pd.DataFrame(
            {
                "panel": scores[panel],
                "row": scores[row],
                "when": f"{when} retraining",
                "source": HERE,
                "score": scores[when],
            }
        )
        for when in WHEN
    ]
    return pd.concat(tables, ignore_index=True)


def published_points(
    numbers: Mapping[str, float], places: Mapping[str, tuple[str, str]]
) -> pd.DataFrame:
    """The published numbers as `points`; `places` are panel and row by what stands in a metric."""
    rows = [
        {
            "panel": panel,
            "row": row,
            "when": f"{when} retraining",
            "source": PUBLISHED,
            "score": float(numbers[f"{when}.{key}"]),
        }
        for key, (panel, row) in places.items()
        for when in WHEN
        if f"{when}.{key}" in numbers
    ]
    return pd.DataFrame(rows, columns=["panel", "row", "when", "source", "score"])


def joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The tables below each other; empty ones, whose columns have no type, are left out."""
    return pd.concat([table for table in tables if len(table)], ignore_index=True)


def slug(text: str) -> str:
    """Words as part of a key or a file name: `baseline-into-guided`."""
    return re.sub(r"[^A-Za-z0-9_.]+", "-", text).strip("-.") or "part"
