"""Seq2Seq against a plain reference, padded and not, hooked and not."""

import pytest
import torch
from probekit_seq2seq.lookup import lookup_tables
from probekit_seq2seq.model import INPUT_WORDS, OUTPUT_WORDS, Config, Seq2Seq
from probekit_seq2seq.params import LookupParams
from probekit_seq2seq.specs import gru_seq2seq, lstm_seq2seq
from transformer_lens.model_protocol import TransformerLensModel

from probekit.dataset import Example, ListDataset
from probekit.errors import ProbekitError, Problems
from probekit.hooks import HookQuery, select
from probekit.interventions import zero_units
from probekit.model import Model
from probekit.readout import Readout

from .reference import Reference

CELLS = ["gru", "lstm"]
TIGHT = {"rtol": 0, "atol": 1e-10}


def build(cell="gru", hidden=7, span=0.9):
    """A model whose weights are large enough for its answers to differ."""
    return Seq2Seq(Config(cell=cell, embedding=5, hidden=hidden)).initialise(1, span).double()


@pytest.fixture(scope="module")
def examples():
    """Rows of two lengths."""
    train = lookup_tables(LookupParams()).split("train")
    return [*train[:5], *train[100:106]]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("decoding", ["greedy", "teacher"])
def test_equals_the_reference(cell, grad, decoding, examples):
    model = build(cell)
    reference, batch = Reference(model), model.encode(examples)
    with torch.set_grad_enabled(grad):
        logits, attention = model.decode(batch, decoding)
    assert logits.shape == (11, 3, 11)
    assert attention.shape == (11, 3, 4)
    for row, example in enumerate(examples):
        steps, source = len(example.target), len(example.words)
        forced = model.output_vocabulary.encode(example.target) if decoding == "teacher" else None
        words = model.input_vocabulary.encode(example.words)
        expected, weights = reference(words, steps, forced)
        torch.testing.assert_close(logits[row, :steps], expected, **TIGHT)
        torch.testing.assert_close(attention[row, :steps, :source], weights, **TIGHT)
        assert not attention[row, :, source:].any()


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_equal_the_reference(cell, examples):
    model = build(cell)
    reference = Reference(model)
    example = examples[-1]
    model(model.encode([example])).pow(2).sum().backward()
    reference(model.input_vocabulary.encode(example.words), 3)[0].pow(2).sum().backward()
    expected = dict(reference.named_parameters())
    for name, weight in model.named_parameters():
        torch.testing.assert_close(weight.grad, expected[name].grad, **TIGHT)


@pytest.mark.parametrize("cell", CELLS)
def test_padding_changes_nothing(cell, examples):
    model = build(cell)
    together = model.encode(examples)
    with torch.no_grad():
        logits, cache = model.run_with_cache(together)
        for row, example in enumerate(examples):
            alone, own = model.run_with_cache(model.encode([example]))
            torch.testing.assert_close(logits[row, : alone.shape[1]], alone[0], **TIGHT)
            for name, spec in model.hook_specs.items():
                real = len(example.words) if spec.part == "encoder" else len(example.target)
                width = own[name].shape[2]
                torch.testing.assert_close(
                    cache[name][row, :real, :width], own[name][0, :real], **TIGHT
                )


def test_default_sizes_are_the_papers():
    model = Seq2Seq(Config())
    assert sum(weight.numel() for weight in model.parameters()) == 3_451_708
    assert (len(INPUT_WORDS), len(OUTPUT_WORDS)) == (19, 11)
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert shapes["decoder.attention.method.mlp.weight"] == (512, 1024)
    assert shapes["encoder.rnn.weight_ih_l0"] == (1536, 16)
    assert len(shapes) == 18


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("grad", [True, False])
def test_every_declared_hook_point_fires_with_its_shape(cell, grad, examples):
    model, batch = build(cell), build(cell).encode(examples)
    with torch.set_grad_enabled(grad):
        logits, cache = model.run_with_cache(batch)
    assert set(cache) == set(model.hook_specs)
    for name, spec in model.hook_specs.items():
        positions = 4 if spec.part == "encoder" else 3
        width = 4 if spec.kind == "attention" else spec.width
        assert cache[name].shape == (11, positions, width), name
        low, high = spec.span
        assert low <= cache[name].min()
        assert cache[name].max() <= high
    torch.testing.assert_close(cache["decoder.hook_logits"], logits, rtol=0, atol=0)
    real = batch.mask("decoder")
    sums = cache["decoder.hook_attention"].sum(-1)[real]
    torch.testing.assert_close(sums, torch.ones_like(sums))


