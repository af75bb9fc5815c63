"""The sweep over bits equals slow loops over every position; with numba it is the same again."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from probekit_neurons import sweep as sweeping
from probekit_neurons.detectors import detect
from probekit_neurons.grams import Grams
from probekit_neurons.packing import activations, pack
from probekit_neurons.params import DetectorParams
from probekit_neurons.runs import least_sum
from probekit_neurons.sweep import Places, active_units, gram_runs, has_numba, sweep

from probekit.errors import ProbekitError

from .slow import cover, detector, grams_of, triggers_of

WAYS = [False, pytest.param(True, marks=pytest.mark.skipif(not has_numba(), reason="no numba"))]


@st.composite
def recordings(draw):
    """Tokens `[window, pos]`, whether one of them begins a text, and activity `[unit, ...]`."""
    windows, length = draw(st.integers(1, 5)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    tokens = rng.integers(0, draw(st.integers(1, 4)), (windows, length)).astype(np.int32)
    bos = draw(st.sampled_from([None, 0, 1]))
    units = draw(st.integers(1, 19))
    share = draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    return tokens, bos, rng.random((units, windows, length)) < share


def packed(active):
    """`[unit, window, pos]` as bytes."""
    values = torch.from_numpy(active.astype(np.float32)).permute(1, 2, 0)
    return pack(values, 0.5)


def places_of(tokens):
    return Places(np.tile(np.arange(tokens.shape[1]), len(tokens)), tokens.shape[1])


@pytest.mark.parametrize("compiled", WAYS)
@settings(max_examples=150, deadline=None)
@given(recording=recordings())
def test_totals_covers_and_places_equal_a_loop(recording, compiled):
    tokens, bos, active = recording
    found = sweep(packed(active), Grams.of(tokens, bos), places_of(tokens), 0.95, compiled)
    for unit, own in enumerate(active):
        np.testing.assert_array_equal(found.cells[unit], own.sum(0))
        for n in (1, 2, 3):
            counts = triggers_of(own, tokens, bos, n)
            assert found.totals[n - 1, unit] == sum(counts.values())
            assert found.covers[n - 1, unit] == cover(counts, 0.95)
    assert not found.cells[len(active) :].any()


@settings(max_examples=100, deadline=None)
@given(recordings())
def test_grams_nest_and_each_is_told_as_its_tokens(recording):
    tokens, bos, _ = recording
    grams = Grams.of(tokens, bos)
    for n in (1, 2, 3):
        level = grams.levels[n - 1]
        expected = Counter(grams_of(tokens, bos, n).values())
        counted = np.flatnonzero(level.counted).tolist()
        found = {grams.ids(n, group): int(level.sizes[group]) for group in counted}
        assert len(found) == len(counted)
        assert found == expected
        assert level.sizes.sum() == tokens.size
        if n > 1:
            for group in counted:
                shorter = grams.ids(n - 1, int(level.shorter[group]))
                assert grams.ids(n, group)[1:] == shorter


@settings(max_examples=60, deadline=None)
@given(recordings(), st.sampled_from([1, 8, 64]))
def test_what_triggered_each_unit_is_the_same_however_many_are_unpacked(recording, at_once):
    tokens, bos, active = recording
    grams = Grams.of(tokens, bos)
    ordered = np.take(packed(active), grams.order, axis=1)
    for where in activations(ordered, at_once):
        for n, runs in gram_runs(where, grams):
            for index, unit in enumerate(where.units):
                own = active[unit] if unit < len(active) else np.zeros(tokens.shape, bool)
                groups, counts = runs.groups[runs.of(index)], runs.counts[runs.of(index)]
                pairs = zip(groups.tolist(), counts, strict=True)
                found = {grams.ids(n, group): count for group, count in pairs if count}
                assert found == triggers_of(own, tokens, bos, n)


@settings(max_examples=100, deadline=None)
@given(recordings(), st.sampled_from([1, 2, 5]), st.sampled_from([0.5, 0.95]))
def test_detectors_are_those_of_the_three_steps(recording, most, present):
    tokens, bos, active = recording
    grams, rows = Grams.of(tokens, bos), packed(active)
    params = DetectorParams(
        most_unigrams=most, most_trigrams=2 * most, present=present, explained=0.75
    )
    swept = sweep(rows, grams, places_of(tokens), 0.95, compiled=False)
    found = {(one.n, one.unit - 100): one for one in detect(rows, swept, 100, grams, params)}
    for n, limit in ((1, most), (3, 2 * most)):
        for unit, own in enumerate(active):
            expected = detector(own, tokens, bos, n, limit, present, 0.75)
            one = found.get((n, unit))
            if expected is None:
                assert one is None
                continue
            assert dict(zip(one.grams, one.counts, strict=True)) == expected
            assert list(one.counts) == sorted(one.counts, reverse=True)
            assert one.cover == cover(triggers_of(own, tokens, bos, n), 0.95)


def test_rare_n_grams_are_not_detected_where_that_is_asked():
    tokens = np.array([[1, 2, 1, 3]], dtype=np.int32)
    active = np.array([[[True, True, True, False]]])
    grams, rows = Grams.of(tokens, None), packed(active)
    swept = sweep(rows, grams, places_of(tokens), 0.95, compiled=False)
    (one,) = [x for x in detect(rows, swept, 0, grams, DetectorParams()) if x.n == 1]
    assert one.grams == ((1,), (2,))
    strict = DetectorParams(least=2)
    assert not [x for x in detect(rows, swept, 0, grams, strict) if x.n == 1]
    lenient = DetectorParams(least=2, explained=0.6)
    (one,) = [x for x in detect(rows, swept, 0, grams, lenient) if x.n == 1]
    assert (one.grams, one.counts, one.sizes) == (((1,),), (2,), (2,))


def test_a_share_of_a_total_is_not_moved_by_the_float():
    totals = np.arange(0, 2001)
    exact = [-(-95 * total // 100) for total in totals.tolist()]
    assert least_sum(0.95, totals).tolist() == exact


@pytest.mark.parametrize("compiled", WAYS)
def test_without_n_grams_the_positions_are_counted_alone(compiled):
    tokens = np.zeros((3, 4), dtype=np.int32)
    active = np.random.default_rng(0).random((11, 3, 4)) < 0.4
    found = sweep(packed(active), None, places_of(tokens), 1.0, compiled)
    np.testing.assert_array_equal(found.cells[:11], active.sum(1))
    assert found.covers.shape == (0, 16)


def test_numba_is_used_where_it_is_installed(monkeypatch):
    tokens = np.zeros((1, 4), dtype=np.int32)
    called = []
    monkeypatch.setattr(sweeping, "has_numba", lambda: called.append(1) or False)
    sweep(packed(np.ones((1, 1, 4), bool)), Grams.of(tokens, None), places_of(tokens), 1.0)
    assert called == [1]


def test_bits_are_those_of_the_threshold():
    values = torch.randn(2, 3, 13, generator=torch.Generator().manual_seed(0))
    expected = np.packbits(values.numpy().reshape(6, 13) > 0.25, axis=1).T
    np.testing.assert_array_equal(pack(values, 0.25), expected)
    for kind in (torch.bfloat16, torch.float16, torch.float64):
        some = values.to(kind)
        above = np.packbits((some > 0.25).numpy().reshape(6, 13), axis=1).T
        np.testing.assert_array_equal(pack(some, 0.25), above)


def test_more_words_than_fit_a_key_are_refused():
    with pytest.raises(ProbekitError, match="n-grams of so many are not counted"):
        Grams.of(np.array([[2**21]], dtype=np.int32), None)


def test_an_order_is_applied_before_units_are_told_apart():
    rows = packed(np.random.default_rng(1).random((9, 2, 5)) < 0.5)
    order = np.random.default_rng(2).permutation(10)
    (some,) = list(active_units(rows, order))
    bits = np.unpackbits(rows[:, order], axis=0).reshape(2, 8, 10).reshape(16, 10)
    for index, unit in enumerate(some.units):
        found = some.positions[some.starts[index] : some.starts[index + 1]]
        assert found.tolist() == np.flatnonzero(bits[unit]).tolist()
