"""The classifiers on one unit against scikit-learn's, which solves each on its own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from probekit_probes import hinge
from probekit_probes.hinge import cross_validated, fit, transferred
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC


def machine(c=1.0):
    return SVC(kernel="linear", C=c, tol=1e-6)


def loss(x, labels, weight, bias, c):
    sides = np.where(labels, 1, -1)
    return weight**2 / 2 + c * np.maximum(0, 1 - sides * (weight * x + bias)).sum()


def cloud(seed, yes, no, apart, spread=1.0, units=1):
    source = np.random.default_rng(seed)
    labels = source.permutation(np.arange(yes + no) < yes)
    values = spread * source.normal(size=(yes + no, units)) + apart * labels[:, None]
    return values, labels


@given(
    seed=st.integers(0, 10**6),
    yes=st.integers(1, 25),
    no=st.integers(1, 25),
    apart=st.sampled_from([-3.0, -0.5, 0.0, 0.2, 2.0, 8.0]),
    spread=st.sampled_from([0.05, 1.0]),
    c=st.sampled_from([0.1, 1.0, 3.0]),
)
@settings(max_examples=15, deadline=None)
def test_the_optimum_is_that_of_scikit_learn(seed, yes, no, apart, spread, c):
    values, labels = cloud(seed, yes, no, apart, spread)
    found = fit(values, labels, c)
    expected = machine(c).fit(values, labels)
    weight, bias = float(expected.coef_[0, 0]), float(expected.intercept_[0])
    assert found.weight[0] == pytest.approx(weight, abs=1e-4)
    ours, theirs = (
        loss(values[:, 0], labels, w, b, c)
        for w, b in ((found.weight[0], found.bias[0]), (weight, bias))
    )
    assert ours <= theirs + 1e-9
    assert ours == pytest.approx(theirs, abs=1e-4)


def test_the_bias_is_scikit_learns_or_in_the_middle_of_equally_good_ones():
    """Where every support vector is at its bound, rounding decides what libsvm takes."""
    same = 0
    for seed in range(40):
        values, labels = cloud(seed, 14, 14 + seed % 3, 1.0)
        found, expected = fit(values, labels), machine().fit(values, labels)
        apart = abs(float(found.bias[0] - expected.intercept_[0]))
        same += apart < 1e-4
        best, below, above = (
            loss(values[:, 0], labels, found.weight[0], found.bias[0] + step, 1.0)
            for step in (0, -apart, apart)
        )
        assert below == pytest.approx(best, abs=1e-4)
        assert above == pytest.approx(best, abs=1e-4)
    assert same >= 36


def test_no_line_near_is_better():
    values, labels = cloud(3, 11, 17, 0.7)
    found = fit(values, labels)
    weight, bias = found.weight[0], found.bias[0]
    best = loss(values[:, 0], labels, weight, bias, 1.0)
    for step in np.random.default_rng(0).normal(scale=0.05, size=(500, 2)):
        assert loss(values[:, 0], labels, weight + step[0], bias + step[1], 1.0) >= best - 1e-12


def test_cross_validation_is_scikit_learns(monkeypatch):
    values, labels = cloud(5, 40, 35, 0.0, units=12)
    values += labels[:, None] * np.linspace(-2, 2, 12)
    values[:, 0] = 0.25
    expected = [cross_val_score(machine(), values[:, [at]], labels, cv=5) for at in range(1, 12)]
    found = cross_validated(values, labels)
    apart = np.abs(found[1:] - np.mean(expected, axis=1))
    assert apart.max() <= 1 / len(labels) + 1e-12  # one sample between two equally good biases
    assert (apart < 1e-12).sum() >= 10
    assert found[0] == pytest.approx(np.mean(labels), abs=0.02)  # a constant says the commoner one
    monkeypatch.setattr(hinge, "BLOCK", 5)
    np.testing.assert_array_equal(cross_validated(values, labels), found)


def test_the_folds_and_the_weight_of_the_loss_are_passed_on():
    values, labels = cloud(6, 30, 20, 0.4, spread=0.3, units=4)
    expected = [
        cross_val_score(machine(0.01), values[:, [at]], labels, cv=3).mean() for at in range(4)
    ]
    np.testing.assert_allclose(cross_validated(values, labels, 3, 0.01), expected, atol=1e-12)


def test_trained_here_and_tested_there():
    values, labels = cloud(7, 30, 30, 1.0, units=6)
    others = -values + 0.3
    expected = [
        machine().fit(values[:, [at]], labels).score(others[:, [at]], labels) for at in range(6)
    ]
    np.testing.assert_allclose(transferred(values, others, labels), expected, atol=1e-12)


def test_equal_values_and_dead_units():
    labels = np.array([True, False] * 4)
    values = np.column_stack([np.zeros(8), np.where(labels, 1.0, 0.0), np.full(8, 1e-200)])
    found = fit(values, labels)
    assert np.isfinite([found.weight, found.bias]).all()
    assert found.weight.tolist()[0] == 0
    assert found.weight[1] == pytest.approx(2)
    assert found.bias[1] == pytest.approx(-1)
