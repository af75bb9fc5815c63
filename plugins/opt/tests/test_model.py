"""The bridge against Hugging Face's own OPT, and what words, contexts and readouts come to."""

import json
import math
import shutil
from dataclasses import replace

import pytest
import torch
from probekit_opt.loading import load_opt, load_transformer
from probekit_opt.params import SHIPPED, OptParams, TransformerParams
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    OPTForCausalLM,
)

from probekit.dataset import Batch, Example, ListDataset
from probekit.errors import ProbekitError, Problems
from probekit.hooks import HookQuery, select
from probekit.interventions import mask_units, set_units, zero_units
from probekit.readout import Readout
from probekit.resuming import Beginnings
from probekit.testing import ModelContract

from . import tiny

LAYOUTS = [*tiny.LAYOUTS]
IDS = torch.tensor([[2, 9, 30, 41, 7, 280], [2, 44, 44, 5, 6, 299]])


def load(layout="pre-norm", **how):
    return load_opt(OptParams(path=tiny.folder(layout), **how), "cpu")


def reference(layout="pre-norm", attention="sdpa"):
    """Hugging Face's own model of the same folder."""
    return OPTForCausalLM.from_pretrained(
        tiny.folder(layout), attn_implementation=attention, dtype=torch.float32
    ).eval()


