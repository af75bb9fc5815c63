"""Masked runs from a cached state against whole texts with a hook that does equation 1."""

from itertools import product

import pytest
import torch
from probekit_masks.cases import Case
from probekit_masks.directions import Asked
from probekit_masks.fitting import Fit, Turns
from probekit_masks.params import MaskParams
from probekit_masks.passages import passages, step_of
from probekit_masks.scoring import accuracy, scored
from probekit_masks.showing import words_at
from probekit_masks.sites import Sites
from probekit_masks.values import Fixed

from probekit.dataset import Example
from probekit.errors import ProbekitError
from probekit.interventions import mask_units
from probekit.language import alternatives
from probekit.testing.loading import load_dataset, load_model

from .doubles import WORDS, Config, Fast, FastGru, Slow, SlowGru, planted, sentences

CONTEXT = ("often", "near", "often")
LAYERS = {"state": ("hook_state", "hook_hidden"), "all": ("hook_hidden", "hook_hidden")}


def drawn(units=12, seed=0):
    """A mask that is soft, hard and absent in places, and values."""
    source = torch.Generator().manual_seed(seed)
    mask = torch.rand(units, generator=source).mul(3).sub(1).clamp(0, 1)
    return mask, torch.rand(units, generator=source).mul(2).sub(1)


def by_hand(model, example, mask, values, scope, readers="state"):
    """Logits `[pos, word]` of one text, each step changed as in equation 1; steps 0 and on."""
    size, at = model.cfg.hidden, example.labels.get("subject_at", 1)

    def change(layer):
        part = slice(layer * size, (layer + 1) * size)

        def act(value, hook):
            t = hook.ctx["t"]
            if {"subject_at": t == at, "every": t >= 0, "all": True}[scope]:
                return (1 - mask[part]) * value + mask[part] * values[part]
            return value

        return act

    hooks = [(f"rnn.layers.{layer}.{LAYERS[readers][layer]}", change(layer)) for layer in (0, 1)]
    with torch.no_grad():
        return model.run_with_hooks(model.encode([example]), fwd_hooks=hooks)[0]


def case(model, context=CONTEXT, **params):
    return Case(model, sentences(context), MaskParams(**params), 0, "m")


MODELS = {"fast": Fast, "slow": Slow, "fast GRU": FastGru, "slow GRU": SlowGru}


@pytest.mark.parametrize(
    ("name", "scope", "readers"),
    [*product(["fast", "slow"], ["subject_at", "every", "all"], ["state", "all"]),
     *product(["fast GRU", "slow GRU"], ["subject_at", "every"], ["state"])],
)  # fmt: skip
def test_what_is_turned_is_what_one_text_at_a_time_gives(name, scope, readers):
    made, (mask, values) = case(MODELS[name](Config(seed=3)), readers=readers), drawn()
    direction = next(one for one in made.found.directions if not made.empty(one))
    task = made.task(scope, direction)
    turned, moved = [], []
    for asked in made.direction(direction).evaluation:
        one = asked.example
        before = by_hand(made.model, one, 0 * mask, values, scope).log_softmax(-1)
        after = by_hand(made.model, one, mask, values, scope, readers).log_softmax(-1)
        ids = made.model.word_ids(asked.answers)
        assert before[-1, ids[0]] >= before[-1, ids[1]]  # the likelier answer comes first
        turned.append(bool(after[-1, ids[0]] < after[-1, ids[1]]))
        moved.append(float((before.exp() * (before - after)).sum(1).mean()))
    held = made.evaluation(scope, direction)
    given = task, held, lambda rows: mask.expand(rows, -1), Fixed(values), torch.Generator()
    found = scored(*given)
    assert found.accuracy == accuracy(*given) == sum(turned) / len(turned)
    assert found.kl == pytest.approx(sum(moved) / len(moved), abs=1e-5)


