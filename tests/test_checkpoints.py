"""Weights from files: recovered bit for bit, and nothing in a file is ever run."""

import copyreg
import functools
import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from io import BytesIO

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from probekit import torchfile
from probekit.checkpoints import Weights, dump_weights, load_weights, save_weights
from probekit.errors import ProbekitError

MODULES = ("RNNModel", "EncoderRNN", "DecoderRNN", "Attention", "Seq2seq")
FORMATS = pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])


class RNNModel(nn.Module):
    """A language model with most of what torch's modules keep in their attributes."""

    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.2)
        self.encoder = nn.Embedding(11, 4, padding_idx=0)
        self.rnn = nn.LSTM(4, 4, 2, dropout=0.2, bidirectional=True)
        self.norms = nn.ModuleList([nn.LayerNorm(4), nn.BatchNorm1d(4)])
        self.head = nn.Sequential(nn.Linear(8, 4), nn.Tanh())
        self.decoder = nn.Linear(4, 11, bias=False)
        self.decoder.weight = self.encoder.weight
        self.scale = nn.Parameter(torch.tensor(2.5), requires_grad=False)
        self.register_buffer("seen", torch.arange(3))
        self.register_buffer("mask", torch.ones(2, dtype=torch.bool), persistent=False)
        self.register_buffer("nothing", None)
        self.loss = nn.CrossEntropyLoss()
        self.place, self.kind = torch.device("cpu"), torch.float64
        self.shape, self.plain = torch.Size([2, 3]), torch.ones(2)
        self.words = {"the": 0, ("a", ("b", 1)): {1, 2.5, "c"}}


class EncoderRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn_cell = nn.GRU
        self.embedding = nn.Embedding(19, 3)
        self.rnn = self.rnn_cell(3, 5, batch_first=True)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.mlp = nn.Linear(10, 5)
        self.out = nn.Linear(5, 1)


class DecoderRNN(EncoderRNN):
    def __init__(self):
        super().__init__()
        self.attention = Attention()
        self.out = nn.Linear(5, 19)


class Seq2seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = EncoderRNN(), DecoderRNN()
        self.decode_function = functional.log_softmax


def saved(value, is_zip=True):
    buffer = BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=is_zip)
    return buffer.getvalue()


def built(module):
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return module()


def load(content, path, modules=()):
    path.write_bytes(content)
    return load_weights(path, modules)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights"


def assert_same(found, expected):
    """The same names in the same order, and the same bits."""
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype, name
        assert found[name].shape == tensor.shape, name
        assert bits(found[name]) == bits(tensor), name
        assert found[name].device.type == "cpu"
        assert not found[name].requires_grad


def bits(tensor):
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes()


def message(content, path, modules=()):
    """The error that a file gives, which is one sentence that begins with its path."""
    with pytest.raises(ProbekitError) as caught:
        load(content, path, modules)
    text = str(caught.value)
    assert text.startswith(str(path))
    assert text.endswith(".")
    assert "\n" not in text
    return text.removeprefix(str(path)).strip()


# A pickle by hand: what stood in files of torch 0.3 that no torch of today can write.


def text(value):
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(value):
    return b"J" + struct.pack("<i", value)


def name(module, attribute):
    return f"c{module}\n{attribute}\n".encode()


def several(*parts):
    return b"(" + b"".join(parts) + b"t"


def called(function, *arguments):
    return function + several(*arguments) + b"R"


def mapping(items=None):
    pairs = b"".join(text(key) + value for key, value in (items or {}).items())
    return name("collections", "OrderedDict") + b")R(" + pairs + b"u"


def mapping_of_python_2(items):
    pairs = b"".join(b"](" + text(key) + value + b"e" for key, value in items.items())
    return called(name("collections", "OrderedDict"), b"](" + pairs + b"e")


def plain_dict(items):
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


def storage(key="0", count=0, kind=("torch.cuda", "FloatStorage"), part=b"N"):
    parts = [text("storage"), name(*kind), text(key), text("cuda:0"), number(count), part]
    return several(*parts) + b"Q"


def old_tensor(stored, offset, size, stride):
    function = name("torch._utils", "_rebuild_tensor")
    sizes, strides = several(*map(number, size)), several(*map(number, stride))
    return called(function, stored, number(offset), sizes, strides)


