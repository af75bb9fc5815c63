"""Activation ranges: quartiles and extremes of random units (Baan et al. 2019, figure 3)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from torch import Tensor

from probekit.analysis import Figure, Inputs, Result
from probekit.hooks import HookQuery, HookSpec, select
from probekit.places import content, place
from probekit.statistics import Arrays, Extremes, QuantileSketch, Statistic
from probekit.streaming import Found, StreamingAnalysis
from probekit_gates.charts import ranges_chart
from probekit_gates.params import RangesParams


class Spread(Statistic):
    """Quartiles and extremes of some units of a hook point."""

    def __init__(self, units: np.ndarray) -> None:
        self.units = units
        self.samples = 0
        self.sketch = QuantileSketch(len(units))
        self.extremes = Extremes(len(units))

    def add(self, values: Tensor) -> None:
        """Take `values [sample, unit]` of the whole hook point."""
        chosen = values[:, self.units]
        self.samples += len(chosen)
        self.sketch.add(chosen)
        self.extremes.add(chosen)

    def arrays(self) -> dict[str, np.ndarray]:
        """The state of both statistics."""
        return {"samples": np.array(self.samples), **self.sketch.arrays(), **self.extremes.arrays()}

    def absorb(self, arrays: Arrays) -> None:
        """Merge another spread of the same units."""
        self.samples += int(arrays["samples"])
        self.sketch.absorb(arrays)
        self.extremes.absorb(arrays)


class ActivationRanges(StreamingAnalysis[RangesParams]):
    """Which values units take, for a random choice of the units of each hook point.

    Hook points of the same width give the same choice, so that models can be compared.
    """

    def hooks(self, inputs: Inputs, label: str) -> list[HookSpec]:
        """The hook points of the kind asked for that have a fixed width."""
        specs = select(
            inputs.model(label).hook_specs, HookQuery(kind=self.params.kind), model=label
        )
        return [spec for spec in specs if spec.width is not None]

    def units(self, width: int) -> np.ndarray:
        """The chosen units of a hook point of that width, in ascending order."""
        chosen = np.random.default_rng([self.seed, width]).permutation(width)
        return np.sort(chosen[: self.params.units])

    def statistic(self, spec: HookSpec) -> Spread:
        """Quartiles and extremes of the chosen units."""
        assert spec.width is not None
        return Spread(self.units(spec.width))

    def finish(self, found: Sequence[Found], inputs: Inputs) -> Result:
        """Table `ranges` (one row a unit) and its box plots."""
        layers = len({one.spec.layer for one in found})
        ranges = pd.concat([range_rows(one, layers) for one in found], ignore_index=True)
        widths = ranges.assign(width=ranges["high"] - ranges["low"])
        by_place = widths.groupby(["model", "place", "what"], sort=False)["width"].median()
        return Result(
            tables={"ranges": ranges},
            metrics={
                f"median_range.{'.'.join(key)}".replace(" ", "-"): float(value)  # type: ignore[arg-type]
                for key, value in by_place.items()
            },
            figures=[self._figure(ranges)],
            notes=[
                "The quartiles come from a streaming sketch with a relative error of at most"
                f" {QuantileSketch.ERROR:.1%}; the extremes are exact."
            ],
        )

    def _figure(self, ranges: pd.DataFrame) -> Figure:
        return Figure(
            name="ranges",
            title="Activation ranges",
            caption=(
                f"Values of {self.params.units} randomly chosen units: box from the first to the"
                " third quartile, tick at the median, whiskers at the smallest and largest value."
            ),
            table="ranges",
            chart=ranges_chart("ranges", ranges, self.params.kind),
        )


def range_rows(found: Found, layers: int) -> pd.DataFrame:
    """One row a unit: quartiles and extremes."""
    spec, spread = found.spec, found.statistic
    assert isinstance(spread, Spread)
    quartiles = {
        name: np.clip(spread.sketch.quantile(share), spread.extremes.low, spread.extremes.high)
        for name, share in (("first_quartile", 0.25), ("median", 0.5), ("third_quartile", 0.75))
    }
    return pd.DataFrame(
        {
            "model": found.label,
            "place": place(spec, layers),
            "what": content(spec),
            "hook": spec.name,
            "unit": spread.units,
            "samples": spread.samples,
            "low": spread.extremes.low,
            **quartiles,
            "high": spread.extremes.high,
        }
    )
