"""The parameters of this plugin's models and trainer (no torch here)."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from probekit.params import Params

Positions = Literal["learned", "none"]
Precision = Literal["auto", "float32", "bfloat16"]
Number = Literal["float32", "bfloat16", "float16"]
Attention = Literal["fused", "open"]
Execution = Literal["whole", "layerwise"]

SEEDS = 2**63  # what a generator of torch can be seeded with
UNTRAINED = "untrained"
SHIPPED = {"enwiki": "6 layers of 1,024 neurons, trained on 18 million tokens of Wikipedia"}


class TransformerParams(Params):
    """Which transformer to load, and how it runs."""

    path: str = Field(
        "", description="a model folder as Hugging Face writes it, or a hub name; none: the OPT"
    )
    window: int | None = Field(
        None, ge=2, description="longest sequence in tokens; none: as many as it has positions for"
    )
    dtype: Number = Field("float32", description="of weights and activations")
    attention: Attention = Field(
        "fused", description="open: attention weights are hook points too, at about a fifth more"
    )


class OptParams(TransformerParams):
    """Which OPT to load, and how it runs."""

    checkpoint: str = Field(
        "enwiki", description="a shipped name, a model folder, or 'untrained'; path wins over it"
    )
    path: str = Field("", description="a model folder as Hugging Face writes it, or a hub name")
    execution: Execution = Field(
        "whole", description="layerwise: one layer in memory at a time, for many sequences at once"
    )
    init_seed: int = Field(0, ge=0, lt=SEEDS, description="seed of the weights if untrained")


class OptTrainingParams(Params):
    """How to make a small OPT; the defaults are those of the shipped one."""

    corpus: tuple[str, ...] = Field(
        min_length=1, description="text files (.txt, .gz, .xz), a paragraph a line"
    )
    tokens: PositiveInt = Field(18_000_000, description="tokens to read; a short corpus is reread")
    vocabulary: int = Field(8192, ge=260, le=65536, description="tokens of the byte-level BPE")
    layers: PositiveInt = Field(6, description="transformer layers")
    width: PositiveInt = Field(256, description="width of the residual stream")
    ffn: PositiveInt = Field(1024, description="FFN neurons a layer")
    heads: PositiveInt = Field(4, description="attention heads a layer")
    window: int = Field(256, ge=2, description="longest sequence, its begin-of-sentence included")
    positions: Positions = Field("learned", description="learned position embeddings, or none")
    batch_size: PositiveInt = Field(24, description="sequences a step")
    learning_rate: PositiveFloat = Field(2e-3, description="of AdamW, at its highest")
    warmup: NonNegativeInt = Field(100, description="steps until it is highest; then a cosine to 0")
    weight_decay: NonNegativeFloat = Field(0.1, description="of AdamW, on matrices")
    clip: PositiveFloat = Field(1.0, description="largest norm of the gradient")
    precision: Precision = Field("auto", description="of products; auto: bfloat16 where it is fast")
    validation: float = Field(0.01, gt=0, lt=0.5, description="share of the corpus, its end")
    validate_every: PositiveInt = Field(250, description="steps between looks at validation")
    keep: PositiveInt = Field(
        8, description="checkpoints kept, at steps that double, last included"
    )
    save_every: PositiveInt = Field(200, description="steps between restart files")
    seeds: tuple[int, ...] = Field((), description="one model a seed; empty: the seed of the run")
