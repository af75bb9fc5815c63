"""The tables of gate dynamics: every position, and the moments of a sentence that figure 1c names.

A number unit that stores its number across words (lakretz2019, section 4.1) opens its input gate at
the subject and keeps it shut until the verb, forgets at the subject and remembers until the verb,
and shows its cell when the verb is to be predicted.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from probekit.hooks import HookSpec
from probekit.places import content
from probekit_gates.followed import Followed
from probekit_gates.moments import Moments
from probekit_gates.sentences import Group

SUBJECT, BETWEEN, BEFORE = "subject", "between", "before"
PREDICTED: Mapping[str, tuple[str, ...]] = {
    "input gate": (SUBJECT, BETWEEN),
    "forget gate": (SUBJECT, BETWEEN),
    "output gate": (BEFORE,),
}
# As in the figures of the paper: what may enter, what lets it in, what keeps it, what is held.
ORDER = (
    "candidate", "reset gate", "update gate", "input gate", "forget gate", "cell", "output gate",
    "hidden",
)  # fmt: skip


@runtime_checkable
class Found(Protocol):
    """What was found of one model (see probekit_gates.dynamics.Dynamics)."""

    label: str
    plan: Any
    groups: Sequence[Group]

    def steps(self, group: int, spec: HookSpec) -> Moments:
        """Mean and deviation at every position, `[step, unit]`."""


def step_rows(
    one: Found, units: Sequence[Followed], axes: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """One row for each unit, hook point, condition and position."""
    tables = []
    for facts, group, at, spec, index in _cases(one, units):
        moments, words = one.steps(at, spec), axes[group.key.task]
        steps = len(moments.count)
        named = steps <= len(words)  # otherwise positions are not words: characters, say
        tables.append(
            pd.DataFrame(
                {
                    **facts,
                    "position": np.arange(steps),
                    "word": words[:steps] if named else [str(step + 1) for step in range(steps)],
                    "examples": moments.count,
                    "mean": moments.mean[:, index],
                    "deviation": moments.deviation[:, index],
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def phase_rows(one: Found, units: Sequence[Followed]) -> pd.DataFrame:
    """One row for each unit, hook point, condition and phase, where phases are defined.

    `between` is the mean over all words after the subject and before the answer.
    """
    rows = []
    for facts, group, at, spec, index in _cases(one, units):
        for phase, positions in _phases(group).items():
            means = one.steps(at, spec).mean[positions, index]
            rows.append({**facts, "phase": phase, "mean": float(means.mean())})
    return pd.DataFrame(rows)


def phase_metrics(phases: pd.DataFrame) -> dict[str, float]:
    """Of each unit what figure 1c predicts, over all conditions of one number of the subject."""
    if not len(phases):
        return {}
    rows = phases[[row.phase in PREDICTED.get(row.what, ()) for row in phases.itertuples()]]
    keys = ["what", "model", "layer", "index", "subject", "phase"]
    return {
        f"{what}.{model}.{layer}-{index}.{subject or 'all'}.{phase}".replace(" ", "-"): float(
            np.average(one["mean"], weights=one["sentences"])
        )
        for (what, model, layer, index, subject, phase), one in rows.groupby(keys, sort=False)
    }


def _cases(
    one: Found, units: Sequence[Followed]
) -> Iterator[tuple[dict[str, Any], Group, int, HookSpec, int]]:
    """Every unit, hook point and group that there are values of, and what a row says of them."""
    for followed in units:
        own = [spec for spec in one.plan.specs if spec.layer == followed.unit.layer]
        for spec in sorted(own, key=_rank):
            for at, group in enumerate(one.groups):
                facts = {
                    "model": one.label,
                    "panel": f"{one.label}, {followed.title}",
                    "unit": followed.title,
                    "layer": followed.unit.layer,
                    "index": followed.unit.index,
                    "number": followed.number,
                    "what": content(spec),
                    "hook": spec.name,
                    "task": group.key.task,
                    "condition": group.title,
                    "subject": group.key.number,
                    "sentences": group.examples,
                }
                yield facts, group, at, spec, followed.unit.index


def _rank(spec: HookSpec) -> int:
    name = content(spec)
    return ORDER.index(name) if name in ORDER else len(ORDER)


def _phases(group: Group) -> dict[str, list[int]]:
    """The positions of each phase; none where sentences differ in where these are."""
    if group.length is None or group.subject_at is None:
        return {}
    between = list(range(group.subject_at + 1, group.length))
    found = {SUBJECT: [group.subject_at], BETWEEN: between, BEFORE: [group.length - 1]}
    return {phase: positions for phase, positions in found.items() if positions}
