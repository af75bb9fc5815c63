"""What torch.save ever wrote, in its zip format and in the one before it, read as data alone.

Files of torch are not handed to torch.load: even with weights_only it makes room for whatever a
file states, and a whole module that an old torch pickled it cannot read at all.
"""

import math
import mmap
import zipfile
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from io import SEEK_END, BytesIO
from typing import Any, BinaryIO

import torch
from torch import Tensor

from probekit.unpickle import (
    Instance,
    Recipe,
    Refused,
    Stub,
    expect,
    printable,
    read_pickle,
    table,
    texts,
)

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
COUNT = 8  # bytes of the count before a storage of the format before zip
ENTRY_LIMIT = 1_000_000  # parameters, modules and other entries of dictionaries in one file
NAME_LIMIT = 1_000  # characters; a module that holds itself runs into it
DIMENSIONS = 64  # torch's own limit
INT64 = 2**63 - 1
BIG_ENDIAN = "a torch file of a big-endian machine, which is not supported"

DTYPES = {
    "Float": torch.float32,
    "Double": torch.float64,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
}


class Damaged(Exception):
    """A file is of a known format but does not hold together; the message says in what way."""


class Foreign(Exception):
    """A file is nothing that weights come in; the message says what it is instead."""


def read_zip(file: BinaryIO, modules: frozenset[str]) -> dict[str, Tensor]:
    """The tensors of a zip archive: `data.pkl` and `data/KEY` in one folder, not compressed."""
    size = file.seek(0, SEEK_END)
    with zipfile.ZipFile(file) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        folder = _folder(entries)
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries.values()):
            raise Damaged("its zip archive is compressed, which torch never does")
        if sum(entry.file_size for entry in entries.values()) > size:
            raise Damaged("its zip archive states more data than the file has")
        if f"{folder}byteorder" in entries and archive.read(f"{folder}byteorder") != b"little":
            raise Foreign(BIG_ENDIAN)
        objects = TorchObjects(modules)
        tree = objects.read(BytesIO(archive.read(f"{folder}data.pkl")))
        return _tensors(tree, lambda key: archive.read(f"{folder}data/{key}"), size)


def _folder(names: Collection[str]) -> str:
    """The folder of a zip archive that holds `data.pkl`, with its slash."""
    for name in names:
        folder, slash, rest = name.partition("/")
        if rest == "data.pkl":
            if f"{folder}/constants.pkl" in names:
                raise Foreign("a TorchScript archive, which holds code beside the weights")
            return folder + slash
    raise Foreign("a zip archive, but not one that torch.save wrote")


def read_legacy(file: BinaryIO, modules: frozenset[str]) -> dict[str, Tensor]:
    """The tensors of torch's format before zip: five pickles, then the storages one by one."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        objects = TorchObjects(modules)
        if objects.read(data) != MAGIC:
            raise Foreign("a pickle, but not one that torch.save wrote")
        if objects.read(data) != PROTOCOL:
            raise Foreign("a torch file of an unknown protocol")
        if objects.read(data).get("little_endian") is not True:
            raise Foreign(BIG_ENDIAN)
        tree = objects.read(data)
        keys = objects.read(data)
        places = _places(data, [(key, objects.dtypes[key]) for key in keys])
        return _tensors(tree, lambda key: data[places[key]], len(data))


def _places(data: mmap.mmap, storages: Iterable[tuple[str, torch.dtype]]) -> dict[str, slice]:
    """Where each storage stands from the present position on: an int64 count, then its numbers."""
    places, start = {}, data.tell()
    for key, dtype in storages:
        count = int.from_bytes(data[start : start + COUNT], "little", signed=True)
        start += COUNT
        stop = start + count * dtype.itemsize
        if count < 0 or stop > len(data):
            raise Damaged("it ends before its weights do")
        places[key] = slice(start, stop)
        start = stop
    return places


@dataclass(frozen=True, eq=False)
class Storage:
    """A run of numbers in the file by its key; `part` is (start, count) of it where not all."""

    key: str
    dtype: torch.dtype
    part: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False)
class View:
    """A tensor as the file states it: nothing in it has been checked."""

    storage: Any
    offset: Any
    size: Any
    stride: Any

    @classmethod
    def rebuild(cls, storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> "View":
        """What torch's functions to rebuild a tensor are given; the rest of it is no weight."""
        return cls(storage, offset, size, stride)


class TorchObjects:
    """What the names and persistent ids in a pickle of torch stand for.

    `dtypes` collects the type of every storage by its key.
    """

    def __init__(self, modules: frozenset[str]) -> None:
        self.modules = modules
        self.dtypes: dict[str, torch.dtype] = {}

    def read(self, stream: Any) -> Any:
        """The next pickle of a stream."""
        return read_pickle(stream, self.find, self.persistent)

    def find(self, module: str, name: str) -> Any:
        """What stands for a global; raises Refused where it is neither torch's nor expected."""
        full = f"{module}.{name}"
        if full in KNOWN:
            return KNOWN[full]
        is_layer = module.startswith("torch.nn.modules.") and name.isidentifier()
        if is_layer or name.rpartition(".")[2] in self.modules:
            return Stub(full)
        raise Refused(printable(full))

    def persistent(self, value: Any) -> Any:
        """The class of a module, which old torch wrote with its source code, or a storage."""
        match value:
            case ("module", Stub() as stub, *_):
                return stub
            case ("storage", torch.dtype() as dtype, str() as key, _, int(), *rest):
                self.dtypes.setdefault(key, dtype)
                return Storage(key, dtype, (rest[0][1], rest[0][2]) if rest and rest[0] else None)
        raise Damaged("it refers to something that is no storage")


