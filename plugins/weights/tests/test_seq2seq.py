"""The matrices of the encoder-decoder are its parameters, and make what its hook points show."""

import pytest
import torch

from probekit.dataset import Example
from probekit.testing.loading import load_model
from probekit.weights import WeightQuery, select_weights

SIZES = {"checkpoint": "untrained", "embedding": 3, "hidden": 6}
EXAMPLES = [
    Example(("001", "t1", "t4", "."), ("010", "111", "000")),
    Example(("110", "t2", "t3", "."), ("011", "101", "001")),
]


@pytest.fixture(params=["gru-seq2seq", "lstm-seq2seq"])
def model(request):
    return load_model(request.param, SIZES).double()


def tensors(model, *names):
    return [model.weight(name) for name in names]


def test_every_weight_of_the_model_is_in_one_matrix(model):
    parameters = [value for value in model.parameters() if value.ndim == 2]
    matrices = [model.weight(name) for name in model.weights]
    assert sum(one.numel() for one in matrices) == sum(one.numel() for one in parameters)
    total = sum(one.abs().sum() for one in matrices)
    torch.testing.assert_close(total, sum(one.detach().abs().sum() for one in parameters))
    for name, spec in model.weights.items():
        found = model.weight(name)
        assert tuple(found.shape) == spec.shape
        assert not found.requires_grad


def test_matrices_are_views_of_the_weights_as_they_are_now(model):
    with torch.no_grad():
        model.decoder.embedding.weight[4, 2] = 42
        model.decoder.ffocus_merge.weight[1, 6 + 3] = 43
    assert model.weight("decoder.embedding")[2, 4] == 42
    assert model.weight("decoder.merge.embedding")[1, 3] == 43


def test_sides_are_hook_points_or_words(model):
    hooks = model.hook_specs
    for spec in model.weights.values():
        for hook, words, size in (
            (spec.target, spec.rows, spec.shape[0]), (spec.source, spec.columns, spec.shape[1]),
        ):  # fmt: skip
            assert not hook or hooks[hook].width == size
            assert not words or len(words) == size
    assert model.weights["decoder.readout"].rows == model.cfg.output_words
    assert model.weights["encoder.embedding"].columns == model.cfg.input_words


def test_products_of_matrices_make_what_the_hook_points_show(model):
    batch = model.encode(EXAMPLES)
    with torch.no_grad():
        _, cache = model.run_with_cache(batch)
    encoder, decoder = cache["encoder.rnn.layers.0.hook_hidden"], "decoder.rnn.layers.0"
    words, readout = tensors(model, "encoder.embedding", "decoder.readout")
    torch.testing.assert_close(cache["encoder.hook_embed"], words.T[batch.tokens])
    logits = cache[f"{decoder}.hook_hidden"] @ readout.T + model.decoder.out.bias
    torch.testing.assert_close(cache["decoder.hook_logits"], logits)

    of_state, query, score = tensors(
        model, "decoder.attention.state", "decoder.attention.query", "decoder.attention.score"
    )
    mlp = model.decoder.attention.method
    before = torch.cat([encoder[:, -1:], cache[f"{decoder}.hook_hidden"][:, :-1]], dim=1)
    mixed = (encoder @ of_state.T)[:, None] + (before @ query.T)[:, :, None] + mlp.mlp.bias
    attention = (mixed.relu() @ score.T).squeeze(-1).softmax(-1)
    torch.testing.assert_close(cache["decoder.hook_attention"], attention)

    context, embedding = tensors(model, "decoder.merge.context", "decoder.merge.embedding")
    attended = attention @ encoder
    gate = attended @ context.T + cache["decoder.hook_embed"] @ embedding.T
    read = attended * (gate + model.decoder.ffocus_merge.bias).relu()
    roles = model.decoder.rnn.cell_type.rows
    index = roles.index(roles[1])
    enter, again = (
        select_weights(model.weights, WeightQuery(relation=r, role=roles[1], part="decoder"))[0]
        for r in ("input", "recurrent")
    )
    biases = [bias.chunk(len(roles))[index] for _, bias in (
        model.decoder.rnn.input_weights(0), model.decoder.rnn.recurrent_weights(0))]  # fmt: skip
    pre = read @ model.weight(enter.name).T + before @ model.weight(again.name).T + sum(biases)
    assert enter.source == "encoder.rnn.layers.0.hook_hidden"
    torch.testing.assert_close(cache[enter.target], pre.detach())
