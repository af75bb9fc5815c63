"""The activations of chosen positions as one array, in memory or, where it is large, on disk.

    with activations(model, dataset, spec, samples, params) as inputs:
        inputs[0]           # 1 for every sample: the row that carries the intercept
        inputs[1 + unit]    # one unit at every sample

The model runs once, a batch at a time, with that one hook point watched.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from torch import Tensor

from probekit.dataset import Dataset
from probekit.errors import ProbekitError
from probekit.hooks import HookSpec
from probekit.model import Model
from probekit.progress import tick
from probekit_probes.logistic import Inputs
from probekit_probes.params import GroupParams
from probekit_probes.samples import Samples

MEGABYTE = 2**20


@contextmanager
def activations(
    model: Model, dataset: Dataset, spec: HookSpec, samples: Samples, params: GroupParams
) -> Iterator[Inputs]:
    """Within it, the activations `[1 + unit, sample]` in single precision; row 0 is all ones.

    Raises ProbekitError where one is not finite.
    """
    assert spec.width is not None
    shape = (1 + spec.width, len(samples))
    with TemporaryDirectory(prefix="probekit-") as folder:
        if 4 * shape[0] * shape[1] <= params.memory_mb * MEGABYTE:
            inputs = np.empty(shape, dtype=np.float32)
        else:
            file = Path(folder) / "activations"
            inputs = np.memmap(file, dtype=np.float32, mode="w+", shape=shape)
        inputs[0] = 1
        _fill(inputs, model, dataset, spec, samples, params.batch_size)
        if params.standardise:
            for row in inputs[1:]:
                deviation = row.std(dtype=np.float64) if np.ptp(row) else 1.0
                row -= row.mean(dtype=np.float64)
                row /= deviation
        yield inputs


def _fill(
    inputs: Inputs,
    model: Model,
    dataset: Dataset,
    spec: HookSpec,
    samples: Samples,
    size: int,
) -> None:
    """Run the model over the dataset once and keep what the samples ask for."""
    for start in range(0, len(dataset), size):
        batch = model.encode(dataset[start : start + size])
        begin, end = np.searchsorted(samples.examples, (start, start + size))
        rows, positions = samples.examples[begin:end] - start, samples.positions[begin:end]

        def see(_: HookSpec, values: Tensor) -> None:
            chosen = values[rows, positions].float().cpu().numpy()  # noqa: B023
            if not np.isfinite(chosen).all():
                raise ProbekitError(
                    f"{spec.name} holds values that are not finite, which no classifier can read."
                )
            inputs[1:, begin:end] = chosen.T  # noqa: B023

        if end > begin:
            model.observe(batch, [spec], see)
        tick(len(batch))
