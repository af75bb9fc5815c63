"""The driver against TransformerLens' on the same folders, other networks, and remote runs."""

import subprocess
import sys

import pytest
import torch
from probekit_nnsight import loading
from probekit_nnsight.loading import load_nnsight
from probekit_nnsight.params import NnsightParams
from probekit_opt.loading import load_opt, load_transformer
from probekit_opt.params import OptParams, TransformerParams

from probekit.dataset import Example
from probekit.errors import ProbekitError
from probekit.hooks import HookQuery, select
from probekit.interventions import mask_units, zero_units
from probekit.model import Model
from probekit.params import validate
from probekit.readout import Readout
from probekit.testing import ModelContract

from . import tiny

PLACES = {
    "hook_embed": {"module": "embed", "kind": "embedding"},
    "hook_state": {"module": "up", "at": "input", "kind": "residual"},
    "hook_pre": {"module": "up", "kind": "neuron", "stage": "pre"},
    "hook_post": {
        "module": "down", "at": "input", "kind": "neuron", "span": [0, float("inf")],
    },
    "hook_out": {"module": "down", "kind": "attention"},
}  # fmt: skip
LENS = {"opt": load_opt, "post-norm": load_opt}


def load(kind="opt", **how):
    return load_nnsight(NnsightParams(path=tiny.folder(kind), **how), "cpu")


def lens(kind):
    """The TransformerLens driver on the same folder."""
    if kind in LENS:
        return load_opt(OptParams(path=tiny.folder(kind)), "cpu")
    return load_transformer(TransformerParams(path=tiny.folder(kind)), "cpu")


class TestOpt(ModelContract):
    name = "nnsight"

    def build(self):
        return load()

    def dataset(self):
        return tiny.sentences()


class TestModule(TestOpt):
    """A network that is no transformer, its hook points declared."""

    def build(self):
        given = {"module": f"{tiny.__name__}:mixer", "hooks": PLACES, "path": tiny.folder("opt")}
        return load_nnsight(NnsightParams(**given, head="head"), "cpu")

    def test_it_is_the_module(self):
        model, ids = self.build(), torch.tensor([[2, 9, 30]])
        plain = tiny.mixer()
        with torch.no_grad():
            assert torch.equal(model.run_with_hooks(ids), plain(ids))
            off = [zero_units("hook_post", [3, 4])]
            plain.down.weight[:, [3, 4]] = 0
            torch.testing.assert_close(model.run_with_hooks(ids, fwd_hooks=off), plain(ids))


@pytest.mark.parametrize("kind", [*tiny.MAKERS])
def test_equals_the_other_driver(kind):
    model, other = load(kind), lens(kind)
    batch = other.encode(tiny.sentences()[:])
    assert torch.equal(model.encode(tiny.sentences()[:]).tokens, batch.tokens)
    shared = [name for name in model.hook_specs if name in other.hook_specs]
    assert set(model.hook_specs) - {"hook_pos_embed"} <= set(shared)
    for name in shared:
        assert model.hook_specs[name] == other.hook_specs[name]
    with torch.no_grad():
        output, cache = model.run_with_cache(batch)
        expected, values = other.run_with_cache(batch)
        torch.testing.assert_close(output, expected, rtol=1e-5, atol=1e-5)
        for name in shared:
            torch.testing.assert_close(cache[name], values[name], rtol=1e-5, atol=1e-5)
        for name in shared:
            off = [zero_units(name, [1, 5], rows=[0, 2]), zero_units(name, [3], steps=[1])]
            found = model.run_with_hooks(batch, fwd_hooks=off)
            expected = other.run_with_hooks(batch, fwd_hooks=off)
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    for layer in range(2):
        for end in ("source", "target"):
            mine, theirs = (
                [one.weight(spec.name) for spec in one.weights.values()
                 if getattr(spec, end).startswith(f"blocks.{layer}.mlp")]
                for one in (model, other)
            )  # fmt: skip
            for one, another in zip(mine, theirs, strict=kind != "gpt2"):
                assert torch.equal(one, another)


def test_contexts_margins_and_gradients_are_those_of_the_other_driver():
    model, other = load(), lens("opt")
    name = "blocks.0.mlp.hook_post"
    example = Example(("the", "boys"), ("like",), {"wrong": "likes"}, context=("the", "dog"))
    batch = other.encode([example, example])
    off = [zero_units(name, range(12))]
    for hooks in ([], off):
        torch.testing.assert_close(model.margin(batch, hooks), other.margin(batch, hooks))
    grads = []
    for one in (model, other):
        mask = torch.zeros(2, 24, requires_grad=True)
        one.run_with_hooks(batch, fwd_hooks=[mask_units(name, mask)]).logsumexp(-1).sum().backward()
        grads.append(mask.grad)
    torch.testing.assert_close(*grads, rtol=1e-4, atol=1e-5)
    assert grads[0].abs().sum() > 0


def test_the_head_is_run_for_what_is_asked_for_alone():
    model, rows = load(), []
    head = model.module.get_output_embeddings()
    head.register_forward_hook(lambda module, given, out: rows.append(len(out)))
    batch = model.encode(tiny.sentences()[:2])
    with torch.no_grad():
        expected = lens("opt").run_with_hooks(batch)
        found = model.run_with_hooks(batch, readout=Readout([1, 2], [5, 6]))
    torch.testing.assert_close(found, expected[[0, 1], [1, 2]][:, [5, 6]], rtol=1e-5, atol=1e-5)
    specs = select(model.hook_specs, HookQuery(kind="neuron"))
    order = []
    model.observe(batch, specs, lambda spec, values: order.append(spec.layer))
    assert order == [0, 1]
    assert rows == []


