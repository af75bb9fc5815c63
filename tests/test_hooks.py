"""Hook points are chosen by what they are, never by their names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probekit.errors import ProbekitError
from probekit.hooks import KINDS, ROLES, HookQuery, HookSpec, select

SPECS = [
    HookSpec(name="a", kind="gate", role="reset", part="encoder", width=4),
    HookSpec(name="b", kind="gate", role="update", part="encoder", width=4, stage="pre"),
    HookSpec(name="c", kind="gate", role="update", part="decoder", width=4, layer=1),
    HookSpec(name="d", kind="hidden", width=4),
]
HOOKS = {spec.name: spec for spec in SPECS}


def names(*queries):
    return [spec.name for spec in select(HOOKS, *queries)]


def test_select_by_kind_role_part_layer_and_stage():
    assert names(HookQuery(kind="gate")) == ["a", "c"]
    assert names(HookQuery(kind="gate", stage=None)) == ["a", "b", "c"]
    assert names(HookQuery(kind="gate", stage="pre")) == ["b"]
    assert names(HookQuery(role="update")) == ["c"]
    assert names(HookQuery(part="encoder")) == ["a"]
    assert names(HookQuery(layer=1)) == ["c"]
    assert names(HookQuery(layer=0)) == ["a", "d"]


def test_several_queries_keep_the_order_of_the_model_and_no_doubles():
    assert names(HookQuery(kind="hidden"), HookQuery(kind="gate"), HookQuery()) == ["a", "c", "d"]


def test_a_query_that_admits_nothing_names_what_there_is():
    with pytest.raises(ProbekitError, match="tiny has no neuron hook points; it has: reset gate"):
        select(HOOKS, HookQuery(kind="gate"), HookQuery(kind="neuron"), model="tiny")


@given(
    st.sampled_from([None, *KINDS]),
    st.sampled_from([None, *ROLES]),
    st.sampled_from([None, "encoder", "decoder"]),
    st.sampled_from([None, 0, 1]),
)
def test_admits_is_the_conjunction_of_its_fields(kind, role, part, layer):
    query = HookQuery(kind=kind, role=role, part=part, layer=layer, stage=None)
    for spec in SPECS:
        wanted = {"kind": kind, "role": role, "part": part, "layer": layer}
        slow = all(v is None or getattr(spec, k) == v for k, v in wanted.items())
        assert query.admits(spec) == slow


def test_an_offer_that_leaves_a_field_open_may_have_any_value():
    want = HookQuery(kind="gate", role="update")
    assert want.admits(HookQuery(kind="gate"))
    assert not want.admits(HookQuery(kind="hidden"))
    assert not want.admits(HookQuery(kind="gate", role="reset"))
    assert not want.admits(HookSpec(name="x", kind="gate", width=1))
