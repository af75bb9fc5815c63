"""Training: the loss, the reproducibility, and what the trainer reports."""

import json
import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from probekit_seq2seq.checkpoints import load_gru
from probekit_seq2seq.lookup import lookup_tables
from probekit_seq2seq.model import INPUT_WORDS, OUTPUT_WORDS, Config, Decoded, Seq2Seq
from probekit_seq2seq.params import HELD_OUT, SPLITS, GruParams, LookupParams, TrainingParams
from probekit_seq2seq.specs import seq2seq_training
from probekit_seq2seq.trainer import Seq2SeqTraining
from probekit_seq2seq.training import fit, lesson, losses, one_thread

from probekit.analysis import Measured
from probekit.checkpoints import load_weights
from probekit.dataset import Dataset, Example, ListDataset
from probekit.errors import ProbekitError
from probekit.params import validate
from probekit.progress import listening
from probekit.specs import resolve

SMALL = {"embedding": 4, "hidden": 16, "epochs": 2, "batch_size": 8, "learning_rate": 0.01}


@pytest.fixture(scope="module")
def data():
    return lookup_tables(LookupParams())


@dataclass
class Given:
    """The inputs of a run that reads no model."""

    seed: int
    dataset: Dataset
    labels: tuple[str, ...] = ()

    def model(self, label):
        raise AssertionError(label)

    hooks = model


def run(data, seed=0, **params):
    """The analysis as an engine would drive it."""
    inputs = Given(seed, data)
    analysis = Seq2SeqTraining(TrainingParams(**{**SMALL, **params}), seed)
    parts = [Measured(s, analysis.measure(s, None, data)) for s in analysis.shards(inputs)]
    return parts, analysis.combine(parts, inputs)


def test_losses_equal_a_slow_loop(data):
    examples = [*data.split("train")[:3], *data.split("train")[100:104]]
    model = Seq2Seq(Config(embedding=4, hidden=5)).initialise(0, 0.9).double()
    lessons = lesson(model, examples, guided=True)
    decoded = model.decode(lessons.batch)
    found = losses(decoded, lessons, weight=0.7)
    plain = losses(decoded, lesson(model, examples, guided=False), weight=0.7)
    for row, example in enumerate(examples):
        words, looks = 0.0, 0.0
        for t, word in enumerate(example.target):
            scores = decoded.logits[row, t].tolist()
            total = math.log(sum(math.exp(score) for score in scores))
            words += total - scores[OUTPUT_WORDS.index(word)]
            looks -= math.log(decoded.attention[row, t, example.labels["attention"][t]].item())
        assert found[row].item() == pytest.approx(words + 0.7 * looks, abs=1e-12)
        assert plain[row].item() == pytest.approx(words, abs=1e-12)


def test_attention_of_zero_gives_a_finite_loss(data):
    model = Seq2Seq(Config(embedding=4, hidden=5))
    lessons = lesson(model, data.split("train")[:1], guided=True)
    attention = torch.zeros(1, 2, 3, requires_grad=True)
    loss = losses(Decoded(torch.zeros(1, 2, 11), attention), lessons, 1.0)
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert torch.isfinite(attention.grad).all()


def test_rows_of_a_lesson_are_cut_to_their_longest(data):
    model = Seq2Seq(Config(embedding=4, hidden=5))
    train = data.split("train")
    part = lesson(model, train[:], guided=True).rows(torch.tensor([3, 1]))
    assert part.batch.tokens.tolist() == model.encode([train[3], train[1]]).tokens.tolist()
    assert part.batch.targets.shape == part.focus.shape == (2, 2)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("guidance", [True, False])
def test_loss_falls_and_a_seed_repeats_bit_for_bit(data, cell, guidance):
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    first, result = run(data, cell=cell, guidance=guidance)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    torch.manual_seed(99)
    again, _ = run(data, cell=cell, guidance=guidance)
    other, _ = run(data, cell=cell, guidance=guidance, seed=1)
    for name, value in first[0].partial.items():
        assert np.array_equal(again[0].partial[name], value), name
    name = "last/decoder.out.weight"
    assert not np.array_equal(other[0].partial[name], first[0].partial[name])
    history = result.tables["history"]
    assert history["train_loss"].is_monotonic_decreasing
    assert history["epoch"].tolist() == [1, 2]


