"""The analysis as a whole: contract, planted truth, tables, and every mistake as a sentence."""

from typing import ClassVar

import numpy as np
import pytest
from probekit_probes.analysis import FunctionalGroup
from probekit_probes.params import GroupParams
from probekit_probes.places import places
from probekit_probes.specs import functional_group

from probekit.analysis import Measured
from probekit.dataset import ListDataset
from probekit.errors import ProbekitError
from probekit.hooks import HookSpec
from probekit.params import validate
from probekit.registry import registry
from probekit.testing import AnalysisContract, GivenInputs, TinyModel, tiny_dataset

from .doubles import CARRIERS, Planted, TinyLSTM, Weighing, letters
from .reference import scratch

HIDDEN = "rnn.layers.0.hook_hidden"


class TestFunctionalGroup(AnalysisContract):
    name = "functional-group"


class TestGateGroups(AnalysisContract):
    name = "functional-group"
    params: ClassVar = {
        "kind": "gate",
        "role": "reset",
        "target": "number",
        "by": "sequence",
        "standardise": "true",
        "rank": "class",
        "splits": "2",
    }


class TestGroupsOfAnLSTM(AnalysisContract):
    name = "functional-group"
    params: ClassVar = {"kind": "cell", "target": "number", "splits": "2", "control": "false"}

    def inputs(self):
        return GivenInputs({"tiny": TinyLSTM()}, tiny_dataset(), functional_group.wants)


class TestGroupsOfAnEncoderDecoder(AnalysisContract):
    name = "functional-group"
    params: ClassVar = {"target": "table", "rank": "first", "splits": "2"}
    model = "lstm-seq2seq"
    model_params: ClassVar = {"checkpoint": "untrained", "hidden": "6", "embedding": "4"}


def sentences(count=30):
    return ListDataset(tiny_dataset()[:count], "sentences")


def run(model, dataset, seed=0, **params):
    inputs = GivenInputs({"m": model}, dataset, functional_group.wants, seed)
    analysis = FunctionalGroup(GroupParams(**params), seed)
    parts = [
        Measured(shard, analysis.measure(shard, model, dataset))
        for shard in analysis.shards(inputs)
    ]
    return analysis.combine(parts, inputs)


@pytest.fixture(scope="module")
def planted():
    return run(Planted(), letters(120), seed=0)


def test_it_is_registered():
    assert registry().find("functional-group", "analysis").spec is functional_group


def test_planted_units_are_the_group(planted):
    (row,) = planted.tables["groups"].itertuples()
    assert {int(unit) for unit in row.units.split(",")} == set(CARRIERS)
    assert (row.size, row.width, row.reached) == (3, 20, True)
    assert row.full_accuracy == row.group_accuracy == 1
    assert planted.metrics["size.m.layer-0.hidden"] == 3
    assert any("3 of 20 units" in note and "from all" in note for note in planted.notes)


def test_shuffled_labels_tell_hardly_more_than_the_commonest_value(planted):
    (row,) = planted.tables["groups"].itertuples()
    assert row.samples == sum(len(example.words) for example in letters(120))
    assert 1 / 8 <= row.majority < 0.16
    assert abs(row.control_accuracy - row.majority) < 0.08
    assert row.selectivity == 1 - row.control_accuracy
    assert planted.metrics["selectivity.m.layer-0.hidden"] == row.selectivity


def test_splits_and_curve_agree_with_the_group(planted):
    splits, curve = planted.tables["splits"], planted.tables["curve"]
    assert splits["split"].tolist() == [0, 1, 2, 3, 4]
    assert set(splits["held_out"]) == {66}
    assert set(splits["trained"]) == {594}
    (row,) = planted.tables["groups"].itertuples()
    assert splits["control_accuracy"].mean() == pytest.approx(row.control_accuracy)
    assert curve["units"].tolist() == [1, 2, 3]
    assert set(curve["added"]) == set(CARRIERS)
    assert curve["accuracy"].is_monotonic_increasing
    assert curve["accuracy"].iloc[-1] == 1
    assert curve["enough"].tolist() == pytest.approx([0.95] * 3)


def test_units_are_ranked(planted):
    units = planted.tables["units"]
    assert sorted(units["unit"]) == list(range(20))
    assert units["weight"].is_monotonic_decreasing
    assert units["rank"].tolist() == list(range(1, 21))
    assert set(units.loc[units["in_group"], "unit"]) == set(CARRIERS)


def test_a_group_for_each_value():
    result = run(Planted(), letters(120), rank="class", control=False, splits=3)
    groups = result.tables["groups"]
    assert groups["value"].tolist() == list("abcdefgh")
    for units in groups["units"]:
        assert {int(unit) for unit in units.split(",")} == set(CARRIERS)
    assert groups["majority"].between(0.8, 0.92).all()
    assert "selectivity" not in groups
    assert result.metrics["size.m.layer-0.hidden.a"] == 3


def test_it_is_a_plain_loop_over_scikit_learn():
    """The whole path, from the model to the curve, against the activations and splits by hand."""
    model, dataset = TinyModel(), sentences()
    result = run(model, dataset, seed=5, splits=3, control=False)
    rows, words = [], []
    for example in dataset:
        _, cache = model.run_with_cache(model.encode([example]))
        rows.append(cache[HIDDEN][0].detach().numpy())
        words += example.words
    points, (_, labels) = np.concatenate(rows), np.unique(words, return_inverse=True)
    count = round(0.9 * len(points))
    source = np.random.default_rng(5)
    trained = np.zeros((3, len(points)), dtype=bool)
    for row in trained:
        row[source.permutation(len(points))[:count]] = True
    order, full, right = scratch(points, labels, trained)
    held = len(points) - count
    assert result.tables["units"]["unit"].tolist() == order.tolist()
    assert result.tables["splits"]["full_accuracy"].tolist() == (full / held).tolist()
    assert result.tables["curve"]["accuracy"].tolist() == pytest.approx(
        (right / held).mean(1).tolist(), abs=1e-12
    )


