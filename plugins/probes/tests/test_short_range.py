"""short-range-units: planted units, scikit-learn unit by unit, and every mistake as a sentence."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from probekit_probes.params import RangeParams
from probekit_probes.ranges import keepers, separation
from probekit_probes.short_range import ShortRangeUnits
from probekit_probes.specs import short_range_units
from probekit_probes.verbs import read_verbs
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC

from probekit.analysis import Measured
from probekit.dataset import Example, ListDataset
from probekit.errors import ProbekitError
from probekit.params import validate
from probekit.testing import AnalysisContract, GivenInputs, TinyModel

from .agreeing import (
    BELOW,
    KEEPS,
    SWAPS,
    UNREAD,
    VERBS,
    Noting,
    cached,
    changed,
    nounpp,
    small_lstm,
)


def run(model, dataset, seed=0, **params):
    inputs = GivenInputs({"m": model}, dataset, short_range_units.wants, seed)
    analysis = ShortRangeUnits(RangeParams(**params), seed)
    parts = [
        Measured(shard, analysis.measure(shard, model, dataset))
        for shard in analysis.shards(inputs)
    ]
    return analysis.combine(parts, inputs)


def tiny():
    """Twelve sentences that the words of TinyModel make."""
    found = []
    for subject, place in (("cat", "dogs"), ("dog", "cats"), ("cats", "dog"), ("dogs", "cat")):
        first, second = (
            "plural" if noun.endswith("s") else "singular" for noun in (subject, place)
        )
        labels = {"condition": f"{first[0]}{second[0]}".upper(), "number": first,
                  "attractor": second, "subject_at": 1, "attractor_at": 4}  # fmt: skip
        words = ("the", subject, "near", "the", place)
        found += [Example((*words[:at], ".", *words[at:]), labels=labels, source=f"sentence {at}")
                  for at in (5, 5, 5)]  # fmt: skip
    return ListDataset(found, "tiny agreement")


class TestPlanted(AnalysisContract):
    name = "short-range-units"

    def inputs(self):
        return GivenInputs({"planted": Noting()}, nounpp(), short_range_units.wants)


class TestOfAGRU(AnalysisContract):
    name = "short-range-units"
    params: ClassVar = {"readout": "false", "folds": "3"}

    def inputs(self):
        return GivenInputs({"tiny": TinyModel()}, tiny(), short_range_units.wants)


@pytest.fixture(scope="module")
def planted():
    return run(Noting(), nounpp())


def test_planted_units_are_found(planted):
    found = planted.tables["found"]
    assert found[["unit", "layer", "index", "number", "range"]].to_numpy().tolist() == [
        ["1:1", 1, 1, SWAPS + 1, "short"],
        ["1:0", 1, 0, KEEPS + 1, "long"],
    ]
    assert found["kept"].tolist() == [0, 1]
    assert found["subject"].tolist() == found["attractor"].tolist() == [1, 1]
    assert planted.metrics == {
        "short.m": 1, "short.m.layer-0": 0, "short.m.layer-1": 1,
        "long.m": 1, "long.m.layer-0": 0, "long.m.layer-1": 1,
    }  # fmt: skip


def test_units_whose_output_weights_tell_nothing_are_left_out(planted):
    units = planted.tables["units"].set_index("number")
    assert len(units) == 7
    assert units.loc[UNREAD + 1, ["active", "range"]].tolist() == ["long", "neither"]
    assert units.loc[BELOW + 1, ["active", "range"]].tolist() == ["short", "neither"]
    assert units["separated"].isna().tolist() == [True] * 3 + [False] * 4
    assert units.loc[[KEEPS + 1, SWAPS + 1], "separated"].tolist() == [1, 1]
    assert units.loc[[UNREAD + 1, 7], "separated"].max() < 0.9
    alone = run(Noting(), nounpp(), readout=False).tables["found"]
    assert alone["number"].tolist() == [BELOW + 1, SWAPS + 1, KEEPS + 1, UNREAD + 1]


def test_what_the_page_says(planted):
    text = "\n".join(planted.notes)
    assert "24 sentences with 8 different beginnings" in text
    assert (
        "m: 1 short-range unit (1 in layer 1; 2 by their activity alone) and 1 long-range unit"
        " (1 in layer 1; 2 by their activity alone) of 7." in text
    )
    assert "group-ablation data=number-agreement data.task=simple,adv,adv_adv units=1:1`" in text
    assert "m, short- and long-range units: `" in text
    assert "units=1:0,1:1`" in text
    none = "\n".join(run(Noting(), nounpp(), long=1.0, swapped=0.0).notes)
    assert "m: 0 short-range units and 0 long-range units of 7." in none
    assert "group-ablation" not in none
    long = "\n".join(run(Noting(), nounpp(), swapped=0.0).notes)
    assert "m: 0 short-range units and 1 long-range unit (1 in layer 1; 2 by" in long
    assert "m, long-range units: `" in long


def test_it_is_scikit_learn_unit_by_unit(tmp_path):
    model, dataset = small_lstm(tmp_path), nounpp()
    units = run(model, dataset).tables["units"]
    chosen = [e for e in dataset if e.labels["condition"] == "PS"]
    chosen += [e for e in dataset if e.labels["condition"] == "SP"]
    held = cached(model, chosen, "cell")
    subject, attractor = (np.array([values[at] for values in held]) for at in (1, 4))
    plural = np.array([e.labels["number"] == "plural" for e in chosen])
    verbs = [v + "s" for v in VERBS], list(VERBS)
    rows = np.concatenate([[model.decoder.weight[model.vocabulary.ids[v]].detach().numpy()
                            for v in forms] for forms in verbs]).astype(np.float64)  # fmt: skip
    forms = np.repeat([False, True], len(VERBS))
    same = 0
    for unit in range(14):
        machine = SVC(kernel="linear", tol=1e-6)
        expected = [
            cross_val_score(machine, subject[:, [unit]], plural, cv=5).mean(),
            cross_val_score(machine, attractor[:, [unit]], ~plural, cv=5).mean(),
            machine.fit(subject[:, [unit]], plural).score(attractor[:, [unit]], plural),
        ]
        row = units.loc[unit]
        found = [row["subject"], row["attractor"], row["kept"]]
        same += np.allclose(found, expected, rtol=0, atol=1e-12)
        # a noun between two equally good biases may go either way
        assert found == pytest.approx(expected, abs=3 / 24 + 1e-9)
        if unit >= 7:
            told = cross_val_score(machine, rows[:, [unit - 7]], forms, cv=5).mean()
            assert row["separated"] == pytest.approx(told, abs=0.11)
    assert len(units) == 14
    assert same >= 12


def test_congruent_sentences_need_both_numbers_too():
    found = run(Noting(), nounpp(), conditions=("SS", "SP", "PS", "PP")).tables["units"]
    kept = found.set_index("number")["kept"]
    assert kept[SWAPS + 1] == 0.5
    assert kept[KEEPS + 1] == 1


def test_thresholds():
    assert len(run(Noting(), nounpp(), swapped=0.0).tables["found"]) == 1
    assert len(run(Noting(), nounpp(), long=1.0, swapped=0.0).tables["found"]) == 0


def test_a_verb_that_the_model_does_not_know():
    dataset = nounpp()
    examples = [replace(e, target=("xyzzy",)) if e.target == ("greets",) else e for e in dataset]
    model = Noting()
    readout = model.weights["readout"]

    def word_ids(words):
        if "xyzzy" in words:
            raise ProbekitError("unknown")
        return Noting.word_ids(model, words)

    model.word_ids = word_ids
    verbs = read_verbs(model, readout, [e for e in examples if e.labels["condition"] == "SP"])
    assert (len(verbs.ids), sum(verbs.plural), verbs.unknown) == (11, 6, 1)
    result = run(model, ListDataset(examples))
    assert any("1 verb forms are not in the vocabulary" in note for note in result.notes)


def test_the_units_that_keep_the_number_best():
    source = np.random.default_rng(0)
    plural = np.arange(40) % 2 == 0
    side = np.where(plural, 1.0, -1.0)[:, None]
    before = side * [1.0, 1.0, 1.0, 0.0] + 0.1 * source.normal(size=(40, 4))
    after = side * [1.0, 2.0, -1.0, 0.0] + 0.1 * source.normal(size=(40, 4))
    assert keepers(before, after, plural, 0.9) == [1, 0]
    assert separation(after, plural)[1] > separation(after, plural)[0] > 5
    assert separation(np.zeros((40, 2)), plural).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("model", "dataset", "params", "message"),
    [
        (Noting, ListDataset(()), {}, "the dataset has no examples; name one with data=NAME."),
        (Noting, nounpp(), {"conditions": ("XX",)},
         "the dataset nounpp has no sentences of condition XX; give conditions=A,B of: SS, SP, PS,"
         " PP."),
        (Noting, nounpp(), {"conditions": ("SP",)},
         "the subject of every sentence is singular, so there is nothing to tell apart; give"
         " conditions=A,B of both numbers."),
        (Noting, nounpp(), {"conditions": ("SS", "PS")},
         "the attractor of every sentence is singular, so there is nothing to tell apart; give"
         " conditions=A,B of both numbers."),
        (Noting, changed(nounpp(), 12, number=None), {},
         "SP 0 has no label number; name a dataset whose examples have one with data=NAME (this"
         " has: attractor, attractor_at, condition, subject_at, task, wrong)."),
        (Noting, changed(nounpp(), 12, number="dual"), {},
         "SP 0: number is 'dual'; it should be singular or plural."),
        (Noting, changed(nounpp(), 12, subject_at=9), {},
         "SP 0: subject_at is 9, which is none of its 5 words, counted from 0."),
        (Noting, changed(nounpp(), 12, attractor_at=-1), {},
         "SP 0 has no noun between subject and verb (attractor_at is -1); choose sentences that"
         " have one, such as data.task=nounpp."),
        (Noting, nounpp(), {"folds": 13},
         "there are only 12 singular subjects, too few for 13 folds; give more data, or folds=12."),
        (Noting, nounpp(), {"folds": 7},
         "there are only 6 singular verbs that the model knows, too few for 7 folds; give"
         " readout=false to look at the units' activity alone, or folds=6."),
        (Noting, nounpp(), {"kind": "neuron"},
         "m has no neuron hook points; it has: cell, hidden; give another kind=."),
        (lambda: Noting(spoilt=True), nounpp(), {},
         "low holds values that are not finite, which nothing can be fitted to."),
        (TinyModel, tiny(), {"kind": "cell"},
         "m has no cell hook points; it has: embedding, reset gate, update gate, candidate, hidden,"
         " state; give another kind=."),
        (TinyModel, tiny(), {"kind": "hidden", "folds": 3},
         "sentence 5 does not say which of two words should come next; name a dataset whose"
         " examples have a target and the label `wrong`, such as data=number-agreement."),
        (TinyModel, tiny(), {"kind": "embedding", "folds": 3},
         "the readout weights of m read rnn.layers.0.hook_hidden, whose units are not among those"
         " of hook_embed and the like; give readout=false to look at the units' activity alone."),
    ],
)  # fmt: skip
def test_mistakes_are_sentences(model, dataset, params, message):
    with pytest.raises(ProbekitError) as caught:
        run(model(), dataset, **params)
    assert str(caught.value) == message


def test_a_model_without_readout_weights(monkeypatch):
    monkeypatch.setattr(Noting, "weights", {})
    with pytest.raises(ProbekitError, match=r"^m describes no readout weights; give readout=false"):
        run(Noting(), nounpp())
    assert len(run(Noting(), nounpp(), readout=False).tables["found"]) == 4


def test_a_gate_needs_a_role():
    _, problems = validate(RangeParams, {"kind": "gate"})
    assert problems == ["kind=gate and a role such as role=forget go together."]
    _, problems = validate(RangeParams, {"role": "forget"})
    assert problems == ["kind=gate and a role such as role=forget go together."]
