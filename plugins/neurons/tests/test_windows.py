"""Windows of tokens: cut as defined, whoever starts where; what is too short is told."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from probekit_neurons.params import ReadingParams
from probekit_neurons.windows import length_of, plan, read, tokens_of

from probekit.dataset import Example, ListDataset
from probekit.errors import ProbekitError

from .planted import Planted, no_one, text
from .slow import windows


def model(**facts):
    return Planted([[no_one]], **facts)


def cut(dataset, reader, length, params):
    """The windows of every block, by domain."""
    found = {}
    for block in plan(dataset, reader, length, params):
        rows = [row.tolist() for row in read(dataset, reader, length, params, block)]
        assert len(rows) == block.windows <= params.shard_size
        found.setdefault(block.domain, []).extend(rows)
    return found


DOCUMENTS = st.lists(
    st.tuples(st.sampled_from("ab"), st.lists(st.integers(1, 5), min_size=1, max_size=14)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS, st.integers(2, 6), st.booleans(), st.booleans(), st.integers(1, 3))
def test_windows_are_what_a_loop_over_tokens_gives(documents, length, bos, join, size):
    dataset = ListDataset([text(words, domain) for domain, words in documents])
    reader = model(bos=bos, n_ctx=64)
    expected = {}
    for domain in dict.fromkeys(domain for domain, _ in documents):
        own = [words for name, words in documents if name == domain]
        if rows := windows(own, length, 0 if bos else None, join):
            expected[domain] = rows
    params = ReadingParams(join=join, shard_size=size)
    if not expected:
        with pytest.raises(ProbekitError, match=f"fills a window of {length} tokens"):
            plan(dataset, reader, length, params)
        return
    assert cut(dataset, reader, length, params) == expected


def test_pieces_of_one_document_run_on_and_documents_do_not():
    pieces = [text([1, 2], "a", 0), text([3], "a", 0), text([4, 5], "a", 1)]
    found = cut(ListDataset(pieces), model(), 6, ReadingParams())
    assert found == {"a": [[0, 1, 2, 3, 0, 4]]}
    found = cut(ListDataset(pieces), model(), 3, ReadingParams(join=False))
    assert found == {"a": [[0, 1, 2], [0, 4, 5]]}


def test_the_text_of_an_example_goes_before_its_words():
    example = Example(("no",), labels={"text": "w3 w4"})
    assert cut(ListDataset([example]), model(), 3, ReadingParams()) == {"": [[0, 3, 4]]}


def test_no_more_windows_are_read_than_asked_for():
    dataset = ListDataset([text([1] * 30, "a"), text([2] * 9, "b")])
    found = cut(dataset, model(), 4, ReadingParams(windows=3, shard_size=2))
    assert {domain: len(rows) for domain, rows in found.items()} == {"a": 3, "b": 3}
    found = cut(dataset, model(), 4, ReadingParams(domains=("b",)))
    assert list(found) == ["b"]


@pytest.mark.parametrize("cuts", [False, True])
def test_no_token_is_lost_where_a_model_cuts_long_texts(cuts):
    words = np.random.default_rng(0).integers(1, 12, 999)
    reader = model(n_ctx=7, cuts=cuts)
    found = tokens_of(reader, " ".join(f"w{word}" for word in words))
    assert found.tolist() == words.tolist()


def test_the_length_is_what_the_model_reads_at_once():
    assert length_of(model(n_ctx=48), ReadingParams()) == 48
    assert length_of(model(n_ctx=48), ReadingParams(length=9)) == 9
    with pytest.raises(ProbekitError, match=r"opt reads at most 48 tokens; give length=48 or less"):
        length_of(model(n_ctx=48), ReadingParams(length=49), "opt")


def test_too_short_a_corpus_and_an_unknown_domain_are_one_sentence_each():
    dataset = ListDataset([text([1] * 4, "wiki"), text([2] * 2, "books")], "corpus")
    with pytest.raises(ProbekitError) as caught:
        plan(dataset, model(), 16, ReadingParams(), "opt")
    assert str(caught.value) == (
        "none of the domains of corpus fills a window of 16 tokens of opt (the longest domain has"
        " 4); give length=N or name more text with data.path=."
    )
    with pytest.raises(ProbekitError, match=r"corpus has no domain wika \(did you mean wiki\?\)"):
        plan(dataset, model(), 3, ReadingParams(domains=("wika",)))
