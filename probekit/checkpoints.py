"""Trained weights from files, read as data alone: safetensors and files of torch.

    load_weights("model.pt").tensors["rnn.weight_ih_l0"]
    load_weights("old.pt", modules=["RNNModel"])      # a whole module, pickled by any torch

A file that asks for anything but numbers is refused, and nothing in it is ever run.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from json import dumps, loads
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import safetensors.torch
import torch
from safetensors import safe_open
from torch import Tensor

from probekit.errors import ProbekitError
from probekit.torchfile import Damaged, Foreign, read_legacy, read_zip
from probekit.unpickle import Refused

HEADER_LIMIT = 100_000_000  # bytes; safetensors' own


@dataclass(frozen=True)
class Weights:
    """Tensors on the CPU by their dotted names, as in a state dict, and safetensors' metadata.

    Tensors that shared their storage when they were saved by torch share it here.
    """

    tensors: dict[str, Tensor]
    metadata: dict[str, str] = field(default_factory=dict)


def load_weights(path: str | Path, modules: Sequence[str] = ()) -> Weights:
    """The weights of a file, whose format is told by its content.

    It may be safetensors, or of any torch, holding a state dict (alone, or under `state_dict`), a
    dictionary of state dicts and modules, or a whole module. `modules` are the bare names of the
    classes (`RNNModel`) that a whole module may be made of beside torch's own. Of modules only the
    parameters and the persistent buffers are read; no code in the file or of the classes is run.

    Raises ProbekitError where the file cannot be read, is something else, is damaged, or asks for
    anything but weights.
    """
    source = Path(path)
    try:
        _check_file(source, path)
        with source.open("rb") as file:
            weights = _read(file, source, frozenset(modules))
    except OSError as error:
        raise ProbekitError(
            f"{path} cannot be read: {error.strerror or error}; check the file."
        ) from error
    except Refused as error:
        raise ProbekitError(
            f"{path} asks for {error}, which is code, not weights; nothing was executed: "
            "save the model's state dict and load that instead."
        ) from error
    except Foreign as error:
        raise ProbekitError(
            f"{path} is {error}; name a file that torch.save or safetensors wrote."
        ) from error
    except Damaged as error:
        raise ProbekitError(f"{path} is cut short or damaged: {error}; copy it again.") from error
    if not weights.tensors:
        raise ProbekitError(f"{path} holds no named weights; save the model's state dict in it.")
    return weights


def _check_file(source: Path, path: str | Path) -> None:
    if not source.exists():
        raise ProbekitError(f"there is no file {path}; check the path.")
    if not source.is_file():
        kind = "a directory" if source.is_dir() else "not a regular file"
        raise ProbekitError(f"{path} is {kind}; name the checkpoint file itself.")


def dump_weights(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """The bytes of a safetensors file; the same weights always give the same bytes."""
    plain = {name: _own(value) for name, value in tensors.items()}
    raw: bytes = safetensors.torch.save(plain)
    start = 8 + int.from_bytes(raw[:8], "little")
    header = {"__metadata__": dict(sorted(metadata.items())), **loads(raw[8:start])}
    text = dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + raw[start:]


def _own(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


def save_weights(
    path: str | Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> None:
    """Write a safetensors file whole: whoever reads `path` sees the old file or the new one.

    Raises ProbekitError where the file cannot be written.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{uuid4().hex}")
    try:
        temporary.write_bytes(dump_weights(tensors, metadata))
        temporary.replace(target)
    except OSError as error:
        raise ProbekitError(
            f"{path} cannot be written: {error.strerror}; name a place that can be."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _read(file: BinaryIO, path: Path, modules: frozenset[str]) -> Weights:
    """The weights of an open file, by the reader that its first bytes ask for."""
    head = file.read(9)
    if not head:
        raise Foreign("empty")
    if head[8:] == b"{" and int.from_bytes(head[:8], "little") <= HEADER_LIMIT:
        with _damage("its header does not fit its data"):
            return _read_safetensors(path)
    if head.startswith(b"PK\x03\x04"):
        with _damage("its zip archive does not hold together"):
            return Weights(read_zip(file, modules))
    if head.startswith(b"\x80"):
        with _damage("its pickle does not hold together"):
            return Weights(read_legacy(file, modules))
    raise Foreign("not a checkpoint: neither safetensors nor a torch file")


@contextmanager
def _damage(reason: str) -> Iterator[None]:
    """Whatever a reader stumbles over within it is damage to the file."""
    try:
        yield
    except (Damaged, Foreign, Refused, OSError, MemoryError):
        raise
    except Exception as error:
        raise Damaged(reason) from error


def _read_safetensors(path: Path) -> Weights:
    with safe_open(path, framework="pt") as file:
        # A clone, because what safetensors gives still hangs on the file, which may be replaced.
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        return Weights(tensors, dict(file.metadata() or {}))
