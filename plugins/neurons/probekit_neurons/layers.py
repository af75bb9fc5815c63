"""All that is known of the units of one layer: the deferred pass over its bits."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from probekit.hooks import HookSpec
from probekit_neurons.detectors import Detector, detect
from probekit_neurons.information import information
from probekit_neurons.params import (
    ActivityParams,
    DetectorParams,
    PositionalParams,
    ReadingParams,
    TriggerParams,
)
from probekit_neurons.positional import Positional, clearest, positional
from probekit_neurons.recorded import Recorded
from probekit_neurons.sweep import Swept, sweep


@dataclass(frozen=True)
class Layer:
    """The units of one hook point of one model, the `number`th of `layers`.

    `counts [domain, unit]` are activations among `tokens [domain]`; `totals` and `covers`
    `[n, unit]` are of n-grams, empty where these were not asked for, as are `information` and
    `bias` `[unit]`. `texts` is the number of windows.
    """

    label: str
    spec: HookSpec
    number: int
    layers: int
    domains: tuple[str, ...]
    texts: int
    tokens: Int[np.ndarray, " domain"]
    counts: Int[np.ndarray, "domain unit"]
    totals: Int[np.ndarray, "n unit"]
    covers: Int[np.ndarray, "n unit"]
    detectors: tuple[Detector, ...]
    information: Float[np.ndarray, " informed"]
    bias: Float[np.ndarray, " informed"]
    positional: tuple[Positional, ...]

    @property
    def depth(self) -> float:
        """Where it is in the model: 0 the lowest layer, 1 the highest."""
        return self.number / max(1, self.layers - 1)

    @property
    def units(self) -> int:
        """The number of its units."""
        return int(self.counts.shape[1])

    @property
    def alive(self) -> np.ndarray:
        """Which units were ever active."""
        return self.counts.sum(axis=0) > 0

    @property
    def frequency(self) -> Float[np.ndarray, " unit"]:
        """The share of the tokens at which each unit is active."""
        share: np.ndarray = self.counts.sum(axis=0) / self.tokens.sum()
        return share


def look(
    recorded: Recorded,
    label: str,
    spec: HookSpec,
    number: int,
    layers: int,
    bos: int | None,
    params: ReadingParams,
) -> Layer:
    """Compute what the parameters ask for, of one hook point.

    Whether n-grams, detectors and positions are computed depends on which parameters there are.
    """
    width, places = spec.width or 0, recorded.places(bos)
    shape = (places.cells // recorded.tokens.shape[1] // len(recorded.domains),
             len(recorded.domains), recorded.tokens.shape[1])  # fmt: skip
    there = np.bincount(places.cell, minlength=places.cells).reshape(shape)
    grams = recorded.grams(bos) if _wants_grams(params, number, layers) else None
    share = params.cover if isinstance(params, TriggerParams) else 1.0
    blocks: list[_Block] = []
    for first, rows in recorded.blocks(spec.name, width, places.cells):
        swept = _cut(sweep(rows, grams, places, share), width - first)
        cells = swept.cells.reshape(-1, *shape)
        found = _Block(swept, _by_domain(cells, params), [], [], np.zeros((2, 0)))
        if grams is not None and isinstance(params, DetectorParams):
            found.detectors += detect(rows, swept, first, grams, params)
        if isinstance(params, PositionalParams):
            texts, counts, origin = _by_position(there, cells, params)
            told = information(counts, texts)
            some = positional(counts, texts, told, first, origin, params)
            found.positional, found.information = list(clearest(some)), np.stack(told)
        blocks.append(found)
    return Layer(
        label, spec, number, layers, recorded.domains, len(recorded.tokens),
        tokens=_by_domain(there[None], params)[:, 0],
        counts=np.concatenate([one.counts for one in blocks], axis=1),
        totals=np.concatenate([one.swept.totals for one in blocks], axis=1),
        covers=np.concatenate([one.swept.covers for one in blocks], axis=1),
        detectors=tuple(sorted((one for block in blocks for one in block.detectors), key=_order)),
        information=np.concatenate([one.information[0] for one in blocks]),
        bias=np.concatenate([one.information[1] for one in blocks]),
        positional=tuple(clearest(one for block in blocks for one in block.positional)),
    )  # fmt: skip


@dataclass
class _Block:
    """What is known of some units of a layer."""

    swept: Swept
    counts: np.ndarray
    detectors: list[Detector]
    positional: list[Positional]
    information: np.ndarray


def _order(one: Detector) -> tuple[int, int]:
    return one.n, one.unit


def _wants_grams(params: ReadingParams, number: int, layers: int) -> bool:
    if not isinstance(params, TriggerParams):
        return False
    return params.layers == "all" or 2 * number < layers


def _cut(swept: Swept, units: int) -> Swept:
    """Without the bits that fill up the last byte."""
    return Swept(swept.cells[:units], swept.totals[:, :units], swept.covers[:, :units])


def _by_domain(
    cells: Int[np.ndarray, "unit begin domain pos"], params: ReadingParams
) -> Int[np.ndarray, "domain unit"]:
    """Activations by domain, with or without those at begin-of-sentence."""
    without = isinstance(params, ActivityParams) and not params.count_begin
    kept = cells[:, :1] if without else cells
    return kept.sum(axis=(1, 3)).T


def _by_position(
    there: Int[np.ndarray, "begin domain pos"],
    cells: Int[np.ndarray, "unit begin domain pos"],
    params: PositionalParams,
) -> tuple[Int[np.ndarray, " kept"], Int[np.ndarray, "unit kept"], int]:
    """The texts and the activations at each position that any text has, and the first of these."""
    kinds = slice(None) if params.position_begin else slice(1)
    texts = there[kinds].sum(axis=(0, 1))
    counts = cells[:, kinds].sum(axis=(1, 2))
    return texts[texts > 0], counts[:, texts > 0], int((texts > 0).argmax())
