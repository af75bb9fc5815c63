"""Weights into single units by the activity of their sources, looked up one by one."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from probekit_weights import specs
from probekit_weights.afferent import AfferentWeights, peak, z_scores
from probekit_weights.unit_charts import apart_names

from probekit.analysis import Measured
from probekit.dataset import Example, ListDataset
from probekit.errors import ProbekitError
from probekit.report import MAX_ROWS, write_figures
from probekit.statistics import Extremes
from probekit.testing import AnalysisContract, GivenInputs, TinyModel, tiny_dataset
from probekit.testing.loading import load_model, parameters

from .agreeing import agreeing, small_lstm

BOTH = {"relation": "recurrent,input", "units": "1:2,auto", "marked": "0:4,#9", "outlier": "1.5"}
LOW = {"outlier": "1", "labels": "2"}
LSTM_ROWS = {"input gate": 0, "forget gate": 1, "candidate": 2, "output gate": 3}


class TestAfferent(AnalysisContract):
    name = "afferent-weights"
    params = LOW


class TestAfferentOfALanguageModel(AnalysisContract):
    name = "afferent-weights"
    params = BOTH

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path

    def inputs(self):
        return GivenInputs({"lstm": small_lstm(self.folder)}, agreeing())


def result_of(model, dataset, **params):
    """The result of several shards of several batches."""
    given = {"batch_size": 4, "shard_size": 7} | params
    analysis = AfferentWeights(parameters(specs.afferent_weights.params, given))
    inputs = GivenInputs({"net": model}, dataset)
    parts = [Measured(s, analysis.measure(s, model, dataset)) for s in analysis.shards(inputs)]
    return analysis.combine(parts, inputs)


def activities(model, dataset, layer, answer=True):
    """The hidden state of a layer at every step of every sentence, one sentence at a time."""
    found = []
    for one in dataset:
        words = (*one.words, *(one.target if answer else ()))
        with torch.no_grad():
            batch = model.encode([replace(one, words=words, target=())])
            found.append(model.run_with_cache(batch)[1][f"rnn.layers.{layer}.hook_hidden"][0])
    return torch.cat(found).numpy()


@pytest.mark.parametrize("answer", [True, False])
@pytest.mark.parametrize("relation", ["recurrent", "input"])
def test_every_weight_is_scaled_by_the_furthest_activity_of_its_source(tmp_path, relation, answer):
    """lakretz2019, figure 4, stated as loops over torch's own stacked weights."""
    model, data = small_lstm(tmp_path), agreeing()
    given = {"units": "1:2,1:5", "relation": relation, "answer": str(answer).lower()}
    table = result_of(model, data, **given).tables["weights"]
    layer, name = (1, "weight_hh_l1") if relation == "recurrent" else (0, "weight_ih_l1")
    seen = activities(model, data, layer, answer)
    stacked = dict(model.rnn.named_parameters())[name].detach().numpy()
    assert len(table) == 2 * 4 * 7
    for (unit, gate), one in table.groupby(["index", "gate"]):
        expected = []
        for source in range(7):
            furthest = max(seen[:, source], key=abs)
            expected.append(stacked[LSTM_ROWS[gate] * 7 + unit, source] * furthest)
        assert one["scaled"].tolist() == pytest.approx(expected)
        assert one["z"].tolist() == pytest.approx(scipy.stats.zscore(expected).tolist())
        assert one["outlier"].tolist() == (abs(scipy.stats.zscore(expected)) >= 3).tolist()
        assert set(one["source_layer"]) == {layer}
        assert one["source_number"].tolist() == [7 * layer + at + 1 for at in range(7)]


def test_a_gru_on_sentences_without_answers():
    model, data = TinyModel().double(), tiny_dataset()
    table = result_of(model, data, units="0:4", role="reset").tables["weights"]
    with torch.no_grad():
        found = [model.run_with_cache(model.encode([one]))[1]["rnn.layers.0.hook_hidden"][0]
                 for one in data]  # fmt: skip
    furthest = [max(column, key=abs) for column in torch.cat(found).T.tolist()]
    weight = model.rnn.weight_hh_l0[4].tolist()
    expected = [one * two for one, two in zip(weight, furthest, strict=True)]
    assert table["scaled"].tolist() == pytest.approx(expected)


def planted(tmp_path):
    """Unit 3 of layer 1 drives the forget gate of unit 30 and shuts its input gate."""
    model = small_lstm(tmp_path, hidden=40)
    with torch.no_grad():
        model.rnn.weight_hh_l1.clamp_(-0.1, 0.1)
        model.rnn.weight_hh_l1[0 * 40 + 30, 3] = -80.0
        model.rnn.weight_hh_l1[1 * 40 + 30, 3] = 80.0
    return model


