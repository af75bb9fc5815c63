"""Engines: ways to work through the shards of a run."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from probekit.specs import EngineSpec

SERIAL = EngineSpec(
    name="serial",
    summary="one shard after another, in this process",
    implementation="probekit.engines.serial:SerialEngine",
    params="probekit.engines.serial:SerialParams",
)


class Engine(Protocol):
    """Measures shards, in any order and on any machine, and hands each partial to `keep`."""

    def work(
        self, analysis: Any, inputs: Any, shards: Sequence[Any], keep: Callable[[Any, Any], None]
    ) -> None:
        """Call `keep(shard, measured(analysis, shard, inputs))` once for every shard."""


__all__ = ["SERIAL", "Engine"]
