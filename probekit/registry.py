"""The registry: entry points -> specs. One broken plugin never hides the others.

    entry = registry().find("gate-saturation", "analysis", "recipe")
    entry.spec, entry.id

The canonical id is `distribution/name`; the bare name serves where it is unique.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from probekit.errors import ProbekitError, did_you_mean, listing
from probekit.specs import (
    API_VERSION,
    AnalysisSpec,
    DatasetSpec,
    EngineSpec,
    ModelSpec,
    Noun,
    RecipeSpec,
    Spec,
)

GROUPS: Mapping[str, type[Spec]] = {
    "probekit.models": ModelSpec,
    "probekit.datasets": DatasetSpec,
    "probekit.analyses": AnalysisSpec,
    "probekit.recipes": RecipeSpec,
    "probekit.engines": EngineSpec,
}


@dataclass(frozen=True)
class Entry:
    """A spec and the installed distribution that registered it."""

    spec: Spec
    distribution: str
    version: str

    @property
    def id(self) -> str:
        """The canonical id, `distribution/name`."""
        return f"{self.distribution}/{self.spec.name}"


@dataclass(frozen=True)
class Broken:
    """An entry point that could not be used, and why."""

    name: str
    noun: Noun
    distribution: str
    version: str
    reason: str

    @property
    def id(self) -> str:
        """The canonical id, `distribution/name`."""
        return f"{self.distribution}/{self.name}"


class Registry:
    """Everything that the installed plugins offer, sound or broken."""

    def __init__(self, points: Iterable[EntryPoint]) -> None:
        found = sorted((_read(point) for point in points), key=lambda row: row.id)
        self.entries = [row for row in found if isinstance(row, Entry)]
        self.broken = [row for row in found if isinstance(row, Broken)]

    def of(self, *nouns: Noun) -> list[Entry]:
        """The sound entries of these nouns, in the order of their ids."""
        return [entry for entry in self.entries if entry.spec.noun in nouns]

    def find(self, name: str, *nouns: Noun) -> Entry:
        """The entry of that name or id.

        Raises ProbekitError where there is none (with the nearest name), where two plugins claim
        the bare name (with both ids), and where the plugin is broken (with the cause).
        """
        matches = [entry for entry in self.of(*nouns) if name in (entry.spec.name, entry.id)]
        if len(matches) > 1:
            ids = " and ".join(f"{entry.id} ({entry.spec.noun})" for entry in matches)
            raise ProbekitError(f"the name {name} is claimed by {ids}; give one of these in full.")
        if matches:
            return matches[0]
        raise ProbekitError(self._absence(name, nouns))

    def _absence(self, name: str, nouns: tuple[Noun, ...]) -> str:
        for row in self.broken:
            if row.noun in nouns and name in (row.name, row.id):
                return f"{row.id} {row.version} cannot be used: {row.reason}"
        known = [entry.spec.name for entry in self.of(*nouns)]
        hint = did_you_mean(name, known) or f"; installed: {listing(sorted(known))}"
        return f"no {' or '.join(nouns)} is called {name}{hint}."


def _read(point: EntryPoint) -> Entry | Broken:
    """The spec behind an entry point; whatever a plugin does on import becomes a reason."""
    distribution = point.dist.name if point.dist else "unknown"
    version = point.dist.version if point.dist else ""
    expected = GROUPS[point.group]
    try:
        spec = point.load()
        reason = _mismatch(spec, expected, point.name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        reason = f"{type(error).__name__}: {error}"
    if reason:
        return Broken(point.name, expected.noun, distribution, version, " ".join(reason.split()))
    return Entry(spec, distribution, version)


def _mismatch(spec: object, expected: type[Spec], name: str) -> str:
    if isinstance(spec, Spec) and spec.api != API_VERSION:
        return f"incompatible: written for plugin API {spec.api}, this probekit has {API_VERSION}"
    if not isinstance(spec, expected):
        return f"the entry point names a {type(spec).__name__}, not a {expected.__name__}"
    if spec.name != name:
        return f"the entry point is called {name}, its spec {spec.name}"
    return ""


@cache
def registry() -> Registry:
    """The registry of the running interpreter, read once."""
    return Registry(point for group in GROUPS for point in entry_points(group=group))
