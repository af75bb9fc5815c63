"""Figures: what is drawn, what is embedded, what is refused."""

import json
from struct import unpack
from xml.etree import ElementTree

import altair as alt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import probekit.report as report
from probekit.analysis import Figure
from probekit.errors import ProbekitError
from probekit.report.figures import drawing, records, svg_of
from probekit.report.theme import PALETTE, THEME, merged, themed

UNITS = 512


def saturation_table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    names = [("part", ["encoder", "decoder"]), ("model", ["baseline", "guided"])]
    names += [("gate", ["reset", "update"]), ("unit", range(UNITS))]
    index = pd.MultiIndex.from_product([values for _, values in names], names=dict(names))
    table = index.to_frame(index=False)
    table["left"] = rng.beta(1, 3, len(table))
    table["right"] = rng.beta(1, 3, len(table)) * (1 - table["left"])
    table["remark"] = "never drawn"
    return table


def saturation_chart() -> dict:
    unit = alt.Scale(domain=[0, 1])
    points = alt.Chart().mark_circle(opacity=0.5)
    points = points.encode(
        x=alt.X("left:Q", title="fraction left-saturated", scale=unit),
        y=alt.Y("right:Q", title="fraction right-saturated", scale=unit),
        color=alt.Color("gate:N"),
        tooltip=["unit:Q", "gate:N", "left:Q", "right:Q"],
    )
    diagonal = alt.Chart().transform_aggregate(rows="count()").mark_rule(strokeDash=[4, 3])
    diagonal = diagonal.encode(x=alt.datum(0), y=alt.datum(1), x2=alt.datum(1), y2=alt.datum(0))
    layers = alt.layer(diagonal, points, data=alt.NamedData("saturation"))
    rows = alt.Row("part:N", sort=["encoder", "decoder"], title=None)
    columns = alt.Column("model:N", title=None)
    return layers.properties(width=220, height=220).facet(row=rows, column=columns).to_dict()


def figure(chart: dict | alt.TopLevelMixin, name: str = "points", table: str = "t") -> Figure:
    chart = chart if isinstance(chart, dict) else chart.to_dict()
    return Figure(name, "A title", "A caption.", table, chart)


def points(**more: object) -> dict:
    encoding = {axis: {"field": axis, "type": "quantitative"} for axis in "xy"}
    return {"data": {"name": "t"}, "mark": "point", "encoding": encoding, **more}


XY = pd.DataFrame({"x": [0.0, 1.0, 2.0], "y": [1.0, 3.0, 2.0], "z": ["a", "b", "c"]})


def marks(svg: str, kind: str, tag: str) -> list[ElementTree.Element]:
    """The elements of the marks of one kind, axes and legends left out."""
    space = "{http://www.w3.org/2000/svg}"
    groups = ElementTree.fromstring(svg).iter(f"{space}g")
    wanted = [g for g in groups if g.get("class", "").startswith(f"mark-{kind} role-mark")]
    return [mark for group in wanted for mark in group.iter(f"{space}{tag}")]


