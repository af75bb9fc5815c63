"""Datasets, padding and vocabularies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probekit.dataset import Batch, Example, ListDataset, pad
from probekit.errors import ProbekitError, Problems
from probekit.vocabulary import Vocabulary

ROWS = st.lists(st.lists(st.integers(1, 9), max_size=5), min_size=1, max_size=6)


@given(ROWS)
def test_padding_keeps_every_id_and_the_mask_marks_them(rows):
    tokens, lengths = pad(rows, 0)
    mask = Batch(tokens, lengths).mask()
    assert tokens.shape == mask.shape == (len(rows), max(map(len, rows)))
    assert [tokens[i][mask[i]].tolist() for i in range(len(rows))] == rows
    assert (tokens[~mask] == 0).all()


def test_the_decoder_has_its_own_mask_and_none_without_targets():
    tokens, lengths = pad([[1, 2, 3]], 0)
    targets, target_lengths = pad([[4]], 0)
    assert Batch(tokens, lengths, targets, target_lengths).mask("decoder").tolist() == [[True]]
    with pytest.raises(ProbekitError, match="has no targets"):
        Batch(tokens, lengths).mask("decoder")


def test_the_fingerprint_sees_words_targets_and_labels():
    kinds = [
        Example(("a", "b")), Example(("ab",)), Example(("a",), ("b",)),
        Example(("a", "b"), labels={"n": 1}), Example(("a", "b"), labels={"n": 2}),
    ]  # fmt: skip
    prints = {ListDataset([kind]).fingerprint for kind in kinds}
    assert len(prints) == len(kinds)
    assert ListDataset([kinds[0]]).fingerprint == ListDataset([Example(("a", "b"))]).fingerprint


def test_an_unknown_split_names_the_nearest():
    data = ListDataset([], "lookup", {"train": [Example(("a",))]})
    assert [example.words for example in data.split("train")] == [("a",)]
    with pytest.raises(
        ProbekitError, match=r"lookup has no split called trian \(did you mean train"
    ):
        data.split("trian")


@given(st.lists(st.text(min_size=1), unique=True, min_size=1))
def test_a_vocabulary_is_a_bijection(words):
    vocabulary = Vocabulary(words)
    assert vocabulary.decode(vocabulary.encode(words)) == tuple(words)


def test_unknown_words_are_an_error_or_the_unknown_word():
    assert Vocabulary(["a", "<unk>"], unknown="<unk>").encode(["a", "z"]) == [0, 1]
    with pytest.raises(ProbekitError, match="'z' is not in the model's vocabulary"):
        Vocabulary(["a"]).encode(["z"])
    with pytest.raises(ProbekitError, match="lists 'a' twice"):
        Vocabulary(["a", "b", "a"])


def test_a_check_names_where_the_unknown_words_stand_and_how_many_there_are():
    examples = [Example(("a", "a", f"b{n}"), source=f"x.tsv line {n}") for n in range(7)]
    with pytest.raises(Problems) as caught:
        Vocabulary(["a", "b"]).check(examples)
    assert len(caught.value.messages) == 6
    assert caught.value.messages[0].startswith("x.tsv line 0: the word 'b0' is not in the model's")
    assert caught.value.messages[-1] == "... and 2 more such words."


def test_a_dataset_of_another_language_is_one_sentence():
    examples = [Example((f"b{n}",), source=f"x.tsv line {n}") for n in range(9)]
    with pytest.raises(
        Problems, match=r"does not fit the model: 9 of 9 words .* 'b0' \(x.tsv line"
    ):
        Vocabulary(["a"]).check(examples)
