"""decoding-over-time: planted units, the original procedure written out, mistakes as sentences."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from probekit_probes.generalise import over_time, tied
from probekit_probes.over_time import DecodingOverTime, axis_words
from probekit_probes.params import DecodingParams
from probekit_probes.specs import decoding_over_time
from probekit_probes.time_chart import time_chart
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from probekit.analysis import Measured
from probekit.dataset import Example, ListDataset
from probekit.errors import ProbekitError, Problems
from probekit.testing import AnalysisContract, GivenInputs, TinyModel

from .agreeing import (
    BELOW,
    KEEPS,
    SWAPS,
    UNREAD,
    Noting,
    cached,
    changed,
    nounpp,
    small_lstm,
)

LARGE = nounpp(times=3)


def run(model, dataset, seed=0, **params):
    inputs = GivenInputs({"m": model}, dataset, decoding_over_time.wants, seed)
    analysis = DecodingOverTime(DecodingParams(**params), seed)
    parts = [
        Measured(shard, analysis.measure(shard, model, dataset))
        for shard in analysis.shards(inputs)
    ]
    return analysis.combine(parts, inputs)


class TestPlanted(AnalysisContract):
    name = "decoding-over-time"
    params: ClassVar = {"splits": "2"}

    def inputs(self):
        return GivenInputs({"planted": Noting()}, LARGE, decoding_over_time.wants)


def curve(result, name):
    table = result.tables["curves"]
    return table.loc[table["curve"] == name, "mean"].tolist()


@pytest.fixture(scope="module")
def planted():
    return run(Noting(), LARGE)


def test_the_planted_unit_is_found_and_keeps_the_number(planted):
    units = planted.tables["units"]
    assert units[["number", "curve", "left_out"]].to_numpy().tolist() == [[KEEPS + 1, True, True]]
    assert curve(planted, "layer 1 unit 0 (4)")[1:] == [1, 1, 1, 1, 1]
    assert planted.metrics["auc.m.1-0.last"] == 1
    assert any("found layer 1 unit 0 (4), the best" in note for note in planted.notes)


@pytest.mark.parametrize("without", [{"readout": False}, {"weights": {}}])
def test_by_activity_alone_there_is_another(without, monkeypatch):
    if "weights" in without:
        monkeypatch.setattr(Noting, "weights", without["weights"])
    result = run(Noting(), LARGE, readout=without.get("readout", True))
    assert set(result.tables["units"]["number"]) == {KEEPS + 1, UNREAD + 1}
    told = [note for note in result.notes if "by their activity alone, for m describes no" in note]
    assert len(told) == ("weights" in without)
    assert not any("whose output weights" in note for note in result.notes)


def test_the_others_follow_the_last_noun():
    result = run(Noting(), LARGE, readout=False)
    table = result.tables["curves"]
    (name,) = [one for one in table["curve"].unique() if "all" in one]
    assert name in ("all units but #4, #6", "all units but #6, #4")
    auc = curve(result, name)
    assert auc[1:4] == [1, 1, 1]
    assert auc[4:] == [0, 0]
    assert result.metrics["auc.m.rest.subject"] == 1
    assert result.metrics["auc.m.rest.attractor"] == 0


def test_the_answer_is_read_by_a_language_model(planted):
    table = planted.tables["curves"]
    words = table["word"].tolist()[:6]
    assert [word.removesuffix("…") for word in words[::2]] == ["The", "near", words[4][:-1]]
    assert words[0] == "The"
    assert words[1].endswith("s…")
    assert words[5].endswith("…")
    without = run(Noting(), LARGE, answer=False).tables["curves"]
    assert without["position"].max() == 4
    assert table["position"].max() == 5


def test_units_by_name_and_what_is_left_out():
    result = run(Noting(), LARGE, units=("1:1", "#1"), minus=("1:0",))
    assert result.tables["curves"]["curve"].unique().tolist() == [
        "all units but #4", "layer 1 unit 1 (5)", "layer 0 unit 0 (1)",
    ]  # fmt: skip
    assert curve(result, "layer 1 unit 1 (5)")[4:] == [0, 0]
    assert result.tables["units"]["left_out"].tolist() == [False, False, True]
    whole = run(Noting(), LARGE, units=(), minus=())
    assert whole.tables["curves"]["curve"].unique().tolist() == ["all units"]
    assert whole.tables["units"].empty


def test_every_unit_that_keeps_the_number_can_be_left_out():
    result = run(Noting(), LARGE, top=1, minus=("long", "0:1"))
    left = result.tables["units"].query("left_out")["number"]
    assert set(left) == {2, KEEPS + 1, UNREAD + 1}
    assert result.tables["units"]["curve"].sum() == 1
    rest = [one for one in result.metrics if ".rest." in one]
    assert result.metrics["auc.m.rest.attractor"] == 0
    assert len(rest) == 3


def test_where_no_unit_keeps_the_number():
    result = run(Noting(), LARGE, long=1.0)
    assert result.tables["curves"]["curve"].unique().tolist() == ["all units"]
    assert any("so none was found" in note for note in result.notes)


def original(values, plural, subject, splits=3):
    """Figure 2 as the paper's authors computed it, `[split, step]`; equal words tie."""
    found = []
    for split in range(splits):
        parts = train_test_split(values, plural, test_size=0.2, random_state=split)
        trained, held, labels, truth = parts
        scale = StandardScaler().fit(trained[:, subject])
        machine = LinearSVC(random_state=0, tol=1e-5, max_iter=1000)
        machine.fit(scale.transform(trained[:, subject]), labels)
        found.append([
            roc_auc_score(truth, machine.decision_function(scale.transform(held[:, at])).round(9))
            for at in range(values.shape[1])
        ])  # fmt: skip
    return np.array(found)


