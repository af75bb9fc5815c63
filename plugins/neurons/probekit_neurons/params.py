"""Parameters of the analyses of this plugin.

The defaults are the definitions of Voita, Ferrando and Nalmpantis (2023).
"""

from operator import ge
from typing import Literal

from pydantic import Field, field_validator

from probekit.hooks import Kind
from probekit.params import Params

Half = Literal["lower", "all"]

Share = Field(ge=0, le=1)


class ReadingParams(Params):
    """What is read, and when a unit counts as active."""

    kind: Kind = Field("neuron", description="the kind of hook point")
    threshold: float | None = Field(
        None, description="a unit is active above this; none: 0, for neurons behind a ReLU"
    )
    length: int | None = Field(
        None, ge=2, description="tokens in a window; none: as many as the model reads at once"
    )
    join: bool = Field(
        True, description="documents of a domain follow each other in a window; false: one alone"
    )
    domains: tuple[str, ...] = Field((), description="the domains to read; none: all")
    windows: int | None = Field(
        None, ge=1, description="windows to read of each domain, at most; none: all"
    )
    bits: str = Field(
        "", description="a run folder of this plugin whose bits are used, so that no model runs"
    )
    batch_size: int = Field(4, ge=1, description="windows in one forward pass")
    shard_size: int = Field(8, ge=1, description="windows in one partial result")
    first_layer: int = Field(0, ge=0, le=1, description="the number of the lowest layer in tables")


READ = ("kind", "threshold", "length", "join", "domains", "windows", "shard_size")


class ActivityParams(ReadingParams):
    """What counts for dead neurons and frequencies."""

    count_begin: bool = Field(
        True, description="activations at begin-of-sentence count for dead and frequency"
    )


class TriggerParams(ReadingParams):
    """How many n-grams cover a neuron's activations."""

    cover: float = Field(0.95, gt=0, le=1, description="share of the activations to be covered")
    layers: Half = Field("lower", description="n-grams of the lower half of the layers, or of all")
    unigram_bins: tuple[int, ...] = Field(
        (5, 10, 20, 50, 200, 1000, 2000, 50_000), description="upper ends, in unigrams"
    )
    bigram_bins: tuple[int, ...] = Field(
        (50, 100, 200, 500, 1000, 2000, 5000, 1_000_000), description="upper ends, in bigrams"
    )
    trigram_bins: tuple[int, ...] = Field(
        (50, 100, 200, 500, 1000, 5000, 20_000, 3_000_000), description="upper ends, in trigrams"
    )

    @field_validator("unigram_bins", "bigram_bins", "trigram_bins")
    @classmethod
    def _rising(cls, bins: tuple[int, ...]) -> tuple[int, ...]:
        if not bins or bins[0] < 1 or any(map(ge, bins, bins[1:])):
            raise ValueError("upper ends of bins rise from 1 or more")
        return bins


class DetectorParams(TriggerParams):
    """The three steps to a token or trigram detector."""

    most_unigrams: int = Field(
        5, ge=1, description="a token detector is covered by at most so many"
    )
    most_trigrams: int = Field(
        50, ge=1, description="a trigram detector is covered by at most so many"
    )
    present: float = Field(
        0.95, gt=0, le=1, description="an n-gram is detected if it activates so often when present"
    )
    explained: float = Field(
        0.95, gt=0, le=1, description="share of the activations that detected n-grams account for"
    )
    least: int = Field(1, ge=1, description="an n-gram that occurs less often is not detected")
    supported: int = Field(20, ge=1, description="activations from which a detector is supported")


class SuppressionParams(DetectorParams):
    """How updates are projected on the vocabulary."""

    top: int = Field(10, ge=1, le=100, description="tokens listed at either end")
    shown: int = Field(6, ge=1, le=24, description="detectors drawn")
    gain: bool = Field(False, description="with the gain of the final layer norm, without its bias")
    centred: bool = Field(False, description="the unembedding less its mean over the vocabulary")


class PositionalParams(ReadingParams):
    """Which neurons are positional, and their types (appendix B.1 and section 5.2)."""

    least_information: float = Field(
        0.05, ge=0, description="mutual information above which a neuron is positional, in nats"
    )
    corrected: bool = Field(False, description="choose by the value corrected for its bias")
    position_begin: bool = Field(True, description="begin-of-sentence is one of the positions")
    skip: int = Field(8, ge=0, description="first positions left out of the types")
    smooth: int = Field(64, ge=1, description="types look at a moving average of length / this")
    run: int = Field(16, ge=1, description="an extreme must last length / this positions")
    swing: float = Field(0.3, ge=0, le=1, description="range of an oscillatory average, at least")
    switches: int = Field(4, ge=1, description="switches of an oscillatory average, at least")
    inside: float = Field(
        0.25, ge=0, lt=0.5, description="a switch reaches so far inside the range"
    )
    near: float = Field(0.05, ge=0, lt=0.5, description="this near to 0 or 1 is an extreme")
    exact: float = Field(0.005, ge=0, lt=0.5, description="so near is a strong extreme")
    mixed: float = Field(
        0.35, ge=0, le=1, description="strong oscillation: so few positions between"
    )
    neighbours: int = Field(8, ge=1, description="positions on either side that predict one")
    predicted: float = Field(0.95, ge=0, le=1, description="strong others: predicted so well (R2)")
    layer: int | None = Field(
        None,
        ge=0,
        description="layer whose ranges are drawn; none: that of most strong oscillators",
    )


class NeuronsParams(ActivityParams, SuppressionParams, PositionalParams):
    """All of them, for one pass."""
