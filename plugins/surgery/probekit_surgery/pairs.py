"""Which model receives a component from which, by their labels in the run."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from probekit.errors import ProbekitError, did_you_mean, listing
from probekit.model import Model
from probekit_surgery.params import SubstitutionParams


class Pair(NamedTuple):
    """Two models by their labels; `kind` is what receives what, `baseline into guided`."""

    receiver: str
    donor: str
    kind: str


def pairs(labels: Sequence[str], params: SubstitutionParams) -> list[Pair]:
    """The pairs that the parameters name, or the halves of the run in order, in both directions.

    Raises ProbekitError where a label is none of the run's, and where the models make no halves.
    """
    if params.receivers:
        return _named(labels, params)
    if len(labels) < 2 or len(labels) % 2:
        raise ProbekitError(
            f"a component goes from one model into another, and this run has {len(labels)}; name"
            " two, or as many donors as receivers, as model.checkpoint=A,B."
        )
    half = len(labels) // 2
    first, second = params.kinds or (labels if half == 1 else ("first half", "second half"))
    both = list(zip(labels[:half], labels[half:], strict=True))
    return [Pair(after, before, f"{first} into {second}") for before, after in both] + [
        Pair(before, after, f"{second} into {first}") for before, after in both
    ]


def _named(labels: Sequence[str], params: SubstitutionParams) -> list[Pair]:
    for label in (*params.receivers, *params.donors):
        if label not in labels:
            hint = did_you_mean(label, labels) or f"; it has: {listing(labels)}"
            raise ProbekitError(f"this run has no model labelled {label}{hint}.")
    named = list(zip(params.receivers, params.donors, strict=True))
    donors, receivers = params.kinds or ("donors", "receivers")
    if len(named) == 1 and not params.kinds:
        receivers, donors = named[0]
    return [Pair(receiver, donor, f"{donors} into {receivers}") for receiver, donor in named]


def components(receiver: Model, donor: Model, pair: Pair, asked: Sequence[str]) -> list[str]:
    """The components that go over: those asked for, or all of the receiver's.

    Raises ProbekitError where either model has no such component, or another size of it.
    """
    for name in asked or receiver.components:
        for label, model in ((pair.receiver, receiver), (pair.donor, donor)):
            _need(label, model.components, name)
        if _shapes(receiver, name) != _shapes(donor, name):
            raise ProbekitError(
                f"{name} of {pair.donor} does not fit into {pair.receiver}, whose own has other"
                " sizes or parts; choose models of the same sizes."
            )
    if not receiver.components:
        _need(pair.receiver, {}, "")
    return list(asked or receiver.components)


def _need(label: str, found: Mapping[str, tuple[str, ...]], name: str) -> None:
    if not found:
        raise ProbekitError(
            f"{label} names no components that could be put into another model; choose another, or"
            " let its plugin define `components`."
        )
    if name not in found:
        hint = did_you_mean(name, found) or f"; it has: {listing(found)}"
        raise ProbekitError(f"{label} has no component {name}{hint}.")


def _shapes(model: Model, component: str) -> dict[str, tuple[int, ...]]:
    return {name: tuple(model.parameter(name).shape) for name in model.components[component]}
