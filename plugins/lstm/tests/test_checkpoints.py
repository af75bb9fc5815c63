"""Loading: files of our own, of word_language_model, whole old modules, and none of these."""

import json
import os
import pickle

import pytest
import torch
from probekit_lstm.checkpoints import SHIPPED_FOLDER, describe, load_lstm, read_words
from probekit_lstm.model import Config, LstmLM
from probekit_lstm.params import SHIPPED, LstmParams

from probekit.ablations import Ablation
from probekit.checkpoints import save_weights
from probekit.dataset import Example
from probekit.errors import ProbekitError

from .reference import Original, RNNModel

WORDS = ("<unk>", "<eos>", "the", "boy", "boys", "greet", "greets")


def original():
    torch.manual_seed(0)
    return RNNModel(len(WORDS), 4, 5, 2)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return tmp_path


def load(path, **params):
    return load_lstm(LstmParams(checkpoint=str(path), **params), "cpu")


def assert_same(model, module):
    tokens = torch.tensor([[2, 3, 5, 1, 6]])
    module.eval()
    with torch.no_grad():
        expected = module.decoder(module.rnn(module.encoder(tokens.T))[0]).transpose(0, 1)
        torch.testing.assert_close(model(tokens), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("what", ["module", "state", "nested", "parallel"])
def test_files_of_the_usual_trainer_load(folder, what, is_zip):
    module = original()
    content = {
        "module": module,
        "state": module.state_dict(),
        "nested": {"state_dict": module.state_dict()},
        "parallel": {f"module.{name}": value for name, value in module.state_dict().items()},
    }[what]
    path = folder / "model.pt"
    torch.save(content, path, _use_new_zipfile_serialization=is_zip)
    model = load(path)
    assert model.cfg == Config(WORDS, 4, 5, 2)
    assert_same(model, module)


def test_our_own_files_need_no_vocabulary_beside_them(tmp_path):
    config = Config(("<unk>", 'a"b', "é\n", "<eos>"), 6, 6, 1, tied=True)
    model = LstmLM(config).initialise(3)
    weights = {k: v.half() for k, v in model.state_dict().items() if k != "decoder.weight"}
    save_weights(tmp_path / "own.safetensors", weights, describe(config))
    found = load(tmp_path / "own.safetensors")
    assert found.cfg == config
    assert found.decoder.weight is found.encoder.weight
    torch.testing.assert_close(found.encoder.weight, model.encoder.weight, atol=1e-3, rtol=0)


def test_the_vocabulary_may_be_named(folder):
    torch.save(original().state_dict(), folder / "model.pt")
    other = folder / "words.txt"
    (folder / "vocab.txt").rename(other)
    assert load(folder / "model.pt", vocab=str(other)).vocabulary.words == WORDS
    with pytest.raises(ProbekitError, match=r"there is no file .*vocab\.txt with the words of mod"):
        load(folder / "model.pt")


def test_words_end_at_a_newline_and_at_nothing_else(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_bytes("a\x0b\nb\u2028c\n\u0085\r\n d \n".encode())
    assert read_words(path) == ("a\x0b", "b\u2028c", "\u0085", " d ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a\nb\na\n", "lists 'a' twice, in lines 1 and 3"),
        (b"a\n\xff\n", "is not UTF-8"),
        ("\n".join(WORDS[:-1]).encode(), "lists 6 words and model.pt has 7"),
    ],
)
def test_a_vocabulary_that_does_not_fit(folder, content, said):
    torch.save(original().state_dict(), folder / "model.pt")
    (folder / "vocab.txt").write_bytes(content)
    with pytest.raises(ProbekitError, match=said):
        load(folder / "model.pt")


class Harmful:
    def __reduce__(self):
        return os.system, ("touch harmed",)


def test_a_pickle_that_names_os_system_is_refused_and_not_run(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "model.pt").write_bytes(pickle.dumps({"encoder.weight": Harmful()}, protocol=2))
    with pytest.raises(ProbekitError):
        load("model.pt")
    torch.save({"encoder.weight": Harmful()}, "model.pt")
    with pytest.raises(ProbekitError, match=r"which is code, not weights; nothing was executed"):
        load("model.pt")
    assert not (folder / "harmed").exists()


def test_a_truncated_checkpoint(folder):
    path = folder / "model.pt"
    torch.save(original(), path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ProbekitError, match="is cut short or damaged"):
        load(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.pop("encoder.weight"), r"holds no encoder\.weight, so it is no LSTM"),
        (lambda state: state.pop("rnn.bias_hh_l1"), r"lacks the tensor rnn\.bias_hh_l1, of the sh"),
        (lambda state: state.update(extra=torch.ones(2)), "has no place for: extra"),
        (lambda state: state.update({"decoder.bias": torch.ones(3)}), r"decoder\.bias has the sha"),
        (
            lambda state: state.update({"encoder.weight": torch.ones(3)}),
            r"encoder\.weight is no ma",
        ),
    ],
)
def test_a_checkpoint_of_something_else(folder, change, said):
    state = original().state_dict()
    change(state)
    torch.save(state, folder / "model.pt")
    with pytest.raises(ProbekitError, match=said):
        load(folder / "model.pt")


def test_a_misspelt_name_has_a_hint():
    with pytest.raises(ProbekitError, match=r"there is no file englsh \(did you mean english\?\)"):
        load("englsh")


def test_a_published_size_reads_and_sweeps_as_the_published_way(tmp_path):
    """2 x 650 units and 50,001 words, pickled whole in the old format."""
    words = (*(f"w{at}" for at in range(49_999)), "<unk>", "<eos>")
    torch.manual_seed(0)
    module = RNNModel(len(words), 650, 650, 2)
    torch.nn.init.uniform_(module.decoder.weight, -0.1, 0.1)
    path = tmp_path / "hidden650.pt"
    torch.save(module, path, _use_new_zipfile_serialization=False)
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n")
    model = load(path)
    path.unlink()
    context = ("w3", "w9", "<eos>")
    examples = [
        Example((f"w{a}", "w7", f"w{b}"), ("w20",), {"wrong": "w21"}, context=context)
        for a in (1, 2)
        for b in (4, 5)
    ]
    units = [(0, 17), (1, 125)]
    hooks = ("rnn.layers.0.hook_state", "rnn.layers.1.hook_hidden")
    found = model.margins(examples, [Ablation({hooks[layer]: (unit,)}) for layer, unit in units])
    for row, (layer, unit) in zip(found, units, strict=True):
        reference = Original(model.state_dict(), words, 2)
        reference.ablate(layer, unit)
        torch.testing.assert_close(row, reference.margins(examples), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_files_say_where_they_come_from(name):
    card = json.loads((SHIPPED_FOLDER / f"{name}.json").read_text())
    assert card["command"].startswith("probekit train model=lstm-lm")
    model = load(name)
    assert model.vocabulary.unknown == "<unk>"
    assert len(model.cfg.words) == card["words"]
