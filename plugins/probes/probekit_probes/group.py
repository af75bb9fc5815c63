"""The functional group of a hook point: the fewest units that tell nearly as much as all.

    trained = split(samples, params, seed)
    found = functional_group(inputs, samples.labels, trained, len(samples.values), params)
    found.units                  # the group, strongest first

A diagnostic classifier (Hupkes et al. 2018) is fitted on all units in every split, and the full
accuracy is the mean of its accuracies on what the splits hold out. Its coefficients are averaged
over the splits, with their signs; then units are ranked by the absolute value of that average. For
k = 1, 2, ... the k first units alone are given to new classifiers in every split, until the mean of
their accuracies reaches `share` of the full accuracy: these k are the group (Baan et al. 2019,
section 4.1, after Dalvi et al. 2019). So there is one ranking and one group for all splits.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from probekit.errors import ProbekitError
from probekit_probes.logistic import Classifiers, Inputs, Weights
from probekit_probes.params import GroupParams, Rank
from probekit_probes.samples import Samples

ROUNDING = 1e-12


@dataclass(frozen=True)
class Group:
    """What was found of one hook point.

    `order [unit]` are the units, strongest first, and `strength [unit]` what they are ranked by;
    `full [split]` counts the right answers from all units on what each split holds out, and
    `right [tried, split]` those from the 1, 2, ... first units. `unfinished` fits met `max_iter`.
    """

    order: Int[np.ndarray, " unit"]
    strength: Float[np.ndarray, " unit"]
    full: Int[np.ndarray, " split"]
    right: Int[np.ndarray, "tried split"]
    unfinished: int


def split(samples: Samples, params: GroupParams, seed: int) -> Bool[np.ndarray, "split sample"]:
    """Which samples each split trains on; it holds out the others.

    `by=position` draws single positions, so that those of one sequence may stand on both sides;
    `by=sequence` draws sequences. Raises ProbekitError where there are fewer to train on than
    values to tell apart, or only one sequence.
    """
    source = np.random.default_rng(seed)
    owners = samples.examples if params.by == "sequence" else np.arange(len(samples))
    drawn = np.unique(owners)
    if len(drawn) < 2:
        raise ProbekitError(
            f"there is only one {params.by} to divide into trained and held out; give more data."
        )
    count = min(max(round(params.train_share * len(drawn)), 1), len(drawn) - 1)
    trained = np.stack(
        [np.isin(owners, source.permutation(drawn)[:count]) for _ in range(params.splits)]
    )
    fewest = int(trained.sum(1).min())
    if fewest < len(samples.values):
        raise ProbekitError(
            f"{params.target} has {len(samples.values)} values, and there are only {fewest}"
            " positions to learn them from; give more data, or fewer of them with classes=A,B."
        )
    return trained


def functional_group(
    inputs: Inputs,
    labels: Int[np.ndarray, " sample"],
    trained: Bool[np.ndarray, "split sample"],
    classes: int,
    params: GroupParams,
) -> Group:
    """The group, from `inputs [1 + unit, sample]` whose row 0 is all ones."""
    fits = classifiers(labels, trained, classes, params)
    weights = fits.fit(inputs, fits.zeros(len(inputs)))
    full = fits.right(inputs, weights)
    strength = strengths(weights, fits.known, params.rank)
    order = np.argsort(-strength, kind="stable")
    right = _grow(fits, inputs, order[: params.most], accuracy(full, trained) * params.share)
    return Group(order, strength, full, right, fits.unfinished)


def full_accuracy(
    inputs: Inputs,
    labels: Int[np.ndarray, " sample"],
    trained: Bool[np.ndarray, "split sample"],
    classes: int,
    params: GroupParams,
) -> tuple[Int[np.ndarray, " split"], int]:
    """The right answers from all units in each split, and how many fits met `max_iter`."""
    fits = classifiers(labels, trained, classes, params)
    full = fits.right(inputs, fits.fit(inputs, fits.zeros(len(inputs))))
    return full, fits.unfinished


def _grow(
    fits: Classifiers, inputs: Inputs, order: Int[np.ndarray, " unit"], enough: float
) -> Int[np.ndarray, "tried split"]:
    """The right answers of the first units, one more each time, until they are enough.

    Each fit starts from the one before, with nothing on the new unit: the optimum is the same.
    """
    ranked = np.empty((1 + len(order), inputs.shape[1]), dtype=inputs.dtype)
    ranked[0] = inputs[0]
    weights = fits.zeros(1)
    right: list[Int[np.ndarray, " split"]] = []
    for size, unit in enumerate(order, start=1):
        ranked[size] = inputs[1 + unit]
        start = np.concatenate([weights, fits.zeros(1)], axis=2)
        weights = fits.fit(ranked[: size + 1], start)
        right.append(fits.right(ranked[: size + 1], weights))
        if accuracy(right[-1], fits.trained) >= enough - ROUNDING:
            break
    return np.stack(right)


def strengths(
    weights: Weights, known: Bool[np.ndarray, "class split"], rank: Rank
) -> Float[np.ndarray, " unit"]:
    """What units are ranked by: the absolute value of their mean coefficients.

    The mean is over the splits that know a class. `first` takes the first class alone, as the code
    of Baan et al. did; otherwise it is averaged over the classes, of which two count as one.
    """
    coefficients = weights[:, :, 1:].sum(1) / np.maximum(known.sum(1), 1)[:, None]
    if len(coefficients) == 2:
        coefficients = coefficients[1:] - coefficients[:1]
    sizes = np.abs(coefficients)
    strength: Float[np.ndarray, " unit"] = sizes[0] if rank == "first" else sizes.mean(0)
    return strength


def accuracy(right: Int[np.ndarray, " split"], trained: Bool[np.ndarray, "split sample"]) -> float:
    """The mean over the splits of the share of right answers on what they hold out."""
    return float((right / (~trained).sum(1)).mean())


def classifiers(
    labels: Int[np.ndarray, " sample"],
    trained: Bool[np.ndarray, "split sample"],
    classes: int,
    params: GroupParams,
) -> Classifiers:
    """One classifier a split, with the parameters of the analysis."""
    return Classifiers(labels, trained, classes, params.C, params.max_iter)
