"""What every model promises.

    class TestGRU(ModelContract):
        name = "gru-seq2seq"
        params = {"checkpoint": "untrained"}            # `model.` keys
        data_params = {"split": ["train"]}              # `data.` keys of the model's usual dataset

Everything runs on the CPU, on four short examples.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, cast
from unittest import SkipTest

import torch
from torch import Tensor
from transformer_lens.hook_points import HookPoint
from transformer_lens.model_protocol import TransformerLensModel

from probekit.dataset import Batch, Dataset, Example
from probekit.errors import ProbekitError
from probekit.hooks import HookSpec, Part
from probekit.interventions import zero_units
from probekit.model import Model
from probekit.readout import Readout
from probekit.specs import ModelSpec, resolve
from probekit.testing.comparing import assert_close, assert_equal, into, shape_of, stacked
from probekit.testing.contract import Contract
from probekit.testing.loading import load_dataset
from probekit.testing.state import hooks_left, weights_of

SHOWN = 4
LONGEST = 12
ROUNDING = 1e-6

Cache = dict[str, Tensor]


class ModelContract(Contract):
    """The promises of a model, tried on a few short examples of different lengths.

    `data` names the dataset, by default the model's usual one. A model that is not registered is
    given by `build`, and what it is shown by `dataset`.
    """

    noun = "model"
    data: str = ""
    data_params: ClassVar[Mapping[str, Any]] = {}
    tolerance: float = 1e-5

    def build(self) -> Model:
        """The model, loaded anew."""
        implementation = resolve(self.described().implementation)
        return cast("Model", implementation(self._parameters(), "cpu"))

    def dataset(self) -> Dataset:
        """The dataset whose first examples the model is shown."""
        registered = bool(self.name or self.spec)
        name = self.data or (self.described().data if registered else "")
        if not name:
            raise ProbekitError(
                f"{self.name or 'the model'} goes with no dataset of its own, so there is nothing "
                "to show it: write a subclass of ModelContract with data = NAME."
            )
        return load_dataset(name, self.data_params)

    def described(self) -> ModelSpec:
        """The spec of the model."""
        return cast("ModelSpec", super().described())

    def tensors(self, model: Model) -> Sequence[Tensor]:
        """Weights that the fingerprint must depend on."""
        return weights_of(model)

    def test_protocol(self) -> None:
        """It has what TransformerLens' own utilities ask of a model."""
        assert isinstance(self._model, TransformerLensModel), (
            "it lacks cfg, run_with_cache, run_with_hooks or to_tokens"
        )

    def test_tokens(self) -> None:
        """It turns a text into ids [batch, pos] and reads them, or says what else it needs."""
        text = " ".join(self._batch.examples[0].words)
        tokens = self._model.to_tokens(text)
        assert tokens.ndim == 2, f"to_tokens gives {shape_of(tokens)} for one text"
        try:
            with torch.no_grad():
                output = self._model.run_with_hooks(tokens)
        except ProbekitError:
            return
        found = shape_of(output)
        assert output.ndim == 3, f"its output for ids [batch, pos] is {found}"
        assert len(output) == 1, f"its output for one text is {found}"

    def test_identity_hooks(self) -> None:
        """An identity hook on every hook point leaves the output bitwise equal."""
        for grads in (False, True):
            plain = self._run(grads=grads)
            for identity in (_same_tensor, _equal_tensor):
                hooked = self._run([(name, identity) for name in self._specs], grads=grads)
                mode = "with gradients" if grads else "without gradients"
                assert_equal(hooked, plain, f"the output {mode}")

    def test_declared_hooks_fire(self) -> None:
        """Every declared hook point fires, as [batch, pos, unit] of the declared width."""
        silent = [name for name in self._specs if name not in self._cache]
        assert not silent, f"{silent[0]} never fires"
        for spec, values in self._fired():
            width = values.shape[-1] if spec.width is None else spec.width
            expected = (*self._batch.mask(spec.part).shape, width)
            assert tuple(values.shape) == expected, (
                f"{spec.name} is {shape_of(values)} and should be [{', '.join(map(str, expected))}]"
            )

    def test_no_other_hooks(self) -> None:
        """Nothing fires that is not declared."""
        points = getattr(self._model, "hook_dict", self._specs)
        extra = sorted({*self._cache, *points} - {*self._specs})
        assert not extra, f"{extra[0]} is no hook point that hook_specs declares"

    def test_spans(self) -> None:
        """Values lie in the declared span."""
        for spec, values in self._fired():
            real = values[self._batch.mask(spec.part)]
            low, high = spec.span
            inside = (real >= low - ROUNDING) & (real <= high + ROUNDING)
            assert bool(inside.all()), (
                f"{spec.name} holds {real[~inside][0].item():g}, outside {low:g} to {high:g}"
            )

    def test_cache(self) -> None:
        """The cache holds what hooks see, a hook point that fires once a step being stacked."""
        seen: dict[str, list[Tensor]] = {}
        self._run([(name, into(seen.setdefault(name, []))) for name in self._specs])
        for spec, values in self._fired():
            assert_equal(values, stacked(seen[spec.name], spec.name), f"{spec.name} in the cache")

    def test_observe(self) -> None:
        """`observe` hands over what the cache holds."""
        every = [spec for spec, _ in self._fired()]
        for wanted in (every, every[-1:]):
            seen: Cache = {}
            self._model.observe(
                self._batch,
                wanted,
                lambda spec, values: seen.update({spec.name: values.clone()}),  # noqa: B023
            )
            names = [spec.name for spec in wanted]
            assert sorted(seen) == sorted(names), f"asked for {names}, it handed over {list(seen)}"
            for spec in wanted:
                mask = self._batch.mask(spec.part)
                expected = self._cache[spec.name][mask]
                self._close(seen[spec.name][mask], expected, f"{spec.name} as observed")

    def test_batch(self) -> None:
        """A batch gives at real positions what each of its examples gives alone."""
        output_part = self._output_part()
        for row, example in enumerate(self._batch.examples):
            alone = self._model.encode([example])
            with torch.no_grad():
                output, cache = self._model.run_with_cache(alone)
            self._compare_row(row, alone, self._output, output, output_part, "the output")
            for spec, values in self._fired():
                if spec.stage == "post":
                    one = cache[spec.name]
                    self._compare_row(row, alone, values, one, spec.part, spec.name)

    def test_hooks_go(self) -> None:
        """Hooks are gone after a run."""
        self._check_gone(lambda model, hooks: model.run_with_hooks(self._batch, fwd_hooks=hooks))

    def test_hooks_go_after_an_error(self) -> None:
        """Hooks are gone after a run in which one of them raised."""

        def run(model: Model, hooks: list[tuple[str, Any]]) -> None:
            last = [*self._cache][-1]
            try:
                model.run_with_hooks(self._batch, fwd_hooks=[*hooks, (last, _refuse)])
            except Exception:
                return
            raise AssertionError("an error in a hook function is lost")

        self._check_gone(run)

    def test_hooks_act(self) -> None:
        """What a hook returns is what the model goes on with."""
        for spec, _ in self._fired():
            changed = self._run([(spec.name, lambda value, hook: 1 - value)])  # noqa: ARG005
            same = changed.shape == self._output.shape and torch.equal(changed, self._output)
            assert not same, f"another value at {spec.name} leaves the output as it was"

    def test_rows(self) -> None:
        """Zeroing a unit in one row changes that row alone."""
        row = len(self._batch) - 1
        for spec, values in self._fired():
            if spec.stage == "post" and spec.width is not None:
                self._check_row(spec.name, row, values.shape[-1] // 2)

    def test_readout_of_nothing(self) -> None:
        """`Readout.nothing()` gives no output columns."""
        with torch.no_grad():
            output = self._model.run_with_hooks(self._batch, readout=Readout.nothing())
        assert tuple(output.shape) == (len(self._batch), 0), f"it gives {shape_of(output)}"

    def test_readout_slices(self) -> None:
        """A readout of chosen positions and items is that slice of the full output."""
        positions = [int(count) - 1 for count in self._batch.mask(self._output_part()).sum(1)]
        items = [self._output.shape[-1] - 1, 0]
        rows = torch.arange(len(positions))
        for form in ("logits", "log_probs"):
            full = self._output.log_softmax(-1) if form == "log_probs" else self._output
            with torch.no_grad():
                found = self._model.run_with_hooks(
                    self._batch, readout=Readout(positions, items, cast("Any", form))
                )
            expected = full[rows, torch.tensor(positions)][:, items]
            self._close(found, expected, f"{form} of two items at one position a row")

    def test_loads_equal(self) -> None:
        """Loaded twice it gives equal outputs."""
        with torch.no_grad():
            output = self._second.run_with_hooks(self._batch)
        assert_equal(output, self._output, "the output of a second load")

    def test_fingerprint_repeats(self) -> None:
        """Its fingerprint repeats on a second load."""
        first, second = self._model.fingerprint, self._second.fingerprint
        assert first == second, f"it is {first[:12]}..., then {second[:12]}..."

    def test_fingerprint_tells(self) -> None:
        """Its fingerprint changes when a weight changes."""
        count = len(self.tensors(self._model))
        assert count, "it shows no weights; override `tensors` in a subclass of ModelContract"
        for index in {0, count - 1}:
            changed = self.build()
            with torch.no_grad():
                self.tensors(changed)[index].view(-1)[-1] += 1
            assert changed.fingerprint != self._model.fingerprint, (
                f"it stays the same though weight {index} of {count} has changed"
            )

    def test_weights(self) -> None:
        """Weight matrices have the declared shapes, which fit the hook points that they join."""
        if not self._model.weights:
            raise SkipTest("it describes no weight matrices")
        for spec in self._model.weights.values():
            shape = tuple(self._model.weight(spec.name).shape)
            assert shape == spec.shape, f"{spec.name} is {shape} and should be {spec.shape}"
            self._check_end(spec.name, shape[0], spec.target, spec.rows)
            self._check_end(spec.name, shape[1], spec.source, spec.columns)

    def test_offers_are_kept(self) -> None:
        """Every offer of its spec is matched by a hook point."""
        self._need_spec()
        for offer in self.described().offers:
            assert any(offer.admits(spec) for spec in self._specs.values()), (
                f"the spec offers {offer} hook points, and the model has none"
            )

    def test_offers_are_complete(self) -> None:
        """Every hook point after its non-linearity is offered by its spec."""
        self._need_spec()
        offers = self.described().offers
        for spec in self._specs.values():
            assert spec.stage == "pre" or any(offer.admits(spec) for offer in offers), (
                f"no offer of the spec admits {spec.name}, so no analysis will find it"
            )

    def _load(self) -> None:
        assert len(self._batch), "it encodes examples as an empty batch"

    @property
    def _model(self) -> Model:
        return self._once("subject", self.build)

    @property
    def _second(self) -> Model:
        return self._once("second", self.build)

    @property
    def _specs(self) -> Mapping[str, HookSpec]:
        return self._model.hook_specs

    @property
    def _batch(self) -> Batch:
        return self._once("batch", lambda: self._model.encode(short_examples(self.dataset())))

    @property
    def _cached(self) -> tuple[Tensor, Cache]:
        def run() -> tuple[Tensor, Cache]:
            with torch.no_grad():
                return self._model.run_with_cache(self._batch)

        return self._once("cached", run)

    @property
    def _cache(self) -> Cache:
        return self._cached[1]

    @property
    def _output(self) -> Tensor:
        return self._once("output", self._run)

    def _output_part(self) -> Part | None:
        parts = {spec.part for spec in self._specs.values()}
        return "decoder" if "decoder" in parts else None

    def _fired(self) -> Iterable[tuple[HookSpec, Tensor]]:
        """The declared hook points that fired, with their values."""
        return [
            (spec, self._cache[name]) for name, spec in self._specs.items() if name in self._cache
        ]

    def _run(
        self, hooks: Sequence[tuple[str, Callable[..., Any]]] = (), grads: bool = False
    ) -> Tensor:
        with torch.set_grad_enabled(grads):
            output = self._model.run_with_hooks(self._batch, fwd_hooks=list(hooks))
        return cast("Tensor", output.detach())

    def _compare_row(
        self, row: int, alone: Batch, many: Tensor, one: Tensor, part: Part | None, what: str
    ) -> None:
        """One row of a batch against the same example alone, at the real positions of that part."""
        real = many[row][self._batch.mask(part)[row]]
        expected = one[0][alone.mask(part)[0]]
        real, beyond = real[..., : expected.shape[-1]], real[..., expected.shape[-1] :]
        self._close(real, expected, f"{what} of example {row} among others")
        assert not beyond.any(), f"{what} of example {row} reaches into the padding"

    def _check_gone(self, run: Callable[[Model, list[tuple[str, Any]]], object]) -> None:
        """No hook fires in the next run, and the output is what it was before."""
        model, first = self.build(), next(iter(self._cache))
        calls: list[HookPoint] = []
        with torch.no_grad():
            before = model.run_with_hooks(self._batch)
            run(model, [(first, lambda value, hook: calls.append(hook))])  # noqa: ARG005
            fired = len(calls)
            after = model.run_with_hooks(self._batch)
        assert fired, "the hook never fired"
        assert len(calls) == fired, "a hook of one run fires in the next"
        left = hooks_left(model)
        assert not left, f"a hook is still set on {left[0]}"
        assert_equal(after, before, "the output of the next run")

    def _check_row(self, name: str, row: int, unit: int) -> None:
        """The effect of one unit at zero in one row, against an intervention that does nothing."""
        seen: list[Tensor] = []
        off = zero_units(name, [unit], rows=[row])
        baseline = self._run([(name, _equal_tensor)])
        output = self._run([off, (name, into(seen))])
        values, expected = stacked(seen, name), self._cache[name].clone()
        assert not values[row, :, unit].any(), f"unit {unit} of {name} is not zero in row {row}"
        others = [other for other in range(len(self._batch)) if other != row]
        assert_equal(values[others], expected[others], f"{name} in the other rows")
        assert_equal(output[others], baseline[others], f"the output of the rows beside {name}'s")

    def _check_end(self, name: str, count: int, hook: str, words: Sequence[str]) -> None:
        """The rows or columns of a weight matrix against the hook point and the words they are."""
        assert not hook or hook in self._specs, f"{name} joins {hook}, which is no hook point"
        width = self._specs[hook].width if hook else count
        assert width == count, f"{name} joins {count} units, but {hook} has {width}"
        assert len(words) in (0, count), f"{name} names {len(words)} words for {count} units"

    def _close(self, found: Tensor, expected: Tensor, what: str) -> None:
        assert_close(found, expected, what, self.tolerance)


def short_examples(dataset: Dataset) -> list[Example]:
    """A few examples of different lengths, cut short where they are long, without their context.

    Where all have one length, the last word of one is left out.
    """
    if not len(dataset):
        raise ProbekitError(f"the dataset {dataset.name} has no examples.")
    by_length = {len(example.words): example for example in map(_cut, dataset[:200])}
    found = sorted(by_length.values(), key=lambda example: len(example.words))[-SHOWN:]
    if len(found) == 1:
        found.insert(0, _cut(found[0], max(1, len(found[0].words) - 1)))
    return found


def _cut(example: Example, most: int = LONGEST) -> Example:
    words, target = example.words[:most], example.target[:most]
    return replace(example, words=words, target=target, context=())


def _same_tensor(value: Tensor, hook: HookPoint) -> Tensor:  # noqa: ARG001
    return value


def _refuse(value: Tensor, hook: HookPoint) -> Tensor:  # noqa: ARG001
    raise RuntimeError("this hook refuses")


def _equal_tensor(value: Tensor, hook: HookPoint) -> Tensor:  # noqa: ARG001
    return value.clone()
