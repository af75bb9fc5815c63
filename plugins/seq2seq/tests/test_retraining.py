"""Retraining: what is frozen and held stays, what is disconnected has no say, what is copied fits.

Models are tiny and trained for an epoch: what is asserted holds after any number of steps.
"""

import json

import pytest
import torch
from probekit_seq2seq.checkpoints import load_gru, load_lstm
from probekit_seq2seq.lookup import lookup_tables
from probekit_seq2seq.params import SPLITS, GruParams, LookupParams, LstmParams, TrainingParams
from probekit_seq2seq.retraining import Retrainable, schedule
from probekit_seq2seq.training import fit

from probekit.checkpoints import save_weights
from probekit.dataset import ListDataset
from probekit.errors import ProbekitError, Problems
from probekit.interventions import set_units
from probekit.progress import listening

WIDTH = 6
ENCODER, DECODER = (f"{side}.rnn.layers.0.hook_hidden" for side in ("encoder", "decoder"))
SETTINGS = {"epochs": 1, "batch_size": 32, "learning_rate": 0.05, "guidance": True}


def make(cell="gru", seed=0, **params):
    given = {"checkpoint": "untrained", "embedding": 4, "hidden": WIDTH, "init_seed": seed} | params
    return load_gru(GruParams(**given), "cpu") if cell == "gru" else load_lstm(
        LstmParams(**given), "cpu"
    )  # fmt: skip


def spread(model):
    """The same model with weights of a size that makes every unit matter."""
    return model.altered({name: 12 * model.parameter(name) for name, _ in model.named_parameters()})


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.fixture(scope="module")
def data():
    return lookup_tables(LookupParams())


def test_components_hold_what_they_say():
    components = make().components
    assert [*components] == [
        f"{side}{part}"
        for side in ("encoder", "decoder")
        for part in ("", ".embedding", ".input", ".recurrent")
    ]
    assert components["encoder.embedding"] == ("encoder.embedding.weight",)
    assert components["decoder.input"] == ("decoder.rnn.weight_ih_l0",)
    assert components["decoder.recurrent"] == ("decoder.rnn.weight_hh_l0",)
    assert set(components["encoder"]) == {
        "encoder.embedding.weight",
        *(f"encoder.rnn.{kind}_{side}_l0" for kind in ("weight", "bias") for side in ("ih", "hh")),
    }
    everything = {name for name, _ in make().named_parameters()}
    assert {*components["encoder"], *components["decoder"]} == everything
    assert "decoder.out.bias" in components["decoder"]


@pytest.mark.parametrize("component", ["encoder", "decoder", "encoder.recurrent", "decoder.input"])
def test_retraining_never_moves_what_is_frozen(data, component):
    model = make()
    before, names = state(model), model.components[component]
    after = state(model.retrained(data, 0, SETTINGS, frozen=names))
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == set(before) - set(names)
    assert all(torch.equal(value, before[name]) for name, value in state(model).items())


def test_retraining_is_fit_on_a_copy_and_keeps_the_lowest_validation_loss(data):
    model = make()
    settings = SETTINGS | {"epochs": 4, "learning_rate": 0.3, "validate_every": 8}
    again = model.altered({})
    healed = model.retrained(data, 0, settings)
    params = TrainingParams(**settings)
    fitted = fit(again, list(data.split("train")), list(data.split("validation")), params, 0)
    assert fitted.validation_loss[-1] > min(fitted.validation_loss), "best and last differ"
    assert fitted.best_step < 4 * 8
    assert all(torch.equal(value, fitted.best[name]) for name, value in state(healed).items())
    assert all(weight.requires_grad for weight in healed.parameters())
    assert model.fingerprint == make().fingerprint != healed.fingerprint
    assert isinstance(healed, Retrainable)