def test_first_epoch_equals_a_plain_loop(data):
    """The same steps with torch's own loss, clipping and Adam, on the reported order."""
    params = TrainingParams(**{**SMALL, "epochs": 1, "clip": 0.5, "guidance_weight": 2.0})
    train, validation = list(data.split("train"))[:20], list(data.split("validation"))
    model = Seq2Seq(Config(embedding=4, hidden=16)).initialise(3, 0.08).double()
    fitted = fit(model, train, validation, params, seed=7)
    plain = Seq2Seq(Config(embedding=4, hidden=16)).initialise(3, 0.08).double()
    optimizer = torch.optim.Adam(plain.parameters(), lr=0.01)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(7)).tolist()
    total = 0.0
    for start in range(0, 20, 8):
        loss = 0.0
        rows = order[start : start + 8]
        for row in rows:
            batch = plain.encode([train[row]])
            logits, attention = plain.decode(batch)
            loss = loss + torch.nn.functional.cross_entropy(
                logits[0], batch.targets[0], reduction="sum"
            )
            for t, focus in enumerate(train[row].labels["attention"]):
                loss = loss - 2.0 * attention[0, t, focus].log()
        optimizer.zero_grad()
        (loss / len(rows)).backward()
        torch.nn.utils.clip_grad_norm_(plain.parameters(), 0.5)
        optimizer.step()
        total += float(loss.detach())
    assert fitted.train_loss[0] == pytest.approx(total / 20, rel=1e-9)
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(fitted.last[name], value, rtol=0, atol=1e-7)


def test_best_is_the_lowest_validation(data):
    train, validation = list(data.split("train")), list(data.split("validation"))
    params = TrainingParams(**{**SMALL, "epochs": 3, "validate_every": 29, "learning_rate": 0.2})
    model = Seq2Seq(Config(embedding=4, hidden=16)).initialise(0, 0.08)
    fitted = fit(model, train, validation, params, seed=0)
    lowest = int(np.argmin(fitted.validation_loss))
    assert fitted.best_step == 29 * (lowest + 1)
    model.load_state_dict(fitted.best)
    with torch.no_grad():
        exam = lesson(model, validation, guided=True)
        loss = losses(model.decode(exam.batch), exam, 1.0).mean()
    assert float(loss) == pytest.approx(fitted.validation_loss[lowest], abs=1e-6)


def test_validation_comes_at_the_end_of_a_short_training_too(data):
    fitted = fit(
        Seq2Seq(Config(embedding=4, hidden=5)),
        data.split("train")[:9],
        data.split("validation")[:],
        TrainingParams(**{**SMALL, "epochs": 1}),
        seed=0,
    )
    assert fitted.best_step == 2
    assert set(fitted.best) == set(fitted.last)


def test_training_that_goes_astray_is_a_sentence(data):
    with pytest.raises(ProbekitError, match=r"was never a number: .* learning_rate than 1e\+30"):
        run(data, learning_rate=1e30)


def test_frozen_weights_stay(data):
    model = Seq2Seq(Config(embedding=4, hidden=5)).initialise(0, 0.08)
    model.encoder.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    params = TrainingParams(**{**SMALL, "epochs": 1})
    fitted = fit(model, data.split("train")[:9], data.split("validation")[:], params, seed=0)
    moved = {name for name, value in fitted.last.items() if not torch.equal(value, before[name])}
    assert moved == {name for name in before if name.startswith("decoder.")}


