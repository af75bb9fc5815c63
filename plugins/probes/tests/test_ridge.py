"""Ridge regression along all penalties against scikit-learn, one penalty and one fit at a time."""

import numpy as np
import pytest
from probekit_probes.nested import outer_fold, penalties
from probekit_probes.params import DepthParams
from probekit_probes.ridge import choose_penalty, fit
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.preprocessing import StandardScaler

GRID = np.logspace(-5, 5, 20)


def problem(samples, features, noise, seed=0):
    """Correlated features, one of which never changes, and a noisy target far from 0."""
    source = np.random.default_rng(seed)
    values = source.normal(size=(samples, features)) @ source.normal(size=(features, features))
    values[:, 1] = 3.0
    target = 40 + values @ source.normal(size=features) / features
    return values, target + noise * source.normal(size=samples)


@pytest.mark.parametrize(("samples", "features"), [(80, 6), (30, 30), (20, 45)])
def test_every_penalty_is_scikit_learns(samples, features):
    values, target = problem(samples, features, 0.5)
    path = fit(values, target, list(GRID))
    for at, penalty in enumerate(GRID):
        expected = Ridge(alpha=penalty, solver="svd").fit(values, target)
        np.testing.assert_allclose(path.weights[at], expected.coef_, atol=1e-6)
        np.testing.assert_allclose(path.predict(values)[:, at], expected.predict(values), atol=1e-6)


@pytest.mark.parametrize(("samples", "features", "noise"), [(90, 8, 0.1), (90, 8, 3), (40, 60, 1)])
def test_the_penalty_is_that_of_a_grid_search(samples, features, noise):
    for seed in range(2):
        values, target = problem(samples, features, noise, seed)
        search = GridSearchCV(Ridge(), {"alpha": GRID}, cv=5).fit(values, target)
        assert choose_penalty(values, target, list(GRID), 5) == search.best_params_["alpha"]


def nested(values, target, number, scaler, folds=5, inner=5):
    """The original procedure, written out."""
    trained, held = list(KFold(folds).split(values))[number]
    seen = values if scaler == "all" else values[trained]
    scale = StandardScaler().fit(seen)
    search = GridSearchCV(Ridge(), {"alpha": GRID}, cv=inner)
    search.fit(scale.transform(values[trained]), target[trained])
    best, tested = search.best_estimator_, scale.transform(values[held])
    full = r2_score(target[held], best.predict(tested))
    weights = best.coef_.copy()
    best.coef_[-1] = 0
    return weights, full, r2_score(target[held], best.predict(tested)), search.best_params_["alpha"]


@pytest.mark.parametrize("scaler", ["train", "all"])
@pytest.mark.parametrize("number", [0, 3])
def test_a_fold_is_the_original_procedure(scaler, number):
    values, target = problem(140, 9, 1.0)
    found = outer_fold(values, target, number, DepthParams(scaler=scaler))
    weights, full, corrected, penalty = nested(values, target, number, scaler)
    np.testing.assert_allclose(found.weights, weights, atol=1e-8)
    assert (found.trained, found.held) == (112, 28)
    assert found.penalty == penalty
    assert found.r2 == pytest.approx(full, abs=1e-9)
    assert found.corrected == pytest.approx(corrected, abs=1e-9)
    assert abs(corrected - full) > 1e-4


def test_the_two_scalers_differ():
    values, target = problem(140, 9, 1.0)
    one, other = (outer_fold(values, target, 0, DepthParams(scaler=s)) for s in ("train", "all"))
    assert not np.allclose(one.weights, other.weights, atol=1e-6)


def test_without_a_covariate_nothing_is_taken_out():
    values, target = problem(140, 9, 1.0)
    found = outer_fold(values, target, 0, DepthParams(frequency=False))
    assert found.r2 == found.corrected


def test_the_penalties_of_the_paper():
    np.testing.assert_allclose(penalties(DepthParams()), GRID)
    assert penalties(DepthParams(weakest=2.0, strongest=2.0, penalties=1)) == [2.0]
