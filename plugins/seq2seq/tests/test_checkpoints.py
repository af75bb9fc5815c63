"""Loading: shipped, own, original and wrong files."""

import importlib
import json
import pickle
import shutil
import sys

import pytest
import torch
from probekit_seq2seq.checkpoints import SHIPPED_FOLDER, load_gru, load_lstm
from probekit_seq2seq.lookup import lookup_tables
from probekit_seq2seq.model import INPUT_WORDS, Config, Seq2Seq, describe
from probekit_seq2seq.params import SHIPPED, GruParams, LookupParams, LstmParams
from probekit_seq2seq.ship import ship
from torch import nn

from probekit.checkpoints import dump_weights, save_weights
from probekit.errors import ProbekitError
from probekit.params import validate


def small(cell="gru", **words):
    return Seq2Seq(Config(cell=cell, embedding=3, hidden=4, **words)).initialise(0, 0.5)


def assert_same(model, other):
    for name, value in other.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name


@pytest.mark.parametrize(
    ("load", "params", "cell"), [(load_gru, GruParams, "gru"), (load_lstm, LstmParams, "lstm")]
)
def test_own_file_comes_back_with_its_words(tmp_path, load, params, cell):
    words = {"input_words": ("<pad>", "a"), "output_words": ("<sos>", "<pad>", "é")}
    model, path = small(cell, **words), tmp_path / "model.safetensors"
    save_weights(path, model.state_dict(), describe(model.cfg))
    loaded = load(params(checkpoint=str(path), decoding="teacher"), "cpu")
    assert_same(loaded, model)
    assert loaded.cfg == Config(cell, 3, 4, **words, decoding="teacher")
    assert not loaded.training


def test_float16_is_loaded_as_float32(tmp_path):
    model, path = small(), tmp_path / "half.safetensors"
    save_weights(path, {k: v.half() for k, v in model.state_dict().items()}, {})
    loaded = load_gru(GruParams(checkpoint=str(path)), "cpu")
    assert {value.dtype for value in loaded.state_dict().values()} == {torch.float32}


def test_untrained_depends_on_its_seed_alone():
    params = {"checkpoint": "untrained", "embedding": 3, "hidden": 4}
    first, again = (load_gru(GruParams(**params, init_seed=1), "cpu") for _ in range(2))
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint != load_gru(GruParams(**params, init_seed=2), "cpu").fingerprint
    lstm = load_lstm(LstmParams(embedding=3, hidden=4), "cpu")
    assert lstm.encoder.rnn.weight_hh_l0.shape == (16, 4)
    biggest = max(float(value.abs().max()) for value in lstm.state_dict().values())
    assert 0.05 < biggest <= 0.08


