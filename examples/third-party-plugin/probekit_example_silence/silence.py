"""Silent units: the share of samples in which an activation is nearly zero."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from probekit.analysis import Figure, Inputs, Result
from probekit.hooks import HookQuery, HookSpec, select
from probekit.statistics import TailCounts
from probekit.streaming import Found, StreamingAnalysis
from probekit_example_silence.params import SilenceParams

BINS = 20


class SilentUnits(StreamingAnalysis[SilenceParams]):
    """Counts the samples of each unit on either side of the silent range; the rest are silent.

    A sample is one real position of one sequence; padding is left out.
    """

    def hooks(self, inputs: Inputs, label: str) -> list[HookSpec]:
        """The hook points of the kind asked for that have a fixed number of units."""
        query = HookQuery(kind=self.params.kind)
        specs = select(inputs.model(label).hook_specs, query, model=label)
        return [spec for spec in specs if spec.width is not None]

    def statistic(self, spec: HookSpec) -> TailCounts:
        """Counts below and above the silent range."""
        assert spec.width is not None
        return TailCounts(spec.width, -self.params.threshold, self.params.threshold)

    def finish(self, found: Sequence[Found], inputs: Inputs) -> Result:
        """Tables `units` (one row a unit) and `histogram`, and the mean share of each place."""
        units = pd.concat([unit_rows(one) for one in found], ignore_index=True)
        shares = units.groupby(["model", "hook"], sort=False)["silent"]
        return Result(
            tables={
                "units": units,
                "histogram": pd.concat(map(histogram, shares), ignore_index=True),
            },
            metrics={
                f"silent.{model}.{hook}": mean for (model, hook), mean in shares.mean().items()
            },
            figures=[self._figure()],
        )

    def _figure(self) -> Figure:
        encoding = {
            "x": {"field": "share", "title": "share of samples in which a unit is silent"},
            "y": {"field": "units", "type": "quantitative"},
            "column": {"field": "model"},
            "row": {"field": "hook"},
        }
        return Figure(
            name="silence",
            title="Silent units",
            caption=f"Units by the share of samples within {self.params.threshold:g} of zero.",
            table="histogram",
            chart={"mark": "bar", "encoding": encoding},
        )


def unit_rows(found: Found) -> pd.DataFrame:
    """One row a unit: how many samples it has, and in what share of them it is silent."""
    counts = found.statistic
    assert isinstance(counts, TailCounts)
    silent = counts.samples - counts.left - counts.right
    columns = {"unit": np.arange(len(silent)), "samples": counts.samples, "silent_count": silent}
    rows = {"model": found.label, "hook": found.spec.name, **columns}
    return pd.DataFrame({**rows, "silent": silent / max(counts.samples, 1)})


def histogram(group: tuple[tuple[str, str], pd.Series]) -> pd.DataFrame:
    """How many units of a hook point lie in each twentieth: few rows to draw for any model."""
    (model, hook), shares = group
    counts, edges = np.histogram(shares, BINS, (0, 1))
    return pd.DataFrame({"model": model, "hook": hook, "share": edges[:-1], "units": counts})
