"""What all layers hold at chosen words, against the model asked one sentence at a time."""

import numpy as np
import pytest
from probekit_probes.columns import columns_of, contents
from probekit_probes.params import DecodingParams, DepthParams
from probekit_probes.states import settle, states

from probekit.dataset import Example
from probekit.errors import ProbekitError
from probekit.hooks import HookQuery, HookSpec
from probekit.testing import TinyModel, tiny_dataset

from .agreeing import cached, nounpp, small_lstm
from .doubles import Beginning, Cutting, Ending

HIDDEN = (HookQuery(kind="hidden"),)
CELL = (HookQuery(kind="cell"),)


def spec(name, layer, width=4, **more):
    return HookSpec(name=name, kind="cell", layer=layer, width=width, **more)


@pytest.mark.parametrize("batch_size", [1, 5, 1000])
def test_the_chosen_words_of_every_layer(tmp_path, batch_size):
    model, examples = small_lstm(tmp_path), list(nounpp())[::5]
    places = [(4, 1), (), (0,)] + [(at % 5,) for at in range(len(examples) - 3)]
    columns = columns_of(model.hook_specs, CELL, "m")
    found = states(model, examples, places, columns, batch_size)
    held = cached(model, examples, "cell")
    expected = [values[at] for values, some in zip(held, places, strict=True) for at in some]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found.shape == (len(examples), 14)
    assert found.dtype == np.float64


def test_the_context_is_read_first(tmp_path):
    model, examples = small_lstm(tmp_path), list(nounpp())[:1]
    columns = columns_of(model.hook_specs, CELL, "m")
    bare = [Example(examples[0].words)]
    one, other = (states(model, some, [(2,)], columns, 8) for some in (examples, bare))
    assert np.abs(one - other).max() > 1e-3


def test_sentences_of_many_lengths():
    model, examples = TinyModel(), list(tiny_dataset())
    columns = columns_of(model.hook_specs, HIDDEN, "m")
    places = [(len(example.words) - 1,) for example in examples]
    found = states(model, examples, places, columns, 7)
    expected = [values[-1] for values in cached(model, examples, "hidden")]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("kind", [Beginning, Ending, Cutting])
def test_models_that_make_more_tokens_than_words(kind):
    model, examples = kind(), list(tiny_dataset())[::7]
    columns = columns_of(model.hook_specs, HIDDEN, "m")
    places = [range(len(example.words)) for example in examples]
    found = states(model, examples, places, columns, 5)
    expected = []
    for example, values in zip(examples, cached(model, examples, "hidden"), strict=True):
        expected += [values[at] for at in kind.places(example.words)]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert len(found) == sum(len(example.words) for example in examples)


def test_a_model_whose_tokens_depend_on_what_follows():
    model, examples = Ending(ahead=True), list(tiny_dataset())[:2]
    columns = columns_of(model.hook_specs, HIDDEN, "m")
    with pytest.raises(ProbekitError) as caught:
        states(model, examples, [(0, 1)] * 2, columns, 5)
    assert str(caught.value) == (
        "the model makes other tokens of the first 1 words of sentence 1 than of all of them, so it"
        " has no position for each word; choose a model that reads word by word."
    )


def test_the_same_words_hold_the_same(tmp_path):
    model, examples = small_lstm(tmp_path), list(nounpp())
    columns = columns_of(model.hook_specs, CELL, "m")
    found = states(model, examples, [(0, 1)] * len(examples), columns, 7)
    assert len(np.unique(found[::2], axis=0)) == 1
    assert len(np.unique(found[1::2], axis=0)) == 8


def test_only_rounding_is_taken_away():
    words = [Example(("a", "b")), Example(("a", "c")), Example(("a", "b"), context=("x",))]
    values = np.array([[1.0, 0.0], [1 + 1e-7, 1e-7], [1.0, 1e-7]])
    before = values.copy()
    settle(values, words, [(0,)] * 3)
    assert values.tolist() == [[1, 0], [1, 0], [1, 1e-7]]
    values = before + np.array([[0, 0], [0, 1e-3], [0, 0]])
    settle(values, words, [(0,)] * 3)
    assert values[1].tolist() == [1 + 1e-7, 1e-7 + 1e-3]


def test_a_model_without_cells_is_read_at_its_hidden_units(tmp_path):
    queries = DecodingParams().queries
    found = [columns_of(model.hook_specs, queries, "m")
             for model in (small_lstm(tmp_path), TinyModel())]  # fmt: skip
    assert [columns.content for columns in found] == ["cell", "hidden"]
    assert contents(found) == "cell or hidden"
    forget = DepthParams(kind="gate", role="forget").queries
    assert columns_of(small_lstm(tmp_path).hook_specs, forget, "m").content == "forget gate"


def test_columns_are_the_units_of_all_layers():
    specs = [spec("b", 2, 3), spec("a", 0, 2), spec("c", 2, 9, part="decoder")]
    columns = columns_of({one.name: one for one in specs}, CELL, "m")
    assert (len(columns), columns.widths) == (5, (2, 0, 3))
    assert [str(columns.unit(at)) for at in range(5)] == ["0:0", "0:1", "2:0", "2:1", "2:2"]
    assert columns.span(specs[0]) == slice(2, 5)
    assert [columns.find(text) for text in ("2:1", "#4")] == [3, 3]
    rows = columns.rows([4, 0])
    assert rows.to_numpy().tolist() == [["layer 2", "2:2", 2, 2, 5], ["layer 0", "0:0", 0, 0, 1]]


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        ([spec("a", 0, None)], "the cell hook points of m have no fixed number of units at each"
         " word; give another kind."),
        ([spec("a", 0, part="decoder")], "the cell hook points of m have no fixed number of units"
         " at each word; give another kind."),
        ([spec("a", 1), spec("b", 1)], "m has several cell hook points in layer 1, so its units"
         " could not be told apart; give another kind."),
    ],
)  # fmt: skip
def test_hook_points_that_make_no_columns(specs, message):
    with pytest.raises(ProbekitError) as caught:
        columns_of({one.name: one for one in specs}, CELL, "m")
    assert str(caught.value) == message
