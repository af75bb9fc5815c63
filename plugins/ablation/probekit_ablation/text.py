"""What unit ablation says in numbers to cite and in sentences."""

from collections.abc import Sequence

import pandas as pd

from probekit.questions import unasked
from probekit_ablation.tables import Asked


def headline(summary: pd.DataFrame, asked: Sequence[Asked]) -> dict[str, float]:
    """The score of each whole model, in each group too; per hook point drop and costly units."""
    metrics: dict[str, float] = {}
    for row in summary.to_dict("records"):
        metrics[f"intact.{row['model']}"] = float(row["intact"])
        metrics[f"largest_drop.{row['model']}.{row['hook']}"] = float(row["largest_drop"])
        metrics[f"costly.{row['model']}.{row['hook']}"] = float(row["costly"])
    for one in asked:
        if one.labels:
            metrics |= {
                f"accuracy.{one.label}.{row.group}": float(row.score)
                for row in one.intact_rows().itertuples()
            }
    return metrics


def sentences(units: pd.DataFrame, cost: float, asked: Sequence[Asked]) -> list[str]:
    """What was found in each model, and what could not be asked."""
    found = []
    for one in asked:
        found.append(_sentence(one, units[units["model"] == one.label], cost))
        found += unasked(one.label, one.left_out, one.guessed)
    return found


def _sentence(asked: Asked, own: pd.DataFrame, cost: float) -> str:
    first, examples = own.iloc[0], int(asked.asked.sum())
    if first["intact"] == 0:
        return f"{asked.label} answers none of {examples} examples right: nothing can be lost."
    text = f"{asked.label} answers {first['intact']:.1%} of {examples} examples right."
    if first["worst"] <= 0:
        return f"{text} None of its {len(own)} units costs anything alone."
    grouped = len(asked.kept) > 1
    where = f" in {first['where']}" if grouped else ""
    left = f"{first['drop']:.1%} of all answers" if grouped else f"{first['drop']:.1%}"
    return (
        f"{text} {int(own['costly'].sum())} of {len(own)} units cost more than {cost:.0%}"
        f"{' in some condition' if grouped else ''}; the costliest is {first['unit_name']} of"
        f" {first['hook']}, which costs {first['worst']:.1%}{where}"
        f"{f' and {left}' if grouped else ''}. The median unit costs {own['drop'].median():.1%}."
    )
