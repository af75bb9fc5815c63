"""Pictures show the weights as they are, or in blocks that hide no strong one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from probekit_weights import heatmap
from probekit_weights.heatmap import block_size, blocks, unit_order

from probekit.report import MAX_ROWS, write_figures
from probekit.testing import TinyModel

from .planted import UNITS, gru, result_of

SHAPES = st.tuples(st.integers(1, 3000), st.integers(1, 3000))


def picture(found, name):
    return found.tables[f"heatmap-{name}"]


def test_every_weight_is_a_cell_where_there_is_room():
    model = gru()
    found = result_of("weight_heatmap", model, matrix="layers.0.recurrent.update")
    cells = picture(found, "layers.0.recurrent.update")
    weight = model.weight("layers.0.recurrent.update")
    assert len(cells) == UNITS * UNITS
    for cell in cells.iloc[[0, 1, 57, 399]].itertuples():
        assert (cell.row, cell.column) == (str(cell.y), str(cell.x))
        assert cell.weight == weight[cell.y, cell.x]
    assert "Every weight, hidden units from left to right, update gate units" in (
        found.figures[0].caption
    )


def test_words_stand_along_y_and_are_named():
    model = TinyModel()
    found = result_of("weight_heatmap", model, relation="embedding,readout")
    for name, weight in (
        ("embedding", model.embedding.weight),
        ("readout", model.decoder.weight),
    ):
        cells = picture(found, name)
        assert list(dict.fromkeys(cells["row"])) == list(model.vocabulary.words)
        assert cells["weight"].tolist() == weight.flatten().tolist()
    chart = found.figures[0].chart["spec"]
    assert chart["encoding"]["y"]["field"] == "row"
    assert chart["encoding"]["x"]["field"] == "x"
    assert found.figures[0].title == "Weights: embedding"


def test_means_and_unevenness_are_those_of_the_whole_matrix():
    model = gru(input_reset=[(3, 1, 0.8)])
    weight = model.weight("layers.0.input.reset").double()
    found = result_of("weight_heatmap", model, matrix="layers.0.input.reset")
    means = found.tables["means"]
    rows, columns = means[means["side"] == "in"], means[means["side"] == "out"]
    assert rows["mean"].tolist() == pytest.approx(weight.mean(1).tolist())
    assert columns["mean_abs"].tolist() == pytest.approx(weight.abs().mean(0).tolist())
    assert rows["mean_abs"].idxmax() == 3
    assert columns["largest"].tolist()[1] == pytest.approx(0.8)
    metrics = found.metrics
    assert metrics["mean_abs.planted.layers.0.input.reset"] == pytest.approx(
        weight.abs().mean().item()
    )
    even = result_of("weight_heatmap", gru(), matrix="layers.0.input.reset").metrics
    key = "gini_in.planted.layers.0.input.reset"
    assert metrics[key] > even[key] + 0.1


@given(
    st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.integers(1, 4), st.integers(0, 99)
)
def test_blocks_against_a_plain_loop(height, width, rows, columns, seed):
    weight = np.random.default_rng(seed).normal(size=(height, width)).astype(np.float32)
    strongest = blocks(weight, rows, columns, "strongest")
    mean = blocks(weight, rows, columns, "mean")
    for i, top in enumerate(range(0, height, rows)):
        for j, left in enumerate(range(0, width, columns)):
            block = weight[top : top + rows, left : left + columns].ravel()
            assert strongest[i, j] == block[np.abs(block).argmax()]
            assert mean[i, j] == pytest.approx(block.mean(), abs=1e-6)
    assert strongest.shape == mean.shape == (-(-height // rows), -(-width // columns))


@given(SHAPES, st.integers(1, MAX_ROWS))
def test_there_are_never_more_blocks_than_may_be_drawn(shape, most):
    rows, columns = block_size(shape, most)
    assert -(-shape[0] // rows) * -(-shape[1] // columns) <= most
    if max(shape) <= heatmap.MOST_LINES and shape[0] * shape[1] <= most:
        assert (rows, columns) == (1, 1)
    if shape[0] == shape[1]:
        assert rows == columns


@pytest.mark.parametrize(
    ("shape", "expected"), [((512, 11), (1, 1)), ((512, 512), (6, 6)), ((650, 50_001), (7, 468))]
)
def test_the_blocks_of_two_models(shape, expected):
    assert block_size(shape, MAX_ROWS // 2) == expected


def test_a_matrix_of_blocks_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(heatmap, "MAX_ROWS", 100)
    model = gru(recurrent_reset=[(4, 7, -0.6)])
    found = result_of("weight_heatmap", model, matrix="layers.0.recurrent.reset")
    cells = picture(found, "layers.0.recurrent.reset")
    assert len(cells) == 100
    (strong,) = cells[cells["weight"].abs() > 0.5].itertuples()
    assert (strong.row, strong.column, strong.x, strong.y) == ("4-5", "6-7", 3, 2)
    assert strong.weight == pytest.approx(-0.6)
    (figure,) = found.figures
    assert "blocks of 2 x 2" in figure.caption
    assert "its strongest weight, with its sign" in figure.caption
    write_figures(tmp_path, found.figures, found.tables)
    axis = figure.chart["spec"]["encoding"]["x"]
    assert axis["title"] == ["hidden units", "in blocks of 2"]
    assert axis["axis"]["labelExpr"] == "format(datum.value * 2, 'd')"


def test_units_can_be_ordered_and_words_never_are():
    sums = {"in_sum": np.array([3.0, 1, 2]), "in_size": np.array([3.0, 5, 4])}
    assert unit_order(sums, "in", "index").tolist() == [0, 1, 2]
    assert unit_order(sums, "in", "mean").tolist() == [1, 2, 0]
    assert unit_order(sums, "in", "strength").tolist() == [0, 2, 1]
    model = TinyModel()
    found = result_of("weight_heatmap", model, order="mean")
    cells = picture(found, "embedding")
    assert list(dict.fromkeys(cells["row"])) == list(model.vocabulary.words)
    means = model.embedding.weight.mean(0)
    assert [int(unit) for unit in dict.fromkeys(cells["column"])] == means.argsort().tolist()
    first = cells.iloc[0]
    assert first["weight"] == model.embedding.weight[0, int(first["column"])].item()


def test_models_stand_side_by_side_or_below_each_other():
    models = {"one": gru(), "two": gru()}
    charts = {
        figure.name: figure.chart["facet"]
        for figure in result_of("weight_heatmap", models, relation="input,recurrent").figures
    }
    assert list(charts["heatmap-layers.0.recurrent.reset"]) == ["column"]
    assert list(charts["heatmap-layers.0.input.reset"]) == ["row"]
