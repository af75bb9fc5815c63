"""The parameters of this plugin's model, dataset and trainer (no torch here)."""

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from probekit.params import Params

CellName = Literal["gru", "lstm"]
Decoding = Literal["greedy", "teacher"]
Split = Literal[
    "train",
    "validation",
    "heldout_inputs",
    "heldout_compositions",
    "heldout_tables",
    "new_compositions",
]

HELD_OUT: tuple[Split, ...] = (
    "heldout_inputs",
    "heldout_compositions",
    "heldout_tables",
    "new_compositions",
)
SPLITS: tuple[str, ...] = ("train", "validation", *HELD_OUT)
UNTRAINED = "untrained"
SHIPPED = {
    "baseline": "trained on answers alone, lowest validation loss; does not compose",
    "guided": "trained with attentive guidance, lowest validation loss; composes",
}
INIT_RANGE = 0.08
SEEDS = 2**63  # what a generator of torch can be seeded with


class GruParams(Params):
    """Which GRU to load, and how it decodes."""

    checkpoint: str = Field(
        "baseline", description="a shipped name, a path to a file, or 'untrained'"
    )
    decoding: Decoding = Field(
        "greedy", description="feed back the model's own answers, or the right ones (teacher)"
    )
    embedding: PositiveInt = Field(16, description="width of the input embedding if untrained")
    hidden: PositiveInt = Field(512, description="width of the hidden state if untrained")
    init_seed: int = Field(0, ge=0, lt=SEEDS, description="seed of the weights if untrained")
    input_words: tuple[str, ...] = Field(
        (), description="the input words in the order of their ids, for a file that lacks them"
    )
    output_words: tuple[str, ...] = Field(
        (), description="the output words in the order of their ids, for a file that lacks them"
    )


class LstmParams(GruParams):
    """Which LSTM to load, and how it decodes."""

    checkpoint: str = Field(UNTRAINED, description="a path to a file, or 'untrained'")


class LookupParams(Params):
    """Which lookup-table task, and which of its splits."""

    path: str = Field("", description="folder of the original tsv files; empty: generate the task")
    task_seed: int = Field(0, ge=0, description="seed of the generated task")
    split: tuple[Split, ...] = Field(HELD_OUT, min_length=1, description="the splits to use")


class TrainingParams(Params):
    """How to train; the defaults are the published recipe (baan2019, section 2.4)."""

    cell: CellName = Field("gru", description="the kind of recurrent layer")
    guidance: bool = Field(True, description="train the attention towards its targets as well")
    epochs: PositiveInt = Field(100, description="passes over the training data")
    batch_size: PositiveInt = Field(1, description="sequences a step")
    learning_rate: PositiveFloat = Field(1e-3, description="of Adam; let it grow with batch_size")
    clip: PositiveFloat = Field(5.0, description="largest norm of the gradient")
    guidance_weight: PositiveFloat = Field(1.0, description="weight of the attention loss")
    embedding: PositiveInt = Field(16, description="width of the input embedding")
    hidden: PositiveInt = Field(512, description="width of the hidden state")
    init_range: PositiveFloat = Field(INIT_RANGE, description="weights start uniform in +-this")
    validate_every: PositiveInt = Field(200, description="steps between looks at validation")
    seeds: tuple[int, ...] = Field((), description="one model a seed; empty: the seed of the run")
