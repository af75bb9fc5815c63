"""The parameters of this plugin's datasets (no torch here)."""

from typing import Literal

from pydantic import Field, PositiveInt

from probekit.params import Params

Task = Literal[
    "simple",
    "adv",
    "adv_adv",
    "adv_conjunction",
    "namepp",
    "nounpp",
    "nounpp_adv",
    "subject_relative",
    "double_embedding",
    "linzen",
]
Part = Literal["train", "evaluation"]

DEFAULT_CONTEXT, NO_CONTEXT = "default", "none"
SEEDS = 2**63


class ContextParams(Params):
    """What every dataset here can be told."""

    context: str = Field(
        DEFAULT_CONTEXT,
        description="sentences that the model reads first: 'default' (context.txt beside data.path"
        " if it is there, else five sentences that come with the plugin), 'none', or a text file",
    )
    seed: int = Field(0, ge=0, lt=SEEDS, description="of what is generated, or of a split")


class AgreementParams(ContextParams):
    """Which number-agreement tasks, from files or by the project's own grammar."""

    task: tuple[Task, ...] = Field(
        ("nounpp",), min_length=1, description="one or more tasks; linzen needs data.path"
    )
    path: str = Field(
        "",
        description="a folder of the published files (nounpp.txt, ...), or X for X.text and X.gold"
        " (linzen); empty: generate",
    )
    sentences: PositiveInt = Field(
        600, description="pairs of each condition if generated; fewer where fewer exist"
    )


class DepthParams(ContextParams):
    """Which sentences with their open nodes, and which of their positions."""

    path: str = Field(
        "", description="the published filtered_sentences.txt; empty: generate by the grammar"
    )
    sentences: PositiveInt = Field(
        300, description="of each length from 2 to 25 words, if generated; fewer where fewer exist"
    )
    sample: bool = Field(
        True, description="only positions 7-12 and depths 3-8, equally often; false: every position"
    )
    per_cell: PositiveInt = Field(112, description="samples of each position and depth, at most")
    frequency: str = Field(
        "",
        description="a text file with a word and its count on each line; empty: counts over this"
        " dataset",
    )


class GenderParams(ContextParams):
    """Which professions, and how they are divided."""

    path: str = Field(
        "",
        description="a JSON list of [profession, definitional score, stereotype score], as"
        " professions.json; empty: the professions that come with the plugin",
    )
    keep: str = Field(
        "",
        description="a text file of the professions to keep, one a line; empty: all single words",
    )
    split: tuple[Part, ...] = Field(
        ("train", "evaluation"), min_length=1, description="train, evaluation or both"
    )
    evaluation: PositiveInt | None = Field(
        None,
        description="sentences to evaluate on; none: 200 of 2,873, the same share of another total",
    )


class AccuracyParams(Params):
    """How the sentences are counted."""

    by: tuple[str, ...] = Field(
        ("task", "condition"),
        description="labels by which sentences are counted apart, where the dataset has them",
    )
    batch_size: int = Field(64, ge=1, description="sentences in one forward pass")
    shard_size: int = Field(1024, ge=1, description="sentences in one partial result")