def _tensors(tree: Any, fetch: Callable[[str], bytes], size: int) -> dict[str, Tensor]:
    """The named tensors of what a pickle held, whose storages `fetch` gives by their keys."""
    storages: dict[tuple[str, torch.dtype], Tensor] = {}

    def storage(of: Storage) -> Tensor:
        if (of.key, of.dtype) not in storages:
            storages[of.key, of.dtype] = _numbers(fetch(of.key), of.dtype)
        return storages[of.key, of.dtype]

    views = _named_views(tree)
    return {name: _as_tensor(view, storage(view.storage), size) for name, view in views.items()}


def _numbers(data: bytes, dtype: torch.dtype) -> Tensor:
    """Bytes as a tensor `[number]` that owns them."""
    if not data:
        return torch.empty(0, dtype=dtype)
    return torch.frombuffer(bytearray(data), dtype=dtype)


def _as_tensor(view: View, numbers: Tensor, limit: int) -> Tensor:
    """The view on its storage, which may not reach outside it.

    A stride of 0 lets a small storage state any number of elements; no more than `limit`, the size
    of the file, are believed.
    """
    start, room = view.storage.part or (0, len(numbers))
    ends = (start, room, view.offset, *view.size, *view.stride)
    sane = all(type(end) is int and 0 <= end <= INT64 for end in ends)
    if not sane or len(view.size) > DIMENSIONS:
        raise Damaged("a tensor has an impossible shape")
    count = math.prod(view.size)
    steps = zip(view.size, view.stride, strict=True)
    last = view.offset + sum((length - 1) * step for length, step in steps)
    if start + room > len(numbers) or count > limit or (count and last >= room):
        raise Damaged("a tensor reaches outside its storage")
    return numbers.as_strided(view.size, view.stride, start + view.offset)


def _named_views(tree: Any) -> dict[str, View]:
    """The tensors in a state dict, a module, or a dictionary of such, by their dotted names."""
    if isinstance(tree, dict) and isinstance(tree.get("state_dict"), dict | Instance):
        tree = tree["state_dict"]
    found: dict[str, View] = {}
    pending = [("", tree)]
    for _ in range(ENTRY_LIMIT):
        if not pending:
            return found
        name, node = pending.pop()
        if len(name) > NAME_LIMIT or len(pending) > ENTRY_LIMIT:
            break
        if isinstance(node, View) and name:
            found[name] = node
        prefix = f"{name}." if name else ""
        pending += [(prefix + key, _unwrapped(child)) for key, child in reversed(_entries(node))]
    raise Damaged("its modules hold too many others, or each other")


def _entries(node: Any) -> list[tuple[str, Any]]:
    """What stands right below a module or dictionary, in the order of a state dict."""
    if isinstance(node, dict):
        return list(node.items())
    if not isinstance(node, Instance):
        return []
    passing = node.state.get("_non_persistent_buffers_set") or ()
    tables = [node.state.get(key) or {} for key in ("_parameters", "_buffers", "_modules")]
    items = [item for entries in tables for item in entries.items()]
    return [item for item in items if item[0] not in passing]


def _unwrapped(value: Any) -> Any:
    """The tensor of an old Parameter, which wraps it; any other value as it is."""
    data = value.state.get("data") if isinstance(value, Instance) else None
    return data if isinstance(data, View) else value


def _parameter(data: Any = None, *_: Any) -> Instance:
    return Instance("Parameter", {"data": data})


def _taken(items: Any = None) -> list[Any]:
    """The items of a list, which is emptied: no file can have one list copied many times."""
    found = [] if items is None else expect(items, list)
    copy = list(found)
    found.clear()
    return copy


def _first(value: Any, *_: Any) -> Any:
    return value


INERT = (
    "torch.device",
    "torch.nn.backends.thnn._get_thnn_function_backend",
    # A recurrent layer that was trained with dropout on a GPU kept one of these.
    "torch.backends.cudnn.rnn.Unserializable",
    # The usual sequence-to-sequence module keeps its output function as an attribute.
    "torch.nn.functional.log_softmax",
    *(f"torch.{name}" for name, value in vars(torch).items() if isinstance(value, torch.dtype)),
)
KNOWN: dict[str, Any] = {
    "collections.OrderedDict": Recipe(lambda *items: table(_taken(*items))),
    "builtins.set": Recipe(lambda *items: set(texts(_taken(*items)))),
    "__builtin__.set": Recipe(lambda *items: set(texts(_taken(*items)))),
    "torch._utils._rebuild_tensor": Recipe(View.rebuild),
    "torch._utils._rebuild_tensor_v2": Recipe(View.rebuild),
    "torch._utils._rebuild_parameter": Recipe(_first),
    "torch._utils._rebuild_parameter_with_state": Recipe(_first),
    "torch.nn.parameter.Parameter": Recipe(_parameter),
    "torch.autograd.variable.Variable": Recipe(_parameter),
    "torch.Size": Recipe(lambda lengths: expect(lengths, tuple)),
    **{name: Stub(name) for name in INERT},
    **{f"torch.{kind}Storage": dtype for kind, dtype in DTYPES.items()},
    **{f"torch.cuda.{kind}Storage": dtype for kind, dtype in DTYPES.items()},
}
