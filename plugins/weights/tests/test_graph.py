"""Strong weights are found where they were planted, and concentration is what was planted."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from probekit_weights import drawing, graph, strong
from probekit_weights.drawing import apart
from probekit_weights.numbers import held
from probekit_weights.strong import hub_polarity, strong_weights

from probekit.report import write_figures

from .planted import UNITS, gru, result_of

PLANTED = [(7, 2, 0.5), (7, 3, -0.9), (11, 2, 0.7)]


def rows(table, **wanted):
    for column, value in wanted.items():
        table = table[table[column] == value]
    return table


def only(table, **wanted):
    found = rows(table, **wanted)
    assert len(found) == 1
    return found.iloc[0]


def test_a_threshold_keeps_the_planted_weights_alone_strongest_first():
    found = result_of("weight_graph", gru(recurrent_update=PLANTED), threshold="0.2")
    edges = found.tables["edges"]
    assert list(zip(edges["to"], edges["from"], edges["gate"], strict=True)) == [
        (7, 3, "update gate"), (11, 2, "update gate"), (7, 2, "update gate"),
    ]  # fmt: skip
    assert edges["weight"].tolist() == pytest.approx([-0.9, 0.7, 0.5])
    assert found.metrics["strong.planted.recurrent-update"] == 3
    assert found.metrics["strong.planted.recurrent-reset"] == 0
    assert any("reset gate: no weight is that strong" in note for note in found.notes)
    assert "held_in.planted.recurrent-reset" not in found.metrics


def test_a_weight_at_the_threshold_is_strong():
    weight = np.array([[0.25, -0.25], [0.2, 0.0]], dtype=np.float32)
    assert strong_weights(weight, 0.5, 0.25)["count"] == 2


def test_units_know_their_strong_weights_means_and_polarity():
    model = gru(recurrent_update=PLANTED)
    units = result_of("weight_graph", model, threshold="0.2").tables["units"]
    row = only(units, gate="update gate", side="in", unit=7)
    assert (row["strong"], row["strong_positive"]) == (2, 1)
    own = model.weight("layers.0.recurrent.update")[7].double()
    assert row["mean"] == pytest.approx(own.mean().item())
    assert row["polarity"] == pytest.approx((own.mean() / own.abs().mean()).item())
    row = only(units, gate="update gate", side="out", unit=2)
    assert (row["strong"], row["strong_positive"]) == (2, 2)
    assert rows(units, gate="update gate")["strong"].sum() == 2 * len(PLANTED)


def test_a_share_is_that_many_weights_of_each_matrix():
    found = result_of("weight_graph", gru(), share="0.05")
    assert found.tables["summary"]["strong"].tolist() == [UNITS * UNITS // 20] * 3
    for _, edges in found.tables["edges"].groupby("matrix"):
        assert (np.diff(edges["weight"].abs()) <= 0).all()


def test_one_hub_holds_everything_and_equal_weights_are_spread_evenly():
    hub = gru(recurrent_update=[(5, sender, 0.4) for sender in range(UNITS)])
    row = only(result_of("weight_graph", hub, threshold="0.2").tables["summary"], strong=UNITS)
    assert (row["held_in"], row["gini_in"]) == (1, pytest.approx((UNITS - 1) / UNITS))
    assert row["hub_polarity_in"] == 1
    assert (row["held_out"], row["gini_out"]) == (pytest.approx(1 / UNITS), pytest.approx(0))
    every = gru(recurrent_update=[(i, j, 0.4) for i in range(UNITS) for j in range(UNITS)])
    row = only(result_of("weight_graph", every, threshold="0.2").tables["summary"], strong=400)
    for side in ("in", "out"):
        assert row[f"held_{side}"] == pytest.approx(1 / UNITS)
        assert row[f"chance_{side}"] > 1.3 / UNITS
        assert row[f"gini_{side}"] == pytest.approx(0)


@given(st.integers(1, 12), st.integers(1, 9), st.floats(0.01, 1), st.integers(0, 99))
def test_strong_weights_against_a_plain_sort(to, sender, share, seed):
    weight = np.random.default_rng(seed).choice([-2.0, -1, -0.5, 0, 0.5, 1], (to, sender))
    found = strong_weights(weight, share, None)
    count = math.ceil(round(share * weight.size, 9))
    assert found["count"] == count
    expected = np.sort(np.abs(weight).ravel())[::-1][:count]
    assert np.abs(found["weight"]).tolist() == expected.tolist()
    assert found["cutoff"] == expected[-1]
    listed = found["listed"]
    assert len({tuple(pair) for pair in listed.tolist()}) == count
    assert weight[listed[:, 0], listed[:, 1]].tolist() == found["weight"].tolist()
    assert found["in_strong"].tolist() == np.bincount(listed[:, 0], minlength=to).tolist()
    assert found["out_positive"].sum() == (found["weight"] > 0).sum()


def test_gates_with_opposite_weights_are_inversely_related():
    model = gru()
    update, reset = (model.weight(f"layers.0.recurrent.{name}") for name in ("update", "reset"))
    reset.copy_(-2 * update)
    found = result_of("weight_graph", model)
    relation = found.tables["gate_relation"]
    assert relation["correlation"].tolist() == pytest.approx([-1, -1])
    assert relation["polar_opposite"].tolist() == [1, 1]
    assert set(relation["polar_units"]) == {1}
    key = "correlation.planted.recurrent-into-units-reset-update"
    assert found.metrics[key] == pytest.approx(-1)
    polarity = found.tables["polarity"]
    means = update.double().mean(1).numpy()
    into = polarity[polarity["panel"].str.contains("into")]
    assert into["mean_other"].to_numpy() == pytest.approx(means)
    assert into.loc[into["polar"], "unit"].tolist() == [int(np.abs(means).argmax())]


def test_one_gate_alone_has_no_relation():
    found = result_of("weight_graph", gru(), role="update")
    assert [figure.name for figure in found.figures] == ["graph-recurrent"]
    assert "polarity" not in found.tables


def test_two_models_stand_side_by_side_with_cutoffs_of_their_own(tmp_path):
    models = {"weak": gru(), "strong": gru(recurrent_update=PLANTED)}
    found = result_of("weight_graph", models, role="update", share="0.0075")
    assert found.tables["summary"]["strong"].tolist() == [3, 3]
    assert found.tables["summary"]["cutoff"].tolist() == [
        pytest.approx(0.01, abs=1e-3), pytest.approx(0.5),
    ]  # fmt: skip
    assert list(dict.fromkeys(found.tables["graph-recurrent"]["model"])) == ["weak", "strong"]
    write_figures(tmp_path, found.figures, found.tables)
    svg = (tmp_path / "figures" / "graph-recurrent.svg").read_text()
    assert svg.count(">weak<") == svg.count(">strong<") == 1


def test_the_picture_places_units_and_numbers_the_hubs():
    marks = result_of("weight_graph", gru(recurrent_update=PLANTED), threshold="0.2", role="update")
    marks = marks.tables["graph-recurrent"]
    edges = rows(marks, mark="edge")
    assert edges["label"].tolist() == ["2 to 7", "2 to 11", "3 to 7"]
    assert edges["x"].tolist() == pytest.approx([2.5 / UNITS, 2.5 / UNITS, 3.5 / UNITS])
    assert edges["x2"].tolist() == pytest.approx([7.5 / UNITS, 11.5 / UNITS, 7.5 / UNITS])
    units = rows(marks, mark="unit")
    assert only(units, label="7")[["strong", "polarity", "y"]].tolist() == [2, 0, 1]
    assert only(units, label="2")[["strong", "polarity", "y"]].tolist() == [2, 1, 0]
    assert rows(marks, mark="name")["label"].tolist() == ["7", "11", "2", "3"]


def test_units_can_stand_by_strength():
    model = gru(recurrent_update=PLANTED)
    found = result_of(
        "weight_graph", model, threshold="0.2", role="update", order="strength", labels="1"
    )
    names = rows(found.tables["graph-recurrent"], mark="name")
    assert names["label"].tolist() == ["7", "2"]
    top = only(names, label="7")
    assert top["x"] == pytest.approx((UNITS - 0.5) / UNITS)


def test_names_that_would_run_into_each_other_are_left_out():
    assert apart(np.array([0.5, 0.51, 0.9]), ["1", "2", "3"], 5) == [0, 2]
    assert apart(np.array([0.1, 0.5, 0.9]), ["1", "2", "3"], 2) == [0, 1]


def test_a_picture_of_too_many_weights_draws_the_strongest_and_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(drawing, "MAX_ROWS", 100)
    found = result_of("weight_graph", gru(), share="1", role="update", labels="0")
    marks = found.tables["graph-recurrent"]
    assert len(marks) == 100
    (figure,) = found.figures
    assert "the strongest 60 are drawn" in figure.caption
    assert found.metrics["strong.planted.recurrent-update"] == 400
    write_figures(tmp_path, found.figures, found.tables)


def test_more_strong_weights_than_are_listed_are_counted_all_the_same(monkeypatch):
    monkeypatch.setattr(strong, "MOST_LISTED", 5)
    monkeypatch.setattr(graph, "MOST_LISTED", 5)
    found = result_of("weight_graph", gru(), share="0.1", role="update")
    assert len(found.tables["edges"]) == 5
    assert found.tables["summary"]["strong"].tolist() == [40]
    assert found.tables["units"]["strong"].sum() == 80
    assert found.notes[-1] == "The table `edges` lists the strongest 5 of each matrix; all count."


def test_hubs_are_polar_where_their_strong_weights_have_one_sign():
    count, positive = np.array([9, 1, 6, 2]), np.array([9, 0, 3, 0])
    assert hub_polarity(count, positive, 0.25) == 1
    assert hub_polarity(count, positive, 0.5) == pytest.approx(9 / 15)
    assert hub_polarity(count, positive, 1.0) == pytest.approx((9 + 1 + 0 + 2) / 18)
    assert math.isnan(hub_polarity(count * 0, positive * 0, 0.5))


def test_charts_hold_no_data_and_survive_json():
    found = result_of("weight_graph", gru())
    for figure in found.figures:
        assert json.loads(json.dumps(figure.chart)) == figure.chart
        assert "values" not in json.dumps(figure.chart.get("data"))


def test_random_weights_are_as_concentrated_as_chance():
    model = gru()
    row = result_of("weight_graph", model, share="0.2").tables["summary"].iloc[0]
    assert row["held_in"] == pytest.approx(row["chance_in"], abs=0.04)
    assert held(np.ones(UNITS), 0.05) < row["chance_in"] < 0.12
