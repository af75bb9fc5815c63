"""Asking again: the bits that another run left, for other thresholds without a forward pass."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from probekit.analysis import Inputs, Measured, Shard
from probekit.errors import ProbekitError
from probekit.partials import PartialStore
from probekit.report.folder import read_manifest
from probekit_neurons.params import READ, ReadingParams


def check_reuse(params: ReadingParams, inputs: Inputs) -> None:
    """Raise ProbekitError unless the run in `params.bits` read the same text with the same models.

    The models, the data and every parameter that decides what is read must be the same.
    """
    folder = Path(params.bits)
    identity = read_manifest(folder).get("identity") or {}
    before = (identity.get("analysis") or {}).get("params") or {}
    if not set(READ) <= set(before) or before.get("bits"):
        raise ProbekitError(
            f"bits={folder} holds no bits; name the folder of a run that read the model itself,"
            " such as one of plugin=neurons."
        )
    now = params.model_dump(mode="json")
    for name in READ:
        if before[name] != now[name]:
            raise ProbekitError(
                f"bits={folder} was read with {name}={_shown(before[name])}, not"
                f" {_shown(now[name])}; give the same here."
            )
    _same_inputs(folder, identity.get("fingerprints") or {}, inputs)


def stored_parts(folder: Path, shards: Sequence[Shard]) -> list[Measured]:
    """The partials of another run for the same shards."""
    store = PartialStore(folder / "partials")
    for shard in shards:
        if not store.path(shard).is_file():
            raise ProbekitError(
                f"bits={folder} lacks the part {shard.name}; finish that run by giving its command"
                " again."
            )
    return store.all(list(shards))


def _same_inputs(folder: Path, prints: dict[str, Any], inputs: Inputs) -> None:
    if prints.get("data") != inputs.dataset.fingerprint:
        raise ProbekitError(f"bits={folder} was read on other text; give the same data here.")
    for label in inputs.labels:
        if prints.get(f"model {label}") != inputs.model(label).fingerprint:
            raise ProbekitError(
                f"bits={folder} was not read with {label}; give the same model, or leave out bits."
            )


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value).lower()
