"""Gate dynamics equal mean and deviation of the whole cache, and find units that tell number."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from probekit_gates import specs
from probekit_gates.dynamics import GateDynamics
from probekit_gates.moments import Moments, merge_arrays
from probekit_gates.sentences import axis_words, groups_of

from probekit.analysis import Measured
from probekit.dataset import Example, ListDataset
from probekit.errors import ProbekitError, Problems
from probekit.report import write_figures
from probekit.testing import AnalysisContract, GivenInputs, TinyModel, tiny_dataset
from probekit.testing.loading import load_model, parameters

from .agreeing import WORDS, adv, agreeing, nounpp, small_lstm

BY_NUMBER = {"by": "number", "units": "auto,0:3", "top": "3"}
GIVEN = {"units": "#2,1:6", "after": "the"}
EACH = {"units": "singular,plural", "kind": "cell,gate", "role": "input", "top": "1"}


class TestOfAGRU(AnalysisContract):
    name = "gate-dynamics"
    params = BY_NUMBER


class TestOfALanguageModel(AnalysisContract):
    name = "gate-dynamics"
    params = GIVEN

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path

    def inputs(self):
        return GivenInputs({"lstm": small_lstm(self.folder)}, agreeing())


class TestOfUnitsThatAreFound(TestOfALanguageModel):
    params = EACH


def result_of(model, dataset, **params):
    """The result of several shards of several batches."""
    params = parameters(specs.gate_dynamics.params, {"batch_size": 4, "shard_size": 7} | params)
    analysis, inputs = GateDynamics(params), GivenInputs({"net": model}, dataset)
    parts = [Measured(s, analysis.measure(s, model, dataset)) for s in analysis.shards(inputs)]
    return analysis.combine(parts, inputs)


def cache_of(model, example, after=(), answer=True):
    """All activations of one sentence, read alone with its answer and what follows."""
    words = (*example.words, *(example.target if answer else ()), *after)
    with torch.no_grad():
        return model.run_with_cache(model.encode([replace(example, words=words, target=())]))[1]


@pytest.mark.parametrize(("answer", "after"), [(True, ("the", "dog")), (True, ()), (False, ())])
def test_every_mean_and_deviation_is_that_of_the_whole_cache(tmp_path, answer, after):
    model, data = small_lstm(tmp_path), agreeing()
    given = {"units": "0:3,1:6", "answer": str(answer).lower(), "after": ",".join(after)}
    table = result_of(model, data, **given).tables["dynamics"]
    caches = [cache_of(model, one, after, answer) for one in data]
    seen = 0
    for row in table.itertuples():
        values = np.array([
            cache[row.hook][0, row.position, row.index].item()
            for cache, one in zip(caches, data, strict=True)
            if (one.labels["task"], one.labels["condition"]) == (row.task, row.condition)
        ])  # fmt: skip
        assert row.examples == len(values)
        assert row.mean == pytest.approx(values.mean(), abs=1e-9)
        assert row.deviation == pytest.approx(values.std(), abs=1e-9)
        seen += 1
    more = answer + len(after)
    assert seen == 2 * 6 * (4 * (5 + more) + 2 * (3 + more))  # units, hook points, positions


def test_a_gru_and_sentences_of_different_length():
    """Later positions are means over the sentences that are long enough."""
    model, data = TinyModel().double(), tiny_dataset()
    result = result_of(model, data, **BY_NUMBER)
    table = result.tables["dynamics"]
    caches = [model.run_with_cache(model.encode([one]))[1] for one in data]
    for row in table.itertuples():
        long = [
            cache[row.hook][0, row.position, row.index].item()
            for cache, one in zip(caches, data, strict=True)
            if one.labels["number"] == row.condition and len(one.words) > row.position
        ]
        assert row.examples == len(long)
        assert (row.mean, row.deviation) == pytest.approx((np.mean(long), np.std(long)), abs=1e-9)
    assert set(table["what"]) == {"reset gate", "update gate", "candidate", "hidden"}
    assert "phases" not in result.tables
    assert any("differ in length in: singular, plural" in note for note in result.notes)


def by_hand(model, data, layer, kind="cell"):
    """Separation and both means of every unit before the answer, from a cache a sentence."""
    name = next(n for n, s in model.hook_specs.items() if (s.kind, s.layer) == (kind, layer))
    held = {"singular": [], "plural": []}
    for one in data:
        cache = cache_of(model, one, answer=False)
        held[one.labels["number"]].append(cache[name][0, -1].numpy())
    one, two = np.array(held["singular"]), np.array(held["plural"])
    inside = np.concatenate([one - one.mean(0), two - two.mean(0)])
    return np.abs(one.mean(0) - two.mean(0)) / inside.std(0), one.mean(0), two.mean(0)


def test_the_units_found_hold_number_before_the_answer(tmp_path):
    model, data = small_lstm(tmp_path), agreeing()
    separation, singular, plural = by_hand(model, data, layer=1)
    order = np.argsort(-separation)
    auto = result_of(model, data, units="auto", top="3").tables["units"]
    assert auto["index"].tolist() == order[:3].tolist()
    assert auto["separation"].tolist() == pytest.approx(separation[order[:3]].tolist())
    assert auto["singular_mean"].tolist() == pytest.approx(singular[order[:3]].tolist())
    assert auto["plural_mean"].tolist() == pytest.approx(plural[order[:3]].tolist())
    for word, further in (("singular", abs(singular) > abs(plural)),
                          ("plural", abs(singular) < abs(plural))):  # fmt: skip
        found = result_of(model, data, units=word, top="2").tables["units"]
        assert found["index"].tolist() == [unit for unit in order if further[unit]][:2]
        assert set(found["chosen"]) == {word}


def test_units_are_found_by_the_cell_even_where_it_is_not_shown(tmp_path):
    model, data = small_lstm(tmp_path), agreeing()
    gates = result_of(model, data, units="auto", kind="gate", role="forget")
    whole = result_of(model, data, units="auto")
    assert gates.tables["units"].equals(whole.tables["units"])
    assert set(gates.tables["dynamics"]["what"]) == {"forget gate"}
    assert gates.tables["units"]["held_by"].tolist() == ["cell", "cell"]


def test_units_are_named_by_layer_index_and_number_and_stand_once(tmp_path):
    result = result_of(small_lstm(tmp_path), agreeing(), units="#14,1:6,0:2")
    assert result.tables["units"]["unit"].tolist() == ["layer 1 unit 6 (14)", "layer 0 unit 2 (3)"]
    assert result.tables["units"]["number"].tolist() == [14, 3]
    hooks = dict(zip(result.tables["dynamics"]["unit"], result.tables["dynamics"]["hook"],
                     strict=True))  # fmt: skip
    assert "layers.1" in hooks["layer 1 unit 6 (14)"]
    assert "layers.0" in hooks["layer 0 unit 2 (3)"]
    assert sorted(name for name in result.metrics if name.startswith("separation")) == [
        "separation.net.0-2",
        "separation.net.1-6",
    ]


def test_what_figure_1c_asks_is_the_mean_over_positions_and_sentences(tmp_path):
    """lakretz2019, section 4.1: at the subject, until the verb, and when the verb is predicted."""
    model, data = small_lstm(tmp_path), ListDataset(nounpp())
    result = result_of(model, data, units="1:4")
    caches = {one.source + one.labels["condition"]: cache_of(model, one) for one in data}

    def mean(gate, number, positions):
        return np.mean([
            cache[f"rnn.layers.1.hook_{gate}"][0, positions, 4].numpy()
            for one, cache in zip(data, caches.values(), strict=True)
            if one.labels["number"] == number
        ])  # fmt: skip

    expected = {
        f"{gate}-gate.net.1-4.{number}.{phase}": mean(gate, number, positions)
        for number in ("singular", "plural")
        for gate, phase, positions in (
            ("input", "subject", [1]), ("input", "between", [2, 3, 4]),
            ("forget", "subject", [1]), ("forget", "between", [2, 3, 4]),
            ("output", "before", [4]),
        )
    }  # fmt: skip
    found = {name: value for name, value in result.metrics.items() if "gate" in name}
    assert found == pytest.approx(expected)
    simple = result_of(model, ListDataset([replace(one, words=one.words[:2]) for one in adv()]))
    assert set(simple.tables["phases"]["phase"]) == {"subject", "before"}


def test_the_most_frequent_word_stands_below_each_position(tmp_path):
    data = agreeing()
    result = result_of(small_lstm(tmp_path), data, after="the,dog")
    chart = result.figures[0].chart
    counts = Counter(one.words[1] for one in data if one.labels["task"] == "nounpp")
    text = json.dumps(chart)
    words = ["the", f"{counts.most_common(1)[0][0]}…", "near", "the", "car…", "greets…", "the",
             "dog"]  # fmt: skip
    assert json.dumps(f"{json.dumps(words)}[datum.value]")[1:-1] in text
    assert [figure.name for figure in result.figures] == ["dynamics-00", "dynamics-01"]


def test_the_word_that_stands_first_wins_a_tie():
    assert axis_words([["b", "x"], ["a", "x"], ["a"], ["b", "x", "c"]]) == ["b…", "x", "c"]
    assert axis_words([]) == []


def test_hostile_words_and_labels_are_text_in_the_figure(tmp_path):
    evil = "\"]][0]</script><b>'\\u0000"
    data = ListDataset([
        Example((evil, "near"), ("greets",), {"task": evil, "condition": evil + n, "number": n})
        for n in ("singular", "plural")
    ])  # fmt: skip
    result = result_of(small_lstm(tmp_path), data)
    write_figures(tmp_path, result.figures, result.tables)
    assert "</script><b>" not in (tmp_path / "figures" / "dynamics.svg").read_text()
    assert any(note.startswith("2 of 2 sentences hold words that net does not know")
               for note in result.notes)  # fmt: skip


def test_conditions_of_one_name_are_told_apart_by_number():
    """As in the sentences of Linzen et al., whose condition is the number of attractors."""
    data = [Example(("a",), ("b",), {"condition": 1, "number": n}) for n in ("plural", "singular")]
    data.append(Example(("a", "b"), ("c",), {"condition": 0, "number": "plural"}))
    groups = groups_of(ListDataset(data), "condition")
    assert [group.title for group in groups] == ["1 plural", "1 singular", "0"]
    assert [group.length for group in groups] == [1, 1, 2]


def test_characters_are_numbered_where_words_are_not_positions(tmp_path):
    words = [Example(("ab", "c"), (), {"condition": "S", "number": "singular"})]
    model = small_lstm(tmp_path, ["<unk>", "<eos>", *"abc "], unit="characters")
    table = result_of(model, ListDataset(words), units="1:0", kind="hidden").tables["dynamics"]
    assert table["word"].tolist() == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"units": "1:7"}, r"^units=1:7: layer 1 has 7 units, counted from 0\.$"),
        ({"units": "776"}, r"units=776 is no unit; write layer:index"),
        ({"by": "colour"}, r"^nounpp 0 has no label colour; compare by another with by=LABEL \(it"),
        ({"kind": "neuron"}, r"^net has no such hook points \(neuron\); choose by kind, role and"),
        ({"role": "reset", "kind": "gate"}, r"^net has no such hook points \(gate\); choose by"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path, params, message):
    with pytest.raises(ProbekitError, match=message):
        result_of(small_lstm(tmp_path), agreeing(), **params)


def test_units_of_a_number_cannot_be_found_without_both(tmp_path):
    singular = ListDataset([one for one in adv() if one.labels["number"] == "singular"])
    with pytest.raises(
        ProbekitError, match=r"^units=plural finds units by the label number, .* sin"
    ):
        result_of(small_lstm(tmp_path), singular, units="plural")
    result = result_of(small_lstm(tmp_path), singular, units="1:0")
    assert not any(name.startswith("separation") for name in result.metrics)


def test_without_conditions_and_numbers_all_are_put_together_and_the_most_varied_units_shown(
    tmp_path,
):
    model = small_lstm(tmp_path)
    data = ListDataset([replace(one, labels={}) for one in agreeing()])
    result = result_of(model, data, top="3")
    assert set(result.tables["dynamics"]["condition"]) == {"all"}
    last = [cache_of(model, one, answer=False)["rnn.layers.1.hook_cell"][0, -1] for one in data]
    order = np.argsort(-torch.stack(last).numpy().std(0))
    assert result.tables["units"]["index"].tolist() == order[:3].tolist()
    assert "the largest standard deviation" in result.notes[0]


def test_words_after_no_answer_are_refused():
    with pytest.raises(Problems, match=r"after names words behind the answer; give answer=true"):
        parameters(specs.gate_dynamics.params, {"after": "the", "answer": "false"})


def test_too_many_conditions_are_refused():
    data = [Example(("a",), (), {"condition": at}) for at in range(65)]
    with pytest.raises(ProbekitError, match=r"condition makes more than 64 conditions; compare by"):
        groups_of(ListDataset(data), "condition")


def test_of_an_encoder_decoder_one_side_is_followed():
    """The decoder's positions are those of the answer, which it is not given twice."""
    small = {"checkpoint": "untrained", "embedding": 3, "hidden": 4}
    model = load_model("gru-seq2seq", small).double()
    data = ListDataset([
        Example((first, "t1", "."), (second, "010"), {"condition": first})
        for first, second in (("001", "111"), ("110", "000"))
    ])  # fmt: skip
    encoder = result_of(model, data, units="0:1").tables["dynamics"]
    assert set(encoder["hook"].str.split(".").str[0]) == {"encoder"}
    table = result_of(model, data, units="0:1", part="decoder").tables["dynamics"]
    own = table[(table["what"] == "hidden") & (table["condition"] == "110")]
    cache = model.run_with_cache(model.encode([data[1]]))[1]
    expected = cache["decoder.rnn.layers.0.hook_hidden"][0, :, 1].tolist()
    assert own["mean"].tolist() == pytest.approx(expected)
    assert own["word"].tolist() == ["111…", "010"]


