"""Training: each part against a twin, stopping and going on, and what a run leaves."""

import gzip
import json
import lzma
import math

import numpy as np
import pytest
import torch
from probekit_opt.bpe import BOS, train_tokenizer
from probekit_opt.corpus import Windows, encode, fixed_windows, read_documents
from probekit_opt.headloss import head_loss
from probekit_opt.params import OptTrainingParams
from probekit_opt.restart import Restart
from probekit_opt.trainer import OptTraining
from probekit_opt.training import HISTORY, Text, fit, fresh, kept_steps, rate, steps_of
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

from probekit.analysis import Measured
from probekit.dataset import ListDataset
from probekit.errors import ProbekitError
from probekit.progress import listening

SMALL = {
    "corpus": ("none.txt",),
    "tokens": 8 * 16 * 12,
    "vocabulary": 280,
    "layers": 2,
    "width": 16,
    "ffn": 24,
    "heads": 2,
    "window": 16,
    "batch_size": 8,
    "warmup": 3,
    "keep": 2,
    "save_every": 5,
    "validate_every": 4,
    "precision": "float32",
}
NOUNS, VERBS = ("cat", "dog", "bird", "fish"), ("sees", "hears", "likes")


def params(**changes):
    return OptTrainingParams(**SMALL | changes)


def text(size=2000):
    ids = np.random.default_rng(0).integers(4, 280, size).astype(np.int32)
    return Text(ids, ids[:200])


@pytest.fixture
def corpus(tmp_path):
    chance = np.random.default_rng(0)
    lines = [
        f"the {chance.choice(NOUNS)} {chance.choice(VERBS)} the {chance.choice(NOUNS)}"
        for _ in range(400)
    ]
    path = tmp_path / "animals.txt"
    path.write_text("\n".join(f"{line}\n" * (at % 3 == 0) + line for at, line in enumerate(lines)))
    return str(path)


@pytest.mark.parametrize("rows", [1, 255, 256, 700])
def test_head_loss_equals_cross_entropy(rows):
    torch.manual_seed(0)
    weight = torch.randn(30, 5, dtype=torch.float64, requires_grad=True)
    hidden = torch.randn(rows, 5, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(30, (rows,))
    found = head_loss(hidden, weight, targets, torch.float64)
    plain = torch.nn.functional.cross_entropy(hidden @ weight.T, targets)
    ours = torch.autograd.grad(3 * found, (hidden, weight))
    theirs = torch.autograd.grad(3 * plain, (hidden, weight))
    assert found.item() == pytest.approx(plain.item(), abs=1e-12)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-14)


def test_head_loss_in_bfloat16_is_near():
    torch.manual_seed(0)
    weight, hidden = torch.randn(50, 16, requires_grad=True), torch.randn(300, 16)
    targets = torch.randint(50, (300,))
    low, high = (head_loss(hidden, weight, targets, t) for t in (torch.bfloat16, torch.float32))
    assert low.item() == pytest.approx(high.item(), rel=1e-2)


def test_documents_of_every_kind_of_file(tmp_path):
    content = "one  two\nthree\n\n\n \nfour\tfive\n"
    (tmp_path / "a.txt").write_text(content)
    with gzip.open(tmp_path / "a.txt.gz", "wt") as file:
        file.write(content)
    with lzma.open(tmp_path / "a.txt.xz", "wt") as file:
        file.write(content)
    for name in ("a.txt", "a.txt.gz", "a.txt.xz"):
        assert read_documents([str(tmp_path / name)]) == ["one two three", "four five"]


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 au lait")
    with pytest.raises(ProbekitError, match=r"latin\.txt is not UTF-8 \(byte 0xe9\); convert it"):
        read_documents([str(tmp_path / "latin.txt")])
    for name, content in (("no.xz", b"plain"), ("no.gz", b"plain"), ("cut.xz", b"\xfd7zXZ\0")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ProbekitError, match=f"{name} cannot be read"):
            read_documents([str(tmp_path / name)])
    for name in ("missing.txt", ""):
        with pytest.raises(ProbekitError, match="cannot be read"):
            read_documents([str(tmp_path / name)])


def test_tokenizer_gives_a_word_the_same_ids_everywhere():
    tokenizer = train_tokenizer(["the cat sees the dog, the dog sees the cat"] * 9, 273)
    assert tokenizer.token_to_id("</s>") == BOS
    first = tokenizer.encode("the dog", add_special_tokens=False).ids
    later = tokenizer.encode("dog the", add_special_tokens=False).ids
    assert sorted(first) == sorted(later)
    assert tokenizer.encode("the").ids[0] == BOS
    assert tokenizer.decode(tokenizer.encode("Zoë, 日本 cat").ids) == " Zoë, 日本 cat"
    with pytest.raises(ProbekitError, match=r"the corpus yields \d+ tokens, not 5000"):
        train_tokenizer(["too little"], 5000)


