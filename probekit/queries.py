"""Queries: described things are chosen by what they are, never by parsing their names.

Hook points and weight matrices are both chosen so; see probekit.hooks and probekit.weights.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

from probekit.errors import ProbekitError

S = TypeVar("S")
Q = TypeVar("Q", bound="Query")


@dataclass(frozen=True, kw_only=True)
class Query:
    """What is asked for; a field that is None admits every value."""

    def admits(self, found: object) -> bool:
        """Whether `found` has every value asked for.

        Against another query (what a model plugin says it offers before any model is loaded), a
        field that the other leaves open counts as offered.
        """
        is_query = isinstance(found, Query)
        for field in fields(self):
            wanted, has = getattr(self, field.name), getattr(found, field.name)
            if wanted is not None and wanted != has and not (is_query and has is None):
                return False
        return True


def choose(specs: Iterable[S], queries: Sequence[Q], absence: Callable[[Q], str]) -> list[S]:
    """Those that any query admits, in their order.

    Raises ProbekitError with `absence(query)` at the first query that admits none.
    """
    offered = list(specs)
    for query in queries:
        if not any(query.admits(spec) for spec in offered):
            raise ProbekitError(absence(query))
    return [spec for spec in offered if any(query.admits(spec) for query in queries)]
