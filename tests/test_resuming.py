"""States after many beginnings, against one sequence at a time from its start."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from probekit.dataset import Batch
from probekit.readout import Readout
from probekit.recurrent import HookedGRU, HookedLSTM
from probekit.resuming import Beginnings, Resuming
from probekit.testing import TinyModel


class Going(TinyModel):
    """The tiny model, and it can go on from a state."""

    def after(self, context, batch):
        return self.going(torch.tensor([context.tolist()] * batch), None)[1]

    def going(self, tokens, state):
        hidden, last = self.rnn(self.hook_embed(self.embedding(tokens)), state)
        return hidden, last if isinstance(last, tuple) else (last,)

    def forward(self, batch, readout=None, state=None):
        hidden, _ = self.going(batch.tokens, state)
        return (readout or Readout()).project(hidden, self.decoder.weight, self.decoder.bias)


class GoingLstm(Going):
    """The same of two LSTM layers."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.rnn = HookedLSTM(4, 6, 2)
        self.setup()

    @property
    def hook_specs(self):
        inner = self.rnn.hook_specs.items()
        return {f"rnn.{name}": replace(spec, name=f"rnn.{name}") for name, spec in inner}


MODELS = [Going(), GoingLstm()]


def states_after(model, rows, context=()):
    """The states of all rows."""
    return Beginnings.read(model, rows, context).of(range(len(rows)))


ROWS = st.lists(st.lists(st.integers(0, 9), max_size=4).map(tuple), min_size=1, max_size=8)


@given(st.sampled_from(MODELS), ROWS, st.lists(st.integers(0, 9), max_size=3))
@settings(max_examples=12, deadline=None)
def test_states_are_those_of_each_text_read_alone(model, rows, context):
    found = states_after(model, rows, context)
    for at, row in enumerate(rows):
        ids = [*context, *row]
        layers, hidden = model.rnn.num_layers, model.rnn.hidden_size
        expected = [torch.zeros(layers, 1, hidden) for _ in found]
        if ids:
            with torch.no_grad():
                expected = model.going(torch.tensor([ids]), None)[1]
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one[:, at : at + 1], other, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_a_run_goes_on_where_the_state_was_taken(model):
    tokens = torch.tensor([[1, 3, 2, 4], [1, 4, 2, 4]])
    state = states_after(model, tokens[:, :2].tolist())
    whole = Batch(tokens, torch.tensor([4, 4]))
    rest = Batch(tokens[:, 2:], torch.tensor([2, 2]))
    with torch.no_grad():
        expected = model.run_with_hooks(whole)[:, 2:]
        found = model.run_with_hooks(rest, state=state)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


def test_each_beginning_is_read_once_and_without_gradients():
    model, seen = MODELS[1], []
    rows = [(1, 2), (3,), (1, 2), ()] * 3
    watch = [("rnn.layers.0.hook_hidden", lambda value, hook: seen.append(len(value)))]
    with model.hooks(fwd_hooks=watch):
        state = states_after(model, rows, [5, 6])
    assert seen == [1, 1, 3, 3]  # the context, then three texts side by side
    assert not any(one.requires_grad for one in state)


def test_who_can_go_on():
    assert isinstance(MODELS[0], Resuming)
    assert not isinstance(TinyModel(), Resuming)
    assert HookedGRU.__name__  # a bare network has no vocabulary, and is none
    assert not isinstance(HookedGRU(2, 3), Resuming)
    assert Beginnings.read(TinyModel(), [(1, 2)]) is None