@pytest.mark.parametrize("scope", ["subject_at", "every"])
def test_a_transformer_is_run_behind_what_no_mask_changes(scope):
    """Against whole texts with their context, one at a time; words may be several tokens."""
    model = load_model("opt", {"checkpoint": "untrained"})
    data = load_dataset("number-agreement", {"sentences": "6"})
    params = MaskParams(kind=("neuron",), layer=(1, 4), evaluation=12)
    made = Case(model, data, params, 0, "m")
    mask, values = drawn(len(made.sites))
    halves = [*zip((1, 4), mask.split(1024), values.split(1024), strict=True)]
    name = max(made.found.directions, key=lambda one: len(made.direction(one).evaluation))
    expected = {}
    for asked in made.direction(name).evaluation:
        one = asked.example
        cut = model.encode([Example(one.words[:2], context=one.context)])
        steps = [int(cut.lengths) - 1] if scope == "subject_at" else None
        batch, (choice,) = model.asked(model.encode([one]))
        hooks = [mask_units(f"blocks.{layer}.mlp.hook_post", own, to, steps)
                 for layer, own, to in halves]  # fmt: skip
        with torch.no_grad():
            told = model.run_with_hooks(batch, fwd_hooks=hooks)[0, -1]
        lead = float(told[choice.right] - told[choice.wrong])
        expected[one.words, choice.right, choice.wrong] = lead
        expected[one.words, choice.wrong, choice.right] = -lead
    found = 0
    for runner in made.evaluation(scope, name):
        rows = torch.arange(len(runner))
        with torch.no_grad():
            leads = runner.run(rows, mask.expand(len(rows), -1), values, runner.leads(rows))
        for row, answer in runner.passage.counts.nonzero().tolist():
            words = runner.passage.batch.examples[row].words
            pair = runner.passage.pairs[row, answer].tolist()
            assert leads[row, answer].item() == pytest.approx(expected[words, *pair], abs=1e-5)
            found += 1
        begins = runner.passage.batch.tokens[:, : runner.passage.at or 0]
        assert runner.begun.state[0].shape[1] == len(
            {*map(tuple, begins.tolist())}
        )  # each is read once
    assert found > 5


@pytest.mark.parametrize(
    ("objective", "estimate"), [("ratio", "exact"), ("log-ratio", "shortlist")]
)
def test_the_cost_of_a_text_is_its_ratios_and_its_divergence(estimate, objective):
    made = case(planted(), objective=objective, kl_training=estimate, shortlist=7, kl_factor=(2.0,))
    (mask, values), name = drawn(seed=1), "to-plural"
    task = made.task("subject_at", name)
    fit = Fit([task], made.params.settings[0], made.params, [0])
    for runner in task.runners:
        rows = torch.arange(len(runner))
        with torch.no_grad():
            costs = fit.costs(runner, rows, mask.expand(len(rows), -1), values)
        counts = runner.passage.counts
        for row, cost in enumerate(costs.tolist()):
            example = runner.passage.batch.examples[row]
            before, after = (
                by_hand(made.model, example, one, values, "subject_at") for one in (0 * mask, mask)
            )
            leads = [
                float(after[-1, one] - after[-1, other])
                for (one, other), count in zip(
                    runner.passage.pairs[row].tolist(), counts[row].tolist(), strict=True
                )
                for _ in range(int(count))
            ]
            ratios = torch.tensor(leads).exp() if objective == "ratio" else torch.tensor(leads)
            words = 7 if estimate == "shortlist" else len(WORDS)
            p, q = (one[:, :words].log_softmax(-1) for one in (before, after))
            moved = float((p.exp() * (p - q)).sum(1).mean())
            expected = float(ratios.sum()) + 2.0 * moved * len(leads)
            assert cost * float(counts.sum(1).mean()) == pytest.approx(expected, rel=1e-4)


def test_a_drawn_position_costs_the_same_on_average():
    made, (mask, values) = case(planted(), kl_factor=(1.0,), kl_training="exact"), drawn(seed=1)
    task = made.task("subject_at", "to-plural")
    runner, rows = task.runners[0], torch.arange(2)
    held = mask.expand(2, -1)
    with torch.no_grad():
        exact = runner.run(rows, held, values, runner.divergence(rows))
        readouts = [
            runner.divergence(rows, None, torch.tensor([at] * 2)) for at in range(runner.changing)
        ]
        drawn_at = [runner.run(rows, held, values, readout) for readout in readouts]
    torch.testing.assert_close(torch.stack(drawn_at).mean(0), exact)


