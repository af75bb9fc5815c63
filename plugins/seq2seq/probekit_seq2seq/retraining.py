"""The encoder-decoder altered and trained further: components lent, frozen, and units removed.

model = load_gru(GruParams(checkpoint="guided"), "cpu")
names = model.components["decoder.input"]
changed = model.altered({name: other.parameter(name) for name in names})
healed = changed.retrained(data, 0, {"epochs": 20}, frozen=names)
healed.scores(data)["new_compositions"]
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from probekit.dataset import Dataset
from probekit.errors import ProbekitError, Problems, did_you_mean
from probekit.hooks import HookSpec, Part
from probekit.params import validate
from probekit_seq2seq.model import Seq2Seq
from probekit_seq2seq.params import SPLITS, TrainingParams
from probekit_seq2seq.training import fit

SIDES: tuple[Part, ...] = ("encoder", "decoder")
STATES = ("gate", "candidate", "cell", "hidden")  # unit i of each is unit i of the layer
SETTLED = ("cell", "embedding", "hidden", "init_range", "seeds")  # when the model was made

Masks = Mapping[str, Bool[Tensor, "..."]]


class Retrainable(Seq2Seq):
    """A Seq2Seq that can be altered and trained further.

    `guidance` says whether its attention was trained as well; None where its file does not say.
    """

    guidance: bool | None = None

    @cached_property
    def components(self) -> Mapping[str, tuple[str, ...]]:
        """Each side whole, and its embedding, input and recurrent weights without their biases.

        The whole encoder holds its biases too; the whole decoder also attention, merge and output.
        """
        names = [name for name, _ in self.named_parameters()]
        return {
            f"{side}{part}": tuple(name for name in names if name.startswith(f"{side}{prefix}"))
            for side in SIDES
            for part, prefix in (
                ("", "."),
                (".embedding", ".embedding.weight"),
                (".input", ".rnn.weight_ih"),
                (".recurrent", ".rnn.weight_hh"),
            )
        }

    def connections(self, hook: str, units: Sequence[int]) -> Masks:
        """All that leads into and out of units of the encoder or the decoder: masks by parameter.

        A decoder unit starts from the encoder's unit of that number, whatever its connections.
        """
        part = self._layer_of(hook).part
        assert part is not None
        masks = {}
        for name, weight in getattr(self, part).rnn.named_parameters():
            mask = torch.zeros_like(weight, dtype=torch.bool)
            mask.view(-1, self.cfg.hidden, *weight.shape[1:])[:, units] = True
            if name.startswith("weight_hh"):
                mask[:, units] = True
            masks[f"{part}.rnn.{name}"] = mask
        for name, first in _readers(part, self.cfg.hidden):
            mask = torch.zeros_like(self.parameter(name), dtype=torch.bool)
            mask[:, [first + unit for unit in units]] = True
            masks[name] = mask
        return masks

    def _layer_of(self, hook: str) -> HookSpec:
        if hook not in self.hook_specs:
            hint = did_you_mean(hook, self.hook_specs)
            raise ProbekitError(f"this model has no hook point {hook}{hint}.")
        spec = self.hook_specs[hook]
        if spec.kind not in STATES:
            raise ProbekitError(
                f"{hook} shows no units of a recurrent layer, and only those can be disconnected."
            )
        return spec

    def scores(self, dataset: Dataset) -> Mapping[str, float]:
        """The share of sequences that are right in every word, by split."""
        return {name: self.sequence_accuracy(part) for name, part in _splits(dataset)}

    def retrained(
        self,
        dataset: Dataset,
        seed: int,
        settings: Mapping[str, Any],
        frozen: Collection[str] = (),
        held: Masks | None = None,
    ) -> "Retrainable":
        """A copy trained further on the split `train`, as `fit` does; the best on `validation`.

        `settings` are those of TrainingParams; `guidance` is the model's own unless given.
        """
        params = schedule(self, settings)
        masks = held or {}
        copy = self.altered(
            {name: self.parameter(name).masked_fill(mask, 0.0) for name, mask in masks.items()}
        )
        assert isinstance(copy, Retrainable)
        train, validation = dataset.split("train"), dataset.split("validation")
        with _only(copy, frozen, masks):
            fitted = fit(copy, list(train), list(validation), params, seed)
        copy.load_state_dict(fitted.best)
        return copy


def schedule(model: Retrainable, settings: Mapping[str, Any]) -> TrainingParams:
    """How to train a model further.

    Raises Problems where a setting is unknown, refused, or was settled when the model was made,
    and ProbekitError where it is not known whether the model was trained with guidance.
    """
    given = {"guidance": model.guidance, **settings}
    if given["guidance"] is None:
        raise ProbekitError(
            "this model does not say whether it was trained with attentive guidance; give"
            ' settings={"guidance": true} or false.'
        )
    settled = [f"{key} was settled when the model was made." for key in SETTLED if key in given]
    params, problems = validate(TrainingParams, given)
    if settled or params is None:
        raise Problems([*settled, *problems])
    return params


def _splits(dataset: Dataset) -> Iterator[tuple[str, Dataset]]:
    """The splits of the task that the dataset has."""
    for name in SPLITS:
        try:
            found = dataset.split(name)
        except ProbekitError:
            continue
        yield name, found


def _readers(part: Part, hidden: int) -> tuple[tuple[str, int], ...]:
    """What reads the states of a side beside its own recurrence: a weight and its first column."""
    scoring, merge = "decoder.attention.method.mlp.weight", "decoder.ffocus_merge.weight"
    if part == "encoder":
        return (scoring, 0), (merge, 0), ("decoder.rnn.weight_ih_l0", 0)
    return (scoring, hidden), ("decoder.out.weight", 0)


@contextmanager
def _only(model: Seq2Seq, frozen: Collection[str], held: Masks) -> Iterator[None]:
    """Within it, frozen parameters have no gradient, and held entries one of zero.

    Adam leaves an entry that never had a gradient where it is, so those that are zero stay so.
    """
    if missing := {*frozen, *held} - {name for name, _ in model.named_parameters()}:
        model.parameter(min(missing))  # says that there is none
    watches = []
    free = [(name, weight) for name, weight in model.named_parameters() if name not in frozen]
    if not free:
        raise ProbekitError("every parameter is frozen, so nothing is left to train.")
    model.requires_grad_(False)
    for name, weight in free:
        weight.requires_grad_(True)
        if name in held:
            watches.append(weight.register_hook(partial(_blank, held[name])))
    try:
        yield
    finally:
        model.requires_grad_(True)
        for watch in watches:
            watch.remove()


def _blank(mask: Tensor, gradient: Tensor) -> Tensor:
    return gradient.masked_fill(mask, 0.0)