@pytest.fixture(scope="module")
def saturation(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    drawn = figure(saturation_chart(), "saturation", "saturation")
    report.write_figures(folder, [drawn], {"saturation": saturation_table()})
    return folder / "figures"


def test_the_four_panels_hold_every_unit_and_a_diagonal_each(saturation):
    svg = (saturation / "saturation.svg").read_text()
    assert len(marks(svg, "symbol", "path")) == 4 * 2 * UNITS
    diagonals = marks(svg, "rule", "line")
    assert [line.get("transform") for line in diagonals] == ["translate(0,0)"] * 4
    assert [(line.get("x2"), line.get("y2")) for line in diagonals] == [("220", "220")] * 4
    for text in ("encoder", "decoder", "baseline", "guided", "fraction left-saturated"):
        assert f">{text}<" in svg
    assert svg.index(">encoder<") < svg.index(">decoder<")
    colours = {path.get("fill").upper() for path in marks(svg, "symbol", "path")}
    assert colours == {colour.upper() for colour in PALETTE[:2]}


def test_the_png_is_the_svg_at_twice_the_size(saturation):
    root = ElementTree.fromstring((saturation / "saturation.svg").read_text())
    png = (saturation / "saturation.png").read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert unpack(">II", png[16:24]) == (2 * int(root.get("width")), 2 * int(root.get("height")))


def test_the_stored_chart_holds_no_rows_and_names_its_table(saturation):
    text = (saturation / "saturation.vl.json").read_text()
    assert json.loads(text)["data"] == {"name": "saturation"}
    assert "datasets" not in json.loads(text)
    assert len(text) < 3000


def test_only_the_columns_that_the_chart_names_are_embedded():
    spec = drawing(figure(saturation_chart(), table="saturation"), saturation_table())
    rows = spec["datasets"]["saturation"]
    assert set(rows[0]) == {"part", "model", "gate", "unit", "left", "right"}
    assert len(rows) == 4 * 2 * UNITS


def test_a_column_is_found_in_an_expression_and_behind_an_escape():
    table = pd.DataFrame({"a.b": [1], "size": [2], "other": [3]})
    chart = points(transform=[{"calculate": "datum.size * 2", "as": "x"}])
    chart["encoding"]["y"]["field"] = "a\\.b"
    assert drawing(figure(chart), table)["datasets"]["t"] == [{"a.b": 1, "size": 2}]


def test_a_chart_that_only_counts_still_gets_every_row():
    chart = {"mark": "bar", "encoding": {"x": {"aggregate": "count", "type": "quantitative"}}}
    spec = drawing(figure(chart), pd.DataFrame({"column": range(7)}))
    assert spec["datasets"]["t"] == [{}] * 7
    assert spec["data"] == {"name": "t"}


def test_clip_and_gradient_ids_do_not_depend_on_what_was_drawn_before():
    chart = points(mark={"type": "point", "clip": True})
    chart["encoding"]["color"] = {"field": "y", "type": "quantitative"}
    first, second = svg_of(figure(chart), XY), svg_of(figure(chart), XY)
    assert first == second
    assert 'id="part0"' in first
    assert first.count("url(#part") == 2


def test_values_that_are_missing_or_not_finite_become_null():
    table = pd.DataFrame(
        {
            "x": [1e-30, np.nan, np.inf, -np.inf],
            "whole": pd.array([1, None, 3, 4], dtype="Int64"),
            "kind": pd.Categorical(["a", None, "b", "a"]),
            "day": pd.to_datetime(["2026-01-02", None, "2026-01-03", "2026-01-04"]),
            "half": np.array([0.5, 0.25, 2, 3], dtype=np.float16),
            "list": [np.array([1.0, np.nan]), [2], (3,), None],
        }
    )
    rows = records(table)
    assert [row["x"] for row in rows] == [1e-30, None, None, None]
    assert [row["whole"] for row in rows] == [1, None, 3, 4]
    assert [row["kind"] for row in rows] == ["a", None, "b", "a"]
    assert [row["day"] for row in rows[:2]] == ["2026-01-02T00:00:00", None]
    assert [row["half"] for row in rows] == [0.5, 0.25, 2, 3]
    assert [row["list"] for row in rows] == [[1, None], [2], [3], None]
    json.dumps(rows, allow_nan=False)


def test_rows_with_a_null_are_left_out_of_the_drawing():
    table = XY.assign(y=[1.0, np.nan, np.inf])
    assert len(marks(svg_of(figure(points()), table), "symbol", "path")) == 1


def test_a_figure_without_its_table_is_refused(tmp_path):
    with pytest.raises(ProbekitError, match="points draws the table t, which the result"):
        report.write_figures(tmp_path, [figure(points())], {"other": XY})


def test_a_figure_with_too_many_rows_is_refused(tmp_path):
    rows = pd.DataFrame({"x": range(report.MAX_ROWS + 1), "y": 0})
    with pytest.raises(ProbekitError, match=r"20,001 rows of t, .* 20,000: aggregate"):
        report.write_figures(tmp_path, [figure(points())], {"t": rows})
    assert not (tmp_path / "figures").exists()


@pytest.mark.parametrize(
    "chart",
    [
        alt.Chart(XY).mark_point().encode(x="x:Q", y="y:Q").to_dict(),
        points(data={"name": "another"}),
        points(data={"url": "https://example.com/rows.json"}),
        points(transform=[{"lookup": "x", "from": {"data": {"url": "x.csv"}, "key": "x"}}]),
    ],
    ids=["a data frame", "another table", "a url", "a url in a lookup"],
)
def test_a_chart_of_anything_but_its_table_is_refused(chart):
    with pytest.raises(ProbekitError, match="draws data other than its table t; build its chart"):
        svg_of(figure(chart), XY)


def test_a_few_inline_values_may_stand_beside_the_table():
    line = {"data": {"values": [{"x": 0}, {"x": 2}]}, "mark": "rule"}
    line["encoding"] = {"x": {"field": "x", "type": "quantitative"}}
    chart = {"data": {"name": "t"}, "layer": [{**points(), "data": None}, line]}
    del chart["layer"][0]["data"]
    svg = svg_of(figure(chart), XY)
    assert len(marks(svg, "symbol", "path")) == 3
    assert len(marks(svg, "rule", "line")) == 2


@pytest.mark.parametrize(
    ("chart", "reason"),
    [
        (points(mark={"type": "nonsense"}), "cannot be drawn"),
        (points(height=float("nan")), "is not plain JSON"),
        (points(height=np.array(1)), "is not plain JSON"),
    ],
)
def test_a_chart_that_is_no_chart_is_one_sentence(chart, reason):
    with pytest.raises(ProbekitError, match=f"points {reason}") as caught:
        svg_of(figure(chart), XY)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["../out", "a/b", "", ".hidden", "a b", "a\n"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path, name):
    with pytest.raises(ProbekitError, match="cannot name a figure"):
        report.write_figures(tmp_path, [figure(points(), name)], {"t": XY})


def test_two_figures_of_one_name_are_refused(tmp_path):
    with pytest.raises(ProbekitError, match="two figures are called points"):
        report.write_figures(tmp_path, [figure(points())] * 2, {"t": XY})


def test_what_an_embed_option_could_change_is_dropped():
    spec = drawing(figure(points(usermeta={"embedOptions": {"actions": True}})), XY)
    assert "usermeta" not in spec


def test_a_chart_has_the_last_word_over_the_theme():
    config = themed(points(config={"axis": {"labelFontSize": 20}}))["config"]
    assert config["axis"]["labelFontSize"] == 20
    assert config["axis"]["titleFontSize"] == THEME["axis"]["titleFontSize"]
    assert THEME["axis"]["labelFontSize"] == 11


NESTED = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        st.integers(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner), max_leaves=6
    ),
)


@given(NESTED, NESTED)
def test_merging_keeps_all_of_the_second_and_the_rest_of_the_first(base, over):
    both = merged(base, over)
    assert both.keys() == base.keys() | over.keys()
    assert merged(both, over) == both
    assert merged(base, {}) == base
    assert merged({}, over) == over
    assert all(both[key] == base[key] for key in base.keys() - over.keys())


def test_the_room_exports_what_it_says():
    expected = {"MAX_ROWS", "SHOWN_ROWS", "redraw", "write_figures", "write_page"}
    assert set(report.__all__) == expected
    assert all(hasattr(report, name) for name in expected)