VALUES = st.integers(1, 6).flatmap(
    lambda steps: st.lists(
        st.tuples(
            arrays(float, (3, steps, 2), elements=st.floats(-9, 9)), arrays(bool, (3, steps))
        ),
        min_size=1, max_size=4,
    )
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(VALUES, VALUES)
def test_merged_moments_are_those_of_all_samples(one, two):
    """Of blocks of different length too; what is not real never counts."""
    found = {}
    for values, real in (*one, *two):
        moments = Moments.of(torch.from_numpy(values), torch.from_numpy(real))
        merge_arrays(found, moments.arrays("0/steps/hook"))
    merged = found["0/steps/hook"]
    for step in range(len(merged.count)):
        rows = [
            values[sample, step]
            for values, real in (*one, *two)
            for sample in range(3)
            if step < real.shape[1] and real[sample, step]
        ]
        assert merged.count[step] == len(rows)
        if rows:
            np.testing.assert_allclose(merged.mean[step], np.mean(rows, axis=0), atol=1e-12)
            np.testing.assert_allclose(merged.deviation[step], np.std(rows, axis=0), atol=1e-7)


def test_a_unit_that_does_not_move_has_no_deviation():
    """Summed squares would leave 1e-8 here."""
    values = torch.full((600, 1, 1), 0.1234567, dtype=torch.float64)
    real = torch.ones(600, 1, dtype=torch.bool)
    blocks = [Moments.of(values[at : at + 7], real[at : at + 7]) for at in range(0, 600, 7)]
    merged = blocks[0]
    for block in blocks[1:]:
        merged = merged.merged(block)
    assert merged.deviation[0, 0] < 1e-15
    assert len(WORDS) == len(set(WORDS))
