"""One forward pass in nnsight that stops at some places: the body that is sent where it runs."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from probekit_nnsight.importing import import_nnsight


class Visit(NamedTuple):
    """A place in the forward pass and what is done there.

    `functions` are called with `[batch, pos, unit]` and `hook=place`, and may give a new value;
    with `keep` the value behind them is kept under `name`.
    """

    name: str
    module: str
    at: str
    index: int | None
    functions: list[Callable[..., Tensor | None]]
    place: Any
    keep: bool


def visit(
    network: Any, tokens: Tensor, visits: Sequence[Visit], skip: int, until: str
) -> tuple[dict[str, Tensor], Any]:
    """Run the network on `tokens [batch, pos]`; gives what was kept, and what it came to.

    It goes `until` the last of the `visits` (then None), until the `head` (what that reads), or to
    the `end` (the logits). Functions are not shown the first `skip` positions. Remotely the body
    of the trace is sent away, so it names nothing that is not sent along.
    """
    nnsight = import_nnsight()
    envoy, head, sent = network.envoy, network.head, _sent(network.remote)
    stops = [tuple(one) for one in visits]
    shape, act = tuple(tokens.shape), _act
    with envoy.trace(tokens, **sent) as tracer:
        found = nnsight.save({})
        for name, module, at, index, functions, place, keep in stops:
            part = envoy.get(module)
            whole = part.input if at == "input" else part.output
            value = whole if index is None else whole[index]
            shown, changed = act(value, shape, skip, functions, place)
            if keep:
                found[name] = shown.detach()
            if changed is not None and index is not None:
                changed = (*whole[:index], changed, *whole[index + 1 :])
            if changed is not None and at == "input":
                part.input = changed
            elif changed is not None:
                part.output = changed
        output = nnsight.save([None])
        if until == "visits":
            tracer.stop()
        elif until == "head":
            output[0] = envoy.get(head).input
            tracer.stop()
        else:
            output[0] = getattr(envoy.output, "logits", envoy.output)
    return found, output[0]


def _sent(remote: Any) -> dict[str, Any]:
    """What tells nnsight to run somewhere else."""
    return {"remote": remote} if remote else {}


def _act(
    value: Tensor,
    shape: tuple[int, int],
    skip: int,
    functions: Sequence[Callable[..., Tensor | None]],
    place: Any,
) -> tuple[Tensor, Tensor | None]:
    """What functions are shown in the end, and the whole tensor where they changed it.

    Some families have batch and positions in one axis.
    """
    whole = value if value.ndim == 3 else value.view(*shape, value.shape[-1])
    shown, changed = whole[:, skip:], False
    for function in functions:
        new = function(shown, hook=place)
        if new is not None and new is not shown:
            shown, changed = new, True
    if not changed:
        return shown, None
    if skip:
        whole = whole.clone()
        whole[:, skip:] = shown
    else:
        whole = shown
    return shown, whole.reshape(value.shape)
