"""Component substitution: what goes over, what is frozen, who receives, and what is said of it."""

import numpy as np
import pytest
import torch
from probekit_surgery.pairs import Pair, components, pairs
from probekit_surgery.params import SubstitutionParams
from probekit_surgery.recovery import shown_split, slug
from probekit_surgery.substitution import NONE, ComponentSubstitution, sentences

from probekit.analysis import Measured, measured
from probekit.errors import ProbekitError
from probekit.params import validate
from probekit.testing import GivenInputs, TinyModel
from probekit.testing.inputs import Thinned
from probekit.testing.loading import load_dataset, load_model

EIGHT = [
    f"{side}{part}"
    for side in ("encoder", "decoder")
    for part in ("", ".embedding", ".input", ".recurrent")
]


def net(seed=0, hidden=8):
    given = {"checkpoint": "untrained", "embedding": 4, "hidden": hidden, "init_seed": seed}
    return load_model("gru-seq2seq", given)


def params(**given):
    quick = {"epochs": 1, "batch_size": 64, "settings": {"guidance": True}}
    return SubstitutionParams(**quick | given)


@pytest.fixture(scope="module")
def data():
    return Thinned(load_dataset("lookup-tables", {}), 24)


@pytest.fixture
def inputs(data):
    return GivenInputs({"baseline": net(0), "guided": net(1)}, data)


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("component", EIGHT)
def test_a_component_put_into_its_own_model_changes_no_bit(data, component):
    """And so the score before retraining is that of the model as it is."""
    inputs = GivenInputs({"one": net(), "same": net()}, data)
    analysis = ComponentSubstitution(params(components=(component,)))
    shards = analysis.shards(inputs)
    model = inputs.model("one")
    same = model.altered({n: model.parameter(n) for n in model.components[component]})
    assert all(torch.equal(value, state(same)[name]) for name, value in state(model).items())
    found = {s.task["component"]: measured(analysis, s, inputs) for s in shards if s.model == "one"}
    assert np.array_equal(found[component]["before"], found[NONE]["before"])
    assert found[NONE]["before"].tolist() == [*model.scores(data).values()]


def test_what_goes_over_is_the_donors_and_frozen_and_the_rest_is_the_receivers(inputs, monkeypatch):
    calls = []
    kind = type(inputs.model("guided"))
    retrained = kind.retrained

    def spy(self, dataset, seed, settings, frozen=(), held=None):
        calls.append((state(self), frozen, retrained(self, dataset, seed, settings, frozen, held)))
        return calls[-1][-1]

    monkeypatch.setattr(kind, "retrained", spy)
    analysis = ComponentSubstitution(params(components=("encoder", "decoder.recurrent")))
    receiver, donor = state(inputs.model("guided")), state(inputs.model("baseline"))
    shards = [s for s in analysis.shards(inputs) if s.model == "guided"]
    assert [s.others for s in shards] == [(), ("baseline",), ("baseline",)]
    for shard in shards:
        measured(analysis, shard, inputs)
        before, frozen, healed = calls[-1]
        lent = {
            NONE: set(),
            "encoder": {name for name in receiver if name.startswith("encoder.")},
            "decoder.recurrent": {"decoder.rnn.weight_hh_l0"},
        }[shard.task["component"]]
        assert set(frozen) == lent
        for name, value in before.items():
            assert torch.equal(value, (donor if name in lent else receiver)[name]), name
            assert torch.equal(state(healed)[name], value) == (name in lent), name


def test_halves_are_paired_in_order_in_both_directions():
    assert pairs(["b", "g"], params()) == [Pair("g", "b", "b into g"), Pair("b", "g", "g into b")]
    found = pairs(["b0", "b1", "g0", "g1"], params(kinds=("baseline", "guided")))
    assert found == [
        Pair("g0", "b0", "baseline into guided"),
        Pair("g1", "b1", "baseline into guided"),
        Pair("b0", "g0", "guided into baseline"),
        Pair("b1", "g1", "guided into baseline"),
    ]
    named = params(receivers=("g0", "g0"), donors=("b0", "b1"))
    assert pairs(["b0", "b1", "g0"], named) == [
        Pair("g0", "b0", "donors into receivers"),
        Pair("g0", "b1", "donors into receivers"),
    ]


def test_the_receiver_as_it_is_is_measured_once(data):
    inputs = GivenInputs({"b0": net(0), "b1": net(1), "g0": net(2)}, data)
    asked = params(receivers=("g0", "g0"), donors=("b0", "b1"), seeds=(3, 4))
    shards = ComponentSubstitution(asked).shards(inputs)
    whole = [s.name for s in shards if s.task["component"] == NONE]
    assert whole == ["g0-none-seed-3", "g0-none-seed-4"]
    assert len(shards) == 2 + 2 * 2 * len(EIGHT)
    assert "g0-from-b1-decoder.recurrent-seed-4" in [s.name for s in shards]
    assert all(s.size == 1 for s in shards)


def part(analysis, pair, component, seed, before, after):
    shard = analysis._shard(pair, component, seed)
    splits = np.array(["easy", "hard"])
    return Measured(shard, {"splits": splits, "before": np.array(before), "after": np.array(after)})


