"""Restart files of a training: written whole, read as data alone, ignored where they do not fit."""

import logging
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from probekit.checkpoints import Weights, load_weights, save_weights
from probekit.errors import ProbekitError

log = logging.getLogger("probekit")


class Restart:
    """Files in a folder that belong to one training; without a folder nothing is kept.

    `identity` says which training it is: files of another one are ignored.
    """

    def __init__(self, folder: Path | None, identity: Mapping[str, str]) -> None:
        self.folder, self.identity = folder, dict(identity)

    def read(self, name: str) -> Weights | None:
        """The file of that name, or None where there is none that is sound and of this training."""
        if self.folder is None or not (self.folder / f"{name}.safetensors").exists():
            return None
        try:
            found = load_weights(self.folder / f"{name}.safetensors")
        except ProbekitError as error:
            log.info("ignored a restart file: %s", error)
            return None
        same = all(found.metadata.get(key) == value for key, value in self.identity.items())
        return found if same else None

    def write(self, name: str, tensors: Mapping[str, Tensor], facts: Mapping[str, str]) -> None:
        """Keep tensors and facts under that name."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        save_weights(self.folder / f"{name}.safetensors", tensors, {**facts, **self.identity})
