"""Strength gathers all weights of a unit; groups are held against it."""

import numpy as np
import pandas as pd
import pytest
from probekit_weights.places import home

from probekit.errors import ProbekitError, Problems
from probekit.recurrent import HookedGRU
from probekit.report import write_figures
from probekit.testing import TinyModel

from .planted import UNITS, gru, result_of

HIDDEN = "layers.0.hook_hidden"
GATES = ("reset", "update", "candidate")


def planted():
    """Unit 7 sends strong weights, unit 3 receives them; unit 12 has the single strongest."""
    return gru(
        recurrent_candidate=[(to, 7, 0.3) for to in range(UNITS)] + [(12, 12, 0.9)],
        input_update=[(3, sender, -0.7) for sender in range(4)],
    )


def order(found, **wanted):
    table = found.tables["units"]
    for column, value in wanted.items():
        table = table[table[column] == value]
    return table["unit"].tolist()


def by_hand(model, unit):
    """All weights into and out of a unit, looked up one matrix after another."""
    into = [model.weight(f"layers.0.{kind}.{gate}")[unit]
            for kind in ("input", "recurrent") for gate in GATES]  # fmt: skip
    out = [model.weight(f"layers.0.recurrent.{gate}")[:, unit] for gate in GATES]
    return [np.abs(np.concatenate(part)) for part in (into, out, into + out)]


@pytest.mark.parametrize(("side", "index"), [("in", 0), ("out", 1), ("both", 2)])
@pytest.mark.parametrize(("by", "function"), [("mean", np.mean), ("max", np.max)])
def test_strength_is_that_of_all_weights_of_the_unit(side, index, by, function):
    model = planted()
    units = result_of("strongest_units", model, side=side, by=by).tables["units"]
    assert units["rank"].tolist() == list(range(1, UNITS + 1))
    for row in units.itertuples():
        expected = function(by_hand(model, row.unit)[index])
        assert row.strength == pytest.approx(expected, rel=1e-6)


def test_the_planted_units_come_first():
    assert order(result_of("strongest_units", planted()))[:2] == [7, 3]
    assert order(result_of("strongest_units", planted(), side="in"))[:2] == [3, 12]
    assert order(result_of("strongest_units", planted(), side="out"))[0] == 7
    assert order(result_of("strongest_units", planted(), by="max"))[0] == 12
    assert order(result_of("strongest_units", planted(), relation="input"))[0] == 3


def test_polarity_tells_the_sign_of_both_directions():
    units = result_of("strongest_units", planted()).tables["units"].set_index("unit")
    assert units.loc[7, "polarity_out"] > 0.9
    assert units.loc[3, "polarity_in"] < -0.7
    assert units["polarity_in"].drop(3).min() > 0.2  # all others receive the 0.3 of unit 7
    assert (
        result_of("strongest_units", planted(), relation="input")
        .tables["units"]["mean_out"]
        .isna()
        .all()
    )


def test_concentration_of_a_hub_and_of_equal_weights():
    every = [(i, j) for i in range(UNITS) for j in range(UNITS)]
    even = gru(recurrent_update=[(i, j, 0.2) for i, j in every])
    hub = gru(recurrent_update=[(i, j, 0.2 if i == 5 else 0.0) for i, j in every])
    wanted = {"role": "update", "relation": "recurrent", "side": "in"}
    assert result_of("strongest_units", even, **wanted).metrics == {
        "held.planted.hidden": pytest.approx(1 / UNITS)
    }
    summary = result_of("strongest_units", hub, **wanted).tables["summary"].iloc[0]
    assert summary["held"] == pytest.approx(1)
    assert summary["gini"] == pytest.approx((UNITS - 1) / UNITS)
    assert summary["first"].startswith("5, ")


def test_layers_are_apart_and_a_lower_one_sends_into_the_upper():
    model = HookedGRU(4, 6, 2, part="encoder")
    found = result_of("strongest_units", model, side="out")
    assert list(dict.fromkeys(found.tables["units"]["place"])) == [
        "encoder layer 0 hidden", "encoder layer 1 hidden",
    ]  # fmt: skip
    lower = next(note for note in found.notes if note.startswith("encoder layer 0"))
    assert "layers.1.input.update" in lower
    assert "layers.0.input.update" not in lower


def test_units_of_an_embedding_are_units_too_and_words_are_not():
    places = result_of("strongest_units", TinyModel()).tables["summary"]["place"]
    assert places.tolist() == ["embedding", "hidden"]
    hooks = TinyModel().hook_specs
    update, hidden = (home(hooks[f"rnn.layers.0.hook_{name}"]) for name in ("update", "hidden"))
    assert update == hidden


def test_matrices_without_such_a_side_are_refused_in_one_sentence():
    with pytest.raises(ProbekitError, match=r"no weights out of any units that have a hook point;"):
        result_of("strongest_units", gru(), relation="input", side="out")
    with pytest.raises(ProbekitError, match=r"side=out of the units of layers.0.hook_hidden; choo"):
        result_of("group_connectivity", gru(), units="1", relation="input", side="out")


def test_a_group_is_counted_among_the_strongest(tmp_path):
    found = result_of("group_connectivity", planted(), units="7,3,0", top="0.1")
    row = found.tables["groups"].iloc[0]
    assert row[["hook", "size", "all_units", "strongest", "among_strongest"]].tolist() == [
        HIDDEN, 3, 20, 2, 2,
    ]  # fmt: skip
    assert row["share"] == pytest.approx(2 / 3)
    assert row["expected"] == pytest.approx(0.1)
    assert row["p"] == pytest.approx(18 / 1140)  # C(2, 2) C(18, 1) of C(20, 3) draws
    assert found.metrics == {"share.planted.layers.0.hook_hidden": pytest.approx(2 / 3)}
    members = found.tables["members"]
    assert members["unit"].tolist()[:2] == [7, 3]
    assert members["strongest"].tolist() == [True, True, False]
    note = found.notes[1]
    assert "2 of 3 units of the group are among the strongest 2 of 20 units (10%)" in note
    write_figures(tmp_path, found.figures, found.tables)
    assert ">7<" in (tmp_path / "figures" / "group.svg").read_text()


