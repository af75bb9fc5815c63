"""The registry: ids, collisions, and plugins that fail."""

from importlib.metadata import EntryPoint, entry_points
from types import SimpleNamespace

import pytest

from probekit.errors import ProbekitError
from probekit.hooks import HookQuery
from probekit.registry import Broken, Registry
from probekit.specs import AnalysisSpec, ModelSpec, RecipeSpec

GATES = AnalysisSpec(
    name="gates", summary="", implementation="m:A", params="m:P", wants=(HookQuery(kind="gate"),)
)
MODEL = ModelSpec(
    name="gru", summary="", implementation="m:A", params="m:P", offers=(HookQuery(kind="gate"),)
)


class Point(EntryPoint):
    """An entry point that loads what it is given, or raises it."""

    def __init__(self, name, group, loads, distribution="acme"):
        super().__init__(name, "nowhere:nothing", group)
        dist = SimpleNamespace(name=distribution, version="1.0")
        vars(self).update(loads=loads, dist=dist)

    def load(self):
        if isinstance(self.loads, BaseException):
            raise self.loads
        return self.loads


def test_names_and_ids_both_find_an_entry():
    found = Registry([Point("gates", "probekit.analyses", GATES)])
    assert found.find("gates", "analysis").id == "acme/gates"
    assert found.find("acme/gates", "analysis", "recipe").spec is GATES


def test_a_wrong_name_gets_the_nearest_or_the_list():
    found = Registry([Point("gates", "probekit.analyses", GATES)])
    with pytest.raises(
        ProbekitError, match=r"no analysis is called gtaes \(did you mean gates\?\)"
    ):
        found.find("gtaes", "analysis")
    with pytest.raises(ProbekitError, match="no analysis is called xyz; installed: gates"):
        found.find("xyz", "analysis")
    with pytest.raises(ProbekitError, match="no model is called gates; installed: none"):
        found.find("gates", "model")


def test_a_collision_names_both_ids_and_each_id_still_works():
    found = Registry(
        [
            Point("gates", "probekit.analyses", GATES, "acme"),
            Point("gates", "probekit.analyses", GATES, "zeta"),
        ]
    )
    with pytest.raises(
        ProbekitError, match=r"gates is claimed by acme/gates \(analysis\) and zeta/gates \("
    ):
        found.find("gates", "analysis")
    assert found.find("zeta/gates", "analysis").distribution == "zeta"


def test_an_analysis_and_a_recipe_of_one_name_collide_too():
    recipe = RecipeSpec(name="gates", summary="", analysis="gates")
    found = Registry(
        [
            Point("gates", "probekit.analyses", GATES, "acme"),
            Point("gates", "probekit.recipes", recipe, "zeta"),
        ]
    )
    with pytest.raises(
        ProbekitError, match=r"claimed by acme/gates \(analysis\) and zeta/gates \(recipe\)"
    ):
        found.find("gates", "analysis", "recipe")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (ImportError("No module named 'nowhere'"), "ImportError: No module named 'nowhere'"),
        (SystemExit(3), "SystemExit: 3"),
        (SyntaxError("bad\n  code"), "SyntaxError: bad code"),
        (MODEL, "the entry point names a ModelSpec, not a AnalysisSpec"),
        ("text", "the entry point names a str, not a AnalysisSpec"),
        (
            AnalysisSpec(name="x", summary="", implementation="", params="", api=99),
            "incompatible: written for plugin API 99, this probekit has 1",
        ),
        (GATES, "the entry point is called x, its spec gates"),
    ],
)
def test_a_plugin_that_fails_is_a_row_and_hides_nobody(value, reason):
    found = Registry(
        [Point("x", "probekit.analyses", value), Point("gates", "probekit.analyses", GATES)]
    )
    assert found.broken == [Broken("x", "analysis", "acme", "1.0", reason)]
    assert [entry.spec for entry in found.of("analysis")] == [GATES]
    with pytest.raises(ProbekitError, match=r"acme/x 1\.0 cannot be used"):
        found.find("x", "analysis")


def test_a_key_interrupt_is_not_swallowed():
    with pytest.raises(KeyboardInterrupt):
        Registry([Point("x", "probekit.analyses", KeyboardInterrupt())])


def test_real_entry_points_are_read():
    point = EntryPoint(
        "gate-saturation", "probekit_gates.specs:gate_saturation", "probekit.analyses"
    )
    assert Registry([point]).of("analysis")[0].id == "unknown/gate-saturation"


def test_an_analysis_fits_a_model_that_offers_all_it_asks_for():
    both = AnalysisSpec(
        name="b", summary="", implementation="", params="",
        wants=(HookQuery(kind="gate", role="update"), HookQuery(kind="cell")),
    )  # fmt: skip
    assert GATES.fits(MODEL)
    assert not both.fits(MODEL)


def test_the_serial_engine_is_found_again_after_it_was_used():
    import probekit.engines.serial  # noqa: F401 (a submodule must not hide the spec)

    point = EntryPoint("serial", "probekit.engines:SERIAL", "probekit.engines")
    assert Registry([point]).broken == []
    assert [entry.value for entry in entry_points(group="probekit.engines")] == [point.value]