def test_gradients_of_a_cost_by_finite_differences():
    made = case(planted(), kl_factor=(1.0,), kl_training="exact", readers="all")
    assert not made.empty("to-plural")
    torch.set_default_dtype(torch.float64)
    try:
        made.model.double()
        task = made.task("subject_at", "to-plural")
        fit = Fit([task], made.params.settings[0], made.params, [0])
        runner, rows = task.runners[0], torch.arange(2)

        def cost(mask, values):
            return fit.costs(runner, rows, mask.expand(2, -1), values).mean()

        given = [one.double().requires_grad_() for one in drawn(seed=2)]
        torch.autograd.gradcheck(cost, given, eps=1e-6, atol=1e-6)
    finally:
        torch.set_default_dtype(torch.float32)


def test_texts_are_read_once_with_all_the_pairs_asked_of_them():
    model, data = planted(), sentences(CONTEXT)
    asked = [Asked(one, alternatives(one)) for one in [*data, *data[:6]]]
    found = passages(model, asked, "subject_at")
    assert [len(one) for one in found] == [16, 16]  # two lengths, and 16 pairs of nouns
    assert sum(one.examples for one in found) == len(data) + 6
    assert {one.pairs.shape[1] for one in found} == {3}  # three verbs
    seen = {}
    for one in found:
        for row, example in enumerate(one.batch.examples):
            for pair, count in zip(one.pairs[row].tolist(), one.counts[row].tolist(), strict=True):
                key = example.words, tuple(WORDS[word] for word in pair)
                seen[key] = seen.get(key, 0) + count
    expected = {}
    for one in asked:
        key = one.example.words, one.answers
        expected[key] = expected.get(key, 0) + 1
    assert seen == expected


def test_every_text_of_a_passage_comes_once_before_any_comes_again():
    made = case(planted())
    (runner, *_) = made.task("subject_at", "to-plural").runners
    size = len(runner) - 1  # all but one, so that blocks cut one after another would be unlike
    turns = Turns([runner], size, torch.Generator().manual_seed(0))
    for _ in range(3):
        blocks = [turns.next()[1] for _ in range(2)]
        assert sorted(torch.cat(blocks).tolist()) == list(range(len(runner)))
        assert max(map(len, blocks)) - min(map(len, blocks)) <= 1


def test_a_word_of_several_parts_stands_where_its_last_part_does():
    model = load_model("opt", {"checkpoint": "untrained"})
    one = Example(("The", "unextraordinarily", "dog", "barks"))
    sites = Sites(model, MaskParams(kind=("neuron",), layer=(0,)), "opt")
    whole = model.encode([one]).tokens[0]
    start = 0
    for at, word in words_at(model, one, sites).items():
        assert model.reader.tokenizer.decode(whole[start : at + 1]).split()[-1] == word
        start = at + 1
    assert start == len(whole) > 5
    plain = Example(("the", "cats", "near"))
    assert words_at(planted(), plain, sites) == {0: "the", 1: "cats", 2: "near"}


def test_a_state_is_taken_once_for_each_beginning_and_hooks_are_told_steps_from_there():
    made = case(planted())
    (runner, _) = made.task("subject_at", "to-plural").runners
    assert runner.begin == 1
    assert runner.steps == [0]
    assert runner.batch.context is None
    assert runner.batch.tokens.shape[1] == runner.length - 1
    every = made.task("every", "to-plural").runners[0]
    assert (every.begin, every.steps) == (0, None)
    slow = case(Slow())
    name = next(name for name in slow.found.directions if not slow.empty(name))
    steps = {tuple(runner.steps) for runner in slow.task("every", name).runners}
    assert steps == {(0, 1, 2, 3, 4), (0, 1, 2, 3, 4, 5)}


@pytest.mark.parametrize(
    ("labels", "scope", "message"),
    [
        ({}, "subject_at", "scope=subject_at names no position: sentence 7 has no such label; give "
         "scope=every."),
        ({"verb_at": 1}, "subject_at", "scope=every, or one of: verb_at"),
        ({"attractor_at": -1}, "attractor_at", "scope=attractor_at names no position of sentence 7:"
         " it is -1, and there are 2 words"),
        ({"at": 2}, "at", "it is 2, and there are 2 words, counted from 0"),
        ({"at": "x"}, "at", "it is 'x', and there are 2 words"),
        ({"at": True}, "at", "it is True, and there are 2 words"),
    ],
)  # fmt: skip
def test_a_scope_that_names_no_position(labels, scope, message):
    with pytest.raises(ProbekitError, match=message):
        step_of(Example(("the", "cat"), ("sees",), labels, "sentence 7"), scope)
