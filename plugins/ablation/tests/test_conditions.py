"""Answers counted apart by condition: the tables of unit ablation, and groups with controls."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from probekit_ablation.groups import GroupAblation, against, draw
from probekit_ablation.params import AblationParams, GroupParams
from probekit_ablation.specs import group_ablation, unit_ablation
from probekit_ablation.units import UnitAblation

from probekit.ablations import Ablation
from probekit.analysis import Measured
from probekit.dataset import ListDataset
from probekit.errors import ProbekitError
from probekit.interventions import zero_units
from probekit.language import LanguageModel
from probekit.questions import Questions
from probekit.testing import AnalysisContract, GivenInputs, TinyModel, tiny_dataset
from probekit.testing.specs import TinyParams
from probekit.units import Unit

HIDDEN = "rnn.layers.0.hook_hidden"
NUMBER = {"sees": "singular", "see": "plural"}


class Speaker(LanguageModel, TinyModel):
    """The tiny model as a language model that is asked for the verb."""

    def word_ids(self, words):
        return [self.vocabulary.ids[word] for word in words]

    def unknown(self, example):
        said = (*example.target, example.labels["wrong"])
        return tuple(word for word in (*example.words, *said) if word not in self.vocabulary)


@pytest.fixture(scope="module")
def model():
    return speaker()


def speaker():
    """A model that likes both verbs alike."""
    made = Speaker(TinyParams(hidden=6, init_seed=5))
    examples = [replace(one, target=("sees",), labels={"wrong": "see"}) for one in sentences()]
    with torch.no_grad():
        lead = made.margins(examples, [Ablation()]).median()
        made.decoder.bias[made.vocabulary.ids["sees"]] -= lead
    return made


def sentences(every=2):
    """Sentences up to the verb, by depth (the task) and the number of the subject."""
    found = []
    for one in tiny_dataset()[::every]:
        singular = one.labels["number"] == "singular"
        right, wrong = ("sees", "see") if singular else ("see", "sees")
        labels = {"wrong": wrong, "task": f"depth{one.words.count('near')}",
                  "condition": "S" if singular else "P"}  # fmt: skip
        found.append(replace(one, words=one.words[:-2], target=(right,), labels=labels))
    return ListDataset(found, "sentences")


def run(kind, spec, model, data, params, seed=0):
    analysis = kind(params, seed)
    inputs = GivenInputs({"tiny": model}, data, spec.wants, seed=seed)
    parts = [
        Measured(shard, analysis.measure(shard, inputs.model(shard.model), data))
        for shard in analysis.shards(inputs)
    ]
    return analysis.combine(parts, inputs)


def accuracy(model, data, group, units):
    """The share of right answers in one group with units at zero: one sentence at a time."""
    right = []
    for one in data:
        if f"{one.labels['task']}.{one.labels['condition']}" == group:
            off = zero_units(HIDDEN, units)
            with torch.no_grad():
                logits = model.run_with_hooks(model.encode([one]), fwd_hooks=[off])[0, -1]
            said, other = model.word_ids([one.target[0], one.labels["wrong"]])
            right.append(bool(logits[said] > logits[other]))
    return np.mean(right)


GROUPS = [f"depth{depth}.{number}" for depth in (0, 1, 2) for number in "SP"]


def test_every_unit_is_counted_in_every_condition(model):
    data = sentences()
    found = run(UnitAblation, unit_ablation, model, data, AblationParams(cost=0.05, shard_size=4))
    intact = {group: accuracy(model, data, group, []) for group in GROUPS}
    for group in GROUPS:
        assert found.metrics[f"accuracy.tiny.{group}"] == pytest.approx(intact[group])
    lost = {
        unit: {group: intact[group] - accuracy(model, data, group, [unit]) for group in GROUPS}
        for unit in range(6)
    }
    for row in found.tables["units"].to_dict("records"):
        assert row["worst"] == pytest.approx(max(lost[row["unit"]].values()))
        assert lost[row["unit"]][row["where"]] == pytest.approx(row["worst"])
    costly = found.tables["costly"]
    expected = {(u, g) for u, of in lost.items() for g, drop in of.items() if drop > 0.05}
    assert set(zip(costly["unit"], costly["group"], strict=True)) == expected
    assert 1 < len(expected) < 36
    for row in costly.to_dict("records"):
        score = accuracy(model, data, row["group"], [row["unit"]])
        assert row["score"] == pytest.approx(score)
        assert found.metrics[f"without.tiny.0-{row['unit']}.{row['group']}"] == pytest.approx(score)


def test_the_table_of_conditions_is_laid_out_as_in_the_paper(model):
    found = run(UnitAblation, unit_ablation, model, sentences(), AblationParams(cost=0.05))
    table = found.tables["conditions"]
    assert table.columns[:5].tolist() == ["model", "task", "condition", "sentences", "whole model"]
    assert (table["task"] + "." + table["condition"]).tolist() == sorted(
        GROUPS, key=lambda name: (name[:6], name[-1] == "P")
    )
    costly = found.tables["costly"].set_index(["unit_name", "group"])["score"]
    assert len(table.columns) > 5
    for name in table.columns[5:]:
        for row in table.to_dict("records"):
            group = f"{row['task']}.{row['condition']}"
            cell = costly.get((name, group))
            assert pd.isna(row[name]) if cell is None else row[name] == cell


def test_answers_with_unknown_words_are_left_out_and_said(model):
    data = list(sentences())
    data[0] = replace(data[0], target=("swims",))
    data[3] = replace(data[3], words=("the", "zebra"))
    model.vocabulary.unknown = "the"
    try:
        found = run(UnitAblation, unit_ablation, model, ListDataset(data), AblationParams())
    finally:
        model.vocabulary.unknown = None
    assert found.tables["conditions"]["sentences"].sum() == len(data) - 1
    assert found.notes[1:] == [
        "tiny: 1 examples were left out, because a word of their answer is not in the vocabulary.",
        "tiny: 1 words of the examples were read as unknown words.",
    ]


def test_a_task_whose_answers_are_all_unknown_cannot_be_asked(model):
    data = ListDataset([replace(one, target=("swims",)) for one in sentences()], "zoo")
    with pytest.raises(ProbekitError, match="the model knows none of the answers of zoo"):
        Questions(model, data, ("task",))


@pytest.mark.parametrize("shard_size", [2, 100])
def test_a_group_and_its_controls_equal_one_forward_pass_each(model, shard_size):
    data = sentences(4)
    params = GroupParams(units=("0:1", "#5"), controls=9, shard_size=shard_size)
    found = run(GroupAblation, group_ablation, model, data, params, seed=3)
    controls = draw((Unit(0, 1), Unit(0, 4)), (6,), 9, 3, (), True)
    assert len(set(controls)) == 9
    for row in found.tables["summary"].to_dict("records"):
        if row["group"] == "all":
            continue
        score = accuracy(model, data, row["group"], [1, 4])
        null = [accuracy(model, data, row["group"], [u.index for u in one]) for one in controls]
        assert row["intact"] == pytest.approx(accuracy(model, data, row["group"], []))
        assert row["score"] == pytest.approx(score)
        assert row["mean"] == pytest.approx(np.mean(null))
        assert row["p"] == pytest.approx((sum(n < score + 1e-12 for n in null) + 1) / 10)
        assert row["p_strict"] == pytest.approx((sum(n < score - 1e-12 for n in null) + 1) / 10)
    assert found.notes == ["tiny: 2 units held together: layer 0 unit 1 (2); layer 0 unit 4 (5)."]
    scores = found.tables["scores"]
    assert (scores.groupby("group")["who"].value_counts()["all"]["random set"]) == 9


def test_p_counts_the_sets_that_do_worse():
    found = against(0.5, np.array([0.4, 0.5, 0.6, 0.2]))
    assert (found["p"], found["p_strict"]) == (4 / 5, 3 / 5)
    assert against(0.1, np.array([0.4, 0.5]))["p"] == 1 / 3
    assert np.isnan(against(0.1, np.array([]))["p"])


UNITS = [Unit(layer, index) for layer, width in enumerate((3, 4)) for index in range(width)]


@given(
    st.sets(st.sampled_from(UNITS), min_size=1, max_size=3),
    st.sets(st.sampled_from(UNITS), max_size=2),
    st.booleans(),
    st.integers(0, 30),
    st.integers(0, 5),
)
def test_random_sets_are_distinct_alike_and_other(chosen, spared, same_layer, count, seed):
    chosen, spared = tuple(sorted(chosen)), tuple(sorted(spared - chosen))
    left = [unit for unit in UNITS if unit not in spared]
    layers = sorted(unit.layer for unit in chosen)
    possible = {
        one
        for one in combinations(left, len(chosen))
        if one != chosen and (not same_layer or sorted(unit.layer for unit in one) == layers)
    }
    drawn = draw(chosen, (3, 4), count, seed, spared, same_layer)
    assert len(set(drawn)) == len(drawn) == min(count, len(possible))
    assert set(drawn) <= possible


def test_too_few_units_to_draw_from():
    with pytest.raises(ProbekitError, match="too few units to draw sets of 2 from; spare fewer"):
        draw((Unit(0, 0), Unit(0, 1)), (3, 4), 5, 0, (Unit(0, 1), Unit(0, 2)), True)


def test_several_hook_points_of_a_layer_cannot_be_told_apart(model):
    params = GroupParams(units=("0:1",), kind="gate")
    with pytest.raises(ProbekitError, match="several such hook points in layer 0"):
        run(GroupAblation, group_ablation, model, sentences(), params)


class TestGroups(AnalysisContract):
    name = "group-ablation"
    params = {"units": ["0:1", "0:3"], "controls": 5, "shard_size": 2}  # noqa: RUF012

    def inputs(self):
        return GivenInputs({"tiny": speaker()}, sentences(8), seed=self.seed)
