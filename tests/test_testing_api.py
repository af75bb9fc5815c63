"""`probekit check`, and the names of probekit.testing."""

import ast
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import probekit.testing
from probekit import HookQuery, ListDataset, ProbekitError
from probekit.registry import registry
from probekit.testing import GivenInputs, TinyModel, check_installed, tiny_dataset
from probekit.testing.inputs import Thinned

NAMES = [
    "AnalysisContract", "Contract", "DatasetContract", "GivenInputs", "ModelContract", "Outcome",
    "TinyModel", "check_installed", "tiny_dataset",
]  # fmt: skip

SPECS = """
from dataclasses import replace
from probekit.hooks import HookQuery
from probekit.specs import AnalysisSpec
from probekit.testing.specs import tiny_model as tiny
from probekit.testing.specs import tiny_sentences

homeless = replace(tiny, name="homeless", data="")
faulty = replace(tiny, name="faulty", offers=tiny.offers[1:])
gates = dict(
    summary="a question",
    implementation="probekit_gates.ranges:ActivationRanges",
    params="probekit_gates.params:RangesParams",
)
of_states = AnalysisSpec(name="of-states", wants=(HookQuery(kind="hidden"),), **gates)
of_cells = AnalysisSpec(name="of-cells", wants=(HookQuery(kind="cell"),), **gates)
of_colours = AnalysisSpec(name="of-colours", wants=(HookQuery(),), labels=("colour",), **gates)
trainer = AnalysisSpec(name="trainer", trains=True, **gates)
"""

POINTS = """
[probekit.models]
faulty = checked_specs:faulty
homeless = checked_specs:homeless
tiny = checked_specs:tiny
[probekit.datasets]
tiny-sentences = checked_specs:tiny_sentences
[probekit.analyses]
of-cells = checked_specs:of_cells
of-colours = checked_specs:of_colours
of-states = checked_specs:of_states
trainer = checked_specs:trainer
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A distribution that registers doubles, and is the only one."""
    info = tmp_path / "a_checked-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: a-checked\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    (tmp_path / "checked_specs.py").write_text(SPECS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(
        "probekit.registry.entry_points",
        lambda group: [p for p in entry_points(group=group) if p.dist.name == "a-checked"],
    )
    registry.cache_clear()
    yield
    registry.cache_clear()


def test_the_names_are_these_and_all_resolve():
    assert probekit.testing.__all__ == NAMES
    assert [getattr(probekit.testing, name).__name__ for name in NAMES] == NAMES
    tree = ast.parse(Path(probekit.testing.__file__).with_suffix(".pyi").read_text())
    names = [a.asname for node in tree.body if isinstance(node, ast.ImportFrom) for a in node.names]
    assert sorted(names) == NAMES


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = probekit.testing.nothing


def test_the_contract_needs_no_pytest():
    code = (
        "import sys; sys.modules['pytest'] = None  # whoever imports it now gets an error\n"
        "from probekit import testing\n"
        "for name in testing.__all__: getattr(testing, name)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.usefixtures("plugin")
class TestCheckInstalled:
    @pytest.mark.parametrize(
        ("name", "count"), [("tiny", 24), ("tiny-sentences", 10), ("a-checked/of-states", 17)]
    )
    def test_a_sound_one_keeps_every_promise(self, name, count):
        outcomes = check_installed(name)
        assert [found for found in outcomes if found.problem] == []
        assert len(outcomes) == count
        assert outcomes[0].promise == "It loads with its parameters, and so does what it reads"

    def test_a_faulty_one_breaks_one(self):
        (broken,) = (found for found in check_installed("faulty") if found.problem)
        assert broken.promise == "Every hook point after its non-linearity is offered by its spec"
        assert broken.problem == (
            "no offer of the spec admits hook_embed, so no analysis will find it"
        )

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("tinny", r"is called tinny \(did you mean tiny\?\)"),
            ("homeless", "homeless goes with no dataset of its own.*data = NAME"),
            ("trainer", "trainer makes models, which takes long.*AnalysisContract"),
            ("of-cells", "no installed model fits of-cells.*cell hook points"),
            ("of-colours", "no installed model fits of-colours.*a dataset with the labels colour"),
        ],
    )
    def test_what_cannot_be_checked_says_what_is_needed(self, name, message):
        with pytest.raises(ProbekitError, match=message):
            check_installed(name)

    def test_an_analysis_is_asked_of_the_first_model_that_fits(self, monkeypatch):
        seen = []
        monkeypatch.setattr(
            "probekit.testing.analyses.load_model",
            lambda name, given: seen.append((name, dict(given))) or TinyModel(),
        )
        check_installed("of-states")
        assert seen == [("a-checked/faulty", {})]


def test_given_inputs_are_those_of_a_run():
    inputs = GivenInputs({"one": TinyModel()}, tiny_dataset(), [HookQuery(kind="hidden")], seed=4)
    assert (inputs.labels, inputs.seed) == (("one",), 4)
    assert [spec.name for spec in inputs.hooks("one")] == ["rnn.layers.0.hook_hidden"]
    assert len(GivenInputs({}).dataset) == 0


def test_a_thinned_dataset_is_spread_over_the_whole_and_so_are_its_splits():
    examples = list(tiny_dataset())
    whole = ListDataset(examples, "whole", {"odd": examples[1::2]})
    thin = Thinned(whole, 4)
    assert list(thin) == [examples[at] for at in (0, 21, 42, 63)]
    assert list(thin.split("odd")) == [examples[at] for at in (1, 21, 43, 63)]
    assert list(Thinned(whole, 1000)) == examples


def test_the_tiny_dataset_is_84_different_sentences_of_three_lengths():
    dataset = tiny_dataset()
    assert len({example.words for example in dataset}) == 84
    assert [len(example.words) for example in (dataset[0], dataset[4], dataset[83])] == [4, 7, 10]
    assert " ".join(dataset[9].words) == "the dog near the dog sees ."
    assert {example.labels["number"] for example in dataset} == {"singular", "plural"}
