"""Units ranked by the weights that connect them: the strongest are those that pruning would keep.

Baan et al. (2019), sections 4.1 and 5.2, where the paper leaves open which weights are meant: here
all weights of the chosen matrices that lead into a unit, out of it, or both, each weight alike.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import pandas as pd

from probekit.analysis import Figure, Inputs, Partial, Result
from probekit.charts import thin
from probekit.errors import ProbekitError
from probekit.weights import WeightSpec
from probekit_weights.charts import strength_chart
from probekit_weights.matrices import Found, MatrixAnalysis, Weight
from probekit_weights.numbers import gini, held, ranks, top_count
from probekit_weights.params import Side, StrengthParams
from probekit_weights.places import Home, slug
from probekit_weights.sums import Connections, connections, sums

P = TypeVar("P", bound=StrengthParams)


class StrengthAnalysis(MatrixAnalysis[P]):
    """Reads sums over the rows and columns of every chosen matrix."""

    def read(self, spec: WeightSpec, weight: Weight, task: Mapping[str, Any]) -> Partial:
        """Sums over rows and columns."""
        return sums(weight)

    def connected(
        self, found: Sequence[Found], inputs: Inputs
    ) -> dict[str, dict[Home, Connections]]:
        """The connections of the units of every model."""
        own = {label: [one for one in found if one.label == label] for label in inputs.labels}
        return {
            label: connections(ones, inputs.model(label).hook_specs) for label, ones in own.items()
        }

    def unit_rows(self, label: str, one: Connections, layers: int) -> pd.DataFrame:
        """One row a unit, strongest first."""
        strength = one.strength(self.params.by, self.params.side)
        table = pd.DataFrame(
            {
                "model": label,
                "place": one.home.text(layers),
                "unit": range(one.home.width),
                "rank": ranks(strength),
                "strength": strength,
                "strongest": ranks(strength) <= top_count(one.home.width, self.params.top),
                "mean_in": one.into.mean(),
                "polarity_in": one.into.polarity(),
                "mean_out": one.out_of.mean(),
                "polarity_out": one.out_of.polarity(),
            }
        )
        return table.sort_values("rank", ignore_index=True)

    @property
    def measured(self) -> str:
        """What strength is, in words."""
        way = {"both": "into and out of", "in": "into", "out": "out of"}[self.params.side]
        what = {"mean": "mean", "max": "largest"}[self.params.by]
        return f"{what} |weight| of all weights {way} a unit"


class StrongestUnits(StrengthAnalysis[StrengthParams]):
    """Ranks the units of every layer that a chosen matrix leads into or out of."""

    def finish(self, found: Sequence[Found], inputs: Inputs) -> Result:
        """Tables `units` and `summary`, and strength against rank."""
        models = self.connected(found, inputs)
        pairs = [(label, one) for label, homes in models.items() for one in homes.values()]
        pairs = [(label, one) for label, one in pairs if one.wires(self.params.side)]
        if not pairs:
            raise ProbekitError(
                f"the matrices chosen have no weights {self.params.side} of any units that have"
                " a hook point; choose other matrices, or side=both."
            )
        layers = len({one.home.layer for _, one in pairs})
        units = pd.concat(
            [self.unit_rows(label, one, layers) for label, one in pairs], ignore_index=True
        )
        summary = summarize(units, self.params.top)
        shown = thin(units, self.seed)
        return Result(
            tables={"units": units, "summary": summary}
            | ({} if shown is units else {"shown": shown}),
            metrics={
                f"held.{row.model}.{slug(str(row.place))}": float(row.held)  # type: ignore[arg-type]
                for row in summary.itertuples()
            },
            figures=[self._figure("units" if shown is units else "shown", shown)],
            notes=[
                f"Strength is the {self.measured}.",
                *matrices_used(pairs, self.params.side, layers),
            ],
        )

    def _figure(self, table: str, units: pd.DataFrame) -> Figure:
        return Figure(
            name="strength",
            title="Strength of units",
            caption=(
                f"Each unit's strength, the {self.measured}, divided by the mean of its layer,"
                " against its rank. A flat line means that all units are connected alike."
            ),
            table=table,
            chart=strength_chart(table, units),
        )


def summarize(units: pd.DataFrame, top: float) -> pd.DataFrame:
    """For each model and place: mean strength, the part held by the top units, Gini, the first."""
    rows = []
    for (model, place), one in units.groupby(["model", "place"], sort=False):
        strength = one["strength"].to_numpy()
        rows.append(
            {
                "model": model,
                "place": place,
                "units": len(one),
                "mean_strength": strength.mean(),
                "top_units": top_count(len(one), top),
                "held": held(strength, top),
                "gini": gini(strength),
                "first": ", ".join(str(unit) for unit in one["unit"].head(10)),
            }
        )
    return pd.DataFrame(rows)


def matrices_used(pairs: Sequence[tuple[str, Connections]], side: Side, layers: int) -> list[str]:
    """Which matrices the strength of each place is taken from, each said once."""
    found = []
    for _, one in pairs:
        names = [name for wires in one.wires(side) for name in wires.matrices]
        found.append(f"{one.home.text(layers)}: from {', '.join(dict.fromkeys(names))}.")
    return list(dict.fromkeys(found))
