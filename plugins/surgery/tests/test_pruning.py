"""Unit pruning: which units are strong, that the others have no say, and what is said of it."""

import numpy as np
import pandas as pd
import pytest
import torch
from probekit_surgery.params import PruningParams
from probekit_surgery.pruning import UnitPruning, headline, pruned, sentences
from probekit_surgery.strength import count_kept, queries, strengths, strongest

from probekit.analysis import Measured, measured
from probekit.errors import ProbekitError
from probekit.hooks import HookQuery
from probekit.interventions import set_units
from probekit.params import validate
from probekit.testing import GivenInputs, TinyModel, tiny_dataset
from probekit.testing.inputs import Thinned
from probekit.testing.loading import load_dataset, load_model
from probekit.weights import WeightQuery

WIDTH = 8
ENCODER, DECODER = (f"{side}.rnn.layers.0.hook_hidden" for side in ("encoder", "decoder"))


def net(cell="gru", seed=0):
    given = {"checkpoint": "untrained", "embedding": 4, "hidden": WIDTH, "init_seed": seed}
    return load_model(f"{cell}-seq2seq", given)


def params(**given):
    quick = {"epochs": 1, "batch_size": 64, "settings": {"guidance": True}, "keep": 0.25}
    return PruningParams(**quick | given)


@pytest.fixture(scope="module")
def data():
    return Thinned(load_dataset("lookup-tables", {}), 24)


def test_the_published_share_keeps_26_of_512_units():
    assert count_kept(512, 0.05) == 26
    assert [count_kept(8, share) for share in (0.01, 0.125, 0.13, 1.0)] == [1, 1, 2, 8]


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("by", ["mean", "max"])
def test_strength_equals_a_slow_loop(cell, by):
    model = net(cell)
    hook = model.hook_specs[DECODER]
    matrix = model.decoder.rnn.weight_hh_l0.detach().double().abs()
    found = strengths(model, hook, [WeightQuery(relation="recurrent")], by)
    for unit in range(WIDTH):
        into = [float(w) for row in range(unit, len(matrix), WIDTH) for w in matrix[row]]
        out = [float(row[unit]) for row in matrix]
        slow = np.mean(into + out) if by == "mean" else max(into + out)
        assert found[unit] == pytest.approx(slow, rel=1e-12)


def test_strength_of_other_matrices_counts_what_a_unit_sends():
    """The decoder's input leads into its units and out of those of the encoder."""
    model = net()
    wanted = queries(PruningParams(relation=("input",), role=("update",)))
    assert wanted == [WeightQuery(relation="input", role="update")]
    matrix = model.decoder.rnn.weight("layers.0.input.update").double().abs()
    own = model.encoder.rnn.weight("layers.0.input.update").double().abs()
    found = strengths(model, model.hook_specs[ENCODER], wanted, "max")
    expected = torch.maximum(matrix.amax(0), own.amax(1))
    np.testing.assert_allclose(found, expected.numpy())
    into = strengths(model, model.hook_specs[DECODER], wanted, "mean")
    np.testing.assert_allclose(into, matrix.mean(1).numpy())
    with pytest.raises(ProbekitError, match="no weights chosen lead into or out of the units of"):
        strengths(model, model.hook_specs[ENCODER], [WeightQuery(relation="readout")], "mean")


def test_the_strongest_come_in_order_and_of_equal_ones_the_first():
    assert strongest(np.array([0.1, 0.9, 0.5, 0.9, 0.2]), 3) == [1, 2, 3]
    assert strongest(np.ones(4), 2) == [0, 1]


def test_random_units_are_new_for_each_draw_and_hook_point_and_repeat():
    model, analysis = net(), UnitPruning(params(keep=0.5), seed=4)
    draws = [analysis.kept(model, {"set": "random", "draw": draw}) for draw in (1, 2, 1)]
    assert draws[0] == draws[2] != draws[1]
    assert all(len(set(units)) == 4 for units in draws[0].values())
    assert draws[0][ENCODER] != draws[0][DECODER]
    assert UnitPruning(params(keep=0.5), 5).kept(model, {"set": "random", "draw": 1}) != draws[0]


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_pruned_units_stay_at_zero_and_have_no_say_after_retraining(data, cell):
    model, analysis = net(cell), UnitPruning(params(keep=0.5))
    kept = analysis.kept(model, {"set": "strongest"})
    held = pruned(model, kept)
    healed = model.retrained(data, 0, analysis.params.schedule, held=held)
    assert all(not healed.parameter(name)[mask].any() for name, mask in held.items())
    batch = healed.encode(data[:24])
    logits, cache = healed.run_with_cache(batch)
    gone = {hook: sorted({*range(WIDTH)} - {*units}) for hook, units in kept.items()}
    assert cache[ENCODER][..., gone[ENCODER]].eq(0).all()
    for hook, units in gone.items():
        if hook == ENCODER:  # the decoder starts from the encoder's units of the same number
            units = sorted({*units} & {*gone[DECODER]})
        pushed = healed.run_with_hooks(batch, fwd_hooks=[set_units(hook, units, 9.0)])
        assert torch.equal(pushed, logits)
    pushed = healed.run_with_hooks(batch, fwd_hooks=[set_units(DECODER, kept[DECODER], 0.5)])
    assert not torch.equal(pushed, logits)


