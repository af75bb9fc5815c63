"""Ablations: what they mean, and that asking many at once equals asking one by one."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from probekit.ablations import Ablation, intervene
from probekit.dataset import Example, alike
from probekit.errors import ProbekitError
from probekit.interventions import set_units
from probekit.model import Model
from probekit.testing import TinyModel, tiny_dataset

HOOK = "rnn.layers.0.hook_hidden"

UNITS = st.dictionaries(st.integers(0, 4), st.floats(-2, 2, width=32), max_size=3)
ABLATIONS = st.lists(st.tuples(UNITS, st.none() | st.integers(0, 3)), min_size=1, max_size=4)


@given(ABLATIONS, st.integers(1, 3))
def test_each_copy_of_the_rows_has_its_own_units_held(drawn, copies):
    ablations = [
        Ablation({"h": tuple(units)}, {"h": tuple(units.values())} if units else {}, since)
        for units, since in drawn
    ]
    value = torch.randn(len(ablations) * copies, 4, 5)
    expected = value.clone()
    for index, (units, since) in enumerate(drawn):
        for unit, held in units.items():
            expected[index * copies : (index + 1) * copies, since or 0 :, unit] = held
    ((_, act),) = intervene(ablations, copies)
    before = value.clone()
    assert torch.equal(act(value, hook=SimpleNamespace(ctx={})), expected)
    steps = [act(value[:, t], hook=SimpleNamespace(ctx={"t": t})) for t in range(4)]
    assert torch.equal(torch.stack(steps, dim=1), expected)
    assert torch.equal(value, before)


def test_without_a_first_position_units_are_held_in_the_context_too():
    value = torch.ones(2, 3)
    ((_, act),) = intervene([Ablation({"h": (1,)}), Ablation({"h": (1,)}, since=0)], 1)
    held = act(value, hook=SimpleNamespace(ctx={"t": -5}))
    assert held.tolist() == [[1, 0, 1], [1, 1, 1]]


class Asked(TinyModel):
    """The margin is a number that depends on every hidden unit at the last position."""

    def margin(self, batch, fwd_hooks=()):
        with torch.no_grad():
            logits = self.run_with_hooks(batch, fwd_hooks=list(fwd_hooks))
        rows = torch.arange(len(batch))
        return logits[rows, batch.lengths - 1, 0] - logits[rows, batch.lengths - 1, 6]


@pytest.mark.parametrize("rows", [1, 5, 512])
def test_margins_of_many_ablations_equal_those_of_one_at_a_time(rows):
    model, examples = Asked(), tiny_dataset()[:9]
    ablations = [Ablation(), *(Ablation({HOOK: (unit,)}) for unit in range(6))]
    ablations.append(Ablation({HOOK: (1, 4)}, {HOOK: (0.5, -0.25)}, since=2))
    found = model.margins(examples, ablations, rows)
    for index, ablation in enumerate(ablations):
        hooks = [
            set_units(hook, units, ablation.held(hook), steps=range(ablation.since or 0, 20))
            for hook, units in ablation.units.items()
        ]
        for at, example in enumerate(examples):
            alone = model.margin(model.encode([example]), hooks)
            torch.testing.assert_close(found[index, at], alone[0], atol=1e-6, rtol=0)
    assert float((found[1:] - found[0]).abs().amax(dim=1).min()) > 1e-3


def test_a_score_is_whether_the_margin_is_above_zero():
    model, examples = Asked(), tiny_dataset()[:9]
    margin = model.margins(examples, [Ablation()])[0]
    score = torch.cat([model.score(model.encode([example])) for example in examples])
    assert score.tolist() == (margin > 0).float().tolist()
    assert 0 < score.sum() < len(examples)


def test_a_model_that_knows_no_answers_says_so():
    with pytest.raises(ProbekitError, match="does not say whether an answer is right"):
        Model.margin(TinyModel(), TinyModel().encode(tiny_dataset()[:1]))


@given(
    st.lists(st.tuples(st.integers(1, 5), st.sampled_from(["", "a", "b"])), max_size=20),
    st.integers(1, 7),
)
def test_blocks_hold_every_example_once_and_share_a_context(shapes, size):
    examples = [Example(("w",) * length, context=tuple(context)) for length, context in shapes]
    blocks = alike(examples, size)
    assert sorted(at for block in blocks for at in block) == list(range(len(examples)))
    for block in blocks:
        assert 1 <= len(block) <= size
        assert len({examples[at].context for at in block}) == 1
    lengths = [len(examples[at].words) for block in blocks for at in block]
    contexts = [examples[at].context for block in blocks for at in block]
    assert list(zip(contexts, lengths, strict=True)) == sorted(zip(contexts, lengths, strict=True))