def test_it_is_the_original_procedure(tmp_path):
    model, dataset = small_lstm(tmp_path), LARGE
    result = run(model, dataset, units=("1:3", "0:2"), splits=3)
    chosen = [e for e in dataset if e.labels["condition"] == "PS"]
    chosen += [e for e in dataset if e.labels["condition"] == "SP"]
    read = [replace(e, words=e.words + e.target) for e in chosen]
    values = np.stack(cached(model, read, "cell"))
    plural = np.array([e.labels["number"] == "plural" for e in chosen])
    rest = [at for at in range(14) if at not in (10, 2)]
    expected = [original(values[:, :, some], plural, 1) for some in (rest, [10], [2])]
    table = result.tables["splits"]
    assert table["auc"].to_numpy() == pytest.approx(np.ravel(expected), abs=1e-9)
    means = result.tables["curves"]
    assert means["mean"].to_numpy() == pytest.approx(np.mean(expected, 1).ravel(), abs=1e-9)
    assert means["deviation"].to_numpy() == pytest.approx(np.std(expected, 1).ravel(), abs=1e-9)
    assert 0.2 < np.mean(expected) < 0.95
    first = table.query("position == 0")["auc"]
    assert first.tolist() == [0.5] * 9  # every sentence begins alike


def test_another_seed_divides_otherwise():
    source = np.random.default_rng(0)
    labels = np.arange(60) % 2 == 0
    values = source.normal(size=(60, 2, 3)) + 0.5 * labels[:, None, None]
    params = DecodingParams(splits=2)
    both, later = (over_time(values, labels, 0, params, seed) for seed in (0, 1))
    four = over_time(values, labels, 0, DecodingParams(splits=4), 0)
    assert np.array_equal(np.vstack([both.auc, later.auc]), four.auc)


def test_scores_that_differ_by_rounding_tie():
    scores = np.array([2e-6, 2e-6 * (1 + 1e-15), 3e-6, -1e-6])
    assert np.unique(tied(scores), return_inverse=True)[1].tolist() == [1, 1, 2, 0]
    assert tied(np.zeros(3)).tolist() == [0, 0, 0]


def test_fits_that_do_not_arrive_are_told():
    result = run(Noting(), LARGE, units=(), tolerance=1e-12, max_iter=1)
    assert any("5 fits met max_iter=1 before" in note for note in result.notes)
    assert not any("max_iter" in note for note in run(Noting(), LARGE, units=()).notes)


