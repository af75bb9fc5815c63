"""G2p with random weights against a plain reference, padded and not, hooked and not."""

import numpy as np
import pytest
import torch
from probekit_g2p.checkpoints import load
from probekit_g2p.model import Config, G2p
from probekit_g2p.params import G2pParams, SpellingParams
from probekit_g2p.specs import g2p_en
from probekit_g2p.spelling import spell, spelling
from probekit_g2p.symbols import END, LONGEST, PHONEMES

from probekit.dataset import Batch, Example, ListDataset
from probekit.errors import ProbekitError, Problems
from probekit.hooks import select
from probekit.interventions import zero_units
from probekit.readout import Readout
from probekit.weights import WeightQuery, select_weights

from .reference import arrays_of, read, write

TIGHT = {"rtol": 0, "atol": 1e-10}
HIDDEN = "decoder.rnn.layers.0.hook_hidden"


def build(span=4.0, hidden=7, **config):
    """A model whose weights are large enough for its answers to differ."""
    model = G2p(Config(embedding=5, hidden=hidden, **config)).initialise(1).double()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(span)
    return model


@pytest.fixture(scope="module")
def examples():
    """Words of several lengths, with their phonemes."""
    data = spelling(SpellingParams())
    return [data[index] for index in (0, 2, 18, 44, 200, 433)]


def letters(example):
    return "".join(example.words[:-1])


@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("decoding", ["greedy", "teacher"])
def test_equals_the_reference(grad, decoding, examples):
    model = build()
    arrays, batch = arrays_of(model), model.encode(examples)
    with torch.set_grad_enabled(grad):
        logits = model(batch, decoding=decoding)
    assert logits.shape == (6, max(len(one.target) for one in examples) + 1, 74)
    for row, example in enumerate(examples):
        state = read(arrays, letters(example))[-1]
        steps = int(batch.target_lengths[row])
        forced = batch.targets[row].tolist() if decoding == "teacher" else None
        _, expected = write(arrays, state, forced, steps)
        found = logits[row, : len(expected)].detach().numpy()
        np.testing.assert_allclose(found, expected, **TIGHT)
        assert forced is None or len(expected) == steps


def test_answers_equal_the_reference(examples):
    model = build()
    words = [letters(one) for one in examples] + ["qq", "-", "aeiou"]
    expected = [write(arrays_of(model), read(arrays_of(model), word)[-1])[0] for word in words]
    assert [model.phonemes.encode(one) for one in model.pronounce(words)] == expected
    assert len({tuple(one) for one in expected}) > 4


def test_a_batch_gives_what_each_word_gives_alone(examples):
    model = build()
    together = model.encode(examples)
    with torch.no_grad():
        _, cache = model.run_with_cache(together)
        for row, example in enumerate(examples):
            _, own = model.run_with_cache(model.encode([example]))
            for name, spec in model.hook_specs.items():
                real = int(together.mask(spec.part)[row].sum())
                np.testing.assert_allclose(cache[name][row, :real], own[name][0], **TIGHT)


def test_every_declared_hook_point_fires_with_its_shape(examples):
    model = build()
    batch = model.encode(examples)
    for decoding in ("greedy", "teacher"):
        with torch.no_grad():
            logits, cache = model.run_with_cache(batch, decoding=decoding)
        assert set(cache) == set(model.hook_specs)
        for name, spec in model.hook_specs.items():
            assert cache[name].shape == (*batch.mask(spec.part).shape, spec.width), name
        assert torch.equal(cache["decoder.hook_logits"], logits)


def test_hidden_states_are_those_of_the_gates(examples):
    """h' = n + z (h - n) in the decoder, whose first h is the encoder's last; |h| <= 1."""
    model = build()
    batch = model.encode(examples)
    with torch.no_grad():
        _, cache = model.run_with_cache(batch)
    update, candidate, hidden = (
        cache[f"decoder.rnn.layers.0.hook_{name}"] for name in ("update", "candidate", "hidden")
    )
    read_last = cache["encoder.rnn.layers.0.hook_hidden"][torch.arange(6), batch.lengths - 1]
    before = torch.cat((read_last[:, None], hidden[:, :-1]), dim=1)
    torch.testing.assert_close(hidden, candidate + update * (before - candidate), **TIGHT)
    assert hidden.abs().max() <= 1


def test_model_has_what_its_spec_offers():
    hooks = build().hook_specs
    for query in g2p_en.offers:
        assert select(hooks, query)
    assert all(any(query.admits(one) for query in g2p_en.offers) for one in hooks.values())


def test_targets_are_closed_and_padded(examples):
    model = build()
    batch = model.encode([examples[1], Example(("a", "t"), ("AE1", "T"))])  # accident, at
    assert batch.tokens[1].tolist() == [3, 22, 2, 0, 0, 0, 0, 0, 0]
    assert batch.tokens[0, 8] == model.letters.ids[END]
    assert batch.lengths.tolist() == [9, 3]
    closed = [PHONEMES.index("AE1"), PHONEMES.index("T"), 3]
    assert batch.targets[1].tolist() == [*closed, *[0] * 6]
    assert batch.target_lengths.tolist() == [9, 3]
    assert batch.mask("decoder")[1].sum() == 3


