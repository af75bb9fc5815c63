"""The strong weights of a matrix: what is kept of them, and the tables they make."""

import math
from typing import Any

import numpy as np
import pandas as pd

from probekit_weights.matrices import Found, Weight
from probekit_weights.numbers import gini, held, held_by_chance, strongest, top_count
from probekit_weights.places import gate, place

MOST_LISTED = 20_000
SIDES = (("in", 0), ("out", 1))


def strong_weights(weight: Weight, share: float, threshold: float | None) -> dict[str, np.ndarray]:
    """The weights of a matrix that are strong.

    `listed` are (to, from) of the strongest of them, strongest first, `weight` their values; all of
    them count in `cutoff`, `count`, and by unit in `in_strong`, `in_positive` and so on.
    """
    size = np.abs(weight).ravel()
    if threshold is None:
        chosen = strongest(size, top_count(size.size, share))
    else:
        chosen = np.flatnonzero(size >= threshold)
    chosen = chosen[np.argsort(-size[chosen], kind="stable")]
    to, source = np.unravel_index(chosen, weight.shape)
    positive = weight.ravel()[chosen] > 0
    found = {
        "listed": np.stack([to, source], axis=1)[:MOST_LISTED],
        "weight": weight.ravel()[chosen][:MOST_LISTED],
        "cutoff": np.array(threshold if threshold is not None else size[chosen[-1]]),
        "count": np.array(len(chosen)),
    }
    for name, axis in SIDES:
        ends, width = (to, source)[axis], weight.shape[axis]
        found[f"{name}_strong"] = np.bincount(ends, minlength=width)
        found[f"{name}_positive"] = np.bincount(ends[positive], minlength=width)
    return found


def summary_row(one: Found, layers: int, top: float) -> dict[str, Any]:
    """How many weights are strong, and what part of them the most connected units hold."""
    arrays, spec = one.arrays, one.spec
    count, weights = int(arrays["count"]), spec.shape[0] * spec.shape[1]
    row: dict[str, Any] = {
        "model": one.label,
        "place": place(spec, layers),
        "gate": gate(spec),
        "matrix": spec.name,
        "weights": weights,
        "mean_abs": float(arrays["in_size"].sum()) / weights,
        "cutoff": float(arrays["cutoff"]),
        "strong": count,
        "strong_share": count / weights,
        "positive_share": float(arrays["in_positive"].sum()) / count if count else math.nan,
    }
    for name, axis in SIDES:
        strong, width = arrays[f"{name}_strong"], spec.shape[axis]
        row |= {
            f"hubs_{name}": top_count(width, top),
            f"held_{name}": held(strong, top),
            f"chance_{name}": held_by_chance(count, width, top),
            f"gini_{name}": gini(strong),
            f"hub_polarity_{name}": hub_polarity(strong, arrays[f"{name}_positive"], top),
        }
    return row


def hub_polarity(strong: np.ndarray, positive: np.ndarray, top: float) -> float:
    """How one-sided the hubs' strong weights are: 1 if each hub's have one sign, 0 if balanced."""
    hubs = strongest(strong, top_count(len(strong), top))
    held_by_hubs = int(strong[hubs].sum())
    if not held_by_hubs:
        return math.nan
    return float(np.abs(2 * positive[hubs] - strong[hubs]).sum()) / held_by_hubs


def edge_rows(one: Found, layers: int) -> pd.DataFrame:
    """One row a strong weight, strongest first."""
    spec, listed = one.spec, one.arrays["listed"]
    return pd.DataFrame(
        {
            "model": one.label,
            "place": place(spec, layers),
            "gate": gate(spec),
            "matrix": spec.name,
            "from": listed[:, 1],
            "to": listed[:, 0],
            "weight": one.arrays["weight"],
        }
    )


def unit_rows(one: Found, layers: int) -> pd.DataFrame:
    """One row for each unit of each side: its strong weights, and the mean of all its weights."""
    spec, arrays = one.spec, one.arrays
    tables = []
    for name, axis in SIDES:
        strong, others = arrays[f"{name}_strong"], spec.shape[1 - axis]
        size = arrays[f"{name}_size"]
        words = (spec.rows, spec.columns)[axis]
        facts = {
            "model": one.label,
            "place": place(spec, layers),
            "gate": gate(spec),
            "matrix": spec.name,
            "side": name,
            "unit": np.arange(len(strong)),
            "word": list(words) or "",
            "strong": strong,
            "strong_positive": arrays[f"{name}_positive"],
            "mean": arrays[f"{name}_sum"] / others,
            "mean_abs": size / others,
            "polarity": arrays[f"{name}_sum"] / np.where(size > 0, size, 1),
        }
        tables.append(pd.DataFrame(facts))
    return pd.concat(tables, ignore_index=True)
