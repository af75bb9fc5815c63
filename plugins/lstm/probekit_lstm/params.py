"""Parameters of the model and of its training."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from probekit.params import Params

SHIPPED: Mapping[str, str] = {
    "english": "two layers of 320 units, trained on Wikipedia and, for agreement, on sentences of"
    " the grammar that number-agreement generates too",
}
UNTRAINED = "untrained"
SEEDS = 2**63


class LstmParams(Params):
    """Which LSTM language model to load."""

    checkpoint: str = Field(
        "english", description="a shipped name, a path to a file, or 'untrained'"
    )
    vocab: str = Field(
        "", description="file of the words in the order of their ids, a word a line, if the"
        " checkpoint lacks them"
    )  # fmt: skip
    unit: Literal["words", "characters"] = Field(
        "words", description="what the ids stand for, if the checkpoint does not say"
    )
    unknown: bool = Field(True, description="read unknown words as <unk>; else they are an error")
    embedding: PositiveInt = Field(650, description="width of the embedding if untrained")
    hidden: PositiveInt = Field(650, description="units of a layer if untrained")
    layers: PositiveInt = Field(2, description="layers if untrained")
    init_seed: int = Field(0, ge=0, lt=SEEDS, description="seed of the weights if untrained")


class LstmTrainingParams(Params):
    """How to train an LSTM language model."""

    corpus: tuple[str, ...] = Field(
        min_length=1, description="text files (.txt, .gz or .xz), one sentence or paragraph a line"
    )
    words: Literal["spaces", "text", "characters"] = Field(
        "text",
        description="how a line is cut: at spaces (a text that is cut already), into words and"
        " punctuation, or into characters",
    )
    start: str = Field(
        "", description="a checkpoint to start from, whose words and sizes are kept; empty: anew"
    )
    vocabulary: PositiveInt = Field(10_000, description="most words kept; the others are <unk>")
    validation: float = Field(
        0.01, gt=0, lt=1, description="share of each file, its last lines, that is held out"
    )
    embedding: PositiveInt = Field(320, description="width of the embedding")
    hidden: PositiveInt = Field(320, description="units of a layer")
    layers: PositiveInt = Field(2, description="layers")
    tied: bool = Field(True, description="use the embedding as output weights too")
    dropout: float = Field(0.2, ge=0, lt=1, description="on embedding, between layers, on output")
    epochs: PositiveFloat = Field(1.0, description="passes over the corpus; may be a fraction")
    batch_size: PositiveInt = Field(32, description="streams of text read side by side")
    steps: PositiveInt = Field(35, description="words between two updates (truncated BPTT)")
    optimizer: Literal["adam", "sgd"] = Field("adam", description="adam, or plain gradient descent")
    learning_rate: PositiveFloat = Field(2e-3, description="at the start (20 is usual for sgd)")
    annealing: Literal["linear", "plateau"] = Field(
        "linear",
        description="let the learning rate fall to 0 by the end, or to a quarter whenever the"
        " validation loss does not fall",
    )
    clip: PositiveFloat = Field(0.25, description="largest norm of the gradient")
    weight_decay: NonNegativeFloat = Field(0.0, description="decoupled weight decay of adam")
    evaluate_every: PositiveInt = Field(2000, description="updates between looks at validation")
    save_every: PositiveInt = Field(500, description="updates between restart files")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="of the products in training; weights stay float32"
    )
    threads: int = Field(0, ge=0, description="threads of torch; 0: leave them as they are")
    seeds: tuple[int, ...] = Field((), description="one model a seed; empty: the seed of the run")

    @model_validator(mode="after")
    def _widths(self) -> "LstmTrainingParams":
        if self.tied and self.embedding != self.hidden:
            raise ValueError("tied=true needs embedding and hidden to be equal; give tied=false")
        return self
