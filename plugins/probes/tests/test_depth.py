"""depth-regression: planted units, the original procedure written out, mistakes as sentences."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from probekit_probes.depth import DepthRegression
from probekit_probes.params import DepthParams
from probekit_probes.sentences import ablate
from probekit_probes.specs import depth_regression
from probekit_probes.words import read_words
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.preprocessing import StandardScaler

from probekit.analysis import Measured
from probekit.dataset import Batch, Example, ListDataset, pad
from probekit.errors import ProbekitError
from probekit.hooks import HookSpec
from probekit.params import validate
from probekit.testing import AnalysisContract, GivenInputs, TinyModel, tiny_dataset
from probekit.testing.loading import load_dataset

from .agreeing import cached, changed, small_lstm

DEEP, DEEPER = 4, 25
WIDTHS = (12, 20)


def run(model, dataset, seed=0, **params):
    inputs = GivenInputs({"m": model}, dataset, depth_regression.wants, seed)
    analysis = DepthRegression(DepthParams(**params), seed)
    parts = [
        Measured(shard, analysis.measure(shard, model, dataset))
        for shard in analysis.shards(inputs)
    ]
    return analysis.combine(parts, inputs)


def labelled(sentences, every=False, seed=0):
    """The sentences with depths, frequencies and sampled positions drawn at random."""
    source = np.random.default_rng(seed)
    found = []
    for at, words in enumerate(sentences):
        depth = tuple(int(one) for one in source.integers(1, 9, len(words)))
        frequency = tuple(float(one) for one in source.integers(1, 50, len(words)))
        places = source.permutation(len(words))[: 1 + at % 3]
        sampled = range(len(words)) if every else sorted(places)
        labels = {"depth": depth, "frequency": frequency, "sampled": tuple(map(int, sampled))}
        found.append(Example(tuple(words), (), labels, f"sentence {at}"))
    return ListDataset(found, "depths")


def tiny():
    return labelled([example.words for example in tiny_dataset()])


def planted_sentences(count=90):
    source = np.random.default_rng(1)
    lengths = source.integers(4, 9, count)
    return labelled([[f"w{at}" for at in source.integers(0, 99, n)] for n in lengths], every=True)


class Deep(TinyModel):
    """Two hidden layers of noise, in which two units know how deep a word is."""

    hook_specs = {  # noqa: RUF012
        f"layer{at}": HookSpec(name=f"layer{at}", kind="hidden", width=width, layer=at)
        for at, width in enumerate(WIDTHS)
    }

    def check(self, dataset):
        pass

    def encode(self, examples):
        tokens, lengths = pad([[0] * len(example.words) for example in examples], 0)
        return Batch(tokens, lengths, examples=tuple(examples))

    def observe(self, batch, hooks, see):
        values = torch.full((*batch.tokens.shape, sum(WIDTHS)), 1e9)
        for row, example in enumerate(batch.examples):
            seed = int(example.source.split()[1])
            source = torch.Generator().manual_seed(seed)
            own = torch.randn(len(example.words), sum(WIDTHS), generator=source)
            depth = torch.tensor(example.labels["depth"]).float()
            own[:, DEEP] += depth
            own[:, DEEPER] -= 0.7 * depth
            values[row, : len(example.words)] = own
        for spec in hooks:
            see(spec, values[..., : WIDTHS[0]] if spec.layer == 0 else values[..., WIDTHS[0] :])


class TestPlanted(AnalysisContract):
    name = "depth-regression"
    params: ClassVar = {"folds": "3", "inner": "2", "penalties": "4"}

    def inputs(self):
        return GivenInputs({"deep": Deep()}, planted_sentences(), depth_regression.wants)


class TestOfAGRU(AnalysisContract):
    name = "depth-regression"
    params: ClassVar = {
        "frequency": "false", "scaler": "all", "outlier": "0.5",
        "penalties": "2", "folds": "2", "inner": "2",
    }  # fmt: skip

    def inputs(self):
        return GivenInputs({"tiny": TinyModel()}, tiny(), depth_regression.wants)


@pytest.fixture(scope="module")
def planted():
    return run(Deep(), planted_sentences())


def test_planted_units_are_the_syntax_units(planted):
    syntax = planted.tables["syntax"]
    assert syntax["number"].tolist() == [DEEP + 1, DEEPER + 1]
    assert syntax["unit"].tolist() == ["0:4", "1:13"]
    assert (syntax["z"].to_numpy() * [1, -1] > 3).all()
    assert planted.metrics["syntax_units.m"] == 2
    assert 0.8 < planted.metrics["r2.m"] < 0.95
    assert any("same_layer=false units=0:4,1:13`" in note for note in planted.notes)


def test_outliers_lie_beyond_three_deviations(planted):
    units = planted.tables["units"]
    weights = units["weight"].to_numpy()
    far = np.abs(weights - np.mean(weights)) > 3 * np.std(weights)
    assert units["syntax"].tolist() == far.tolist()
    assert ((weights > units["high"]) | (weights < units["low"])).tolist() == far.tolist()
    assert planted.metrics["weight_mean.m"] == pytest.approx(np.mean(weights))
    assert planted.metrics["weight_deviation.m"] == pytest.approx(np.std(weights))
    assert run(Deep(), planted_sentences(), outlier=50.0, folds=2, inner=2).tables["syntax"].empty


def test_it_is_the_original_procedure(tmp_path):
    sentences = [["The", "boy", "near", "the", place, "greets"][: 4 + at % 3]
                 for at, place in enumerate(["car", "cars", "desk", "trees"] * 15)]  # fmt: skip
    dataset = labelled(sentences)
    model = small_lstm(tmp_path)
    result = run(model, dataset, seed=3, penalties=8)
    order = np.random.default_rng(3).permutation(len(dataset))
    examples = [dataset[int(at)] for at in order]
    rows, depths = [], []
    for example, values in zip(examples, cached(model, examples, "hidden"), strict=True):
        for at in example.labels["sampled"]:
            rows.append([*values[at], example.labels["frequency"][at]])
            depths.append(example.labels["depth"][at])
    features, target = np.array(rows), np.array(depths, dtype=float)
    expected = []
    for trained, held in KFold(5).split(features):
        scale = StandardScaler().fit(features[trained])
        search = GridSearchCV(Ridge(), {"alpha": np.logspace(-5, 5, 8)}, cv=5)
        best = search.fit(scale.transform(features[trained]), target[trained]).best_estimator_
        weights = best.coef_.copy()
        scores = [r2_score(target[held], best.predict(scale.transform(features[held])))]
        best.coef_[-1] = 0
        scores += [r2_score(target[held], best.predict(scale.transform(features[held])))]
        expected.append((weights, *scores, search.best_params_["alpha"]))
    weights, full, corrected, penalty = zip(*expected, strict=True)
    folds = result.tables["folds"]
    assert folds["penalty"].tolist() == list(penalty)
    assert folds["r2"].tolist() == pytest.approx(full, abs=1e-5)
    assert folds["corrected"].tolist() == pytest.approx(corrected, abs=1e-5)
    means = np.mean(weights, axis=0)[:-1]
    assert result.tables["units"]["weight"].to_numpy() == pytest.approx(means, abs=1e-5)
    assert result.metrics["r2.m"] == pytest.approx(np.mean(corrected), abs=1e-5)
    assert result.metrics["r2_deviation.m"] == pytest.approx(np.std(corrected), abs=1e-5)
    assert result.metrics["r2_with_frequency.m"] == pytest.approx(np.mean(full), abs=1e-5)


def test_a_covariate_that_is_everything():
    """Depth that is the frequency itself is not told by units, once that is taken out."""
    examples = [
        replace(e, labels={**e.labels, "depth": tuple(int(f) for f in e.labels["frequency"])})
        for e in labelled([e.words for e in tiny_dataset()], every=True)
    ]
    result = run(TinyModel(), ListDataset(examples))
    assert result.metrics["r2_with_frequency.m"] > 0.99
    assert result.metrics["r2.m"] < 0.1


def test_the_command_holds_what_was_read():
    assert " units=0:1,1:2`" in ablate(["0:1", "1:2"], "data.task=adv", "cell")
    assert "kind=" not in ablate(["0:1"], "data.task=adv", None)
    assert " data.task=adv kind=neuron units=0:1`" in ablate(["0:1"], "data.task=adv", "neuron")


def test_words_are_those_sampled_in_a_shuffled_order():
    dataset = tiny()
    one, again, other = (read_words(dataset, seed, frequency=True) for seed in (0, 0, 1))
    assert one.examples == again.examples != other.examples
    assert sorted(e.source for e in one.examples) == sorted(e.source for e in dataset)
    pairs = [(e.labels["depth"][at], e.labels["frequency"][at])
             for e in one.examples for at in e.labels["sampled"]]  # fmt: skip
    assert list(zip(one.depth, one.frequency, strict=True)) == pairs
    assert read_words(dataset, 0, frequency=False).frequency is None


def test_a_penalty_at_the_end_of_the_range_is_told():
    notes = run(TinyModel(), tiny(), weakest=1e-9, strongest=1e-8, penalties=2).notes
    assert any("in 5 folds the best penalty is the weakest or strongest" in note for note in notes)


def test_the_dataset_of_the_paper():
    """The generated sentences carry what is asked for."""
    dataset = load_dataset("syntactic-depth", {"sentences": "8", "per_cell": "3"})
    words = read_words(dataset, 0, frequency=True)
    assert set(words.depth) == {3, 4, 5, 6, 7, 8}
    assert {at for places in words.places for at in places} == set(range(7, 13))
    assert len(words) <= 108


@pytest.mark.parametrize(
    ("dataset", "params", "message"),
    [
        (ListDataset(()), {}, "the dataset has no examples; name one with data=NAME."),
        (changed(tiny(), 3, depth=None), {},
         "sentence 3 has no label depth; name a dataset whose examples have one with data=NAME"
         " (this has: frequency, sampled)."),
        (changed(tiny(), 3, frequency=None), {},
         "sentence 3 has no label frequency; name a dataset whose examples have one with data=NAME"
         " (this has: depth, sampled)."),
        (changed(tiny(), 3, depth=(1, 2)), {},
         "sentence 3 has 2 values of depth for 4 words; it should have one for each."),
        (changed(tiny(), 3, depth=4), {},
         "sentence 3: depth is 4; it should have a value for each word."),
        (changed(tiny(), 3, sampled=(4,)), {},
         "sentence 3: sampled is [4], and its 4 words have the positions 0 to 3."),
        (ListDataset([replace(e, labels={**e.labels, "sampled": ()}) for e in tiny()], "depths"),
         {}, "the dataset depths samples no word; give data.sample=false."),
        (ListDataset([replace(e, labels={**e.labels, "depth": (3,) * len(e.words)})
                      for e in tiny()]), {},
         "the depth is 3 at every word sampled, so there is nothing to tell apart; give more"
         " data."),
        (ListDataset(tiny()[:10]), {},
         "19 words are too few for 5 folds of 5 folds each; give at least 50, or fewer folds."),
        (tiny(), {"kind": "cell"},
         "m has no cell hook points; it has: embedding, reset gate, update gate, candidate, hidden,"
         " state; give another kind=."),
    ],
)  # fmt: skip
def test_mistakes_are_sentences(dataset, params, message):
    with pytest.raises(ProbekitError) as caught:
        run(TinyModel(), dataset, **params)
    assert str(caught.value) == message


def test_penalties_in_the_wrong_order():
    _, problems = validate(DepthParams, {"weakest": "10", "strongest": "1"})
    assert problems == ["weakest=10.0 is above strongest=1.0; give them in order."]
