"""A layer at a time against the whole model: the same numbers, and no more than a layer held."""

import json

import pytest
import torch
from probekit_opt.files import TensorFiles, own_name
from probekit_opt.loading import load_opt
from probekit_opt.params import OptParams
from safetensors.torch import load_file, save_file

from probekit.dataset import Example
from probekit.errors import ProbekitError
from probekit.hooks import HookQuery, select
from probekit.interventions import set_units
from probekit.readout import Readout
from probekit.testing import ModelContract

from . import tiny

HOW = {"execution": "layerwise"}


def load(layout="pre-norm", shard="5GB", **how):
    return load_opt(OptParams(path=tiny.folder(layout, shard), **HOW | how), "cpu")


def whole(layout="pre-norm", **how):
    return load_opt(OptParams(path=tiny.folder(layout), **how), "cpu")


class TestLayerwise(ModelContract):
    name = "opt"

    def build(self):
        return load("post-norm", attention="open")

    def dataset(self):
        return tiny.sentences()

    def test_fingerprint_tells(self):
        """Its weights are in files: see test_it_sees_the_files_as_they_are."""


@pytest.mark.parametrize("attention", ["fused", "open"])
@pytest.mark.parametrize("layout", [*tiny.LAYOUTS])
def test_same_numbers_as_the_whole(layout, attention):
    streamed, held = load(layout, "20kB", attention=attention), whole(layout, attention=attention)
    assert streamed.hook_specs == held.hook_specs
    assert streamed.fingerprint == held.fingerprint
    assert streamed.weights == held.weights
    assert streamed.window == held.window
    if held.final_gain is None:
        assert streamed.final_gain is None
    else:
        assert torch.equal(streamed.final_gain, held.final_gain)
    for name in held.weights:
        torch.testing.assert_close(streamed.weight(name), held.weight(name))
    batch = held.encode(tiny.sentences()[:])
    with torch.no_grad():
        found, seen = streamed.run_with_cache(batch)
        expected, cache = held.run_with_cache(batch)
    assert torch.equal(found, expected)
    assert [*seen] == [*cache]
    for name, value in cache.items():
        assert torch.equal(seen[name], value), name


def test_hooks_act_in_their_layer_alone():
    streamed, held = load(), whole()
    batch = held.encode(tiny.sentences()[:2])
    hooks = [
        set_units("hook_embed", [1], 3.0),
        set_units("blocks.1.mlp.hook_post", [4, 5], 2.0),
        set_units("blocks.1.hook_resid_mid", [0], -1.0),
        set_units("blocks.2.hook_resid_post", [7], 1.0),
    ]
    with torch.no_grad():
        for some in (hooks, hooks[1:2], hooks[3:]):
            found = streamed.run_with_hooks(batch, fwd_hooks=some)
            assert torch.equal(found, held.run_with_hooks(batch, fwd_hooks=some))
    with pytest.raises(ProbekitError, match=r"no hook point blocks\.9\.hook_resid_mid"):
        streamed.run_with_hooks(batch, fwd_hooks=[("blocks.9.hook_resid_mid", print)])


def test_readouts_contexts_and_margins():
    streamed, held = load("post-norm"), whole("post-norm")
    example = Example(("the", "boys"), ("like",), {"wrong": "likes"}, context=("the", "dog"))
    batch = held.encode([example])
    assert torch.equal(streamed.margin(batch), held.margin(batch))
    assert torch.equal(streamed.body(batch.tokens), held.body(batch.tokens))
    assert torch.equal(streamed.forward(batch), held.forward(batch))
    with torch.no_grad():
        for readout in (Readout.nothing(), Readout([1], [4, 5]), Readout(form="log_probs")):
            found = streamed.run_with_hooks(batch, readout=readout)
            assert torch.equal(found, held.run_with_hooks(batch, readout=readout))


