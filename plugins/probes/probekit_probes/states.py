"""What all layers hold at chosen words: `[sample, unit]`, the layers side by side.

    values = states(model, examples, places, columns, batch_size=64)

A sample is one word of one example; samples come in the order of the examples.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor

from probekit.dataset import Example, alike
from probekit.errors import ProbekitError
from probekit.hooks import HookSpec
from probekit.model import Model
from probekit.progress import tick
from probekit_probes.columns import Columns
from probekit_probes.positions import Positions

ROUNDING = 1e-5  # what single precision may make of the same words, relative and absolute

Values = Float[np.ndarray, "sample unit"]


def states(
    model: Model,
    examples: Sequence[Example],
    places: Sequence[Sequence[int]],
    columns: Columns,
    batch_size: int,
) -> Values:
    """The units at the words `places[i]` of each example i, in double precision.

    Samples after the same words are the same to the last bit (see `settle`).

    Raises ProbekitError where the model has no position for a word or a value is not finite.
    """
    starts = np.concatenate([[0], np.cumsum([len(some) for some in places])]).astype(np.int64)
    values = np.empty((int(starts[-1]), len(columns)))
    positions = Positions(model)
    for block in alike(examples, batch_size):
        batch = model.encode([examples[at] for at in block])
        rows = np.repeat(np.arange(len(block)), [len(places[at]) for at in block])
        ids = (batch.tokens[row, :length].tolist() for row, length in enumerate(batch.lengths))
        read = zip(block, ids, strict=True)
        steps = [step for at, own in read for step in positions.of(examples[at], own, places[at])]
        samples = [sample for at in block for sample in range(starts[at], starts[at + 1])]

        def see(spec: HookSpec, seen: Tensor) -> None:
            chosen = seen[rows, np.array(steps, dtype=np.int64)].double().cpu().numpy()  # noqa: B023
            if not np.isfinite(chosen).all():
                raise ProbekitError(
                    f"{spec.name} holds values that are not finite, which nothing can be fitted to."
                )
            values[samples, columns.span(spec)] = chosen  # noqa: B023

        model.observe(batch, columns.specs, see)
        tick(len(batch))
    settle(values, examples, places)
    return values


def settle(values: Values, examples: Sequence[Example], places: Sequence[Sequence[int]]) -> None:
    """Make samples that differ by rounding alone the same, in place.

    What a model holds after the same words is rounded otherwise at another place in a batch, and a
    rank statistic would see that. So a sample becomes the first one after the same words, unless
    they differ by more (as in a model that reads ahead).
    """
    seen: dict[tuple[tuple[str, ...], tuple[str, ...]], int] = {}
    read = [
        (example.context, example.words[: at + 1])
        for example, some in zip(examples, places, strict=True)
        for at in some
    ]
    first = [seen.setdefault(words, sample) for sample, words in enumerate(read)]
    same = np.isclose(values, values[first], rtol=ROUNDING, atol=ROUNDING).all(1)
    values[same] = values[np.array(first, dtype=np.int64)[same]]


def unknown(model: Model, examples: Sequence[Example]) -> int:
    """How many words of the examples the model has no entry for."""
    return sum(len(model.unknown(example)) for example in examples)
