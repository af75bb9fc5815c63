"""The weights of a model folder, tensor by tensor, without holding more than is asked for.

    files = TensorFiles(Path("opt-66b"), torch.float16)
    files.read("model.decoder.layers.3.fc1.weight")

Only safetensors can be read so: a tensor is mapped from the file, and copied only to change its
type or to move it to another device.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from probekit.errors import ProbekitError, listing
from probekit_opt.index import SHOWN, shards

WHOLE = "model.safetensors"


class TensorFiles:
    """The safetensors of a folder: one file, or several that an index names."""

    def __init__(self, folder: Path, dtype: torch.dtype, device: str = "cpu") -> None:
        self.folder, self.dtype, self.device = folder, dtype, device
        index = folder / f"{WHOLE}.index.json"
        names = shards(index) if index.is_file() else [WHOLE]
        if missing := [name for name in names if not (folder / name).is_file()]:
            raise ProbekitError(
                f"{folder} lacks {listing(missing[:SHOWN])}; a layer at a time can be read from"
                " safetensors alone."
            )
        self.shapes: dict[str, tuple[int, ...]] = {}
        self._file: dict[str, Path] = {}
        for name in names:
            self._open(folder / name)

    def _open(self, path: Path) -> None:
        """Note what a file holds."""
        try:
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118 (not a mapping)
                    self._file[own_name(name)] = path
                    self.shapes[own_name(name)] = tuple(file.get_slice(name).get_shape())
        except SafetensorError as error:
            raise ProbekitError(
                f"{path} is cut short or damaged ({error}); copy it again."
            ) from error

    def check(self, expected: Mapping[str, tuple[int, ...]]) -> None:
        """Raise ProbekitError unless every expected tensor is there in its shape."""
        if missing := [name for name in expected if name not in self.shapes]:
            raise ProbekitError(
                f"{self.folder} lacks {len(missing)} weights that its config.json asks for, such as"
                f" {listing(missing[:SHOWN])}; copy it again."
            )
        for name, shape in expected.items():
            if self.shapes[name] != shape:
                found, asked = (" x ".join(map(str, one)) for one in (self.shapes[name], shape))
                raise ProbekitError(
                    f"{self.folder}: {name} has the shape {found}, but config.json asks for"
                    f" {asked}; the two do not belong together."
                )

    def read(self, name: str) -> Tensor:
        """One tensor."""
        return self.read_all([name])[name]

    def read_all(self, names: Iterable[str]) -> dict[str, Tensor]:
        """Several tensors, each file being opened once."""
        found: dict[str, Tensor] = {}
        by_file: dict[Path, list[str]] = {}
        for name in names:
            by_file.setdefault(self._file[name], []).append(name)
        for path, some in by_file.items():
            with safe_open(path, framework="pt") as file:
                held = {own_name(name): name for name in file.keys()}  # noqa: SIM118
                for name in some:
                    tensor = file.get_tensor(held[name])
                    found[name] = tensor.to(self.device, self.dtype)
        return found


def own_name(name: str) -> str:
    """The name of a weight in a causal language model; old files leave out the first part."""
    return f"model.{name}" if name.startswith("decoder.") else name