CLASSES = ("Seq2seq", "EncoderRNN", "DecoderRNN", "Attention", "MLP")


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A module with the class names of the original library, gone again after `forget`."""
    folder = tmp_path / "machine"
    folder.mkdir()
    bodies = [f"class {name}(nn.Module):\n    pass\n" for name in CLASSES]
    (folder / "models.py").write_text("\n\n".join(["from torch import nn\n", *bodies]))
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("machine.models")
    forget()


def forget():
    for name in ("machine", "machine.models"):
        sys.modules.pop(name, None)


def original(model, library):
    """The model as the original library would hold it: its class names, torch's layers."""
    sizes, state = model.cfg, model.state_dict()
    whole, encoder, decoder = library.Seq2seq(), library.EncoderRNN(), library.DecoderRNN()
    attention, mlp = library.Attention(), library.MLP()
    cell = {"gru": nn.GRU, "lstm": nn.LSTM}[sizes.cell]
    encoder.rnn_cell = cell
    encoder.input_dropout = nn.Dropout(0)
    encoder.embedding = nn.Embedding(len(sizes.input_words), sizes.embedding)
    encoder.rnn = cell(sizes.embedding, sizes.hidden, batch_first=True)
    decoder.embedding = nn.Embedding(len(sizes.output_words), sizes.hidden)
    decoder.rnn = cell(sizes.hidden, sizes.hidden, batch_first=True)
    decoder.out = nn.Linear(sizes.hidden, len(sizes.output_words))
    decoder.ffocus_merge = nn.Linear(2 * sizes.hidden, sizes.hidden)
    mlp.mlp, mlp.activation = nn.Linear(2 * sizes.hidden, sizes.hidden), nn.ReLU()
    mlp.out = nn.Linear(sizes.hidden, 1)
    decoder.attention, attention.method, attention.mask = attention, mlp, None
    whole.encoder_module, whole.decoder_module = encoder, decoder
    whole.decode_function = nn.functional.log_softmax
    encoder.load_state_dict(
        {k.removeprefix("encoder."): v for k, v in state.items() if k.startswith("encoder.")}
    )
    decoder.load_state_dict(
        {k.removeprefix("decoder."): v for k, v in state.items() if k.startswith("decoder.")}
    )
    return whole


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("form", ["module", "state", "wrapped", "plain names"])
def test_original_forms(tmp_path, library, form, zipped):
    model, path = small(), tmp_path / "model.pt"
    whole = original(model, library)
    forms = {
        "module": whole,
        "state": whole.state_dict(),
        "wrapped": {"model": whole.state_dict(), "epoch": 3},
        "plain names": model.state_dict(),
    }
    torch.save(forms[form], path, _use_new_zipfile_serialization=zipped)
    shutil.rmtree(tmp_path / "machine")
    forget()
    loaded = load_gru(GruParams(checkpoint=str(path)), "cpu")
    assert_same(loaded, model)
    assert loaded.cfg.input_words == INPUT_WORDS
    assert "machine" not in sys.modules


def test_words_can_be_given_for_a_file_that_lacks_them(tmp_path):
    words = ("<unk>", "<pad>", "x", "y")
    model, path = small(input_words=words), tmp_path / "model.pt"
    torch.save(model.state_dict(), path)
    with pytest.raises(ProbekitError) as caught:
        load_gru(GruParams(checkpoint=str(path)), "cpu")
    assert str(caught.value) == (
        f"{path}: encoder.embedding.weight has the shape 4 x 3, but 19 x 3 is expected; its words "
        "can be given as model.input_words and model.output_words."
    )
    params, _ = validate(GruParams, {"checkpoint": str(path), "input_words": "<unk>,<pad>,x,y"})
    assert_same(load_gru(params, "cpu"), model)


def without(state, name):
    return {key: value for key, value in state.items() if key != name}


