"""Assertions about activations and results, with sentences that name what differs."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from probekit.analysis import Partial, Result
from probekit.errors import listing


def assert_equal(found: Tensor, expected: Tensor, what: str) -> None:
    """Both tensors hold the same values."""
    assert found.shape == expected.shape, f"{what} is {shape_of(found)}, not {shape_of(expected)}"
    assert torch.equal(found, expected), f"{what} is off by up to {gap(found, expected)}"


def assert_close(found: Tensor, expected: Tensor, what: str, tolerance: float) -> None:
    """Both tensors hold the same values, to an absolute or relative difference of `tolerance`."""
    assert found.shape == expected.shape, f"{what} is {shape_of(found)}, not {shape_of(expected)}"
    near = torch.isclose(found, expected, rtol=tolerance, atol=tolerance)
    assert bool(near.all()), f"{what} is off by up to {gap(found, expected)}"


def into(seen: list[Tensor]) -> Callable[..., None]:
    """A hook function that keeps what passes."""
    return lambda value, hook: seen.append(value.detach().clone())  # noqa: ARG005


def stacked(seen: list[Tensor], name: str) -> Tensor:
    """The firings of one hook point in one run as `[batch, pos, unit]`."""
    assert seen, f"{name} never fired"
    if seen[0].ndim == 2:
        return torch.stack(seen, dim=1)
    assert len(seen) == 1, f"{name} fired {len(seen)} times with all positions at once"
    return seen[0]


def gap(found: Tensor, expected: Tensor) -> str:
    """The largest difference, as text."""
    return f"{(found.double() - expected.double()).abs().max().item():.3g}"


def shape_of(values: Tensor) -> str:
    """The shape as `[4, 12, 512]`."""
    return f"[{', '.join(map(str, values.shape))}]"


def same_partial(found: Partial, expected: Partial, what: str) -> None:
    """Both partials hold the same arrays, bit for bit."""
    assert sorted(found) == sorted(expected), f"{what} holds other arrays: {listing(found)}"
    for name in expected:
        one, other = np.asarray(found[name]), np.asarray(expected[name])
        form = (one.dtype, one.shape) == (other.dtype, other.shape)
        assert form, f"{name} of {what} has another type or shape"
        assert one.tobytes() == other.tobytes(), f"{name} of {what} differs"


def same_result(found: Result, expected: Result, what: str, tolerance: float = 0.0) -> None:
    """Both results say the same; with a tolerance, floats may differ by that much, and notes."""
    for kind in ("tables", "metrics", "files"):
        names, others = list(getattr(found, kind)), list(getattr(expected, kind))
        assert names == others, f"{what} has other {kind}: {listing(names)}"
    for name, table in expected.tables.items():
        same_table(found.tables[name], table, f"{what}, table {name},", tolerance)
    for name, value in expected.metrics.items():
        near = np.isclose(found.metrics[name], value, tolerance, tolerance, equal_nan=True)
        assert near, f"{what} has {name}={found.metrics[name]}, not {value}"
    assert found.figures == expected.figures, f"{what} has other figures"
    if not tolerance:
        assert found.notes == expected.notes, f"{what} has other notes"
        assert found.files == expected.files, f"{what} has files of another content"


def same_table(
    found: pd.DataFrame, expected: pd.DataFrame, what: str, tolerance: float = 0.0
) -> None:
    """Both tables hold the same; with a tolerance, floats may differ by that much."""
    assert list(found.columns) == list(expected.columns), f"{what} has other columns"
    assert len(found) == len(expected), f"{what} has {len(found)} rows, not {len(expected)}"
    for name in expected.columns:
        one, other = found[name], expected[name]
        assert one.dtype == other.dtype, f"{what} has {name} as {one.dtype}, not {other.dtype}"
        if pd.api.types.is_float_dtype(other.dtype):
            equal = np.isclose(one, other, tolerance, tolerance, equal_nan=True)
        else:
            equal = np.array(
                [str(a) == str(b) for a, b in zip(one, other, strict=True)], dtype=bool
            )
        rows = np.flatnonzero(~equal)
        assert not len(rows), (
            f"{what} has {one.iloc[rows[0]]!r} in {name} row {rows[0]}, not {other.iloc[rows[0]]!r}"
        )