def old_parameter(tensor):
    made = called(name("torch.nn.parameter", "Parameter"), tensor)
    return made + several(b"\x88", b"\x89", mapping()) + b"b"


def older_parameter(tensor):
    made = name("torch.nn.parameter", "Parameter") + b")\x81"
    return made + several(tensor, b"N", mapping(), b"\x88", b"\x89") + b"b"


def old_module(module, attribute, parameters=None, modules=None, **others):
    owner = several(text("module"), name(module, attribute), text("a.py"), text("class A: pass"))
    backend = name("torch.nn.backends.thnn", "_get_thnn_function_backend") + b")R"
    state = {
        "_backend": backend,
        "_parameters": mapping(parameters),
        "_buffers": mapping(),
        "_backward_hooks": mapping(),
        "_modules": mapping(modules),
        "training": b"\x88",
        **others,
    }
    return owner + b"Q)\x81" + plain_dict(state) + b"b"


def legacy(tree, keys=(), data=b"", magic=0x1950A86A20F9469CFC6C, protocol=1001, little=True):
    head = [pickle.dumps(value, 2) for value in (magic, protocol, {"little_endian": little})]
    return b"".join([*head, b"\x80\x02" + tree + b".", pickle.dumps(list(keys), 2), data])


def counted(values):
    values = torch.as_tensor(values)
    return struct.pack("<q", len(values)) + values.numpy().tobytes()


def old_language_model():
    """A file of torch 0.3, whose LSTM's weights are pieces of one CUDA storage, and the weights."""
    generator = torch.Generator().manual_seed(1)
    flat = torch.randn(200, generator=generator)
    embedding = torch.randn(5, 2, generator=generator)
    embedding[0, 0] = float("nan")
    shapes = {"weight_ih_l0": (12, 2), "weight_hh_l0": (12, 3), "bias_ih_l0": (12,)}
    places, parameters, start = {}, {}, 8
    for key, shape in shapes.items():
        piece = flat[start : start + torch.Size(shape).numel()].view(shape)
        places[f"rnn.{key}"] = piece
        tensor = old_tensor(storage("94", 200), start, shape, piece.stride())
        parameters[key] = old_parameter(tensor)
        start += piece.numel()
    unserializable = name("torch.backends.cudnn.rnn", "Unserializable") + b")\x81"
    rnn = old_module(
        "torch.nn.modules.rnn",
        "LSTM",
        parameters,
        _data_ptrs=b"](" + number(5) + number(6) + b"e",
        _all_weights=b"](](" + b"".join(text(key) for key in shapes) + b"ee",
        dropout_state=plain_dict({"desc_0": unserializable + text("<unserializable>") + b"b"}),
    )
    turned = old_tensor(storage("95", 10), 0, (2, 5), (1, 2))
    weight = old_parameter(old_tensor(storage("95", 10), 0, (5, 2), (2, 1)))
    model = old_module(
        "model",
        "RNNModel",
        modules={
            "drop": old_module("torch.nn.modules.dropout", "Dropout", p=number(0)),
            "encoder": old_module("torch.nn.modules.sparse", "Embedding", {"weight": weight}),
            "rnn": rnn,
            "decoder": old_module(
                "torch.nn.modules.linear",
                "Linear",
                {"weight": older_parameter(turned), "bias": b"N"},
            ),
        },
        rnn_type=b"U\x04LSTM",
    )
    content = legacy(model, ["94", "95"], counted(flat) + counted(embedding.reshape(-1)))
    return content, {"encoder.weight": embedding, **places, "decoder.weight": embedding.t()}


# What is recovered


@FORMATS
@pytest.mark.parametrize("module", [RNNModel, Seq2seq, EncoderRNN])
def test_whole_module(module, is_zip, path):
    model = built(module)
    weights = load(saved(model, is_zip), path, MODULES)
    assert_same(weights.tensors, model.state_dict())
    assert weights.metadata == {}


@FORMATS
def test_tied_weights_stay_tied(is_zip, path):
    found = load(saved(built(RNNModel), is_zip), path, MODULES).tensors
    assert found["decoder.weight"].data_ptr() == found["encoder.weight"].data_ptr()


