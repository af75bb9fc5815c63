"""Activity as bits: eight units a byte, so that a whole corpus stays on disk.

    pack(values, 0.0)                # [batch, pos, unit] -> uint8 [byte, batch * pos]
    for some in activations(bytes[3:4]): ...      # units 24 to 31: where each is active

The first unit of a byte is its highest bit, as numpy.packbits has it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

Bytes = UInt8[np.ndarray, "byte position"]

UNITS = 8  # in a byte
AT_ONCE = 2**18  # bytes that are unpacked together
NUMPYS = (torch.float32, torch.float64)  # types that numpy has


def width_in_bytes(units: int) -> int:
    """The bytes that so many units take."""
    return -(-units // UNITS)


def pack(values: Float[Tensor, "batch pos unit"], threshold: float) -> Bytes:
    """Which values lie above the threshold, `[byte, batch * pos]` (a view, transposed)."""
    flat = values.detach().flatten(0, 1)
    if flat.is_cuda:
        return _on_device(flat > threshold).T
    flat = flat if flat.dtype in NUMPYS else flat.float()
    # numpy compares several times as fast as torch does
    return np.packbits(np.greater(flat.numpy(), threshold), axis=1).T


def _on_device(active: Bool[Tensor, "position unit"]) -> UInt8[np.ndarray, "position byte"]:
    """As numpy.packbits, before anything leaves the device."""
    positions, units = active.shape
    rows = torch.nn.functional.pad(active, (0, -units % UNITS)).view(positions, -1, UNITS)
    places = 2 ** torch.arange(UNITS - 1, -1, -1, dtype=torch.uint8, device=active.device)
    packed: np.ndarray = (rows * places).sum(-1, dtype=torch.uint8).cpu().numpy()
    return packed


class Activations(NamedTuple):
    """Where each of some units is active: unit `units[i]` at `positions[starts[i]:starts[i + 1]]`.

    Units are numbered within the bytes that they were read from.
    """

    units: Int[np.ndarray, " unit"]
    positions: Int[np.ndarray, " active"]
    starts: Int[np.ndarray, " bound"]


def activations(block: Bytes, at_once: int = AT_ONCE) -> Iterator[Activations]:
    """The active positions of all units of a block, some units at a time, positions in order.

    Bytes that are zero are left behind first: with few units active that is most of the work.
    """
    count, width = block.shape
    if not block.size:
        yield Activations(np.arange(count * UNITS), *np.zeros((2, count * UNITS + 1), np.int64))
        return
    filled = np.flatnonzero(block != 0)
    bytes_ = block.reshape(-1)[filled]
    step = min(UNITS, max(1, at_once // max(1, len(filled))))
    for first in range(0, UNITS, step):
        bits = np.arange(first, min(first + step, UNITS))
        active = (bytes_ & (128 >> bits[:, None]).astype(np.uint8)) != 0
        found = np.flatnonzero(active)
        per_bit = np.count_nonzero(active, axis=1)
        found -= np.repeat(np.arange(len(bits)) * len(filled), per_bit)
        flat = filled[found]  # byte * width + position, of one bit after another
        rows = np.arange(len(bits) * count + 1)
        if count == 1:
            starts = np.concatenate([[0], np.cumsum(per_bit)])
        else:
            whole = flat + np.repeat(np.arange(len(bits)) * block.size, per_bit)
            starts = np.searchsorted(whole, rows * width)
            flat -= np.repeat((rows[:-1] % count) * width, np.diff(starts))
        yield Activations((rows[:-1] % count) * UNITS + bits[rows[:-1] // count], flat, starts)
