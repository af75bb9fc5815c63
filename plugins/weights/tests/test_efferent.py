"""Output weights to verb forms, looked up one by one, and how far they lie apart."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from probekit_weights import specs
from probekit_weights.efferent import EfferentWeights
from probekit_weights.forms import forms_of, separation, threshold_accuracy

from probekit.analysis import Measured
from probekit.dataset import Example, ListDataset
from probekit.errors import ProbekitError
from probekit.report import write_figures
from probekit.testing import AnalysisContract, GivenInputs, TinyModel
from probekit.testing.loading import parameters

from .agreeing import VERBS, agreeing, small_lstm

CHOSEN = {"units": "auto,#8", "top": "2"}


class TestEfferent(AnalysisContract):
    name = "efferent-weights"
    params = CHOSEN

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path

    def inputs(self):
        models = {"one": small_lstm(self.folder), "two": small_lstm(self.folder, init_seed=1)}
        return GivenInputs(models, agreeing())


def result_of(model, dataset, **params):
    analysis = EfferentWeights(parameters(specs.efferent_weights.params, params))
    inputs = GivenInputs({"net": model}, dataset)
    parts = [Measured(s, analysis.measure(s, model, dataset)) for s in analysis.shards(inputs)]
    return analysis.combine(parts, inputs)


def by_hand(model, unit):
    """Separation and best threshold of one unit, form by form."""
    row = model.cfg.words.index
    one, two = (
        [model.decoder.weight[row(word), unit].item() for word in VERBS[number]]
        for number in ("singular", "plural")
    )
    apart = abs(np.mean(one) - np.mean(two)) / (np.std(one) + np.std(two))
    best = 0
    for threshold in (*one, *two):
        low = sum(w <= threshold for w in one) + sum(w > threshold for w in two)
        best = max(best, low, len(one) + len(two) - low)
    return apart, best / (len(one) + len(two))


def test_separation_and_accuracy_are_those_of_the_looked_up_weights(tmp_path):
    model = small_lstm(tmp_path)
    result = result_of(model, agreeing(), units="1:0,1:3")
    for row in result.tables["units"].to_dict("records"):
        assert (row["separation"], row["accuracy"]) == pytest.approx(by_hand(model, row["index"]))
    for unit in (0, 3):
        apart, accuracy = by_hand(model, unit)
        assert result.metrics[f"separation.net.1-{unit}"] == pytest.approx(apart)
        assert result.metrics[f"accuracy.net.1-{unit}"] == pytest.approx(accuracy)
    assert len(result.metrics) == 4


def test_one_row_for_each_unit_shown_and_form(tmp_path):
    model = small_lstm(tmp_path)
    weights = result_of(model, agreeing(), units="1:0,#11").tables["weights"]
    assert len(weights) == 2 * 6
    for row in weights.to_dict("records"):
        at = model.cfg.words.index(row["word"])
        assert row["weight"] == pytest.approx(model.decoder.weight[at, row["index"]].item())
        assert row["word"] in VERBS[row["form"]]
    titles = {"layer 1 unit 0 (8)", "layer 1 unit 3 (11)"}
    assert set(weights["unit"]) == titles


def test_a_unit_that_is_made_to_separate_the_forms_is_found(tmp_path):
    model = small_lstm(tmp_path)
    with torch.no_grad():
        for number, weight in (("singular", -2.0), ("plural", 2.0)):
            for shift, word in enumerate(VERBS[number]):
                model.decoder.weight[model.cfg.words.index(word), 5] = weight + 0.1 * shift
    result = result_of(model, agreeing(), top="1")
    assert result.tables["units"].query("shown")["index"].tolist() == [5]
    assert result.metrics["accuracy.net.1-5"] == 1
    spread = 2 * np.std([0, 0.1, 0.2])
    assert result.metrics["separation.net.1-5"] == pytest.approx(4 / spread)
    write_figures(tmp_path, result.figures, result.tables)
    assert "layer 1 unit 5 (13)" in (tmp_path / "figures" / "efferent.svg").read_text()


def test_a_model_that_is_no_language_model_is_asked_by_the_words_of_its_matrix():
    words = {"singular": ("cat", "dog"), "plural": ("cats", "dogs")}
    data = ListDataset([
        Example(("the",), (one,), {"number": "singular", "wrong": two})
        for one, two in zip(*words.values(), strict=True)
    ])  # fmt: skip
    model = TinyModel()
    weights = result_of(model, data, units="0:2").tables["weights"]
    for row in weights.to_dict("records"):
        at = model.weights["readout"].rows.index(row["word"])
        assert row["weight"] == pytest.approx(model.decoder.weight[at, 2].item())
    assert set(zip(weights["word"], weights["form"], strict=True)) == {
        ("cat", "singular"), ("dog", "singular"), ("cats", "plural"), ("dogs", "plural"),
    }  # fmt: skip


def test_forms_are_told_by_the_number_of_the_subject():
    def one(target, wrong, number):
        return Example((), (target,), {"number": number, "wrong": wrong})

    found = forms_of([
        one("is", "are", "singular"), one("greet", "greets", "plural"),
        one("put", "puts", "plural"), one("put", "putting", "singular"),
        Example((), ("a", "b"), {"number": "plural"}),
    ])  # fmt: skip
    assert found == {
        "is": {"singular"}, "are": {"plural"}, "greet": {"plural"}, "greets": {"singular"},
        "put": {"singular", "plural"}, "puts": {"singular"}, "putting": {"plural"},
    }  # fmt: skip


def test_unknown_and_ambiguous_forms_are_left_out_and_counted(tmp_path):
    labels = {"number": "singular", "wrong": "flurb"}
    more = [Example(("the",), ("flurbs",), labels),
            Example(("the",), ("greet",), {"number": "singular", "wrong": "greets"})]  # fmt: skip
    found = result_of(small_lstm(tmp_path), ListDataset([*agreeing(), *more]), units="1:0")
    assert set(found.tables["weights"]["word"]) == {"knows", "know", "sees", "see"}
    assert found.notes[1:] == [
        "net: 2 singular and 2 plural verb forms.",
        "net: 2 more forms that it does not know are left out.",
        "net: 2 more forms that stand for both numbers are left out.",
    ]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"units": "0:3"}, r"^units=0:3: readout of net leads from layer 1 alone; choose units of"),
        ({"units": "1:99"}, r"^units=1:99: layer 1 has 7 units"),
        ({"relation": "embedding"}, r"^embedding of net does not lead from units to words; choose"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path, params, message):
    with pytest.raises(ProbekitError, match=message):
        result_of(small_lstm(tmp_path), agreeing(), **params)


def test_too_few_forms_are_one_sentence(tmp_path):
    one = ListDataset([agreeing()[0]])
    with pytest.raises(
        ProbekitError, match=r"^net knows 1 singular and 1 plural forms of the 2 th"
    ):
        result_of(small_lstm(tmp_path), one)


WEIGHTS = arrays(float, (7, 3), elements=st.integers(-3, 3).map(float))


@given(WEIGHTS, arrays(bool, 7).filter(lambda one: 2 <= one.sum() <= 5))
def test_the_best_threshold_is_the_best_of_all_that_could_be_drawn(weights, singular):
    found = threshold_accuracy(weights, singular)
    for unit in range(3):
        best = max(
            max(sum((w < cut) == s for w, s in zip(weights[:, unit], singular, strict=True)),
                sum((w > cut) == s for w, s in zip(weights[:, unit], singular, strict=True)))
            for cut in np.arange(-4, 4.5, 0.5)
        )  # fmt: skip
        assert found[unit] == pytest.approx(best / 7)


@given(WEIGHTS, arrays(bool, 7).filter(lambda one: 2 <= one.sum() <= 5))
def test_separation_of_pandas(weights, singular):
    """An independent reference, also where nothing varies."""
    found = separation(weights, singular)
    table = pd.DataFrame(weights).groupby(singular)
    mean, spread = table.mean(), table.std(ddof=0)
    for unit in range(3):
        apart, both = abs(mean[unit][True] - mean[unit][False]), spread[unit].sum()
        expected = apart / both if both else np.inf if apart else 0
        assert found[unit] == pytest.approx(expected)
