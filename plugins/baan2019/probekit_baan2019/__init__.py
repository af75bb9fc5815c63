"""The tables and figures of Baan et al. (2019) as recipes: data, not code."""

from dataclasses import replace

from probekit.papers import BAAN2019
from probekit.specs import RecipeSpec

PAIR = {"checkpoint": ["baseline", "guided"]}

gru_saturation = RecipeSpec(
    name="gru-saturation",
    summary="gates of a baseline and of a guided GRU: the guided encoder sits on the axes",
    analysis="gate-saturation",
    model="gru-seq2seq",
    model_params=PAIR,
    data="lookup-tables",
    paper=BAAN2019,
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
    paper=BAAN2019,
    shows="figure 3",
)

EVERYTHING = {
    "split": (
        "train",
        "validation",
        "heldout_inputs",
        "heldout_compositions",
        "heldout_tables",
        "new_compositions",
    )
}
GATES = ("reset", "update")
RUNS = {"seeds": (0, 1, 2, 3, 4)}

baan_table2 = RecipeSpec(
    name="baan-table2",
    summary="how few units tell the table at hand: encoder states, decoder gates",
    analysis="functional-group",
    model="gru-seq2seq",
    model_params=PAIR,
    data="lookup-tables",
    data_params=EVERYTHING,
    params={"target": "table", "kind": ("hidden", "gate")},
    paper=BAAN2019,
    shows="table 2",
    published={
        "size.baseline.encoder.hidden": 35.0,
        "size.guided.encoder.hidden": 2.0,
        "size.baseline.decoder.update-gate": 52.0,
        "size.guided.decoder.update-gate": 22.2,
        "size.baseline.decoder.reset-gate": 44.0,
        "size.guided.decoder.reset-gate": 20.8,
        "group_accuracy.baseline.encoder.hidden": 0.93,
        "group_accuracy.guided.encoder.hidden": 0.98,
        "group_accuracy.baseline.decoder.update-gate": 0.51,
        "group_accuracy.guided.decoder.update-gate": 0.96,
        "group_accuracy.baseline.decoder.reset-gate": 0.50,
        "group_accuracy.guided.decoder.reset-gate": 0.96,
        "full_accuracy.baseline.encoder.hidden": 0.98,
        "full_accuracy.guided.encoder.hidden": 1.0,
        "full_accuracy.baseline.decoder.update-gate": 0.53,
        "full_accuracy.guided.decoder.update-gate": 1.0,
        "full_accuracy.baseline.decoder.reset-gate": 0.52,
        "full_accuracy.guided.decoder.reset-gate": 1.0,
    },
    remarks=("The paper shows encoder states and decoder gates; the other rows are extra.",),
)

baan_table3 = RecipeSpec(
    name="baan-table3",
    summary="how few encoder units tell the time step",
    analysis="functional-group",
    model="gru-seq2seq",
    model_params=PAIR,
    data="lookup-tables",
    data_params=EVERYTHING,
    params={"target": "position", "part": "encoder"},
    paper=BAAN2019,
    shows="table 3",
    published={
        "size.baseline.encoder.hidden": 40.0,
        "size.guided.encoder.hidden": 2.0,
        "group_accuracy.baseline.encoder.hidden": 0.95,
        "group_accuracy.guided.encoder.hidden": 1.0,
        "full_accuracy.baseline.encoder.hidden": 0.98,
        "full_accuracy.guided.encoder.hidden": 1.0,
    },
)

RUNS = {"seeds": (0, 1, 2, 3, 4)}

INTO_GUIDED = "after.baseline-into-guided"

baan_table4 = RecipeSpec(
    name="baan-table4",
    summary="whether a guided GRU recovers from a frozen component of a baseline (takes hours)",
    analysis="component-substitution",
    model="gru-seq2seq",
    model_params=PAIR,
    data="lookup-tables",
    params={"receivers": ("guided",), "donors": ("baseline",)},
    paper=BAAN2019,
    shows="table 4",
    published={
        f"{INTO_GUIDED}.encoder": 0.17,
        f"{INTO_GUIDED}.encoder.embedding": 0.75,
        f"{INTO_GUIDED}.encoder.input": 0.89,
        f"{INTO_GUIDED}.encoder.recurrent": 0.79,
        f"{INTO_GUIDED}.decoder": 0.12,
        f"{INTO_GUIDED}.decoder.embedding": 0.31,
        f"{INTO_GUIDED}.decoder.input": 0.60,
        f"{INTO_GUIDED}.decoder.recurrent": 0.91,
    },
    remarks=("The paper averages three pairs of models; receivers= and donors= name more.",),
)

baan_pruning = RecipeSpec(
    name="baan-pruning",
    summary="a guided GRU cut down to 26 units a side, before and after retraining",
    analysis="unit-pruning",
    model="gru-seq2seq",
    model_params={"checkpoint": ["guided"]},
    data="lookup-tables",
    paper=BAAN2019,
    shows="section 5.2",
    published={"before.whole": 0.823, "before.strongest": 0.124, "after.strongest": 0.925},
)

baan_table5 = RecipeSpec(
    name="baan-table5",
    summary="train five baseline GRUs and score them on the held-out sets",
    analysis="seq2seq-training",
    model="gru-seq2seq",
    params={"guidance": False, **RUNS},
    data="lookup-tables",
    paper=BAAN2019,
    shows="table 5",
    published={
        "heldout_compositions_best": 0.222,
        "heldout_inputs_best": 0.212,
        "heldout_tables_best": 0.048,
        "new_compositions_best": 0.024,
    },
)

baan_table6 = RecipeSpec(
    name="baan-table6",
    summary="train five GRUs with attentive guidance and score them on the held-out sets",
    analysis="seq2seq-training",
    model="gru-seq2seq",
    params={"guidance": True, **RUNS},
    data="lookup-tables",
    paper=BAAN2019,
    shows="table 6",
    published={
        "heldout_compositions_best": 1.0,
        "heldout_inputs_best": 1.0,
        "heldout_tables_best": 0.926,
        "new_compositions_best": 0.87,
    },
)

baan_fig1 = RecipeSpec(
    name="baan-fig1",
    summary="the decoder's embedding: strong for every word in the guided model",
    analysis="weight-heatmap",
    model="gru-seq2seq",
    model_params=PAIR,
    params={"matrix": ("decoder.embedding",)},
    paper=BAAN2019,
    shows="figure 1",
)

baan_fig2 = RecipeSpec(
    name="baan-fig2",
    summary="the strongest 1% of the gates' weights: few hubs in the guided model",
    analysis="weight-graph",
    model="gru-seq2seq",
    model_params=PAIR,
    params={
        "matrix": (
            *(f"encoder.rnn.layers.0.recurrent.{gate}" for gate in GATES),
            *(f"decoder.rnn.layers.0.input.{gate}" for gate in GATES),
        )
    },
    paper=BAAN2019,
    shows="figure 2",
)

functional_groups = replace(
    baan_table2, name="functional-groups", summary="baan-table2 under a plain name"
)
baan_fig3 = replace(
    gru_activation_ranges, name="baan-fig3", summary="gru-activation-ranges by its number"
)
baan_fig4 = replace(gru_saturation, name="baan-fig4", summary="gru-saturation by its number")
