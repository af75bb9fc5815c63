"""The classifiers against scikit-learn, which knows nothing of how they are fitted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from probekit_probes import logistic
from probekit_probes.logistic import Classifiers

from .reference import fitted, right


def problem(classes, samples=120, units=9, splits=3, seed=0, noise=1.0):
    """Overlapping clouds: labels, inputs with a row of ones, and splits."""
    source = np.random.default_rng(seed)
    labels = source.permutation(np.arange(samples) % classes)
    centres = source.normal(size=(classes, units))
    points = centres[labels] + noise * source.normal(size=(samples, units)) + 0.7
    inputs = np.vstack([np.ones(samples), points.T]).astype(np.float32)
    trained = np.stack([source.permutation(samples) < 0.8 * samples for _ in range(splits)])
    return labels, inputs, trained


def check(labels, inputs, trained, c=1.0, near=2e-6, solver="lbfgs"):
    """Coefficients, differences of intercepts, and right answers are scikit-learn's."""
    classes = int(labels.max()) + 1
    fits = Classifiers(labels, trained, classes, c)
    weights = fits.fit(inputs, fits.zeros(len(inputs)))
    counts = fits.right(inputs, weights)
    units = inputs[1:].T.astype(np.float64)
    for at, row in enumerate(trained):
        model = fitted(units[row], labels[row], c, solver)
        known = model.classes_
        found = weights[known, at]
        if len(known) == 2:
            found = found[1:] - found[:1]
        expected = np.hstack([model.intercept_[:, None], model.coef_])
        np.testing.assert_allclose(found[:, 1:], expected[:, 1:], rtol=0, atol=near)
        free = len(known) > 2  # a constant added to all intercepts changes nothing
        np.testing.assert_allclose(
            found[:, 0] - free * found[:, 0].mean(),
            expected[:, 0] - free * expected[:, 0].mean(),
            rtol=0,
            atol=10 * near,
        )
        assert counts[at] == right(model, units[~row], labels[~row])
    assert fits.unfinished == 0
    return fits, weights


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("c", [0.01, 1.0, 30.0])
def test_scikit_learn(classes, c):
    check(*problem(classes), c=c, near=2e-6 * max(1, c))


@given(seed=st.integers(0, 10**6), classes=st.integers(2, 5), noise=st.floats(0.05, 3))
@settings(max_examples=15, deadline=None)
def test_scikit_learn_on_anything(seed, classes, noise):
    check(*problem(classes, samples=60, units=4, splits=2, seed=seed, noise=noise))


def test_a_class_that_a_split_does_not_know():
    labels, inputs, trained = problem(4)
    lonely = np.flatnonzero(labels == 3)
    trained[1, lonely] = False
    fits, weights = check(labels, inputs, trained)
    assert fits.known[3].tolist() == [True, False, True]
    assert not weights[3, 1].any()


def test_two_known_classes_of_three_are_penalised_as_two():
    labels, inputs, trained = problem(3)
    trained[0, labels == 0] = False
    check(labels, inputs, trained)


def test_blocks_and_a_plain_preconditioner_lead_to_the_same_optimum(monkeypatch):
    given_ = problem(4)
    _, expected = check(*given_)
    monkeypatch.setattr(logistic, "BLOCK", 17)
    _, blocked = check(*given_)
    monkeypatch.setattr(logistic, "WIDEST", 5)
    _, plain = check(*given_)
    np.testing.assert_allclose(blocked, expected, atol=1e-6)
    np.testing.assert_allclose(plain, expected, atol=1e-6)


def test_units_of_very_different_sizes():
    labels, inputs, trained = problem(3)
    inputs[1] *= 300
    inputs[2] *= 0.003
    inputs[3] = 1000 + inputs[3]
    check(labels, inputs, trained, near=1e-5, solver="newton-cholesky")


def test_separable_clouds_have_an_optimum_because_of_the_penalty():
    labels, inputs, trained = problem(3, noise=0.01)
    fits, weights = check(labels, inputs, trained)
    assert fits.right(inputs, weights).sum() == (~trained).sum()


def test_the_start_does_not_change_the_optimum():
    labels, inputs, trained = problem(5)
    fits = Classifiers(labels, trained, 5)
    cold = fits.fit(inputs, fits.zeros(len(inputs)))
    few = fits.fit(inputs[:6], fits.zeros(6))
    grown = np.concatenate([few, np.zeros((5, 3, len(inputs) - 6))], axis=2)
    np.testing.assert_allclose(fits.fit(inputs, grown), cold, rtol=0, atol=2e-6)
    far = fits.zeros(len(inputs)) + np.random.default_rng(0).normal(size=cold.shape) * 30
    away = fits.fit(inputs, far)
    np.testing.assert_allclose(away[:, :, 1:], cold[:, :, 1:], rtol=0, atol=2e-6)


def test_fits_that_do_not_finish_are_counted():
    labels, inputs, trained = problem(4)
    fits = Classifiers(labels, trained, 4, steps=1)
    fits.fit(inputs, fits.zeros(len(inputs)))
    assert fits.unfinished == 3
