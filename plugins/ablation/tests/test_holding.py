"""What holding means: the published semantics, and the others by parameter."""

import pytest
import torch
from probekit_ablation.holding import Holding
from probekit_ablation.params import AblationParams, GroupParams

from probekit.errors import ProbekitError
from probekit.hooks import HookSpec
from probekit.recurrent import HookedGRU, HookedLSTM
from probekit.testing import TinyModel, tiny_dataset

STATE, LOW, TOP = "layers.0.hook_state", "layers.0.hook_hidden", "layers.1.hook_hidden"


def held(model, layer, **params):
    holding = Holding(model, AblationParams(**params), tiny_dataset()[:4], "a model")
    (spec,) = [spec for spec in holding.specs if spec.layer == layer]
    return holding.of([(spec, 2)])


def test_below_the_last_layer_the_next_step_alone_reads_the_held_value():
    model = HookedLSTM(3, 4, 2)
    assert held(model, 0).units == {STATE: (2,)}
    assert held(model, 1).units == {TOP: (2,)}
    assert held(model, 0, readers="all").units == {LOW: (2,)}
    assert held(HookedGRU(3, 4), 0).units == {LOW: (2,)}


def test_that_is_zeroing_recurrent_columns_as_lakretz_et_al_did():
    """Columns of the recurrent weights, in a layer below the last (notes of the paper's code)."""
    torch.manual_seed(0)
    model = HookedLSTM(3, 4, 2).double()
    x = torch.randn(5, 6, 3, dtype=torch.float64)
    ablation = held(model, 0)
    assert dict(ablation.values) == {STATE: (0.0,)}
    from probekit.ablations import intervene

    with torch.no_grad():
        ours = model.run_with_hooks(x, fwd_hooks=intervene([ablation], 5))[0]
        reference = torch.nn.LSTM(3, 4, 2, batch_first=True).double()
        reference.load_state_dict(model.state_dict())
        reference.weight_hh_l0[:, 2] = 0
        torch.testing.assert_close(ours, reference(x)[0], atol=1e-12, rtol=0)


def test_the_cell_may_be_held_as_well_and_from_when_on():
    model = HookedLSTM(3, 4, 2)
    both = held(model, 0, with_cell=True, value="0.5", since="start")
    assert both.units == {STATE: (2,), "layers.0.hook_cell": (2,)}
    assert both.values == {STATE: (0.5,), "layers.0.hook_cell": (0.5,)}
    assert both.since == 0
    assert held(model, 1, since="3").since == 3
    assert held(model, 1).since is None
    assert held(model, 1, kind="cell").units == {"layers.1.hook_cell": (2,)}
    with pytest.raises(ProbekitError, match="a model has no cell beside layers"):
        held(HookedGRU(3, 4), 0, with_cell=True)


def test_units_of_several_layers_are_one_ablation():
    model = HookedLSTM(3, 4, 2)
    holding = Holding(model, AblationParams(), (), "m")
    low, top = holding.specs
    ablation = holding.of([(low, 1), (top, 0), (low, 3)])
    assert ablation.units == {STATE: (1, 3), TOP: (0,)}


def test_a_mean_is_that_of_each_hook_point():
    model = TinyModel()
    examples = tiny_dataset()[:4]
    holding = Holding(model, AblationParams(value="mean"), examples, "m")
    seen = torch.cat([
        model.run_with_cache(model.encode([one]))[1]["rnn.layers.0.hook_hidden"][0].detach()
        for one in examples
    ])  # fmt: skip
    (values,) = holding.of([(holding.specs[0], 1), (holding.specs[0], 4)]).values.values()
    assert values == pytest.approx(seen.mean(0)[[1, 4]].tolist(), abs=1e-6)


@pytest.mark.parametrize("since", ["-1", "soon", "1.5", ""])
def test_a_start_that_is_none_is_refused(since):
    with pytest.raises(ValueError, match="units are held since context, since start, or since a"):
        AblationParams(since=since)


def test_the_cell_goes_with_hidden_units_alone():
    with pytest.raises(ValueError, match="with_cell=true goes with kind=hidden, not kind=gate"):
        GroupParams(units=("0:1",), kind="gate", with_cell=True)


def test_hook_points_of_no_width_are_none():
    class Loose(TinyModel):
        hook_specs = {"a": HookSpec(name="a", kind="attention", width=None)}  # noqa: RUF012

    with pytest.raises(ProbekitError, match="the attention hook points of m have no fixed number"):
        _ = Holding(Loose(), AblationParams(kind="attention"), (), "m").specs
