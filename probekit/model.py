"""The Model interface, and the base class of models whose hook points are TransformerLens'.

    logits, cache = model.run_with_cache(batch)
    cache["encoder.rnn.layers.0.hook_update"]        # [batch, pos, unit], every step

Analyses know the interface alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import cached_property
from hashlib import sha256
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from transformer_lens import HookedRootModule
from transformer_lens.hook_points import HookPoint

from probekit.ablations import Ablation, intervene
from probekit.dataset import Batch, Dataset, Example, alike
from probekit.errors import ProbekitError, did_you_mean
from probekit.hooks import HookSpec
from probekit.progress import tick
from probekit.readout import Readout
from probekit.weights import WeightSpec, find_weight

NamesFilter = str | Sequence[str] | Callable[[str], bool] | None
HookFunction = Callable[..., Tensor | None]
See = Callable[[HookSpec, Tensor], None]

ROWS_AT_ONCE = 512  # rows of a forward pass that asks many ablations at once
EXAMPLES_AT_ONCE = 64  # few enough for their lengths to be alike


class Model(ABC):
    """A trained network whose internals are named hook points.

    It satisfies `transformer_lens.model_protocol.TransformerLensModel`. Activations are
    `[batch, pos, unit]`. Analyses reach a model through `encode`, `observe` and the two `run_with_`
    methods alone, so any driver that has these can stand behind it.
    """

    cfg: Any

    @property
    @abstractmethod
    def hook_specs(self) -> Mapping[str, HookSpec]:
        """The hook points by name, in the order of the forward pass."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """A hash of the configuration and of every weight."""

    @abstractmethod
    def encode(self, examples: Sequence[Example]) -> Batch:
        """Examples as a padded batch of token ids on the model's device."""

    @abstractmethod
    def to_tokens(self, text: Any) -> Tensor:
        """Token ids `[batch, pos]` of one text or several."""

    @abstractmethod
    def run_with_hooks(
        self, *args: Any, fwd_hooks: Sequence[tuple[Any, HookFunction]] = (), **kwargs: Any
    ) -> Any:
        """The output of a forward pass with hook functions set, which are removed afterwards."""

    @abstractmethod
    def run_with_cache(
        self, *args: Any, names_filter: NamesFilter = None, **kwargs: Any
    ) -> tuple[Any, dict[str, Tensor]]:
        """The output and the activations `[batch, pos, unit]` by hook point."""

    @property
    def weights(self) -> Mapping[str, WeightSpec]:
        """The weight matrices by name; none unless a model describes them."""
        return {}

    def weight(self, name: str) -> Float[Tensor, "to from"]:
        """The matrix of that name `[to, from]`, detached, a view where that is possible.

        Raises ProbekitError where `weights` has no such name.
        """
        find_weight(self.weights, name)
        raise NotImplementedError(f"{type(self).__name__} describes {name} and does not give it")

    def check(self, dataset: Dataset) -> None:  # noqa: B027 (a model that reads anything needs none)
        """Raise Problems where the dataset holds something that this model cannot read."""

    def unknown(self, example: Example) -> tuple[str, ...]:
        """The words of the example, its answer included, that this model has no entry for."""
        return ()

    def margin(
        self, batch: Batch, fwd_hooks: Sequence[tuple[Any, HookFunction]] = ()
    ) -> Float[Tensor, " batch"]:
        """By how much each right answer leads with hook functions set: above 0 where it wins.

        The model says what an answer is: a whole sequence, or one form chosen over another. The
        unit is that of logits: between two words it is the difference of their log-probabilities.
        """
        raise ProbekitError(
            f"{type(self).__name__} does not say whether an answer is right, so its answers cannot"
            " be scored; choose another model, or let its plugin define `margin`."
        )

    def margins(
        self, examples: Sequence[Example], ablations: Sequence[Ablation], rows: int = ROWS_AT_ONCE
    ) -> Float[Tensor, "ablation example"]:
        """The margin of every example under every ablation, `[ablation, example]`, on the CPU.

        Many ablations share a forward pass of at most `rows` rows. A driver that can share more
        (prefixes, layers that an ablation leaves as they are) overrides this one.
        """
        found = torch.zeros(len(ablations), len(examples))
        for block in alike(examples, min(EXAMPLES_AT_ONCE, rows)):
            some = [examples[at] for at in block]
            copies = max(1, min(rows // len(some), len(ablations)))
            whole = self.encode(some * copies)
            for start in range(0, len(ablations), copies):
                now = ablations[start : start + copies]
                batch = whole if len(now) == copies else self.encode(some * len(now))
                margin = self.margin(batch, intervene(now, len(some))).float().cpu()
                found[start : start + copies, block] = margin.view(len(now), -1)
                tick(margin.numel())
        return found

    def score(
        self, batch: Batch, fwd_hooks: Sequence[tuple[Any, HookFunction]] = ()
    ) -> Float[Tensor, " batch"]:
        """1.0 where the answer is right with hook functions set, 0.0 where not (see `margin`)."""
        margin = self.margin(batch, fwd_hooks)
        return (margin > 0).to(margin.dtype)

    def scores(self, dataset: Dataset) -> Mapping[str, float]:
        """The share of right answers (see `score`) on each split of the dataset, by its name."""
        raise no_surgery(self, "scores")

    @property
    def components(self) -> Mapping[str, tuple[str, ...]]:
        """The parts that another model of the kind can lend, each as the names of its parameters.

        Components may overlap (`encoder` holds `encoder.embedding`); none unless a model tells.
        """
        return {}

    def connections(self, hook: str, units: Sequence[int]) -> Mapping[str, Bool[Tensor, "..."]]:
        """All that leads into and out of units of a hook point: masks by parameter, True there.

        Biases lead in. With all of it at zero nothing reads these units, and they are silent unless
        they start from the state of another unit.
        """
        raise no_surgery(self, "connections")

    def parameter(self, name: str) -> Tensor:
        """The parameter of that name, detached; ProbekitError where there is none."""
        raise no_surgery(self, "parameter")

    def altered(self, values: Mapping[str, Tensor]) -> "Model":
        """A copy of this model in which the parameters named have these values."""
        raise no_surgery(self, "altered")

    def retrained(
        self,
        dataset: Dataset,
        seed: int,
        settings: Mapping[str, Any],
        frozen: Collection[str] = (),
        held: Mapping[str, Bool[Tensor, "..."]] | None = None,
    ) -> "Model":
        """A copy of this model, trained further by the procedure that it was trained by.

        The copy has the lowest validation loss of the training. `settings` are the trainer's own
        (`epochs`, `learning_rate`, ...). Parameters named in `frozen` stay as they are, bit for
        bit; entries of a parameter where its mask in `held` is True are zero from the start. The
        same seed gives the same copy; each epoch is a `tick`.
        """
        raise no_surgery(self, "retrained")

    def observe(self, batch: Batch, hooks: Iterable[HookSpec], see: See) -> None:
        """Run once without output, handing each activation `[batch, pos, unit]` to `see`.

        A driver that fires a hook point once with all positions may do so inside the hook, so that
        one activation at a time is held.
        """
        wanted = list(hooks)
        names = [spec.name for spec in wanted]
        with torch.no_grad():
            _, cache = self.run_with_cache(batch, names_filter=names, readout=Readout.nothing())
        for spec in wanted:
            see(spec, cache[spec.name])


def no_surgery(model: Model, method: str) -> ProbekitError:
    """What to raise where a model cannot be altered and trained further."""
    return ProbekitError(
        f"{type(model).__name__} cannot be altered and trained further; choose a model that"
        f" `probekit train` makes, or let its plugin define `{method}`."
    )


class HookedModel(HookedRootModule, Model):  # type: ignore[misc]
    """A model made of TransformerLens HookPoints, which may fire once a time step.

    A subclass defines its modules, its `hook_specs` and `forward`, and calls `self.setup()`.
    """

    def run_with_cache(
        self,
        *args: Any,
        names_filter: NamesFilter = None,
        device: Any = None,
        incl_bwd: bool = False,
        **kwargs: Any,
    ) -> tuple[Any, dict[str, Tensor]]:
        """The output and the activations, stacked over steps where a hook point fires once a step.

        With `incl_bwd` the output must be a scalar; gradients are under `NAME_grad`.
        """
        with self.capture(names_filter, incl_bwd=incl_bwd) as cache:
            output = self(*args, **kwargs)
            if incl_bwd:
                output.backward()
        return output, {name: value.to(device or value.device) for name, value in cache.items()}

    @contextmanager
    def capture(
        self, names_filter: NamesFilter = None, incl_bwd: bool = False
    ) -> Iterator[dict[str, Tensor]]:
        """Within it, forward passes are recorded; the dictionary is filled when it ends."""
        keep = as_predicate(names_filter)
        records = {name: Recorder() for name in self.hook_dict if keep(name)}
        forward = [(name, record.see) for name, record in records.items()]
        backward = [(name, record.see_grad) for name, record in records.items()]
        cache: dict[str, Tensor] = {}
        with self.hooks(fwd_hooks=forward, bwd_hooks=backward if incl_bwd else []):
            yield cache
        fired = {name: record for name, record in records.items() if record.fired}
        cache.update({name: record.stacked() for name, record in fired.items()})
        if incl_bwd:
            cache.update({f"{name}_grad": record.stacked_grad() for name, record in fired.items()})

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the configuration and of every weight."""
        digest = sha256(repr(self.cfg).encode())
        for name, value in sorted(self.state_dict().items()):
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
        return digest.hexdigest()

    def parameter(self, name: str) -> Tensor:
        """The parameter of that name, detached, a view."""
        found = dict(self.named_parameters())
        if name not in found:
            raise ProbekitError(
                f"{type(self).__name__} has no parameter {name}{did_you_mean(name, found)}."
            )
        return found[name].detach()  # type: ignore[no-any-return]

    def altered(self, values: Mapping[str, Tensor]) -> "HookedModel":
        """A copy of this model in which the parameters named have these values."""
        copy = deepcopy(self)
        copy.__dict__.pop("fingerprint", None)  # that of the weights before
        for name, value in values.items():
            place = copy.parameter(name)
            if place.shape != value.shape:
                sizes = [" x ".join(map(str, one.shape)) for one in (place, value)]
                raise ProbekitError(f"{name} is {sizes[0]}; a value of {sizes[1]} does not fit it.")
            place.copy_(value)
        return copy

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device  # type: ignore[no-any-return]


class Recorder:
    """Keeps what passes one hook point: a single tensor, or the steps of a recurrent layer."""

    def __init__(self) -> None:
        self.whole: Tensor | None = None
        self.steps: list[Tensor] = []
        self.grads: list[Tensor] = []
        self.recurrent = False

    @property
    def fired(self) -> bool:
        """Whether anything passed."""
        return self.whole is not None or bool(self.steps)

    def see(self, value: Tensor, hook: HookPoint) -> None:
        """Take one firing; those of a context (see Example) are left out.

        A recurrent layer that computes in place offers the buffer of all its steps as
        `ctx["steps"]` (`[pos, batch, unit]`): holding that costs nothing.
        """
        self.recurrent = "t" in hook.ctx
        if self.recurrent and hook.ctx["t"] < 0:
            return
        buffer = hook.ctx.get("steps")
        if buffer is not None:
            self.whole = buffer.transpose(0, 1)
        elif self.recurrent:
            self.steps.append(value.detach().clone())
        else:
            self.whole = value.detach()

    def see_grad(self, value: Tensor, hook: HookPoint) -> None:
        """Take one gradient; those of a recurrent layer come last step first."""
        self.grads.append(value.detach())

    def stacked(self) -> Tensor:
        """What was seen, `[batch, pos, unit]`."""
        return torch.stack(self.steps, dim=1) if self.whole is None else self.whole

    def stacked_grad(self) -> Tensor:
        """The gradients, `[batch, pos, unit]`; 0 at last steps that nothing reads any more."""
        if not self.recurrent:
            return self.grads[0]
        unread = self.steps[len(self.grads) :]
        return torch.stack([*self.grads[::-1], *map(torch.zeros_like, unread)], dim=1)


def as_predicate(names_filter: NamesFilter) -> Callable[[str], bool]:
    """TransformerLens' names_filter (None, a name, several, or a function) as a function."""
    if names_filter is None:
        return lambda _: True
    if isinstance(names_filter, str):
        return lambda name: name == names_filter
    if callable(names_filter):
        return names_filter
    wanted = set(names_filter)
    return lambda name: name in wanted
