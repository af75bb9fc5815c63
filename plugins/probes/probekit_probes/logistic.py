"""Multinomial logistic regression on every split of the same samples at once.

    fits = Classifiers(labels, trained, classes=8)
    inputs = np.vstack([np.ones(samples), units])       # row 0 carries the intercept
    weights = fits.fit(inputs, fits.zeros(len(inputs)))
    fits.right(inputs, weights)                         # right answers on what is held out, [split]

The weights are the optimum of scikit-learn's `LogisticRegression(C=C)`: the smallest sum of C times
the loss of each trained sample and half the squared weights, with a free intercept. The optimum is
unique, and since the penalty alone curves by 1, weights whose gradient has the norm g lie within
about g of it; so it does not matter how it is reached, and a start near it saves most of the way.

The way is Newton's, its steps found by conjugate gradients (in single precision: a step need only
point down, while values and gradients are double). All splits share one preconditioner, and a unit
is a row, so that adding one copies nothing and every sum over classes runs along memory.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

GRADIENT = 1e-6  # a fit whose gradient is shorter has arrived
ROUGH, FINE = 0.1, 1e-3  # how far a Newton step is solved: the residual that may remain
MOST_INNER = 200
MOST_CUTS = 30
SLACK = 1e-12  # rounding of a sum of losses, relative
BLOCK = 4096  # samples looked at together
WIDEST = 1024  # inputs for which a full preconditioner is made

Weights = Float[np.ndarray, "class split input"]
Inputs = Float[np.ndarray, "input sample"]


@dataclass
class Point:
    """The objective at some weights.

    `value [split]`, `gradient [class, split, input]`, and each sample's chances of each class,
    `[class, split, sample]` in single precision.
    """

    weights: Weights
    value: Float[np.ndarray, " split"]
    gradient: Weights
    chances: Float[np.ndarray, "class split sample"]

    @property
    def slope(self) -> Float[np.ndarray, " split"]:
        """The norm of the gradient."""
        norm: Float[np.ndarray, " split"] = np.sqrt(dot(self.gradient, self.gradient))
        return norm


class Classifiers:
    """One classifier a split: `labels [sample]` are classes, `trained [split, sample]` the splits.

    A class that a split does not train on has no chance there. `steps` limits Newton's.
    """

    def __init__(
        self,
        labels: Int[np.ndarray, " sample"],
        trained: Bool[np.ndarray, "split sample"],
        classes: int,
        C: float = 1.0,  # noqa: N803 (its name in scikit-learn)
        steps: int = 100,
    ) -> None:
        self.labels, self.trained, self.classes, self.C = labels, trained, classes, C
        self.steps = steps
        self.splits, self.samples = trained.shape
        known = np.stack([np.bincount(labels[row], minlength=classes) > 0 for row in trained], 1)
        self.known: Bool[np.ndarray, "class split"] = known
        self.barred = np.where(known, 0.0, -np.inf)[:, :, None]
        # two classes: scikit-learn penalises the difference of their weights, not each of them
        self.penalty = np.where(known.sum(0) == 2, 2.0, 1.0)
        self.unfinished = 0

    def zeros(self, inputs: int) -> Weights:
        """Weights to start from."""
        return np.zeros((self.classes, self.splits, inputs))

    def fit(self, inputs: Inputs, start: Weights) -> Weights:
        """The optimal weights; fits that take more than `steps` are counted in `unfinished`."""
        point, solve = self._look(inputs, start), None
        for _ in range(self.steps):
            going = point.slope > GRADIENT
            if not going.any():
                return point.weights
            solve = solve or self._preconditioner(inputs, point)
            step = self._step(inputs, point, going, solve)
            point, moved = self._descend(inputs, point, step, going)
            if not moved:
                break
        self.unfinished += int((point.slope > GRADIENT).sum())
        return point.weights

    def right(self, inputs: Inputs, weights: Weights) -> Int[np.ndarray, " split"]:
        """How many of the samples held out of each split are given their class."""
        found = np.zeros(self.splits, dtype=np.int64)
        for block in self._blocks():
            said = self._scores(inputs[:, block].astype(np.float64), weights).argmax(0)
            found += ((said == self.labels[block]) & ~self.trained[:, block]).sum(1)
        return found

    def _blocks(self) -> Iterator[slice]:
        return (slice(at, at + BLOCK) for at in range(0, self.samples, BLOCK))

    def _scores(self, inputs: Inputs, weights: Weights) -> Float[np.ndarray, "class split sample"]:
        """What softmax is taken of."""
        flat = weights.reshape(-1, weights.shape[2]) @ inputs
        scores: Float[np.ndarray, "class split sample"] = self.barred + flat.reshape(
            self.classes, self.splits, -1
        )
        return scores

    def _ridge(self, inputs: int) -> Float[np.ndarray, "split input"]:
        """The penalty on each weight; the intercept has none."""
        return self.penalty[:, None] * (np.arange(inputs) > 0)

    def _look(self, inputs: Inputs, weights: Weights) -> Point:
        """The objective, its gradient, and the chances behind them."""
        ridge = self._ridge(len(inputs))
        value = 0.5 * dot(weights, ridge * weights)
        gradient = ridge * weights
        chances = np.empty((self.classes, self.splits, self.samples), dtype=np.float32)
        for block in self._blocks():
            some = inputs[:, block].astype(np.float64)
            labels, trained = self.labels[block], self.trained[:, block]
            own = (labels, slice(None), np.arange(len(labels)))  # each sample at its own class
            scores = self._scores(some, weights)
            scores -= scores.max(0)
            right = scores[own].T
            np.exp(scores, out=scores)
            total = scores.sum(0)
            value += self.C * np.where(trained, np.log(total) - right, 0).sum(1)
            scores /= total
            chances[:, :, block] = scores
            scores[own] -= 1
            scores *= self.C * trained
            gradient += (scores.reshape(-1, len(labels)) @ some.T).reshape(weights.shape)
        return Point(weights, value, gradient, chances)

    def _preconditioner(self, inputs: Inputs, point: Point) -> Callable[[Weights], Weights]:
        """Solves for the curvature that an average class of an average split has."""
        spread = np.einsum("csn,csn,sn->n", point.chances, 1 - point.chances, self.trained)
        spread = (spread * self.C / (self.classes * self.splits)).astype(np.float32)
        ridge = self._ridge(len(inputs)).mean(0) + SLACK
        blocks = [(inputs[:, block], spread[block]) for block in self._blocks()]
        if len(inputs) > WIDEST:
            diagonal = ridge + sum(some**2 @ weight for some, weight in blocks)
            return lambda weights: weights / diagonal.astype(np.float32)
        curvature = np.diag(ridge) + sum((some * weight) @ some.T for some, weight in blocks)
        inverse = np.linalg.inv(curvature).astype(np.float32)
        return lambda weights: (weights.reshape(-1, len(inverse)) @ inverse).reshape(weights.shape)

    def _step(
        self,
        inputs: Inputs,
        point: Point,
        going: Bool[np.ndarray, " split"],
        solve: Callable[[Weights], Weights],
    ) -> Weights:
        """Newton's step of the splits that are going on, by preconditioned conjugate gradients."""
        curve = self._curvature(inputs, point)
        residual = (-point.gradient * going[:, None]).astype(np.float32)
        step = np.zeros_like(residual)
        toward = solve(residual)
        size = dot(residual, toward)
        aim = np.clip(point.slope, FINE, ROUGH) ** 2 * dot(residual, residual)
        for _ in range(MOST_INNER):
            curved = curve(toward)
            share = ratio(size, dot(toward, curved))[:, None]
            step += share * toward
            residual -= share * curved
            if (dot(residual, residual) <= aim).all():
                break
            solved = solve(residual)
            before, size = size, dot(residual, solved)
            toward = solved + ratio(size, before)[:, None] * toward
        double: Weights = step.astype(np.float64)
        return double

    def _curvature(self, inputs: Inputs, point: Point) -> Callable[[Weights], Weights]:
        """The product with the second derivative at a point."""
        chances = point.chances
        weighted = chances * (self.C * self.trained).astype(np.float32)
        ridge = self._ridge(len(inputs)).astype(np.float32)

        def times(weights: Weights) -> Weights:
            flat = weights.reshape(-1, len(inputs))
            product: Weights = ridge * weights
            for block in self._blocks():
                moved = (flat @ inputs[:, block]).reshape(*chances.shape[:2], -1)
                moved -= np.einsum("csn,csn->sn", chances[:, :, block], moved)
                moved *= weighted[:, :, block]
                pulled = moved.reshape(len(flat), -1) @ inputs[:, block].T
                product += pulled.reshape(weights.shape)
            return product

        return times

    def _descend(
        self, inputs: Inputs, point: Point, step: Weights, going: Bool[np.ndarray, " split"]
    ) -> tuple[Point, bool]:
        """The point after the step, which is cut short in the splits where it leads uphill."""
        length = going.astype(np.float64)
        promised = 1e-4 * dot(point.gradient, step)
        for _ in range(MOST_CUTS):
            after = self._look(inputs, point.weights + length[:, None] * step)
            allowed = point.value + length * promised + SLACK * np.abs(point.value)
            uphill = going & ~(after.value <= allowed)
            if not uphill.any():
                return after, True
            length[uphill] /= 4
        return point, False


def dot(left: Weights, right: Weights) -> Float[np.ndarray, " split"]:
    """The inner product of each split's weights."""
    product: Float[np.ndarray, " split"] = np.einsum("csk,csk->s", left, right)
    return product


def ratio(
    above: Float[np.ndarray, " split"], below: Float[np.ndarray, " split"]
) -> Float[np.ndarray, " split"]:
    """The quotient, and 0 where the divisor is not positive."""
    quotient: Float[np.ndarray, " split"] = np.divide(
        above, below, out=np.zeros_like(above), where=below > 0
    )
    return quotient
