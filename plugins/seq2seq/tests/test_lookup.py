"""The lookup-table task: the generated one, the original files, and every mistake in a file."""

from collections import Counter
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from probekit_seq2seq.lookup import STRINGS, TABLES, lookup_tables
from probekit_seq2seq.params import HELD_OUT, SPLITS, LookupParams

from probekit.errors import ProbekitError
from probekit.params import validate

ORIGINAL = Path(__file__).parents[4] / "shared" / "data" / "lookup_tables"
COUNTS = {
    "train": 232,
    "validation": 16,
    "heldout_inputs": 40,
    "heldout_compositions": 64,
    "heldout_tables": 192,
    "new_compositions": 32,
}
EARLY = {f"t{number}" for number in range(1, 7)}
LATE = {"t7", "t8"}


def all_splits(dataset):
    return {name: list(dataset.split(name)) for name in SPLITS}


def composition(example):
    return example.words[1:-1]


def check_structure(splits):
    assert {name: len(rows) for name, rows in splits.items()} == COUNTS
    inputs = [example.words for rows in splits.values() for example in rows]
    assert len(set(inputs)) == len(inputs)
    by_length = Counter(len(composition(example)) for example in splits["train"])
    assert by_length == {1: 64, 2: 168}
    atomic = {example.words[:2] for example in splits["train"] if len(example.words) == 3}
    assert atomic == set(product(STRINGS, TABLES))
    pairs = Counter(composition(e) for e in splits["train"] if len(e.words) == 4)
    assert len(pairs) == 28
    assert set(pairs.values()) == {6}
    assert {table for pair in pairs for table in pair} == EARLY
    rest = Counter(composition(e) for name in SPLITS[1:3] for e in splits[name])
    assert rest == dict.fromkeys(pairs, 2)
    unseen = Counter(composition(e) for e in splits["heldout_compositions"])
    assert unseen == dict.fromkeys(set(product(sorted(EARLY), repeat=2)) - set(pairs), 8)
    mixed = Counter(composition(e) for e in splits["heldout_tables"])
    expected = [*product(sorted(EARLY), LATE), *product(LATE, sorted(EARLY))]
    assert mixed == dict.fromkeys(expected, 8)
    new = Counter(composition(e) for e in splits["new_compositions"])
    assert new == dict.fromkeys(product(LATE, LATE), 8)


def check_answers(splits):
    """Every answer applies one bijection a table, the same in all splits."""
    tables = {}
    for rows in splits.values():
        for example in rows:
            assert example.target[0] == example.words[0]
            steps = zip(composition(example), example.target, example.target[1:], strict=False)
            for name, before, after in steps:
                assert tables.setdefault((name, before), after) == after
    for name in TABLES:
        assert {tables[name, bits] for bits in STRINGS} == set(STRINGS)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32))
def test_generated_task_has_the_structure_of_the_original(seed):
    splits = all_splits(lookup_tables(LookupParams(task_seed=seed)))
    check_structure(splits)
    check_answers(splits)


@pytest.mark.skipif(not ORIGINAL.is_dir(), reason="the original tsv files are not here")
def test_original_files_are_read_whole():
    dataset = lookup_tables(LookupParams(path=str(ORIGINAL)))
    splits = all_splits(dataset)
    check_structure(splits)
    check_answers(splits)
    first = splits["heldout_compositions"][0]
    assert first.words == ("010", "t1", "t6", ".")
    assert first.target == ("010", "101", "000")
    assert first.labels == {
        "split": "heldout_compositions",
        "composition": "t1 t6",
        "position": (0, 1, 2, 3),
        "table": (None, "t1", "t6", None),
        "attention": (0, 1, 2),
    }
    assert first.source == "heldout_compositions.tsv line 1"
    assert [len(row.labels["attention"]) for row in splits["train"][:1]] == [2]


def test_default_task_never_changes():
    dataset = lookup_tables(LookupParams())
    assert [example.labels["split"] for example in dataset] == [
        name for name in HELD_OUT for _ in range(COUNTS[name])
    ]
    assert dataset.fingerprint.startswith("766005d63058aac4")
    assert dataset.split("train").fingerprint.startswith("0d3fb493bcf70b9c")


def test_seeds_give_other_tasks_and_repeat():
    first, again, other = (lookup_tables(LookupParams(task_seed=seed)) for seed in (3, 3, 4))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert first.task == "data.task_seed=3"


def test_split_chooses_and_orders():
    params, problems = validate(LookupParams, {"split": "new_compositions,train"})
    assert problems == []
    dataset = lookup_tables(params)
    assert len(dataset) == 32 + 232
    assert dataset[0].source == "generated new_compositions row 1"
    assert len(dataset.split("validation")) == 16
    _, problems = validate(LookupParams, {"split": "trian"}, "data.")
    assert problems[0].startswith("data.split=trian: ")


def write(folder, **files):
    """A sound folder of one row a split, with some files replaced."""
    for split in SPLITS:
        text = files.get(split, "010 t1 t6 .\t010 101 000\t0 1 2 3\n")
        (folder / f"{split}.tsv").write_text(text, encoding="utf-8")
    return LookupParams(path=str(folder))


def test_small_folder_is_read(tmp_path):
    dataset = lookup_tables(write(tmp_path, train="111 t2 .\t111 000\t0 1 2\r\n\n"))
    assert [example.words for example in dataset.split("train")] == [("111", "t2", ".")]
    assert len(dataset) == 4
    assert dataset.task == f"data.path={tmp_path}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "train.tsv is empty; "),
        ("\n \n", "train.tsv is empty; "),
        ("a .\tb\t0 1\nonly one column", "train.tsv line 2 has 1 columns; "),
        ("a .\tb\t0 1\textra", "train.tsv line 1 has 4 columns; "),
        ("010 t1\t010 101\t0 1 2", "the input '010 t1' does not end with the word '.'."),
        ("\t010\t0 1", "the input '' does not end with the word '.'."),
        ("010 t1 .\t010 101\t0 1", "line 1 has 2 output words and 2 attention targets; "),
        ("010 t1 .\t010 101\t0 1 3", "the attention target '3' is not a position of its input"),
        ("010 t1 .\t010 101\t0 1 -1", "the attention target '-1' is not a position"),
        ("010 t1 .\t010 101\t0 1 x", "the attention target 'x' is not a position"),
    ],
)
def test_mistakes_in_a_file_are_named(tmp_path, text, message):
    with pytest.raises(ProbekitError) as caught:
        lookup_tables(write(tmp_path, train=text))
    assert message in str(caught.value)
    assert "train.tsv" in str(caught.value)


def test_missing_folder_and_file(tmp_path):
    with pytest.raises(ProbekitError, match=r"data\.path=.*nowhere is not a folder; name the"):
        lookup_tables(LookupParams(path=str(tmp_path / "nowhere")))
    params = write(tmp_path)
    (tmp_path / "heldout_inputs.tsv").unlink()
    with pytest.raises(ProbekitError, match=r"has no file heldout_inputs\.tsv; add it"):
        lookup_tables(params)


def test_file_that_is_not_text(tmp_path):
    params = write(tmp_path)
    (tmp_path / "train.tsv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProbekitError, match=r"train\.tsv cannot be read as text: "):
        lookup_tables(params)
    (tmp_path / "train.tsv").unlink()
    (tmp_path / "train.tsv").mkdir()
    with pytest.raises(ProbekitError, match=r"train\.tsv cannot be read as text: "):
        lookup_tables(params)
