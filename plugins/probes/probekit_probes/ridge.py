"""Ridge regression at every penalty from one decomposition, and the penalty that predicts best.

    penalty = choose_penalty(features, target, penalties, folds=5)
    fit(features, target, [penalty]).weights[0]

It is scikit-learn's `GridSearchCV(Ridge(), {"alpha": penalties}, cv=folds)`: contiguous folds, the
mean R2 over them, the first of equally good penalties. There every penalty is solved afresh; here
the second moments of the features are decomposed once, V diag(l) V', and then the weights at
penalty a are V (V' X' y) / (l + a).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold

Features = Float[np.ndarray, "sample feature"]
Target = Float[np.ndarray, " sample"]


@dataclass(frozen=True)
class Path:
    """The optimum at each penalty: `weights [penalty, feature]` and `offset [penalty]`."""

    weights: Float[np.ndarray, "penalty feature"]
    offset: Float[np.ndarray, " penalty"]

    def predict(self, features: Features) -> Float[np.ndarray, "sample penalty"]:
        """What each penalty predicts of each sample."""
        predicted: Float[np.ndarray, "sample penalty"] = features @ self.weights.T + self.offset
        return predicted


def fit(features: Features, target: Target, penalties: Sequence[float]) -> Path:
    """The smallest |y - X w - b|^2 + a |w|^2 for each penalty a, with a free offset b."""
    middle, level = features.mean(0), float(target.mean())
    centred = features - middle
    if len(features) >= features.shape[1]:
        values, basis = np.linalg.eigh(centred.T @ centred)
        along = basis.T @ (centred.T @ (target - level))
    else:  # fewer samples than features: their inner products are the smaller matrix
        values, vectors = np.linalg.eigh(centred @ centred.T)
        basis, along = centred.T @ vectors, vectors.T @ (target - level)
    scaled = along / (np.maximum(values, 0) + np.asarray(penalties, dtype=np.float64)[:, None])
    weights = scaled @ basis.T
    return Path(weights, level - weights @ middle)


def choose_penalty(
    features: Features, target: Target, penalties: Sequence[float], folds: int
) -> float:
    """The penalty with the highest mean R2 on contiguous folds."""
    scores = []
    for trained, held in KFold(folds).split(features):
        predicted = fit(features[trained], target[trained], penalties).predict(features[held])
        scores.append([float(r2_score(target[held], one)) for one in predicted.T])
    return float(penalties[int(np.argmax(np.mean(scores, axis=0)))])