def test_without_a_target_the_models_own_answer_counts(examples):
    model = build()
    bare = [spell(letters(one)) for one in examples]
    batch = model.encode([*bare, examples[0]])
    own = model.pronounce([letters(one) for one in bare])
    for row, answer in enumerate(own):
        said = [*model.phonemes.encode(answer), 3][:LONGEST]
        size = int(batch.target_lengths[row])
        assert batch.targets[row, :size].tolist() == said
    assert batch.target_lengths[6] == len(examples[0].target) + 1
    assert model.score(batch).tolist() == [1.0] * 6 + [0.0]
    greedy, taught = (model(batch, decoding=mode) for mode in ("greedy", "teacher"))
    real = batch.mask("decoder")[:6]
    torch.testing.assert_close(greedy[:6][real], taught[:6][real], **TIGHT)


def test_a_tensor_of_ids_is_answered_in_twenty_steps():
    model = build()
    tokens = model.to_tokens(["c a t", "h o r s e </s>"])
    assert tokens.tolist() == [[5, 3, 22, 2, 0, 0], [10, 17, 20, 21, 7, 2]]
    with torch.no_grad():
        logits = model(tokens)
    assert logits.shape == (2, 20, 74)
    torch.testing.assert_close(logits[0], model(model.to_tokens("c a t"))[0], **TIGHT)
    with pytest.raises(ProbekitError, match="decoding=teacher needs examples with targets"):
        model(tokens, decoding="teacher")
    with pytest.raises(ProbekitError, match="scored against a target"):
        model.score(Batch(tokens, torch.tensor([4, 6])))


def test_score_is_that_of_greedy_answers_with_and_without_ablation():
    """Each unit off in the reference's loop against all of them in one batch."""
    model = build(hidden=24)
    arrays = arrays_of(model)
    words = [letters(one) for one in spelling(SpellingParams())][::50]
    expected = []
    for word in words:
        state = read(arrays, word)[-1]
        right = write(arrays, state)[0]
        expected += [float(write(arrays, state, off=unit)[0] == right) for unit in range(24)]
    batch = model.encode([spell(word) for word in words for _ in range(24)])
    every = zero_units(HIDDEN, [*range(24)] * len(words), rows=range(len(expected)))
    assert model.score(batch, [every]).tolist() == expected
    assert 10 < sum(expected) < len(expected) - 10
    assert model.score(batch).tolist() == [1.0] * len(expected)


@pytest.mark.parametrize("grad", [True, False])
def test_words_that_are_alike_are_read_once_unless_someone_watches(grad, examples):
    model = build()
    batch = model.encode([*examples, *examples[::-1], *examples])
    rows = []
    model.encoder.rnn.register_forward_pre_hook(lambda module, given: rows.append(len(given[0])))
    off = (HIDDEN, lambda value, hook: value * 0.5)
    watch = ("encoder.rnn.layers.0.hook_hidden", lambda value, hook: None)
    with torch.set_grad_enabled(grad):
        shared = model.run_with_hooks(batch, fwd_hooks=[off])
        apart = model.run_with_hooks(batch, fwd_hooks=[off, watch])
    assert rows == [6, 18]
    torch.testing.assert_close(shared, apart, **TIGHT)


def test_readout_chooses_positions_items_and_form(examples):
    model = build(decoding="teacher")
    batch, calls = model.encode(examples[:3]), []
    logits = model(batch)
    some = model(batch, readout=Readout(positions=[0, 1, 1], items=[4, 9]))
    assert torch.equal(some, torch.stack([logits[0, 0], logits[1, 1], logits[2, 1]])[:, [4, 9]])
    log_probs = model(batch, readout=Readout(items=[4], form="log_probs"))
    assert torch.equal(log_probs, logits.log_softmax(-1)[..., [4]])
    model.decoder.out.register_forward_hook(lambda *_: calls.append(1))
    assert model(batch, readout=Readout.nothing()).shape == (3, 0)
    assert calls == []


def test_weights_are_the_matrices_that_the_hook_points_are_fed_by(examples):
    model = build()
    (update,) = select_weights(
        model.weights, WeightQuery(relation="recurrent", role="update", part="encoder")
    )
    assert torch.equal(model.weight(update.name), model.encoder.rnn.weight_hh_l0[7:14])
    for name, spec in model.weights.items():
        assert model.weight(name).shape == spec.shape, name
        assert not spec.source or spec.source in model.hook_specs
        assert not spec.target or spec.target in model.hook_specs
    assert len(model.weights) == 15
    embedding = model.weight("decoder.embedding")
    _, cache = model.run_with_cache(model.encode(examples[:1]))
    assert torch.equal(embedding[:, 2], cache["decoder.hook_embed"][0, 0])  # <s>
    logits = cache[HIDDEN] @ model.weight("decoder.readout").T + model.decoder.out.bias
    torch.testing.assert_close(logits, cache["decoder.hook_logits"], **TIGHT)


def test_check_names_unknown_phonemes_and_words_that_cannot_be_said(examples):
    model = build()
    model.check(ListDataset(examples))
    with pytest.raises(Problems, match=r"a\.txt line 3: the word 'AE9' is not in the model's voc"):
        model.check(ListDataset([spell("at", ("AE9", "T"), "a.txt line 3")]))
    model.check(ListDataset([spell("at", ("T",) * 20)]))
    with pytest.raises(Problems, match=r"a\.txt line 4 has 21 phonemes and the model says 20"):
        model.check(ListDataset([spell("at", ("T",) * 21, "a.txt line 4")]))


def test_making_a_model_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, again, other = (
        load(G2pParams(checkpoint="untrained", embedding=3, hidden=4, init_seed=seed), "cpu")
        for seed in (0, 0, 1)
    )
    assert torch.equal(torch.rand(3), expected)
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert max(float(weight.detach().abs().max()) for weight in first.parameters()) <= 0.5
