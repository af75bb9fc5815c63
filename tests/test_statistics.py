"""Streaming statistics equal one pass of numpy over everything, however the data are divided."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from probekit.statistics import Extremes, QuantileSketch, TailCounts

BLOCKS = st.lists(
    arrays(
        np.float32, st.tuples(st.integers(0, 7), st.just(3)), elements=st.floats(-1, 1, width=32)
    ),
    min_size=1,
    max_size=5,
)
MAKERS = {
    "tails": lambda: TailCounts(3, 0.1, 0.9),
    "extremes": lambda: Extremes(3),
    "quantiles": lambda: QuantileSketch(3),
}


@pytest.mark.parametrize("name", MAKERS)
@given(blocks=BLOCKS)
@settings(deadline=None, max_examples=50)
def test_merging_blocks_equals_one_pass_exactly(name, blocks):
    merged, whole = MAKERS[name](), MAKERS[name]()
    for block in blocks:
        part = MAKERS[name]()
        part.add(torch.from_numpy(block))
        merged.absorb(part.arrays())
    whole.add(torch.from_numpy(np.concatenate(blocks)))
    for field, array in whole.arrays().items():
        np.testing.assert_array_equal(merged.arrays()[field], array)


@given(BLOCKS)
def test_tails_count_strictly_beyond_the_ends(blocks):
    values = np.concatenate([*blocks, np.array([[0.1, 0.9, 0.5]], np.float32)])
    tails = TailCounts(3, 0.1, 0.9)
    tails.add(torch.from_numpy(values))
    assert tails.samples == len(values)
    np.testing.assert_array_equal(tails.left, (values < np.float32(0.1)).sum(0))
    np.testing.assert_array_equal(tails.right, (values > np.float32(0.9)).sum(0))


@given(
    arrays(
        np.float64, (40, 2), elements=st.floats(-1e5, 1e5).filter(lambda x: x == 0 or abs(x) > 1e-5)
    ),
    st.floats(0, 1),
)
@settings(deadline=None)
def test_quantiles_are_within_the_promised_relative_error(values, share):
    sketch = QuantileSketch(2)
    sketch.add(torch.from_numpy(values))
    exact = np.quantile(values, share, axis=0, method="lower")
    np.testing.assert_allclose(sketch.quantile(share), exact, rtol=QuantileSketch.ERROR * 1.0001)


def test_quantiles_of_nothing_are_not_a_number_and_extremes_are_infinite():
    assert np.isnan(QuantileSketch(2).quantile(0.5)).all()
    assert (Extremes(2).low == np.inf).all()


def test_quantiles_clip_what_is_out_of_their_range():
    sketch = QuantileSketch(1)
    sketch.add(torch.tensor([[1e-9], [1e9], [-1e9]], dtype=torch.float64))
    found = [sketch.quantile(share)[0] for share in (0.0, 0.5, 1.0)]
    assert found[0] == pytest.approx(-1e6, rel=0.01)
    assert found[1] == 0
    assert found[2] == pytest.approx(1e6, rel=0.01)
