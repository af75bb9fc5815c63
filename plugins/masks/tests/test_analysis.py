"""The whole analysis: its numbers against slow loops, its mistakes, and the contract."""

import math
import re

import numpy as np
import pandas as pd
import pytest
import torch
from probekit_masks import pruning
from probekit_masks.analysis import SparseIntervention
from probekit_masks.baselines import random_sets
from probekit_masks.cases import Case
from probekit_masks.fitting import Fit
from probekit_masks.params import MaskParams
from probekit_masks.results import key_of
from probekit_masks.sites import Sites
from probekit_masks.specs import sparse_intervention
from probekit_masks.tables import EVERYONE, WHOLE

from probekit.analysis import Measured
from probekit.dataset import Example, ListDataset
from probekit.errors import ProbekitError
from probekit.interventions import set_units
from probekit.readout import Readout, smallest_lead
from probekit.recurrent import HookedLSTM
from probekit.testing import AnalysisContract, GivenInputs, TinyModel, tiny_dataset
from probekit.testing.doubles import WORDS

from .doubles import PLANTED, Slow, planted, sentences

SMALL = {"alpha": (2 / 12,), "steps": 60, "batch_size": 16, "controls": 4}
HOOKS = ("rnn.layers.0.hook_state", "rnn.layers.1.hook_hidden")


class Run:
    """One run of the analysis, with its parts at hand."""

    def __init__(self, models=None, data=None, seed=0, **params):
        self.models = models or {"planted": planted()}
        self.data = sentences() if data is None else data
        self.analysis = SparseIntervention(MaskParams(**SMALL | params), seed)
        self.inputs = GivenInputs(self.models, self.data, sparse_intervention.wants, seed=seed)
        self.parts = [
            Measured(shard, self.analysis.measure(shard, self.models[shard.model], self.data))
            for shard in self.analysis.shards(self.inputs)
        ]
        self.result = self.analysis.combine(self.parts, self.inputs)
        self.tables, self.metrics = self.result.tables, self.result.metrics

    def held(self, label="planted"):
        """The examples to evaluate on, by direction."""
        found = self.analysis._cases[label].found.directions
        return {name: one.evaluation for name, one in found.items()}


@pytest.fixture(scope="module")
def run():
    return Run(seeds=(0, 1, 2), prune=0.9)