def test_every_hook_point_that_matches_is_a_row():
    result = run(TinyModel(), sentences(), kind=("gate",), control=False, splits=2)
    assert result.tables["groups"]["what"].tolist() == ["reset gate", "update gate"]
    assert "full_accuracy.m.layer-0.update-gate" in result.metrics
    both = run(
        TinyModel(), sentences(), kind=("gate",), role="reset", stage=None, control=False, splits=2
    )
    assert both.tables["groups"]["what"].tolist() == [
        "reset gate before its non-linearity",
        "reset gate",
    ]


def test_a_search_that_most_ends():
    result = run(Planted(), letters(120), most=2, control=False)
    (row,) = result.tables["groups"].itertuples()
    assert (row.size, row.reached) == (2, False)
    assert "size.m.layer-0.hidden" not in result.metrics
    assert any("were tried and only reach" in note for note in result.notes)


def test_a_note_where_the_commonest_value_does_as_well():
    dataset = letters(120, first=lambda words: words[0] == "a")
    result = run(Planted(), dataset, target="first", control=False, by="sequence", splits=2)
    assert any("the commonest value is right as often" in note for note in result.notes)
    assert not any("the commonest value" in note for note in run(Planted(), letters(120)).notes)


def test_a_note_where_fits_do_not_finish():
    result = run(Planted(), letters(60), max_iter=1, splits=2, control=False, most=1)
    assert any("4 fits met max_iter=1" in note for note in result.notes)


def test_more_rows_than_a_figure_draws(monkeypatch):
    monkeypatch.setattr("probekit_probes.charts.MOST_POINTS", 2)
    result = run(TinyModel(), sentences(), kind=("gate",), control=False, splits=2, share=1)
    shown, curve = result.tables["shown"], result.tables["curve"]
    assert len(shown) < len(curve)
    last = curve.groupby("hook")["units"].max().to_dict()
    assert shown.groupby("hook")["units"].max().to_dict() == last
    assert result.figures[0].table == "shown"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"target": "colour"}, "the dataset letters has no label called colour (did you mean"
         " color?); give target=token, target=position, or one of its labels: color."),
        ({"target": "color"}, "color is 'red' at every position of hook, so there is nothing to"
         " tell apart; give another target."),
        ({"classes": ("b",)}, "token is 'b' at every position of hook, so there is nothing to tell"
         " apart; give another target."),
        ({"kind": ("gate",), "role": "update"},
         "m has no update gate hook points; it has: hidden."),
        ({"layer": 3}, "m has no hidden of layer 3 hook points; it has: hidden."),
    ],
)  # fmt: skip
def test_mistakes_are_sentences(params, message):
    dataset = letters(20, color=lambda words: "red")
    with pytest.raises(ProbekitError) as caught:
        run(Planted(), dataset, **params)
    assert str(caught.value) == message


def test_hook_points_without_units():
    with pytest.raises(ProbekitError, match="attention hook points of m have no fixed number"):
        run(Weighing(), tiny_dataset(), kind=("attention",))


def test_no_examples():
    with pytest.raises(ProbekitError, match="the dataset has no examples"):
        run(Planted(), ListDataset(()))


def test_more_than_the_memory(monkeypatch):
    monkeypatch.setattr("probekit_probes.analysis.MEGABYTE", 100)
    with pytest.raises(ProbekitError, match=r"8 values of token need about [\d,]+ MB; give mem"):
        run(Planted(), letters(20), memory_mb=1000)


def test_a_role_without_its_kind():
    _, problems = validate(GroupParams, {"role": "update"})
    assert problems == ["role=update is one of a gate; give kind=gate with it."]


def test_another_seed_draws_other_splits():
    one, other, again = (
        run(TinyModel(), sentences(), seed=seed, control=False).tables["splits"]
        for seed in (0, 1, 0)
    )
    assert one.equals(again)
    assert not one["full_accuracy"].equals(other["full_accuracy"])


def test_hook_points_of_one_kind_and_layer_keep_their_names():
    specs = [HookSpec(name=f"blocks.{at}.{name}", kind="residual", width=4, layer=at)
             for at in (0, 1) for name in ("hook_resid_pre", "hook_resid_post")]  # fmt: skip
    named = places([*specs, HookSpec(name="ln", kind="hidden", width=4, layer=1)])
    assert named["blocks.1.hook_resid_pre"] == ("layer 1", "residual blocks.1.hook_resid_pre")
    assert named["ln"] == ("layer 1", "hidden")
    assert len(set(named.values())) == 5


def test_a_hook_point_that_fires_once_with_all_positions():
    """The embedding of a word is the same everywhere, so few of its units tell all words."""
    result = run(TinyModel(), sentences(), kind=("embedding",), C=100, splits=2)
    (row,) = result.tables["groups"].itertuples()
    assert (row.what, row.width, row.full_accuracy) == ("embedding", 4, 1)
    assert row.control_accuracy < 0.5
