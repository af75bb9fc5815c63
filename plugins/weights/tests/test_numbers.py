"""Concentration and chance, against closed forms, scipy, and direct counts."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from probekit_weights.numbers import (
    correlation,
    gini,
    held,
    held_by_chance,
    overlap_p,
    ranks,
    strongest,
    top_count,
)
from scipy.stats import hypergeom

AMOUNTS = arrays(np.int64, st.integers(1, 40), elements=st.integers(0, 1000))


def one_hub(count):
    return np.eye(count, dtype=int)[0] * 7


@pytest.mark.parametrize("count", [1, 2, 26, 512])
def test_gini_of_equal_shares_is_zero_and_of_one_hub_nearly_one(count):
    assert gini(np.full(count, 3.5)) == pytest.approx(0, abs=1e-12)
    assert gini(one_hub(count)) == pytest.approx((count - 1) / count)


@given(AMOUNTS)
def test_gini_is_half_the_mean_difference_by_the_mean(values):
    if not values.sum():
        assert math.isnan(gini(values))
        return
    difference = np.abs(values[:, None] - values[None, :]).mean()
    assert gini(values) == pytest.approx(difference / (2 * values.mean()), abs=1e-12)


@pytest.mark.parametrize(
    ("count", "share", "expected"),
    [(512, 0.05, 26), (20, 0.05, 1), (100, 0.07, 7), (3, 0.01, 1), (3, 1.0, 3), (650, 0.1, 65)],
)
def test_the_top_share_is_rounded_up_but_not_by_rounding_errors(count, share, expected):
    assert top_count(count, share) == expected


def test_what_the_top_holds():
    assert held(np.full(40, 2), 0.05) == pytest.approx(2 / 40)
    assert held(one_hub(40), 0.05) == 1
    assert held(np.array([5, 1, 3, 1]), 0.5) == pytest.approx(8 / 10)
    assert math.isnan(held(np.zeros(4), 0.5))


def test_what_the_top_would_hold_by_chance():
    assert held_by_chance(1, 512, 0.05) == 1
    assert held_by_chance(10**7, 100, 0.05) == pytest.approx(0.05, rel=0.02)
    assert math.isnan(held_by_chance(0, 512, 0.05))
    # of 512 units with 5.12 events each on average, 26 with the most: from Poisson's table
    assert held_by_chance(2622, 512, 0.05) == pytest.approx(0.101, abs=0.004)


@given(st.integers(1, 60), st.data())
def test_the_p_value_is_scipys(count, data):
    top = data.draw(st.integers(1, count))
    group = data.draw(st.integers(1, count))
    overlap = data.draw(st.integers(max(0, group + top - count), min(group, top)))
    expected = hypergeom.sf(overlap - 1, count, top, group)
    assert overlap_p(overlap, group, top, count) == pytest.approx(expected, rel=1e-9)


def test_the_p_value_is_a_count_of_draws():
    draws = list(combinations(range(9), 4))
    for overlap in range(4):
        hits = sum(len(set(draw) & {0, 1, 2}) >= overlap for draw in draws)
        assert overlap_p(overlap, 4, 3, 9) == pytest.approx(hits / len(draws))


def test_ranks_count_from_one_and_the_lower_unit_wins_a_tie():
    assert ranks(np.array([0.2, 0.9, 0.2, 0.5])).tolist() == [3, 1, 4, 2]


@given(AMOUNTS, st.data())
def test_the_strongest_are_the_first_of_a_stable_sort(values, data):
    count = data.draw(st.integers(1, len(values)))
    expected = np.argsort(-values, kind="stable")[:count]
    assert sorted(strongest(values, count).tolist()) == sorted(expected.tolist())


def test_correlation_of_what_does_not_vary_is_undefined():
    assert correlation(np.array([1.0, 2, 4]), np.array([-1.0, -2, -4])) == pytest.approx(-1)
    assert math.isnan(correlation(np.ones(3), np.arange(3.0)))