def test_a_planted_connection_is_found_and_drawn(tmp_path):
    model = planted(tmp_path)
    result = result_of(model, agreeing(), units="auto", top="1", marked="1:3")
    assert set(result.tables["weights"]["unit"]) == {"layer 1 unit 30 (71)"}
    first = result.tables["outliers"].head(2)
    assert first["source"].tolist() == ["layer 1 unit 3 (44)"] * 2
    assert set(first["gate"]) == {"input gate", "forget gate"}
    entering, kept = (
        result.metrics[f"z.net.1-3-to-1-30.{gate}-gate"] for gate in ("input", "forget")
    )
    assert min(abs(entering), abs(kept)) > 6
    assert entering * kept < 0
    assert result.metrics["outliers.net.1-30.forget-gate"] >= 1
    circuit = result.tables["circuit"]
    assert set(circuit["source_index"]) == {3, 30}
    write_figures(tmp_path, result.figures, result.tables)
    assert ">44<" in (tmp_path / "figures" / "afferent.svg").read_text()


def test_outliers_come_by_size_and_the_largest_bear_names(tmp_path):
    model = small_lstm(tmp_path, hidden=40)
    result = result_of(model, agreeing(), units="1:30", outlier="1", labels="2")
    outliers = result.tables["outliers"]
    assert (outliers["z"].abs().diff().dropna() <= 0).all()
    assert (outliers["z"].abs() >= 1).all()
    weights = result.tables["weights"]
    assert len(outliers) == (weights["z"].abs() >= 1).sum()
    shown = result.tables["shown"].query("mark == 'outlier'")
    for _, one in shown.groupby("gate"):
        named = one[one["name"] != ""]
        assert 1 <= len(named) <= 2
        assert one.loc[one["z"].abs().idxmax(), "name"]
        assert named["name"].tolist() == named["source_number"].astype(str).tolist()


@given(st.lists(st.floats(-1, 1), max_size=12), st.floats(0.01, 1), st.integers(0, 6))
def test_no_name_runs_into_another(heights, apart, most):
    points = pd.Series(heights, dtype=float)
    named = apart_names(points, apart, most)
    assert len(named) == min(most, len(named))
    for left in (True, False):
        own = sorted(points[at] for at, side in named if side == left)
        assert all(two - one > apart for one, two in pairwise(own))
    if most and heights:
        assert named[0] == (0, False)
    for at in set(points.index) - {at for at, _ in named}:
        full = len(named) == most
        near = [
            [abs(points[at] - points[other]) <= apart for other, side in named if side == left]
            for left in (True, False)
        ]
        assert full or all(any(side) for side in near)


def test_the_furthest_activity_keeps_its_sign():
    both = Extremes(4)
    both.add(torch.tensor([[-0.9, 0.1, -0.2, 0.5], [0.3, 0.8, -0.7, -0.5]]))
    assert peak(both).tolist() == pytest.approx([-0.9, 0.8, -0.7, 0.5])


@given(arrays(float, (3, 9), elements=st.integers(-40, 40).map(float)))
def test_z_scores_are_those_of_scipy(values):
    found = z_scores(values)
    for row, own in zip(values, found, strict=True):
        expected = scipy.stats.zscore(row) if np.ptp(row) else np.zeros(9)
        np.testing.assert_allclose(own, expected, atol=1e-12)


def test_unknown_words_are_counted(tmp_path):
    data = ListDataset([*agreeing(), Example(("the", "flurb"))])
    with_unknown = result_of(small_lstm(tmp_path), ListDataset(
        [replace(one, context=()) for one in data]), units="1:0")  # fmt: skip
    assert with_unknown.notes[1].startswith("1 of 31 sentences hold words that net does not know")


def test_the_picture_of_many_units_keeps_every_outlier(tmp_path):
    model = small_lstm(tmp_path, hidden=80)
    units = ",".join(f"1:{at}" for at in range(70))
    result = result_of(
        model, agreeing(), units=units, labels="0", role="input,forget,output,candidate"
    )
    weights, shown = result.tables["weights"], result.tables["shown"]
    assert len(weights) == 70 * 4 * 80
    assert len(shown) == MAX_ROWS


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"units": "2:0"}, r"^units=2:0: there is no layer 2; the model has 2 layers"),
        ({"marked": "x"}, r"^marked=x is no unit; write layer:index"),
        ({"units": "0:1", "relation": "input"}, r"^no input weights lead from hidden units to the"),
        ({"role": "reset"}, r"^net has no recurrent reset weights; it has: embedding, input inp"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path, params, message):
    with pytest.raises(ProbekitError, match=message):
        result_of(small_lstm(tmp_path), agreeing(), **params)


def test_of_an_encoder_decoder_one_side_is_read():
    small = {"checkpoint": "untrained", "embedding": 3, "hidden": 4}
    model = load_model("lstm-seq2seq", small)
    data = ListDataset([Example(("001", "t1", "."), ("010",))])
    encoder = result_of(model, data, units="0:1", role="forget").tables["weights"]
    assert encoder["weight"].tolist() == pytest.approx(
        model.weight("encoder.rnn.layers.0.recurrent.forget")[1].tolist()
    )
    table = result_of(model, data, part="decoder", units="0:1", role="forget").tables["weights"]
    assert table["weight"].tolist() == pytest.approx(
        model.weight("decoder.rnn.layers.0.recurrent.forget")[1].tolist()
    )
