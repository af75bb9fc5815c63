"""One outer fold of a nested cross-validation, with a covariate that can be taken out again.

    fold = outer_fold(features, target, number=0, params=params)
    fold.corrected           # R2 on what is held out, without the covariate

Lakretz et al. (2019), section 4.3.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

from probekit_probes.params import DepthParams
from probekit_probes.ridge import Features, Target, choose_penalty, fit


@dataclass(frozen=True)
class Fold:
    """What an outer fold gives.

    `weights [feature]` are those of standardised features; `r2` and `corrected` are on what is held
    out, with and without the last feature, the covariate.
    """

    penalty: float
    weights: Float[np.ndarray, " feature"]
    r2: float
    corrected: float
    trained: int
    held: int


def outer_fold(features: Features, target: Target, number: int, params: DepthParams) -> Fold:
    """The outer fold of that number, of contiguous ones in the order of the samples.

    The covariate is taken out by setting its weight to 0; there is none with `frequency=false`.
    """
    trained, held = list(KFold(params.folds).split(features))[number]
    seen = features if params.scaler == "all" else features[trained]
    scaled = StandardScaler().fit(seen).transform(features)
    penalty = choose_penalty(scaled[trained], target[trained], penalties(params), params.inner)
    path = fit(scaled[trained], target[trained], [penalty])
    weights = path.weights[0]
    without = weights.copy()
    if params.frequency:
        without[-1] = 0
    full, corrected = (
        float(r2_score(target[held], scaled[held] @ some + path.offset[0]))
        for some in (weights, without)
    )
    return Fold(penalty, weights, full, corrected, len(trained), len(held))


def penalties(params: DepthParams) -> list[float]:
    """The penalties that are tried, from the weakest."""
    weakest, strongest = float(np.log10(params.weakest)), float(np.log10(params.strongest))
    return [float(one) for one in np.logspace(weakest, strongest, params.penalties)]
