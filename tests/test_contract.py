"""The contract of models: the double keeps every promise, and each broken one breaks its own."""

from dataclasses import replace
from functools import cached_property
from typing import ClassVar

import pytest
from pydantic import Field
from transformer_lens.hook_points import HookPoint

from probekit import (
    Example,
    HookQuery,
    HookSpec,
    ListDataset,
    Params,
    Readout,
)
from probekit.testing import (
    Contract,
    DatasetContract,
    ModelContract,
    TinyModel,
    tiny_dataset,
)
from probekit.testing.specs import TinyDataParams, TinyParams, tiny_model

GATE = "rnn.layers.0.hook_update"
PRE = "rnn.layers.0.hook_update_pre"


def problems(contract: Contract) -> dict[str, str]:
    """What is not kept, by promise."""
    return {found.promise: found.problem for found in contract.outcomes() if found.problem}


def promised(contract: type[Contract], *names: str) -> set[str]:
    return {getattr(contract, name).__doc__.strip().splitlines()[0][:-1] for name in names}


class OfTiny(ModelContract):
    spec = "probekit.testing.specs:tiny_model"
    model: ClassVar[type[TinyModel]] = TinyModel

    def build(self):
        return self.model()

    def dataset(self):
        return tiny_dataset(TinyDataParams(sentences=5))


class TestTinyModel(OfTiny):
    """pytest collects what a contract promises."""


class TestTinySentences(DatasetContract):
    spec = "probekit.testing.specs:tiny_sentences"


# Models, each with one fault.


class Noticing(TinyModel):
    """Computes something else once a hook is set."""

    def forward(self, batch, readout=None):
        return super().forward(batch, readout) + 1e-6 * bool(self.hook_embed._forward_hooks)


class Silent(TinyModel):
    """Has a hook point that it declares and never passes."""

    def __init__(self):
        super().__init__()
        self.hook_unused = HookPoint()
        self.setup()

    @cached_property
    def hook_specs(self):
        own = HookSpec(name="hook_unused", kind="hidden", width=6)
        return {**super().hook_specs, own.name: own}


class Wide(TinyModel):
    """Declares a wrong width."""

    @cached_property
    def hook_specs(self):
        specs = super().hook_specs
        return {**specs, GATE: replace(specs[GATE], width=7)}


class Secret(TinyModel):
    """Has a hook point that it does not declare."""

    def __init__(self):
        super().__init__()
        self.hook_tokens = HookPoint()
        self.setup()


class Stray(TinyModel):
    """Names what is no hook point as what a weight matrix reads."""

    @cached_property
    def weights(self):
        weights = super().weights
        return {**weights, "readout": replace(weights["readout"], source="hidden")}


class Narrow(TinyModel):
    """Declares too small a span."""

    @cached_property
    def hook_specs(self):
        specs = super().hook_specs
        return {**specs, GATE: replace(specs[GATE], span=(0.0, 0.5))}


class LastStep(TinyModel):
    """Keeps only the last step of a recurrent hook point, as a plain cache does."""

    def run_with_cache(self, *args, **kwargs):
        output, cache = super().run_with_cache(*args, **kwargs)
        if PRE in cache:
            cache[PRE] = cache[PRE][:, -1:].expand_as(cache[PRE])
        return output, cache


class Shifted(TinyModel):
    """Hands over the position before."""

    def observe(self, batch, hooks, see):
        super().observe(batch, hooks, lambda spec, values: see(spec, values.roll(1, 1)))


class Backwards(TinyModel):
    """Reads from the right, and so the padding first."""

    def forward(self, batch, readout=None):
        tokens = batch.tokens if hasattr(batch, "tokens") else batch
        embedded = self.hook_embed(self.embedding(tokens.flip(1)))
        hidden = self.rnn(embedded)[0].flip(1)
        return (readout or Readout()).project(hidden, self.decoder.weight, self.decoder.bias)


class Leaking(TinyModel):
    """Leaves its hooks set."""

    def run_with_hooks(self, *args, fwd_hooks=(), **kwargs):
        for name, hook in fwd_hooks:
            self.hook_dict[name].add_hook(hook)
        return self(*args, **kwargs)


class LeakingAfterError(TinyModel):
    """Leaves its hooks set where one of them raised."""

    def run_with_hooks(self, *args, fwd_hooks=(), **kwargs):
        try:
            return super().run_with_hooks(*args, fwd_hooks=fwd_hooks, **kwargs)
        except RuntimeError:
            self.hook_dict[fwd_hooks[0][0]].add_hook(fwd_hooks[0][1])
            raise


class Deaf(TinyModel):
    """Shows an activation to its hooks and goes on with its own."""

    def forward(self, batch, readout=None):
        tokens = batch.tokens if hasattr(batch, "tokens") else batch
        embedded = self.embedding(tokens)
        self.hook_embed(embedded.clone())
        hidden, _ = self.rnn(embedded)
        return (readout or Readout()).project(hidden, self.decoder.weight, self.decoder.bias)


class Sweeping(TinyModel):
    """Does to every row what a hook does to one."""

    def run_with_hooks(self, *args, fwd_hooks=(), **kwargs):
        def everywhere(act):
            def apply(value, hook):
                after = act(value, hook=hook)
                return None if after is None else value + (after - value).sum(0, keepdim=True)

            apply.__name__ = act.__name__
            return apply

        hooks = [(name, everywhere(act)) for name, act in fwd_hooks]
        return super().run_with_hooks(*args, fwd_hooks=hooks, **kwargs)


class Talkative(TinyModel):
    """Runs its vocabulary head when nothing is asked of it."""

    def forward(self, batch, readout=None):
        asked = None if readout and readout.empty else readout
        return super().forward(batch, asked)


