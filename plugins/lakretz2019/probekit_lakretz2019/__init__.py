"""The tables and figures of Lakretz et al. (2019) as recipes: data, not code."""

from collections.abc import Mapping
from dataclasses import replace

from probekit.papers import LAKRETZ2019
from probekit.specs import RecipeSpec
from probekit_lakretz2019.units import (
    LONG_RANGE,
    PLURAL,
    SHORT_RANGE,
    SINGULAR,
    SYNTAX,
    SYNTAX_UNITS,
    key,
)

LABEL = "english"
SHIPPED = {"checkpoint": [LABEL]}
EASY = ("simple", "adv", "adv_adv")
TASKS = (*EASY, "adv_conjunction", "namepp", "nounpp", "nounpp_adv")

# Table 2, column 'Full', as shares.
FULL: Mapping[str, float] = {
    "simple.S": 1.0,
    "simple.P": 1.0,
    "adv.S": 1.0,
    "adv.P": 0.996,
    "adv_adv.S": 0.999,
    "adv_adv.P": 0.993,
    "adv_conjunction.S": 0.987,
    "adv_conjunction.P": 0.993,
    "namepp.SS": 0.993,
    "namepp.PS": 0.689,
    "nounpp.SS": 0.992,
    "nounpp.SP": 0.872,
    "nounpp.PS": 0.920,
    "nounpp.PP": 0.990,
    "nounpp_adv.SS": 0.995,
    "nounpp_adv.SP": 0.912,
    "nounpp_adv.PS": 0.992,
    "nounpp_adv.PP": 0.998,
}
# Columns 776 and 988; the paper leaves out losses of less than ten points.
WITHOUT_PLURAL: Mapping[str, float] = {
    "adv_conjunction.P": 0.792,
    "namepp.PS": 0.399,
    "nounpp.PS": 0.480,
    "nounpp.PP": 0.783,
    "nounpp_adv.PS": 0.637,
}
WITHOUT_SINGULAR: Mapping[str, float] = {
    "adv_conjunction.S": 0.82,
    "nounpp.SP": 0.542,
    "nounpp_adv.SP": 0.540,
}


def _of_table2(metric: str, column: Mapping[str, float]) -> dict[str, float]:
    return {f"{metric}.{condition}": value for condition, value in column.items()}


def _nounpp(name: str, analysis: str, shows: str, summary: str) -> RecipeSpec:
    """A recipe on the sentences that most figures show."""
    return RecipeSpec(
        name=name,
        summary=summary,
        analysis=analysis,
        model="lstm-lm",
        model_params=SHIPPED,
        data="number-agreement",
        data_params={"task": ("nounpp",)},
        paper=LAKRETZ2019,
        shows=shows,
    )


LINZEN = (
    "The paper's row Linzen needs the sentences of Linzen et al. (2016) in two files X.text and"
    " X.gold: data.task=linzen data.path=X. The paper: 93.9%, without unit 776 75.3%."
)

table2_full = RecipeSpec(
    name="lakretz-table2-full",
    summary="how often the whole network prefers the verb that agrees, by task and condition",
    analysis="number-agreement-accuracy",
    model="lstm-lm",
    model_params=SHIPPED,
    data="number-agreement",
    data_params={"task": TASKS},
    paper=LAKRETZ2019,
    shows="table 2, column Full",
    published=_of_table2(f"accuracy.{LABEL}", FULL),
    remarks=(LINZEN,),
)

table2 = replace(
    table2_full,
    name="lakretz-table2",
    summary="the same with every unit off, one at a time: the units that cost over ten points",
    analysis="unit-ablation",
    shows="table 2",
    published={
        **_of_table2(f"accuracy.{LABEL}", FULL),
        **_of_table2(f"without.{LABEL}.{key(PLURAL)}", WITHOUT_PLURAL),
        **_of_table2(f"without.{LABEL}.{key(SINGULAR)}", WITHOUT_SINGULAR),
    },
    remarks=(
        "Two units of the paper's network cost more than ten points again and again: 776 where the"
        " subject is plural (adv_conjunction P 79.2%, namepp PS 39.9%, nounpp PS 48.0%, nounpp PP"
        " 78.3%, nounpp_adv PS 63.7%), 988 where it is singular (adv_conjunction S 82%, nounpp SP"
        " 54.2%, nounpp_adv SP 54.0%).",
        LINZEN,
    ),
)

fig1 = replace(
    _nounpp(
        "lakretz-fig1",
        "gate-dynamics",
        "figures 1a and 1b",
        "gates and cell of the singular and of the plural unit, word by word",
    ),
    params={"units": (SINGULAR, PLURAL), "top": 1, "after": ("the",)},
    remarks=(
        "In the paper's network both units hold singular subjects as negative values; which sign a"
        " network takes is chance.",
    ),
)

fig1a = replace(
    fig1,
    name="lakretz-fig1a",
    summary="gates and cell of the singular unit, word by word",
    params={**fig1.params, "units": (SINGULAR,)},
    shows="figure 1a",
)

fig1b = replace(
    fig1,
    name="lakretz-fig1b",
    summary="gates and cell of the plural unit, word by word",
    params={**fig1.params, "units": (PLURAL,)},
    shows="figure 1b",
)

