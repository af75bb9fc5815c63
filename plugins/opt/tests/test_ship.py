"""What ships: half the size, measured once more, and the folder that is in the package."""

import json
from pathlib import Path

import pytest
import torch
from probekit_opt.loading import SHIPPED_FOLDER, load_opt
from probekit_opt.params import SHIPPED, OptParams
from probekit_opt.ship import ship
from probekit_opt.trainer import count
from safetensors import safe_open

from probekit.errors import ProbekitError

from . import tiny

NAME = "enwiki"
LIMIT = 14_000_000  # bytes


@pytest.fixture
def trained(tmp_path):
    folder = tmp_path / "seed-0"
    tiny.save(tiny.opt(), folder)
    text = " ".join(["a dog likes the boys ."] * 99)
    (tmp_path / "text.txt").write_text(text)
    card = {"corpus": f"text.txt {count([text])['corpus']}", "validation": 0.4}
    (folder / "card.json").write_text(json.dumps(card | {"validation_loss": 1.0}))
    return folder


def test_a_shipped_folder_is_half_as_large_and_measured_again(trained, tmp_path):
    documents = [(tmp_path / "text.txt").read_text()]
    found = ship(trained, NAME, [str(tmp_path / "text.txt")], tmp_path / "out")
    size = (tmp_path / "out" / NAME / "model.safetensors").stat().st_size
    assert size < 0.6 * (trained / "model.safetensors").stat().st_size
    model = load_opt(OptParams(path=str(tmp_path / "out" / NAME)), "cpu")
    assert next(model.bridge.parameters()).dtype == torch.float32
    ids = [*tiny.tokenizer()(documents[0], add_special_tokens=False)["input_ids"], 2]
    tail = ids[-round(len(ids) * 0.4) :]
    losses = []
    for start in range(0, len(tail) - 63, 64):
        row = torch.tensor([[2, *tail[start : start + 64]]])
        with torch.no_grad():
            told = model.run_with_hooks(row[:, :-1]).log_softmax(-1)
        losses += [-told[0, at, row[0, at + 1]].item() for at in range(64)]
    assert found["validation_loss"] == pytest.approx(sum(losses) / len(losses), abs=1e-5)
    assert json.loads((tmp_path / "out" / NAME / "card.json").read_text()) == found


def test_another_corpus_is_refused(trained, tmp_path):
    (tmp_path / "text.txt").write_text("another text")
    with pytest.raises(ProbekitError, match="seed-0 was not trained on this corpus; name that one"):
        ship(trained, NAME, [str(tmp_path / "text.txt")], tmp_path / "out")


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_what_is_in_the_package(name):
    folder = SHIPPED_FOLDER / name
    assert sum(path.stat().st_size for path in folder.iterdir()) < LIMIT + 1_000_000
    assert (folder / "model.safetensors").stat().st_size < LIMIT
    with safe_open(folder / "model.safetensors", framework="pt") as file:
        assert all(file.get_tensor(key).dtype == torch.float16 for key in file.keys())  # noqa: SIM118
    card = json.loads((folder / "card.json").read_text())
    assert card["command"].startswith("probekit train model=opt corpus=")
    assert "/" not in card["command"]
    model = load_opt(OptParams(checkpoint=name), "cpu")
    assert (len(model.hook_specs), model.window, model.bos) == (2 + 6 * 6 + 1, 256, 2)
    tokens = model.to_tokens("The capital of France is Paris , and that of Germany is Berlin .")
    with torch.no_grad():
        told = model.run_with_hooks(tokens).log_softmax(-1)
    surprise = -told[0, :-1].gather(1, tokens[0, 1:, None]).mean()
    assert surprise < 6.5  # log(8192) is 9.0


def test_untrained_is_random_and_repeats():
    first = load_opt(OptParams(checkpoint="untrained"), "cpu")
    again = load_opt(OptParams(checkpoint="untrained"), "cpu")
    other = load_opt(OptParams(checkpoint="untrained", init_seed=1), "cpu")
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert first.hook_specs == load_opt(OptParams(), "cpu").hook_specs


def test_nothing_else_is_in_the_package():
    assert sorted(path.name for path in Path(SHIPPED_FOLDER).iterdir()) == sorted(SHIPPED)