def test_a_seed_repeats_and_every_epoch_ticks(data):
    ticks = []
    with listening(ticks.append):
        first = make().retrained(data, 1, SETTINGS | {"epochs": 2})
    again, other = (make().retrained(data, seed, SETTINGS | {"epochs": 2}) for seed in (1, 2))
    assert sum(ticks) == 2
    assert first.fingerprint == again.fingerprint != other.fingerprint


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("units", [[], [0, 2, 5], [*range(WIDTH)]])
def test_held_entries_are_zero_before_and_after(data, cell, units):
    model = make(cell)
    held = model.connections(DECODER, units)
    after = model.retrained(data, 0, SETTINGS, held=held)
    for name, _ in model.named_parameters():
        mask = held.get(name, torch.zeros_like(model.parameter(name), dtype=torch.bool))
        value = after.parameter(name)
        assert not value[mask].any(), name
        if len(units) < WIDTH and not mask.all():
            assert (value[~mask] != model.parameter(name)[~mask]).any(), name


def test_held_entries_of_a_frozen_parameter_are_zero_too(data):
    model = make()
    name = "encoder.rnn.weight_hh_l0"
    mask = model.connections(ENCODER, [1])[name]
    after = model.retrained(data, 0, SETTINGS, frozen=[name], held={name: mask}).parameter(name)
    assert torch.equal(after, model.parameter(name).masked_fill(mask, 0))


def test_held_gradients_do_not_count_in_clipping(data):
    """Training with entries held equals training a model in which they cannot matter."""
    model = make()
    held = {"decoder.out.bias": torch.ones(11, dtype=torch.bool)}
    settings = SETTINGS | {"clip": 0.01}
    with_held = model.retrained(data, 0, settings, held=held)
    zeroed = model.altered({"decoder.out.bias": torch.zeros(11)})
    frozen = zeroed.retrained(data, 0, settings, frozen=["decoder.out.bias"])
    assert all(torch.equal(v, state(frozen)[name]) for name, v in state(with_held).items())


def count(masks):
    return {name: int(mask.sum()) for name, mask in masks.items()}


def test_connections_of_one_unit_are_counted():
    """Into a GRU's unit: three rows of each matrix and bias; out of it: one column of each."""
    model = make()
    recurrent = 3 * WIDTH + 3 * WIDTH - 3
    assert count(model.connections(ENCODER, [1])) == {
        "encoder.rnn.weight_ih_l0": 3 * 4,
        "encoder.rnn.weight_hh_l0": recurrent,
        "encoder.rnn.bias_ih_l0": 3,
        "encoder.rnn.bias_hh_l0": 3,
        "decoder.attention.method.mlp.weight": WIDTH,
        "decoder.ffocus_merge.weight": WIDTH,
        "decoder.rnn.weight_ih_l0": 3 * WIDTH,
    }
    found = model.connections(DECODER, [1])
    assert count(found) == {
        "decoder.rnn.weight_ih_l0": 3 * WIDTH,
        "decoder.rnn.weight_hh_l0": recurrent,
        "decoder.rnn.bias_ih_l0": 3,
        "decoder.rnn.bias_hh_l0": 3,
        "decoder.attention.method.mlp.weight": WIDTH,
        "decoder.out.weight": 11,
    }
    assert found["decoder.attention.method.mlp.weight"][:, WIDTH + 1].all()
    gates = found["decoder.rnn.bias_ih_l0"].nonzero().flatten().tolist()
    assert gates == [1, WIDTH + 1, 2 * WIDTH + 1]


def test_connections_name_every_matrix_that_the_model_describes():
    """Against `weights`: each that a unit receives or sends, except what the merge gate lets by."""
    model = make()
    for hook in (ENCODER, DECODER):
        masks = model.connections(hook, [2])
        part = model.hook_specs[hook].part
        cut = model.altered({n: model.parameter(n).masked_fill(m, 0) for n, m in masks.items()})
        for spec in model.weights.values():
            target = model.hook_specs.get(spec.target)
            if spec.source == hook:
                assert not cut.weight(spec.name)[:, 2].any(), spec.name
            if target and target.part == part and target.kind in ("gate", "candidate"):
                assert not cut.weight(spec.name)[2].any(), spec.name


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("trained", [False, True])
def test_a_disconnected_unit_has_no_influence(data, cell, trained):
    """Whatever it is set to, at any step, the output is the same, bit for bit."""
    model, gone = spread(make(cell)), [0, 3, 4]
    batch = model.encode(data[:40])
    other = model.run_with_hooks(batch, fwd_hooks=[set_units(DECODER, gone, 0.7)])
    assert not torch.equal(other, model(batch)), "connected, these units matter"
    held = model.connections(DECODER, gone)
    for name, mask in model.connections(ENCODER, gone).items():
        held = {**held, name: held[name] | mask if name in held else mask}
    if trained:
        model = model.retrained(data, 0, SETTINGS, held=held)
    cut = model.altered({n: model.parameter(n).masked_fill(m, 0) for n, m in held.items()})
    logits, cache = cut.run_with_cache(batch, decoding="greedy")
    assert cache[ENCODER][..., gone].eq(0).all(), "a disconnected unit of the encoder is silent"
    assert cache[ENCODER][..., [1, 2, 5]].abs().min() > 0
    for hook in (ENCODER, DECODER):
        for values in (0.7, [-3.0, 100.0, 0.01]):
            hooks = [set_units(hook, gone, values)]
            assert torch.equal(cut.run_with_hooks(batch, fwd_hooks=hooks), logits), hook


