"""An analysis of your own, on a model and a dataset that are at hand: no plugin, no run folder."""

import pandas as pd

from probekit import HookQuery, StreamingAnalysis, StreamingParams
from probekit.analysis import Measured, Result
from probekit.statistics import Extremes
from probekit.testing import GivenInputs, TinyModel, tiny_dataset


class Ranges(StreamingAnalysis[StreamingParams]):
    """The smallest and the largest value of every unit."""

    def statistic(self, spec):
        """A statistic of one hook point that has seen nothing."""
        return Extremes(spec.width)

    def finish(self, found, inputs):
        """One row a unit."""
        rows = [{"low": one.statistic.low, "high": one.statistic.high} for one in found]
        return Result(tables={"ranges": pd.concat(map(pd.DataFrame, rows))})


inputs = GivenInputs({"tiny": TinyModel()}, tiny_dataset(), [HookQuery(kind="hidden")])
ranges = Ranges(StreamingParams(shard_size=30))
parts = [
    Measured(shard, ranges.measure(shard, inputs.model("tiny"), inputs.dataset))
    for shard in ranges.shards(inputs)
]
print(f"{len(parts)} shards of {len(inputs.dataset)} sentences")
print(ranges.combine(parts, inputs).tables["ranges"].round(3).to_string())