def test_words_that_stand_for_several():
    assert axis_words([("The", "cat"), ("The", "dog"), ("The", "dog")]) == ["The", "dog…"]


def test_words_on_the_axis_are_data_and_no_code(planted):
    curves = planted.tables["curves"].assign(word="'\"];alert(1)//")
    text = str(time_chart("curves", curves, 1))
    assert r"'\"];alert(1)//" in text.replace("\\\\", "\\")


def test_words_that_the_model_does_not_know(monkeypatch):
    monkeypatch.setattr(Noting, "unknown", lambda self, e: ("x",) if "boy" in e.words else ())
    notes = run(Noting(), LARGE).notes
    assert "m: 9 words of the sentences are not in its vocabulary." in notes


def test_a_model_that_is_no_language_model_reads_no_answer():
    examples = []
    for number, condition, subject, attractor in (
        ("singular", "SP", "cat", "dogs"), ("plural", "PS", "cats", "dog")
    ):  # fmt: skip
        labels = {"condition": condition, "number": number, "subject_at": 1, "attractor_at": 4,
                  "attractor": "plural" if number == "singular" else "singular"}  # fmt: skip
        words = ("the", subject, "near", "the", attractor)
        examples += [Example(words, ("sees",), labels, f"sentence {at}") for at in range(10)]
    result = run(TinyModel(), ListDataset(examples))
    assert result.tables["curves"]["position"].max() == 4
    assert result.metrics["auc.m.rest.subject"] == 1


@pytest.mark.parametrize(
    ("dataset", "params", "message"),
    [
        (ListDataset([*nounpp(), *[replace(e, words=(*e.words, "gladly")) for e in nounpp()]]), {},
         "the sentences differ in the length (5 and 6), so there is no time that they share; choose"
         " one task, such as data.task=nounpp."),
        (changed(nounpp(), 12, subject_at=2), {},
         "the sentences differ in the place of the subject (1 and 2), so there is no time that they"
         " share; choose one task, such as data.task=nounpp."),
        (changed(nounpp(), 12, attractor_at=-1), {},
         "SP 0 has no noun between subject and verb (attractor_at is -1); choose sentences that"
         " have one, such as data.task=nounpp."),
        (nounpp(), {"units": ("1:9",)}, "units=1:9: layer 1 has 4 units, counted from 0."),
        (nounpp(), {"minus": ("#9",)},
         "minus=#9: units are numbered from 1 to 7 across 2 layers."),
        (nounpp(), {"units": tuple(f"#{at}" for at in range(1, 8))},
         "no unit is left for the curve of all; give minus=A,B of fewer."),
        (nounpp(), {"kind": "gate", "role": "input"},
         "m has no input gate hook points; it has: cell, hidden; give another kind=."),
        (ListDataset([*nounpp(("PS",))[:1], *nounpp(("SP",))]), {},
         "of 13 sentences, divided at random with test_share=0.2, those trained on or those held"
         " out have subjects of one number only; give more data."),
        (ListDataset([*nounpp(("PS",))[:1], *nounpp(("SP",))[:1]]), {"test_share": 0.01},
         "of 2 sentences, divided at random with test_share=0.01, those trained on or those held"
         " out have subjects of one number only; give more data."),
    ],
)  # fmt: skip
def test_mistakes_are_sentences(dataset, params, message):
    with pytest.raises(ProbekitError) as caught:
        run(Noting(), dataset, **params)
    assert str(caught.value) == message


def test_all_mistakes_in_units_are_told():
    with pytest.raises(Problems) as caught:
        run(Noting(), LARGE, units=("x", "5:5"))
    assert len(caught.value.messages) == 2


def test_units_below_and_above():
    result = run(Noting(), LARGE, units=("#1", f"#{SWAPS + 1}"))
    low, high = (curve(result, name) for name in ("layer 0 unit 0 (1)", "layer 1 unit 1 (5)"))
    assert low[1:] == high[1:] == [1, 1, 1, 0, 0]
    assert BELOW == 0
