"""The page: what it says, what it escapes, and what a browser makes of it."""

import json
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probekit.analysis import Figure
from probekit.errors import ProbekitError
from probekit.registry import registry
from probekit.report import SHOWN_ROWS, redraw, write_figures, write_page
from probekit.report.text import gap, inline_json, number, plain, when
from probekit.request import build
from probekit.runs import execute

ATTACK = (
    "</script></table><img src=x onerror=\"document.documentElement.id='owned'\"><b>{{7*7}}</b>"
)
MISSING = "\N{EN DASH}"
URL = "https://example.org/paper?a=1&b=2"
ROWS = 40


def scatter() -> dict:
    """Points in two panels that are named by the attack, with the attack in every label."""
    axis = {"type": "quantitative", "title": ATTACK}
    encoding = {
        "x": {"field": "x", **axis},
        "y": {"field": "y", **axis},
        "color": {"field": "label", "type": "nominal", "title": ATTACK},
        "column": {"field": "label", "type": "nominal"},
        "tooltip": [{"field": name} for name in ("label", "image", "x")],
    }
    mark = {"type": "point", "clip": True}
    return {"data": {"name": "points"}, "title": ATTACK, "mark": mark, "encoding": encoding}


def points(rows: int = ROWS) -> pd.DataFrame:
    table = pd.DataFrame({"x": [row / 7 for row in range(rows)], "y": range(rows)})
    return table.assign(label=[ATTACK, "plain"] * (rows // 2), image=ATTACK, **{ATTACK: ATTACK})


def manifest(**more: object) -> dict:
    paper = {"key": "key", "citation": f"A. Author {ATTACK}", "url": URL}
    return {
        "status": "complete",
        "command": ["run", "plugin=try", "data.words=a b", f"label={ATTACK}"],
        "analysis": {"id": "probekit-try/tried", "version": "1.2.3", "summary": "Tried."},
        "recipe": {
            "id": "probekit-try/try",
            "summary": f"Tries. {ATTACK}",
            "shows": "Figure 4",
            "paper": paper,
            "published": {"accuracy": 0.87, "units": 35},
        },
        "papers": [paper, {"key": "b", "citation": "B.", "url": f"javascript:alert('{ATTACK}')"}],
        "models": [{"label": ATTACK, "id": "m", "params": {ATTACK: ATTACK}, "fingerprint": "f00"}],
        "data": {"id": ATTACK, "params": {"words": ATTACK}, "fingerprint": "ba5"},
        "params": {"left": 0.1, ATTACK: [ATTACK]},
        "seed": 3,
        "device": "cpu",
        "engine": "serial",
        "versions": {"torch": "2.0"},
        "platform": ATTACK,
        "started": "2026-05-04T10:20:00+00:00",
        "finished": "2026-05-04T10:20:39+00:00",
        "notes": [f"The note. {ATTACK}"],
        "figures": [
            {"name": "scatter", "title": ATTACK, "caption": ATTACK, "table": "points"},
        ],
        "shards": 2,
        **more,
    }


def run_folder(folder: Path, says: dict, tables: dict, metrics: dict | None = None) -> Path:
    """A finished run, its figures drawn and its page not yet."""
    (folder / "tables").mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(says))
    (folder / "metrics.json").write_text(json.dumps(metrics or {}))
    for name, table in tables.items():
        table.to_parquet(folder / "tables" / f"{name}.parquet")
        table.to_csv(folder / "tables" / f"{name}.csv", index=False)
    rows = says.get("figures", [])
    figures = [Figure(**row, chart=scatter()) for row in rows]
    write_figures(folder, figures, tables)
    return folder


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    metrics = {"accuracy": 0.8125, "loss": 1.23456, ATTACK: 1}
    folder = tmp_path_factory.mktemp("drawn") / "run"
    return run_folder(folder, manifest(), {"points": points()}, metrics)


@pytest.fixture
def folder(drawn, tmp_path):
    return shutil.copytree(drawn, tmp_path / "run")


class Element(NamedTuple):
    """A start tag, where it stands, and the text inside it."""

    tag: str
    attributes: dict
    inside: tuple
    text: list


class Dom(HTMLParser):
    """Every element of a page with its text, as a browser would parse it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self.stack: list[Element] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        inside = tuple(element.tag for element in self.stack)
        element = Element(tag, dict(attrs), inside, [])
        self.elements.append(element)
        if tag not in ("meta", "link", "img", "br", "hr", "input"):
            self.stack.append(element)

    def handle_endtag(self, tag):
        while self.stack and self.stack.pop().tag != tag:
            pass

    def handle_data(self, data):
        for element in self.stack:
            element.text.append(data)

    def of(self, tag, name=None):
        found = [element for element in self.elements if element.tag == tag]
        return [e for e in found if name is None or name in e.attributes.get("class", "").split()]

    def texts(self, tag, name=None):
        return ["".join(element.text).strip() for element in self.of(tag, name)]


def page(folder: Path) -> Dom:
    return Dom(write_page(folder).read_text(encoding="utf-8"))


def table_rows(dom: Dom, after: str) -> list[list[str]]:
    """The cells of the table that has `after` as its first heading."""
    cells, rows, found = [], [], False
    for element in dom.elements:
        text = "".join(element.text).strip()
        if element.tag == "th" and not cells:
            found = found or text == after
        elif element.tag == "table" and found:
            break
        elif element.tag == "tr" and found:
            rows.append(cells := [])
        elif element.tag == "td" and found:
            cells.append(text)
    return rows


def test_published_numbers_stand_beside_ours(folder):
    rows = table_rows(page(folder), "metric")
    assert rows == [
        ["accuracy", "0.8125", "0.87", "-0.0575"],
        ["loss", "1.235", MISSING, MISSING],
        [ATTACK, "1", MISSING, MISSING],
        ["units", MISSING, "35", MISSING],
    ]


def test_without_published_numbers_there_is_no_column_for_them(tmp_path):
    says = {"status": "complete", "analysis": {"id": "a/b"}}
    dom = page(run_folder(tmp_path / "run", says, {}, {"accuracy": 0.5}))
    assert table_rows(dom, "metric") == [["accuracy", "0.5"]]
    assert "the paper" not in dom.texts("th")


def test_the_page_says_what_was_run_and_how(folder):
    dom = page(folder)
    text = " ".join("".join(dom.of("main")[0].text).split())
    assert dom.texts("h1") == ["try"]
    assert f"Figure 4 of A. Author {ATTACK}" in text
    assert "2026-05-04 10:20 UTC, in 39 s" in text
    assert dom.texts("li")[0] == f"The note. {ATTACK}"
    assert "probekit run plugin=try 'data.words=a b' 'label=</script>" in text
    for words in ("left 0.1", "seed 3", "serial, 2 shards", "torch 2.0", "f00", "ba5", "tried"):
        assert words in text


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["train", "model=a b"], "probekit train 'model=a b'"),
        (["plugin=a"], "probekit run plugin=a"),
        ([], "probekit run"),
    ],
)
def test_the_command_can_be_typed_again(tmp_path, words, line):
    dom = page(run_folder(tmp_path / "run", {"command": words}, {}))
    assert dom.texts("pre") == [line]


def test_only_a_web_address_becomes_a_link(folder):
    links = [element.attributes["href"] for element in page(folder).of("a")]
    outside = [link for link in links if ":" in link]
    assert set(outside) == {URL}
    files = {link for link in links if link not in outside}
    assert {"figures/scatter.svg", "figures/scatter.png", "figures/scatter.vl.json"} <= files
    assert "tables/points.csv" in files
    assert all((folder / link).exists() for link in files)


def test_a_long_table_is_cut_and_says_so(tmp_path):
    says = manifest(figures=[])
    tables = {"exact": points(SHOWN_ROWS), "longer": points(2 * SHOWN_ROWS)}
    dom = page(run_folder(tmp_path / "run", says, tables))
    exact, longer = dom.of("details")
    first = dom.elements.index(longer)
    rows = [at for at, element in enumerate(dom.elements) if element.tag == "tr"]
    bodies = [at for at in rows if "tbody" in dom.elements[at].inside]
    bodies = [at for at in bodies if "details" in dom.elements[at].inside]
    assert sum(at < first for at in bodies) == SHOWN_ROWS
    assert sum(at > first for at in bodies) == SHOWN_ROWS
    assert "The first" not in "".join(exact.text)
    assert "The first 500 of 1,000 rows; all of them are in tables/longer.csv" in "".join(
        longer.text
    )


def test_a_manifest_with_little_in_it_still_gives_a_page(tmp_path):
    dom = page(run_folder(tmp_path / "run", {}, {}))
    assert dom.texts("h1") == ["run"]
    says = {"recipe": None, "data": None, "analysis": {"id": "a/b"}, "models": [{"id": "m"}]}
    assert page(run_folder(tmp_path / "other", says, {})).texts("h1") == ["b"]


def test_the_page_names_nothing_outside_itself(folder):
    dom = page(folder)
    assert not {element.tag for element in dom.elements} & {"link", "img", "iframe", "base"}
    loading = ("src", "srcset", "data", "action", "background", "poster", "xlink:href")
    assert not [e for e in dom.elements if set(loading) & e.attributes.keys()]
    css = "".join(dom.texts("style"))
    assert "url(" not in css
    assert "@import" not in css
    policy = next(e.attributes["content"] for e in dom.of("meta") if "http-equiv" in e.attributes)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy


def test_the_same_folder_gives_the_same_page(folder):
    assert write_page(folder).read_bytes() == write_page(folder).read_bytes()


def test_redraw_gives_the_same_bytes_from_the_tables_alone(folder):
    write_page(folder)
    files = [folder / "report.html", *(folder / "figures").iterdir()]
    before = {path: path.read_bytes() for path in files}
    for path in files:
        if path.suffix != ".json":
            path.unlink()
    (folder / "tables" / "points.csv").unlink()
    assert redraw(folder) == folder / "report.html"
    assert {path: path.read_bytes() for path in files} == before
    assert {path.name for path in (folder / "figures").iterdir()} == {
        path.name for path in files[1:]
    }


def spoil(folder: Path, kind: str) -> str:
    """Damage a run folder, and give what the complaint must say."""
    table, chart = folder / "tables" / "points.parquet", folder / "figures" / "scatter.vl.json"
    says = folder / "manifest.json"
    match kind:
        case "no run folder":
            says.unlink()
            return "is no run folder"
        case "not complete":
            says.write_text(json.dumps(manifest(status="running")))
            return r"is not complete \(its status is running\)"
        case "no manifest":
            says.write_text("{")
            return "manifest.json is not JSON"
        case "table gone":
            table.unlink()
            return r"points.parquet is missing"
        case "table damaged":
            table.write_bytes(table.read_bytes()[:200])
            return r"points.parquet is damaged"
        case "chart gone":
            chart.unlink()
            return r"scatter.vl.json cannot be read"
        case "chart damaged":
            chart.write_text("[]")
            return r"scatter.vl.json holds no JSON object"
        case "figure unnamed":
            says.write_text(json.dumps(manifest(figures=[{"title": "a"}])))
            return "a figure has no name or no table"
        case "figure outside":
            row = {"name": "../../x", "table": "points"}
            says.write_text(json.dumps(manifest(figures=[row])))
            return "cannot name a figure"
    row = {"name": "x", "table": "../../x"}
    says.write_text(json.dumps(manifest(figures=[row])))
    return "cannot name a table"


KINDS = ["no run folder", "not complete", "no manifest", "table gone", "table damaged"]
KINDS += ["chart gone", "chart damaged", "figure unnamed", "figure outside", "table outside"]


@pytest.mark.parametrize("kind", KINDS)
def test_redraw_says_in_one_sentence_what_is_wrong(folder, kind):
    message = spoil(folder, kind)
    with pytest.raises(ProbekitError, match=message) as caught:
        redraw(folder)
    assert "\n" not in str(caught.value)
    assert not (folder / "report.html").exists()


@given(st.text() | st.sampled_from([ATTACK, "<!--", "\u2028\u2029", "]]>", "&lt;"]))
def test_inline_json_is_the_same_value_without_markup(text):
    inlined = inline_json({text: [text]})
    assert json.loads(inlined) == {text: [text]}
    assert not set(inlined) & set("<>&\u2028\u2029")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.3"),
        (512.0, "512"),
        (1e-9, "1e-09"),
        (1234567.5, "1234568"),
        (True, "True"),
        (float("nan"), ""),
        (float("inf"), "inf"),
        (None, ""),
        (pd.NA, ""),
        (pd.NaT, ""),
        ("<b>", "<b>"),
    ],
)
def test_a_cell_as_text(value, text):
    assert number(value) == text


def test_parameters_dates_and_gaps_as_text():
    assert [plain(value) for value in (True, None, ["a", "b"], {"a": 1}, "é")] == [
        "true",
        "null",
        "a,b",
        '{"a": 1}',
        "é",
    ]
    assert when("2026-01-01T00:00:00", "2026-01-01T02:05:00") == "2026-01-01 02:05, in 2 h 5 min"
    assert when("2026-01-01T00:00:00", "2026-01-01T00:05:00") == "2026-01-01 00:05, in 5 min"
    assert when("2026-01-01T00:00:00", "2026-01-01T00:00:01.5") == "2026-01-01 00:00, in 1.5 s"
    assert when(None, "yesterday") == "yesterday"
    assert [gap(1, 0.75), gap(0.75, 1), gap(1, 1), gap(3000, 1), gap(None, 1)] == [
        "+0.25",
        "-0.25",
        "0",
        "+2999",
        "",
    ]
    assert gap(float("nan"), 1) == ""


BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")
QUIET += ("--disable-background-networking", "--disable-component-update", "--disable-sync")

# Puts the pointer on the first point, so that its tooltip is in the page when it is dumped.
HOVER = """<script>
const waiting = setInterval(() => {
  const mark = document.querySelector(".chart svg .mark-symbol.role-mark path");
  if (!mark) return;
  clearInterval(waiting);
  const box = mark.getBoundingClientRect();
  const at = {bubbles: true, clientX: box.x + 1, clientY: box.y + 1};
  for (const kind of ["pointerover", "mouseover", "pointermove", "mousemove"])
    mark.dispatchEvent(new PointerEvent(kind, at));
}, 20);
</script>"""


def browse(path: Path, profile: Path) -> Dom:
    """What a headless browser has made of the page after a while."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"no browser to look at the page with: none of {', '.join(BROWSERS)}")
    command = [browser, *QUIET, f"--user-data-dir={profile}", "--virtual-time-budget=5000"]
    command += ["--dump-dom", path.resolve().as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return Dom(done.stdout)


def check_nothing_injected(dom: Dom) -> None:
    assert not dom.of("img")
    assert not dom.of("b")
    assert dom.of("html")[0].attributes.get("id") is None
    assert not [e for e in dom.elements if any(name.startswith("on") for name in e.attributes)]
    assert ATTACK in "".join(dom.of("main")[0].text)
    assert "{{7*7}}" in "".join(dom.of("main")[0].text)


def test_in_a_browser_every_point_is_drawn_and_nothing_is_injected(folder, tmp_path):
    dom = browse(write_page(folder), tmp_path / "profile")
    check_nothing_injected(dom)
    assert len(dom.of("figure")) == len(dom.of("svg")) == 1
    groups = ("mark-symbol", "role-mark")
    drawn = [
        element
        for element in dom.of("g", "mark-symbol")
        if set(groups) <= set(element.attributes["class"].split())
    ]
    assert len(drawn) == 2
    first, second = (dom.elements.index(group) for group in drawn)
    paths = [at for at, element in enumerate(dom.elements) if element.tag == "path"]
    assert sum(first < at < second for at in paths) >= ROWS / 2
    assert len(dom.of("script")) == 3
    assert ATTACK in dom.texts("text")


def test_in_a_browser_without_the_policy_a_tooltip_is_text(folder, tmp_path):
    html = write_page(folder).read_text(encoding="utf-8")
    bare = html.replace('http-equiv="Content-Security-Policy"', 'name="off"')
    before, _, after = bare.rpartition("</body>")
    (folder / "bare.html").write_text(f"{before}{HOVER}</body>{after}", encoding="utf-8")
    dom = browse(folder / "bare.html", tmp_path / "profile")
    check_nothing_injected(dom)
    tip = next(e for e in dom.of("table") if e.attributes.get("id") == "tip")
    assert "hidden" not in tip.attributes
    assert "".join(tip.text) == f"label{ATTACK}image{ATTACK}x0"


# Counts what the page has fetched, with the policy that would forbid it taken away.
FETCHED = """<script>
setTimeout(() => {
  document.title = "fetched " + performance.getEntriesByType("resource").length;
}, 2000);
</script>"""


def test_the_page_of_the_first_recipe_shows_four_panels_and_fetches_nothing(tmp_path):
    """baan2019, figure 4: two models by two parts, 2 x 512 gates each."""
    keys = {"plugin": "gru-saturation", "out": str(tmp_path / "run")}
    html = (execute(build(keys, registry())) / "report.html").read_text(encoding="utf-8")
    bare = html.replace('http-equiv="Content-Security-Policy"', 'name="off"')
    before, _, after = bare.rpartition("</body>")
    (tmp_path / "bare.html").write_text(f"{before}{FETCHED}</body>{after}", encoding="utf-8")
    dom = browse(tmp_path / "bare.html", tmp_path / "profile")
    assert dom.texts("title")[0] == "fetched 0"
    labels = dom.texts("text")
    for label in ("baseline", "guided", "encoder", "decoder"):
        assert labels.count(label) == 1
    points = [path for path in dom.of("path") if path.attributes.get("opacity") == "0.45"]
    assert len(points) == 4 * 2 * 512
