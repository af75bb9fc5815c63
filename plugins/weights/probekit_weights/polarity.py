"""Whether the units that one gate's weights favour are disfavoured by another's.

Baan et al. (2019), section 3, on update and reset gates: units that are on average strongly
positive or negative in one tend to have the opposite sign in the other.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from probekit_weights.matrices import Found
from probekit_weights.numbers import correlation, strongest, top_count
from probekit_weights.places import gate, place
from probekit_weights.strong import SIDES


def gate_pairs(found: Sequence[Found]) -> Iterator[tuple[Found, Found]]:
    """The matrices of two gates of one model that are alike in everything else."""
    gates = [one for one in found if one.spec.role not in (None, "candidate")]
    for one, other in combinations(gates, 2):
        same = ("relation", "part", "layer", "shape", "source")
        alike = all(getattr(one.spec, name) == getattr(other.spec, name) for name in same)
        if one.label == other.label and alike:
            yield one, other


def polarity_rows(one: Found, other: Found, way: str, layers: int, top: float) -> pd.DataFrame:
    """One row a unit: its mean weight in both gates' matrices, and whether it is a polar one."""
    axis = dict(SIDES)[way]
    others = one.spec.shape[1 - axis]
    first, second = (found.arrays[f"{way}_sum"] / others for found in (one, other))
    count = top_count(len(first), top)
    polar = np.zeros(len(first), dtype=bool)
    for means in (first, second):
        polar[strongest(np.abs(means), count)] = True
    direction = {"in": "into", "out": "out of"}[way]
    return pd.DataFrame(
        {
            "model": one.label,
            "panel": f"{place(one.spec, layers)}, {direction} units",
            "pair": f"{one.spec.role} / {other.spec.role}",
            "one": gate(one.spec),
            "other": gate(other.spec),
            "unit": np.arange(len(first)),
            "mean_one": first,
            "mean_other": second,
            "polar": polar,
        }
    )


def relation_row(rows: pd.DataFrame) -> dict[str, Any]:
    """Whether the polarities of two gates are inversely related: correlations, opposite signs."""
    polar = rows[rows["polar"]]
    return {
        **{name: rows[name].iloc[0] for name in ("model", "panel", "pair")},
        "units": len(rows),
        "correlation": correlation(rows["mean_one"].to_numpy(), rows["mean_other"].to_numpy()),
        "polar_units": len(polar),
        "polar_correlation": correlation(
            polar["mean_one"].to_numpy(), polar["mean_other"].to_numpy()
        ),
        "polar_opposite": float((polar["mean_one"] * polar["mean_other"] < 0).mean()),
    }