def close(found, expected, tolerance=1e-5):
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("attention", ["fused", "open"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_equals_hugging_face(layout, attention):
    model, theirs = load(layout, attention=attention), reference(layout)
    neurons = []
    for layer in theirs.model.decoder.layers:
        layer.fc1.register_forward_hook(lambda module, given, out: neurons.append(out))
    with torch.no_grad():
        expected = theirs(input_ids=IDS, output_hidden_states=True)
        logits, cache = model.run_with_cache(IDS)
    close(logits, expected.logits)
    close(cache["hook_logits"], expected.logits)
    for layer in range(3):
        close(cache[f"blocks.{layer}.hook_resid_pre"], expected.hidden_states[layer])
        before = neurons[layer].view(2, 6, 24)
        close(cache[f"blocks.{layer}.mlp.hook_pre"], before)
        act = torch.nn.functional.gelu if layout == "gelu" else torch.relu
        close(cache[f"blocks.{layer}.mlp.hook_post"], act(before))
    close(cache["blocks.1.hook_resid_post"], expected.hidden_states[2])
    assert ("hook_pos_embed" in cache) == (layout != "without positions")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layers_by_hand(layout):
    """Every hook point of a layer and every matrix, from the layer's input on."""
    model, theirs = load(layout), reference(layout)
    with torch.no_grad():
        logits, cache = model.run_with_cache(IDS)
    post_norm = layout.startswith("post-norm")
    for at, layer in enumerate(theirs.model.decoder.layers):
        here = {name.split(f"blocks.{at}.")[-1]: value for name, value in cache.items()}
        middle = here["hook_resid_pre"] + here["hook_attn_out"]
        middle = layer.self_attn_layer_norm(middle) if post_norm else middle
        close(here["hook_resid_mid"], middle)
        read = middle if post_norm else layer.final_layer_norm(middle)
        enter, leave = (model.weight(f"blocks.{at}.mlp.{name}") for name in ("W_in", "W_out"))
        close(here["mlp.hook_pre"], read @ enter.T + layer.fc1.bias)
        after = middle + here["mlp.hook_post"] @ leave.T + layer.fc2.bias
        close(here["hook_resid_post"], layer.final_layer_norm(after) if post_norm else after)
    last = cache["blocks.2.hook_resid_post"]
    assert (model.final_gain is None) == post_norm
    if not post_norm:
        assert torch.equal(model.final_gain, theirs.model.decoder.final_layer_norm.weight)
        last = theirs.model.decoder.final_layer_norm(last)
    close(logits, last @ model.weight("readout").T)
    assert torch.equal(cache["hook_embed"], model.weight("embedding").T[IDS])


def test_matrices_know_their_words_and_neurons():
    model = load("post-norm")
    spec = model.weights["readout"]
    assert (spec.shape, model.weights["embedding"].shape) == ((325, 16), (8, 325))
    assert spec.rows[:4] == ("<s>", "<pad>", "</s>", "<unk>")
    assert " the" in spec.rows
    assert spec.rows == model.weights["embedding"].columns
    neuron = select(model.hook_specs, HookQuery(kind="neuron", layer=1))[0]
    (out,) = [one for one in model.weights.values() if one.source == neuron.name]
    assert (out.name, out.relation, out.shape) == ("blocks.1.mlp.W_out", "merge", (16, 24))


def test_attention_weights_are_those_of_eager_attention():
    model, theirs = load(attention="open"), reference(attention="eager")
    with torch.no_grad():
        expected = theirs(input_ids=IDS, output_attentions=True).attentions
        _, cache = model.run_with_cache(IDS)
    for layer in range(3):
        for head in range(2):
            found = cache[f"blocks.{layer}.attn.hook_pattern.{head}"]
            close(found, expected[layer][:, head])
            assert not found.triu(1).any()
    assert not [name for name in load().hook_specs if "pattern" in name]


def test_another_attention_weight_acts():
    """A head that looks at the first position alone brings that position's value."""
    model = load(attention="open")

    def look(value, hook):
        return torch.zeros_like(value).index_fill_(2, torch.tensor([0]), 1.0)

    hooks = [(f"blocks.0.attn.hook_pattern.{head}", look) for head in range(2)]
    seen = []
    hooks.append(("blocks.0.hook_attn_out", lambda value, hook: seen.append(value)))
    with torch.no_grad():
        model.run_with_hooks(IDS, fwd_hooks=hooks)
        layer = reference().model.decoder.layers[0]
        _, cache = model.run_with_cache(IDS)
        read = layer.self_attn_layer_norm(cache["blocks.0.hook_resid_pre"][:, :1])
        expected = layer.self_attn.out_proj(layer.self_attn.v_proj(read))
    close(seen[0], expected.expand(-1, 6, -1))


@pytest.mark.parametrize("layout", ["pre-norm", "post-norm"])
def test_the_residual_stream_itself_is_changed(layout):
    """A new value after attention reaches the layer's output past the FFN, not only through it."""
    model, theirs = load(layout), reference(layout)
    torch.manual_seed(1)
    new = torch.randn(2, 6, 16)
    kept = []
    hooks = [
        ("blocks.1.hook_resid_mid", lambda value, hook: kept.append(value)),
        ("blocks.1.hook_resid_mid", lambda value, hook: new),
    ]
    with torch.no_grad():
        _, cache = model.run_with_cache(IDS)
        seen = []
        hooks.append(("blocks.1.hook_resid_post", lambda value, hook: seen.append(value)))
        model.run_with_hooks(IDS, fwd_hooks=hooks)
        layer = theirs.model.decoder.layers[1]
        read = layer.final_layer_norm(new) if layout == "pre-norm" else new
        after = new + layer.fc2(torch.relu(layer.fc1(read)))
        after = after if layout == "pre-norm" else layer.final_layer_norm(after)
    close(seen[0], after)
    assert torch.equal(kept[0], cache["blocks.1.hook_resid_mid"])


def test_gradients_flow_through_masks_and_into_no_weight():
    model, name = load(), "blocks.1.mlp.hook_post"
    mask = torch.zeros(2, 24, requires_grad=True)
    model.run_with_hooks(IDS, fwd_hooks=[mask_units(name, mask)]).logsumexp(-1).sum().backward()
    base = mask.detach().double()
    assert mask.grad.abs().sum() > 0
    assert not any(weight.requires_grad for weight in model.bridge.parameters())
    step, outputs = 1e-3, []
    for sign in (1, -1):
        moved = base.clone()
        moved[0, 5] += sign * step
        with torch.no_grad():
            hooks = [mask_units(name, moved.float())]
            out = model.run_with_hooks(IDS, fwd_hooks=hooks)
        outputs.append(out.logsumexp(-1).sum().item())
    assert mask.grad[0, 5].item() == pytest.approx(
        (outputs[0] - outputs[1]) / (2 * step), rel=0.05, abs=1e-3
    )


def test_hooks_by_predicate_as_transformer_lens_has_them():
    model = load()
    names = []
    model.run_with_hooks(
        IDS,
        fwd_hooks=[
            (lambda name: name.endswith("hook_post"), lambda value, hook: names.append(hook.name))
        ],
    )
    assert names == [f"blocks.{layer}.mlp.hook_post" for layer in range(3)]
    _, cache = model.run_with_cache(IDS, names_filter=["hook_embed"])
    assert [*cache] == ["hook_embed"]
    with pytest.raises(ProbekitError, match=r"no hook point blocks.0.hook_residpre \(did you mean"):
        model.run_with_hooks(IDS, fwd_hooks=[("blocks.0.hook_residpre", print)])


def test_the_head_is_run_for_what_is_asked_for_alone():
    model, rows = load(), []
    head = model.network.get_output_embeddings()
    head.register_forward_hook(lambda module, given, out: rows.append(len(out)))
    batch = model.encode(tiny.sentences()[:])
    with torch.no_grad():
        full = model.run_with_hooks(batch)
        some = model.run_with_hooks(batch, readout=Readout([1, 2, 0, 4], [[5, 6]] * 4))
        assert model.run_with_hooks(batch, readout=Readout.nothing()).shape == (4, 0)
        assert rows == []
        _, cache = model.run_with_cache(
            batch, names_filter="hook_logits", readout=Readout.nothing()
        )
    close(some, full[torch.arange(4), torch.tensor([1, 2, 0, 4])][:, [5, 6]])
    close(cache["hook_logits"], full)
    assert rows == [4]


def test_neuron_spans():
    spec = load().hook_specs["blocks.0.mlp.hook_post"]
    assert (spec.kind, spec.stage, spec.layer, spec.width) == ("neuron", "post", 0, 24)
    assert spec.span == (0.0, math.inf)
    assert load("gelu").hook_specs["blocks.0.mlp.hook_post"].span == (-math.inf, math.inf)
    assert load().hook_specs["blocks.2.mlp.hook_pre"].stage == "pre"


def test_without_positions_equal_tokens_are_equal_everywhere():
    same = torch.full((1, 9), 40)
    with torch.no_grad():
        found = load("without positions").run_with_hooks(same)
        others = load().run_with_hooks(same)
    close(found, found[:, :1].expand(-1, 9, -1))
    assert (others - others[:, :1]).abs().max() > 0.01


def test_text_as_ids():
    model, own = load(), tiny.tokenizer()
    batch = model.encode(tiny.sentences()[:])
    for row, example in zip(batch.tokens, batch.examples, strict=True):
        ids = own(" ".join(example.words))["input_ids"]
        assert row[: len(ids)].tolist() == ids
        assert ids[0] == model.bos == 2
    assert batch.lengths.tolist() == [len(own(one)["input_ids"]) for one in tiny.SENTENCES]
    assert (
        model.to_tokens("a dog").tolist() == model.encode([Example(("a", "dog"))]).tokens.tolist()
    )
    assert model.to_tokens("a dog", prepend_bos=False).tolist() == [own("a dog")["input_ids"][1:]]
    assert len(model.to_tokens("a dog " * 100)[0]) > 64


def test_long_texts_are_cut_and_long_questions_refused():
    model = load(window=6)
    words = ("the", "boys") * 8
    assert model.encode([Example(words)]).tokens.shape == (1, 6)
    question = Example(words, ("like",), {"wrong": "likes"}, source="here.tsv line 2")
    with pytest.raises(ProbekitError, match=r"here\.tsv line 2 .* tokens, and the model reads 6"):
        model.encode([question])
    with pytest.raises(Problems, match=r"here\.tsv line 2"):
        model.check(ListDataset([Example(("a",)), question]))
    model.check(ListDataset([Example(words)]))
    with pytest.raises(ProbekitError, match="window=99 is more than the 64 positions of "):
        load(window=99)


def test_a_context_has_effect_and_no_positions():
    model = load(attention="open")
    words, context = ("the", "dog", "likes"), ("says", "the", "woman")
    with torch.no_grad():
        batch = model.encode([Example(words, context=context)])
        logits, cache = model.run_with_cache(batch)
        whole = model.encode([Example(context + words)])
        expected, every = model.run_with_cache(whole)
    first = whole.tokens.shape[1] - batch.tokens.shape[1]
    assert whole.tokens[0, first:].tolist() == batch.tokens[0].tolist()
    assert batch.context.tolist() == whole.tokens[0, :first].tolist()
    close(logits, expected[:, first:])
    for name, value in cache.items():
        close(value, every[name][:, first:])
    off = zero_units("blocks.1.mlp.hook_post", range(24), steps=[0])
    later = zero_units("blocks.1.mlp.hook_post", range(24), steps=[first])
    middle = set_units("blocks.1.hook_resid_mid", [3], 2.0)
    late = set_units(
        "blocks.1.hook_resid_mid", [3], 2.0, steps=range(first, first + len(batch.tokens[0]))
    )
    with torch.no_grad():
        for one, other in ((off, later), (middle, late)):
            found = model.run_with_hooks(batch, fwd_hooks=[one])
            close(found, model.run_with_hooks(whole, fwd_hooks=[other])[:, first:])
            assert (found - logits).abs().max() > 1e-4
    room = Example(words, context=("the", "woman") * 40)
    with pytest.raises(ProbekitError, match="with its context has"):
        model.encode([room])


@pytest.mark.parametrize("attention", ["fused", "open"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_run_goes_on_behind_what_was_read_once(layout, attention):
    """Three texts, two beginnings: logits, activations, interventions and their gradients."""
    model = load(layout, attention=attention)
    whole = torch.stack([IDS[0], IDS[1], torch.cat([IDS[0, :3], IDS[1, 3:]])])
    begun = Beginnings.read(model, whole[:, 1:3].tolist(), [2])
    assert begun is not None
    assert begun.state[0].shape == (3, 2, 2, 3, 8)
    name, mask = "blocks.1.mlp.hook_post", torch.rand(3, 24, requires_grad=True)
    found = {}
    for way, start, state in (("whole", 0, None), ("behind", 3, begun.of([2, 1]))):
        rows = torch.tensor([2, 1])
        hook = mask_units(name, mask[rows], 0.5, steps=[4 - start])
        out = model.run_with_hooks(whole[rows, start:], fwd_hooks=[hook], state=state)
        out = out[:, 3 - start :]
        found[way] = out.detach(), *torch.autograd.grad(out.logsumexp(-1).sum(), mask)
    for one, other in zip(found["whole"], found["behind"], strict=True):
        close(one, other)
    assert found["whole"][1].abs().sum() > 0


def test_a_model_that_keeps_no_layer_does_not_go_on():
    model = load(execution="layerwise")
    assert Beginnings.read(model, [(2, 9)]) is None
    assert Beginnings.read(load(), [()]) is None


def test_the_end_of_a_text_is_the_models_own():
    model, own = load(), tiny.tokenizer()
    context = ("the", "dog", "says", "<eos>", "a", "boy", "<eos>")
    batch = model.encode([Example(("the", "boys"), context=context)])
    parts = [own(text, add_special_tokens=False)["input_ids"] for text in ("the dog says", "a boy")]
    assert batch.context.tolist() == [2, *parts[0], 2, *parts[1], 2]
    assert batch.tokens[0].tolist() == own("the boys", add_special_tokens=False)["input_ids"]
    assert model.encode([Example(("<eos>", "a"))]).tokens[0].tolist()[:2] == [2, 2]


def test_margin_is_the_log_odds_of_two_words():
    model = load()
    examples = [
        Example(("the", "boys"), ("like",), {"wrong": "likes"}),
        Example(("the", "boy", "near", "the", "cars"), ("likes",), {"wrong": "like"}),
    ]
    found = model.margin(model.encode(examples))
    for margin, example in zip(found, examples, strict=True):
        ids = torch.tensor([tiny.tokenizer()(" ".join(example.words))["input_ids"]])
        with torch.no_grad():
            told = reference()(input_ids=ids).logits[0, -1].log_softmax(-1)
        right, wrong = model.word_ids([example.target[0], example.labels["wrong"]])
        assert margin.item() == pytest.approx((told[right] - told[wrong]).item(), abs=1e-5)
    assert tiny.tokenizer().decode([right]) == " likes"
    off = zero_units("blocks.0.mlp.hook_post", range(24))
    assert (model.margin(model.encode(examples), [off]) - found).abs().min() > 1e-5


def test_words_that_are_several_tokens():
    model = load()
    with pytest.raises(ProbekitError, match=r"'extraordinary' is \d+ tokens of the model"):
        model.word_ids(["dog", "extraordinary"])
    odd = Example(("the",), ("extraordinary",), {"wrong": "likes"})
    assert model.unknown(odd) == ("extraordinary", "likes")
    with pytest.raises(ProbekitError, match="'extraordinary' and 'likes' are not one token each"):
        model.margin(model.encode([odd]))
    assert model.unknown(Example(("zzz",))) == ()


def test_answers_that_begin_alike_are_compared_where_they_part():
    """log p of both words, token by token, by Hugging Face."""
    model, own = load(), tiny.tokenizer()
    pairs = [("zebrax", "zebraq"), ("likes", "like"), ("dogx", "dogq")]
    examples = [Example(("the", "boys"), (a,), {"wrong": b}) for a, b in pairs]
    examples.append(replace(examples[0], context=("a", "dog")))
    assert not any(model.unknown(example) for example in examples)
    assert [len(model.choice(one).shared) > 0 for one in examples] == [True, False, True, True]
    off = [zero_units("blocks.0.mlp.hook_post", range(24))]
    found = torch.cat(
        [model.margin(model.encode(examples[:3])), model.margin(model.encode(examples[3:]))]
    )
    for margin, example in zip(found, examples, strict=True):
        before = own(" ".join(example.context + example.words))["input_ids"]
        told = []
        for word in (example.target[0], example.labels["wrong"]):
            ids = own(word, add_special_tokens=False)["input_ids"]
            with torch.no_grad():
                logits = reference()(input_ids=torch.tensor([[*before, *ids]])).logits[0]
            scores = logits.log_softmax(-1)[len(before) - 1 : -1]
            told.append(scores.gather(1, torch.tensor(ids)[:, None]).sum().item())
        assert margin.item() == pytest.approx(told[0] - told[1], abs=1e-4)
    assert (model.margin(model.encode(examples[:3]), off) - found[:3]).abs().min() > 1e-5
    assert model.encode(examples[:1]).tokens.shape[1] == len(own("the boys")["input_ids"])
    short = load(window=len(own("the boys")["input_ids"]))
    with pytest.raises(ProbekitError, match="an example with its context has"):
        short.encode(examples[:1])
    short.encode(examples[1:2])


def test_perplexity_is_that_of_hugging_face():
    model = load()
    batch = model.encode(tiny.sentences()[:1])
    with torch.no_grad():
        loss = reference()(input_ids=batch.tokens, labels=batch.tokens).loss
    assert model.perplexity([batch]) == pytest.approx(loss.exp().item(), rel=1e-5)


def test_observe_holds_one_activation_at_a_time():
    model, order = load(), []
    specs = select(model.hook_specs, HookQuery(kind="neuron"))
    batch = model.encode(tiny.sentences()[:2])
    model.observe(batch, specs[1:], lambda spec, values: order.append((spec.layer, values.shape)))
    assert [layer for layer, _ in order] == [1, 2]


def test_other_numbers():
    model = load(dtype="bfloat16")
    with torch.no_grad():
        found, cache = model.run_with_cache(IDS)
        exact = load().run_with_hooks(IDS)
    assert cache["blocks.0.mlp.hook_post"].dtype == torch.bfloat16
    assert (found.float() - exact).abs().max() < 0.1 * exact.abs().max()


def gpt2():
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=325, n_embd=16, n_layer=2, n_head=2, n_positions=64)
    )


def neox():
    return GPTNeoXForCausalLM(
        GPTNeoXConfig(
            vocab_size=325, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
            num_attention_heads=2, max_position_embeddings=64,
        )
    )  # fmt: skip


def llama():
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=325, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
            hidden_act="relu",
        )
    )  # fmt: skip