@pytest.mark.parametrize(("spec", "cell"), [(gru_seq2seq, "gru"), (lstm_seq2seq, "lstm")])
def test_model_has_what_its_spec_offers_and_no_more(spec, cell):
    hooks = build(cell).hook_specs
    for query in spec.offers:
        assert select(hooks, query)
    for found in hooks.values():
        assert any(query.admits(found) for query in spec.offers), found.name


def test_hidden_states_are_those_of_the_gates(examples):
    """h' = n + z (h - n) in the decoder, whose first h is the encoder's last."""
    model = build()
    with torch.no_grad():
        _, cache = model.run_with_cache(model.encode(examples[:5]))
    cell = {
        key: cache[f"decoder.rnn.layers.0.hook_{key}"] for key in ("update", "candidate", "hidden")
    }
    first = cache["encoder.rnn.layers.0.hook_hidden"][:, -1:]
    before = torch.cat((first, cell["hidden"][:, :-1]), dim=1)
    expected = cell["candidate"] + cell["update"] * (before - cell["candidate"])
    torch.testing.assert_close(cell["hidden"], expected, **TIGHT)


def test_observe_sees_hook_points_without_output(examples):
    model, seen = build(), {}
    wanted = select(model.hook_specs, HookQuery(kind="logits"), HookQuery(kind="attention"))
    for decoding in ("greedy", "teacher"):
        model.cfg = Config(embedding=5, hidden=7, decoding=decoding)
        model.observe(model.encode(examples), wanted, lambda spec, x: seen.update({spec.kind: x}))
        logits, attention = model.decode(model.encode(examples), decoding)
        torch.testing.assert_close(seen["logits"], logits)
        torch.testing.assert_close(seen["attention"], attention)


def test_teacher_without_output_never_runs_the_head(examples):
    model, calls = build(), []
    model.decoder.out.register_forward_hook(lambda *_: calls.append(1))
    nothing = model(model.encode(examples), Readout.nothing(), decoding="teacher")
    assert (nothing.shape, nothing.dtype, calls) == ((11, 0), torch.float64, [])
    assert model(model.encode(examples), Readout.nothing()).shape == (11, 0)
    assert len(calls) == 3


def test_readout_chooses_positions_items_and_form(examples):
    model = build()
    batch = model.encode(examples[:3])
    logits = model(batch)
    some = model(batch, readout=Readout(positions=[0, 1, 1], items=[4, 9]))
    assert torch.equal(some, torch.stack([logits[0, 0], logits[1, 1], logits[2, 1]])[:, [4, 9]])
    log_probs = model(batch, readout=Readout(items=[4], form="log_probs"))
    assert torch.equal(log_probs, logits.log_softmax(-1)[..., [4]])


def test_interventions_reach_what_comes_after(examples):
    model, batch = build(), build().encode(examples)
    with torch.no_grad():
        plain = model(batch)
        same = model.run_with_hooks(batch, fwd_hooks=[(lambda _: True, lambda x, hook: x)])
        off = zero_units("encoder.rnn.layers.0.hook_hidden", [0, 3], rows=[2, 2])
        zeroed = model.run_with_hooks(batch, fwd_hooks=[off])
    assert torch.equal(same, plain)
    changed = (zeroed != plain).flatten(1).any(dim=1)
    assert changed.tolist() == [row == 2 for row in range(11)]


@pytest.mark.parametrize("grad", [True, False])
def test_attention_that_is_set_decides_what_is_read(grad, examples):
    """With all weight on the first word, the other states matter only through the last one."""
    model, batch = build(), build().encode(examples[:5])
    first = torch.eye(3, dtype=torch.float64)[0]
    states = model.encoder(batch.tokens, batch.lengths)
    run = model.decoder.begin(states._replace(states=states.states[:, :1]), steps=1)
    run.step(torch.full((5,), 2))
    with torch.set_grad_enabled(grad):
        logits = model.run_with_hooks(
            batch, fwd_hooks=[("decoder.hook_attention", lambda x, hook: first.expand_as(x))]
        )
    torch.testing.assert_close(logits[:, 0], run.logits(), **TIGHT)


