"""All the way from text to tables: equal to slow loops over activations, and to the truth."""

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from probekit_neurons.analyses import (
    ConceptSuppression,
    NeuronActivity,
    Neurons,
    NgramTriggers,
    PositionalNeurons,
    TokenDetectors,
)
from probekit_neurons.params import (
    ActivityParams,
    DetectorParams,
    NeuronsParams,
    PositionalParams,
    SuppressionParams,
    TriggerParams,
)
from probekit_neurons.windows import plan, read
from probekit_neurons.words import Words

from probekit.analysis import Measured, measured
from probekit.dataset import ListDataset
from probekit.errors import ProbekitError
from probekit.partials import PartialStore
from probekit.testing import GivenInputs, TinyModel, tiny_dataset

from .planted import Planted, at, no_one, often, on, on_trigram, random_text, text
from .slow import cover, detector, information, triggers_of

NAMES = {1: "unigrams", 2: "bigrams", 3: "trigrams"}


def outcome(analysis, inputs):
    """The result of an analysis, its partials in memory."""
    parts = [Measured(s, measured(analysis, s, inputs)) for s in analysis.shards(inputs)]
    return analysis.combine(parts, inputs)


def cached(model, data, length, params):
    """Tokens `[window, pos]`, the domain of each, and activity `[window, pos, unit]` by layer."""
    blocks = plan(data, model, length, params)
    rows = [row for block in blocks for row in read(data, model, length, params, block)]
    domains = [block.domain for block in blocks for _ in range(block.windows)]
    import torch

    tokens = np.stack(rows)
    _, cache = model.run_with_cache(torch.from_numpy(tokens).long())
    return tokens, np.array(domains), {name: value.numpy() > 0 for name, value in cache.items()}


@pytest.fixture(scope="module")
def random_case():
    """Neurons that are active at random, of two layers, and everything that was found of them."""
    layers = [
        [no_one, on(3), on(1, 2), on_trigram(1, 2, 1), at(lambda place: place == 0)]
        + [often(0.02 * seed, seed) for seed in range(6)],
        [often(lambda place: place / 16, seed) for seed in range(3)],
    ]
    model, data = Planted(layers), random_text(60, 12, 1)
    params = NeuronsParams(layers="all", least_information=0.02, most_trigrams=12)
    inputs = GivenInputs({"net": model}, data)
    return params, cached(model, data, 16, params), outcome(Neurons(params), inputs)


def test_activity_is_what_a_loop_counts(random_case):
    _, (tokens, domains, active), found = random_case
    units = found.tables["activity"].set_index(["hook", "unit"])
    for hook, values in active.items():
        for unit in range(values.shape[2]):
            count = sum(bool(one) for row in values[:, :, unit] for one in row)
            assert units.loc[(hook, unit), "count"] == count
            assert units.loc[(hook, unit), "dead"] == (count == 0)
            assert units.loc[(hook, unit), "frequency"] == pytest.approx(count / tokens.size)
    by_domain = found.tables["activity_by_domain"].set_index(["hook", "domain"])
    for hook, values in active.items():
        for domain in ("a", "b"):
            own = values[domains == domain]
            silent = sum(not own[:, :, unit].any() for unit in range(own.shape[2]))
            assert by_domain.loc[(hook, domain), "silent"] == silent
            assert by_domain.loc[(hook, domain), "tokens"] == own[:, :, 0].size
    by_layer = found.tables["activity_by_layer"].set_index("hook")
    for hook, values in active.items():
        shares = values.mean(axis=(0, 1))
        assert by_layer.loc[hook, "frequency"] == pytest.approx(shares[shares > 0].mean())
        assert by_layer.loc[hook, "dead"] == (shares == 0).sum()
    assert by_layer["depth"].tolist() == [0, 1]


