"""Number agreement: the published files, generated sets, contexts, and every mistake in a file."""

from collections import Counter, defaultdict
from contextlib import suppress
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from probekit_agreement.agreement import number_agreement
from probekit_agreement.context import OWN
from probekit_agreement.lexicon import NAMES, NOUNS, VERBS, held_out
from probekit_agreement.params import AgreementParams
from probekit_agreement.tasks import FRAMES

from probekit.errors import ProbekitError, Problems
from probekit.params import validate

from .original import DATA, needs_data

FOLDER = DATA / "number_agreement"
PUBLISHED = {
    "simple": ("S", "P", 300),
    "adv": ("S", "P", 900),
    "adv_adv": ("S", "P", 900),
    "adv_conjunction": ("S", "P", 600),
    "nounpp": ("SS", "SP", "PS", "PP", 600),
    "nounpp_adv": ("SS", "SP", "PS", "PP", 600),
}
SINGULAR = {noun.singular for noun in NOUNS.values()} | set(NAMES)
PLURAL = {noun.plural for noun in NOUNS.values()}


def load(**given):
    return number_agreement(AgreementParams(**given))


def rows(*columns):
    return "".join("\t".join(line) + "\n" for line in columns)


GOOD = rows(
    ("The boy near the car greets", "singular_singular", "correct", "id1"),
    ("The boy near the car greet", "singular_singular", "wrong", "id1"),
    ("The boys near the car greet", "plural_singular", "correct", "id2"),
    ("The boys near the car greets", "plural_singular", "wrong", "id2"),
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "nounpp.txt").write_text(GOOD)
    return tmp_path


@pytest.fixture(scope="module")
def published():
    return load(task=tuple(PUBLISHED), path=str(FOLDER))


@needs_data
def test_published_counts_by_condition(published):
    data = published
    assert len(data) == 10_200  # 12,000 with the 1,800 of namepp, which is not among the files
    for task, (*conditions, count) in PUBLISHED.items():
        found = Counter(example.labels["condition"] for example in data.split(task))
        assert found == dict.fromkeys(conditions, count)
    assert len({(example.words, example.target) for example in data}) == 10_200
    assert len({example.words[:2] for example in data}) == 40
    assert {example.labels["subject_at"] for example in data} == {1}


@needs_data
def test_published_pairs_are_the_lines_of_the_file(published):
    data = published.split("nounpp")
    lines = (FOLDER / "nounpp.txt").read_text().splitlines()
    assert len(lines) == 2 * len(data)
    for at, example in enumerate(data):
        right, wrong = (line.split("\t") for line in lines[2 * at : 2 * at + 2])
        assert right[2:] == ["correct", wrong[3]]
        assert [*example.words, *example.target] == right[0].split()
        assert [*example.words, example.labels["wrong"]] == wrong[0].split()
        assert right[1] == f"{example.labels['number']}_{example.labels['attractor']}"
        assert example.source == f"nounpp.txt line {2 * at + 1}"
        assert example.labels["attractor_at"] == 4


@needs_data
def test_first_published_sentence():
    first = load(path=str(FOLDER))[0]
    assert first.words == ("The", "athlete", "behind", "the", "bike")
    assert first.target == ("approves",)
    assert first.labels == {
        "wrong": "approve",
        "task": "nounpp",
        "condition": "SS",
        "number": "singular",
        "attractor": "singular",
        "subject_at": 1,
        "attractor_at": 4,
        "attractors": 0,
        "held_out": held_out("athlete", "approve"),
    }
    assert len(first.context) == 133
    assert first.context[:3] == ("In", "service", ",")
    assert first.context.count("<eos>") == 5


@needs_data
def test_words_of_the_published_pairs_agree_by_the_lexicon(published):
    for example in published:
        check_numbers(example)


def check_numbers(example):
    """What the labels say, decided again from the words alone."""
    nouns = [
        (at, "singular" if word in SINGULAR else "plural")
        for at, word in enumerate(example.words)
        if word in SINGULAR | PLURAL
    ]
    (subject_at, subject), *attractors = nouns
    labels = example.labels
    right = next(v for v in VERBS.values() if example.target[0] in (v.singular, v.plural))
    assert example.target[0] == (right.singular if subject == "singular" else right.plural)
    assert labels["wrong"] == (right.plural if subject == "singular" else right.singular)
    assert (labels["subject_at"], labels["number"]) == (subject_at, subject)
    assert labels["condition"] == "".join(number[0].upper() for _, number in nouns)
    at, number = attractors[-1] if attractors else (-1, "")
    assert (labels["attractor_at"], labels["attractor"]) == (at, number)
    assert labels["attractors"] == sum(number != subject for _, number in attractors)
    inside = [word for word in example.words if word in VERB_FORMS]
    for verb, (_, number) in zip(inside, nouns, strict=False):
        assert VERB_FORMS[verb] == number


