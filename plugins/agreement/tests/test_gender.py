"""Pronouns after professions: templates, lists, the division, and every mistake in a file."""

import json
from collections import Counter

import pytest
from probekit_agreement.gender import gender_bias
from probekit_agreement.lexicon import PROFESSIONS, TEMPLATES, held_out
from probekit_agreement.params import GenderParams

from probekit.errors import ProbekitError

from .original import DATA, needs_data

FILE = DATA / "gender" / "professions.json"
LIST = [["nurse", -0.1, -0.9], ["cab_driver", 0.1, 0.8], ["actor", 0.8, 0], ["student", 0, 0.0]]


def load(**given):
    return gender_bias(GenderParams(**given))


@pytest.fixture
def path(tmp_path):
    (tmp_path / "list.json").write_text(json.dumps(LIST))
    return tmp_path / "list.json"


def test_own_list():
    data = load()
    assert data.name == "gender-bias"
    assert len(data) == 17 * len(PROFESSIONS) == 1054
    assert data.professions == tuple(PROFESSIONS)
    pairs = Counter((e.labels["profession"], e.labels["template"]) for e in data)
    assert set(pairs.values()) == {1}
    for example in data:
        profession, template = example.labels["profession"], example.labels["template"]
        assert example.words == ("The", profession, *template.split())
        assert example.words[example.labels["subject_at"]] == profession
        assert sorted((*example.target, example.labels["wrong"])) == ["he", "she"]
        assert example.labels["held_out"] is held_out(profession, template)
        lean = PROFESSIONS[profession].gender
        assert example.labels["stereotype"] == lean
        expected = {1: ("male", "he"), -1: ("female", "she"), 0: ("", "he")}[
            (lean > 0) - (lean < 0)
        ]
        assert (example.labels["gender"], *example.target) == expected
    assert data[0].context.count("<eos>") == 5


def test_templates():
    assert len(set(TEMPLATES)) == 17
    assert Counter(template.split()[-1] for template in TEMPLATES) == {"because": 11, "that": 6}


def test_a_list(path):
    data = load(path=str(path), context="none")
    assert data.professions == ("nurse", "actor", "student")
    assert data.left_out == {"several words": ("cab_driver",), "not in data.keep": ()}
    targets = {e.labels["profession"]: (*e.target, e.labels["gender"]) for e in data}
    assert targets == {
        "nurse": ("she", "female"),
        "actor": ("he", "male"),
        "student": ("he", ""),
    }
    assert {e.context for e in data} == {()}
    assert {e.labels["stereotype"] for e in data} == {-1.0, 0.8, 0.0}


def test_keep(path, tmp_path):
    (tmp_path / "keep.txt").write_text("nurse\n\nstudent\n")
    data = load(path=str(path), keep=str(tmp_path / "keep.txt"))
    assert data.professions == ("nurse", "student")
    assert data.left_out["not in data.keep"] == ("actor",)
    (tmp_path / "keep.txt").write_text("nurse\npilot\ncab_driver\n")
    with pytest.raises(ProbekitError, match=r"names 2 that are no .*: 'cab_driver', 'pilot'; take"):
        load(path=str(path), keep=str(tmp_path / "keep.txt"))


def test_division():
    data = load()
    train, evaluation = data.split("train"), data.split("evaluation")
    assert len(evaluation) == round(1054 * 200 / 2873) == 73
    assert [*train, *evaluation] == [*data]
    assert not {e.words for e in train} & {e.words for e in evaluation}
    assert [*load(split=("evaluation",))] == [*evaluation]
    assert len(load(evaluation=200).split("train")) == 854
    assert [*load(seed=1).split("evaluation")] != [*evaluation]
    assert load().fingerprint == data.fingerprint


@needs_data
def test_published_list(tmp_path):
    data = load(path=str(FILE))
    assert len(data.professions) == 291
    assert len(data.left_out["several words"]) == 29
    assert "soft_spoken" in data.left_out["several words"]
    assert len(data) == 17 * 291
    (tmp_path / "keep.txt").write_text("\n".join(data.professions[:169]))
    kept = load(path=str(FILE), keep=str(tmp_path / "keep.txt"))
    assert len(kept) == 2873
    assert len(kept.split("train")) == 2673
    assert len(kept.split("evaluation")) == 200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "is no list"),
        ("[]", "is no list"),
        ("[", "is not JSON"),
        ("[" * 100000, "is not JSON"),
        (json.dumps([*LIST, ["pilot", 0.1]]), "list.json entry 5 is"),
        (json.dumps([*LIST, ["pilot", 0.1, "x"]]), "list.json entry 5 is"),
        (json.dumps([*LIST, ["pilot", 0.1, 2]]), "the scores from -1 to 1"),
        ('[["pilot", NaN, 0]]', "the scores from -1 to 1"),
        (json.dumps([*LIST, [7, 0, 0]]), "list.json entry 5 is"),
        (json.dumps([*LIST, *LIST]), "lists 'actor' twice"),
        (json.dumps(LIST[1:2]), "no profession of a single word is left"),
    ],
)
def test_mistakes_in_a_list(path, text, message):
    path.write_text(text)
    with pytest.raises(ProbekitError) as caught:
        load(path=str(path))
    assert message in str(caught.value)
    assert str(caught.value).endswith(".")


def test_too_many_to_evaluate_on(path):
    with pytest.raises(ProbekitError, match=r"data.evaluation=51 is not below the 51 sentences"):
        load(path=str(path), evaluation=51)
    assert len(load(path=str(path), evaluation=50).split("train")) == 1