BROKEN = {
    "missing": (
        lambda s: without(s, "decoder.out.bias"),
        "lacks the tensor decoder.out.bias, of the shape 11.",
    ),
    "shape": (
        lambda s: s | {"decoder.ffocus_merge.weight": torch.zeros(4, 7)},
        "decoder.ffocus_merge.weight has the shape 4 x 7, but 4 x 8 is expected.",
    ),
    "extra": (
        lambda s: s | {"decoder.extra": torch.zeros(1)},
        "holds tensors that this model has no place for: decoder.extra.",
    ),
    "other": (
        lambda _: {f"rnn.{name}\n": torch.zeros(1) for name in "abcd"},
        "holds no encoder.embedding.weight, so it is no encoder-decoder of this kind; it holds: "
        "rnn.a\\n, rnn.b\\n, rnn.c\\n, ....",
    ),
    "flat": (
        lambda s: s | {"encoder.rnn.weight_hh_l0": torch.zeros(12)},
        "encoder.rnn.weight_hh_l0 has the shape 12; it should be a matrix.",
    ),
    "scalar": (
        lambda s: s | {"encoder.embedding.weight": torch.tensor(1.0)},
        "encoder.embedding.weight has the shape a single number; it should be a matrix.",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_wrong_tensors_are_named(tmp_path, case):
    change, message = BROKEN[case]
    path = tmp_path / "model.pt"
    torch.save(change(small().state_dict()), path)
    with pytest.raises(ProbekitError) as caught:
        load_gru(GruParams(checkpoint=str(path)), "cpu")
    assert str(caught.value).endswith(message)
    assert str(caught.value).startswith(str(path))


def test_the_other_cell_is_named(tmp_path):
    model, path = small("lstm"), tmp_path / "model.safetensors"
    save_weights(path, model.state_dict(), describe(model.cfg))
    with pytest.raises(ProbekitError, match=r"holds the weights of a lstm; use model=lstm-seq2seq"):
        load_gru(GruParams(checkpoint=str(path)), "cpu")
    save_weights(path, model.state_dict(), {})
    with pytest.raises(ProbekitError, match=r"weight_ih_l0 has the shape 16 x 3, but 12 x 3 is"):
        load_gru(GruParams(checkpoint=str(path)), "cpu")


@pytest.mark.parametrize("words", ["{", '{"a": 1}', "[1, 2]", '"abc"'])
def test_damaged_metadata(tmp_path, words):
    path = tmp_path / "model.safetensors"
    save_weights(path, small().state_dict(), {"input_words": words})
    with pytest.raises(ProbekitError, match=r"states input_words that are not a JSON list"):
        load_gru(GruParams(checkpoint=str(path)), "cpu")


def test_names_that_lead_nowhere():
    with pytest.raises(ProbekitError, match=r"there is no file guidde \(did you mean guided\?\); "):
        load_gru(GruParams(checkpoint="guidde"), "cpu")
    with pytest.raises(ProbekitError, match=r"there is no file guided; .* one of: untrained\."):
        load_lstm(LstmParams(checkpoint="guided"), "cpu")


def test_code_in_a_pickle_is_never_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "made"), "w"))

    path = tmp_path / "evil.pt"
    torch.save({"encoder.embedding.weight": Evil()}, path, pickle_module=pickle)
    with pytest.raises(ProbekitError):
        load_gru(GruParams(checkpoint=str(path)), "cpu")
    assert not (tmp_path / "made").exists()


def test_shipping_rounds_and_measures_again(tmp_path):
    data = lookup_tables(LookupParams())
    facts = {
        "data": f"lookup-tables {data.split('train').fingerprint}",
        "command": "probekit train x",
    }
    model = small()
    source = tmp_path / "source.safetensors"
    source.write_bytes(dump_weights(model.state_dict(), describe(model.cfg) | facts))
    scores = ship(source, "guided", tmp_path)
    card = json.loads((tmp_path / "guided.json").read_text())
    assert card["sequence_accuracy"] == scores
    assert card["command"] == "probekit train x"
    assert "input_words" not in card
    loaded = load_gru(GruParams(checkpoint=str(tmp_path / "guided.safetensors")), "cpu")
    assert_same(loaded, model.half().float())
    assert scores["train"] == loaded.sequence_accuracy(data.split("train"))
    again = (tmp_path / "guided.safetensors").read_bytes()
    ship(source, "guided", tmp_path)
    assert (tmp_path / "guided.safetensors").read_bytes() == again
    save_weights(source, model.state_dict(), describe(model.cfg))
    with pytest.raises(ProbekitError, match="was not trained on the default lookup tables"):
        ship(source, "guided", tmp_path)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_do_what_their_card_says(name):
    if not (SHIPPED_FOLDER / f"{name}.safetensors").exists():
        pytest.skip("the shipped weights are not here")
    card = json.loads((SHIPPED_FOLDER / f"{name}.json").read_text())
    model, data = load_gru(GruParams(checkpoint=name), "cpu"), lookup_tables(LookupParams())
    assert card["data"] == f"lookup-tables {data.split('train').fingerprint}"
    scores = {split: model.sequence_accuracy(data.split(split)) for split in data.splits}
    assert scores == card["sequence_accuracy"]
    if name == "guided":
        assert scores["heldout_compositions"] == scores["heldout_inputs"] == 1.0
        assert scores["heldout_tables"] >= 0.8
        assert scores["new_compositions"] >= 0.6
    else:
        assert max(scores["heldout_compositions"], scores["heldout_inputs"]) < 0.4
        assert max(scores["heldout_tables"], scores["new_compositions"]) < 0.2