def test_units_of_a_gate_are_those_of_its_layer():
    hidden = result_of("group_connectivity", planted(), units="7")
    gate = result_of("group_connectivity", planted(), units="7", hook="layers.0.hook_update")
    assert hidden.tables["groups"]["p"].tolist() == gate.tables["groups"]["p"].tolist()
    alone = result_of("group_connectivity", planted(), units="3", role="update", side="in")
    assert alone.tables["members"]["rank"].tolist() == [1]


def write_groups(folder, rows, columns=("model", "hook", "units")):
    table = pd.DataFrame(rows, columns=list(columns))
    (folder / "tables").mkdir(parents=True)
    table.to_parquet(folder / "tables" / "groups.parquet", index=False)
    table.to_csv(folder / "groups.csv", index=False)
    return folder


def test_groups_of_an_earlier_run_or_a_file(tmp_path):
    rows = [("a", HIDDEN, "7, 3"), ("b", HIDDEN, "0"), ("a", "layers.0.hook_update", "12")]
    folder = write_groups(tmp_path / "run", rows)
    models = {"a": planted(), "b": gru()}
    for source in (folder, folder / "groups.csv", folder / "tables" / "groups.parquet"):
        found = result_of("group_connectivity", models, group=str(source), top="0.15")
        groups = found.tables["groups"]
        assert groups["units"].tolist() == ["7,3", "12", "0"]
        assert groups["share"].tolist()[:2] == [1, 1]
        assert groups["group"].tolist() == [0, 1, 0]
    one = result_of("group_connectivity", {"a": planted()}, group=str(folder), hook=HIDDEN)
    assert one.tables["groups"]["units"].tolist() == ["7,3"]


def test_several_groups_of_one_hook_point_are_averaged(tmp_path):
    rows = [("planted", HIDDEN, "7,3"), ("planted", HIDDEN, "7,0")]
    folder = write_groups(tmp_path, rows)
    found = result_of("group_connectivity", planted(), group=str(folder), top="0.1")
    assert found.metrics == {"share.planted.layers.0.hook_hidden": 0.75}
    assert "on average 75.0% of the units of 2 groups" in found.notes[1]
    units = found.tables["units"].set_index("unit")["in_groups"]
    assert units[[7, 3, 0, 1]].tolist() == [2, 1, 1, 0]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"units": "20"}, r"has no unit 20: it has 20 units, counted from 0\.$"),
        ({"units": "1", "hook": "layers.0.hook_hiden"}, r"\(did you mean layers.0.hook_hidden\?\)"),
        ({"units": "1", "hook": "zzz"}, r"has no hook point zzz; `probekit hooks MODEL` shows"),
        ({"group": "nowhere"}, r"^group=nowhere is neither a run folder nor a csv or parquet file"),
        ({"group": "nowhere.csv"}, r"^group=nowhere.csv cannot be read: No such file"),
    ],
)
def test_a_wrong_group_is_one_sentence(params, message):
    with pytest.raises(ProbekitError, match=message) as caught:
        result_of("group_connectivity", gru(), **params)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ([("planted", "3")], ("model", "units"), r"no column hook; .* there is: model, units\.$"),
        ([("other", HIDDEN, "3")], None, r"no group for the model planted; it has groups for: oth"),
        ([("planted", HIDDEN, "3;4")], None, r"has '3;4' where units should be; write them as 3,1"),
        ([("planted", HIDDEN, "3,3")], None, r"is empty or names a unit twice\.$"),
        ([("planted", HIDDEN, "99")], None, r"has no unit 99"),
        ([("planted", HIDDEN, "-1")], None, r"has no unit -1"),
    ],
)
def test_a_wrong_table_of_groups_is_one_sentence(tmp_path, rows, columns, message):
    folder = write_groups(tmp_path, rows, columns or ("model", "hook", "units"))
    with pytest.raises(ProbekitError, match=message):
        result_of("group_connectivity", gru(), group=str(folder))


def test_a_folder_without_groups_and_a_file_of_another_kind(tmp_path):
    with pytest.raises(ProbekitError, match=r"groups.parquet is missing"):
        result_of("group_connectivity", gru(), group=str(tmp_path))
    for name in ("broken.parquet", "broken.csv"):
        (tmp_path / name).write_bytes(b"\xff\xfe\x00\x01")
        with pytest.raises(ProbekitError, match=rf"{name} is no table; give the folder of a run"):
            result_of("group_connectivity", gru(), group=str(tmp_path / name))


@pytest.mark.parametrize("params", [{}, {"units": "1", "group": "runs/x"}])
def test_a_group_is_given_in_one_way(params):
    with pytest.raises(Problems, match=r"name a group by units=3,17 or by group=RUN_DIR, one of"):
        result_of("group_connectivity", gru(), **params)
    with pytest.raises(Problems, match="units names a unit twice"):
        result_of("group_connectivity", gru(), units="1,1")


def test_a_model_with_two_hidden_states_needs_a_hook():
    with pytest.raises(ProbekitError, match=r"planted has 2 hidden states \(layers.0.hook_hidden,"):
        result_of("group_connectivity", HookedGRU(3, 4, 2), units="1")