def test_triggers_are_what_a_loop_counts(random_case):
    _, (tokens, _, active), found = random_case
    units = found.tables["triggers"].set_index(["hook", "unit"])
    alive = {(hook, unit) for hook, values in active.items()
             for unit in range(values.shape[2]) if values[:, :, unit].any()}  # fmt: skip
    assert set(units.index) == alive
    for (hook, unit), row in units.iterrows():
        for n, name in NAMES.items():
            counts = triggers_of(active[hook][:, :, unit], tokens, 0, n)
            assert row[f"{name}_total"] == sum(counts.values())
            assert row[name] == cover(counts, 0.95)
    bins = found.tables["unigrams_by_layer"]
    assert bins.groupby("hook")["neurons"].sum().to_dict() == dict(Counter(h for h, _ in alive))
    few = bins[(bins["hook"] == "hook_neurons.0") & (bins["bin"] == "1-5")]["neurons"].item()
    own = units.loc["hook_neurons.0", "unigrams"]
    assert few == own.between(1, 5).sum()


def test_detectors_are_what_a_loop_finds(random_case):
    params, (tokens, _, active), found = random_case
    table = found.tables["detectors"].set_index(["n", "hook", "unit"])
    expected = {}
    for hook, values in active.items():
        for unit in range(values.shape[2]):
            for n, most in ((1, 5), (3, params.most_trigrams)):
                grams = detector(values[:, :, unit], tokens, 0, n, most, 0.95, 0.95)
                if grams is not None:
                    expected[n, hook, unit] = grams
    assert set(table.index) == set(expected)
    assert len(expected) == 3
    for key, grams in expected.items():
        assert table.loc[key, "ngrams"] == len(grams)
        told = table.loc[key, "detects"].split(" | ")
        assert set(told) <= {" ".join(f"w{token}" for token in gram) for gram in grams}
    for n, name in ((1, "token"), (3, "trigram")):
        by_layer = found.tables[f"{name}_detectors_by_layer"].set_index("hook")
        below, previous = set(), set()
        for hook in active:
            covered = {g for (m, h, _), grams in expected.items() if (m, h) == (n, hook)
                       for g in grams}  # fmt: skip
            row = by_layer.loc[hook]
            assert row["covered"] == len(covered)
            assert row["cumulative"] == len(covered | below)
            assert row["new_overall"] == len(covered - below)
            assert row["new_to_previous"] == len(covered - previous)
            below, previous = below | covered, covered


def test_information_is_what_a_loop_gives(random_case):
    params, (_, _, active), found = random_case
    table = found.tables["information"].set_index(["hook", "unit"])
    chosen = set()
    for hook, values in active.items():
        for unit in range(values.shape[2]):
            exact = information(values[:, :, unit])
            assert table.loc[(hook, unit), "information"] == pytest.approx(exact, abs=1e-9)
            if exact > params.least_information:
                chosen.add((hook, unit))
    assert set(map(tuple, found.tables["positional"][["hook", "unit"]].to_numpy())) == chosen
    assert chosen


def test_updates_are_projected_on_the_vocabulary():
    """Every token detector of a layer, against the product of its weights."""
    layers = [[on(word) for word in range(1, 8)] + [on(2, 3)], [no_one]]
    model, data = Planted(layers), random_text(60, 12, 1)
    inputs = GivenInputs({"net": model}, data)
    found = outcome(ConceptSuppression(SuppressionParams(top=3)), inputs)
    table = found.tables["suppression"].set_index("unit")
    assert list(table.index) == list(range(8))
    tokens, _, _ = cached(model, data, 16, SuppressionParams())
    values = (model.unembedding @ model.out[0]).detach().numpy()
    for unit in range(7):
        assert table.loc[unit, "projection"] == pytest.approx(values[unit + 1, unit], rel=1e-5)
        below = (values[:, unit] < values[unit + 1, unit]).mean()
        assert table.loc[unit, "percentile"] == pytest.approx(below)
    counts = [(tokens == 2).sum(), (tokens == 3).sum()]
    both = np.average(values[[2, 3], 7], weights=counts)
    assert table.loc[7, "projection"] == pytest.approx(both, rel=1e-5)
    assert table.loc[7, "all_negative"] == (values[[2, 3], 7] < 0).all()
    assert found.metrics["suppressed_share.net"] == (table["projection"] < 0).mean()
    ends = found.tables["projections"]
    for unit in range(8):
        own = ends[ends["unit"] == unit].set_index(["end", "rank"])
        order = np.argsort(values[:, unit])
        assert own.loc[("suppressed", 1), "token"] == f"w{order[0]}"
        assert own.loc[("promoted", 3), "value"] == pytest.approx(values[order[-3], unit], rel=1e-5)
        detected = {f"w{unit + 1}"} if unit < 7 else {"w2", "w3"}
        assert set(own[own["trigger"]]["token"]) <= detected
    centred = outcome(ConceptSuppression(SuppressionParams(centred=True)), inputs)
    moved = values - values.mean(0)
    got = centred.tables["suppression"].set_index("unit")["projection"]
    assert got[0] == pytest.approx(moved[1, 0], rel=1e-4)
    with pytest.raises(ProbekitError, match="has no final layer norm with a gain; leave out gain"):
        outcome(ConceptSuppression(SuppressionParams(gain=True)), inputs)
    import torch

    model.final_gain = torch.tensor([2.0, 1, 1, 1, -1])
    gained = outcome(ConceptSuppression(SuppressionParams(gain=True)), inputs)
    scaled = model.unembedding.detach() @ (model.final_gain[:, None] * model.out[0].detach())
    got = gained.tables["suppression"].set_index("unit")["projection"]
    assert got[0] == pytest.approx(float(scaled[1, 0]), rel=1e-5)


