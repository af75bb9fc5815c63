"""How far each unit alone carries the number of the subject, by classifiers on one unit.

    found = ranges(at_subject, at_attractor, trials.plural, trials.attractor_plural)
    found.short(least=0.9, most=0.1)        # [unit]

Lakretz et al. (2019), section 4.2: a short-range unit tells the number of the noun that it reads
now, so trained at the subject it is wrong at an attractor of the other number; a long-range unit
keeps the number of the subject.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from probekit_probes.hinge import cross_validated, transferred
from probekit_probes.states import Values

PerUnit = Float[np.ndarray, " unit"]
Labels = Bool[np.ndarray, " trial"]


@dataclass(frozen=True)
class Ranges:
    """Accuracies by unit.

    `subject`: the subject's number at the subject, cross-validated. `attractor`: the attractor's
    number at the attractor, cross-validated (in incongruent sentences the labels swapped). `kept`:
    the subject's number at the attractor, by a classifier trained at the subject.
    """

    subject: PerUnit
    attractor: PerUnit
    kept: PerUnit

    def short(self, least: float, most: float) -> Bool[np.ndarray, " unit"]:
        """Units that tell either noun with `least` accuracy and keep the subject's below `most`."""
        tells = np.minimum(self.subject, self.attractor) >= least
        found: Bool[np.ndarray, " unit"] = tells & (self.kept < most)
        return found

    def long(self, above: float) -> Bool[np.ndarray, " unit"]:
        """Units that are right at the attractor more often than `above`."""
        found: Bool[np.ndarray, " unit"] = self.kept > above
        return found


def ranges(
    at_subject: Values,
    at_attractor: Values,
    subject: Labels,
    attractor: Labels,
    folds: int = 5,
    C: float = 1.0,  # noqa: N803
) -> Ranges:
    """The accuracies of every unit; labels are True for plural."""
    return Ranges(
        cross_validated(at_subject, subject, folds, C),
        cross_validated(at_attractor, attractor, folds, C),
        transferred(at_subject, at_attractor, subject, C),
    )


def keepers(at_subject: Values, at_attractor: Values, subject: Labels, above: float) -> list[int]:
    """The units that are right at the attractor more often than `above`, the best ones first.

    Of equally accurate ones the one whose two means lie further apart at the attractor, in
    standard deviations, comes first.
    """
    kept = transferred(at_subject, at_attractor, subject)
    distance = separation(at_attractor, subject)
    order = np.lexsort((-distance, -kept))
    return [int(unit) for unit in order if kept[unit] > above]


def separation(values: Values, labels: Labels) -> PerUnit:
    """|mean of one number - mean of the other| / (sum of their deviations), by unit; 0 / 0 is 0."""
    one, other = values[labels], values[~labels]
    apart = np.abs(one.mean(0) - other.mean(0))
    spread = one.std(0) + other.std(0)
    found: PerUnit = np.divide(
        apart, spread, out=np.where(apart > 0, np.inf, 0.0), where=spread > 0
    )
    return found