class Other(ModelContract):
    name, attention = "transformer", "open"

    def build(self):
        params = TransformerParams(path=saved(self.family), attention=self.attention)
        return load_transformer(params, "cpu")

    def dataset(self):
        return tiny.sentences()


FOLDERS = {}


def saved(family):
    """A folder with a random model of that family."""
    if family not in FOLDERS:
        torch.manual_seed(0)
        model = family().eval()
        for weight in model.parameters():
            weight.data *= 8 if weight.ndim > 1 else 1
        FOLDERS[family] = tiny.save(model, tiny.mkdtemp())
    return FOLDERS[family]


class TestGpt2(Other):
    family = staticmethod(gpt2)


class TestLlama(Other):
    family = staticmethod(llama)


@pytest.mark.parametrize("family", [gpt2, llama, neox])
@pytest.mark.parametrize("attention", ["open", "fused"])
def test_other_families_equal_hugging_face(family, attention):
    model = load_transformer(TransformerParams(path=saved(family), attention=attention), "cpu")
    theirs = family().from_pretrained(saved(family)).eval()
    with torch.no_grad():
        expected = theirs(input_ids=IDS, output_hidden_states=True)
        logits, cache = model.run_with_cache(IDS)
    close(logits, expected.logits)
    for layer in range(2):
        close(cache[f"blocks.{layer}.hook_resid_pre"], expected.hidden_states[layer])
        if family is not neox:  # whose attention and FFN read the same
            leave = model.weight(f"blocks.{layer}.mlp.W_out")
            difference = (
                cache[f"blocks.{layer}.hook_resid_post"] - cache[f"blocks.{layer}.hook_resid_mid"]
            )
            bias = difference - cache[f"blocks.{layer}.mlp.hook_post"] @ leave.T
            close(bias, bias[:1, :1].expand_as(bias))
    begun = Beginnings.read(model, IDS[:, :3].tolist())
    with torch.no_grad():
        close(model.run_with_hooks(IDS[:, 3:], state=begun.of([0, 1])), expected.logits[:, 3:])
    span = model.hook_specs["blocks.0.mlp.hook_post"].span
    assert span == (-math.inf, math.inf)  # GELU, or a gate that is multiplied


