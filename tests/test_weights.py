"""Weight matrices are described like hook points, and are what the gates are computed from."""

from typing import get_args

import pytest
import torch

from probekit.errors import ProbekitError
from probekit.hooks import ROLES
from probekit.recurrent import HookedGRU, HookedLSTM
from probekit.testing import TinyModel
from probekit.weights import (
    RELATIONS,
    WEIGHT_ROLES,
    WeightQuery,
    WeightSpec,
    describe_relations,
    find_weight,
    select_weights,
)

KINDS = [
    (HookedGRU, torch.nn.GRU, ("reset", "update", "candidate")),
    (HookedLSTM, torch.nn.LSTM, ("input", "forget", "candidate", "output")),
]
INPUTS, UNITS = 5, 7


def deep(ours):
    torch.manual_seed(0)
    return ours(INPUTS, UNITS, 2, part="encoder").double()


@pytest.mark.parametrize(("ours", "theirs", "gates"), KINDS)
def test_each_matrix_is_the_slice_of_torchs_parameter(ours, theirs, gates):
    model = deep(ours)
    reference = theirs(INPUTS, UNITS, 2).double()
    reference.load_state_dict(model.state_dict())
    seen = []
    for layer in range(2):
        for relation, short in (("input", "ih"), ("recurrent", "hh")):
            stacked = getattr(reference, f"weight_{short}_l{layer}")
            for index, role in enumerate(gates):
                query = WeightQuery(relation=relation, role=role, layer=layer)
                (spec,) = select_weights(model.weights, query)
                found = model.weight(spec.name)
                assert torch.equal(found, stacked[index * UNITS : (index + 1) * UNITS])
                assert tuple(found.shape) == spec.shape
                seen.append(spec.name)
    assert seen == list(model.weights)


@pytest.mark.parametrize(("ours", "theirs", "gates"), KINDS)
def test_a_matrix_is_a_detached_view_of_the_weights_as_they_are_now(ours, theirs, gates):
    model = deep(ours)
    found = model.weight(f"layers.1.recurrent.{gates[1]}")
    assert not found.requires_grad
    with torch.no_grad():
        model.weight_hh_l1[UNITS, 3] = 42.0
    assert found[0, 3] == 42.0


def before(hidden):
    """`[batch, pos, unit]` one step later, zeros first."""
    return torch.cat([torch.zeros_like(hidden[:, :1]), hidden[:, :-1]], dim=1)


@pytest.mark.parametrize(("ours", "theirs", "gates"), KINDS)
def test_products_give_what_arrives_at_the_gates(ours, theirs, gates):
    model = deep(ours)
    x = torch.randn(3, 4, INPUTS, dtype=torch.float64)
    with torch.no_grad():
        _, cache = model.run_with_cache(x)
    for layer in range(2):
        biases = [
            getattr(model, f"bias_{kind}_l{layer}").chunk(len(gates)) for kind in ("ih", "hh")
        ]
        for index, role in enumerate(gates):
            enter, again = (
                select_weights(model.weights, WeightQuery(relation=r, role=role, layer=layer))[0]
                for r in ("input", "recurrent")
            )
            assert enter.target == again.target
            assert again.source == f"layers.{layer}.hook_hidden"
            below = cache[enter.source] if enter.source else x
            carried = before(cache[again.source]) @ model.weight(again.name).T + biases[1][index]
            if ours is HookedGRU and role == "candidate":
                carried = cache[f"layers.{layer}.hook_reset"] * carried
            expected = below @ model.weight(enter.name).T + biases[0][index] + carried
            torch.testing.assert_close(cache[enter.target], expected.detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("ours", "theirs", "gates"), KINDS)
def test_sides_are_hook_points_of_that_width(ours, theirs, gates):
    model = deep(ours)
    hooks = model.hook_specs
    for spec in model.weights.values():
        assert hooks[spec.target].width == spec.shape[0]
        assert (hooks[spec.target].layer, hooks[spec.target].part) == (spec.layer, spec.part)
        assert hooks[spec.target].role == (None if spec.role == "candidate" else spec.role)
        if spec.source:
            assert hooks[spec.source].width == spec.shape[1]
            assert hooks[spec.source].kind == "hidden"
        else:
            assert (spec.relation, spec.layer, spec.shape[1]) == ("input", 0, INPUTS)


def test_queries_choose_by_relation_role_part_and_layer():
    weights = deep(HookedGRU).weights
    count = {
        (None, None): 12,
        ("input", None): 6,
        (None, "update"): 4,
        ("recurrent", "update"): 2,
    }
    for (relation, role), expected in count.items():
        assert len(select_weights(weights, WeightQuery(relation=relation, role=role))) == expected
    (one,) = select_weights(weights, WeightQuery(relation="input", role="reset", layer=1))
    assert one.name == "layers.1.input.reset"
    both = select_weights(weights, WeightQuery(layer=1), WeightQuery(role="update"))
    assert [spec.name for spec in both] == [
        name for name, spec in weights.items() if spec.layer == 1 or spec.role == "update"
    ]


def test_a_query_that_admits_nothing_names_what_there_is():
    with pytest.raises(ProbekitError) as caught:
        select_weights(deep(HookedLSTM).weights, WeightQuery(relation="readout"), model="toy")
    assert str(caught.value).startswith(
        "toy has no readout weights; it has: encoder input input, encoder input forget,"
    )
    query = WeightQuery(part="decoder", relation="recurrent", role="update", layer=3)
    with pytest.raises(ProbekitError, match=r"no decoder recurrent update \(layer 3\) weights"):
        select_weights(deep(HookedGRU).weights, query)


def test_an_unknown_name_is_one_sentence_with_the_nearest():
    model = deep(HookedGRU)
    with pytest.raises(ProbekitError, match=r"layers.1.input.updte \(did you mean layers.1.input"):
        model.weight("layers.1.input.updte")
    with pytest.raises(
        ProbekitError, match=r"no weight matrix zzz; it has: layers.0.input.reset, "
    ):
        model.weight("zzz")


def test_a_model_without_descriptions_says_so():
    for ask in (
        lambda: select_weights({}, WeightQuery(), model="blank"),
        lambda: find_weight({}, "any", "blank"),
    ):
        with pytest.raises(ProbekitError, match=r"^blank describes no weight matrices, so"):
            ask()


def test_a_matrix_within_a_larger_model_takes_its_names_along():
    spec = WeightSpec(name="a", relation="input", shape=(2, 3), target="b", layer=4)
    inner = spec.within("encoder.rnn")
    assert (inner.name, inner.target, inner.source) == ("encoder.rnn.a", "encoder.rnn.b", "")
    assert (inner.layer, inner.shape) == (4, (2, 3))


def test_the_words_of_a_large_vocabulary_are_not_printed():
    spec = WeightSpec(name="a", relation="readout", shape=(2, 3), rows=("hello", "there"))
    assert "hello" not in repr(spec)


def test_every_gate_of_a_hook_point_is_a_role_of_a_weight():
    assert set(ROLES) | {"candidate"} == set(WEIGHT_ROLES)
    assert len(set(RELATIONS)) == len(RELATIONS)
    assert describe_relations([]) == []
    assert get_args(WeightSpec.__annotations__["role"])


def test_the_tiny_model_describes_its_matrices():
    model = TinyModel()
    assert model.weights["embedding"].columns == model.vocabulary.words
    assert model.weights["readout"].rows == model.vocabulary.words
    for name, spec in model.weights.items():
        assert tuple(model.weight(name).shape) == spec.shape
        for hook, width in zip((spec.target, spec.source), spec.shape, strict=True):
            assert not hook or model.hook_specs[hook].width == width
