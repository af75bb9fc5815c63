"""Hooked GRU and LSTM equal torch's, with and without hooks, gradients and padding."""

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformer_lens.model_protocol import TransformerLensModel

from probekit.interventions import zero_units
from probekit.recurrent import HookedGRU, HookedLSTM

PAIRS = [(torch.nn.GRU, HookedGRU), (torch.nn.LSTM, HookedLSTM)]
TIGHT = {"rtol": 0, "atol": 1e-12}


def pair(ours, theirs, layers=2, inputs=5, hidden=7, dtype=torch.float64):
    torch.manual_seed(0)
    reference = theirs(inputs, hidden, layers, batch_first=True).to(dtype)
    model = ours(inputs, hidden, layers).to(dtype)
    model.load_state_dict(reference.state_dict())
    return reference, model


def flat(state):
    return state if isinstance(state, tuple) else (state,)


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("layers", [1, 3])
def test_outputs_and_states_equal_torch(theirs, ours, grad, layers):
    reference, model = pair(ours, theirs, layers)
    x = torch.randn(4, 9, 5, dtype=torch.float64)
    first = tuple(
        torch.randn(layers, 4, 7, dtype=torch.float64) for _ in range(len(flat(model(x)[1])))
    )
    first = first if len(first) > 1 else first[0]
    with torch.set_grad_enabled(grad):
        for state in (None, first):
            out, last = reference(x, state)
            our_out, our_last = model(x, state)
            torch.testing.assert_close(our_out, out, **TIGHT)
            for mine, other in zip(flat(our_last), flat(last), strict=True):
                torch.testing.assert_close(mine, other, **TIGHT)


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_gradients_equal_torch(theirs, ours):
    reference, model = pair(ours, theirs)
    x = torch.randn(3, 6, 5, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 6, 7, dtype=torch.float64)
    grads = []
    for net in (reference, model):
        out, last = net(x)
        loss = (out * weight).sum() + sum(part.pow(2).sum() for part in flat(last))
        grads.append(torch.autograd.grad(loss, [x, *net.parameters()]))
    names = [name for name, _ in reference.named_parameters()]
    assert names == [name for name, _ in model.named_parameters()]
    for theirs_grad, our_grad in zip(*grads, strict=True):
        torch.testing.assert_close(our_grad, theirs_grad, **TIGHT)


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
@pytest.mark.parametrize("grad", [True, False])
def test_padded_batches_equal_packed_sequences(theirs, ours, grad):
    reference, model = pair(ours, theirs)
    x = torch.randn(4, 6, 5, dtype=torch.float64)
    lengths = torch.tensor([3, 6, 1, 4])
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    out, last = reference(packed)
    out, _ = pad_packed_sequence(out, batch_first=True)
    with torch.set_grad_enabled(grad):
        our_out, our_last = model(x, lengths=lengths)
    torch.testing.assert_close(our_out, out, **TIGHT)
    for mine, other in zip(flat(our_last), flat(last), strict=True):
        torch.testing.assert_close(mine, other, **TIGHT)


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_the_cache_holds_every_step_of_every_hook_point(theirs, ours):
    _, model = pair(ours, theirs)
    x = torch.randn(3, 6, 5, dtype=torch.float64)
    _, with_grad = model.run_with_cache(x)
    with torch.no_grad():
        _, cache = model.run_with_cache(x)
    assert list(cache) == list(model.hook_specs) == list(with_grad)
    for name, spec in model.hook_specs.items():
        assert cache[name].shape == (3, 6, spec.width)
        torch.testing.assert_close(cache[name], with_grad[name].detach(), **TIGHT)
        assert spec.span[0] <= cache[name].min()
        assert cache[name].max() <= spec.span[1]


def gru_by_hand(model, x, layer=0):
    """torch's documented equations, one row and one step at a time."""
    w_r, w_z, w_n = model.weight_ih_l0.chunk(3)
    u_r, u_z, u_n = model.weight_hh_l0.chunk(3)
    b_r, b_z, b_n = model.bias_ih_l0.chunk(3)
    c_r, c_z, c_n = model.bias_hh_l0.chunk(3)
    h, found = torch.zeros(7, dtype=x.dtype), []
    for now in x:
        r = torch.sigmoid(w_r @ now + b_r + u_r @ h + c_r)
        z = torch.sigmoid(w_z @ now + b_z + u_z @ h + c_z)
        pre = w_n @ now + b_n + r * (u_n @ h + c_n)
        h = (1 - z) * torch.tanh(pre) + z * h
        found.append(
            {
                "reset": r,
                "update": z,
                "candidate_pre": pre,
                "candidate": torch.tanh(pre),
                "hidden": h,
            }
        )
    return found


