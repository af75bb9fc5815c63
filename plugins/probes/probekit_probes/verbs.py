"""Whether the output weights of a unit tell singular from plural verbs (lakretz2019, figure 1d).

    readout = readout_of(model, "english", columns)
    verbs = read_verbs(model, readout, trials.examples)
    separated(model, readout, columns, verbs)       # accuracy of each unit, NaN below the top layer

The forms are the right and the wrong verbs of the sentences.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probekit.dataset import Example
from probekit.errors import ProbekitError
from probekit.language import LanguageModel, alternatives
from probekit.model import Model
from probekit.weights import WeightSpec
from probekit_probes.columns import Columns
from probekit_probes.hinge import PerUnit, cross_validated
from probekit_probes.trials import NUMBERS, label, need_folds

LEAVE = "give readout=false to look at the units' activity alone"


@dataclass(frozen=True)
class Verbs:
    """The verb forms that a model has an entry for, singular ones first, and how many it has not.

    `ids` are their rows in the readout weights.
    """

    ids: tuple[int, ...]
    plural: tuple[bool, ...]
    unknown: int


def read_verbs(model: Model, readout: WeightSpec, examples: Sequence[Example]) -> Verbs:
    """Every right and wrong verb of the examples, each once, in the order of the examples."""
    forms: tuple[dict[str, None], dict[str, None]] = ({}, {})
    for example in examples:
        right, wrong = alternatives(example)
        plural = label(example, "number") == NUMBERS[1]
        forms[plural].setdefault(right)
        forms[not plural].setdefault(wrong)
    found = [(row_of(model, readout, form), plural)
             for plural in (False, True) for form in forms[plural]]  # fmt: skip
    known = [(row, plural) for row, plural in found if row is not None]
    return Verbs(
        tuple(row for row, _ in known),
        tuple(plural for _, plural in known),
        len(found) - len(known),
    )


def row_of(model: Model, readout: WeightSpec, word: str) -> int | None:
    """The row of a word in the readout weights; None where the model has no entry for it."""
    if isinstance(model, LanguageModel):
        try:
            return model.word_ids([word])[0]
        except ProbekitError:
            return None
    return readout.rows.index(word) if word in readout.rows else None


def readout_of(model: Model, label: str, columns: Columns) -> WeightSpec:
    """The weights from the units of a layer to words.

    Raises ProbekitError where the model describes none, or none that reads a layer of `columns`.
    """
    found = [spec for spec in model.weights.values() if spec.relation == "readout"]
    if not found:
        raise ProbekitError(f"{label} describes no readout weights; {LEAVE}.")
    for spec in found:
        if layer_of(model, spec, columns) is not None:
            return spec
    raise ProbekitError(
        f"the readout weights of {label} read {found[0].source or 'no layer'}, whose units are not"
        f" among those of {columns.specs[-1].name} and the like; {LEAVE}."
    )


def layer_of(model: Model, readout: WeightSpec, columns: Columns) -> slice | None:
    """The columns of the layer that the readout weights read; None where it is not among them."""
    source = model.hook_specs.get(readout.source)
    if source is None:
        return None
    for spec in columns.specs:
        same = (spec.layer, spec.part, spec.width) == (source.layer, source.part, source.width)
        if same:
            return columns.span(spec)
    return None


def separated(
    model: Model,
    readout: WeightSpec,
    columns: Columns,
    verbs: Verbs,
    folds: int = 5,
    C: float = 1.0,  # noqa: N803
) -> PerUnit:
    """The accuracy with which each unit's output weights tell the number of a verb form.

    Cross-validated over the verb forms, as the activity is over sentences; NaN for units that the
    readout does not read. Raises ProbekitError where there are fewer forms than folds.
    """
    plural = np.array(verbs.plural, dtype=bool)
    need_folds(plural, folds, "verbs that the model knows", LEAVE)
    weights = model.weight(readout.name)[list(verbs.ids)].double().cpu().numpy()
    found = np.full(len(columns), np.nan)
    layer = layer_of(model, readout, columns)
    assert layer is not None
    found[layer] = cross_validated(weights, plural, folds, C)
    return found