@pytest.mark.parametrize("shard", ["5GB", "20kB"])
def test_every_layer_is_read_once_for_all_batches(shard, monkeypatch):
    streamed, held = load(shard=shard), whole()
    batches = [held.encode([example]) for example in tiny.sentences()]
    specs = select(held.hook_specs, HookQuery(kind="neuron"), HookQuery(kind="logits"))
    read, held_now = [], []
    read_all = TensorFiles.read_all

    def reading(self, names):
        read.extend(names)
        held_now.append(sum(not one.is_meta for one in streamed.network.parameters()))
        return read_all(self, names)

    monkeypatch.setattr(TensorFiles, "read_all", reading)
    order, values = [], {}

    def see(at, spec, value):
        order.append((spec.name, at))
        values[at, spec.name] = value.clone()

    streamed.observe_batches(batches, specs, see)
    assert order == [(spec.name, at) for spec in specs for at in range(4)]
    assert len(read) == len(set(read)) + 1  # the head is the token embedding once more
    assert set(held_now) == {0}
    assert all(one.is_meta for one in streamed.network.parameters())
    expected = {}
    held.observe_batches(
        batches, specs, lambda at, spec, value: expected.update({(at, spec.name): value.clone()})
    )
    assert expected.keys() == values.keys()
    for key, value in expected.items():
        assert torch.equal(values[key], value)


def test_a_layer_is_dropped_after_an_error():
    streamed = load()
    batch = streamed.encode(tiny.sentences()[:1])

    def refuse(value, hook):
        raise RuntimeError("no")

    before = streamed.run_with_hooks(batch)
    with pytest.raises(RuntimeError, match="no"):
        streamed.run_with_hooks(batch, fwd_hooks=[("blocks.1.mlp.hook_pre", refuse)])
    assert torch.equal(streamed.run_with_hooks(batch), before)


def test_it_sees_the_files_as_they_are(tmp_path):
    folder = tiny.save(tiny.opt(), tmp_path)
    first = load_opt(OptParams(path=folder, **HOW), "cpu").fingerprint
    weights = load_file(tmp_path / "model.safetensors")
    name = "model.decoder.layers.2.fc2.bias"
    weights[name] = weights[name] + 1
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    assert load_opt(OptParams(path=folder, **HOW), "cpu").fingerprint != first


def test_other_numbers_and_old_names(tmp_path):
    held = whole(dtype="bfloat16")
    streamed = load(dtype="bfloat16")
    batch = held.encode(tiny.sentences()[:2])
    with torch.no_grad():
        assert torch.equal(streamed.run_with_hooks(batch), held.run_with_hooks(batch))
    assert own_name("decoder.layers.0.fc1.bias") == "model.decoder.layers.0.fc1.bias"
    assert own_name("lm_head.weight") == "lm_head.weight"


def refused(folder, match, **how):
    with pytest.raises(ProbekitError, match=match) as found:
        load_opt(OptParams(**{"path": str(folder), **HOW, **how}), "cpu")
    assert "\n" not in str(found.value)


def test_files_that_are_not_whole(tmp_path):
    folder = tmp_path / "split"
    tiny.save(tiny.opt(), folder, shard="20kB")
    names = sorted(path.name for path in folder.glob("*.safetensors"))
    content = (folder / names[1]).read_bytes()
    (folder / names[1]).write_bytes(content[:-5])
    refused(folder, f"{names[1]} is cut short or damaged")
    (folder / names[1]).unlink()
    refused(folder, f"lacks {names[1]}, which model.safetensors.index.json names")
    folder = tmp_path / "whole"
    tiny.save(tiny.opt(), folder)
    facts = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(facts | {"num_hidden_layers": 4}))
    refused(folder, "lacks 16 weights that its config.json asks for, such as model.decoder.layers")
    (folder / "config.json").write_text(json.dumps(facts | {"ffn_dim": 20}))
    refused(folder, "has the shape 24 x 16, but config.json asks for 20 x 16")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    refused(folder, "lacks model.safetensors; a layer at a time .* from safetensors alone")
    refused("facebook/opt-66b", "opt-66b is no model folder, so it cannot be read")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_on_a_gpu():
    folder = tiny.folder()
    streamed, held = (
        load_opt(OptParams(path=folder, execution=how), "cuda") for how in ("layerwise", "whole")
    )
    batch = held.encode(tiny.sentences()[:])
    with torch.no_grad():
        for _ in range(3):
            assert torch.equal(streamed.run_with_hooks(batch), held.run_with_hooks(batch))
