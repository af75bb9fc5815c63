"""Where units and strong weights stand in a graph: one table of edges, units and numbers.

Senders stand along y = 0, receivers along y = 1, both from x = 0 to 1.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from probekit.report import MAX_ROWS
from probekit_weights.matrices import Found
from probekit_weights.params import Order
from probekit_weights.places import gate

MOST_UNITS = 600  # of one side of one panel
LETTER = 0.0145  # the width of a character in the widest panel, which is 1
GAP = 0.02
DIGITS = 4


def drawn_graph(found: Sequence[Found], order: Order, labels: int) -> tuple[pd.DataFrame, str]:
    """The marks of all panels, and a sentence on what is left out (empty where all is drawn)."""
    places = [(positions(one, "in", order), positions(one, "out", order)) for one in found]
    units = [unit_marks(one, *at, labels) for one, at in zip(found, places, strict=True)]
    most = (MAX_ROWS - sum(map(len, units))) // len(found)
    edges = [edge_marks(one, *at, most) for one, at in zip(found, places, strict=True)]
    table = pd.concat([*edges, *units], ignore_index=True)
    cut = any(int(one.arrays["count"]) > most for one in found)
    return table, f" Of each panel the strongest {most:,} are drawn." if cut else ""


def positions(one: Found, way: str, order: Order) -> np.ndarray:
    """Where each unit of a side stands, from 0 to 1, `[unit]`."""
    count = len(one.arrays[f"{way}_sum"])
    key = {
        "index": np.arange(count),
        "mean": one.arrays[f"{way}_sum"],
        "strength": one.arrays[f"{way}_size"],
    }[order]
    x = np.empty(count)
    x[np.argsort(key, kind="stable")] = (np.arange(count) + 0.5) / count
    return x


def edge_marks(one: Found, top: np.ndarray, bottom: np.ndarray, most: int) -> pd.DataFrame:
    """At most `most` strong weights, the strongest last so that they lie on top."""
    to, source = one.arrays["listed"][:most][::-1].T
    weight = one.arrays["weight"][:most][::-1]
    ends = zip(named(source, one.spec.columns), named(to, one.spec.rows), strict=True)
    return _marks(
        one, "edge", x=bottom[source], y=0.0, x2=top[to], weight=weight,
        relative=relative(np.abs(weight)), label=[f"{start} to {end}" for start, end in ends],
    )  # fmt: skip


def named(units: np.ndarray, words: Sequence[str]) -> list[str]:
    """Units by their numbers, or by the words that they are."""
    return [words[unit] if words else str(unit) for unit in units]


def relative(size: np.ndarray) -> np.ndarray:
    """|weight| between the weakest (0) and the strongest (1) that is drawn, squared."""
    if not len(size) or size.max() == size.min():
        return np.ones(len(size))
    between: np.ndarray = (size - size.min()) / (size.max() - size.min())
    return between**2


def unit_marks(one: Found, top: np.ndarray, bottom: np.ndarray, labels: int) -> pd.DataFrame:
    """The units that have strong weights, and the names of the most connected ones."""
    tables = []
    for way, x, y, words in (
        ("in", top, 1.0, one.spec.rows),
        ("out", bottom, 0.0, one.spec.columns),
    ):
        strong, positive = one.arrays[f"{way}_strong"], one.arrays[f"{way}_positive"]
        ranked = np.argsort(-strong, kind="stable")
        ranked = ranked[strong[ranked] > 0][:MOST_UNITS]
        names = named(ranked, words)
        last = slice(None, None, -1)  # the most connected are drawn last, so that they lie on top
        polarity = 2 * positive[ranked] / strong[ranked] - 1
        tables.append(
            _marks(
                one, "unit", x=x[ranked][last], y=y, strong=strong[ranked][last],
                polarity=polarity[last], label=names[last],
            )
        )  # fmt: skip
        chosen = apart(x[ranked], names, labels)
        tables.append(
            _marks(one, "name", x=x[ranked][chosen], y=y, label=[names[i] for i in chosen])
        )
    return pd.concat(tables, ignore_index=True)


def apart(x: np.ndarray, names: Sequence[str], most: int) -> list[int]:
    """The first `most` names that do not run into one that was chosen before."""
    chosen: list[int] = []
    for index in range(len(x)):
        if len(chosen) == most:
            break
        clear = (
            abs(x[index] - x[other]) > LETTER * (len(names[index]) + len(names[other])) / 2 + GAP
            for other in chosen
        )
        if all(clear):
            chosen.append(index)
    return chosen


def _marks(one: Found, mark: str, **columns: object) -> pd.DataFrame:
    every = ("x", "y", "x2", "weight", "relative", "strong", "polarity")
    blank = dict.fromkeys(every, np.nan)
    table = pd.DataFrame(
        {"mark": mark, "model": one.label, "gate": gate(one.spec), **blank, **columns}
    )
    return table.astype(dict.fromkeys(every, float)).round(DIGITS)  # short rows, for there are many
