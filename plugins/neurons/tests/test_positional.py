"""Mutual information by its definition, its bias, and the types of patterns that are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from probekit_neurons.information import information
from probekit_neurons.params import PositionalParams
from probekit_neurons.positional import clearest, positional
from probekit_neurons.shapes import (
    Shape,
    longest,
    predicted,
    shape_of,
    smoothed,
    stretches,
    switches,
)

from .slow import information as by_definition

RULES = PositionalParams()
PLACES = np.arange(2048)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 6), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_information_is_that_of_the_joint_distribution(texts, length, seed):
    rng = np.random.default_rng(seed)
    active = rng.random((5, texts, length)) < rng.random((5, 1, length)).round()
    active |= rng.random(active.shape) < 0.3
    active[0], active[1] = False, True
    found = information(active.sum(1), np.full(length, texts))
    for unit, own in enumerate(active):
        assert found.value[unit] == pytest.approx(by_definition(own), abs=1e-9)


def test_an_indicator_of_half_of_the_positions_has_ln_2_nats():
    counts = np.array([[7] * 5 + [0] * 5, [0] * 10, [7] * 10])
    found = information(counts, np.full(10, 7))
    np.testing.assert_allclose(found.value, [np.log(2), 0, 0], atol=1e-12)
    np.testing.assert_allclose(found.bias[1:], 0)


@pytest.mark.parametrize("texts", [10, 100])
def test_the_bias_is_what_chance_alone_gives(texts):
    counts = np.random.default_rng(0).binomial(texts, 0.4, (300, 512))
    found = information(counts, np.full(512, texts))
    assert found.bias.mean() == pytest.approx(1 / (2 * texts), rel=0.02)
    assert found.value.mean() == pytest.approx(found.bias.mean(), rel=0.1)
    exceed = (found.value > 0.05).mean()
    assert exceed > 0.5 if texts == 10 else exceed == 0


def square(period, duty=0.5, shift=0):
    return (((PLACES + shift) % period) < duty * period).astype(float)


def rough(curve, by, seed=3):
    return np.clip(curve + np.random.default_rng(seed).uniform(-by, by, len(curve)), 0, 1)


def sigmoid(middle, width):
    return 1 / (1 + np.exp(-(PLACES - middle) / width))


KNOWN = {
    ("oscillatory", "strong"): [
        square(450),
        square(600, 0.3, 100),
        square(800, 0.7, 350),
        np.clip(0.5 + 0.9 * np.sin(PLACES / 60), 0, 1),
    ],
    ("oscillatory", "weak"): [
        0.5 + 0.3 * np.sin(PLACES / 90),
        0.1 + 0.8 * square(500),
        0.5 + 0.45 * np.sin(PLACES / 40),
    ],
    ("both extremes", "strong"): [
        (PLACES > 700).astype(float),
        (PLACES < 1500).astype(float),
        np.clip((PLACES - 500) / 800, 0, 1),
        1 - sigmoid(1000, 40),
    ],
    ("both extremes", "weak"): [
        0.03 + 0.94 * (PLACES > 700),
        0.02 + 0.96 * sigmoid(900, 60),
        0.97 - 0.945 * (PLACES > 400),
    ],
    ("one extreme", "strong"): [
        np.where(PLACES > 900, 0.4, 0),
        np.where(PLACES < 600, 1, 0.5),
        np.clip((PLACES - 600) / 2000, 0, 1),
    ],
    ("one extreme", "weak"): [
        0.03 + np.where(PLACES > 900, 0.4, 0),
        np.where(PLACES < 600, 0.97, 0.4),
        0.02 + 0.6 * sigmoid(1400, 100),
    ],
    ("other", "strong"): [0.2 + 0.6 * PLACES / 2048, 0.9 - 0.7 * sigmoid(800, 300)],
    ("other", "weak"): [
        rough(0.2 + 0.6 * PLACES / 2048, 0.2),
        rough(0.8 - 0.5 * PLACES / 2048, 0.2, 5),
    ],
}
CASES = [(shape, curve) for shape, curves in KNOWN.items() for curve in curves]


@pytest.mark.parametrize("texts", [200, 1000, 5000])
@pytest.mark.parametrize("case", range(len(CASES)))
def test_each_pattern_is_found_under_its_name(case, texts):
    (kind, strength), curve = CASES[case]
    counts = np.random.default_rng(case).binomial(texts, curve)
    assert shape_of(counts / texts, texts, RULES) == Shape(kind, strength)


def test_a_short_window_has_types_too():
    assert shape_of(np.array([0.0] * 8 + [1.0] * 8), 100, RULES) == Shape("both extremes", "strong")
    assert shape_of(np.array([0.3]), 100, RULES).type == "other"


def test_the_pieces_of_the_rules_are_what_loops_give():
    rng = np.random.default_rng(0)
    for _ in range(50):
        values = rng.random(rng.integers(1, 40)).round(1)
        width = int(rng.integers(1, 9))
        kept = min(width, len(values))
        means = [values[at : at + kept].mean() for at in range(len(values) - kept + 1)]
        np.testing.assert_allclose(smoothed(values, width), means, atol=1e-12)
        held = values > 0.5
        runs = "".join("x" if one else " " for one in held).split()
        assert longest(held) == max(map(len, runs), default=0)
        found = [list(range(first, last + 1)) for first, last in stretches(held)]
        assert [at for run in found for at in run] == np.flatnonzero(held).tolist()
        assert [len(run) for run in found] == [len(run) for run in runs]


def test_a_switch_goes_all_the_way():
    wave = np.array([0, 1, 0.4, 0.6, 0.4, 1, 0, 0.5, 0.3, 0, 1.0])
    assert switches(wave, RULES) == 3


def test_prediction_from_neighbours_knows_the_noise_of_counting():
    curve = 0.2 + 0.6 * PLACES / 2048
    rng = np.random.default_rng(1)
    few = rng.binomial(100, curve) / 100
    assert predicted(few, 100, RULES) > 0.95
    assert predicted(few, 10**6, RULES) < 0.95
    assert predicted(np.full(2048, 0.5), 100, RULES) == 0.0


def test_ranges_and_patterns_are_kept_of_those_that_show_them():
    texts = np.full(2048, 200)
    chance = np.random.default_rng(0).binomial(200, 0.5, 2048)
    counts = np.stack([200 * square(512), 200 * square(512, shift=256), chance]).astype(np.int64)
    told = information(counts, texts)
    found = list(positional(counts, texts, told, 40, 0, RULES))
    assert [one.unit for one in found] == [40, 41]
    assert {one.shape for one in found} == {Shape("oscillatory", "strong")}
    for (first, last), start in zip(found[0].ranges, range(0, 2048, 512), strict=True):
        assert abs(first - start) <= 16
        assert abs(last - (start + 255)) <= 16
    assert found[0].ranges[0][0] == 0
    assert found[1].ranges[-1][1] == 2047
    kept = clearest(found, most=1)
    assert [one.pattern is None for one in kept].count(True) == 1
    low = float(told.value[2]) * 0.99
    raw, corrected = (
        PositionalParams(corrected=one, least_information=low) for one in (False, True)
    )
    assert len(list(positional(counts, texts, told, 0, 0, raw))) == 3
    assert len(list(positional(counts, texts, told, 0, 0, corrected))) == 2
