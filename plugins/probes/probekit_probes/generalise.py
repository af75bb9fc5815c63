"""A linear classifier trained on one word of a sentence and tested on every word.

    curve = over_time(values, trials.plural, at=1, params=params, seed=0)
    curve.auc               # [split, step]

Lakretz et al. (2019), figure 2, after King and Dehaene (2014).
"""

import warnings
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from probekit.errors import ProbekitError
from probekit.progress import tick
from probekit_probes.params import DecodingParams

DECIMALS = 9  # of a score, as a share of the largest

Steps = Float[np.ndarray, "trial step unit"]
Labels = Bool[np.ndarray, " trial"]


@dataclass(frozen=True)
class Curve:
    """The area under the ROC curve on the sentences held out, `[split, step]`.

    `unfinished` fits met `max_iter` before they had arrived.
    """

    auc: Float[np.ndarray, "split step"]
    unfinished: int


def over_time(values: Steps, labels: Labels, at: int, params: DecodingParams, seed: int) -> Curve:
    """Train at step `at`, test at every step, in every split; each split is a `tick`.

    Split i has `random_state = seed * splits + i`. Raises ProbekitError where a split leaves a
    number out of its trained or its held out sentences.
    """
    rows, unfinished = [], 0
    for number in range(params.splits):
        trained, held = _split(labels, params, seed * params.splits + number)
        scaler = StandardScaler().fit(values[trained, at])
        machine, arrived = _fit(scaler.transform(values[trained, at]), labels[trained], params)
        unfinished += not arrived
        scores = [
            tied(machine.decision_function(scaler.transform(values[held, step])))
            for step in range(values.shape[1])
        ]
        rows.append([float(roc_auc_score(labels[held], score)) for score in scores])
        tick()
    return Curve(np.array(rows), unfinished)


def tied(scores: Float[np.ndarray, " trial"]) -> Float[np.ndarray, " trial"]:
    """Scores as shares of the largest, in which those that differ by rounding alone are equal.

    Sentences that are the same so far must tie: a rank statistic would make something of the last
    bit.
    """
    largest = float(np.abs(scores).max())
    shares: Float[np.ndarray, " trial"] = (scores / (largest or 1.0)).round(DECIMALS)
    return shares


def _split(labels: Labels, params: DecodingParams, state: int) -> tuple[np.ndarray, np.ndarray]:
    """The sentences that are trained on, and those held out."""
    try:
        trained, held = train_test_split(
            np.arange(len(labels)), test_size=params.test_share, random_state=state % 2**32
        )
    except ValueError as error:
        raise ProbekitError(
            f"{len(labels)} sentences cannot be divided with test_share={params.test_share:g};"
            " give more data."
        ) from error
    if min(len(np.unique(labels[part])) for part in (trained, held)) < 2:
        raise ProbekitError(
            f"of {len(labels)} sentences, divided at random with test_share={params.test_share:g},"
            " those trained on or those held out have subjects of one number only; give more data."
        )
    return trained, held


def _fit(
    values: Float[np.ndarray, "trial unit"], labels: Labels, params: DecodingParams
) -> tuple[LinearSVC, bool]:
    """The classifier, and whether it arrived at its optimum; the caller tells if not."""
    machine = LinearSVC(C=params.C, tol=params.tolerance, max_iter=params.max_iter, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        machine.fit(values, labels)
    return machine, int(machine.n_iter_) < params.max_iter
