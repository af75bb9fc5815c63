"""The published weights: the model says what the package that they come from says."""

import numpy as np
import pytest
import torch
from probekit_g2p.checkpoints import find_published, load, read_arrays
from probekit_g2p.params import G2pParams, SpellingParams
from probekit_g2p.spelling import spelling

from .published import needs_weights, own_package
from .reference import read, write

pytestmark = needs_weights

LONG = "pneumonoultramicroscopicsilicovolcanoconiosis"
STRANGE = ["x", "don't", "Zürich", "supercalifragilisticexpialidocious", "tsktsk", LONG]


@pytest.fixture(scope="module")
def model():
    return load(G2pParams(), "cpu")


@pytest.fixture(scope="module")
def arrays():
    return read_arrays(find_published())


@pytest.fixture(scope="module")
def words():
    chosen = ["".join(one.words[:-1]) for one in spelling(SpellingParams())][::2][:200]
    assert len(chosen) == 200
    return [*chosen, *STRANGE]


def test_answers_are_those_of_the_published_equations(model, arrays, words):
    said = model.pronounce(words)
    for word, answer in zip(words, said, strict=True):
        expected, _ = write(arrays, read(arrays, word)[-1])
        assert model.phonemes.encode(answer) == expected, word


def test_answers_are_those_of_the_package(model, words):
    package = own_package()
    assert list(model.phonemes.words) == package.phonemes
    assert list(model.letters.words) == package.graphemes
    for word, answer in zip(words, model.pronounce(words), strict=True):
        assert list(answer) == package.predict(word), word


def test_a_long_answer_stops_at_the_twentieth_step(model):
    (answer,) = model.pronounce([LONG])
    assert len(answer) == 20


def test_arrays_go_unchanged_into_a_gru_of_torch(model, arrays):
    gru = torch.nn.GRU(256, 256, batch_first=True)
    names = {"w_ih": "weight_ih_l0", "w_hh": "weight_hh_l0", "b_ih": "bias_ih_l0",
             "b_hh": "bias_hh_l0"}  # fmt: skip
    gru.load_state_dict({own: torch.from_numpy(arrays[f"enc_{k}"]) for k, own in names.items()})
    example = spelling(SpellingParams())[3]
    batch = model.encode([example])
    with torch.no_grad():
        states, _ = gru(torch.from_numpy(arrays["enc_emb"])[batch.tokens])
        _, cache = model.run_with_cache(batch)
    hidden = cache["encoder.rnn.layers.0.hook_hidden"]
    torch.testing.assert_close(hidden, states, rtol=0, atol=1e-5)
    expected = read(arrays, "".join(example.words[:-1]))
    np.testing.assert_allclose(hidden[0].numpy(), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(model.encoder.rnn.weight_ih_l0, gru.weight_ih_l0, rtol=0, atol=0)


def test_it_knows_most_of_the_words_that_come_with_it(model):
    data = spelling(SpellingParams())
    model.check(data)
    assert float(model.score(model.encode(data[:])).sum()) == 378
    assert len(data) == 452


def test_hidden_states_lie_within_one(model):
    data = spelling(SpellingParams())
    batch = model.encode(data[:64])
    with torch.no_grad():
        _, cache = model.run_with_cache(batch)
    for part in ("encoder", "decoder"):
        hidden = cache[f"{part}.rnn.layers.0.hook_hidden"][batch.mask(part)]
        assert 0.9 < hidden.abs().max() <= 1