VERB_FORMS = {v.singular: "singular" for v in VERBS.values()}
VERB_FORMS |= {v.plural: "plural" for v in VERBS.values()}


@pytest.mark.parametrize("task", FRAMES)
def test_generated_sets_are_balanced_and_agree(task):
    data = load(task=(task,), sentences=60)
    conditions = Counter(example.labels["condition"] for example in data)
    size = {"namepp": 1, "double_embedding": 3}.get(task, 1 + ("nounpp" in task or "rel" in task))
    assert conditions == {
        "".join(letters) + "S" * (task == "namepp"): 60 for letters in product("SP", repeat=size)
    }
    assert len({(example.words, example.target) for example in data}) == len(data)
    for example in data:
        check_numbers(example)
        content = [word for word in example.words if word not in ("The", "the", "that")]
        assert len(set(content)) == len(content)


@pytest.mark.parametrize("task", ["nounpp", "double_embedding"])
def test_conditions_differ_in_number_alone(task):
    singular = {noun.form(n): word for word, noun in NOUNS.items() for n in ("singular", "plural")}
    singular |= {v.singular: v.plural for v in VERBS.values()}
    lexical = defaultdict(list)
    for example in load(task=(task,), sentences=25):
        words = (*example.words, *example.target)
        lexical[example.labels["condition"]].append([singular.get(word, word) for word in words])
    first, *others = lexical.values()
    assert all(other == first for other in others)


def test_a_small_task_is_given_whole_and_once():
    data = load(task=("simple",))
    assert Counter(example.labels["condition"] for example in data) == {"S": 300, "P": 300}
    assert len({(example.words, example.target) for example in data}) == 600
    assert sum(example.labels["held_out"] for example in data) == 114
    assert len(load(task=("adv",))) == 1200
    assert len(load(task=("adv",), sentences=5000)) == 1800


def test_seeds():
    first = load(sentences=30).fingerprint
    assert load(sentences=30).fingerprint == first
    assert load(sentences=30, seed=1).fingerprint != first
    few, many = load(sentences=5), load(sentences=9)
    assert [e.words for e in few[:5]] == [e.words for e in many[:5]]


def test_splits_are_tasks_in_the_order_asked_for():
    data = load(task=("nounpp", "simple", "nounpp"), sentences=3)
    assert [example.labels["task"] for example in data] == ["nounpp"] * 12 + ["simple"] * 6
    assert len(data.split("simple")) == 6
    assert data.name == "number-agreement"
    with pytest.raises(ProbekitError, match="no split called adv"):
        data.split("adv")


def test_held_out_follows_the_words():
    for example in load(task=("nounpp",), sentences=200):
        noun = next(n for n in NOUNS.values() if example.words[1] in (n.singular, n.plural))
        verb = next(v for v in VERBS.values() if example.target[0] in (v.singular, v.plural))
        assert example.labels["held_out"] is held_out(noun.singular, verb.plural)


def test_contexts(folder):
    own = (*" <eos> ".join(OWN).split(), "<eos>")
    assert load(sentences=1)[0].context == own
    assert load(path=str(folder))[0].context == own
    (folder / "context.txt").write_text("One two . <eos>\n\nThree .\n")
    told = ("One", "two", ".", "<eos>", "Three", ".", "<eos>")
    assert load(path=str(folder))[0].context == told
    assert load(sentences=1, context=str(folder / "context.txt"))[0].context == told
    assert load(path=str(folder), context="none")[0].context == ()
    assert not set(own) & set(VERB_FORMS) - {"has", "is"}


def test_names_may_be_left_out_of_the_condition(tmp_path):
    for condition in ("plural", "plural_singular"):
        text = rows(
            ("The boys near Pat greet", condition, "correct", "1"),
            ("The boys near Pat greets", condition, "wrong", "1"),
        )
        (tmp_path / "namepp.txt").write_text(text)
        (example,) = load(task=("namepp",), path=str(tmp_path))
        check_numbers(example)