def test_module_of_torch_0_3(path):
    content, expected = old_language_model()
    assert_same(load(content, path, ["RNNModel"]).tensors, expected)


def test_ordered_dict_of_python_2_and_view_of_a_storage(path):
    part = several(text("view"), number(3), number(4))
    tree = mapping_of_python_2(
        {
            "part": old_tensor(storage("7", 9, part=part), 1, (3,), (1,)),
            "whole": old_tensor(storage("7", 9), 0, (3, 3), (3, 1)),
        }
    )
    found = load(legacy(tree, ["7"], counted(torch.arange(9.0))), path).tensors
    assert found["part"].tolist() == [4.0, 5.0, 6.0]
    assert found["whole"].tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]


def state_of_all_kinds():
    generator = torch.Generator().manual_seed(3)
    grid = torch.randn(6, 4, generator=generator)
    state = {
        "grid": grid,
        "turned": grid.t(),
        "thinned": grid[1::2, ::3],
        "row": grid[2],
        "spread": grid[0, 0].expand(3, 2),
        "scalar": torch.tensor(-0.0),
        "empty": torch.empty(0, 3),
        "strange": torch.tensor([float("nan"), float("inf"), -float("inf")]),
    }
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        state[f"a.{dtype}"] = torch.randn(3, generator=generator).to(dtype)
    for dtype in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool):
        state[f"a.{dtype}"] = torch.tensor([1, 0, 3]).to(dtype)
    return OrderedDict(state)


@FORMATS
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_state_dict(is_zip, protocol, path):
    state = state_of_all_kinds()
    torch.save(state, path, pickle_protocol=protocol, _use_new_zipfile_serialization=is_zip)
    found = load_weights(path).tensors
    assert_same(found, state)
    if protocol == 2:
        assert_same(found, torch.load(path, weights_only=True))
    assert found["turned"].data_ptr() == found["grid"].data_ptr()
    assert found["spread"].stride() == (0, 0)


@FORMATS
def test_dictionaries_of_weights(is_zip, path):
    encoder, decoder = built(EncoderRNN), built(DecoderRNN)
    state = encoder.state_dict()
    wrapped = {"epoch": 3, "state_dict": state, "optimizer": {"state": {0: torch.ones(2)}}}
    assert_same(load(saved(wrapped, is_zip), path).tensors, state)
    pair = {"encoder": encoder, "decoder": decoder.state_dict(), "args": {"lr": 0.1, "tied": None}}
    expected = {f"encoder.{key}": value for key, value in state.items()}
    expected |= {f"decoder.{key}": value for key, value in decoder.state_dict().items()}
    assert_same(load(saved(pair, is_zip), path, MODULES).tensors, expected)


def test_safetensors_round_trip(path):
    state = state_of_all_kinds()
    save_weights(path, state, {"gates": "r, z, n", "name": "Baan \u2265 2019"})
    found = load_weights(str(path))
    assert_same(found.tensors, dict(sorted(found.tensors.items(), key=lambda item: 0)))
    assert {key: bits(value) for key, value in found.tensors.items()} == {
        key: bits(value) for key, value in state.items()
    }
    assert found.tensors["turned"].shape == (4, 6)
    assert found.metadata == {"gates": "r, z, n", "name": "Baan \u2265 2019"}
    assert [entry.name for entry in path.parent.iterdir()] == ["weights"]


def test_loaded_weights_outlive_their_file(path):
    save_weights(path, {"a": torch.arange(4.0)}, {})
    found = load_weights(path).tensors["a"]
    path.write_bytes(b"\0" * path.stat().st_size)
    assert found.tolist() == [0.0, 1.0, 2.0, 3.0]


def test_dumped_bytes_do_not_depend_on_order():
    state = state_of_all_kinds()
    metadata = {letter: letter * 2 for letter in "abcdefgh"}
    backwards = dict(reversed(state.items())), dict(reversed(metadata.items()))
    first = dump_weights(state, metadata)
    assert first == dump_weights(*backwards)
    assert int.from_bytes(first[:8], "little") % 8 == 0


