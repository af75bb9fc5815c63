"""The base of the analyses here: the corpus is read once, and what it leaves are bits.

    class MyAnalysis(NeuronAnalysis[MyParams]):
        def finish(self, found, inputs): return Result(...)    # found: one Layer a hook point

A partial holds the tokens of a block of windows and, for each hook point, one bit a unit and
position. Everything else is computed from these afterwards, so that it can be asked again.
"""

import logging
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Int32
from torch import Tensor

from probekit.analysis import Analysis, Inputs, Measured, Partial, Result, Shard, need_model
from probekit.dataset import Batch, Dataset
from probekit.errors import ProbekitError
from probekit.hooks import HookQuery, HookSpec, select
from probekit.model import Model
from probekit.progress import tick
from probekit_neurons.layers import Layer, look
from probekit_neurons.packing import pack, width_in_bytes
from probekit_neurons.params import ReadingParams
from probekit_neurons.recorded import Recorded
from probekit_neurons.reuse import check_reuse, stored_parts
from probekit_neurons.windows import Block, begin, length_of, plan, read

R = TypeVar("R", bound=ReadingParams)

log = logging.getLogger("probekit")


class NeuronAnalysis(Analysis[R]):
    """Reads windows of a corpus once; statistics are computed layer by layer from the bits."""

    @abstractmethod
    def finish(self, found: Sequence[Layer], inputs: Inputs) -> Result:
        """The result of all layers, in the order of models and hook points."""

    def hooks(self, model: Model, label: str) -> list[HookSpec]:
        """The hook points that are read: those of the kind that follow the text, layer by layer."""
        query = HookQuery(kind=self.params.kind)
        found = select(model.hook_specs, query, model=label)
        return [spec for spec in found if spec.width is not None and spec.part != "decoder"]

    def shards(self, inputs: Inputs) -> list[Shard]:
        """Blocks of windows, one model after another."""
        if not len(inputs.dataset):
            raise ProbekitError("the dataset has no examples; name one with data=NAME.")
        if self.params.bits:
            check_reuse(self.params, inputs)
        return [shard for label in inputs.labels for shard in self._shards(inputs, label)]

    def _shards(self, inputs: Inputs, label: str) -> Iterator[Shard]:
        model = inputs.model(label)
        specs = self.hooks(model, label)
        for spec in specs:
            level(spec, self.params.threshold, label)
        length = length_of(model, self.params, label)
        blocks = plan(inputs.dataset, model, length, self.params, label)
        for number, block in enumerate(blocks):
            task = {**block.task(), "length": length, "hooks": [spec.name for spec in specs]}
            yield Shard(f"{label}-{number:06d}", label, task, block.windows)

    def measure(self, shard: Shard, model: Model | None, dataset: Dataset) -> Partial:
        """Tokens `[window, pos]` of a block, and bits `[byte, position]` by hook point."""
        if self.params.bits:
            return {"elsewhere": np.array(True)}
        task = dict(shard.task)
        length, names = task.pop("length"), task.pop("hooks")
        return read_bits(need_model(model), dataset, length, names, Block(**task), self.params)

    def combine(self, parts: Sequence[Measured], inputs: Inputs) -> Result:
        """Compute every layer from its bits, one at a time, then finish."""
        if self.params.bits:
            parts = stored_parts(Path(self.params.bits), [part.shard for part in parts])
        found: list[Layer] = []
        for label in inputs.labels:
            model = inputs.model(label)
            recorded = Recorded.of([part for part in parts if part.shard.model == label])
            specs = self.hooks(model, label)
            for number, spec in enumerate(specs):
                log.info(
                    "statistics of %s, %s (%d of %d)", label, spec.name, number + 1, len(specs)
                )
                found.append(
                    look(recorded, label, spec, number, len(specs), begin(model), self.params)
                )
        return self.finish(found, inputs)


def read_bits(
    model: Model,
    dataset: Dataset,
    length: int,
    names: Sequence[str],
    block: Block,
    params: ReadingParams,
) -> dict[str, np.ndarray]:
    """What `measure` gives."""
    tokens = np.stack(list(read(dataset, model, length, params, block)))
    specs = [model.hook_specs[name] for name in names]
    bits: dict[str, Any] = {
        spec.name: np.zeros((width_in_bytes(spec.width or 0), tokens.size), np.uint8)
        for spec in specs
    }
    starts = range(0, len(tokens), params.batch_size)
    batches = [_batch(tokens[start : start + params.batch_size], model) for start in starts]

    def see(number: int, spec: HookSpec, values: Tensor) -> None:
        first = starts[number] * length
        packed = pack(values, level(spec, params.threshold))
        bits[spec.name][:, first : first + packed.shape[1]] = packed
        if spec.name == names[-1]:
            tick(len(batches[number]))

    observe_batches(model, batches, specs, see)
    return {"tokens": tokens} | {f"bits/{name}": array for name, array in bits.items()}


def observe_batches(
    model: Model,
    batches: Sequence[Batch],
    specs: Sequence[HookSpec],
    see: Callable[[int, HookSpec, Tensor], None],
) -> None:
    """Run all batches, handing each activation to `see` with the number of its batch.

    A model that goes through its layers one by one does so once for all batches: it has a method of
    this name.
    """
    together = getattr(model, "observe_batches", None)
    with torch.no_grad():
        if together is not None:
            together(batches, specs, see)
            return
        for number, batch in enumerate(batches):
            model.observe(batch, specs, partial(see, number))


def _batch(tokens: Int32[np.ndarray, "window pos"], model: Model) -> Batch:
    ids = torch.from_numpy(tokens.astype(np.int64)).to(device_of(model))
    return Batch(ids, torch.full((len(ids),), ids.shape[1]))


def device_of(model: Model) -> torch.device:
    """Where the model takes its tokens."""
    return getattr(model, "device", torch.device("cpu"))


def level(spec: HookSpec, threshold: float | None, label: str = "the model") -> float:
    """The value above which a unit is active; ProbekitError where it must be given.

    Zero means inactive only where a ReLU stands before the hook point: a neuron that is never
    negative.
    """
    if threshold is not None:
        return threshold
    if spec.kind == "neuron" and spec.span[0] == 0:
        return 0.0
    raise ProbekitError(
        f"{spec.name} of {label} does not come from a ReLU, so zero does not tell whether a unit"
        " is active; give threshold=VALUE."
    )