def test_stream_ends_every_document():
    tokenizer = train_tokenizer(["a b c a b c"], 263)
    ids = encode(tokenizer, ["a b", "c"], BOS).tolist()
    parts = [tokenizer.encode(t, add_special_tokens=False).ids for t in ("a b", "c")]
    assert ids == [*parts[0], BOS, *parts[1], BOS]
    assert encode(tokenizer, [], BOS).tolist() == []


@pytest.mark.parametrize("size", [7, 8, 13, 14, 50])
def test_windows_are_the_stream_in_an_order_of_their_own(size):
    stream, width = np.arange(10, 10 + size, dtype=np.int32), 8
    lessons = Windows(stream, width, 0, seed=3)
    for epoch in range(4):
        rows = lessons.rows(range(epoch * lessons.count, (epoch + 1) * lessons.count))
        assert (rows[:, 0] == 0).all()
        first = rows[:, 1].min()
        expected = fixed_windows(stream[first - 10 :], width, 0)[: lessons.count]
        assert sorted(rows.tolist()) == expected.tolist()
    again = Windows(stream, width, 0, seed=3).rows([3 * lessons.count])
    assert again[0].tolist() == lessons.rows([3 * lessons.count])[0].tolist()


def test_schedule():
    plan = params(tokens=8 * 16 * 100, warmup=10, learning_rate=0.5, keep=4)
    assert steps_of(plan) == 100
    assert kept_steps(plan) == [12, 25, 50, 100]
    assert rate(plan, 0) == pytest.approx(0.05)
    assert rate(plan, 9) == rate(plan, 10) == pytest.approx(0.5)
    assert rate(plan, 55) == pytest.approx(0.25)
    assert rate(plan, 99) == pytest.approx(0.25 * (1 + math.cos(math.pi * 89 / 90)))
    assert kept_steps(params(tokens=1, keep=5)) == [1]


