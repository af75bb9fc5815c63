"""The sweep against a loop of one forward a unit, a planted truth, and what the result says."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from probekit_ablation.charts import MOST_POINTS
from probekit_ablation.holding import means
from probekit_ablation.params import AblationParams
from probekit_ablation.specs import unit_ablation
from probekit_ablation.tables import summarize
from probekit_ablation.units import UnitAblation

from probekit.analysis import Measured
from probekit.dataset import ListDataset
from probekit.errors import ProbekitError
from probekit.hooks import HookSpec
from probekit.testing import AnalysisContract, GivenInputs, TinyModel, tiny_dataset

from .doubles import Planted, Scored, own_answers

HIDDEN, EMBED, UPDATE = "rnn.layers.0.hook_hidden", "hook_embed", "rnn.layers.0.hook_update"


def run(models, dataset, **params):
    analysis = UnitAblation(AblationParams(**params))
    inputs = GivenInputs(models, dataset, unit_ablation.wants)
    parts = [
        Measured(shard, analysis.measure(shard, inputs.model(shard.model), dataset))
        for shard in analysis.shards(inputs)
    ]
    return analysis.combine(parts, inputs)


def drops(result, model=None):
    """The drop of each unit in the order of the units, by hook point."""
    units = result.tables["units"]
    units = units if model is None else units[units["model"] == model]
    return {
        hook: own.sort_values("unit")["drop"].tolist()
        for hook, own in units.groupby("hook", sort=False)
    }


def slow(model, dataset, hook, value=0.0):
    """One forward a unit and example, without rows: the score without each unit."""
    scores = []
    for unit in range(model.hook_specs[hook].width):

        def off(activation, hook):
            activation = activation.clone()
            activation[..., unit] = value if isinstance(value, float) else value[unit]  # noqa: B023
            return activation

        right = [model.score(model.encode([one]), [(hook, off)]) for one in dataset]
        scores.append(float(torch.cat(right).double().mean()))
    return scores


@pytest.fixture(scope="module")
def model():
    return Scored()


@pytest.fixture(scope="module")
def data(model):
    return ListDataset(own_answers(model)[::3])


def test_the_analysis_equals_the_slow_loop(model, data):
    result = run({"tiny": model}, data, shard_size=4, batch_size=200)
    assert drops(result) == {HIDDEN: pytest.approx(1 - np.array(slow(model, data, HIDDEN)))}
    whole = run({"tiny": model}, data, shard_size=100, batch_size=7)
    pd.testing.assert_frame_equal(whole.tables["units"], result.tables["units"])


@pytest.mark.parametrize("value", [0.7, -1.0])
def test_units_can_be_set_to_a_number(model, data, value):
    found = run({"tiny": model}, data, value=str(value))
    expected = 1 - np.array(slow(model, data, HIDDEN, value))
    assert drops(found)[HIDDEN] == pytest.approx(expected)
    assert drops(found) != drops(run({"tiny": model}, data))


def test_units_can_be_set_to_their_means_over_real_positions(model, data):
    activity = []
    for one in data:
        with torch.no_grad():
            activity.append(model.run_with_cache(model.encode([one]))[1][HIDDEN][0].clone())
    expected = torch.cat(activity).double().mean(0)
    found = means(model, list(data), model.hook_specs[HIDDEN])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-7)
    expected = 1 - np.array(slow(model, data, HIDDEN, found))
    assert drops(run({"tiny": model}, data, value="mean"))[HIDDEN] == pytest.approx(expected)


def test_many_units_ride_in_one_forward_pass(data):
    model, some = Scored(), ListDataset(data[:10])
    run({"tiny": model}, some, batch_size=60)
    assert model.rows == [10, 60]  # the whole model, then six units at once
    model.rows.clear()
    run({"tiny": model}, some, batch_size=45)
    assert model.rows == [10, 40, 20]
    model.rows.clear()
    run({"tiny": model}, ListDataset(data[:] * 6), batch_size=512, shard_size=3)
    assert max(model.rows) <= 512
    assert model.rows[:3] == [64, 64, 40]
    assert sum(model.rows) == 168 * 7


def test_the_planted_unit_is_found():
    model = Planted()
    data = own_answers(model)
    result = run({"planted": model}, data)
    by_bias = model.vocabulary.words[int(model.decoder.bias.argmax())]
    left = sum(set(one.target) == {by_bias} for one in data) / len(data)
    expected = [0.0] * 6
    expected[Planted.unit] = 1 - left
    assert drops(result)[HIDDEN] == expected
    assert left < 0.5
    units = result.tables["units"]
    assert units[units["costly"]][["unit", "rank"]].to_numpy().tolist() == [[Planted.unit, 1]]
    assert result.metrics == {
        "intact.planted": 1.0,
        f"largest_drop.planted.{HIDDEN}": 1 - left,
        f"costly.planted.{HIDDEN}": 1.0,
    }
    assert result.notes == [
        f"planted answers 100.0% of 84 examples right. 1 of 6 units cost more than 10%; the"
        f" costliest is layer 0 unit 2 (3) of {HIDDEN}, which costs {1 - left:.1%}. The median unit"
        " costs 0.0%."
    ]


def test_result_ranks_every_unit_of_every_chosen_hook_point(model, data):
    result = run({"a": model, "b": Planted()}, data, kind="gate", cost=0.3)
    units = result.tables["units"]
    assert units.groupby("model")["rank"].apply(list).tolist() == [[*range(1, 13)]] * 2
    first = units[units["model"] == "a"]
    assert first["drop"].is_monotonic_decreasing
    np.testing.assert_allclose(first["intact"] - first["score"], first["drop"])
    assert set(first["hook"]) == {UPDATE, "rnn.layers.0.hook_reset"}
    assert units["costly"].sum() == (units["drop"] > 0.3).sum() > 0
    assert units["costly"].tolist() == (units["drop"] > 0.3).tolist()
    (row,) = result.tables["summary"].query("model == 'a' and hook == @UPDATE").to_dict("records")
    own = first[first["hook"] == UPDATE]["drop"]
    assert row["units"] == 6
    assert row["mean_drop"] == pytest.approx(own.mean())
    assert row["costly"] == (own > 0.3).sum()
    assert row["free"] == (own <= 0).sum()
    assert set(first["place"]) == {"update gate", "reset gate"}
    one = run({"a": model}, data, kind="gate", role="update")
    assert set(one.tables["units"]["hook"]) == {UPDATE}


def test_a_model_that_is_never_right_has_nothing_to_lose(model, data):
    wrong = [replace(one, target=("near",) * len(one.words)) for one in data[:5]]
    result = run({"tiny": model}, ListDataset(wrong))
    assert result.metrics["intact.tiny"] == 0
    assert result.notes == ["tiny answers none of 5 examples right: nothing can be lost."]


def test_a_model_that_needs_no_single_unit_is_said_to():
    model = Scored()
    with torch.no_grad():
        model.decoder.weight.zero_()
    result = run({"tiny": model}, own_answers(model))
    assert result.notes == [
        "tiny answers 100.0% of 84 examples right. None of its 6 units costs anything alone."
    ]
    assert not result.tables["units"]["drop"].any()


def test_the_figure_of_many_units_shows_the_costliest():
    units = pd.DataFrame({"model": "m", "place": "p", "hook": "h", "unit": range(3), "intact": 1.0})
    units["drop"], units["costly"] = [0.2, 0.0, -0.1], [True, False, False]
    units["worst"] = [0.3, 0.1, 0.0]
    (row,) = summarize(units).to_dict("records")
    assert (row["costly"], row["free"], row["largest_drop"]) == (1, 2, 0.2)
    assert row["largest_in_a_condition"] == 0.3
    analysis = UnitAblation(AblationParams())
    width = MOST_POINTS + 5
    spec = HookSpec(name="h", kind="hidden", width=width)

    class Wide(Scored):
        hook_specs = {"h": spec}  # noqa: RUF012

    inputs = GivenInputs({"m": Wide()}, tiny_dataset())
    shards = analysis.shards(inputs)
    parts = [
        Measured(
            one,
            {
                "right": np.arange(one.task.get("stop", 1) - one.task.get("start", 0))[:, None],
                "asked": np.array([10 * width]),
                "left_out": np.array([0]),
                "guessed": np.array(0),
            },
        )
        for one in shards
    ]
    result = analysis.combine(parts, inputs)
    assert len(result.tables["units"]) == width
    assert len(result.tables["shown"]) == MOST_POINTS
    assert result.figures[0].table == "shown"


def test_a_model_without_score_is_one_sentence():
    with pytest.raises(ProbekitError, match="TinyModel does not say whether an answer is right"):
        run({"tiny": TinyModel()}, tiny_dataset())


def test_nothing_to_ablate_is_one_sentence(model, data):
    with pytest.raises(ProbekitError, match="tiny has no decoder hidden hook points"):
        run({"tiny": model}, data, part="decoder")
    with pytest.raises(ProbekitError, match="the dataset has no examples"):
        run({"tiny": model}, ListDataset(()))

    class Loose(Scored):
        hook_specs = {"a": HookSpec(name="a", kind="attention", width=None)}  # noqa: RUF012

    with pytest.raises(ProbekitError, match="the attention hook points of tiny have no fixed"):
        run({"tiny": Loose()}, data, kind="attention")


@pytest.mark.parametrize("value", ["none", "nan", "inf", ""])
def test_a_value_that_no_unit_can_have_is_refused(value):
    with pytest.raises(ValueError, match="a unit can be set to zero, mean or a number"):
        AblationParams(value=value)


def test_a_role_needs_gates():
    with pytest.raises(ValueError, match="role=update is one of a gate; give kind=gate with it"):
        AblationParams(role="update")


def test_a_number_may_come_as_one():
    assert AblationParams(value=0.5).value == "0.5"


class TestContract(AnalysisContract):
    name = "unit-ablation"

    def inputs(self):
        model = Scored()
        return GivenInputs({"tiny": model}, ListDataset(own_answers(model)[:20]), seed=self.seed)


class TestSeq2Seq(AnalysisContract):
    """A model that decodes, chosen by name: this plugin knows none."""

    name = "unit-ablation"
    model = "gru-seq2seq"
    model_params = {"checkpoint": "untrained", "embedding": 3, "hidden": 4}  # noqa: RUF012
