"""The hooked model against torch's own layers, with and without a context."""

import pytest
import torch
from probekit_lstm.model import Config, LstmLM

from probekit.ablations import Ablation
from probekit.dataset import Example, ListDataset
from probekit.errors import ProbekitError, Problems
from probekit.interventions import set_units, zero_units
from probekit.model import Model
from probekit.readout import Readout
from probekit.testing import ModelContract

from .reference import Original

WORDS = ("<unk>", "<eos>", "the", "boy", "boys", "near", "car", "cars", "greet", "greets", ".")
CONTEXT = ("the", "boys", "greet", "the", "car", "<eos>", "boys", "greet", ".", "<eos>")
STATE, TOP = "rnn.layers.0.hook_state", "rnn.layers.1.hook_hidden"


def small(layers=2, seed=1, **facts):
    model = LstmLM(Config(WORDS, 6, 7, layers, **facts)).initialise(seed, 0.8)
    with torch.no_grad():
        for name, weight in model.rnn.named_parameters():
            weight.mul_(2.0 if "weight" in name else 1.0)
        model.decoder.bias.uniform_(-0.3, 0.3, generator=torch.Generator().manual_seed(seed))
    return model.eval()


def pairs(context=CONTEXT):
    """Every sentence of two nouns, singular or plural, with both forms."""
    found = []
    for subject in ("boy", "boys"):
        right, wrong = ("greets", "greet") if subject == "boy" else ("greet", "greets")
        labels = {"wrong": wrong, "condition": subject}
        found.append(Example(("the", subject), (right,), labels, context=context))
        for other in ("car", "cars", "zebra"):
            words = ("the", subject, "near", "the", other)
            found.append(Example(words, (right,), labels, context=context))
    return found


def test_margins_are_those_of_the_published_way():
    model, examples = small(), pairs()
    expected = Original(model.state_dict(), WORDS, 2).margins(examples)
    found = torch.cat([model.margin(model.encode([one])) for one in examples])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(model.margin(model.encode(examples)), expected, atol=1e-5, rtol=0)
    assert float(expected.std()) > 0.01


@pytest.mark.parametrize("layer", [0, 1])
def test_the_sweep_decides_every_sentence_as_the_published_way_does(layer):
    """One unit after another, in either layer: zeroed columns of weights, the context included."""
    model, examples = small(), pairs()
    hook = (STATE, TOP)[layer]
    found = model.margins(examples, [Ablation({hook: (unit,)}) for unit in range(7)])
    intact = model.margins(examples, [Ablation()])[0]
    for unit in range(7):
        original = Original(model.state_dict(), WORDS, 2)
        original.ablate(layer, unit)
        expected = original.margins(examples)
        torch.testing.assert_close(found[unit], expected, atol=1e-5, rtol=0)
        assert ((found[unit] > 0) == (expected > 0)).all()
        assert float((expected - intact).abs().max()) > 1e-3


def test_the_sweep_is_the_common_way_for_every_hook_point():
    model, examples = small(), [*pairs(), *pairs(())]
    hooks = [name for name in model.hook_specs if name != "hook_embed"]
    ablations = [Ablation(), *(Ablation({name: (3,)}, since=None) for name in hooks)]
    ablations += [Ablation({STATE: (1, 2), TOP: (0,)}, {TOP: (0.4,)}, since=s) for s in (0, 1, 4)]
    found = model.margins(examples, ablations)
    torch.testing.assert_close(found, Model.margins(model, examples, ablations), atol=1e-5, rtol=0)
    outside = Ablation({"hook_embed": (2,), STATE: (1,)})
    torch.testing.assert_close(
        model.margins(examples, [outside]), Model.margins(model, examples, [outside])
    )


def test_log_probabilities_need_no_position_but_the_one_asked_for():
    model, examples = small(), pairs()
    batch = model.encode(examples)
    last = (batch.lengths - 1).tolist()
    whole = model(batch).log_softmax(-1)
    found = model(batch, Readout(last, [[8, 9]] * len(examples), "log_probs"))
    torch.testing.assert_close(found, whole[torch.arange(len(examples)), last][:, [8, 9]])


