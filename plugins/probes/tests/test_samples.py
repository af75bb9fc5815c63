"""Which positions become samples, and with which target."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from probekit_probes.params import GroupParams
from probekit_probes.samples import read_samples

from probekit.dataset import Example, ListDataset
from probekit.errors import ProbekitError
from probekit.testing import TinyModel, tiny_dataset
from probekit.testing.loading import load_dataset, load_model

from .doubles import Beginning, Planted, letters

SEQ2SEQ = {"checkpoint": "untrained", "hidden": "8", "embedding": "4"}


def read(model, dataset, hook=None, **params):
    spec = model.hook_specs[hook or next(iter(model.hook_specs))]
    return read_samples(model, dataset, spec, GroupParams(**params))


def named(samples):
    return [samples.values[label] for label in samples.labels]


@pytest.fixture(scope="module")
def lookup():
    rows = [
        Example(("000", "t1", "t2", "."), ("000", "101", "011"),
                {"table": (None, "t1", "t2", None), "attention": (0, 1, 2), "kind": "pair"}),
        Example(("001", "t2", "."), ("001", "111"),
                {"table": (None, "t2", None), "attention": (0, 1), "kind": None}),
    ]  # fmt: skip
    return ListDataset(rows, "rows")


@pytest.fixture(scope="module")
def seq2seq():
    return load_model("gru-seq2seq", SEQ2SEQ)


def hook(model, part):
    return next(
        name for name, s in model.hook_specs.items() if (s.part, s.kind) == (part, "hidden")
    )


def test_every_word_is_a_sample_and_no_padding():
    dataset = letters(10)
    samples = read(Planted(), dataset)
    assert named(samples) == [word for example in dataset for word in example.words]
    assert samples.examples.tolist() == [n for n, e in enumerate(dataset) for _ in e.words]
    assert samples.positions.tolist() == [at for e in dataset for at in range(len(e.words))]


@given(size=st.integers(1, 40), sentences=st.integers(1, 25))
@settings(max_examples=20, deadline=None)
def test_batches_do_not_matter(size, sentences):
    dataset = letters(sentences)
    one, other = (read(Planted(), dataset, batch_size=n) for n in (size, 100))
    assert one.values == other.values
    for name in ("examples", "positions", "labels"):
        assert np.array_equal(getattr(one, name), getattr(other, name))


def test_position_counts_as_a_number():
    dataset = ListDataset([Example(tuple("abcdefghabc")), Example(("a",))])
    samples = read(Planted(), dataset, target="position")
    assert samples.values == tuple(str(n) for n in range(11))
    assert named(samples) == [str(n) for n in range(11)] + ["0"]


def test_a_label_of_positions_and_its_gaps(lookup, seq2seq):
    samples = read(seq2seq, lookup, hook(seq2seq, "encoder"), target="table")
    assert named(samples) == ["t1", "t2", "t2"]
    assert samples.examples.tolist() == [0, 0, 1]
    assert samples.positions.tolist() == [1, 2, 1]


def test_a_decoder_step_is_about_the_input_position_of_its_number(lookup, seq2seq):
    where = hook(seq2seq, "decoder")
    assert named(read(seq2seq, lookup, where, target="table")) == ["t1", "t2", "t2"]
    tokens = read(seq2seq, lookup, where, target="token")
    assert named(tokens) == ["000", "t1", "t2", "001", "t2"]
    assert named(read(seq2seq, lookup, where, target="attention")) == ["0", "1", "2", "0", "1"]
    assert named(read(seq2seq, lookup, where, target="position")) == ["0", "1", "2", "0", "1"]


def test_a_label_of_examples_holds_at_every_position(lookup, seq2seq):
    samples = read(seq2seq, lookup, hook(seq2seq, "encoder"), target="kind")
    assert named(samples) == ["pair"] * 4


def test_only_the_classes_asked_for():
    dataset = letters(30)
    samples = read(Planted(), dataset, classes=("a", "[g-z]"))
    assert samples.values == ("a", "g", "h")
    expected = [word for example in dataset for word in example.words if word in "agh"]
    assert named(samples) == expected


def test_the_tables_of_the_task(seq2seq):
    dataset = load_dataset("lookup-tables", {})
    for part in ("encoder", "decoder"):
        samples = read(seq2seq, dataset, hook(seq2seq, part), target="table")
        assert len(samples) == 2 * len(dataset)
        assert samples.values == tuple(f"t{n}" for n in range(1, 9))
        assert set(samples.positions.tolist()) == {1, 2}


def test_a_model_that_adds_tokens_is_read_by_its_ids():
    model = Beginning()
    dataset = tiny_dataset()[:3]
    samples = read(model, ListDataset(dataset))
    ids = model.encode(dataset).tokens[0].tolist()
    assert named(samples)[: len(ids)] == [f"#{number}" for number in ids]
    assert set(named(read(model, ListDataset(dataset), target="number"))) == {"singular", "plural"}


def test_a_label_that_is_not_there_lists_those_that_are(lookup, seq2seq):
    with pytest.raises(ProbekitError) as caught:
        read(seq2seq, lookup, target="tabel")
    assert str(caught.value) == (
        "the dataset rows has no label called tabel (did you mean table?); give target=token,"
        " target=position, or one of its labels: table, attention, kind."
    )


def test_a_label_that_does_not_fit_the_positions(lookup, seq2seq):
    with pytest.raises(ProbekitError, match="3 values of attention for the 4 positions of encoder"):
        read(seq2seq, lookup, hook(seq2seq, "encoder"), target="attention")


def test_a_decoder_that_outlasts_its_input(seq2seq):
    dataset = ListDataset([Example(("000", "."), ("000", "001", "010"), source="row 7")])
    with pytest.raises(ProbekitError, match="row 7 has 2 words for the 3 positions of decoder"):
        read(seq2seq, dataset, hook(seq2seq, "decoder"), target="token")


def test_classes_that_no_position_has():
    with pytest.raises(ProbekitError) as caught:
        read(TinyModel(), tiny_dataset(), target="number", classes=("dual",))
    assert str(caught.value) == (
        "no position of hook_embed has a number among dual; its values are: plural, singular."
    )