def lstm_by_hand(model, x):
    h = c = torch.zeros(7, dtype=x.dtype)
    found = []
    for now in x:
        rows = (
            model.weight_ih_l0 @ now + model.bias_ih_l0 + model.weight_hh_l0 @ h + model.bias_hh_l0
        )
        i, f, g, o = rows.chunk(4)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        gates = {"input": torch.sigmoid(i), "forget": torch.sigmoid(f), "output": torch.sigmoid(o)}
        states = {"candidate": torch.tanh(g), "cell": c, "hidden": h}
        found.append({"input_pre": i, "output_pre": o, **gates, **states})
    return found


@pytest.mark.parametrize(
    ("ours", "by_hand"), [(HookedGRU, gru_by_hand), (HookedLSTM, lstm_by_hand)]
)
def test_gates_follow_the_equations(ours, by_hand):
    torch.manual_seed(1)
    model = ours(5, 7).double()
    x = torch.randn(2, 4, 5, dtype=torch.float64)
    with torch.no_grad():
        _, cache = model.run_with_cache(x)
        for row in range(2):
            for t, expected in enumerate(by_hand(model, x[row])):
                for name, value in expected.items():
                    torch.testing.assert_close(
                        cache[f"layers.0.hook_{name}"][row, t], value, **TIGHT
                    )


@pytest.mark.parametrize("ours", [HookedGRU, HookedLSTM])
@pytest.mark.parametrize("grad", [True, False])
def test_a_hook_changes_what_follows_and_the_cache_shows_it(ours, grad):
    torch.manual_seed(2)
    model = ours(5, 7, 2)
    x = torch.randn(3, 6, 5)
    off = zero_units("layers.0.hook_hidden", rows=[1], units=[4])
    with torch.set_grad_enabled(grad), model.hooks(fwd_hooks=[off]):
        (out, _), cache = model.run_with_cache(x)
    with torch.set_grad_enabled(grad):
        plain, _ = model(x)
    assert torch.equal(cache["layers.0.hook_hidden"][1, :, 4], torch.zeros(6))
    assert torch.equal(out[[0, 2]], plain[[0, 2]])
    assert not torch.allclose(out[1, 0], plain[1, 0])


@pytest.mark.parametrize("ours", [HookedGRU, HookedLSTM])
@pytest.mark.parametrize("grad", [True, False])
def test_every_hook_point_is_causal_and_obeys(ours, grad):
    """Setting any hook point at step 3 changes the output from there on, and only there."""
    torch.manual_seed(3)
    model = ours(5, 7)
    x = torch.randn(2, 6, 5)

    def poke(value, hook):
        return value * 0 + 0.3 if hook.ctx["t"] == 3 else None

    with torch.set_grad_enabled(grad):
        plain, _ = model(x)
        for name in model.hook_specs:
            out, _ = model.run_with_hooks(x, fwd_hooks=[(name, poke)])
            assert torch.equal(out[:, :3], plain[:, :3]), name
            assert not torch.allclose(out[:, 3:], plain[:, 3:]), name


@pytest.mark.parametrize("ours", [HookedGRU, HookedLSTM])
def test_an_intervention_is_the_same_in_place_and_with_gradients(ours):
    torch.manual_seed(4)
    model = ours(5, 7, 2).double()
    x = torch.randn(3, 6, 5, dtype=torch.float64)
    for name in model.hook_specs:
        off = zero_units(name, rows=[0, 2], units=[1, 6], steps=[2, 3])
        with_grad, _ = model.run_with_hooks(x, fwd_hooks=[off])
        with torch.no_grad():
            in_place, _ = model.run_with_hooks(x, fwd_hooks=[off])
        torch.testing.assert_close(in_place, with_grad.detach(), **TIGHT)


@pytest.mark.parametrize("ours", [HookedGRU, HookedLSTM])
@pytest.mark.parametrize("steps", [1, 5])
def test_gradients_are_cached_step_by_step(ours, steps):
    torch.manual_seed(5)
    model = ours(5, 7)
    x = torch.randn(2, steps, 5)
    weight = torch.randn(2, steps, 7)

    forward = model.forward
    model.forward = lambda x: (forward(x)[0] * weight).sum()
    _, cache = model.run_with_cache(x, incl_bwd=True)
    last = cache["layers.0.hook_hidden_grad"]
    assert last.shape == (2, steps, 7)
    torch.testing.assert_close(last[:, -1], weight[:, -1])