def test_the_cache_has_the_sentence_and_not_its_context():
    model = small()
    (with_context,), (without,) = pairs()[1:2], pairs(())[1:2]
    _, cache = model.run_with_cache(model.encode([with_context]))
    words = (*CONTEXT, *without.words)
    _, long = model.run_with_cache(model.encode([Example(words)]))
    for name, values in cache.items():
        assert values.shape[1] == 5
        torch.testing.assert_close(values, long[name][:, len(CONTEXT) :])
    seen = {}
    specs = list(model.hook_specs.values())
    model.observe(model.encode([with_context]), specs, lambda s, v: seen.update({s.name: v}))
    torch.testing.assert_close(seen[TOP], cache[TOP])


def test_an_intervention_holds_in_the_context_unless_it_names_steps():
    model = small()
    batch, plain = model.encode(pairs()[1:2]), model.encode(pairs(())[1:2])
    always = model.margin(batch, [zero_units(STATE, [2])])
    later = model.margin(batch, [zero_units(STATE, [2], steps=range(9))])
    assert float((always - later).abs()) > 1e-4
    state = model.after(batch.context, 1)
    with torch.no_grad():
        logits = model.run_with_hooks(plain, state=state, fwd_hooks=[zero_units(STATE, [2])])
    ids = model.word_ids(["greets", "greet"])
    assert float(later) == pytest.approx(
        float(logits[0, -1, ids[0]] - logits[0, -1, ids[1]]), abs=1e-5
    )


def test_gradients_flow_through_the_context():
    model = small()
    value = torch.zeros((), requires_grad=True)
    hook = set_units(TOP, [1], value)
    logits = model.run_with_hooks(model.encode(pairs()[:1]), fwd_hooks=[hook])
    logits[0, -1, 3].backward()
    assert value.grad is not None
    assert float(value.grad.abs()) > 0


def test_unknown_words_are_told_apart():
    model = small()
    zebra = pairs()[3]
    assert model.unknown(zebra) == ("zebra",)
    assert model.unknown(pairs()[0]) == ()
    swims = Example(("the", "boy"), ("swims",), {"wrong": "swim"})
    assert model.unknown(swims) == ("swims", "swim")
    with pytest.raises(ProbekitError, match="'swims' is not in the model's vocabulary, so it cann"):
        model.margin(model.encode([swims]))


def test_a_dataset_of_another_language_is_refused():
    with pytest.raises(Problems, match="none of the words of xx is in the model's vocabulary, su"):
        small().check(ListDataset([Example(("der", "Hund"))], "xx"))
    small().check(ListDataset([Example(("der", "boy"))], "xx"))
    with pytest.raises(Problems, match="the word 'der' is not in the model's vocabulary"):
        small(strict=True).check(ListDataset([Example(("der", "boy"))], "xx"))


def test_examples_of_two_contexts_are_no_batch():
    with pytest.raises(ProbekitError, match="follow different contexts"):
        small().encode([pairs()[0], pairs(())[0]])


def test_characters():
    model = LstmLM(Config(("<unk>", "<eos>", " ", "a", "b", "c"), 4, 5, 1, unit="characters"))
    assert model.to_tokens("ab ca").tolist() == [[3, 4, 2, 5, 3]]
    batch = model.encode([Example(("ab", "c"), ("a",), {"wrong": "b"})])
    assert batch.tokens.tolist() == [[3, 4, 2, 5]]
    assert model.margin(batch).shape == (1,)


def test_perplexity_is_that_of_the_whole_softmax():
    model = small()
    batch = model.encode([Example(("the", "boys", "greet")), Example(("the", "boy"))])
    with torch.no_grad():
        told = model(batch).log_softmax(-1)
    surprise = -(told[0, 0, 4] + told[0, 1, 8] + told[1, 0, 3]) / 3
    assert model.perplexity([batch]) == pytest.approx(float(surprise.exp()), rel=1e-5)
    with pytest.raises(ProbekitError, match="perplexity of no words"):
        model.perplexity([])


def test_tied_weights_are_one():
    model = LstmLM(Config(WORDS, 7, 7, 1, tied=True))
    assert model.decoder.weight is model.encoder.weight
    with pytest.raises(ProbekitError, match="tied weights need an embedding as wide as"):
        LstmLM(Config(WORDS, 6, 7, 1, tied=True))


class TestUntrained(ModelContract):
    name = "lstm-lm"
    params = {"checkpoint": "untrained", "hidden": 9, "embedding": 8}  # noqa: RUF012

    def dataset(self):
        return ListDataset([
            Example(tuple(text.split()))
            for text in ("the boy", "the boys near the car", "the boy near the cars", "the car")
        ])  # fmt: skip
