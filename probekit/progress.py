"""Progress from deep inside a measurement, without passing anything down to it.

    for batch in batches:
        ...
        tick(len(batch))

Whoever runs the shard listens; without a listener a tick costs next to nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_listener: ContextVar[Callable[[int], None] | None] = ContextVar("listener", default=None)


def tick(amount: int = 1) -> None:
    """Say that `amount` of the current shard's `size` is done; free where nobody listens."""
    listener = _listener.get()
    if listener is not None:
        listener(amount)


@contextmanager
def listening(listener: Callable[[int], None]) -> Iterator[None]:
    """Within it, `tick` reports to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
