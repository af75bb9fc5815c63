"""A base class for statistics of units over a dataset: one pass, blocks of the data as shards.

    class GateSaturation(StreamingAnalysis[MyParams]):
        def statistic(self, spec): return TailCounts(spec.width, 0.1, 0.9)
        def finish(self, found, inputs): return Result(...)

`found` holds one merged statistic for each model and hook point.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from torch import Tensor

from probekit.analysis import Analysis, Inputs, Measured, Partial, Result, Shard, need_model
from probekit.dataset import Dataset
from probekit.errors import ProbekitError
from probekit.hooks import HookSpec
from probekit.model import Model
from probekit.params import StreamingParams
from probekit.progress import tick
from probekit.statistics import Statistic

S = TypeVar("S", bound=StreamingParams)


class Found(NamedTuple):
    """The statistic of one hook point of one model."""

    label: str
    spec: HookSpec
    statistic: Statistic


class StreamingAnalysis(Analysis[S]):
    """Feeds every real (unpadded) position of the wanted hook points to a statistic."""

    @abstractmethod
    def statistic(self, spec: HookSpec) -> Statistic:
        """A statistic of that hook point that has seen nothing."""

    @abstractmethod
    def finish(self, found: Sequence[Found], inputs: Inputs) -> Result:
        """The result of the merged statistics, in the order of models and hook points."""

    def hooks(self, inputs: Inputs, label: str) -> list[HookSpec]:
        """The hook points to be streamed: those that the analysis is registered to ask for."""
        return inputs.hooks(label)

    def shards(self, inputs: Inputs) -> list[Shard]:
        """Blocks of the dataset, one model after another."""
        total, block = len(inputs.dataset), self.params.shard_size
        if not total:
            raise ProbekitError("the dataset has no examples; name one with data=NAME.")
        return [
            Shard(
                name=f"{label}-{start:09d}",
                model=label,
                task={
                    "hooks": [spec.name for spec in self.hooks(inputs, label)],
                    "start": start,
                    "stop": min(start + block, total),
                },
                size=min(start + block, total) - start,
            )
            for label in inputs.labels
            for start in range(0, total, block)
        ]

    def measure(self, shard: Shard, model: Model | None, dataset: Dataset) -> Partial:
        """The state of every statistic after one block."""
        reader = need_model(model)
        specs = [reader.hook_specs[name] for name in shard.task["hooks"]]
        statistics = {spec.name: self.statistic(spec) for spec in specs}
        for start in range(shard.task["start"], shard.task["stop"], self.params.batch_size):
            stop = min(start + self.params.batch_size, shard.task["stop"])
            batch = reader.encode(dataset[start:stop])

            def see(spec: HookSpec, values: Tensor) -> None:
                statistics[spec.name].add(values[batch.mask(spec.part)])  # noqa: B023

            reader.observe(batch, specs, see)
            tick(len(batch))
        return {
            f"{name}/{field}": array
            for name, statistic in statistics.items()
            for field, array in statistic.arrays().items()
        }

    def combine(self, parts: Sequence[Measured], inputs: Inputs) -> Result:
        """Merge the blocks of each model in order, then finish."""
        found = []
        for label in inputs.labels:
            own = [part.partial for part in parts if part.shard.model == label]
            for spec in self.hooks(inputs, label):
                merged = self.statistic(spec)
                for partial in own:
                    prefix = f"{spec.name}/"
                    state = {
                        k.removeprefix(prefix): v
                        for k, v in partial.items()
                        if k.startswith(prefix)
                    }
                    merged.absorb(state)
                found.append(Found(label, spec, merged))
        return self.finish(found, inputs)