@given(
    shape=st.lists(st.integers(0, 4), max_size=3),
    metadata=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    seed=st.integers(0, 99),
)
@settings(max_examples=30, deadline=None)
def test_any_weights_survive_safetensors(shape, metadata, seed, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    tensor = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    save_weights(path, {"w": tensor}, metadata)
    found = load_weights(path)
    assert isinstance(found, Weights)
    assert_same(found.tensors, {"w": tensor})
    assert found.metadata == metadata


def test_writing_keeps_the_old_file_when_it_fails(path, monkeypatch):
    save_weights(path, {"a": torch.ones(1)}, {})
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(path), "replace", full)
    with pytest.raises(ProbekitError, match=r"cannot be written: No space left on device"):
        save_weights(path, {"a": torch.zeros(1)}, {})
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["weights"]
    with pytest.raises(ProbekitError, match="cannot be written: No such file or directory"):
        save_weights(path.parent / "absent" / "weights", {"a": torch.ones(1)}, {})


# What is not weights


def test_no_file(path):
    with pytest.raises(ProbekitError, match=r"^there is no file .*weights; check the path\.$"):
        load_weights(path)
    with pytest.raises(ProbekitError, match=r"is a directory; name the checkpoint file itself\.$"):
        load_weights(path.parent)
    os.mkfifo(path)
    with pytest.raises(ProbekitError, match="is not a regular file"):
        load_weights(path)
    with pytest.raises(ProbekitError, match="cannot be read: File name too long"):
        load_weights("a" * 5000)


NEXT = "; name a file that torch.save or safetensors wrote."
FOREIGN = {
    "empty": (b"", "is empty"),
    "short": (b"abc", "is not a checkpoint: neither safetensors nor a torch file"),
    "text": (
        b"# probekit\n\nA toolkit.\n",
        "is not a checkpoint: neither safetensors nor a torch file",
    ),
    "text with a brace": (
        b'weights {"a": 1}\n',
        "is not a checkpoint: neither safetensors nor a torch file",
    ),
    "pickle": (pickle.dumps([1, 2]), "is a pickle, but not one that torch.save wrote"),
    "protocol": (legacy(b"}", protocol=1002), "is a torch file of an unknown protocol"),
    "endian": (
        legacy(b"}", little=False),
        "is a torch file of a big-endian machine, which is not supported",
    ),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_file(kind, path):
    content, reason = FOREIGN[kind]
    assert message(content, path) == reason + NEXT


def zipped(tree=b"}.", compress=zipfile.ZIP_STORED, folder="archive/", **others):
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", compress) as archive:
        archive.writestr(f"{folder}data.pkl", b"\x80\x02" + tree)
        for key, value in others.items():
            archive.writestr(f"{folder}{key.replace('__', '/')}", value)
    return buffer.getvalue()


def test_foreign_zip(path):
    reason = "is a zip archive, but not one that torch.save wrote"
    assert message(zipped(folder=""), path) == reason + NEXT
    assert message(zipped(folder="a/b/"), path) == reason + NEXT
    assert "a big-endian machine" in message(zipped(byteorder=b"big"), path)
    script = zipped(**{"constants.pkl": b""})
    assert message(script, path).startswith("is a TorchScript archive, which holds code")


@FORMATS
@pytest.mark.parametrize("value", [{}, {"epoch": 3}, [torch.ones(2)], torch.ones(2), None])
def test_no_weights(value, is_zip, path):
    assert message(saved(value, is_zip), path).startswith("holds no named weights; save")


def test_safetensors_cut_short(path):
    content = dump_weights({"a": torch.ones(8)}, {})
    for length in (len(content) - 1, len(content) - 32, 20, 9):
        found = message(content[:length], path)
        assert found == "is cut short or damaged: its header does not fit its data; copy it again."


@FORMATS
def test_torch_file_cut_short(is_zip, path):
    content = saved({"a": torch.ones(300)}, is_zip)
    for length in (len(content) - 1, len(content) // 2, 200, 20, 5):
        assert message(content[:length], path).startswith("is cut short or damaged: ")
    assert message(content[:2], path).startswith("is cut short" if not is_zip else "is not a check")


def test_legacy_counts_are_not_believed(path):
    tree = plain_dict({"w": old_tensor(storage("0", 2), 0, (2,), (1,))})
    data = torch.ones(2).numpy().tobytes()
    for count in (3, 2**40, 2**62, -1):
        content = legacy(tree, ["0"], struct.pack("<q", count) + data)
        assert "it ends before its weights do" in message(content, path)
    assert "its pickle does not hold together" in message(legacy(tree), path)
    assert "its pickle does not hold together" in message(legacy(tree, ["1"], data), path)


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (0, (7,), (1,)),
        (1, (6,), (1,)),
        (0, (2, 3), (4, 1)),
        (0, (2,), (2**31 - 1,)),
        (6, (1,), (1,)),
        (-1, (2,), (1,)),
        (0, (-2,), (1,)),
        (2, (2,), (-1,)),
        (0, (2,), ()),
        (0, (2**31 - 1, 2**31 - 1, 2**31 - 1), (0, 0, 0)),
        (0, (2**20,), (0,)),
        (0, (1,) * 65, (0,) * 65),
    ],
)
def test_views_stay_in_their_storage(offset, size, stride, path):
    tree = plain_dict({"w": old_tensor(storage("0", 6), offset, size, stride)})
    found = message(legacy(tree, ["0"], counted(torch.ones(6))), path)
    assert found.startswith("is cut short or damaged: ")
    inside = plain_dict({"w": old_tensor(storage("0", 6), 5, (1, 0), (1, 1))})
    assert load(legacy(inside, ["0"], counted(torch.ones(6))), path).tensors["w"].shape == (1, 0)


