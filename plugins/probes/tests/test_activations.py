"""The activations of the samples: no padding, in memory or on disk."""

from pathlib import Path

import numpy as np
import pytest
import torch
from probekit_probes.activations import activations
from probekit_probes.params import GroupParams
from probekit_probes.samples import read_samples

from probekit.errors import ProbekitError
from probekit.testing import TinyModel, tiny_dataset

from .doubles import Planted, letters

HIDDEN = "rnn.layers.0.hook_hidden"


def collect(model, dataset, spec, **params):
    given = GroupParams(**params)
    with activations(model, dataset, spec, read_samples(model, dataset, spec, given), given) as got:
        return type(got), np.array(got), getattr(got, "filename", None)


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_every_real_position_in_order(batch_size):
    model, dataset = TinyModel(), tiny_dataset()
    _, found, _ = collect(model, dataset, model.hook_specs[HIDDEN], batch_size=batch_size)
    rows = []
    for example in dataset:
        with torch.no_grad():
            _, cache = model.run_with_cache(model.encode([example]))
        rows.append(cache[HIDDEN][0].numpy())
    np.testing.assert_allclose(found[1:], np.concatenate(rows).T, rtol=0, atol=1e-6)
    assert found.dtype == np.float32
    assert (found[0] == 1).all()


def test_padding_is_left_out():
    model, dataset = Planted(), letters(30)
    _, found, _ = collect(model, dataset, model.hook_specs["hook"])
    assert found.shape == (21, sum(len(example.words) for example in dataset))
    assert np.abs(found).max() < 10


def test_chosen_positions_alone():
    model, dataset = Planted(), letters(30)
    _, found, _ = collect(model, dataset, model.hook_specs["hook"], classes=("c",))
    rows = [
        model.units(e.words)[at].numpy()
        for e in dataset
        for at, word in enumerate(e.words)
        if word == "c"
    ]
    assert np.array_equal(found[1:], np.array(rows).T)


def test_large_ones_wait_on_disk(monkeypatch):
    model, dataset = Planted(), letters(30)
    spec = model.hook_specs["hook"]
    kind, expected, _ = collect(model, dataset, spec)
    assert kind is np.ndarray
    monkeypatch.setattr("probekit_probes.activations.MEGABYTE", 1)
    kind, found, file = collect(model, dataset, spec, memory_mb=100)
    assert kind is np.memmap
    assert np.array_equal(found, expected)
    assert not Path(file).exists()


def test_standardised():
    model, dataset = Planted(), letters(30)
    spec = model.hook_specs["hook"]
    _, found, _ = collect(model, dataset, spec, standardise=True)
    np.testing.assert_allclose(found[1:].mean(1), 0, atol=1e-5)
    np.testing.assert_allclose(found[1:].std(1), 1, atol=1e-5)
    assert (found[0] == 1).all()


def test_a_unit_that_never_changes_is_standardised_to_nothing():
    model = Planted()
    model.units = lambda words: torch.full((len(words), 20), 0.1)
    _, found, _ = collect(model, letters(30), model.hook_specs["hook"], standardise=True)
    assert np.abs(found[1:]).max() < 1e-6


def test_values_that_are_not_finite():
    model = Planted(spoilt=4)
    with pytest.raises(ProbekitError, match="hook holds values that are not finite"):
        collect(model, letters(5), model.hook_specs["hook"])
