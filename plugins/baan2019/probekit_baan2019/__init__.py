"""The figures of Baan et al. (2019) as recipes: data, not code."""

from dataclasses import replace

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

RUNS = {"seeds": (0, 1, 2, 3, 4)}

baan_table5 = RecipeSpec(
    name="baan-table5",
    summary="train five baseline GRUs and score them on the held-out sets",
    analysis="seq2seq-training",
    model="gru-seq2seq",
    params={"guidance": False, **RUNS},
    data="lookup-tables",
    paper=PAPER,
    shows="table 5",
    published={
        "heldout_compositions_last": 0.222,
        "heldout_inputs_last": 0.212,
        "heldout_tables_last": 0.048,
        "new_compositions_last": 0.024,
    },
)

baan_table6 = RecipeSpec(
    name="baan-table6",
    summary="train five GRUs with attentive guidance and score them on the held-out sets",
    analysis="seq2seq-training",
    model="gru-seq2seq",
    params={"guidance": True, **RUNS},
    data="lookup-tables",
    paper=PAPER,
    shows="table 6",
    published={
        "heldout_compositions_last": 1.0,
        "heldout_inputs_last": 1.0,
        "heldout_tables_last": 0.926,
        "new_compositions_last": 0.87,
    },
)

baan_fig3 = replace(gru_activation_ranges, name="baan-fig3")
baan_fig4 = replace(gru_saturation, name="baan-fig4")