def test_two_seeds_make_two_models_and_one_table(data, tmp_path):
    ticks = []
    with listening(ticks.append):
        _, result = run(data, seeds=(4, 2), guidance=False)
    assert sum(ticks) == 4
    accuracy = result.tables["accuracy"]
    assert list(accuracy.columns) == ["seed", "checkpoint", "split", "accuracy", "sequences"]
    assert len(accuracy) == 2 * 2 * 6
    assert accuracy["seed"].unique().tolist() == [4, 2]
    counts = accuracy.groupby("split")["sequences"].unique()
    assert counts["heldout_tables"].tolist() == [192]
    chosen = accuracy[(accuracy.split == "heldout_inputs") & (accuracy.checkpoint == "best")]
    assert result.metrics["heldout_inputs_best"] == pytest.approx(chosen["accuracy"].mean())
    assert set(result.metrics) == {f"{s}_{c}" for s in HELD_OUT for c in ("best", "last")}
    paper = result.tables["paper"].set_index("split")
    assert paper.loc["new_compositions", "paper"] == 0.024
    assert paper.loc["heldout_inputs", "last"] == result.metrics["heldout_inputs_last"]
    assert len(result.tables["history"]) == 4
    assert sorted(result.files) == [
        f"checkpoints/seed-{seed}-{which}.safetensors"
        for seed in (2, 4)
        for which in ("best", "last")
    ]
    path = tmp_path / "model.safetensors"
    path.write_bytes(result.files["checkpoints/seed-2-last.safetensors"])
    loaded = load_gru(GruParams(checkpoint=str(path)), "cpu")
    facts = load_weights(path).metadata
    scores = json.loads(facts["sequence_accuracy"])
    assert scores == {s: loaded.sequence_accuracy(data.split(s)) for s in SPLITS}
    assert facts["command"] == (
        "probekit train model=gru-seq2seq guidance=false epochs=2 batch_size=8 "
        "learning_rate=0.01 embedding=4 hidden=16 seed=2 data.task_seed=0"
    )
    assert facts["data"] == f"lookup-tables {data.split('train').fingerprint}"
    assert (loaded.cfg.input_words, loaded.cfg.output_words) == (INPUT_WORDS, OUTPUT_WORDS)


def test_figure_draws_a_table_that_is_there(data):
    _, result = run(data, hidden=4, epochs=1)
    figure = result.figures[0]
    assert figure.table in result.tables
    assert "data" not in figure.chart
    fields = {channel["field"] for channel in figure.chart["encoding"].values()}
    assert fields == {"epoch", "loss", "seed", "data"}
    assert figure.chart["transform"][0]["fold"] == ["train_loss", "validation_loss"]
    assert result.tables["history"].columns.tolist() == [
        "seed", "epoch", "train_loss", "validation_loss",
    ]  # fmt: skip


def test_defaults_are_the_published_recipe():
    params = TrainingParams()
    assert (params.epochs, params.batch_size, params.learning_rate, params.clip) == (
        100,
        1,
        1e-3,
        5,
    )
    assert (params.embedding, params.hidden, params.init_range) == (16, 512, 0.08)
    assert (params.validate_every, params.guidance_weight) == (200, 1)
    assert resolve(seq2seq_training.implementation) is Seq2SeqTraining
    _, problems = validate(TrainingParams, {"epochs": "0", "seeds": "1,x"})
    assert len(problems) == 2


def test_seeds_that_cannot_be_used(data):
    with pytest.raises(ProbekitError, match="seeds names a seed twice"):
        run(data, seeds=(1, 1))
    for seed in (-1, 2**63):
        with pytest.raises(ProbekitError, match="a seed is too large or negative"):
            run(data, seeds=(seed,))


def with_splits(example):
    return ListDataset([], "mine", {name: [example] for name in SPLITS})


def test_data_that_cannot_teach():
    model = Seq2Seq(Config(embedding=4, hidden=5))
    words = ("010", "t1", ".")
    with pytest.raises(ProbekitError, match="training needs examples with targets"):
        lesson(model, [Example(words)], guided=False)
    example = Example(words, ("010", "101"), source="mine.tsv line 1")
    with pytest.raises(ProbekitError, match=r"mine\.tsv line 1 has 0 attention targets for 2 word"):
        run(with_splits(example))
    _, result = run(with_splits(example), guidance=False)
    assert "data=mine" in load_command(result)
    with pytest.raises(ProbekitError, match="no split called train"):
        run(ListDataset([example], "mine"))


def load_command(result):
    raw = result.files["checkpoints/seed-0-best.safetensors"]
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    return header["__metadata__"]["command"]


def test_one_thread_is_given_back_after_an_error():
    torch.set_num_threads(2)
    inside = []

    def fail():
        with one_thread():
            inside.append(torch.get_num_threads())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [*inside, torch.get_num_threads()] == [1, 2]
