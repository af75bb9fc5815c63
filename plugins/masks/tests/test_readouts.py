"""What a masked run is asked for, against full log-probabilities."""

import pytest
import torch
from probekit_masks.readouts import Divergence, Joint, Leads, Original, WholeLeads

from probekit.readout import Readout

ROWS, POSITIONS, UNITS, WORDS = 3, 4, 5, 11


@pytest.fixture(params=[True, False], ids=["bias", "no bias"])
def network(request):
    source = torch.Generator().manual_seed(0)
    weight = torch.randn(WORDS, UNITS, generator=source)
    bias = torch.randn(WORDS, generator=source) if request.param else None
    hidden = torch.randn(2, ROWS, POSITIONS, UNITS, generator=source)
    return hidden, weight, bias


def told(hidden, weight, bias, words=None):
    return torch.nn.functional.linear(hidden, weight, bias)[..., :words].log_softmax(-1)


def both(readout, hidden, weight, bias):
    """The readout from hidden states and from logits, which must agree."""
    first = readout.project(hidden, weight, bias)
    second = readout.choose(Readout().project(hidden, weight, bias))
    torch.testing.assert_close(first, second, atol=1e-5, rtol=1e-5)
    return first


def test_leads_are_differences_of_log_probabilities_at_the_end(network):
    hidden, weight, bias = network
    pairs = torch.tensor([[[0, 1], [2, 3]], [[4, 4], [10, 0]], [[5, 6], [6, 5]]])
    found = both(Leads(pairs=pairs), hidden[0], weight, bias)
    share = told(hidden[0], weight, bias)
    for row, answers in enumerate(pairs.tolist()):
        for at, (one, other) in enumerate(answers):
            expected = share[row, -1, one] - share[row, -1, other]
            assert float(found[row, at]) == pytest.approx(float(expected), abs=1e-5)


def test_whole_answers_lead_by_their_weakest_word(network):
    hidden, weight, bias = network
    targets = torch.randint(WORDS, (ROWS, POSITIONS), generator=torch.Generator().manual_seed(1))
    found = both(WholeLeads(targets=targets), hidden[0], weight, bias)
    logits = torch.nn.functional.linear(hidden[0], weight, bias)
    for row in range(ROWS):
        leads = []
        for at, word in enumerate(targets[row].tolist()):
            others = [float(v) for i, v in enumerate(logits[row, at]) if i != word]
            leads.append(float(logits[row, at, word]) - max(others))
        assert float(found[row, 0]) == pytest.approx(min(leads), abs=1e-5)


@pytest.mark.parametrize("words", [None, 6])
@pytest.mark.parametrize("first", [0, 2])
def test_the_divergence_is_that_of_equation_8(network, words, first):
    (before, after), weight, bias = network
    asked = Original(first=first, words=words)
    kept = (
        asked.project(before, weight, bias),
        asked.choose(Readout().project(before, weight, bias)),
    )
    p, q = (told(one, weight, bias, words) for one in (before, after))
    terms = (p.exp() * (p - q)).sum(-1)
    expected = terms[:, first:].sum(1) / 7
    for original, given in zip(kept, ("project", "choose"), strict=True):
        readout = Divergence(original=original, length=7, first=first, words=words)
        logits = Readout().project(after, weight, bias)
        found = (
            readout.project(after, weight, bias) if given == "project" else readout.choose(logits)
        )
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_a_drawn_position_gives_the_same_on_average(network):
    (before, after), weight, bias = network
    original = Original(first=1).project(before, weight, bias)
    whole = Divergence(original=original, length=9, first=1).project(after, weight, bias)
    total = torch.zeros(ROWS)
    for at in range(POSITIONS - 1):
        drawn = torch.full((ROWS,), at)
        readout = Divergence(original=original, length=9, first=1, drawn=drawn)
        total += readout.project(after, weight, bias)
    torch.testing.assert_close(total / (POSITIONS - 1), whole)


def test_nothing_diverges_from_itself(network):
    (before, _), weight, bias = network
    original = Original().project(before, weight, bias)
    found = Divergence(original=original, length=4).project(before, weight, bias)
    torch.testing.assert_close(found, torch.zeros(ROWS), atol=1e-5, rtol=0)


def test_readouts_stand_side_by_side(network):
    (before, after), weight, bias = network
    pairs = torch.tensor([[[0, 1], [2, 3]]] * ROWS)
    divergence = Divergence(original=Original().project(before, weight, bias), length=4)
    joint = Joint(Leads(pairs=pairs), divergence)
    found = joint.project(after, weight, bias)
    assert torch.equal(found[:, :2], Leads(pairs=pairs).project(after, weight, bias))
    assert torch.equal(found[:, 2], divergence.project(after, weight, bias))