def copied(tmp_path, *without, shard="5GB"):
    folder = tmp_path / "model"
    shutil.copytree(tiny.folder(shard=shard), folder)
    for name in without:
        (folder / name).unlink()
    return folder


def refused(folder, match, model=load_opt, params=OptParams):
    with pytest.raises(ProbekitError, match=match) as found:
        model(params(path=str(folder)), "cpu")
    assert "\n" not in str(found.value)


def test_a_folder_without_tokenizer_reads_ids_alone(tmp_path):
    folder = copied(tmp_path, "tokenizer.json", "tokenizer_config.json")
    model = load_opt(OptParams(path=str(folder)), "cpu")
    with torch.no_grad():
        close(model.run_with_hooks(IDS), load().run_with_hooks(IDS))
    assert model.bos is None
    assert model.weights["readout"].rows == ()
    seen = []
    batch = Batch(IDS, torch.tensor([6, 6]))
    model.observe(batch, [model.hook_specs["hook_embed"]], lambda spec, v: seen.append(v.shape))
    assert seen == [(2, 6, 16)]
    for act in (
        lambda: model.to_tokens("a dog"),
        lambda: model.encode([Example(("a",))]),
        lambda: model.check(tiny.sentences()),
    ):
        with pytest.raises(ProbekitError, match="model has no tokenizer, so the model cannot read"):
            act()


