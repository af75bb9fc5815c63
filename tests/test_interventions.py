"""Interventions act row by row, at the steps asked for, and leave all else alone."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from probekit.interventions import mask_units, mean_units, set_units, zero_units

INDICES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=6, unique=True)
STEPS = st.none() | st.lists(st.integers(0, 4), min_size=1, unique=True)


def apply(act, value):
    """The function of an intervention on `[batch, pos, unit]`: whole and stepwise are equal."""
    _, change = act
    before = value.clone()
    whole = change(value, hook=SimpleNamespace(ctx={}))
    steps = [change(value[:, t], hook=SimpleNamespace(ctx={"t": t})) for t in range(value.shape[1])]
    assert torch.equal(torch.stack(steps, dim=1), whole)
    assert torch.equal(value, before)
    return whole


@given(INDICES, STEPS, st.floats(-2, 2))
def test_paired_rows_and_units_are_set_one_by_one(pairs, steps, constant):
    value = torch.randn(4, 5, 6)
    expected = value.clone()
    for row, unit in pairs:
        for t in range(5) if steps is None else steps:
            expected[row, t, unit] = constant
    rows, units = [row for row, _ in pairs], [unit for _, unit in pairs]
    index = {
        "rows": torch.tensor(rows, dtype=torch.long),
        "units": torch.tensor(units, dtype=torch.long),
    }
    assert torch.equal(
        apply(set_units("h", values=constant, steps=steps, **index), value), expected
    )


@given(st.lists(st.integers(0, 5), min_size=1, unique=True), STEPS)
def test_without_rows_the_units_are_zero_in_every_row(units, steps):
    value = torch.randn(4, 5, 6)
    expected = value.clone()
    for t in range(5) if steps is None else steps:
        expected[:, t, units] = 0
    assert torch.equal(apply(zero_units("h", units, steps=steps), value), expected)


def test_each_unit_may_have_its_own_value_and_its_mean():
    value, means = torch.randn(4, 5, 6), torch.arange(6.0)
    for rows in (None, [3, 0]):
        changed = apply(mean_units("h", [5, 2], means, rows=rows), value)
        chosen = [(row, unit) for row, unit in zip(rows or [0, 0], [5, 2], strict=True)]
        for row, unit in chosen:
            assert torch.equal(changed[row, :, unit], torch.full((5,), float(unit)))


@pytest.mark.parametrize("shape", [(4, 6), (6,)])
def test_a_soft_mask_blends_and_lets_gradients_through(shape):
    value = torch.randn(4, 5, 6)
    mask = torch.rand(shape, requires_grad=True)
    target = torch.randn(shape)
    changed = apply(mask_units("h", mask, target), value)
    for row in range(4):
        m, b = (mask[row], target[row]) if len(shape) == 2 else (mask, target)
        torch.testing.assert_close(changed[row], (1 - m) * value[row] + m * b)
    changed.sum().backward()
    assert mask.grad.abs().min() > 0


def test_no_units_are_no_change():
    value = torch.randn(4, 5, 6)
    assert torch.equal(apply(zero_units("h", []), value), value)
    assert torch.equal(apply(zero_units("h", [], rows=[]), value), value)
