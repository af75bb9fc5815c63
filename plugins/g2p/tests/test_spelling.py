"""Words as examples: labels at every position, files, and the list that ships."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from probekit_g2p.params import SpellingParams
from probekit_g2p.spelling import spell, spelling
from probekit_g2p.symbols import LETTERS, LONGEST, PHONEMES

from probekit.errors import ProbekitError


def test_labels_of_a_word():
    example = spell("yearly", ("Y", "IH1", "R", "L", "IY0"))
    assert example.words == ("y", "e", "a", "r", "l", "y", "</s>")
    assert example.labels == {
        "letter": ("y", "e", "a", "r", "l", "y", None),
        "kind": ("consonant", "vowel", "vowel", "consonant", "consonant", "vowel", None),
        "position": (0, 1, 2, 3, 4, 5, 6),
        "position_from_end": (6, 5, 4, 3, 2, 1, 0),
        "length": (6, 6, 6, 6, 6, 6, 6),
    }
    assert spell("o'k").labels["kind"] == ("vowel", None, "consonant", None)


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=15))
def test_every_label_has_a_value_for_every_position(word):
    example = spell(word)
    assert {len(values) for values in example.labels.values()} == {len(word) + 1}
    sums = {
        sum(pair)
        for pair in zip(
            example.labels["position"], example.labels["position_from_end"], strict=True
        )
    }
    assert sums == {len(word)}


def test_the_list_that_ships():
    data = spelling(SpellingParams())
    words = ["".join(one.words[:-1]) for one in data]
    assert (len(data), len(set(words)), words == sorted(words)) == (452, 452, True)
    assert {letter for word in words for letter in word} == set(LETTERS[3:])
    assert {one for example in data for one in example.target} <= set(PHONEMES[4:])
    assert all(1 <= len(one.target) < LONGEST for one in data)
    assert all("1" in "".join(one.target) for one in data)
    assert data[0].target == ("EY1", "B", "AH0", "L")
    assert data[0].source == "words.tsv line 1"
    assert not any(one.target for one in spelling(SpellingParams(targets=False)))


def test_a_file_of_words(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("Cat\tK AE1 T\n\nzyzzyva\n  dog \n", encoding="utf-8")
    data = spelling(SpellingParams(path=str(path)))
    assert ["".join(one.words[:-1]) for one in data] == ["cat", "zyzzyva", "dog"]
    assert [one.target for one in data] == [("K", "AE1", "T"), (), ()]
    assert [one.source for one in data] == [f"mine.txt line {n}" for n in (1, 3, 4)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"cat\ntwo words\n", "mine.txt line 2 is 'two words'; it should be one word"),
        (b"cat\tK\tAE1\n", "mine.txt line 1 is"),
        (b"\xff\xfe\n", "cannot be read as text"),
        (b"\n \n", "holds no words"),
        (b"a\x1b[31m b\n", r"is 'a\\x1b\[31m b'"),
    ],
)
def test_wrong_files_are_one_sentence(tmp_path, content, message):
    path = tmp_path / "mine.txt"
    path.write_bytes(content)
    with pytest.raises(ProbekitError, match=message):
        spelling(SpellingParams(path=str(path)))


def test_an_absent_file_is_one_sentence(tmp_path):
    with pytest.raises(ProbekitError, match="there is no such file"):
        spelling(SpellingParams(path=str(tmp_path / "none")))
    with pytest.raises(ProbekitError, match="cannot be read as text"):
        spelling(SpellingParams(path=str(tmp_path)))
