"""Training: the text, the loss by a loop, going on after a stop, and what comes out."""

import gzip
import json
import lzma
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from probekit_lstm.checkpoints import load_lstm
from probekit_lstm.corpus import cut_line, read_corpus
from probekit_lstm.model import Config, LstmLM
from probekit_lstm.params import LstmParams, LstmTrainingParams
from probekit_lstm.trainer import LstmTraining
from probekit_lstm.training import Fused, fit, held_out_loss, streams, updates

from probekit.analysis import Measured
from probekit.checkpoints import load_weights
from probekit.dataset import ListDataset
from probekit.errors import ProbekitError
from probekit.testing import GivenInputs

TEXT = [f"the {a} near the {b} {verb} ." for a in ("boy", "girl") for b in ("car", "dog")
        for verb in ("runs", "sleeps", "sings")] * 12  # fmt: skip


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("\n".join(TEXT), encoding="utf-8")
    return str(path)


def asked(text, **facts):
    small = {"embedding": 6, "hidden": 6, "batch_size": 4, "steps": 5, "words": "spaces",
             "validation": 0.1, "evaluate_every": 10, "save_every": 7, "dropout": 0.3}  # fmt: skip
    return LstmTrainingParams(corpus=(text,), **(small | facts))


def corpus_of(params, seed=0):
    return read_corpus(params.corpus, params.words, params.vocabulary, params.validation, seed)


def trained(params, seed=0, restart=None):
    corpus = corpus_of(params)
    config = Config(corpus.words, params.embedding, params.hidden, params.layers, params.tied)
    return fit(config, corpus, params, seed, restart=restart)


@pytest.mark.parametrize(
    ("line", "how", "words"),
    [
        ('He said: "Go!" She didn\'t, in 1,999.5 well-known ways.', "text",
         'He said : " Go ! " <eos> She didn \'t , in 1,999.5 well-known ways . <eos>'),
        ("The e.g. case. the end? Yes <eos>", "text",
         "The e . g . case . the end ? <eos> Yes <eos>"),
        ("a <unk> b. <eos> C", "text", "a <unk> b . <eos> C <eos>"),
        ("a  b. <eos>", "spaces", "a  b. <eos>"),
        ("Zoë", "characters", "Z o ë <eos>"),
    ],
)  # fmt: skip
def test_a_line_is_cut_into_words(line, how, words):
    assert list(cut_line(line, how)) == words.split(" ")


@given(st.text(min_size=1).map(str.strip).filter(bool), st.sampled_from(["text", "characters"]))
def test_every_line_ends_a_sentence_and_no_sentence_is_empty(line, how):
    words = list(cut_line(line, how))
    assert words[-1] == "<eos>"
    assert how == "characters" or ("<eos>", "<eos>") not in pairwise(words)
    if how == "text" and "<" not in line:
        assert "".join(words).replace("<eos>", "") == "".join(line.split())


def test_the_vocabulary_is_the_most_frequent_words_of_the_training_lines(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("b a\n\nb a c\nb d\nz z z z\n", encoding="utf-8")
    corpus = read_corpus([str(path)], "spaces", 4, 0.25, seed=0)
    assert corpus.words == ("<unk>", "<eos>", "b", "a")
    assert sorted(corpus.train.tolist()) == [0, 0, 1, 1, 1, 2, 2, 2, 3, 3]
    assert corpus.validation["text.txt"].tolist() == [0, 0, 0, 0, 1]
    assert corpus.covered == pytest.approx(0.8)


def test_packed_texts_are_unpacked(tmp_path):
    for name, opener in (("a.txt", open), ("b.txt.gz", gzip.open), ("c.txt.xz", lzma.open)):
        with opener(tmp_path / name, "wt", encoding="utf-8") as file:
            file.write("one two\nthree\n")
        corpus = read_corpus([str(tmp_path / name)], "spaces", 10, 0.5, 0)
        assert corpus.words == ("<unk>", "<eos>", "one", "two")
        assert corpus.digest == read_corpus([str(tmp_path / "a.txt")], "spaces", 10, 0.5, 0).digest


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\nab\n", "is not UTF-8"),
        (b"one\n\n", "has 1 lines of text"),
        (None, "No such fi"),
    ],
)
def test_a_text_that_cannot_be_read(tmp_path, content, said):
    path = tmp_path / "t.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ProbekitError, match=said):
        read_corpus([str(path)], "text", 10, 0.1, 0)
    (tmp_path / "t.txt.xz").write_bytes(b"no archive")
    with pytest.raises(ProbekitError, match="cannot be read"):
        read_corpus([str(tmp_path / "t.txt.xz")], "text", 10, 0.1, 0)


def test_streams_go_on_where_they_were():
    text = streams(torch.arange(11), 3)
    assert text.T.tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_the_held_out_loss_is_that_of_every_word_after_the_first(text):
    params = asked(text, batch_size=2, tied=False)
    corpus = corpus_of(params)
    config = Config(corpus.words, 6, 6, 2)
    model = LstmLM(config).initialise(3, 0.5)
    net = Fused(config, 0.5)
    net.load_state_dict(model.state_dict())
    rows = streams(corpus.exam, 2).T
    with torch.no_grad():
        told = model(rows).log_softmax(-1)
    surprise = [
        -float(told[r, t, rows[r, t + 1]]) for r in range(2) for t in range(rows.shape[1] - 1)
    ]
    assert held_out_loss(net, corpus.exam, params) == pytest.approx(np.mean(surprise), rel=1e-5)


