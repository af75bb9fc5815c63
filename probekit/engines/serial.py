"""The serial engine: one shard after another, in this process."""

from collections.abc import Callable, Sequence
from typing import Any

from probekit.analysis import Analysis, Inputs, Partial, Shard, measured
from probekit.params import Params


class SerialParams(Params):
    """The serial engine has nothing to set."""


class SerialEngine:
    """Measures shards in order."""

    def __init__(self, params: SerialParams) -> None:
        self.params = params

    def work(
        self,
        analysis: Analysis[Any],
        inputs: Inputs,
        shards: Sequence[Shard],
        keep: Callable[[Shard, Partial], None],
    ) -> None:
        """Measure every shard and hand its partial to `keep`."""
        for shard in shards:
            keep(shard, measured(analysis, shard, inputs))
