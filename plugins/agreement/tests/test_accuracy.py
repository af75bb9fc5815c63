"""Accuracy by condition against a loop over sentences, on a small language model."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from probekit_agreement.accuracy import AgreementAccuracy
from probekit_agreement.params import AccuracyParams
from probekit_agreement.specs import number_agreement_accuracy

from probekit.analysis import Measured
from probekit.dataset import ListDataset
from probekit.errors import ProbekitError
from probekit.language import LanguageModel
from probekit.testing import AnalysisContract, GivenInputs, TinyModel, tiny_dataset
from probekit.testing.specs import TinyParams


class Speaker(LanguageModel, TinyModel):
    """The tiny model as a language model that is asked for the verb."""

    def word_ids(self, words):
        return [self.vocabulary.ids[word] for word in words]

    def unknown(self, example):
        said = (*example.target, example.labels["wrong"])
        return tuple(word for word in (*example.words, *said) if word not in self.vocabulary)


def speaker():
    """A model that likes one verb after some sentences and the other after others."""
    model = Speaker(TinyParams(hidden=6, init_seed=5))
    rows = model.encode(list(sentences()))
    with torch.no_grad():
        logits = model(rows)[torch.arange(len(rows)), rows.lengths - 1]
        sees, see = model.word_ids(["sees", "see"])
        model.decoder.bias[sees] -= (logits[:, sees] - logits[:, see]).median()
    return model


def sentences(every=2):
    found = []
    for one in tiny_dataset()[::every]:
        singular = one.labels["number"] == "singular"
        right, wrong = ("sees", "see") if singular else ("see", "sees")
        labels = {"wrong": wrong, "task": f"depth{one.words.count('near')}",
                  "condition": "S" if singular else "P"}  # fmt: skip
        found.append(replace(one, words=one.words[:-2], target=(right,), labels=labels))
    return ListDataset(found, "sentences")


def run(model, data, **params):
    analysis = AgreementAccuracy(AccuracyParams(**params))
    inputs = GivenInputs({"tiny": model}, data, number_agreement_accuracy.wants)
    parts = [
        Measured(shard, analysis.measure(shard, inputs.model(shard.model), data))
        for shard in analysis.shards(inputs)
    ]
    return analysis.combine(parts, inputs)


@pytest.mark.parametrize("sizes", [(64, 1024), (3, 5), (1, 1)])
def test_every_condition_equals_a_loop_over_its_sentences(sizes):
    model, data = speaker(), sentences()
    found = run(model, data, batch_size=sizes[0], shard_size=sizes[1])
    by_group = {}
    for one in data:
        with torch.no_grad():
            told = model(model.encode([one]))[0, -1].double().softmax(-1)
        right, wrong = told[model.word_ids([one.target[0], one.labels["wrong"]])].tolist()
        by_group.setdefault((one.labels["task"], one.labels["condition"]), []).append(
            (right, wrong)
        )
    assert len(found.tables["conditions"]) == len(by_group) == 6
    accuracies = set()
    for row in found.tables["conditions"].to_dict("records"):
        right, wrong = np.array(by_group[row["task"], row["condition"]]).T
        assert row["sentences"] == len(right)
        assert row["accuracy"] == (right > wrong).mean()
        assert row["log_odds"] == pytest.approx(np.log(right / wrong).mean(), abs=1e-5)
        assert row["difference"] == pytest.approx((right - wrong).mean(), abs=1e-6)
        assert row["deviation"] == pytest.approx((right - wrong).std(), abs=1e-5)
        name = f"accuracy.tiny.{row['task']}.{row['condition']}"
        assert found.metrics[name] == row["accuracy"]
        accuracies.add(row["accuracy"])
    assert len(accuracies) > 2


def test_unknown_answers_are_counted_and_never_scored():
    model, data = speaker(), list(sentences())
    data[0] = replace(data[0], target=("swims",))
    data[-1] = replace(data[-1], target=("swim",))
    found = run(model, ListDataset(data), shard_size=1)
    table = found.tables["conditions"]
    assert table["sentences"].sum() == len(data) - 2
    assert found.notes == [
        "tiny: 2 examples were left out, because a word of their answer is not in the vocabulary."
    ]
    nothing = ListDataset([replace(one, target=("swim",)) for one in data], "zoo")
    with pytest.raises(ProbekitError, match="tiny knows none of the answers of zoo"):
        run(model, nothing)


def test_a_model_that_prefers_no_word():
    with pytest.raises(ProbekitError, match="tiny is no language model, so it prefers no word"):
        run(TinyModel(), sentences())


def test_sentences_without_conditions_are_one_group():
    data = ListDataset([replace(one, labels={"wrong": one.labels["wrong"]}) for one in sentences()])
    found = run(speaker(), data)
    assert list(found.metrics) == ["accuracy.tiny.all"]


class TestContract(AnalysisContract):
    name = "number-agreement-accuracy"

    def inputs(self):
        return GivenInputs({"tiny": speaker()}, sentences(4), seed=self.seed)
