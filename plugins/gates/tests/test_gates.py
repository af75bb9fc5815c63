"""Gate saturation and activation ranges, on models with and without parts, GRU and LSTM."""

import numpy as np
import pandas as pd
import pytest
import torch
from probekit_gates.params import RangesParams, SaturationParams
from probekit_gates.ranges import ActivationRanges, Spread
from probekit_gates.saturation import GateSaturation, sides, summarize, unit_rows

from probekit.charts import thin
from probekit.hooks import HookSpec
from probekit.places import content, place
from probekit.report import MAX_ROWS
from probekit.statistics import TailCounts
from probekit.streaming import Found
from probekit.testing import AnalysisContract, GivenInputs

SMALL = {"checkpoint": "untrained", "hidden": 12}
CHOSEN = {"kind": "gate", "units": 5}


class TestSaturation(AnalysisContract):
    name = "gate-saturation"


class TestSaturationOfAnEncoderDecoder(AnalysisContract):
    name = "gate-saturation"
    model = "lstm-seq2seq"
    model_params = SMALL


class TestRanges(AnalysisContract):
    name = "activation-ranges"


class TestRangesOfGates(AnalysisContract):
    name = "activation-ranges"
    model = "gru-seq2seq"
    model_params = SMALL
    params = CHOSEN


def gate(name="g", **facts):
    facts = {"kind": "gate", "role": "update", "width": 4} | facts
    return HookSpec(name=name, **facts)


def found(values, **facts):
    """What a pass over `values [sample, unit]` would have found of one gate."""
    tails = TailCounts(values.shape[1], 0.1, 0.9)
    tails.add(torch.as_tensor(values, dtype=torch.float64))
    return Found("net", gate(width=values.shape[1], **facts), tails)


def test_units_that_are_known_to_saturate_are_classified_as_such():
    """Unit 0 is always shut, 1 always open, 2 either, 3 neither, 4 shut half of the time."""
    values = np.full((100, 5), 0.5)
    values[:, 0], values[:, 1] = 0.01, 0.99
    values[:50, 2], values[50:, 2] = 0.01, 0.99
    values[:50, 4] = 0.05
    units = unit_rows(found(values), layers=1)
    assert units["left"].tolist() == [1, 0, 0.5, 0, 0.5]
    assert units["right"].tolist() == [0, 1, 0.5, 0, 0]
    row = summarize(units, 0.02).iloc[0]
    assert row["units"] == 5
    assert row["near_axis"] == 4 / 5
    assert row["one_sided"] == 3 / 5
    assert row["near_diagonal"] == 3 / 5
    assert row["never_saturated"] == 1 / 5
    assert row["mean_left"] == pytest.approx(2 / 5)


def test_all_gates_of_a_place_are_summed_up_together():
    rng = np.random.default_rng(0)
    parts = [
        unit_rows(found(rng.random((50, 7)), role=role), layers=1) for role in ("reset", "update")
    ]
    summary = summarize(pd.concat(parts), 0.1).set_index("gate")
    assert summary.loc["all", "units"] == 14
    for column in ("near_axis", "one_sided", "near_diagonal", "mean_right"):
        mean = summary.loc[["reset", "update"], column].mean()
        assert summary.loc["all", column] == pytest.approx(mean)


def test_each_gate_says_once_which_side_lets_new_information_in():
    update = gate(low="the new enters", high="the old stays", new_side="low")
    forget = gate(role="forget", low="erased", high="kept")
    assert sides([update, update, forget, gate(kind="hidden", role=None)]) == [
        "Update gate: near 0 the new enters; near 1 the old stays."
        " New information enters on the left side.",
        "Forget gate: near 0 erased; near 1 kept.",
    ]


def test_a_place_is_told_by_part_and_by_layer_where_needed():
    assert place(gate(part="encoder"), 1) == "encoder"
    assert place(gate(part="encoder", layer=1), 2) == "encoder layer 1"
    assert place(gate(), 1) == "layer 0"
    assert content(gate()) == "update gate"


def test_a_picture_of_too_many_units_shows_a_sample_and_the_table_keeps_all():
    analysis = GateSaturation(SaturationParams())
    many = np.random.default_rng(0).random((3, MAX_ROWS + 50))
    result = analysis.finish([found(many)], GivenInputs({}))
    assert len(result.tables["units"]) == MAX_ROWS + 50
    assert len(result.tables["shown"]) == MAX_ROWS
    assert result.figures[0].table == "shown"
    few = pd.DataFrame({"left": [0.1]})
    assert thin(few, 0) is few


def test_the_same_units_are_drawn_for_every_hook_point_of_a_width():
    ranges = ActivationRanges(RangesParams(units=50), seed=3)
    assert ranges.units(512).tolist() == ActivationRanges(RangesParams(), 3).units(512).tolist()
    assert len(set(ranges.units(512))) == 50
    assert ranges.units(20).tolist() == list(range(20))
    assert ranges.units(512).tolist() != ActivationRanges(RangesParams(), 4).units(512).tolist()


def test_quartiles_and_extremes_equal_numpy():
    values = torch.randn(999, 6, dtype=torch.float64)
    spread = Spread(np.array([1, 4]))
    for block in values.split(100):
        spread.add(block)
    spec = HookSpec(name="h", kind="hidden", width=6)
    from probekit_gates.ranges import range_rows

    rows = range_rows(Found("net", spec, spread), layers=1)
    chosen = values[:, [1, 4]].numpy()
    assert rows["unit"].tolist() == [1, 4]
    assert (rows["samples"] == 999).all()
    np.testing.assert_array_equal(rows["low"], chosen.min(0))
    np.testing.assert_array_equal(rows["high"], chosen.max(0))
    for name, share in (("first_quartile", 0.25), ("median", 0.5), ("third_quartile", 0.75)):
        exact = np.quantile(chosen, share, axis=0, method="lower")
        np.testing.assert_allclose(rows[name], exact, rtol=0.00501)