def test_remote_runs_as_nnsight_simulates_them():
    here, away = load(), load(remote="local")
    batch = here.encode(tiny.sentences()[:2])
    assert away.hook_specs == here.hook_specs
    assert away.fingerprint == here.fingerprint
    seen = {}
    with torch.no_grad():
        expected, values = here.run_with_cache(batch)
        found, cache = away.run_with_cache(batch)
        away.observe(batch, [*away.hook_specs.values()], lambda s, v: seen.update({s.name: v}))
        chosen = away.run_with_hooks(batch, readout=Readout([1, 2], [5, 6]))
        off = zero_units("blocks.0.mlp.hook_post", [1, 5], rows=[0, 1])
        ablated = away.run_with_hooks(batch, fwd_hooks=[off])
        torch.testing.assert_close(ablated, here.run_with_hooks(batch, fwd_hooks=[off]))
    assert torch.equal(found, expected)
    assert torch.equal(chosen, expected[[0, 1], [1, 2]][:, [5, 6]])
    assert not torch.equal(ablated, expected)
    assert [*cache] == [*values] == [*seen]
    for name, value in values.items():
        assert torch.equal(cache[name], value)
        assert torch.equal(seen[name], value)


def test_a_remote_model_is_here_without_its_weights(monkeypatch):
    traced = []

    class Envoy:
        repo_id, revision = "somebody/opt", None

        def __init__(self, place, task, dispatch=False):
            traced.append((place, task, dispatch))

    nnsight = loading.import_nnsight()
    monkeypatch.setattr(nnsight, "TransformersModel", Envoy, raising=False)
    monkeypatch.setattr(nnsight.CONFIG.API, "APIKEY", None)
    with pytest.raises(ProbekitError, match="needs a key of NDIF; put it in NDIF_API_KEY"):
        load(remote=True)
    monkeypatch.setattr(nnsight.CONFIG.API, "APIKEY", "a key")
    model, here = load(remote=True), load()
    assert traced == [(tiny.folder("opt"), "text-generation", False)]
    assert model.hook_specs == here.hook_specs
    assert all(weight.is_meta for weight in model.module.parameters())
    assert model.device == torch.device("cpu")
    assert model.weights == {}
    assert model.fingerprint != here.fingerprint
    assert torch.equal(
        model.encode(tiny.sentences()[:]).tokens, here.encode(tiny.sentences()[:]).tokens
    )


def test_it_adds_nothing_to_other_objects():
    code = (
        "from probekit_nnsight.importing import import_nnsight;"
        "print(hasattr(import_nnsight(), 'save'), hasattr(3, 'save'), end=' ');"
        "import os; print('NNSIGHT_CONFIG' in os.environ)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True False False\n"


def test_hook_points_from_the_command_line():
    given = {"hooks": '{"hook_pre": {"module": "fc.{layer}", "kind": "neuron", "layers": 2}}'}
    params, problems = validate(NnsightParams, given | {"remote": "true"})
    assert problems == []
    assert (params.hooks["hook_pre"].layers, params.remote) == (2, True)
    assert validate(NnsightParams, {"remote": "local"})[0].remote == "local"
    _, problems = validate(NnsightParams, {"hooks": '{"x": {"module": "fc", "kind": "nose"}}'})
    assert len(problems) == 1


def refused(match, **how):
    with pytest.raises(ProbekitError, match=match) as found:
        load_nnsight(NnsightParams(**{"path": tiny.folder("opt"), **how}), "cpu")
    assert "\n" not in str(found.value)


def test_places_that_are_not_there():
    fc = "model.decoder.layers.{layer}.fc1"
    refused(
        r"no module model\.decoder\.layer for x", hooks={"x": {"module": "model.decoder.layer"}}
    )
    refused(
        "no module model.decoder.layers.2.fc1", hooks={"x.{layer}": {"module": fc, "layers": 3}}
    )
    refused("x.{layer} has {layer} and no number", hooks={"x.{layer}": {"module": fc}})
    refused("two hook points are called x", hooks={"x": {"module": fc, "layers": 2}})
    refused(r"x carries tuple .* declare another place", hooks={
        "x": {"module": "model.decoder.layers.0.self_attn"},
    })  # fmt: skip
    refused("x .* fires 0 times", hooks={"x": {"module": "model.decoder.layers"}})
    with pytest.raises(ProbekitError, match=r"no hook point hook_embd \(did you mean hook_embed"):
        load().run_with_hooks(torch.tensor([[2]]), fwd_hooks=[("hook_embd", print)])


def test_modules_that_cannot_be_made():
    refused("needs its hook points declared", module="tiny:mixer")
    hooks = {"x": {"module": "embed"}}
    refused("module=no.such:thing cannot be had", module="no.such:thing", hooks=hooks)
    refused("makes no torch module", module="builtins:dict", hooks=hooks)
    refused("cannot run remotely", module="builtins:dict", hooks=hooks, remote=True)


def test_a_family_that_is_not_known():
    class Config:
        model_type = "mamba"

    with pytest.raises(ProbekitError, match=r"of a mamba are not known .*; declare them"):
        loading.known_places(Config)


def test_it_is_a_model():
    assert isinstance(load(), Model)