def test_parts_of_storages_stay_inside(path):
    for start, count, size in ((3, 4, 1), (-1, 2, 1), (0, 7, 1), (7, 0, 1), (0, 3, 4), (4, 2, 3)):
        part = several(text("view"), number(start), number(count))
        tree = plain_dict({"w": old_tensor(storage("0", 6, part=part), 0, (size,), (1,))})
        content = legacy(tree, ["0"], counted(torch.ones(6)))
        assert message(content, path).startswith("is cut short or damaged: a tensor ")


BOMBS = {
    "memo index": b"}r\xff\xff\xff\xff.",
    "text length": b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.",
    "byte length": b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
    "frame": b"\x95\xff\xff\xff\xff\xff\xff\xff\x7f}.",
    "number": b"\x8b\xff\xff\xff\x7f.",
    "own key": b"}q\x00X\x01\x00\x00\x00ah\x00s.",
    "nested keys": b"}(" + b"N" + b"2\x86" * 200 + b"Nu.",
    "nested set": b"\x8f(" + b"N" + b"2\x86" * 200 + b"\x90.",
    "deep": b"(" * 5000 + b"N" + b"t" * 5000 + b".",
}


@pytest.mark.parametrize("kind", BOMBS)
def test_bombs_do_not_go_off(kind, path):
    for content in (zipped(BOMBS[kind]), legacy(BOMBS[kind][:-1])):
        assert message(content, path).startswith(("is cut short or damaged: ", "holds no named"))


def test_a_list_is_not_copied_over_and_over(path):
    tensor = old_tensor(storage("0", 1), 0, (1,), (1,))
    pairs = b"](" + b"](" + text("w") + tensor + b"ee"
    again = {key: called(name("collections", "OrderedDict"), b"h\x00") for key in "abc"}
    tree = pairs + b"q\x000" + plain_dict(again)
    found = load(legacy(tree, ["0"], counted(torch.ones(1))), path).tensors
    assert list(found) == ["a.w"]


def test_zip_bombs(path):
    squeezed = zipped(b"N" * 10**6 + b".", zipfile.ZIP_DEFLATED)
    assert "its zip archive is compressed" in message(squeezed, path)
    content = zipped(data__0=b"\0" * 100)
    place = content.rindex(struct.pack("<II", 100, 100)) + 4
    grown = content[:place] + struct.pack("<I", 2**31) + content[place + 4 :]
    assert "states more data than the file has" in message(grown, path)


# What asks to be run


