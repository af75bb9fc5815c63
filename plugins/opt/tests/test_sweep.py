"""The sweep against one forward pass an ablation, which `Model.margins` is."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from probekit_opt import sweep as module
from probekit_opt.loading import load_opt
from probekit_opt.model import Transformer
from probekit_opt.params import OptParams

from probekit.ablations import Ablation
from probekit.dataset import Example
from probekit.model import Model
from probekit.progress import listening

from . import tiny

PAIR = {"wrong": "likes"}
EXAMPLES = [
    Example(tuple(words.split()), ("like",), PAIR)
    for words in (
        "the boys near the car",
        "the boys near the dog",
        "the boys",
        "a dog of the big farmer",
        "the boys near the car",
        "the boys near the car says that the woman",
    )
]
ALTERED = Example(("the", "boys"), ("the",), {"wrong": "a"})
LONG = Example(("the", "boys", "near"), ("zebrax",), {"wrong": "zebraq"})  # alike but for the last


def load(layout="pre-norm", **how):
    return load_opt(OptParams(path=tiny.folder(layout), **how), "cpu")


def post(layer, *units):
    return {f"blocks.{layer}.mlp.hook_post": units}


ABLATIONS = [
    Ablation(),
    Ablation(post(0, 3)),
    *(Ablation(post(0, unit)) for unit in range(24)),
    *(Ablation(post(2, unit)) for unit in range(0, 24, 5)),
    Ablation(post(1, 4, 5, 20)),
    Ablation(post(1, 4), {"blocks.1.mlp.hook_post": (1.5,)}),
    Ablation(post(0, 1) | post(2, 7, 8), {"blocks.2.mlp.hook_post": (0.0, -2.0)}),
    Ablation(post(1, 2) | post(2, 2), {"blocks.2.mlp.hook_post": (3.0,)}, since=2),
    Ablation(post(0, 6), {"blocks.0.mlp.hook_post": (2.0,)}, since=4),
    Ablation(post(2, 6), {"blocks.2.mlp.hook_post": (2.0,)}, since=5),
    Ablation(post(0, 6), {"blocks.0.mlp.hook_post": (2.0,)}, since=99),
    Ablation(post(1)),
]


def check(model, examples, ablations, tolerance=2e-5):
    found = model.margins(examples, ablations)
    expected = Model.margins(model, examples, ablations)
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
    return found


@pytest.mark.parametrize("layout", [*tiny.LAYOUTS])
def test_equals_one_pass_an_ablation(layout, monkeypatch):
    model = load(layout)
    found = check(model, [*EXAMPLES, ALTERED, LONG], ABLATIONS)
    assert (found[1:26] - found[0]).abs().max() > 1e-3
    assert torch.equal(found[-1], found[0])
    for nodes, rows in ((8, 3), (1000, 10**6)):
        monkeypatch.setattr(module, "NODES_AT_ONCE", nodes)
        monkeypatch.setattr(module, "ROWS_AT_ONCE", rows)
        again = model.margins([*EXAMPLES, ALTERED, LONG], ABLATIONS)
        torch.testing.assert_close(again, found, rtol=1e-5, atol=1e-5)


def test_hugging_face_without_the_column_of_a_neuron():
    """A neuron at 0 is a model whose fc2 has zeros in its column."""
    model = load()
    theirs = tiny.opt()
    with torch.no_grad():
        theirs.model.decoder.layers[1].fc2.weight[:, 9] = 0
        ids = model.encode(EXAMPLES[:1]).tokens
        right, wrong = model.word_ids(["like", "likes"])
        logits = theirs(input_ids=ids).logits[0, -1]
    found = model.margins(EXAMPLES[:1], [Ablation(post(1, 9))])
    assert found.item() == pytest.approx((logits[right] - logits[wrong]).item(), abs=1e-5)


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_any_ablation_of_any_sentences(data):
    model = MODELS.setdefault("one", load())
    words = st.sampled_from(["the", "boy", "boys", "dog", "near", "car", "of", "says", "that"])
    sentences = data.draw(st.lists(st.lists(words, min_size=1, max_size=6), min_size=1, max_size=5))
    units = st.lists(st.integers(0, 23), min_size=1, max_size=3, unique=True).map(tuple)
    layers = st.dictionaries(st.integers(0, 2), units, max_size=3)
    ablations = []
    for chosen in data.draw(st.lists(layers, min_size=1, max_size=4)):
        held = {f"blocks.{at}.mlp.hook_post": some for at, some in chosen.items()}
        values = {
            name: tuple(data.draw(st.floats(-2, 2, width=16)) for _ in some)
            for name, some in held.items()
            if data.draw(st.booleans())
        }
        since = data.draw(st.none() | st.integers(0, 8))
        ablations.append(Ablation(held, values, since))
    examples = [Example(tuple(one), ("like",), PAIR) for one in sentences]
    check(model, examples, ablations, 5e-5)


MODELS = {}


def test_contexts_and_ablations_that_reach_into_them():
    model = load()
    inside = [
        Example(("boys", "near"), ("like",), PAIR, context=("the", "dog")),
        Example(("boys",), ("like",), PAIR, context=("the",)),
        Example(("a", "dog"), ("like",), PAIR),
    ]
    merged = [Example(one.context + one.words, ("like",), PAIR) for one in inside]
    always = [Ablation(post(0, unit)) for unit in range(24)] + [Ablation(post(1, 3) | post(2, 4))]
    found = model.margins(inside, always)
    torch.testing.assert_close(found, model.margins(merged, always), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        Transformer.margins(model, inside, always), found, rtol=2e-5, atol=2e-5
    )
    later = [Ablation(post(0, unit), since=since) for unit in range(6) for since in (0, 1)]
    check(model, inside, later)
    assert (found[:24, :1] - model.margins(inside[:1], later[::2] * 4)).abs().max() > 1e-4


def test_other_hook_points_go_the_long_way():
    model = load()
    ablations = [
        Ablation({"blocks.1.hook_resid_mid": (3,)}),
        Ablation(post(0, 3)),
        Ablation({"blocks.0.mlp.hook_pre": (3,), "blocks.0.mlp.hook_post": (5,)}),
        Ablation({"blocks.0.hook_attn_out": (1,)}),
    ]
    found = check(model, EXAMPLES, ablations)
    assert found[[0, 2, 3]].ne(Model.margins(model, EXAMPLES, [Ablation()])).any(1).all()
    inside = [Example(("boys", "near"), ("like",), PAIR, context=("the", "dog"))]
    merged = [Example(("the", "dog", "boys", "near"), ("like",), PAIR)]
    torch.testing.assert_close(
        model.margins(inside, ablations), model.margins(merged, ablations), rtol=1e-5, atol=1e-5
    )


def test_layerwise_gives_the_same():
    found = load(execution="layerwise").margins(EXAMPLES[:2], ABLATIONS[:3])
    torch.testing.assert_close(
        found, load().margins(EXAMPLES[:2], ABLATIONS[:3]), rtol=1e-5, atol=1e-5
    )


def test_every_answer_is_a_tick():
    ticks = []
    with listening(ticks.append):
        load().margins(EXAMPLES, ABLATIONS)
    assert sum(ticks) == len(EXAMPLES) * len(ABLATIONS)
    assert load().margins([], ABLATIONS).shape == (len(ABLATIONS), 0)
    assert load().margins(EXAMPLES, []).shape == (0, len(EXAMPLES))