class Sorting(TinyModel):
    """Gives the items of a readout in its own order."""

    def forward(self, batch, readout=None):
        if readout and readout.items:
            readout = replace(readout, items=sorted(readout.items))
        return super().forward(batch, readout)


class Flat(TinyModel):
    """Gives the ids of a text without a batch."""

    def to_tokens(self, text):
        return super().to_tokens(text)[0]


class Lacking(TinyModel):
    """Has no `to_tokens`."""

    to_tokens = None  # type: ignore[assignment]


class Changing(TinyModel):
    """Has another fingerprint at every load."""

    @cached_property
    def fingerprint(self):
        return super().fingerprint + str(id(self))


class Blind(TinyModel):
    """Has a fingerprint of its configuration alone."""

    @cached_property
    def fingerprint(self):
        return repr(self.cfg)


class Turned(TinyModel):
    """Gives a weight matrix the wrong way round."""

    def weight(self, name):
        return super().weight(name).T


class Misjoined(TinyModel):
    """Names another hook point as what a weight matrix feeds."""

    @cached_property
    def weights(self):
        weights = super().weights
        return {**weights, "readout": replace(weights["readout"], target="hook_embed")}


class Random(TinyModel):
    """Draws its weights anew at every load."""

    draws = iter(range(100))

    def __init__(self):
        super().__init__(TinyParams(init_seed=next(self.draws)))


MODELS = {
    Noticing: {"test_identity_hooks"},
    Silent: {"test_declared_hooks_fire"},
    Wide: {"test_declared_hooks_fire"},
    Secret: {"test_no_other_hooks"},
    Narrow: {"test_spans"},
    LastStep: {"test_cache"},
    Shifted: {"test_observe"},
    Backwards: {"test_batch"},
    LeakingAfterError: {"test_hooks_go_after_an_error"},
    Deaf: {"test_hooks_act"},
    Sweeping: {"test_rows"},
    Talkative: {"test_readout_of_nothing"},
    Sorting: {"test_readout_slices"},
    Flat: {"test_tokens"},
    Lacking: {"test_protocol", "test_tokens"},
    Changing: {"test_fingerprint_repeats"},
    Blind: {"test_fingerprint_tells"},
    Stray: {"test_weights"},
    Turned: {"test_weights"},
    Misjoined: {"test_weights"},
    Random: {"test_loads_equal", "test_fingerprint_repeats"},
}


@pytest.mark.parametrize("faulty", MODELS, ids=lambda model: model.__name__)
def test_a_faulty_model_breaks_its_own_promise(faulty):
    contract = type("Of", (OfTiny,), {"model": faulty})()
    assert set(problems(contract)) == promised(ModelContract, *MODELS[faulty])


def test_a_model_that_leaves_hooks_set_breaks_both_promises_of_it():
    contract = type("Of", (OfTiny,), {"model": Leaking})()
    expected = promised(ModelContract, "test_hooks_go", "test_hooks_go_after_an_error")
    assert expected <= set(problems(contract))


def test_offers_and_hook_points_must_agree():
    class Offering(OfTiny):
        def described(self):
            return replace(tiny_model, offers=(HookQuery(kind="neuron"), *tiny_model.offers[1:]))

    found = problems(Offering())
    assert set(found) == promised(ModelContract, "test_offers_are_kept", "test_offers_are_complete")
    assert "hook_embed" in found[promised(ModelContract, "test_offers_are_complete").pop()]


def test_a_problem_says_what_differs():
    contract = type("Of", (OfTiny,), {"model": Wide})()
    assert list(problems(contract).values()) == [f"{GATE} is [2, 7, 6] and should be [2, 7, 7]"]


class TestAModelWithoutSpec(ModelContract):
    """The promises of the spec are skipped, the others tried."""

    def build(self):
        return TinyModel(TinyParams(hidden=3, init_seed=4))

    def dataset(self):
        return tiny_dataset()


def test_examples_of_one_length_are_made_to_differ():
    class Same(OfTiny):
        def dataset(self):
            return ListDataset([Example(("the", "cat", "sees") * 9)] * 5)

    assert Same()._batch.lengths.tolist() == [11, 12]
    assert not problems(Same())


def test_a_subject_that_does_not_load_gives_one_problem():
    class Absent(ModelContract):
        spec = "probekit.testing.specs:tiny_model"
        params: ClassVar = {"hiden": 3}

    assert [found.problem for found in Absent().outcomes()] == [
        "hiden is not a parameter here (did you mean hidden?)."
    ]


# Specs and parameters.


class Endless(Params):
    """JSON has no infinity."""

    most: float = Field(float("inf"))


def test_parameters_must_survive_json():
    class Unlimited(TestTinySentences):
        def described(self):
            return replace(super().described(), params=f"{__name__}:Endless")

        def build(self):
            return tiny_dataset()

        def _parameters(self):
            return Endless()

        def test_no_torch(self):
            """It is not asked here."""

    found = problems(Unlimited())
    assert set(found) == promised(Contract, "test_json")
    assert "Endless" in found.popitem()[1]


def test_a_spec_must_not_import_torch(tmp_path, monkeypatch):
    (tmp_path / "torch.py").touch()  # the subprocess meets this one, which is there at once
    (tmp_path / "heavy_specs.py").write_text(
        "import torch\nfrom probekit.testing.specs import tiny_sentences\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    class Heavy(TestTinySentences):
        spec = "heavy_specs:tiny_sentences"

    found = problems(Heavy())
    assert set(found) == promised(Contract, "test_no_torch")
    assert found.popitem()[1].startswith("importing heavy_specs imports torch")
