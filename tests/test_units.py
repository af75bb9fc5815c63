"""Units: what people write comes back as the unit, and every way of writing names the same one."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probekit.errors import ProbekitError, Problems
from probekit.hooks import HookSpec
from probekit.units import FORM, Unit, layer_widths, parse_unit, parse_units

PAPER = (650, 650)
WIDTHS = st.lists(st.integers(0, 40), min_size=1, max_size=4).filter(any)


def every(widths):
    return [Unit(layer, index) for layer, width in enumerate(widths) for index in range(width)]


@given(WIDTHS)
def test_every_unit_has_one_number_and_both_ways_of_writing_it_lead_back(widths):
    units = every(widths)
    assert [unit.number(widths) for unit in units] == list(range(1, sum(widths) + 1))
    for unit in units:
        assert parse_unit(str(unit), widths) == unit
        assert parse_unit(f"#{unit.number(widths)}", widths) == unit


@given(WIDTHS, st.integers(0, 6), st.integers(0, 60))
def test_a_unit_that_is_not_there_is_refused(widths, layer, index):
    unit = Unit(layer, index)
    if unit in every(widths):
        assert parse_unit(f"{layer}:{index}", widths) == unit
    else:
        with pytest.raises(ProbekitError):
            parse_unit(f"{layer}:{index}", widths)


@given(WIDTHS, st.text(max_size=8))
def test_any_text_is_a_unit_or_one_sentence(widths, text):
    if text.strip() in {str(unit) for unit in every(widths)}:
        assert str(parse_unit(text, widths)) == text.strip()
    elif not FORM.fullmatch(text.strip()):
        with pytest.raises(ProbekitError, match=r"^[^\n]*\.$"):
            parse_unit(text, widths)


def test_the_units_of_the_paper():
    """lakretz2019, footnote 5: 1-650 are of the first layer, 651-1300 of the second."""
    assert parse_unit("#776", PAPER) == Unit(1, 125)
    assert parse_unit(" 1:337 ", PAPER).number(PAPER) == 988
    assert Unit(0, 649).number(PAPER) == 650
    assert Unit(1, 0).number(PAPER) == 651
    assert Unit(1, 125).title(PAPER) == "layer 1 unit 125 (776)"
    assert Unit(1, 125).key == "1-125"
    assert str(Unit(1, 125)) == "1:125"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("776", r"units=776 is no unit; write layer:index, both from 0 \(1:125\), or the number"),
        ("1:-1", r"is no unit"),
        ("٣:1", r"is no unit"),
        ("2:0", r"^units=2:0: there is no layer 2; the model has 2 layers, counted from 0\.$"),
        ("1:650", r"^units=1:650: layer 1 has 650 units, counted from 0\.$"),
        ("#1301", r"^units=#1301: units are numbered from 1 to 1300 across 2 layers\.$"),
        ("#0", r"^units=#0: units are numbered from 1 to 1300"),
        ("#99999999999999999999", r"is no unit"),
    ],
)
def test_a_wrong_unit_is_one_sentence(text, message):
    with pytest.raises(ProbekitError, match=message):
        parse_unit(text, PAPER)


def test_all_mistakes_are_told_and_a_unit_stands_once():
    with pytest.raises(Problems) as caught:
        parse_units(["1:125", "x", "#0"], PAPER, key="marked")
    assert [message.split(":")[0].split(" ")[0] for message in caught.value.messages] == [
        "marked=x",
        "marked=#0",
    ]
    assert parse_units(["#776", "0:3", "1:125"], PAPER) == (Unit(1, 125), Unit(0, 3))


def hook(name, layer, width, kind="hidden"):
    return HookSpec(name=name, kind=kind, width=width, layer=layer)


def test_widths_are_those_of_the_hook_points():
    found = [hook("a", 1, 7), hook("b", 0, 5), hook("c", 1, 7, "cell"), hook("d", 3, 2)]
    assert layer_widths([*found, hook("e", 2, None, "attention")]) == (5, 7, 0, 2)
    assert layer_widths([]) == ()
    with pytest.raises(ProbekitError, match=r"layer 1 have 7 and 28 units, so their units are not"):
        layer_widths([*found, hook("f", 1, 28, "neuron")])


def test_names_of_units_need_no_torch():
    code = "import sys, probekit.units; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