class Payload:
    """Its pickle, loaded by Python, makes a file."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def hostile(marker):
    """What is refused, and pickles that ask for it; most of them would make the file `marker`."""
    command = f"touch {marker}"
    system = f"cposix\nsystem\n(V{command}\ntR".encode()
    partial = functools.partial(os.system, command)
    write = f"open({str(marker)!r}, 'w').close()"
    line = command.encode()
    return {
        "posix.system": [
            pickle.dumps(Payload(os.system, command), protocol)[2:] for protocol in (2, 3)
        ]
        + [
            b"\x8c\x05posix\x8c\x06system\x93\x8c" + bytes([len(line)]) + line + b"\x85R.",
            b"(" + text(command) + b"iposix\nsystem\n.",
            b"(cposix\nsystem\n" + text(command) + b"o.",
            b"}" + text("w") + system + b"s.",
            b"(" + system + b"0}.",
            b"ccollections\nOrderedDict\n)R}" + text("_metadata") + system + b"sb.",
            name("torch.nn.modules.linear", "Linear") + b")\x81}" + text("p") + system + b"sb.",
            b"]" + system + b"a.",
        ],
        "os.system": [f"cos\nsystem\n(V{command}\ntR.".encode()],
        "os.system.__call__": [
            b"\x8c\x02os\x8c\x0fsystem.__call__\x93\x8c" + bytes([len(line)]) + line + b"\x85R."
        ],
        "__builtin__.eval": [pickle.dumps(Payload(eval, write), 2)[2:]],
        "builtins.exec": [pickle.dumps(Payload(exec, write), 4)[11:]],
        "__builtin__.getattr": [pickle.dumps(Payload(getattr, 1, "real"), 2)[2:]],
        "functools.partial": [pickle.dumps(Payload(partial), 2)[2:]],
        "copy_reg._reconstructor": [pickle.dumps(Old(), 1)],
        "torch._C._nn.gelu": [name("torch._C._nn", "gelu") + b"."],
        "torch.hub.load": [called(name("torch.hub", "load"), text("a/b"), text("c")) + b"."],
        "torch.nn.modules.system": [name("torch.nn.modules", "system") + b"."],
        "torch.nn.modules.rnn.os.system": [name("torch.nn.modules.rnn", "os.system") + b"."],
        "\\x1b[31m\\u202e.x": [text("\x1b[31m\u202e") + text("x") + b"\x93."],
        "the pickle operation OBJ": [
            b"(" + name("torch.nn.modules.linear", "Linear") + text(command) + b"o."
        ],
        "the pickle operation NEWOBJ_EX": [name("torch.nn.modules.linear", "Linear") + b")}\x92."],
        "the pickle operation PERSID": [b"P1\n."],
    }


class Old:
    pass


def wrapped(payload):
    """A payload in every place of a file where a pickle is read."""
    last = len(pickle.dumps([], 2))
    return [
        zipped(payload),
        legacy(payload[:-1]),
        b"\x80\x02" + payload,
        legacy(b"}")[:-last] + b"\x80\x02" + payload,
    ]


def refusal(asked):
    return (
        f"asks for {asked}, which is code, not weights; nothing was executed: "
        "save the model's state dict and load that instead."
    )


def test_payloads_would_run(tmp_path):
    """The control: Python's own unpickler does run them."""
    marker = tmp_path / "marker"
    payloads = hostile(marker)
    for asked in ("posix.system", "os.system", "__builtin__.eval", "builtins.exec"):
        for payload in payloads[asked]:
            pickle.loads(b"\x80\x02" + payload)
            assert marker.exists(), payload
            marker.unlink()


def test_nothing_is_run(tmp_path, path):
    marker = tmp_path / "marker"
    for asked, payloads in hostile(marker).items():
        for payload in payloads:
            for content in wrapped(payload):
                assert message(content, path, ("Model",)) == refusal(asked), payload
                assert not marker.exists()


@pytest.fixture
def extension():
    """The code 240 stands for os.system, and Python has it at hand, as it has seen it before."""
    copyreg.add_extension("posix", "system", 240)
    assert pickle.loads(b"\x80\x02\x82\xf0.") is os.system
    yield
    copyreg.remove_extension("posix", "system", 240)