def test_keeping_every_unit_changes_nothing(data):
    inputs = GivenInputs({"net": net()}, data)
    analysis = UnitPruning(params(keep=1.0, controls=1))
    shards = analysis.shards(inputs)
    assert [shard.name for shard in shards] == ["net-whole", "net-strongest", "net-random-1"]
    whole, strong, other = (measured(analysis, shard, inputs) for shard in shards)
    assert np.array_equal(whole["before"], strong["before"])
    assert np.array_equal(strong["after"], other["after"])
    assert strong[f"units/{DECODER}"].tolist() == [*range(WIDTH)]
    assert not any(
        mask.any() for mask in pruned(net(), analysis.kept(net(), shards[1].task)).values()
    )


def test_one_part_alone_is_pruned():
    analysis = UnitPruning(params(part="encoder"))
    assert [*analysis.kept(net(), {"set": "strongest"})] == [ENCODER]


def made(analysis, sets):
    """Partials of models whose scores are known: `(label, set, draw): (before, after)`."""
    inputs = GivenInputs({label: net() for label, _, _ in sets}, tiny_dataset())
    shards = {s.name: s for s in analysis.shards(inputs)}
    parts = []
    for (label, name, draw), (before, after) in sets.items():
        shard = shards[f"{label}-{name}" + (f"-{draw}" if draw else "")]
        arrays = {"before": np.array([1, before]), "after": np.array([1, after])}
        units = {} if name == "whole" else {f"units/{ENCODER}": np.array([2, 5])}
        parts.append(Measured(shard, {"splits": np.array(["easy", "hard"]), **arrays, **units}))
    return parts, inputs


TWO = {
    ("a", "whole", 0): (0.8, 0.8),
    ("a", "strongest", 0): (0.1, 0.9),
    ("a", "random", 1): (0.0, 0.2),
    ("a", "random", 2): (0.2, 0.4),
    ("b", "whole", 0): (0.6, 0.6),
    ("b", "strongest", 0): (0.3, 0.4),
    ("b", "random", 1): (0.0, 0.5),
    ("b", "random", 2): (0.0, 0.3),
}


def test_tables_metrics_and_sentences_of_known_scores():
    analysis = UnitPruning(params(controls=2, published={"after.strongest": 0.925}))
    parts, inputs = made(analysis, TWO)
    result = analysis.combine(parts, inputs)
    assert result.metrics["before.whole"] == pytest.approx(0.7)
    assert result.metrics["after.strongest"] == pytest.approx(0.65)
    assert result.metrics["after.random.a"] == pytest.approx(0.3)
    assert result.metrics["before.random"] == pytest.approx(0.05)
    assert not any(name.startswith("after.whole") for name in result.metrics)
    table = result.tables["pruning"].set_index(["model", "set"])
    assert table.loc[("a", "random"), "retrainings"] == 2
    assert table.loc[("a", "random"), "after_deviation"] == pytest.approx(0.2 / 2**0.5)
    assert np.isnan(table.loc[("a", "strongest"), "after_deviation"])
    units = result.tables["units"]
    assert units[units["model"] == "b"]["unit"].tolist() == [2, 5] * 3
    points = result.tables["points"]
    assert len(points) == 2 * (1 + 2 + 4) + 2
    assert (points[points["source"] == "published"]["score"] == 0.925).all()
    how, first, second = result.notes
    assert f"2 of {WIDTH} units of {ENCODER} and 2 of {WIDTH}" in how
    assert "so it is restored" in first
    assert "recover better than any of them" in first
    assert "30.0% (20.0% to 40.0%)" in first
    assert "so it is not restored" in second
    assert "the contrast does not show" in second


def test_without_controls_a_note_says_what_is_missing():
    analysis = UnitPruning(params(controls=0))
    parts, inputs = made(analysis, {key: TWO[key] for key in TWO if key[1] != "random"})
    result = analysis.combine(parts, inputs)
    assert "No random sets were asked for" in result.notes[1]
    assert "after.random" not in result.metrics


def test_the_scores_of_one_model_stand_once():
    shown = pd.DataFrame(
        {"model": "a", "set": ["whole", "strongest"], "before": [1.0, 0.0], "after": [1.0, 0.5]}
    )
    names = ["before.whole", "before.strongest", "after.strongest"]
    assert [*headline(shown)] == names
    assert "No random sets" in sentences(shown, "hard", 3)[0]


def test_a_model_that_cannot_be_altered_says_so_before_any_work():
    inputs = GivenInputs({"tiny": TinyModel()}, tiny_dataset())
    with pytest.raises(ProbekitError, match="TinyModel cannot be altered and trained further"):
        UnitPruning(params()).shards(inputs)


def test_parameters_that_cannot_be_used():
    for given, message in (
        ({"keep": "0"}, "keep=0: input should be greater than 0"),
        ({"keep": "1.5"}, "keep=1.5: input should be less than or equal to 1"),
        ({"part": "middle"}, "part=middle: input should be 'encoder' or 'decoder'"),
        ({"settings": '{"batch_size": 8}'}, "settings holds batch_size"),
    ):
        _, problems = validate(PruningParams, given)
        assert len(problems) == 1
        assert message in problems[0]
    assert PruningParams().schedule == {"epochs": 20}


def test_a_part_that_a_model_does_not_have():
    class Inputs(GivenInputs):
        def model(self, label):
            return TinyModel()

    with pytest.raises(ProbekitError, match="tiny has no encoder hidden hook points"):
        UnitPruning(params(part="encoder")).shards(
            Inputs({"tiny": TinyModel()}, tiny_dataset(), [HookQuery()])
        )