def test_folders_that_are_no_models(tmp_path):
    refused(tmp_path, "has no config.json, so it is no model folder")
    refused(tmp_path / "nowhere", "there is no folder .*nowhere, and the hub gives no model")
    (tmp_path / "file").write_text("x")
    refused(tmp_path / "file", "is a file; name the model folder that holds it")
    (tmp_path / "config.json").write_text("{nonsense")
    refused(tmp_path, "config.json")
    (tmp_path / "config.json").write_text('{"model_type": "no-such-kind"}')
    refused(tmp_path, r"describes no model that transformers [\d.]+ knows")
    with pytest.raises(ProbekitError, match=r"no folder enwik \(did you mean enwiki\?\)"):
        load_opt(OptParams(checkpoint="enwik"), "cpu")
    refused(saved(llama), "holds a model of the kind llama, not an OPT; use model=transformer")


def test_weights_that_are_not_whole(tmp_path):
    refused(
        copied(tmp_path / "a", "model.safetensors"), "holds no weights; there should be a model"
    )
    folder = copied(tmp_path / "b", shard="20kB")
    names = sorted(path.name for path in folder.glob("*.safetensors"))
    assert len(names) > 2
    (folder / names[1]).unlink()
    refused(folder, f"lacks {names[1]}, which model.safetensors.index.json names")
    (folder / "model.safetensors.index.json").write_text("[]")
    refused(folder, "is no index of weights")
    folder = copied(tmp_path / "c")
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:-9])
    refused(folder, "cut short or damaged")
    folder = copied(tmp_path / "d")
    facts = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(facts | {"num_hidden_layers": 4}))
    refused(
        folder, "lacks 16 weights that its config.json asks for, such as model.decoder.layers.3"
    )
    (folder / "config.json").write_text(json.dumps(facts | {"ffn_dim": 20}))
    refused(folder, r"has the shape 24.*, but config.json asks for 20")
    folder = copied(tmp_path / "e")
    (folder / "tokenizer.json").write_text("{}")
    refused(folder, "the tokenizer of .* cannot be read")


def test_shipped_names():
    assert set(SHIPPED) == {"enwiki"}