MISTAKES = [
    (GOOD.replace("\tid2", "", 1), "nounpp.txt line 3 has 3 columns; it should have 4"),
    (GOOD + "x\n", "nounpp.txt line 5 has 1 column;"),
    (GOOD.replace("id2", "id3", 1), "nounpp.txt line 3: the id 'id3' stands on 1 line;"),
    (GOOD.replace("id2", "id1"), "nounpp.txt line 1: the id 'id1' stands on 4 lines;"),
    (GOOD.replace("wrong", "correct", 1), "nounpp.txt line 1: the id 'id1' stands on 2 lines;"),
    (GOOD.replace("wrong", "false", 1), "line 2: the third column is 'false'"),
    (GOOD.replace("The boys", "These boys", 1), "line 3: the pair 'id2' should differ in the last"),
    (GOOD.replace("car greets\tp", "car greet\tp"), "line 3: the pair 'id2' should differ in"),
    (GOOD.replace("plural_singular", "plural_plural", 1), "line 3: the pair 'id2' has two cond"),
    (GOOD.replace("plural_singular", "dual_singular"), "the condition 'dual_singular' is none of"),
    (GOOD.replace("plural_singular", "plural"), "the condition 'plural' is none of: singular_s"),
    (GOOD.replace("near the", "near my old"), "has 7 words; this task has 5 before the verb"),
    ("\n\n", "nounpp.txt is empty; name a file with content."),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_mistakes_in_a_file(folder, text, message):
    (folder / "nounpp.txt").write_text(text)
    with pytest.raises(ProbekitError) as caught:
        load(path=str(folder))
    first = str(caught.value).splitlines()[0]
    assert message in first
    assert first.endswith(".")


def test_several_mistakes_are_told_together(folder):
    text = GOOD.replace("correct", "right").replace("wrong", "right")
    (folder / "nounpp.txt").write_text(text * 4)
    with pytest.raises(Problems) as caught:
        load(path=str(folder))
    assert len(caught.value.messages) == 11
    assert caught.value.messages[0].startswith("nounpp.txt line 1:")
    assert caught.value.messages[-1] == "There are 6 more mistakes like these."


def test_bytes_that_are_no_text(folder):
    (folder / "nounpp.txt").write_bytes(GOOD.encode() + b"\xff\xfe")
    with pytest.raises(ProbekitError, match=r"is not UTF-8 text \(byte 224\); save it as UTF-8"):
        load(path=str(folder))


def test_windows_line_ends_and_a_byte_order_mark(folder):
    plain = load(path=str(folder))
    (folder / "nounpp.txt").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(path=str(folder)).fingerprint == plain.fingerprint


def test_wrong_places(folder):
    with pytest.raises(ProbekitError, match=r"namepp.txt: there is no such file; add namepp.txt"):
        load(task=("namepp",), path=str(folder))
    with pytest.raises(ProbekitError, match=r"is not a folder; name the folder that holds nounpp"):
        load(path=str(folder / "nounpp.txt"))
    with pytest.raises(ProbekitError, match=r"linzen is not generated; give data.path=X"):
        load(task=("linzen",))
    with pytest.raises(ProbekitError, match=r"data.context is default, none or a text file"):
        load(context=str(folder / "nothing.txt"))
    with pytest.raises(ProbekitError, match="cannot be read"):
        load(context=str(folder))


def test_parameters_as_text():
    found, problems = validate(AgreementParams, {"task": "simple,linzen", "seed": "3"}, "data.")
    assert problems == []
    assert found.task == ("simple", "linzen")
    for wrong in ({"task": "nounp"}, {"sentences": "0"}, {"task": ""}, {"seed": "-1"}):
        assert validate(AgreementParams, wrong, "data.")[1]


WORD = st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.tuples(WORD, WORD), st.sampled_from(["singular", "plural"]), WORD, WORD),
        max_size=6,
    ),
    st.randoms(use_true_random=False),
)
def test_any_pairs_are_read_back(tmp_path_factory, pairs, random):
    wanted, lines = {}, []
    for at, (before, number, right, wrong) in enumerate(pairs):
        if right != wrong:
            wanted[f"id{at}"] = (before, right, wrong, number)
            for kind, verb in (("correct", right), ("wrong", wrong)):
                lines.append("\t".join((" ".join((*before, verb)), number, kind, f"id{at}")))
    random.shuffle(lines)
    if not lines:
        return
    path = tmp_path_factory.mktemp("pairs")
    (path / "simple.txt").write_text("\n".join(lines), encoding="utf-8")
    found = [
        (example.words, *example.target, example.labels["wrong"], example.labels["number"])
        for example in load(task=("simple",), path=str(path))
    ]
    assert sorted(found) == sorted(wanted.values())


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=120))
def test_any_text_is_read_or_a_clear_mistake(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any")
    (path / "nounpp.txt").write_text(text, encoding="utf-8", errors="replace")
    with suppress(ProbekitError):
        load(path=str(path))
