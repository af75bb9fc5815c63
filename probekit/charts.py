"""What charts of several plugins share: panels for models and places, and not too many marks."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from probekit.report import MAX_ROWS


def thin(rows: pd.DataFrame, seed: int, keep: "pd.Series[bool] | None" = None) -> pd.DataFrame:
    """The rows to be drawn: all, or those to keep and a random choice of the others."""
    if len(rows) <= MAX_ROWS:
        return rows
    kept = rows[keep] if keep is not None else rows.iloc[:0]
    others = rows.drop(index=kept.index)
    chosen = others.sample(max(0, MAX_ROWS - len(kept)), random_state=seed)
    return pd.concat([kept, chosen]).sort_index().head(MAX_ROWS).reset_index(drop=True)


def facets(
    panel: alt.LayerChart,
    table: str,
    rows: pd.DataFrame,
    row: str = "place",
    independent: Sequence[str] = (),
) -> dict[str, Any]:
    """The panel for each value of `row` (rows) and model (columns), in the order of the table.

    `independent` names the axes (`x`, `y`) whose scale is each panel's own.
    """
    chart = panel.properties(data=alt.NamedData(table)).facet(
        row=alt.Row(f"{row}:N", title=None, sort=list(rows[row].unique())),
        column=alt.Column("model:N", title=None, sort=list(rows["model"].unique())),
    )
    chart = chart.resolve_scale(**dict.fromkeys(independent, "independent"))
    made: dict[str, Any] = chart.to_dict(validate=False)
    return made