def test_means_and_deviations_are_over_pairs_and_seeds(inputs):
    analysis = ComponentSubstitution(
        params(published={"after.b-into-g.encoder": 0.17, "before.b-into-g.none": 0.82})
    )
    parts = [
        part(analysis, Pair("g0", "b0", "b into g"), NONE, 0, [1, 0.8], [1, 0.9]),
        part(analysis, Pair("g1", "b1", "b into g"), NONE, 0, [1, 0.6], [1, 0.7]),
        part(analysis, Pair("g0", "b0", "b into g"), "encoder", 0, [0, 0], [1, 0.2]),
        part(analysis, Pair("g1", "b1", "b into g"), "encoder", 0, [0, 0.1], [1, 0.0]),
    ]
    result = analysis.combine(parts, inputs)
    assert result.metrics == {
        "before.b-into-g.none": pytest.approx(0.7),
        "before.b-into-g.encoder": pytest.approx(0.05),
        "after.b-into-g.none": pytest.approx(0.8),
        "after.b-into-g.encoder": pytest.approx(0.1),
    }
    table = result.tables["substitution"].set_index("component")
    assert table["retrainings"].tolist() == [2, 2]
    assert table.loc["encoder", "after_deviation"] == pytest.approx(0.2 / 2**0.5)
    easy = result.tables["summary"].set_index(["split", "component"])
    assert easy.loc[("easy", "encoder"), "after"] == 1
    points = result.tables["points"]
    assert len(points) == 8 + 2
    beside = points[points["source"] == "published"]
    assert beside["score"].tolist() == [0.82, 0.17]
    assert beside["when"].tolist() == ["before retraining", "after retraining"]
    assert "Lower than that: encoder 10.0%." in result.notes[1]
    assert "80.0% of hard right (before 70.0%)" in result.notes[1]
    assert "contrast" not in result.notes[1]
    other = ComponentSubstitution(params(split="easy")).combine(parts, inputs)
    assert other.metrics["after.b-into-g.encoder"] == 1
    assert "the contrast does not show" in other.notes[1]


def test_one_retraining_of_each_is_told_to_say_little(inputs):
    analysis = ComponentSubstitution(params())
    parts = [
        part(analysis, Pair("g", "b", "b into g"), name, 0, [1, 0.8], [1, after])
        for name, after in ((NONE, 0.5), ("encoder", 0.5), ("decoder", 0.6))
    ]
    note = sentences(analysis.combine(parts, inputs).tables["substitution"], "hard")[0]
    assert "Higher: decoder 60.0%. No different: encoder 50.0%." in note
    assert "chance alone" in note
    assert "does not show" in note


@pytest.mark.parametrize(
    ("labels", "given", "message"),
    [
        (["guided"], {}, "from one model into another, and this run has 1; name two"),
        (["a", "b", "c"], {}, "and this run has 3"),
        (["a", "b"], {"receivers": ("a",), "donors": ("c",)}, "no model labelled c; it has: a, b"),
        (
            ["baseline", "guided"],
            {"receivers": ("guidde",), "donors": ("baseline",)},
            "no model labelled guidde .did you mean guided",
        ),
    ],
)
def test_models_that_make_no_pairs(labels, given, message):
    with pytest.raises(ProbekitError, match=message):
        pairs(labels, params(**given))


def test_models_that_have_nothing_to_give(data):
    pair = Pair("a", "b", "b into a")
    for asked in ((), ("encoder",)):
        with pytest.raises(ProbekitError, match="a names no components that could be put into"):
            components(TinyModel(), net(), pair, asked)
    with pytest.raises(ProbekitError, match="b names no components"):
        components(net(), TinyModel(), pair, ())
    with pytest.raises(ProbekitError, match=r"a has no component encodr .did you mean encoder"):
        components(net(), net(), pair, ("encodr",))
    with pytest.raises(ProbekitError, match=r"encoder of b does not fit into a, .* other sizes"):
        components(net(), net(hidden=5), pair, ())
    fitting = components(net(), net(hidden=5), pair, ("encoder.embedding",))
    assert fitting == ["encoder.embedding"]


def test_parameters_that_do_not_agree():
    for given, message in (
        ({"receivers": "a,b", "donors": "c"}, "2 receivers and 1 donors do not pair up"),
        ({"kinds": "a"}, "kinds holds two names"),
        ({"settings": '{"epochs": 3}'}, "settings holds epochs; give it as epochs=VALUE"),
        ({"seeds": "1,1"}, "seeds holds something twice"),
        ({"epochs": "0"}, "epochs=0: input should be greater than 0"),
    ):
        _, problems = validate(SubstitutionParams, given)
        assert len(problems) == 1
        assert message in problems[0]
    defaults = SubstitutionParams()
    assert defaults.schedule == {"epochs": 100, "learning_rate": 1e-3}


def test_a_split_that_is_not_there(inputs):
    analysis = ComponentSubstitution(params(split="hrad"))
    parts = [part(analysis, Pair("g", "b", "b into g"), NONE, 0, [1, 0.8], [1, 0.9])]
    with pytest.raises(ProbekitError, match=r"no split hrad .did you mean hard"):
        analysis.combine(parts, inputs)


def test_names_are_plain():
    assert slug("b into g") == "b-into-g"
    assert slug("../..") == "part"
    assert shown_split.__doc__
