"""The group against the definition in plain words, and against truth that was planted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from probekit_probes.group import functional_group, split
from probekit_probes.params import GroupParams
from probekit_probes.samples import Samples

from probekit.errors import ProbekitError

from .reference import scratch


def clouds(classes=4, samples=150, units=12, seed=0, noise=1.5):
    """Labels and units `[sample, unit]` of which some tell more than others."""
    source = np.random.default_rng(seed)
    labels = source.permutation(np.arange(samples) % classes)
    centres = source.normal(size=(classes, units)) * np.linspace(1.2, 0, units)
    return labels, (centres[labels] + noise * source.normal(size=(samples, units))).astype("f4")


def planted(samples=400, units=15, carriers=(9, 2, 12), seed=0):
    """Eight classes, whose bits three units carry; the others are noise."""
    source = np.random.default_rng(seed)
    labels = source.permutation(np.arange(samples) % 8)
    points = source.normal(size=(samples, units))
    for bit, unit in enumerate(carriers):
        points[:, unit] = 3.0 * (2 * (labels >> bit & 1) - 1) + 0.1 * points[:, unit]
    return labels, points.astype("f4")


def of(labels, positions=None, values=None):
    """Samples of those labels, one a sequence unless `positions` of each are given."""
    each = positions or 1
    names = tuple(str(one) for one in range(values or int(labels.max()) + 1))
    return Samples(np.arange(len(labels)) // each, np.arange(len(labels)) % each, labels, names)


def group(labels, points, trained, params, classes=None):
    inputs = np.vstack([np.ones(len(points), dtype="f4"), points.T])
    return functional_group(inputs, labels, trained, classes or int(labels.max()) + 1, params)


@pytest.mark.parametrize(
    ("rank", "classes", "share", "c"),
    [
        ("mean", 4, 0.95, 1.0),
        ("first", 4, 0.95, 1.0),
        ("mean", 2, 0.95, 1.0),
        ("mean", 3, 1.0, 0.05),
        ("mean", 5, 0.9, 20.0),
    ],
)
def test_it_is_the_definition(rank, classes, share, c):
    labels, points = clouds(classes)
    params = GroupParams(rank=rank, share=share, C=c, splits=4)
    trained = split(of(labels), params, seed=3)
    found = group(labels, points, trained, params)
    order, full, right = scratch(points, labels, trained, c, share, rank)
    assert found.order.tolist() == order.tolist()
    assert found.full.tolist() == full.tolist()
    assert found.right.tolist() == right.tolist()
    assert found.unfinished == 0


@given(seed=st.integers(0, 10**6), noise=st.floats(0.3, 3))
@settings(max_examples=8, deadline=None)
def test_it_is_the_definition_of_anything(seed, noise):
    labels, points = clouds(3, samples=60, units=5, seed=seed, noise=noise)
    params = GroupParams(splits=2)
    trained = split(of(labels), params, seed)
    found = group(labels, points, trained, params)
    order, full, right = scratch(points, labels, trained)
    assert found.order.tolist() == order.tolist()
    assert found.full.tolist() == full.tolist()
    assert found.right.tolist() == right.tolist()


@pytest.mark.parametrize("rank", ["mean", "first"])
def test_planted_units_are_the_group(rank):
    labels, points = planted()
    params = GroupParams(rank=rank)
    trained = split(of(labels), params, seed=0)
    found = group(labels, points, trained, params)
    assert set(found.order[:3].tolist()) == {9, 2, 12}
    assert found.full.tolist() == [40] * 5
    assert len(found.right) == 3
    assert found.right[-1].tolist() == [40] * 5
    halved = found.right.mean(1) / 40
    assert 0.1 < halved[0] < 0.4  # one bit of three tells a quarter, two tell a half
    assert 0.3 < halved[1] < 0.7


def test_one_value_against_the_others_needs_the_units_that_single_it_out():
    labels, points = planted()
    params = GroupParams(rank="class", splits=3)
    trained = split(of(labels), params, seed=0)
    for value in (0, 5):
        found = group((labels == value).astype(int), points, trained, params, classes=2)
        assert set(found.order[:3].tolist()) == {9, 2, 12}
        assert len(found.right) == 3
        assert found.right[-1].tolist() == [40] * 3


def test_most_ends_the_search():
    labels, points = planted()
    params = GroupParams(most=2, splits=2)
    trained = split(of(labels), params, seed=0)
    found = group(labels, points, trained, params)
    assert found.right.shape == (2, 2)
    assert found.order.shape == (15,)


def test_all_units_reach_the_whole_share():
    labels, points = clouds(4, units=6, noise=4)
    params = GroupParams(share=1.0, splits=3)
    trained = split(of(labels), params, seed=0)
    found = group(labels, points, trained, params)
    assert found.right[-1].mean() >= found.full.mean()


def test_splits_of_positions_hold_out_a_tenth():
    samples = of(np.arange(200) % 4, positions=5)
    trained = split(samples, GroupParams(splits=7), seed=1)
    assert trained.shape == (7, 200)
    assert trained.sum(1).tolist() == [180] * 7
    assert len({row.tobytes() for row in trained}) == 7
    assert np.array_equal(trained, split(samples, GroupParams(splits=7), seed=1))
    assert not np.array_equal(trained, split(samples, GroupParams(splits=7), seed=2))


@given(
    lengths=st.lists(st.integers(1, 6), min_size=4, max_size=30),
    share=st.floats(0.1, 0.9),
    seed=st.integers(0, 99),
)
@settings(max_examples=50, deadline=None)
def test_splits_by_sequence_share_no_sequence(lengths, share, seed):
    owners = np.repeat(np.arange(len(lengths)) * 3, lengths)
    count = len(owners)
    samples = Samples(owners, np.zeros(count, int), np.zeros(count, int), ("a",))
    trained = split(samples, GroupParams(by="sequence", train_share=share, splits=3), seed)
    for row in trained:
        learnt, held = set(owners[row]), set(owners[~row])
        assert not learnt & held
        assert learnt | held == set(owners)
        assert len(learnt) == min(max(round(share * len(lengths)), 1), len(lengths) - 1)


def test_fewer_samples_than_values():
    samples = of(np.arange(10), values=10)
    with pytest.raises(ProbekitError, match="token has 10 values, and there are only 9 positions"):
        split(samples, GroupParams(), seed=0)


def test_only_one_sequence():
    samples = of(np.arange(10) % 2, positions=10)
    assert split(samples, GroupParams(), seed=0).sum(1).tolist() == [9] * 5
    with pytest.raises(ProbekitError, match="only one sequence to divide"):
        split(samples, GroupParams(by="sequence"), seed=0)
