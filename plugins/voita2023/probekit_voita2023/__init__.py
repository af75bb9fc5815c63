"""The figures of Voita, Ferrando and Nalmpantis (2023) as recipes: data, not code."""

from collections.abc import Mapping
from typing import Any

from probekit.papers import VOITA2023
from probekit.specs import RecipeSpec

NOTHING: Mapping[str, Any] = {}
MORE_TEXT = (
    "The text is the small sample of the dataset corpus unless data.path= names more; the paper"
    " reads over 20 million tokens for dead neurons and over 5 million for all else, in windows of"
    " 2048."
)


def _figure(
    number: int,
    summary: str,
    analysis: str,
    params: Mapping[str, Any] = NOTHING,
    published: Mapping[str, float] = NOTHING,
    remarks: tuple[str, ...] = (),
) -> RecipeSpec:
    """The recipe of one figure; whatever model= and data.path= name is read instead."""
    return RecipeSpec(
        name=f"voita-fig{number}",
        summary=summary,
        analysis=analysis,
        model="opt",
        data="corpus",
        params=params,
        paper=VOITA2023,
        shows=f"figure {number}",
        published=published,
        remarks=(*remarks, MORE_TEXT),
    )


BIGGEST = "Numbers of the paper are those of OPT-66b, which is called 66b beside ours."
SEVERAL = "Several models stand beside each other with model.checkpoint=ONE,OTHER."

voita_fig1 = _figure(
    1,
    "dead neurons and activation frequency, layer by layer",
    "neuron-activity",
    published={"most_dead.66b": 0.7},
    remarks=("The paper finds more than 70% of the neurons dead in some layers of OPT-66b.",),
)
voita_fig2 = _figure(2, "neurons by the number of tokens that trigger them", "ngram-triggers")
voita_fig3 = _figure(
    3,
    "token detectors, and the tokens that have one",
    "token-detectors",
    published={"token_detectors.66b": 5351.0, "covered_tokens.66b": 10_000.0},
    remarks=(BIGGEST, "OPT-66b detects over 10,000 tokens in all, at most 1,500 in a layer."),
)
voita_fig4 = _figure(
    4, "detected tokens that are new overall, and new to the layer before", "token-detectors"
)
voita_fig5 = _figure(
    5,
    "what token detectors promote and suppress",
    "concept-suppression",
    published={"suppressed_share.66b": 0.8},
    remarks=("The paper finds over 80% of the token detectors to suppress what triggers them.",),
)
voita_fig6 = _figure(
    6,
    "one detector's update projected on the vocabulary, both ends",
    "concept-suppression",
    params={"shown": 1, "top": 20},
    remarks=("The paper's figure is a sketch; this is the same of a neuron that was found.",),
)
voita_fig7 = _figure(7, "types of positional neurons, strong and weak", "positional-neurons")
voita_fig8 = _figure(
    8, "positional neurons of every layer, by type", "positional-neurons", remarks=(SEVERAL,)
)
voita_fig9 = _figure(
    9,
    "position ranges of the strong oscillatory neurons of one layer",
    "positional-neurons",
    published={"drawn_ranges.125m": 10.0},
    remarks=(
        "The paper draws the second layer of OPT-125m, which has ten; here it is the layer that has"
        " most, or layer=NUMBER. Layers are counted from 0, or from first_layer=1.",
    ),
)
voita_fig10 = _figure(
    10,
    "positional neurons with and without positional encoding",
    "positional-neurons",
    remarks=(
        SEVERAL,
        "probekit train model=opt positions=none makes a model without positional encoding.",
    ),
)
voita_fig11 = _figure(
    11,
    "positional neurons in the course of training",
    "positional-neurons",
    remarks=(SEVERAL, "probekit train model=opt keeps checkpoints along the way."),
)
voita_fig12 = _figure(12, "neurons by the number of bigrams that trigger them", "ngram-triggers")
voita_fig13 = _figure(13, "neurons by the number of trigrams that trigger them", "ngram-triggers")
voita_fig14 = _figure(14, "trigram detectors, and the trigrams that have one", "token-detectors")
voita_fig15 = _figure(
    15, "detected trigrams that are new overall, and new to the layer before", "token-detectors"
)
voita_fig16 = _figure(
    16,
    "positional neurons of the 350m model",
    "positional-neurons",
    remarks=("The 350m model normalises after its blocks: model.checkpoint=FOLDER names it.",),
)
