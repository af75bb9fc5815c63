"""Mutual information of activity and position (Voita et al. 2023, appendix B.1)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import rel_entr


class Information(NamedTuple):
    """In nats, for each unit: as estimated, and what of it is bias, to be expected of chance."""

    value: Float[np.ndarray, " unit"]
    bias: Float[np.ndarray, " unit"]


def information(counts: Int[np.ndarray, "unit pos"], texts: Int[np.ndarray, " pos"]) -> Information:
    """I(act, pos) from the activations at each position and the number of texts there.

    I = 1/T sum_p [f_p ln(f_p / f) + (1 - f_p) ln((1 - f_p) / (1 - f))] with 0 ln 0 = 0; every
    position is as likely. The bias is Miller and Madow's: (cells that occur - values of either
    variable that occur + 1) / (2 samples), near 1 / (2 texts).
    """
    share = counts / texts
    mean = share.mean(axis=1, keepdims=True)
    value = (rel_entr(share, mean) + rel_entr(1 - share, 1 - mean)).mean(axis=1)
    silent, active = counts < texts, counts > 0
    cells = silent.sum(1) + active.sum(1)
    values = silent.any(1).astype(np.int64) + active.any(1)
    bias = (cells - values - counts.shape[1] + 1) / (2 * texts.sum())
    return Information(value, bias)