@pytest.mark.parametrize("ours", [HookedGRU, HookedLSTM])
@pytest.mark.parametrize("grad", [True, False])
def test_one_step_at_a_time_equals_the_whole(ours, grad):
    torch.manual_seed(6)
    model = ours(5, 7, 2).double()
    x = torch.randn(3, 6, 5, dtype=torch.float64)
    with torch.set_grad_enabled(grad):
        whole, cache = model.run_with_cache(x)
        with model.capture() as stepped:
            stepper = model.begin(3, None, steps=6)
            each = torch.stack([stepper.step(x[:, t]) for t in range(6)], dim=1)
            together = stepper.finish()
    torch.testing.assert_close(each, whole[0], **TIGHT)
    torch.testing.assert_close(together, whole[0], **TIGHT)
    for name, value in cache.items():
        torch.testing.assert_close(stepped[name], value, **TIGHT)


def test_float32_equals_torch_to_float_tolerance_through_the_packed_product():
    for theirs, ours in PAIRS:
        reference, model = pair(ours, theirs, layers=2, inputs=32, hidden=64, dtype=torch.float32)
        x = torch.randn(16, 20, 32)
        with torch.no_grad():
            torch.testing.assert_close(model(x)[0], reference(x)[0], rtol=0, atol=2e-6)


def test_it_is_a_transformer_lens_model_and_forgets_its_buffers():
    model = HookedGRU(5, 7)
    assert isinstance(model, TransformerLensModel)
    with torch.no_grad():
        model.run_with_cache(torch.randn(2, 3, 5))
    assert not [point for point in model.hook_points() if "steps" in point.ctx]
    assert not any(point.fwd_hooks for point in model.hook_points())


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("kind", [HookedGRU, HookedLSTM])
def test_the_state_hook_changes_what_the_next_step_reads_and_nothing_else(kind, grad):
    """Equal to zeroing one column of the recurrent weights (Lakretz et al. 2019), layer by layer.

    A GRU also carries the unit itself over, so only the LSTM has this simple reference.
    """
    torch.manual_seed(0)
    model = kind(5, 7, 2).double()
    x = torch.randn(3, 4, 5, dtype=torch.float64)
    name = "layers.0.hook_state"
    with torch.set_grad_enabled(grad):
        cache = model.run_with_cache(x)[1]
        with model.hooks(fwd_hooks=[zero_units(name, [2])]):
            off, after = model.run_with_cache(x)
    first = "layers.0.hook_hidden"
    assert torch.equal(after[first][:, 0], cache[first][:, 0])
    assert float((after[first][:, 1] - cache[first][:, 1]).abs().max()) > 1e-3
    assert not after[name][..., 2].any()
    assert torch.equal(cache[name], cache[first])
    if kind is HookedLSTM:
        with torch.no_grad():
            model.weight_hh_l0[:, 2] = 0
        torch.testing.assert_close(off[0], model(x)[0], atol=1e-12, rtol=0)


@pytest.mark.parametrize("kind", [HookedGRU, HookedLSTM])
def test_the_last_state_is_what_a_next_step_would_read_padded_or_not(kind):
    torch.manual_seed(0)
    model = kind(5, 7).double()
    x = torch.randn(2, 4, 5, dtype=torch.float64)
    off = [zero_units("layers.0.hook_state", [2])]
    with torch.no_grad():
        padded = model.run_with_hooks(x, lengths=torch.tensor([4, 2]), fwd_hooks=off)[1]
        alone = model.run_with_hooks(x[1:, :2], fwd_hooks=off)[1]
    hidden, single = (one if kind is HookedGRU else one[0] for one in (padded, alone))
    assert not hidden[..., 2].any()
    torch.testing.assert_close(hidden[:, 1:], single, atol=1e-12, rtol=0)


def test_steps_below_zero_are_seen_by_hooks_and_left_out_of_the_cache():
    model, x = HookedLSTM(3, 4), torch.randn(2, 5, 3)
    seen = []
    with torch.no_grad():
        _, state = model.run_with_hooks(
            x,
            first=-5,
            fwd_hooks=[("layers.0.hook_cell", lambda v, hook: seen.append(hook.ctx["t"]))],
        )
        _, cache = model.run_with_cache(x, first=-2)
        whole = model(x)[0]
    assert seen == [-5, -4, -3, -2, -1]
    assert cache["layers.0.hook_hidden"].shape == (2, 3, 4)
    assert torch.equal(cache["layers.0.hook_hidden"], whole[:, 2:])
    assert state[0].shape == (1, 2, 4)