def test_first_steps_equal_a_plain_loop():
    """The same steps with Hugging Face's own loss, on windows cut here."""
    plan = params(tokens=8 * 16 * 3, positions="learned", validate_every=1)
    given = text()
    fitted = fit(given, plan, 5, "cpu", Restart(None, {}))
    model = fresh(plan, 5)
    flat = [w for w in model.parameters() if w.ndim < 2]
    matrices = [w for w in model.parameters() if w.ndim >= 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": flat, "weight_decay": 0.0}],
        betas=(0.9, 0.95),
    )
    lessons, losses = Windows(given.train, 17, BOS, 5), []
    for step in range(3):
        for group in optimizer.param_groups:
            group["lr"] = rate(plan, step)
        rows = torch.from_numpy(lessons.rows(range(8 * step, 8 * step + 8)).astype(np.int64))
        logits = model(input_ids=rows[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits.transpose(1, 2), rows[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    assert [row[1] for row in fitted.history] == pytest.approx(losses, abs=1e-6)
    for name, value in fitted.last.items():
        torch.testing.assert_close(value, model.state_dict()[name], rtol=0, atol=2e-6)


class Stop(Exception):
    pass


def stop_at(count):
    seen = []

    def listen(amount):
        seen.append(amount)
        if sum(seen) >= count:
            raise Stop

    return listen


def test_a_training_that_stopped_ends_the_same(tmp_path):
    plan, restart = params(), Restart(tmp_path, {"params": "these"})
    whole = fit(text(), plan, 0, "cpu", Restart(None, {}))
    for stop in (4, 8, 11):  # before any restart file, after the first, after the second
        with pytest.raises(Stop), listening(stop_at(stop)):
            fit(text(), plan, 0, "cpu", restart)
    assert restart.read("state").metadata["step"] == "10"
    ticks = []
    with listening(ticks.append):
        found = fit(text(), plan, 0, "cpu", restart)
    assert ticks == [10, 1, 1]
    assert found.history == whole.history
    assert [*found.kept] == [*whole.kept] == [6]
    for name, value in whole.last.items():
        assert torch.equal(found.last[name], value), name
    for name, value in whole.kept[6].items():
        assert torch.equal(found.kept[6][name], value), name


def test_files_of_another_training_or_damaged_ones_are_ignored(tmp_path):
    plan = params()
    with pytest.raises(Stop), listening(stop_at(11)):
        fit(text(), plan, 0, "cpu", Restart(tmp_path, {"seed": "0"}))
    assert Restart(tmp_path, {"seed": "1"}).read("state") is None
    whole = fit(text(), plan, 0, "cpu", Restart(None, {}))
    for damage in ("step-000006", "state"):
        path = tmp_path / f"{damage}.safetensors"
        path.write_bytes(path.read_bytes()[:-1])
        assert Restart(tmp_path, {"seed": "0"}).read(damage) is None
        ticks = []
        with listening(ticks.append):
            found = fit(text(), plan, 0, "cpu", Restart(tmp_path, {"seed": "0"}))
        assert ticks[0] == 0
        assert found.history == whole.history


class Given:
    """The inputs of a run that reads no model and no data."""

    seed, labels, dataset = 0, (), ListDataset(())

    def model(self, label):
        raise AssertionError(label)

    hooks = model


def run(corpus, seeds=(0,), scratch=None, **changes):
    analysis = OptTraining(params(corpus=(corpus,), seeds=seeds, **changes))
    analysis.scratch = scratch
    inputs = Given()
    parts = [
        Measured(shard, analysis.measure(shard, None, inputs.dataset))
        for shard in analysis.shards(inputs)
    ]
    return parts, analysis.combine(parts, inputs)


@pytest.mark.parametrize("positions", ["learned", "none"])
def test_what_a_run_leaves(corpus, tmp_path, positions):
    parts, result = run(corpus, seeds=(4, 1), scratch=tmp_path / "s", positions=positions)
    assert (tmp_path / "s" / "seed-4" / "state.safetensors").exists()
    history = result.tables["history"]
    assert history["seed"].unique().tolist() == [4, 1]
    assert history["step"].tolist()[:4] == [4, 6, 8, 12]
    assert history["tokens"].tolist()[:2] == [512, 768]
    assert history.columns.tolist() == ["seed", "step", "tokens", *HISTORY[1:]]
    ends = history[history["step"] == 12]["validation_loss"]
    assert result.metrics["validation_loss"] == pytest.approx(ends.mean())
    assert history.groupby("seed")["validation_loss"].agg(lambda c: c.is_monotonic_decreasing).all()
    places = ["seed-1", "seed-1-step-000006", "seed-4", "seed-4-step-000006"]
    assert sorted({name.split("/")[1] for name in result.files}) == places
    for name, content in result.files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    folder = tmp_path / "checkpoints" / "seed-4"
    card = json.loads((folder / "card.json").read_text())
    assert card["validation_loss"] == ends.iloc[0]
    assert card["command"].startswith("probekit train model=opt corpus=animals.txt tokens=1536 ")
    assert card["command"].endswith("seed=4")
    half = json.loads((tmp_path / "checkpoints/seed-4-step-000006/config.json").read_text())
    assert (half["dtype"], half["positions"]) == ("float16", positions)
    _loads_as_hugging_face_would(folder, parts[0].partial, card)
    table = parts[0].partial["last/model.decoder.embed_positions.weight"]
    assert bool(table.any()) == (positions == "learned")


def _loads_as_hugging_face_would(folder, partial, card):
    """The folder's model has the loss that its card states on the held-out text."""
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    own = Tokenizer.from_str(bytes(partial["tokenizer"]).decode())
    assert tokenizer("the cat sees")["input_ids"] == own.encode("the cat sees").ids
    documents = read_documents([str(next(folder.parents[1].glob("animals.txt")))])
    stream = encode(own, documents, BOS)
    tail = stream[-max(1, round(len(stream) * 0.01)) :]
    rows = torch.from_numpy(fixed_windows(tail, 17, BOS).astype(np.int64))
    with torch.no_grad():
        logits = model(input_ids=rows[:, :-1]).logits
    loss = torch.nn.functional.cross_entropy(logits.transpose(1, 2), rows[:, 1:])
    assert loss.item() == pytest.approx(card["validation_loss"], abs=1e-5)


def test_same_seed_same_bytes(corpus):
    _, first = run(corpus)
    torch.manual_seed(99)
    _, again = run(corpus)
    assert first.files == again.files
    _, other = run(corpus, seeds=(1,))
    name = "checkpoints/seed-{}/model.safetensors"
    assert other.files[name.format(1)] != first.files[name.format(0)]


def test_mistakes(corpus):
    with pytest.raises(ProbekitError, match="seeds names a seed twice"):
        run(corpus, seeds=(1, 1))
    with pytest.raises(ProbekitError, match="a seed is too large or negative"):
        run(corpus, seeds=(-1,))
    with pytest.raises(ProbekitError, match="width=16 does not divide among heads=3"):
        run(corpus, heads=3)
    with pytest.raises(ProbekitError, match=r"validation part .* fewer than one window of 16"):
        run(corpus, validation=0.0001)
    with pytest.raises(ProbekitError, match=r"no number at step \d+: .* smaller learning_rate"):
        run(corpus, learning_rate=1e30, clip=1e30)
