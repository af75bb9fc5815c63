"""The tables and figures of De Cao et al. (2022) as recipes: data, not code."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from probekit.papers import DECAO2022
from probekit.specs import RecipeSpec

TASKS = (
    "simple",
    "adv",
    "adv_adv",
    "adv_conjunction",
    "namepp",
    "nounpp",
    "nounpp_adv",
)
NUMBER = ("to-singular", "to-plural")
GENDER = ("to-male", "to-female")
TEN_RUNS = tuple(range(10))
THREE_RUNS = (0, 1, 2)
WITH_KL = (1.0,)

Row = tuple[int, float, float, float]  # unit, both values, prevalence

TABLE1: tuple[Row, ...] = (
    (79, -0.96, 0.99, 1.0),
    (93, 0.95, -0.84, 1.0),
    (243, 0.91, 0.18, 0.2),
    (357, -0.99, 0.87, 0.4),
    (498, 0.98, -0.96, 1.0),
    (571, -0.99, 0.93, 0.8),
    (630, 0.95, 0.11, 1.0),
    (776, -0.81, 0.96, 0.2),
    (988, 1.00, -0.99, 0.1),
)
TABLE2: tuple[Row, ...] = (
    (193, -0.99, 0.91, 1.0),
    (208, 0.99, -0.96, 1.0),
    (288, -0.99, -0.47, 1.0),
    (455, -0.99, 0.10, 0.2),
    (456, 0.99, -0.98, 1.0),
    (513, 0.98, -0.74, 0.1),
    (563, -0.99, 0.96, 1.0),
)
TABLE3: tuple[Row, ...] = ((79, -0.76, 0.99, 1.0), (776, -0.99, 0.99, 1.0))
TABLE5: tuple[Row, ...] = (
    (288, -0.98, 0.53, 1.0),
    (456, 0.98, -0.98, 1.0),
    (1184, -0.98, 0.99, 1.0),
)

SETTINGS = ("subject_at.kl-0", "subject_at.kl-1", "every.kl-0", "every.kl-1")
SUMMARY: Mapping[str, tuple[float, float, float, float]] = {
    "accuracy": (0.909, 0.915, 0.968, 0.958),
    "units": (5.7, 5.7, 2.0, 2.0),
    "kl": (0.034, 0.035, 0.131, 0.084),
}
SUMMARY_GENDER: Mapping[str, tuple[float, float, float, float]] = {
    "accuracy": (0.931, 0.939, 0.983, 0.999),
    "units": (5.4, 5.3, 3.4, 3.0),
    "kl": (0.009, 0.009, 0.176, 0.117),
}

OTHER_DATA = (
    "The sentences are those of the project's own grammar; data.path=FOLDER reads the published"
    " files, which together are the 12,000 sentences of the paper."
)
UNSAID = (
    "The paper does not say whether the changed state of the first layer is heard by the second in"
    " the same step; here it is not (readers=state), as readers=all would have it."
)
BOTH_MASKS = (
    "Each direction has a mask of its own, as the paper says; its tables give one prevalence for"
    " both, as shared_mask=true does."
)
OTHER_PROFESSIONS = (
    "The professions are the project's own list; data.path=professions.json and data.keep=FILE read"
    " those of the paper."
)


def _units(rows: tuple[Row, ...]) -> dict[str, float]:
    """How many units of a table are in any mask, and in all, by the names that a run gives them."""
    return {
        "units-in-any-mask": float(len(rows)),
        "units-in-all-masks": float(sum(prevalence == 1 for *_, prevalence in rows)),
    }


def _named(rows: tuple[Row, ...], names: tuple[str, str]) -> str:
    """The units of a table, which mean nothing in another model, as a sentence."""
    told = [f"{unit}: {one:g}, {other:g}, {share:.0%}" for unit, one, other, share in rows]
    return (
        f"The units of the paper's own model, counted from 1, with the values {names[0]} and"
        f" {names[1]} and the share of ten runs that have them: {'; '.join(told)}. In another"
        " model these numbers mean other units."
    )


def _summary(table: Mapping[str, tuple[float, ...]]) -> dict[str, float]:
    return {
        f"{name}.{setting}": value
        for name, values in table.items()
        for setting, value in zip(SETTINGS, values, strict=True)
    }


def _headline(table: Mapping[str, tuple[float, ...]], at: int) -> dict[str, float]:
    return {name: values[at] for name, values in table.items()}


AGREEMENT: dict[str, Any] = {
    "analysis": "sparse-intervention",
    "model": "lstm-lm",
    "data": "number-agreement",
    "data_params": {"task": TASKS},
    "paper": DECAO2022,
}
PRONOUNS: dict[str, Any] = {
    "analysis": "sparse-intervention",
    "model": "lstm-lm",
    "data": "gender-bias",
    "paper": DECAO2022,
}
GENDER_RUNS = {"baselines": (), "kl_factor": WITH_KL, "seeds": TEN_RUNS, "prune": 0.95}
NUMBER_RUNS = {**GENDER_RUNS, "evaluation": 1000}

table1 = RecipeSpec(
    name="decao-table1",
    summary="the units that flip the number of a verb when they are set at the subject",
    params=NUMBER_RUNS,
    shows="table 1",
    published=_headline(SUMMARY, 1) | _units(TABLE1),
    remarks=(_named(TABLE1, NUMBER), OTHER_DATA, UNSAID, BOTH_MASKS),
    **AGREEMENT,
)

table2 = RecipeSpec(
    name="decao-table2",
    summary="the units that flip a pronoun when they are set at the profession",
    params=GENDER_RUNS,
    shows="table 2",
    published=_headline(SUMMARY_GENDER, 1) | _units(TABLE2),
    remarks=(_named(TABLE2, GENDER), OTHER_PROFESSIONS, UNSAID, BOTH_MASKS),
    **PRONOUNS,
)

table3 = RecipeSpec(
    name="decao-table3",
    summary="the units that flip the number of a verb when they are set at every step",
    params={**NUMBER_RUNS, "scope": ("every",)},
    shows="table 3",
    published=_headline(SUMMARY, 3) | _units(TABLE3),
    remarks=(_named(TABLE3, NUMBER), OTHER_DATA, UNSAID, BOTH_MASKS),
    **AGREEMENT,
)

table5 = RecipeSpec(
    name="decao-table5",
    summary="the units that flip a pronoun when they are set at every step",
    params={**GENDER_RUNS, "scope": ("every",)},
    shows="table 5",
    published=_headline(SUMMARY_GENDER, 3) | _units(TABLE5),
    remarks=(_named(TABLE5, GENDER), OTHER_PROFESSIONS, UNSAID, BOTH_MASKS),
    **PRONOUNS,
)

GRID = {"scope": ("subject_at", "every"), "kl_factor": (0.0, 1.0), "seeds": THREE_RUNS,
        "baselines": ()}  # fmt: skip

table4 = RecipeSpec(
    name="decao-table4",
    summary="number: one step or every step, with and without the divergence term",
    params={**GRID, "evaluation": 1000},
    shows="table 4, number agreement",
    published=_summary(SUMMARY),
    remarks=(OTHER_DATA, UNSAID),
    **AGREEMENT,
)

table4_gender = RecipeSpec(
    name="decao-table4-gender",
    summary="gender: one step or every step, with and without the divergence term",
    params=GRID,
    shows="table 4, gender bias",
    published=_summary(SUMMARY_GENDER),
    remarks=(OTHER_PROFESSIONS, UNSAID),
    **PRONOUNS,
)

table6 = RecipeSpec(
    name="decao-table6",
    summary="number: learned masks against the score function and integrated gradients",
    params={
        "gate": ("hard-concrete", "score-function"),
        "alpha": (0.02, 0.05),
        "seeds": THREE_RUNS,
        "evaluation": 1000,
    },
    shows="table 6",
    published={
        "accuracy.hard-concrete.alpha-0.02": 0.915,
        "units.hard-concrete.alpha-0.02": 5.7,
        "accuracy.score-function.alpha-0.05": 1.0,
        "units.score-function.alpha-0.05": 20.0,
        "accuracy.score-function.alpha-0.02": 0.876,
        "units.score-function.alpha-0.02": 6.0,
        "gradients.0.005": 0.225,
        "gradients.0.01": 0.281,
        "gradients.0.02": 0.315,
    },
    remarks=(
        OTHER_DATA,
        UNSAID,
        "The paper gives hours on a GPU: 0.5 for hard concrete, 5.2 and 3.6 for the score function"
        " at alpha 0.05 and 0.02. The table `comparison` counts the texts read with gradients.",
    ),
    **AGREEMENT,
)

robustness = RecipeSpec(
    name="decao-robustness",
    summary="number: the same on separately trained models, one for each model.checkpoint",
    params={"seeds": THREE_RUNS, "evaluation": 1000, "baselines": (), "kl_factor": WITH_KL},
    shows="section 5, robustness",
    published={"accuracy": 0.887, "units": 4.7},
    remarks=(
        OTHER_DATA,
        "The paper has five models; give model.checkpoint=A,B,... for several.",
    ),
    **AGREEMENT,
)

fig1 = RecipeSpec(
    name="decao-fig1",
    summary="units word by word: the number of a verb is flipped at its subject",
    params={**NUMBER_RUNS, "seeds": (0,)},
    shows="figure 1",
    remarks=(OTHER_DATA,),
    **AGREEMENT,
)

fig2 = RecipeSpec(
    name="decao-fig2",
    summary="units word by word: a pronoun is flipped at the profession",
    params={**GENDER_RUNS, "seeds": (0,)},
    shows="figure 2",
    remarks=(OTHER_PROFESSIONS,),
    **PRONOUNS,
)

fig3 = replace(
    fig1, name="decao-fig3", summary="decao-fig1 with four sentences of each direction",
    params={**fig1.params, "sentences": 4}, shows="figure 3",
)  # fmt: skip
fig4 = replace(
    fig2, name="decao-fig4", summary="decao-fig2 with four sentences of each direction",
    params={**fig2.params, "sentences": 4}, shows="figure 4",
)  # fmt: skip
