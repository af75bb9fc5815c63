"""The figures of Baan et al. (2019) as recipes: data, not code."""

from probekit.specs import Paper, RecipeSpec

PAPER = Paper(
    key="baan2019",
    citation=(
        "Baan, Leible, Nikolaus, Rau, Ulmer, Baumgärtner, Hupkes and Bruni (2019). On the"
        " realization of compositionality in neural networks. BlackboxNLP."
    ),
    url="https://aclanthology.org/W19-4814",
)
PAIR = {"checkpoint": ["baseline", "guided"]}

gru_saturation = RecipeSpec(
    name="gru-saturation",
    summary="gates of a baseline and of a guided GRU: the guided encoder sits on the axes",
    analysis="gate-saturation",
    model="gru-seq2seq",
    model_params=PAIR,
    data="lookup-tables",
    paper=PAPER,
    shows="figure 4",
    remarks=(
        "The paper reads a left-saturated gate as closed to new information. By torch's equations"
        " the update gate z keeps the old state, h' = n + z (h - n): left-saturated it overwrites.",
    ),
)

gru_activation_ranges = RecipeSpec(
    name="gru-activation-ranges",
    summary="values of 50 random units of a baseline and of a guided GRU",
    analysis="activation-ranges",
    model="gru-seq2seq",
    model_params=PAIR,
    data="lookup-tables",
    paper=PAPER,
    shows="figure 3",
)