def ratio(model, example, units, values):
    """p(likelier) / p(other) after one text with units set at the subject; and all log-probs."""
    size = model.cfg.hidden
    hooks = []
    for layer, hook in enumerate(HOOKS):
        own = [int(unit) - layer * size for unit in units if unit // size == layer]
        held = [float(values[unit + layer * size]) for unit in own]
        if own:
            hooks.append(set_units(hook, own, held, steps=[1]))
    with torch.no_grad():
        told = model.run_with_hooks(model.encode([example.example]), fwd_hooks=hooks)[0]
        told = told.log_softmax(-1)
    likelier, other = model.word_ids(example.answers)
    return math.exp(float(told[-1, likelier] - told[-1, other])), told


def test_accuracy_and_divergence_are_those_of_the_finished_mask(run):
    """By run_with_hooks with the discrete mask, one text at a time, apart from all that learned."""
    model, held = run.models["planted"], run.held()
    rows = run.tables["runs"]
    for part in run.parts:
        for name in part.shard.task.get("names", ()):
            units = np.flatnonzero(part.partial["mask"])
            values = part.partial[f"{name}/values"]
            ratios = [ratio(model, one, units, values) for one in held[name]]
            plain = [ratio(model, one, [], values) for one in held[name]]
            assert all(before > 1 for before, _ in plain)
            moved = [
                float((before.exp() * (before - after)).sum(1).mean())
                for (_, after), (_, before) in zip(ratios, plain, strict=True)
            ]
            here = (rows["seed"] == part.shard.task["seed"]) & (rows["direction"] == name)
            (row,) = rows[here].to_dict("records")
            assert row["accuracy"] == np.mean([one < 1 for one, _ in ratios])
            assert row["kl"] == pytest.approx(np.mean(moved), abs=1e-5)
            assert row["units"] == len(units)
            assert row["examples"] == len(held[name])


def test_the_table_of_units_counts_masks_and_averages_their_values(run):
    table = run.tables["units"].set_index("unit")
    fits = [part for part in run.parts if "names" in part.shard.task]
    for layer, unit in ((1, unit) for unit in PLANTED):
        row = table[table["layer"] == layer].loc[unit]
        assert row["unit_name"] == f"layer 1 unit {unit} ({6 + unit + 1})"
        assert row["number"] == 6 + unit + 1
        shares, left = [], []
        for name in ("to-plural", "to-singular"):
            own = [part.partial for part in fits if part.shard.task["names"] == [name]]
            has = [one[f"{name}/values"][6 + unit] for one in own if one["mask"][6 + unit]]
            key = name.replace("-", "_")
            assert row[key] == pytest.approx(np.mean(has))
            assert row[f"{key}_deviation"] == pytest.approx(np.std(has))
            assert row[f"{key}_prevalence"] == len(has) / 3
            shares.append(len(has) / 3)
            left += [one[f"{name}/pruned"][6 + unit] for one in own]
        assert row["prevalence"] == pytest.approx(np.mean(shares))
        assert row["pruned_prevalence"] == pytest.approx(np.mean(left))
        assert run.metrics[f"prevalence.1-{unit}"] == pytest.approx(np.mean(shares))
        assert run.metrics[f"value.to-plural.1-{unit}"] == pytest.approx(row["to_plural"])


def test_the_summary_weighs_directions_by_their_examples(run):
    rows, summary = run.tables["runs"], run.tables["summary"].set_index("direction")
    by_seed = [
        (some["accuracy"] * some["examples"]).sum() / some["examples"].sum()
        for _, some in rows.groupby("seed")
    ]
    assert summary.loc[WHOLE, "accuracy"] == pytest.approx(np.mean(by_seed))
    assert summary.loc[WHOLE, "accuracy_deviation"] == pytest.approx(np.std(by_seed))
    assert run.metrics["accuracy"] == summary.loc[WHOLE, "accuracy"]
    units = rows.groupby("seed")["units"].mean()
    assert summary.loc[WHOLE, "units"] == pytest.approx(units.mean())
    plural = rows[rows["direction"] == "to-plural"]
    assert summary.loc["to-plural", "kl"] == pytest.approx(plural["kl"].mean())
    assert summary.loc["to-plural", "runs"] == 3


def test_stability_is_the_mean_overlap_of_pairs_of_masks(run):
    found = []
    for name in ("to-plural", "to-singular"):
        masks = [set(np.flatnonzero(part.partial["mask"])) for part in run.parts
                 if part.shard.task.get("names") == [name]]  # fmt: skip
        pairs = [(0, 1), (0, 2), (1, 2)]
        overlaps = [len(masks[a] & masks[b]) / len(masks[a] | masks[b]) for a, b in pairs]
        row = run.tables["summary"].set_index("direction").loc[name]
        assert row["jaccard"] == pytest.approx(np.mean(overlaps))
        found += overlaps
    assert run.metrics["jaccard"] == pytest.approx(np.mean(found))


def test_controls_equal_one_text_at_a_time(run):
    model, held = run.models["planted"], run.held()
    case = run.analysis._cases["planted"]
    for part in run.parts[2:4]:
        (name,) = part.shard.task["names"]
        mask, values = part.partial["mask"], part.partial[f"{name}/values"]

        def turned(units, values, name=name):
            return np.mean([ratio(model, one, units, values)[0] < 1 for one in held[name]])

        sets = random_sets(torch.tensor(mask).float(), case.sites, 4, part.shard.task["seed"])
        expected = [turned(np.flatnonzero(one.numpy()), values) for one in sets]
        assert part.partial[f"{name}/random"].tolist() == expected
        other = "to-singular" if name == "to-plural" else "to-plural"
        states = []
        for one in case.direction(other).train:
            cache = model.run_with_cache(model.encode([one.example]))[1]
            states.append(torch.cat([cache[hook][0, 1] for hook in HOOKS]).detach())
        means = torch.stack(states).mean(0)
        patched = turned(np.flatnonzero(mask), means.numpy())
        assert float(part.partial[f"{name}/mean-patch"]) == patched
        weight = model.decoder.weight.detach()
        apart = torch.zeros(12)
        for one in case.direction(name).train:
            likelier, other_word = model.word_ids(one.answers)
            apart[6:] += (weight[likelier] - weight[other_word]).abs()
        largest = apart.argsort(descending=True, stable=True)[: mask.sum()].tolist()
        assert float(part.partial[f"{name}/weights"]) == turned(largest, values)


def test_random_sets_have_as_many_units_of_each_layer():
    sites = Sites(planted(), MaskParams(), "m")
    mask = torch.zeros(12)
    mask[[1, 7, 9, 10]] = 1
    drawn = list(random_sets(mask, sites, 20, 0))
    assert all((one[:6].sum(), one[6:].sum()) == (1, 3) for one in drawn)
    assert len({tuple(one.tolist()) for one in drawn}) > 10


def test_integrated_gradients_are_averaged_over_a_path_from_zero():
    """Against ten gradients of the lead with all units scaled, one text at a time."""
    data = ListDataset(sentences()[::3])
    run = Run(data=data, steps=1, seeds=(0,), baselines=("gradients",), evaluation=16)
    model, case = run.models["planted"], run.analysis._cases["planted"]
    for part in run.parts[:2]:
        name, total = part.shard.task["name"], torch.zeros(12)
        asked = case.direction(name).train
        for one in asked:
            cache = model.run_with_cache(model.encode([one.example]))[1]
            intact = torch.cat([cache[hook][0, 1] for hook in HOOKS]).detach()
            for step in range(10):
                point = (intact * (step + 0.5) / 10).requires_grad_()
                hooks = [
                    (hook, lambda value, hook, p=part_of: p[None] if hook.ctx["t"] == 1 else value)
                    for hook, part_of in zip(HOOKS, (point[:6], point[6:]), strict=True)
                ]
                logits = model.run_with_hooks(model.encode([one.example]), fwd_hooks=hooks)[0, -1]
                likelier, other = model.word_ids(one.answers)
                (slope,) = torch.autograd.grad(logits[likelier] - logits[other], point)
                total += intact * slope / 10
        expected = total / len(asked)
        torch.testing.assert_close(
            torch.tensor(part.partial["scores"]), expected, atol=1e-4, rtol=1e-3
        )
        for size, turned in zip(part.partial["sizes"], part.partial["accuracy"], strict=True):
            units = expected.abs().argsort(descending=True)[:size].tolist()
            zeroed = [ratio(model, one, units, np.zeros(12))[0] < 1 for one in run.held()[name]]
            assert turned == np.mean(zeroed)


def test_pruning_drops_units_that_are_not_missed(run):
    for row in run.tables["runs"].to_dict("records"):
        assert row["pruned_units"] <= row["units"]
    larger = Run(seeds=(0,), alpha=(0.9,), start=3.0, steps=25, prune=0.9, baselines=())
    for part in larger.parts:
        (name,) = part.shard.task["names"]
        smaller = part.partial[f"{name}/pruned"] > 0
        assert (smaller <= part.partial["mask"]).all()
        assert set(np.flatnonzero(smaller)) == {6 + unit for unit in PLANTED}
        assert part.partial[f"{name}/pruned_score"][1] == 1.0
    methods = set(larger.tables["comparison"]["method"])
    assert methods == {"hard-concrete", "hard-concrete, pruned"}


def test_of_a_large_mask_several_units_are_dropped_at_once(monkeypatch):
    """As long as no more is lost: what is left is the same, after fewer questions."""
    params = MaskParams(**SMALL | {"steps": 40})
    case = Case(planted(), sentences(), params, 0, "planted")
    task = case.task("subject_at", "to-plural")
    values = Fit([task], params.settings[0], params, [1]).run().values[0]
    found, asked, whole = {}, {}, pruning._turned
    for large in (1, 100):
        monkeypatch.setattr(pruning, "LARGE", large)
        count = asked.setdefault(large, [])
        monkeypatch.setattr(
            pruning, "_turned",
            lambda task, some, masks, values, count=count: (
                count.append(len(masks)) or whole(task, some, masks, values)
            ),
        )  # fmt: skip
        found[large] = pruning.pruned(task, torch.ones(12), values, 1.0)
    assert set(found[100].nonzero()[:, 0].tolist()) == {6 + unit for unit in PLANTED}
    assert torch.equal(found[1], found[100])
    assert sum(asked[100]) == 1 + sum(range(2, 13))
    assert sum(asked[1]) < sum(asked[100])


def test_a_shared_mask_has_values_of_its_own_for_each_direction():
    run = Run(seeds=(0,), shared_mask=True, baselines=())
    assert [part.shard.name for part in run.parts] == ["planted-00-both-seed-0"]
    (part,) = run.parts
    assert np.flatnonzero(part.partial["mask"]).tolist() == [6 + unit for unit in PLANTED]
    for unit, sign in PLANTED.items():
        assert part.partial["to-singular/values"][6 + unit] * sign > 0.3
        assert part.partial["to-plural/values"][6 + unit] * sign < -0.3
    row = run.tables["units"].iloc[0]
    assert row["prevalence"] == row["to_plural_prevalence"] == row["to_singular_prevalence"] == 1


def test_every_combination_of_settings_is_a_row():
    run = Run(seeds=(0,), scope=("subject_at", "every"), alpha=(0.1, 0.3), kl_factor=(0.0, 1.0),
              steps=3, baselines=())  # fmt: skip
    summary = run.tables["summary"]
    whole = summary[summary["direction"] == WHOLE]
    assert len(whole) == 8
    settings = run.analysis.params.settings
    assert key_of(settings[0], run.analysis.params) == "subject_at.alpha-0.1.kl-0"
    assert {f"accuracy.{key_of(one, run.analysis.params)}" for one in settings} <= set(run.metrics)
    curve = run.tables["curve"]
    assert sorted(curve["line"].unique()) == [
        "hard-concrete, every, kl-0", "hard-concrete, every, kl-1",
        "hard-concrete, subject_at, kl-0", "hard-concrete, subject_at, kl-1",
    ]  # fmt: skip
    assert [figure.name for figure in run.result.figures][-1] == "curve"


def test_a_mask_does_not_depend_on_what_else_is_tried():
    few = {"seeds": (3,), "steps": 20, "baselines": ()}
    alone = Run(alpha=(0.3,), **few)
    among = Run(alpha=(0.1, 0.3), **few)
    for one, other in zip(alone.parts, among.parts[2:], strict=True):
        assert one.shard.name.replace("-00-", "-01-") == other.shard.name
        assert (one.partial["trace"] == other.partial["trace"]).all()


def test_what_rests_on_few_examples_is_said():
    run = Run(seeds=(0,), steps=2, evaluation=10, baselines=())
    rows = run.tables["runs"].set_index("direction")
    for name in rows.index:
        expected = f"the accuracy {name} rests on {rows.loc[name, 'examples']} examples alone"
        assert any(expected in note for note in run.result.notes)
    assert " of 10 answers; the divergence" in run.result.notes[0]  # one seed has no deviation
    more = Run(seeds=(0, 1), steps=2, evaluation=60, baselines=())
    assert "(mean and deviation of 2 seeds)" in more.result.notes[0]
    assert not any("rests on" in note for note in more.result.notes)


def test_several_models_are_counted_together():
    models = {"one": planted(seed=1), "two": planted(seed=2)}
    run = Run(models, seeds=(0, 1), baselines=())
    rows = run.tables["summary"].set_index(["model", "direction"])
    assert rows.loc[(EVERYONE, WHOLE), "runs"] == 4
    both = [run.metrics[f"accuracy.{label}"] for label in models]
    assert run.metrics["accuracy"] == pytest.approx(np.mean(both))


@pytest.mark.parametrize("value", ["zero", "mean", "resampled"])
def test_values_that_are_not_learned(value):
    run = Run(seeds=(0,), value=value, baselines=(), steps=20)
    case = run.analysis._cases["planted"]
    model = run.models["planted"]
    for part in run.parts:
        (name,) = part.shard.task["names"]
        states = []
        for one in (one for way in case.found.directions.values() for one in way.train):
            cache = model.run_with_cache(model.encode([one.example]))[1]
            states.append(torch.cat([cache[hook][0, 1] for hook in HOOKS]).detach())
        distinct = torch.stack(states).unique(dim=0)
        pool = case.task("subject_at", name).usual.samples
        assert all((pool[:, None] - distinct).abs().amax(2).amin(1) < 1e-6)
        expected = {"zero": torch.zeros(12), "mean": pool.mean(0), "resampled": pool.mean(0)}
        found = torch.tensor(part.partial[f"{name}/values"])
        torch.testing.assert_close(found, expected[value], atol=1e-6, rtol=1e-5)


def test_keeping_what_the_model_does_with_few_units():
    """The units that carry the number, and what else speaks, are kept; all others are set."""
    run = Run(objective="kl", seeds=(0, 1), alpha=(0.6,), steps=150, scope=("every",))
    assert set(run.tables["runs"]["direction"]) == {"keep"}
    for part in run.parts:
        mask = part.partial["mask"]
        assert all(mask[6 + unit] for unit in PLANTED)
        assert mask.sum() < 12
        _, kept, moved = part.partial["keep/score"]
        assert kept > 0.8
        assert moved < 0.2
    # against what is lost with nothing kept
    assert run.metrics["accuracy"] > 0.8


def test_masks_of_a_model_that_answers_with_a_sequence():
    """The plugin knows none; what it needs is logits and targets."""
    model, texts = Answering(), tiny_dataset()
    with torch.no_grad():
        said = [model.run_with_hooks(model.encode([one]))[0, 1].argmax() for one in texts]
    learned = ListDataset([
        Example(one.words, (WORDS[word],), {}, one.source)
        for one, word in zip(texts, said, strict=True)
    ])  # fmt: skip
    run = Run({"tiny": model}, learned, scope=("every",), steps=40, seeds=(0,), alpha=(0.5,))
    (part,) = [part for part in run.parts if "names" in part.shard.task]
    mask, values = part.partial["mask"], torch.tensor(part.partial["to-other/values"])
    units = np.flatnonzero(mask)
    off = set_units("rnn.layers.0.hook_hidden", units.tolist(), values[units])
    wrong = [
        bool(model.margin(model.encode([one.example]), [off]) < 0)
        for one in run.held("tiny")["to-other"]
    ]
    assert run.metrics["accuracy"] == np.mean(wrong)


class Answering(TinyModel):
    """A model whose answer is one word: what comes after the second word of a text."""

    def encode(self, examples):
        batch = super().encode(examples)
        if not all(one.target for one in examples):
            return batch
        targets = torch.tensor([self.vocabulary.encode(one.target) for one in examples])
        lengths = torch.ones(len(examples), dtype=torch.long)
        return type(batch)(batch.tokens, batch.lengths, targets, lengths, batch.examples)

    def forward(self, batch, readout=None):
        whole = super().forward(batch)
        asked = readout or Readout()
        return asked.choose(whole if batch.targets is None else whole[:, 1:2])

    def margin(self, batch, fwd_hooks=()):
        with torch.no_grad():
            logits = self.run_with_hooks(batch, fwd_hooks=list(fwd_hooks))
        return smallest_lead(logits, batch.targets, batch.mask("decoder"))


def mistake(message, models=None, data=None, **params):
    with pytest.raises(ProbekitError, match=re.escape(message)):
        Run(models, data, **params)


def test_a_loss_that_is_no_number_says_where_and_keeps_what_was_finished(tmp_path):
    model = planted()
    run = Run({"planted": model}, seeds=(0,), baselines=())
    assert run.metrics["accuracy"] > 0
    analysis = SparseIntervention(MaskParams(**SMALL | {"seeds": (3,), "baselines": ()}))
    inputs = GivenInputs({"planted": model}, sentences())
    (shard, *_) = analysis.shards(inputs)
    case = analysis._case("planted", model, inputs.dataset)
    runners = case.task("subject_at", "to-plural").runners
    for runner in runners:
        costly, calls = runner.run, []

        def broken(*args, costly=costly, calls=calls):
            calls.append(args)
            found = costly(*args)
            return found * float("nan") if len(calls) > 2 else found

        runner.run = broken
    with pytest.raises(ProbekitError) as told:
        analysis.measure(shard, model, inputs.dataset)
    step = int(re.search(r"step (\d+)", str(told.value)).group(1))
    assert 2 <= step <= 4  # each passage has its third turn
    expected = (
        f"planted, to-plural, seed 3: the loss is nan at step {step}, so this mask cannot be"
        " learned on; the seeds that were finished are kept in the run folder; give a lower"
        " gate_rate and value_rate, or objective=log-ratio."
    )
    assert str(told.value) == expected


@pytest.mark.parametrize("alpha", [0.0, -0.1, 1.5, float("nan")])
def test_a_share_that_is_none(alpha):
    with pytest.raises(ValueError, match="is no share of the units, above 0 and at most 1"):
        MaskParams(alpha=(0.02, alpha))
    with pytest.raises(ValueError, match="beta is a share of the units, above 0 and at most 1"):
        MaskParams(beta=alpha)


def test_parameters_that_do_not_go_together():
    for params, message in (
        ({"role": "input"}, "role=input is one of a gate; give kind=gate with it"),
        ({"objective": "kl", "shared_mask": True}, "objective=kl has no directions"),
        ({"objective": "kl", "kl_factor": (0.0, 1.0)}, "objective=kl is the divergence itself"),
        ({"objective": "kl", "prune": 0.5}, "its masks are not pruned"),
        ({"seeds": (1, 1)}, "seeds are different numbers from 0 on"),
        ({"stretch": (0.0, 1.1)}, "the interval is stretched to below 0 and above 1"),
    ):
        with pytest.raises(ValueError, match=message):
            MaskParams(**params)


def test_mistakes_are_told_before_anything_is_learned():
    bare = ListDataset([Example(one.words, source=one.source) for one in sentences()], "bare")
    mistake("sentence 1 does not say which of two words should come next", data=bare)
    mistake("some examples of bare have no target", models={"m": TinyModel()}, data=bare)
    mistake("the dataset has no examples", data=ListDataset(()))
    mistake("scope=attractor_at names no position: sentence 1 has no such label; give scope=every,"
            " or one of: subject_at", scope=("attractor_at",))  # fmt: skip
    mistake("the examples of sentences have no label tense; name one of", label="tense")
    mistake("label=subject_at has 1 value(s) in sentences (1)", label="subject_at")
    mistake("evaluation=96 is not below the 96 examples", evaluation=96)
    mistake("planted has no attention hook points", kind=("attention",))


def test_a_dataset_without_the_label_has_one_direction():
    labels = ("wrong", "subject_at")
    data = ListDataset([
        Example(one.words, one.target, {key: one.labels[key] for key in labels}, one.source)
        for one in sentences()
    ])  # fmt: skip
    run = Run(data=data, steps=2, seeds=(0,))
    assert set(run.tables["runs"]["direction"]) == {"to-other"}
    assert run.tables["comparison"]["method"].str.contains("mean patch").sum() == 0


def test_a_direction_that_no_example_starts_from_is_said():
    model = planted()
    with torch.no_grad():
        for word in ("sees", "likes", "hears"):
            model.decoder.bias[model.vocabulary.ids[word]] += 50
    run = Run({"planted": model}, steps=2, seeds=(0,))
    assert set(run.tables["runs"]["direction"]) == {"to-plural"}
    assert run.result.notes[-1] == (
        "planted: nothing was learned for to-singular, because too few examples start from the"
        " other answer."
    )


def test_examples_start_from_what_the_model_prefers():
    model = Slow()
    run = Run({"planted": model}, steps=2, seeds=(0,), baselines=())
    for name, held in run.held().items():
        for one in held:
            with torch.no_grad():
                logits = model.run_with_hooks(model.encode([one.example]))[0, -1]
            likelier, other = model.word_ids(one.answers)
            assert logits[likelier] >= logits[other]
            singular = one.answers[0].endswith("s")
            assert name == ("to-plural" if singular else "to-singular")


def test_units_of_several_hook_points_are_told_apart():
    sites = Sites(planted(), MaskParams(kind=("hidden", "cell"), layer=(1,)), "m")
    assert len(sites) == 12
    assert set(sites.table["number"]) == {0}
    assert sites.table["unit_name"].tolist()[::6] == [
        "layer 1 cell unit 0", "layer 1 hidden unit 0",
    ]  # fmt: skip
    only = Sites(planted(), MaskParams(layer=(1,)), "m").table
    assert only["unit_name"].iloc[2] == "layer 1 unit 2 (9)"
    assert only["key"].iloc[2] == "1-2"
    assert [site.held.name for site in Sites(planted(), MaskParams(), "m").sites] == [*HOOKS]
    assert HookedLSTM  # the state of the last layer is what everybody reads


def test_tables_are_plain(run):
    for name, table in run.tables.items():
        assert isinstance(table, pd.DataFrame), name
    assert {"units", "runs", "summary", "comparison", "training", "activations"} <= set(run.tables)
    shown = run.tables["activations"]
    original = shown[shown["which"] == "original"]
    changed = shown[shown["which"] == "intervention"]
    before = original["position"] < 1
    assert np.allclose(original[before]["value"], changed[before.to_numpy()]["value"])
    at = (changed["position"] == 1).to_numpy()
    fit = next(part for part in run.parts if part.shard.task.get("names") == ["to-plural"])
    rows = changed[at & (changed["direction"] == "to-plural").to_numpy()]
    values = {f"layer {unit // 6} unit {unit % 6} ({unit + 1})":
              fit.partial["to-plural/values"][unit] for unit in range(12)}  # fmt: skip
    for row in rows.to_dict("records"):
        assert row["value"] == pytest.approx(values[row["unit_name"]], abs=1e-6)
        assert row["word"] in ("cat", "dog", "cats", "dogs")


class TestContract(AnalysisContract):
    name = "sparse-intervention"
    params = {"steps": 6, "alpha": [0.2, 0.4], "controls": 2, "seeds": [1],  # noqa: RUF012
              "kl_factor": [1.0], "prune": 0.5}  # fmt: skip

    def inputs(self):
        return GivenInputs({"planted": planted()}, sentences(("often",)), seed=self.seed)


class TestLstm(AnalysisContract):
    """A language model of a plugin, by its name: this plugin knows none."""

    name, model = "sparse-intervention", "lstm-lm"
    model_params = {"checkpoint": "untrained", "hidden": 4, "embedding": 3}  # noqa: RUF012
    data = "number-agreement"
    data_params = {"sentences": "2", "context": "none"}  # noqa: RUF012
    params = {"steps": 3, "seeds": [0], "alpha": [0.5], "scope": ["every"]}  # noqa: RUF012


class TestGru(AnalysisContract):
    """An encoder-decoder: what is turned is a right answer, which an untrained one never gives."""

    name, model = "sparse-intervention", "gru-seq2seq"
    model_params = {"checkpoint": "untrained", "embedding": 3, "hidden": 4}  # noqa: RUF012
    params = {"steps": 3, "seeds": [0], "objective": "kl", "scope": ["every"]}  # noqa: RUF012


class TestOpt(AnalysisContract):
    """A transformer, whose units are the neurons."""

    name, model = "sparse-intervention", "opt"
    model_params = {"checkpoint": "untrained"}  # noqa: RUF012
    data = "number-agreement"
    data_params = {"sentences": "1", "context": "none"}  # noqa: RUF012
    params = {"steps": 2, "seeds": [0], "alpha": [0.5], "kind": ["neuron"], "layer": [2],  # noqa: RUF012
              "evaluation": 2, "baselines": ["gradients", "random"], "controls": 1}  # fmt: skip
