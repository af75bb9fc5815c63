"""The parameters of this plugin's model and dataset (no torch here)."""

from typing import Literal

from pydantic import Field, PositiveInt

from probekit.params import Params

Decoding = Literal["greedy", "teacher"]

PUBLISHED, UNTRAINED = "published", "untrained"
SEEDS = 2**63  # what a generator of torch can be seeded with


class G2pParams(Params):
    """Which weights to load, and how the model decodes."""

    checkpoint: str = Field(
        PUBLISHED,
        description="'published' (those of the installed package g2p-en), a path to an .npz of the"
        " same arrays, or 'untrained'",
    )
    decoding: Decoding = Field(
        "greedy", description="feed back the model's own answers, or the right ones (teacher)"
    )
    embedding: PositiveInt = Field(256, description="width of the embeddings if untrained")
    hidden: PositiveInt = Field(256, description="width of the hidden states if untrained")
    init_seed: int = Field(0, ge=0, lt=SEEDS, description="seed of the weights if untrained")


class SpellingParams(Params):
    """Which words."""

    path: str = Field(
        "",
        description="a text file of words, one a line, each with its phonemes behind a tab or"
        " without; empty: the words that come with the plugin",
    )
    targets: bool = Field(
        True, description="false: leave the phonemes out, so that the model's own answers count"
    )
