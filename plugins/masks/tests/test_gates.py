"""Gates against Monte Carlo, against Louizos et al. (2018) written out, by finite differences."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from probekit_masks.gates import HardConcrete, ScoreFunction, StraightThrough, make_gate
from probekit_masks.params import MaskParams

SETTINGS = [(0.2, -0.2, 1.0), (0.2, -0.2, 1.1), (2 / 3, -0.1, 1.1)]
LOCATIONS = torch.tensor([-3.0, -0.7, 0.0, 0.4, 2.5], dtype=torch.float64)


def cdf(x, location, temperature, low, high):
    """Louizos et al., appendix B: the distribution of the stretched variable, then cut off."""
    s = (x - low) / (high - low)
    return 1 / (1 + math.exp(-((math.log(s) - math.log(1 - s)) * temperature - location)))


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_closed_forms_are_those_of_the_paper(setting):
    gate = HardConcrete(LOCATIONS, *setting)
    temperature, low, high = setting
    for at, location in enumerate(LOCATIONS.tolist()):
        nonzero = 1 - cdf(0.0, location, *setting)
        # equation 11 of Louizos et al.
        assert nonzero == pytest.approx(
            1 / (1 + math.exp(-(location - temperature * math.log(-low / high))))
        )
        assert float(gate.nonzero()[at]) == pytest.approx(nonzero)
        ones = 0.0 if high == 1 else 1 - cdf(1.0, location, *setting)
        assert float(gate.between()[at]) == pytest.approx(nonzero - ones)
        grid = (np.arange(20000) + 0.5) / 20000
        mean = np.mean([1 - cdf(x, location, *setting) for x in grid])
        assert float(gate.expected()[at]) == pytest.approx(mean, abs=2e-4)


@pytest.mark.parametrize("setting", SETTINGS)
def test_samples_are_distributed_as_the_closed_forms_say(setting):
    gate = HardConcrete(LOCATIONS, *setting)
    drawn = gate.sample(200_000, torch.Generator().manual_seed(0))
    error = 4 * 0.5 / math.sqrt(len(drawn))
    inside = (drawn > 0) & ((drawn < 1) | (setting[2] == 1))  # where 1 is only rounding
    assert torch.allclose((drawn != 0).double().mean(0), gate.nonzero(), atol=error)
    assert torch.allclose(inside.double().mean(0), gate.between(), atol=error)
    assert torch.allclose(drawn.mean(0), gate.expected(), atol=error)
    for x in (0.1, 0.5, 0.9):
        below = torch.tensor([cdf(x, one, *setting) for one in LOCATIONS.tolist()])
        assert torch.allclose((drawn <= x).double().mean(0), below.double(), atol=error)


def test_equation_9_as_it_must_be_meant():
    """u near 1 gives s near 1, and the mask must then be near its upper end, not its lower."""
    gate = HardConcrete(torch.tensor([20.0, -20.0]), 0.2, -0.2, 1.0)
    drawn = gate.sample(50, torch.Generator().manual_seed(0))
    assert (drawn[:, 0] > 0.99).all()
    assert (drawn[:, 1] == 0).all()


@pytest.mark.parametrize("setting", SETTINGS)
def test_gradients_by_finite_differences(setting):
    def values(location):
        gate = HardConcrete(location, *setting)
        drawn = gate.sample(7, torch.Generator().manual_seed(3))
        return torch.cat([gate.nonzero(), gate.between(), gate.expected(), drawn.sum(0)])

    torch.autograd.gradcheck(values, LOCATIONS.clone().requires_grad_())


def test_the_gradient_through_samples_is_that_of_the_expected_value():
    location = LOCATIONS.clone().requires_grad_()
    gate = HardConcrete(location, 0.2, -0.2, 1.1)
    drawn = gate.sample(400_000, torch.Generator().manual_seed(1))
    (sampled,) = torch.autograd.grad(drawn.mean(0).sum(), location)
    (exact,) = torch.autograd.grad(gate.expected().sum(), location)
    assert torch.allclose(sampled, exact, atol=5e-3)


def test_a_unit_is_chosen_where_its_expected_gate_is_above_a_half():
    for gate in (HardConcrete(LOCATIONS, 0.2, -0.2, 1.0), StraightThrough(LOCATIONS, 0.2),
                 ScoreFunction(LOCATIONS)):  # fmt: skip
        assert gate.chosen().tolist() == (gate.expected() > 0.5).tolist()
    assert StraightThrough(LOCATIONS, 0.2).chosen().tolist() == [False, False, False, True, True]


def test_straight_through_is_discrete_with_the_gradient_of_a_sigmoid():
    location = LOCATIONS.clone().requires_grad_()
    gate = StraightThrough(location, 0.3)
    drawn = gate.sample(50_000, torch.Generator().manual_seed(0))
    assert drawn.detach().unique().tolist() == [0, 1]
    assert torch.allclose(drawn.mean(0), location.sigmoid(), atol=0.01)
    noise = torch.logit(
        torch.rand(50_000, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    )
    soft = ((noise + location) / 0.3).sigmoid()
    weights = torch.randn(50_000, 5, generator=torch.Generator().manual_seed(1)).double()
    (found,) = torch.autograd.grad((drawn * weights).sum(), location)
    (expected,) = torch.autograd.grad((soft * weights).sum(), location)
    assert torch.allclose(found, expected)


def test_the_score_function_is_unbiased():
    """Against the gradient of the expected cost, summed over all masks."""
    location = torch.tensor([-0.5, 0.3, 1.0], dtype=torch.float64, requires_grad=True)

    def cost(mask):
        return (mask @ torch.tensor([1.0, -2.0, 0.5]).double() - 1) ** 2 + mask[..., 0] * mask[
            ..., 2
        ]

    masks = torch.tensor(list(product([0.0, 1.0], repeat=3)), dtype=torch.float64)
    chance = torch.where(masks > 0, location.sigmoid(), 1 - location.sigmoid()).prod(1)
    (exact,) = torch.autograd.grad((chance * cost(masks)).sum(), location)
    gate, source = ScoreFunction(location), torch.Generator().manual_seed(0)
    total = torch.zeros(3, dtype=torch.float64)
    for _ in range(20):
        drawn = gate.sample(20_000, source)
        surrogate = gate.surrogate(cost(drawn), drawn)
        assert float(surrogate.detach()) == pytest.approx(float(cost(drawn).mean()))
        total += torch.autograd.grad(surrogate, location)[0]
    assert torch.allclose(total / 20, exact, atol=0.01)


def test_costs_are_measured_against_a_moving_average():
    gate = ScoreFunction(torch.zeros(2))
    mask = torch.tensor([[0.0, 1.0], [1.0, 1.0]])
    for cost in (4.0, 8.0):
        gate.surrogate(torch.full((2,), cost), mask)
    assert gate.usual == pytest.approx(0.99 * 4 + 0.01 * 8)


def test_gates_by_name():
    params = MaskParams(stretch=(-0.3, 1.2), temperature=0.5)
    half, closed = (
        make_gate(name, torch.zeros(2), params)
        for name in ("hard-concrete", "hard-concrete-closed")
    )
    assert (half.low, half.high, closed.high) == (-0.3, 1.0, 1.2)
    assert torch.equal(half.between(), half.nonzero())
    assert (closed.between() < closed.nonzero()).all()