def test_training_learns_what_can_be_learnt(text):
    found = trained(asked(text, epochs=12.0, learning_rate=0.02, dropout=0.0))
    choices = (2 * math.log(2) + math.log(3)) / 8
    assert found.validation_loss[0] > 1.5
    assert found.validation_loss[-1] == pytest.approx(choices, abs=0.12)
    assert found.learning_rate[0] > found.learning_rate[-1] > 0


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("annealing", ["linear", "plateau"])
def test_a_training_that_was_stopped_goes_on_bit_for_bit(
    text, tmp_path, optimizer, annealing, monkeypatch
):
    params = asked(text, epochs=2.0, optimizer=optimizer, annealing=annealing)
    whole, restart = trained(params), tmp_path / "scratch" / "seed-0.safetensors"

    class Stop(Exception):
        pass

    done = 0

    def stop(amount=1):
        nonlocal done
        done += amount
        if done == 25:
            raise Stop

    with monkeypatch.context() as patch:
        patch.setattr("probekit_lstm.training.tick", stop)
        with pytest.raises(Stop):
            trained(params, restart=restart)
    ticks = []
    monkeypatch.setattr("probekit_lstm.training.tick", lambda amount=1: ticks.append(amount))
    again = trained(params, restart=restart)
    assert ticks[0] == 21
    assert sum(ticks) == updates(corpus_of(params), params)
    assert again.steps == whole.steps
    assert again.validation_loss == whole.validation_loss
    assert again.train_loss == whole.train_loss
    for name, value in whole.best.items():
        assert torch.equal(again.best[name], value)


def test_a_restart_file_of_another_training_is_left_aside(text, tmp_path):
    restart = tmp_path / "seed.safetensors"
    trained(asked(text), restart=restart)
    other = asked(text, learning_rate=0.01)
    expected = trained(other)
    assert trained(other, restart=restart).validation_loss == expected.validation_loss
    restart.write_bytes(b"damaged")
    assert trained(other, restart=restart).validation_loss == expected.validation_loss


def test_plateau_annealing_quarters_the_rate_where_the_loss_does_not_fall(text):
    found = trained(
        asked(text, epochs=6.0, optimizer="sgd", annealing="plateau", learning_rate=60.0)
    )
    best = math.inf
    for at, loss in enumerate(found.validation_loss[:-1]):
        expected = found.learning_rate[at] / (1 if loss < best else 4)
        assert found.learning_rate[at + 1] == expected
        best = min(best, loss)
    assert len(set(found.learning_rate)) > 1


def test_a_training_gone_astray_is_one_sentence(text):
    with pytest.raises(ProbekitError, match=r"the loss is not a number after .* smaller learning_"):
        trained(asked(text, learning_rate=1e38, clip=1e38, optimizer="sgd", epochs=3.0))


def test_too_little_text_is_one_sentence(text):
    with pytest.raises(ProbekitError, match="words to train on are too few for 400 streams"):
        trained(asked(text, batch_size=400))


@pytest.mark.parametrize("tied", [True, False])
def test_the_run_leaves_a_file_that_loads_and_scores_as_it_says(text, tmp_path, tied):
    params = asked(text, epochs=2.0, tied=tied, seeds=(3,))
    analysis = LstmTraining(params, 0)
    inputs = GivenInputs({}, ListDataset(()), ())
    (shard,) = analysis.shards(inputs)
    result = analysis.combine(
        [Measured(shard, analysis.measure(shard, None, inputs.dataset))], inputs
    )
    (content,) = result.files.values()
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    model = load_lstm(LstmParams(checkpoint=str(path)), "cpu")
    assert model.cfg.tied == tied
    net = Fused(model.cfg, 0.0)
    net.load_state_dict(model.state_dict())
    loss = held_out_loss(net, analysis.corpus.exam, params)
    assert result.metrics["perplexity.text.txt"] == pytest.approx(math.exp(loss), rel=1e-6)
    assert result.tables["history"]["validation_loss"].min() == pytest.approx(loss, rel=1e-6)
    assert "corpus=text.txt" in analysis.command(3)
    assert str(tmp_path) not in json.dumps(
        analysis.metadata(Measured(shard, analysis.measure(shard, None, inputs.dataset)))
    )


def test_tied_weights_need_equal_widths():
    with pytest.raises(ValueError, match="tied=true needs embedding and hidden to be equal"):
        LstmTrainingParams(corpus=("a",), hidden=4, embedding=5)


def test_a_seed_that_stands_twice(text):
    with pytest.raises(ProbekitError, match="names a seed twice"):
        LstmTraining(asked(text, seeds=(1, 1))).shards(GivenInputs({}, ListDataset(()), ()))


def test_a_training_may_start_from_a_checkpoint(text, tmp_path):
    def run(params):
        analysis = LstmTraining(params, 0)
        inputs = GivenInputs({}, ListDataset(()), ())
        (shard,) = analysis.shards(inputs)
        part = Measured(shard, analysis.measure(shard, None, inputs.dataset))
        return analysis.combine([part], inputs)

    first = run(asked(text, epochs=8.0, learning_rate=0.02))
    path = tmp_path / "first.safetensors"
    path.write_bytes(next(iter(first.files.values())))
    again = run(asked(text, start=str(path), learning_rate=1e-9, hidden=9, embedding=9))
    loss = first.tables["history"]["validation_loss"].min()
    assert again.tables["history"]["validation_loss"].tolist() == pytest.approx(
        [loss] * len(again.tables["history"]), rel=1e-4
    )
    path.write_bytes(next(iter(again.files.values())))
    assert load_lstm(LstmParams(checkpoint=str(path)), "cpu").cfg.hidden == 6
    told = load_weights(path).metadata
    assert "start=first.safetensors" in told["command"]
    assert "start=" not in told["start_command"]
    assert told["start_command"].startswith("probekit train model=lstm-lm corpus=text.txt")
