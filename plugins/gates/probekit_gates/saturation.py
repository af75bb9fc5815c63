"""Gate saturation: for each unit, the share of samples in which its gate is nearly 0 or nearly 1.

Karpathy et al. (2015), section 4.2; Baan et al. (2019), section 4.2 and figure 4.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from probekit.analysis import Figure, Inputs, Result
from probekit.charts import thin
from probekit.hooks import HookSpec
from probekit.places import content, place
from probekit.statistics import TailCounts
from probekit.streaming import Found, StreamingAnalysis
from probekit_gates.charts import saturation_chart
from probekit_gates.params import SaturationParams

PANEL = ["model", "place", "gate"]
SHARES = ["near_axis", "one_sided", "near_diagonal", "never_saturated"]


class GateSaturation(StreamingAnalysis[SaturationParams]):
    """Counts, for every gate of every model, the samples near either end.

    A sample is one unit at one real position of one sequence; padding is left out.
    """

    def statistic(self, spec: HookSpec) -> TailCounts:
        """Counts below `left` and above `right`."""
        assert spec.width is not None
        return TailCounts(spec.width, self.params.left, self.params.right)

    def finish(self, found: Sequence[Found], inputs: Inputs) -> Result:
        """Tables `units` and `summary`, the scatter, and what each side of a gate does."""
        layers = len({one.spec.layer for one in found})
        units = pd.concat([unit_rows(one, layers) for one in found], ignore_index=True)
        summary = summarize(units, self.params.tolerance)
        shown = thin(units, self.seed)
        return Result(
            tables={"units": units, "summary": summary}
            | ({} if shown is units else {"shown": shown}),
            metrics=headline(summary),
            figures=[self._figure("units" if shown is units else "shown", shown)],
            notes=sentences(summary, self.params.tolerance) + sides([one.spec for one in found]),
        )

    def _figure(self, table: str, units: pd.DataFrame) -> Figure:
        left, right = self.params.left, self.params.right
        return Figure(
            name="saturation",
            title="Gate saturation",
            caption=(
                "Each point is one gate of one unit: the share of samples in which it is below"
                f" {left} (left-saturated) against the share above {right} (right-saturated)."
                " On the diagonal a gate is always saturated; on an axis it saturates to one side"
                " or not at all."
            ),
            table=table,
            chart=saturation_chart(table, units, left, right),
        )


def unit_rows(found: Found, layers: int) -> pd.DataFrame:
    """One row a unit: counts, shares, and where the unit is."""
    spec, counts = found.spec, found.statistic
    assert isinstance(counts, TailCounts)
    samples = max(counts.samples, 1)
    rows: dict[str, Any] = {
        "model": found.label,
        "place": place(spec, layers),
        "part": spec.part or "",
        "layer": spec.layer,
        "gate": spec.role,
        "hook": spec.name,
        "unit": np.arange(len(counts.left)),
        "samples": counts.samples,
        "left_count": counts.left,
        "right_count": counts.right,
        "left": counts.left / samples,
        "right": counts.right / samples,
    }
    return pd.DataFrame(rows)


def summarize(units: pd.DataFrame, tolerance: float) -> pd.DataFrame:
    """For each model, place and gate, and for all gates together, the shares of units.

    `near_axis`: min(left, right) < tolerance, of which `one_sided` have max(left, right) >=
    tolerance and the others hardly saturate; `near_diagonal`: left + right > 1 - tolerance;
    `never_saturated`: no sample at either end.
    """
    near_axis = np.minimum(units["left"], units["right"]) < tolerance
    marked = units.assign(
        near_axis=near_axis,
        one_sided=near_axis & (np.maximum(units["left"], units["right"]) >= tolerance),
        near_diagonal=units["left"] + units["right"] > 1 - tolerance,
        never_saturated=(units["left_count"] == 0) & (units["right_count"] == 0),
    )
    both = pd.concat([marked, marked.assign(gate="all")], ignore_index=True)
    grouped = both.groupby(PANEL, sort=False)
    table = grouped[[*SHARES, "left", "right"]].mean()
    table = table.rename(columns={"left": "mean_left", "right": "mean_right"})
    table.insert(0, "units", grouped.size())
    return table.reset_index()


def headline(summary: pd.DataFrame) -> dict[str, float]:
    """The shares of units near an axis and on one side only, by model, place and gate."""
    return {
        f"{share}.{row.model}.{row.place}.{row.gate}".replace(" ", "-"): float(getattr(row, share))
        for share in ("near_axis", "one_sided")
        for row in summary.itertuples()
    }


def sides(specs: Sequence[HookSpec]) -> list[str]:
    """What either end of each gate does, one sentence a gate."""
    sentences = []
    for spec in specs:
        if not spec.low:
            continue
        side = {"low": "left", "high": "right", None: ""}[spec.new_side]
        news = f" New information enters on the {side} side." if side else ""
        sentences.append(
            f"{content(spec).capitalize()}: near 0 {spec.low}; near 1 {spec.high}.{news}"
        )
    return list(dict.fromkeys(sentences))


def sentences(summary: pd.DataFrame, tolerance: float) -> list[str]:
    """What was found in each model and place, all gates together."""
    rows = summary[summary["gate"] == "all"].itertuples()
    return [
        f"{row.model}, {row.place}: of the gates {row.never_saturated:.1%} never saturate,"
        f" {row.one_sided:.1%} saturate to one side only and {row.near_diagonal:.1%} are always"
        f" saturated; in all {row.near_axis:.1%} lie near an axis, at one end in less than"
        f" {tolerance:.0%} of the samples."
        for row in rows
    ]