def test_greedy_feeds_back_what_the_logits_became(examples):
    model, batch = build(), build().encode(examples)
    with torch.no_grad():
        five = torch.eye(11, dtype=torch.float64)[5]
        hook = ("decoder.hook_logits", lambda x, hook: five.expand_as(x).clone())
        seen = {}
        model.run_with_hooks(
            batch,
            fwd_hooks=[
                hook,
                ("decoder.hook_embed", lambda x, hook: seen.update({hook.ctx["t"]: x.clone()})),
            ],
        )
        _, taught = model.run_with_cache(
            batch, names_filter="decoder.hook_embed", decoding="teacher"
        )
    words = model.decoder.embedding.weight.detach()
    assert [torch.equal(seen[t], words[[2, 5, 5][t]].expand(11, -1)) for t in range(3)] == [
        True
    ] * 3
    expected = torch.cat((torch.full((11, 1), 2), batch.targets[:, :-1]), dim=1)
    assert torch.equal(taught["decoder.hook_embed"], words[expected])


def test_tensor_input_decodes_as_many_words_as_come_before_the_end(examples):
    model = build()
    tokens = model.to_tokens(["010 t1 t2 .", "111 t3 ."])
    assert tokens.tolist() == [[13, 3, 4, 2], [18, 5, 2, 1]]
    bare = [Example(("010", "t1", "t2", ".")), Example(("111", "t3", "."))]
    batch = model.encode(bare)
    assert batch.targets is None
    with torch.no_grad():
        assert model(tokens).shape == (2, 3, 11)
        assert torch.equal(model(tokens), model(batch))
        assert torch.equal(model.answer(tokens), model(tokens).argmax(-1))
        alone = model(model.to_tokens("111 t3 ."))
        torch.testing.assert_close(alone[0], model(tokens)[1, :2], **TIGHT)
    with pytest.raises(ProbekitError, match="decoding=teacher needs examples with targets"):
        model(tokens, decoding="teacher")


def test_sequence_accuracy_counts_whole_answers(examples):
    model = build()
    answers = [
        model.output_vocabulary.decode(row.tolist()) for row in model.answer(model.encode(examples))
    ]
    right = [
        Example(e.words, answers[i][: len(e.target)], e.labels) for i, e in enumerate(examples)
    ]
    assert model.sequence_accuracy(right) == 1.0
    last = right[0].target[-1]
    wrong = Example(right[0].words, (*right[0].target[:-1], "000" if last != "000" else "111"))
    assert model.right([wrong, *right[1:]]).tolist() == [False] + [True] * 10
    assert model.sequence_accuracy([wrong, *right[1:]]) == pytest.approx(10 / 11)


def test_check_names_unknown_words_of_inputs_and_targets():
    rows = [
        Example(("010", "t9", "."), ("010", "111"), source="train.tsv line 3"),
        Example(("010", "t1", "."), ("010", "0111"), source="train.tsv line 4"),
    ]
    with pytest.raises(Problems) as caught:
        build().check(ListDataset(rows))
    first, second = caught.value.messages
    assert first.startswith("train.tsv line 3: the word 't9' is not in")
    assert second.startswith("train.tsv line 4: the word '0111' is not in")
    build().check(lookup_tables(LookupParams()))


def test_making_a_model_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, again, other = (
        build(),
        build(),
        Seq2Seq(Config(embedding=5, hidden=7)).initialise(2, 0.9),
    )
    assert torch.equal(torch.rand(3), expected)
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint != other.double().fingerprint
    assert max(float(weight.detach().abs().max()) for weight in first.parameters()) <= 0.9


def test_it_is_a_model():
    assert isinstance(build(), Model)
    assert isinstance(build(), TransformerLensModel)


def test_vocabularies_need_their_special_words():
    with pytest.raises(ProbekitError, match="output_words lacks <sos>"):
        Seq2Seq(Config(output_words=("<pad>", "a")))
    with pytest.raises(ProbekitError, match="input_words lacks <pad>"):
        Seq2Seq(Config(input_words=("a",)))