def test_a_silent_encoder_unit_starts_the_decoder_at_zero(data):
    """Cut off in the encoder alone, the decoder's unit of that number is as it was, from zero."""
    model = spread(make())
    held = model.connections(ENCODER, [2])
    cut = model.altered({n: model.parameter(n).masked_fill(m, 0) for n, m in held.items()})
    batch = model.encode(data[:16])
    passing = [set_units(ENCODER, [2], 5.0, steps=[0, 1]), set_units(ENCODER, [2], 0.0, steps=[2])]
    assert torch.equal(cut.run_with_hooks(batch, fwd_hooks=passing), cut(batch))
    kept = cut.run_with_hooks(batch, fwd_hooks=[set_units(DECODER, [2], 0.5)])
    assert not torch.equal(kept, cut(batch))


def test_scores_are_those_of_every_split(data):
    model = make()
    scores = model.scores(data)
    assert [*scores] == list(SPLITS)
    right = [bool(model.right([one])[0]) for one in data.split("validation")]
    assert scores["validation"] == sum(right) / 16
    some = ListDataset([], "some", {"validation": data.split("validation")[:4]})
    assert [*model.scores(some)] == ["validation"]


def test_guidance_is_known_from_the_file_or_asked_for(tmp_path, data):
    model = make()
    with pytest.raises(ProbekitError, match="does not say whether it was trained with attentive"):
        model.retrained(data, 0, {"epochs": 1})
    for word, guidance in (("true", True), ("false", False), ("[]", None)):
        path = tmp_path / f"{len(word)}.safetensors"
        words = {"input_words": model.cfg.input_words, "output_words": model.cfg.output_words}
        facts = {key: json.dumps(value) for key, value in words.items()} | {"guidance": word}
        save_weights(path, model.state_dict(), facts)
        loaded = load_gru(GruParams(checkpoint=str(path)), "cpu")
        assert loaded.guidance is guidance
        assert loaded.altered({}).guidance is guidance
        if guidance is not None:
            assert schedule(loaded, {}) == TrainingParams(guidance=guidance)
    assert schedule(loaded, {"guidance": False, "clip": 2}).clip == 2


def test_settings_that_cannot_be_used(data):
    model = make()
    with pytest.raises(Problems, match=r"epoch is not a parameter here .did you mean epochs"):
        model.retrained(data, 0, {"guidance": True, "epoch": 1})
    with pytest.raises(Problems, match="hidden was settled when the model was made") as found:
        model.retrained(data, 0, {"guidance": True, "hidden": 9, "epochs": 0})
    assert len(found.value.messages) == 2
    with pytest.raises(ProbekitError, match="nothing is left to train"):
        model.retrained(data, 0, SETTINGS, frozen=list(model.state_dict()))
    with pytest.raises(ProbekitError, match=r"no parameter encoder\.bias"):
        model.retrained(data, 0, SETTINGS, frozen=["encoder.bias"])
    with pytest.raises(ProbekitError, match=r"no hook point decoder\.hook_logit .did you mean"):
        model.connections("decoder.hook_logit", [0])
    with pytest.raises(ProbekitError, match="shows no units of a recurrent layer"):
        model.connections("decoder.hook_logits", [0])
    with pytest.raises(ProbekitError, match=r"out\.bias is 11; a value of 3 does not fit it"):
        model.altered({"decoder.out.bias": torch.zeros(3)})