@pytest.mark.parametrize("code", [b"\x82\xf0", b"\x83\xf0\x00", b"\x84\xf0\x00\x00\x00"])
def test_extension_codes_are_refused(code, tmp_path, path, extension):
    marker = tmp_path / "marker"
    payload = code + text(f"touch {marker}") + b"\x85R."
    pickle.loads(b"\x80\x02" + payload)
    assert marker.exists()
    marker.unlink()
    size = len(code) - 1
    for content in wrapped(payload):
        assert message(content, path) == refusal(f"the pickle operation EXT{size}")
        assert not marker.exists()


def test_a_class_is_admitted_by_its_bare_name_alone(path):
    content = saved(built(EncoderRNN))
    asked = f"asks for {EncoderRNN.__module__}.EncoderRNN, which is code"
    for modules in ((), ["Encoder"], ["encoderrnn"], [f"{EncoderRNN.__module__}.EncoderRNN"]):
        assert message(content, path, modules).startswith(asked)
    named = zipped(called(name("posix", "system"), text("touch marker")) + b".")
    assert message(named, path, ["system"]).startswith("holds no named weights")


def test_modules_that_hold_each_other(path, monkeypatch):
    monkeypatch.setattr(torchfile, "ENTRY_LIMIT", 5000)
    layer = name("torch.nn.modules.container", "Sequential") + b")\x81"
    own = layer + b"q\x00" + plain_dict({"_modules": plain_dict({"a": b"h\x00"})}) + b"b."
    found = message(zipped(own), path)
    assert "its modules hold too many others, or each other" in found
    doubled = plain_dict({"a": b"N"})
    for level in range(40):
        put = b"q" + bytes([level])
        doubled = b"}(" + text("a") + doubled + put + text("b") + b"h" + bytes([level]) + b"u"
    assert "its modules hold too many others" in message(zipped(doubled + b"."), path)


# Damage at random


def pickle_of(content):
    with zipfile.ZipFile(BytesIO(content)) as archive:
        return {entry.rpartition("/")[2]: archive.read(entry) for entry in archive.namelist()}


SMALL = functools.partial(nn.GRU, 1, 1)


@functools.cache
def sound_files():
    """Sound files of each form; those in the zip format as a pickle and its storages."""
    small = {"a": torch.arange(3.0), "b.c": torch.ones(2, 2).t()}
    return {
        "safetensors": dump_weights(small, {"a": "b"}),
        "zip": saved(small),
        "legacy": saved(small, is_zip=False),
        "zip module": saved(built(SMALL)),
        "legacy module": saved(built(SMALL), is_zip=False),
        "torch 0.3": old_language_model()[0],
    }


def attempt(content, path):
    """Weights come out of it, or one sentence."""
    tensors, complaint = {}, str(path)
    try:
        tensors = load(content, path, MODULES).tensors
    except ProbekitError as error:
        complaint = str(error)
    assert complaint.startswith(str(path))
    assert "\n" not in complaint
    assert sum(value.numel() for value in tensors.values()) < 10**6


CHANGES = st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=4)


def changed(content, changes):
    buffer = bytearray(content)
    for place, value in changes:
        buffer[place % len(buffer)] = value
    return bytes(buffer)


@given(kind=st.sampled_from(sorted(sound_files())), changes=CHANGES, length=st.integers(0, 10**5))
@settings(max_examples=300, deadline=None)
def test_damaged_files_never_crash(kind, changes, length, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "damaged"
    content = sound_files()[kind]
    attempt(changed(content, changes), path)
    attempt(content[: length % len(content)], path)
    if kind.startswith("zip"):
        parts = pickle_of(content)
        tree = changed(parts.pop("data.pkl")[2:], changes)
        attempt(zipped(tree, **{f"data__{key}": value for key, value in parts.items()}), path)


@given(data=st.data(), changes=CHANGES)
@settings(max_examples=150, deadline=None)
def test_damaged_payloads_never_run(data, changes, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    payloads = [item for group in hostile(folder / "marker").values() for item in group]
    payload = changed(data.draw(st.sampled_from(payloads)), changes)
    for content in (zipped(payload), legacy(payload), b"\x80\x04" + payload):
        attempt(content, folder / "damaged")
        assert not (folder / "marker").exists()


@given(content=st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes_as_a_pickle(content, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "damaged"
    for whole in (content, zipped(content), legacy(content), b"\x80\x02" + content):
        attempt(whole, path)
