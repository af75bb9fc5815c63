"""The shared sweep equals one forward pass an ablation; the prefix tree holds every sequence."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from probekit import prefixes, sweeping
from probekit.ablations import Ablation, intervene
from probekit.prefixes import PrefixTree
from probekit.recurrent import HookedGRU, HookedLSTM
from probekit.sweeping import Contrast, Sweep

ROWS = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=5), min_size=1, max_size=12)


@given(ROWS)
def test_every_sequence_is_a_path_of_its_tree(rows):
    tree = PrefixTree(rows)
    for row, (depth, place) in zip(rows, tree.ends, strict=True):
        path = []
        for level in tree.levels[depth::-1]:
            path.append(int(level.tokens[place]))
            place = int(level.parents[place])
        assert path[::-1] == row
    prefixes = {tuple(row[:end]) for row in rows for end in range(1, len(row) + 1)}
    assert len(tree) == len(prefixes)
    for depth, level in enumerate(tree.levels):
        follow = tree.levels[depth + 1].parents if depth + 1 < len(tree.levels) else []
        assert {int(parent) for parent in follow} == set(range(level.inner))


@given(ROWS, st.integers(1, 9))
def test_blocks_hold_every_sequence_once_and_keep_to_their_size(rows, most):
    found = prefixes.blocks(rows, most)
    assert sorted(at for block in found for at in block) == list(range(len(rows)))
    for block in found:
        assert len(PrefixTree([rows[at] for at in block])) <= max(most, *(len(r) for r in rows))


def setting(kind, layers=2, seed=0):
    """A network with its embedding, sequences that begin alike, and what is asked of each."""
    torch.manual_seed(seed)
    model, table = kind(4, 6, layers), torch.randn(5, 4)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(2)
    rows = [[0, 0, *torch.randint(1, 5, (int(n),)).tolist()] for n in torch.randint(1, 5, (30,))]
    contrast = Contrast(torch.randn(3, 6), torch.randn(3), torch.randint(0, 3, (30,)))
    return model, table, rows, contrast


def one_by_one(model, table, rows, contrast, origin, ablations):
    """A forward pass for each sequence and each ablation, with hook functions."""
    found = torch.zeros(len(ablations), len(rows))
    for at, row in enumerate(rows):
        for number, ablation in enumerate(ablations):
            with torch.no_grad():
                hidden = model.run_with_hooks(
                    table[row][None], first=-origin, fwd_hooks=intervene([ablation], 1)
                )[0]
            pair = contrast.pairs[at]
            found[number, at] = hidden[0, -1] @ contrast.vectors[pair] + contrast.offsets[pair]
    return found


def some_ablations(model):
    """One of nothing, one of every hook point, and several of more than one."""
    hooks = [name for name, spec in model.hook_specs.items()]
    every = [Ablation({name: (index % 6,)}) for index, name in enumerate(hooks)]
    held = replace(every[3], values={hooks[3]: (0.7,)}, since=0)
    low, top = "layers.0.hook_state", "layers.1.hook_hidden"
    several = Ablation({low: (0, 5), top: (3,)}, {top: (-0.5,)})
    return [Ablation(), *every, held, several, replace(several, since=1), replace(held, since=2)]


@pytest.mark.parametrize("at_once", [(8192, 16, 768), (6, 3, 4)])
@pytest.mark.parametrize("kind", [HookedLSTM, HookedGRU])
def test_the_sweep_equals_a_forward_pass_for_each_ablation(kind, at_once, monkeypatch):
    for name, size in zip(("NODES", "ABLATIONS", "ROWS"), at_once, strict=True):
        monkeypatch.setattr(sweeping, f"{name}_AT_ONCE", size)
    model, table, rows, contrast = setting(kind)
    ablations = some_ablations(model)
    found = Sweep(model, lambda ids: table[ids], rows, contrast, origin=2).margins(ablations)
    expected = one_by_one(model, table, rows, contrast, 2, ablations)
    torch.testing.assert_close(found, expected, atol=2e-6, rtol=0)
    changed = (found[1:] - found[0]).abs().amax(dim=1)
    assert float(changed.min()) > 1e-3


@settings(deadline=None, max_examples=20)
@given(ROWS, st.integers(0, 3), st.sampled_from([HookedLSTM, HookedGRU]), st.integers(1, 3))
def test_any_sequences_in_any_number_of_layers(rows, origin, kind, layers):
    model, table, _, contrast = setting(kind, layers, seed=3)
    contrast = contrast._replace(pairs=torch.arange(len(rows)) % 3)
    top = f"layers.{layers - 1}.hook_hidden"
    ablations = [
        Ablation(),
        Ablation({top: (1,)}),
        Ablation({"layers.0.hook_state": (2,)}, since=1),
    ]
    found = Sweep(model, lambda ids: table[ids], rows, contrast, origin).margins(ablations)
    expected = one_by_one(model, table, rows, contrast, origin, ablations)
    torch.testing.assert_close(found, expected, atol=2e-6, rtol=0)


def test_hooks_are_gone_after_a_sweep():
    model, table, rows, contrast = setting(HookedLSTM)
    Sweep(model, lambda ids: table[ids], rows, contrast).margins(some_ablations(model))
    assert not any(layer.watched for layer in model.layers)
