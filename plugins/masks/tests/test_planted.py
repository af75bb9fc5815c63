"""Two known units carry the number: they are found, and hardly anything else."""

import numpy as np
import pytest
import torch
from probekit_masks.cases import Case
from probekit_masks.fitting import Fit
from probekit_masks.params import MaskParams
from probekit_masks.scoring import accuracy

from .doubles import PLANTED, planted, sentences

SEEDS = range(10)
FOUND = {6 + unit for unit in PLANTED}  # layer 1 stands behind the six units of layer 0


@pytest.fixture(scope="module")
def masks():
    """For each direction the masks, values and accuracies of ten seeds."""
    params = MaskParams(alpha=(2 / 12,), steps=50, gate_rate=0.2, value_rate=0.3)
    case = Case(planted(), sentences(short=True), params, 0, "planted")
    return {name: [learned(case, params, name, seed) for seed in SEEDS]
            for name in ("to-plural", "to-singular")}  # fmt: skip


def learned(case, params, name, seed):
    task = case.task("subject_at", name)
    fitted = Fit([task], params.settings[0], params, [seed]).run()
    mask = fitted.gate.chosen()
    right = accuracy(
        task,
        case.evaluation("subject_at", name),
        lambda rows: mask.float().expand(rows, -1),
        fitted.values[0],
        torch.Generator(),
    )
    return mask.numpy(), fitted.values[0].shown().numpy(), right


@pytest.mark.parametrize("name", ["to-plural", "to-singular"])
def test_the_planted_units_are_found_and_hardly_any_other(masks, name):
    chosen = np.array([mask for mask, _, _ in masks[name]])
    prevalence = chosen.sum(0)
    assert all(prevalence[unit] >= 9 for unit in FOUND)
    assert all(prevalence[unit] <= 1 for unit in range(12) if unit not in FOUND)
    whole = [right for mask, _, right in masks[name] if mask[list(FOUND)].all()]
    assert len(whole) >= 9
    assert set(whole) == {1.0}


def test_the_mirrored_direction_learns_mirrored_values(masks):
    for unit, sign in PLANTED.items():
        at = 6 + unit
        for name, towards in (("to-singular", sign), ("to-plural", -sign)):
            values = np.array([values[at] for mask, values, _ in masks[name] if mask[at]])
            assert (values * towards > 0.3).all()


def test_without_one_of_the_two_units_not_every_answer_is_turned(masks):
    params = MaskParams()
    case = Case(planted(), sentences(), params, 0, "planted")
    _, values, _ = masks["to-plural"][0]
    for unit in FOUND:
        mask = torch.zeros(12)
        mask[unit] = 1
        task = case.task("subject_at", "to-plural")
        hooks = task.known.sites.hooks(mask[None], torch.tensor(values)[None], [1])
        turned = []
        for one in case.direction("to-plural").evaluation:
            with torch.no_grad():
                logits = case.model.run_with_hooks(
                    case.model.encode([one.example]), fwd_hooks=hooks
                )
            likelier, other = case.model.word_ids(one.answers)
            turned.append(bool(logits[0, -1, likelier] < logits[0, -1, other]))
        assert 0 < np.mean(turned) < 1