LENGTH = 64
PLANTED = {
    "dead": no_one,
    "token": on(5),
    "tokens": on(2, 7),
    "trigram": on_trigram(3, 1, 2),
    "busy": often(0.3, 1),
    ("oscillatory", "strong"): at(lambda place: place // 8 % 2),
    ("oscillatory", "weak"): often(lambda place: 0.15 + 0.7 * (place // 10 % 2), 2),
    ("both extremes", "strong"): at(lambda place: place > 30),
    ("both extremes", "weak"): often(lambda place: 0.97 if place > 30 else 0.03, 3),
    ("one extreme", "strong"): often(lambda place: 0.6 if place > 30 else 0, 4),
    ("one extreme", "weak"): often(lambda place: 0.7 if place > 40 else 0.02, 5),
    ("other", "strong"): often(lambda place: 0.15 + 0.7 * place / LENGTH, 6),
    ("other", "weak"): often(lambda place: 0.2 + 0.6 * (place * 7919 % 64) / 64, 7),
}


@pytest.fixture(scope="module")
def planted_case():
    model = Planted([list(PLANTED.values()), [no_one]], words=40, n_ctx=LENGTH)
    data = random_text(1500, 40, 3, sizes=(80, 160), domains=("wiki", "maths", "code"))
    params = NeuronsParams(near=0.08, smooth=16, batch_size=64, shard_size=512)
    return outcome(Neurons(params), GivenInputs({"net": model}, data))


def test_each_planted_neuron_is_found_under_its_right_name_and_no_other(planted_case):
    names = list(PLANTED)
    tables = {
        name: table[table["hook"] == "hook_neurons.0"]
        for name, table in planted_case.tables.items()
        if "hook" in table
    }
    activity = tables["activity"]
    assert [names[unit] for unit in activity[activity["dead"]]["unit"]] == ["dead"]
    detectors = tables["detectors"]
    found = {n: [names[unit] for unit in some["unit"]] for n, some in detectors.groupby("n")}
    assert found == {1: ["token", "tokens"], 3: ["trigram"]}
    told = detectors.set_index("unit")["detects"]
    assert told[1] == "w5"
    assert set(told[2].split(" | ")) == {"w2", "w7"}
    assert told[3] == "w3 w1 w2"
    positional = tables["positional"]
    shapes = {names[row.unit]: (row.type, row.strength) for row in positional.itertuples()}
    assert shapes == {name: name for name in PLANTED if isinstance(name, tuple)}
    assert planted_case.metrics["positional.net"] == 8
    ranges = planted_case.tables["ranges"]
    assert list(zip(ranges["first"], ranges["last"], strict=True)) == [
        (8, 15), (24, 31), (40, 47), (56, 63)
    ]  # fmt: skip


def test_everything_is_drawn(planted_case):
    assert [figure.name for figure in planted_case.figures] == [
        "dead", "frequency", "domains", "unigrams", "bigrams", "trigrams",
        "token_detectors", "covered_tokens", "new_tokens",
        "trigram_detectors", "covered_trigrams", "new_trigrams",
        "circles", "patterns", "ranges", "updates", "suppressed",
    ]  # fmt: skip
    patterns = planted_case.tables["patterns"]
    assert patterns["shape"].nunique() == 8


SECTIONS = [
    (NeuronActivity, ActivityParams),
    (NgramTriggers, TriggerParams),
    (TokenDetectors, DetectorParams),
    (ConceptSuppression, SuppressionParams),
    (PositionalNeurons, PositionalParams),
]


def test_all_in_one_pass_is_what_each_finds_alone():
    layers = [[no_one, on(1), on(2), at(lambda place: place > 3)], [often(0.3, 1)]]
    inputs = GivenInputs({"net": Planted(layers)}, random_text(30, 12, 2))
    whole = outcome(Neurons(NeuronsParams()), inputs)
    tables = set()
    for analysis, params in SECTIONS:
        alone = outcome(analysis(params()), inputs)
        for name, table in alone.tables.items():
            pd.testing.assert_frame_equal(table, whole.tables[name])
        assert alone.metrics.items() <= whole.metrics.items()
        tables |= set(alone.tables)
    assert tables == set(whole.tables)


def test_begin_of_sentence_counts_as_asked():
    layers = [[at(lambda place: place == 0), on(1)], [no_one]]
    data = ListDataset([text([1, 2, 3] * 20)])
    inputs = GivenInputs({"net": Planted(layers, n_ctx=4)}, data)
    with_it = outcome(Neurons(NeuronsParams()), inputs)
    without = outcome(Neurons(NeuronsParams(count_begin=False, position_begin=False)), inputs)
    assert with_it.metrics["dead.net"] == 1
    assert without.metrics["dead.net"] == 2
    assert with_it.tables["activity_by_layer"]["tokens"].tolist() == [80, 80]
    assert without.tables["activity_by_layer"]["tokens"].tolist() == [60, 60]
    row = with_it.tables["triggers"].set_index("unit").loc[0]
    assert (row["unigrams_total"], row["unigrams"]) == (0, 0)
    bins = with_it.tables["unigrams_by_layer"].set_index("bin")["neurons"]
    assert (bins["0"], bins["1-5"]) == (1, 1)
    assert with_it.tables["positional"]["unit"].tolist() == [0, 1]
    assert without.tables["positional"]["unit"].tolist() == [1]


def test_the_lower_half_of_the_layers_is_the_default():
    layers = [[on(1)]] * 5
    inputs = GivenInputs({"net": Planted(layers)}, random_text(9, 12, 0))
    found = outcome(TokenDetectors(DetectorParams(first_layer=1)), inputs)
    assert found.tables["detectors"].query("n == 1")["layer"].tolist() == [1, 2, 3]
    found = outcome(TokenDetectors(DetectorParams(layers="all")), inputs)
    assert found.tables["detectors"].query("n == 1")["layer"].tolist() == [0, 1, 2, 3, 4]


def test_tokens_are_shown_so_that_they_can_be_told_apart_and_drawn():
    words = Words((" the", "the", "a\n", "\x0e", "\u00a0\ud800", "<b>"))
    assert [words[at] for at in range(7)] == [
        "\u00b7the", "the", "a\\n", "\\x0e", "\\xa0\\ud800", "<b>", "#6"
    ]  # fmt: skip
    assert words.join((1, 0)) == "the\u00b7the"
    assert Words(("a", "b")).join((1, 0)) == "b a"


def test_few_texts_are_told(random_case):
    few = GivenInputs({"net": Planted([[often(0.5, 1)]])}, random_text(9, 12, 0))
    found = outcome(PositionalNeurons(PositionalParams()), few)
    assert any("too few: with under 100" in note for note in found.notes)


def test_partials_on_disk_give_the_same(tmp_path):
    layers = [[on(1), often(0.3, 4)], [at(lambda place: place < 5)]]
    inputs = GivenInputs({"net": Planted(layers)}, random_text(30, 12, 2))
    analysis = Neurons(NeuronsParams(shard_size=3))
    store, shards = PartialStore(tmp_path), analysis.shards(inputs)
    for shard in shards:
        store.write(shard, measured(analysis, shard, inputs))
    lazily = analysis.combine(store.all(shards, at_once=0), inputs)
    at_once = analysis.combine(store.all(shards), inputs)
    for name, table in at_once.tables.items():
        pd.testing.assert_frame_equal(lazily.tables[name], table)


def kept(folder, analysis, inputs, **changed):
    """What a run leaves in its folder, as far as asking again reads it."""
    store = PartialStore(folder / "partials")
    for shard in analysis.shards(inputs):
        store.write(shard, measured(analysis, shard, inputs))
    prints = {"data": inputs.dataset.fingerprint}
    prints |= {f"model {label}": inputs.model(label).fingerprint for label in inputs.labels}
    about = {"params": analysis.params.model_dump(mode="json")}
    manifest = {"identity": {"analysis": about, "fingerprints": prints} | changed}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_other_thresholds_are_asked_without_a_forward_pass(tmp_path):
    layers = [[on(1, 2, 3), often(0.5, 1)], [no_one]]
    model = Planted(layers)
    inputs = GivenInputs({"net": model}, random_text(30, 12, 2))
    kept(tmp_path, Neurons(NeuronsParams()), inputs)
    passes = model.passes
    changed = {"cover": 0.5, "most_unigrams": 2}
    again = outcome(TokenDetectors(DetectorParams(bits=str(tmp_path), **changed)), inputs)
    assert model.passes == passes
    fresh = outcome(TokenDetectors(DetectorParams(**changed)), inputs)
    assert model.passes > passes
    for name, table in fresh.tables.items():
        pd.testing.assert_frame_equal(again.tables[name], table)


class Layerwise(Planted):
    """Takes all batches through a layer before the next one, last batch first."""

    def observe_batches(self, batches, hooks, see):
        for spec in hooks:
            for number in reversed(range(len(batches))):
                self.observe(batches[number], [spec], lambda _, values: see(number, spec, values))  # noqa: B023


def test_a_model_that_goes_layer_by_layer_is_given_all_batches_at_once():
    layers, data = [[on(1), often(0.3, 1)], [often(0.5, 2)]], random_text(30, 12, 2)
    params = NeuronsParams(batch_size=3, shard_size=7)
    whole = outcome(Neurons(params), GivenInputs({"net": Planted(layers)}, data))
    slices = outcome(Neurons(params), GivenInputs({"net": Layerwise(layers)}, data))
    for name, table in whole.tables.items():
        pd.testing.assert_frame_equal(slices.tables[name], table)


def test_bits_of_something_else_are_refused(tmp_path):
    inputs = GivenInputs({"net": Planted([[on(1)]])}, random_text(30, 12, 2))
    kept(tmp_path, Neurons(NeuronsParams()), inputs)

    def refused(message, other=inputs, **given):
        with pytest.raises(ProbekitError, match=message):
            outcome(NeuronActivity(ActivityParams(bits=str(tmp_path), **given)), other)

    refused(r"was read with length=none, not 8; give the same here", length=8)
    other = GivenInputs({"net": Planted([[on(1)]])}, random_text(31, 12, 2))
    refused("was read on other text", other)
    other = GivenInputs({"net": Planted([[on(1)]], words=13)}, inputs.dataset)
    refused("was not read with net", other)
    (tmp_path / "partials" / "net-000001.npz").unlink()
    refused("lacks the part net-000001; finish that run")
    (tmp_path / "manifest.json").write_text('{"identity": {"analysis": {"params": {}}}}')
    refused("holds no bits; name the folder of a run that read the model itself")


def test_units_that_are_not_behind_a_relu_need_a_threshold():
    inputs = GivenInputs({"tiny": TinyModel()}, tiny_dataset())
    params = ActivityParams(kind="hidden", length=8)
    with pytest.raises(ProbekitError, match=r"of tiny does not come from a ReLU.*threshold=VALUE"):
        NeuronActivity(params).shards(inputs)
    with pytest.raises(ProbekitError, match="tiny has no neuron hook points"):
        NeuronActivity(ActivityParams()).shards(inputs)
    found = outcome(Neurons(NeuronsParams(kind="hidden", length=8, threshold=0.1)), inputs)
    assert any("No updates were projected" in note or "update" in note for note in found.notes)
    assert found.tables["activity"]["count"].sum() > 0
