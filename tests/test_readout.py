"""A readout gives a slice of the full output without computing the rest."""

import pytest
import torch
from torch.nn import functional

from probekit.readout import Readout, smallest_lead

HIDDEN, WEIGHT, BIAS = torch.randn(3, 4, 5), torch.randn(11, 5), torch.randn(11)
FULL = functional.linear(HIDDEN, WEIGHT, BIAS)
ROWS = torch.arange(3)


@pytest.mark.parametrize("items", [None, [7, 2]])
@pytest.mark.parametrize("positions", [None, [3, 0, 1]])
@pytest.mark.parametrize("form", ["logits", "log_probs"])
def test_a_readout_is_a_slice_of_everything(items, positions, form):
    expected = FULL.log_softmax(-1) if form == "log_probs" else FULL
    expected = expected if positions is None else expected[ROWS, positions]
    expected = expected if items is None else expected[..., items]
    found = Readout(positions=positions, items=items, form=form).project(HIDDEN, WEIGHT, BIAS)
    torch.testing.assert_close(found, expected)
    readout = Readout(positions=positions, items=items, form=form)
    torch.testing.assert_close(readout.choose(FULL), expected)


def test_two_words_at_one_position_never_touch_the_rest_of_the_vocabulary():
    weight = WEIGHT.clone()
    weight[[0, 1, 3]] = torch.nan
    hidden = HIDDEN.clone()
    hidden[:, 0] = torch.nan
    found = Readout(positions=[1, 1, 2], items=[7, 2]).project(hidden, weight, BIAS)
    assert found.shape == (3, 2)
    assert found.isfinite().all()


def test_nothing_is_nothing():
    assert Readout.nothing().project(HIDDEN, WEIGHT).shape == (3, 0)
    assert Readout.nothing().choose(FULL).shape == (3, 0)


@pytest.mark.parametrize("form", ["logits", "log_probs"])
def test_each_sequence_may_ask_for_its_own_items(form):
    positions, items = [3, 0, 1], [[7, 2], [0, 10], [4, 4]]
    full = FULL.log_softmax(-1) if form == "log_probs" else FULL
    expected = torch.stack([full[row, positions[row], items[row]] for row in range(3)])
    readout = Readout(positions=positions, items=items, form=form)
    torch.testing.assert_close(readout.project(HIDDEN, WEIGHT, BIAS), expected)
    torch.testing.assert_close(readout.choose(FULL), expected)
    without = Readout(positions, items).project(HIDDEN, WEIGHT)
    torch.testing.assert_close(without, torch.stack([
        (HIDDEN @ WEIGHT.T)[row, positions[row], items[row]] for row in range(3)
    ]))  # fmt: skip
    with pytest.raises(ValueError, match="need a position of each sequence"):
        Readout(items=items)


def test_the_smallest_lead_is_the_worst_real_position():
    logits = torch.tensor([[[3.0, 1, 2], [0, 5, 9]], [[1, 4, 0], [2, 2.5, 0]]])
    targets, real = torch.tensor([[0, 1], [1, 1]]), torch.tensor([[True, False], [True, True]])
    assert smallest_lead(logits, targets, real).tolist() == [1.0, 0.5]
    assert smallest_lead(logits, targets, torch.ones(2, 2, dtype=torch.bool)).tolist() == [-4, 0.5]