fig1c = replace(
    fig1a,
    name="lakretz-fig1c",
    summary="the singular unit beside what a unit that stores a number should do",
    shows="figure 1c, the prediction",
    published={
        f"{metric.replace('*', f'{LABEL}.{key(SINGULAR)}')}": value
        for metric, value in {
            "input-gate.*.singular.subject": 1.0,
            "input-gate.*.plural.subject": 0.0,
            "input-gate.*.singular.between": 0.0,
            "input-gate.*.plural.between": 0.0,
            "forget-gate.*.singular.subject": 0.0,
            "forget-gate.*.singular.between": 1.0,
            "forget-gate.*.plural.between": 1.0,
            "output-gate.*.singular.before": 1.0,
            "output-gate.*.plural.before": 1.0,
        }.items()
    },
    remarks=(
        "The paper's numbers here are no measurement: they are what it predicts of a unit that"
        " stores the number of a singular subject until the verb. The input gate opens for singular"
        " subjects only, the old cell is forgotten there and kept until the verb, and the output"
        " gate is open when the verb is predicted.",
    ),
)

fig1d = replace(
    _nounpp(
        "lakretz-fig1d",
        "efferent-weights",
        "figure 1d",
        "output weights of number units to singular and plural verbs, beside those of other units",
    ),
    data_params={"task": TASKS},
    params={
        "units": (*(LONG_RANGE or ("auto",)), *((SYNTAX,) if SYNTAX else ()), "1:0", "1:319"),
        "top": 2,
    },
    remarks=(
        "The paper shows its number units 776 and 988, its syntax unit 1150, and as arbitrary units"
        " the first and the last of the layer, 651 and 1300.",
    ),
)

fig2 = replace(
    _nounpp(
        "lakretz-fig2",
        "decoding-over-time",
        "figure 2",
        "the subject's number over time: from number units, and from all others together",
    ),
    params={"units": LONG_RANGE or ("auto",)},
    remarks=(
        "In the paper the curves of both number units stay high to the verb, while that of all"
        " others falls to zero around the second noun: they tell the number of the last noun.",
    ),
)

fig3 = replace(
    _nounpp(
        "lakretz-fig3",
        "gate-dynamics",
        "figure 3",
        "the cell of the syntax unit across four kinds of sentences",
    ),
    data_params={
        "task": ("adv_adv", "nounpp", "subject_relative", "double_embedding"),
    },
    params={"units": (SYNTAX or "auto",), "top": 1, "kind": ("cell",), "after": ("the",)},
    remarks=(
        "The cell of the paper's unit 1150 grows from the subject to its verb, whatever stands"
        " between, and drops right after it.",
    ),
)

fig4 = replace(
    _nounpp(
        "lakretz-fig4",
        "afferent-weights",
        "figure 4",
        "what drives the input and forget gates of the number units",
    ),
    params={
        "units": LONG_RANGE or ("auto",),
        "marked": (SYNTAX,) if SYNTAX else (),
        "role": ("input", "forget"),
    },
    published={
        f"z.{LABEL}.{key(SYNTAX)}-to-{key(PLURAL)}.forget-gate": 8.1,
        f"z.{LABEL}.{key(SYNTAX)}-to-{key(SINGULAR)}.forget-gate": 11.2,
        f"z.{LABEL}.{key(SYNTAX)}-to-{key(PLURAL)}.input-gate": -16.2,
        f"z.{LABEL}.{key(SYNTAX)}-to-{key(SINGULAR)}.input-gate": -7.2,
    }
    if SYNTAX
    else {},
    remarks=(
        "In the paper the weights from syntax unit 1150 have the z scores 8.1 (to 776) and 11.2 (to"
        " 988) at the forget gate, -16.2 and -7.2 at the input gate: it makes the number units"
        " remember. These two have positive weights to each other's gates.",
    ),
)

short_range = replace(
    _nounpp(
        "lakretz-short-range",
        "short-range-units",
        "section 4.2",
        "units that hold the number of the last noun, whatever the subject is",
    ),
    published={f"short.{LABEL}.layer-1": 10.0, f"long.{LABEL}.layer-1": 2.0},
    remarks=("The paper's network has 650 units in each layer.",),
)

depth = RecipeSpec(
    name="lakretz-depth",
    summary="syntactic depth from all units together, and the units with outlying weights",
    analysis="depth-regression",
    model="lstm-lm",
    model_params=SHIPPED,
    data="syntactic-depth",
    paper=LAKRETZ2019,
    shows="section 4.3",
    published={
        f"r2.{LABEL}": 0.85,
        f"r2_deviation.{LABEL}": 0.009,
        f"weight_mean.{LABEL}": 7.6e-4,
        f"weight_deviation.{LABEL}": 7.86e-2,
    },
)

groups = RecipeSpec(
    name="lakretz-groups",
    summary="the easier tasks without short- and long-range units, against random sets",
    analysis="group-ablation",
    model="lstm-lm",
    model_params=SHIPPED,
    data="number-agreement",
    data_params={"task": EASY},
    params={"units": (*SHORT_RANGE, *LONG_RANGE)},
    paper=LAKRETZ2019,
    shows="section 4.2",
    remarks=(
        "The paper: p < .01 in all of these tasks, with 10 short-range and 2 long-range units.",
    ),
)

groups_short = replace(
    groups,
    name="lakretz-groups-short",
    summary="the easier tasks without short-range units, against random sets of the layer",
    params={"units": SHORT_RANGE},
    remarks=("The paper: p < .01 in all of these tasks, with 10 short-range units.",),
)

groups_syntax = replace(
    groups,
    name="lakretz-groups-syntax",
    summary="tasks with another noun between, without the syntax units, against random sets",
    data_params={"task": ("nounpp", "nounpp_adv")},
    params={"units": SYNTAX_UNITS, "same_layer": False, "spared": LONG_RANGE},
    shows="section 4.3",
    published={
        f"p_strict.{LABEL}.nounpp.PS": 0.052,
        f"p_strict.{LABEL}.nounpp_adv.SP": 0.011,
        f"p_strict.{LABEL}.nounpp_adv.PS": 0.034,
    },
    remarks=("The paper: p < .001 in nounpp SP, and p = .024 on the sentences of Linzen et al.",),
)
