"""The definition in plain words: scikit-learn, from scratch, for every number of units."""

import numpy as np
from sklearn.linear_model import LogisticRegression


def fitted(units, labels, c=1.0, solver="lbfgs"):
    """scikit-learn's classifier at its optimum; `units [sample, unit]`."""
    model = LogisticRegression(C=c, tol=1e-10, max_iter=100_000, solver=solver)
    return model.fit(units, labels)


def right(model, units, labels):
    return int((model.predict(units) == labels).sum())


def scratch(units, labels, trained, c=1.0, share=0.95, rank="mean", most=None):
    """Order of the units, right answers from all by split, and from 1, 2, ... units by split."""
    units = units.astype(np.float64)
    models = [fitted(units[row], labels[row], c) for row in trained]
    held = (~trained).sum(1)
    full = np.array(
        [right(m, units[~row], labels[~row]) for m, row in zip(models, trained, strict=True)]
    )
    sizes = np.abs(np.mean([model.coef_ for model in models], axis=0))
    order = np.argsort(-(sizes[0] if rank == "first" else sizes.mean(0)), kind="stable")
    found = []
    for count in range(1, (most or len(order)) + 1):
        some = units[:, order[:count]]
        found.append([right(fitted(some[t], labels[t], c), some[~t], labels[~t]) for t in trained])
        if np.mean(found[-1] / held) >= share * np.mean(full / held) - 1e-12:
            break
    return order, full, np.array(found)
