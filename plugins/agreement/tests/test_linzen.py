"""Pairs in the colorless-green form: the published set, and every mistake in the two files."""

from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from probekit_agreement.agreement import number_agreement
from probekit_agreement.linzen import grammatical_number
from probekit_agreement.params import AgreementParams

from probekit.errors import ProbekitError, Problems

from .original import DATA, needs_data

FOLDER = DATA / "linzen"
TEXT = "the keys on the table are here . <eos>\nit is <unk> . <eos>\n"
GOLD = "5\tare\tis\t1\n1\tis\tare\t0\n"


def load(path):
    return number_agreement(AgreementParams(task=("linzen",), path=str(path)))


@pytest.fixture
def stem(tmp_path):
    (tmp_path / "toy.text").write_text(TEXT)
    (tmp_path / "toy.gold").write_text(GOLD)
    return tmp_path / "toy"


def test_pairs(stem):
    first, second = load(stem)
    assert first.words == ("the", "keys", "on", "the", "table")
    assert first.target == ("are",)
    assert first.labels == {
        "wrong": "is",
        "task": "linzen",
        "condition": "1",
        "number": "plural",
        "attractor": "",
        "subject_at": -1,
        "attractor_at": -1,
        "attractors": 1,
        "held_out": False,
    }
    assert first.source == "toy.text line 1"
    assert (second.words, second.target, second.labels["number"]) == (("it",), ("is",), "singular")
    assert load(stem.parent).fingerprint == load(stem).fingerprint


@needs_data
def test_the_published_set():
    data = load(FOLDER / "subj_agr_filtered")
    text = (FOLDER / "subj_agr_filtered.text").read_text().split("\n")
    gold = (FOLDER / "subj_agr_filtered.gold").read_text().split("\n")
    assert len(text) == len(gold) == 7490  # the last line is empty
    assert len(data) == 7489 - 4  # four pairs have the same form twice
    lines = [int(example.source.split()[-1]) for example in data]
    for line, example in zip(lines, data, strict=True):
        at, right, wrong, attractors = gold[line - 1].split()
        words = text[line - 1].split(" ")
        assert (*example.words, *words[int(at) :]) == tuple(words)
        assert words[int(at)] == right.lower() or right == "Is"
        assert (example.target, example.labels["wrong"]) == ((right,), wrong)
        assert example.labels["attractors"] == int(attractors)
    left = set(range(1, 7490)) - set(lines)
    assert all(gold[line - 1].split()[1] == gold[line - 1].split()[2] for line in left)
    by_condition = Counter(example.labels["condition"] for example in data)
    assert by_condition == {"0": 1970, "1": 1957, "2": 1943, "3": 1285, "4+": 330}
    for example in data:
        right, wrong = example.target[0].lower(), example.labels["wrong"].lower()
        longer = len(right) > len(wrong) or right in ("is", "has")
        assert example.labels["number"] == (
            "singular" if longer and right != "are" and right != "have" else "plural"
        )


@pytest.mark.parametrize(
    ("form", "other", "number"),
    [
        ("is", "are", "singular"),
        ("Are", "Is", "plural"),
        ("has", "have", "singular"),
        ("do", "does", "plural"),
        ("goes", "go", "singular"),
        ("tries", "try", "singular"),
        ("play", "plays", "plural"),
        ("passes", "pass", "singular"),
        ("was", "were", "singular"),
        ("sang", "sing", ""),
        ("lie", "lie", ""),
    ],
)
def test_number_comes_from_the_two_forms(form, other, number):
    assert grammatical_number(form, other) == number


@pytest.mark.parametrize(
    ("text", "gold", "message"),
    [
        (TEXT, GOLD + "1\tis\tare\t0\n", "toy.text has 2 lines and toy.gold 3;"),
        (TEXT, GOLD.replace("5", "40"), "toy.gold line 1: the verb's position is 40; the sentence"),
        (TEXT, GOLD.replace("5", "0"), "the verb cannot be the first"),
        (TEXT, GOLD.replace("5", "4"), "position 4 of the sentence holds 'table', not the correct"),
        (TEXT, GOLD.replace("5", "-5"), "toy.gold line 1: '-5' should be a number, 0 or more."),
        (TEXT, GOLD.replace("\t1\n", "\tone\n"), "toy.gold line 1: 'one' should be a number"),
        (TEXT, GOLD.replace("\t1\n", "\n"), "toy.gold line 1 has 3 columns; it should have 4"),
        ("", GOLD, "toy.text is empty"),
    ],
)
def test_mistakes_in_the_files(stem, text, gold, message):
    stem.with_suffix(".text").write_text(text)
    stem.with_suffix(".gold").write_text(gold)
    with pytest.raises(ProbekitError) as caught:
        load(stem)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_several_mistakes(stem):
    stem.with_suffix(".gold").write_text("40\tare\tis\t1\n1\tis\tare\tx\n")
    with pytest.raises(Problems) as caught:
        load(stem)
    assert len(caught.value.messages) == 2


def test_wrong_places(stem, tmp_path):
    with pytest.raises(ProbekitError, match="here are 0"):
        load(tmp_path / "nothing")
    (tmp_path / "other.gold").write_text(GOLD)
    with pytest.raises(ProbekitError, match="here are 2"):
        load(tmp_path)
    with pytest.raises(
        ProbekitError, match=r"other.text: there is no such file; X.text and X.gold"
    ):
        load(tmp_path / "other")
    with pytest.raises(ProbekitError, match=r"the task linzen and not nounpp; give data.task=linz"):
        number_agreement(AgreementParams(path=str(stem)))


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=60), st.text("0123456789\t\n isare", max_size=60))
def test_any_text_is_read_or_a_clear_mistake(tmp_path_factory, text, gold):
    path = tmp_path_factory.mktemp("any") / "x"
    path.with_suffix(".text").write_text(text, encoding="utf-8", errors="replace")
    path.with_suffix(".gold").write_text(gold, encoding="utf-8")
    with suppress(ProbekitError):
        assert all(example.words for example in load(path))
