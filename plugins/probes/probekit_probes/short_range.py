"""short-range-units: which units hold the number of the last noun, and which keep the subject's.

    probekit run plugin=short-range-units model=lstm-lm data=number-agreement data.task=nounpp

Lakretz et al. (2019), section 4.2. What is measured of each unit is said in `ranges` and `verbs`.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from probekit.analysis import (
    Analysis,
    Figure,
    Inputs,
    Measured,
    Partial,
    Result,
    Shard,
    need_model,
)
from probekit.charts import thin
from probekit.dataset import Dataset
from probekit.model import Model
from probekit_probes.columns import Columns, columns_of, contents
from probekit_probes.params import RangeParams
from probekit_probes.range_chart import range_chart
from probekit_probes.ranges import Ranges, ranges
from probekit_probes.sentences import ablate, counted, read_as_unknown, slug
from probekit_probes.states import states, unknown
from probekit_probes.trials import Trials, need_folds, read_trials
from probekit_probes.verbs import read_verbs, readout_of, separated

SHORT, LONG, NEITHER = "short", "long", "neither"
EASIER = "data.task=simple,adv,adv_adv"  # as the paper tests short-range units
LABELLED = 4  # units named at one point of the figure


class ShortRangeUnits(Analysis[RangeParams]):
    """Classifiers on every unit alone, at the subject and at the attractor; a shard a model."""

    def shards(self, inputs: Inputs) -> list[Shard]:
        """One shard a model, once its units and the sentences are known to fit."""
        trials = self._trials(inputs.dataset)
        found = []
        for label in inputs.labels:
            columns = self._columns(inputs.model(label), label)
            if self.params.readout:
                readout_of(inputs.model(label), label, columns)
            size = len(trials) + 2 * len(columns)
            found.append(Shard(name=slug(label), model=label, size=size))
        return found

    def measure(self, shard: Shard, model: Model | None, dataset: Dataset) -> Partial:
        """The accuracies of every unit, `[unit]`."""
        reader, label, asked = need_model(model), str(shard.model), self.params
        trials, columns = self._trials(dataset), self._columns(reader, label)
        nouns = list(zip(trials.subject, trials.attractor, strict=True))
        values = states(reader, trials.examples, nouns, columns, asked.batch_size)
        found = ranges(
            values[::2], values[1::2], trials.plural, trials.attractor_plural, asked.folds, asked.C
        )
        partial = {name: np.asarray(value) for name, value in vars(found).items()}
        partial["unknown"] = np.array(unknown(reader, trials.examples))
        if asked.readout:
            readout = readout_of(reader, label, columns)
            verbs = read_verbs(reader, readout, trials.examples)
            partial["separated"] = separated(reader, readout, columns, verbs, asked.folds, asked.C)
            partial["verbs"] = np.array([len(verbs.ids), verbs.unknown])
        return partial

    def combine(self, parts: Sequence[Measured], inputs: Inputs) -> Result:
        """Tables `found` (short- and long-range units) and `units` (all), and a figure."""
        columns = {label: self._columns(inputs.model(label), label) for label in inputs.labels}
        rows = [self._rows(part, columns[str(part.shard.model)]) for part in parts]
        units = pd.concat(rows, ignore_index=True)
        chosen = units["range"] != NEITHER
        shown = thin(units, self.seed, keep=chosen)
        table = "units" if shown is units else "shown"
        return Result(
            tables={"found": _ordered(units[chosen]), "units": units}
            | ({} if shown is units else {"shown": shown}),
            metrics=dict(_metrics(units)),
            figures=[self._figure(table, shown)],
            notes=[
                self._definition(contents(columns.values())),
                *self._notes(parts, units, self._trials(inputs.dataset)),
            ],
        )

    def _trials(self, dataset: Dataset) -> Trials:
        trials = read_trials(dataset, self.params.conditions)
        need_folds(trials.plural, self.params.folds, "subjects")
        need_folds(trials.attractor_plural, self.params.folds, "attractors")
        return trials

    def _columns(self, model: Model, label: str) -> Columns:
        return columns_of(model.hook_specs, self.params.queries, label)

    def _rows(self, part: Measured, columns: Columns) -> pd.DataFrame:
        """A row for every unit of one model."""
        asked, partial = self.params, part.partial
        found = Ranges(*(np.asarray(partial[name]) for name in ("subject", "attractor", "kept")))
        either = [found.short(asked.short, asked.swapped), found.long(asked.long)]
        active = np.select(either, [SHORT, LONG], NEITHER)
        rows = columns.rows(range(len(columns)))
        rows.insert(0, "model", str(part.shard.model))
        rows = rows.assign(subject=found.subject, attractor=found.attractor, kept=found.kept)
        rows = rows.assign(active=active, range=active)
        if asked.readout:
            told = np.asarray(partial["separated"])
            rows = rows.assign(separated=told)
            rows.loc[~(told >= asked.separated), "range"] = NEITHER
        return rows.assign(label=_labels(rows))

    def _figure(self, table: str, units: pd.DataFrame) -> Figure:
        return Figure(
            name="ranges",
            title="Short-range and long-range units",
            caption=(
                "Every unit alone: how well it tells the number of the subject at the subject, and"
                " how often the same classifier is right at the attractor, whose number is another"
                " one. Near 1 a unit keeps the number of the subject; near 0 it has taken that of"
                " the attractor. Units of either range are numbered across layers, from 1."
            ),
            table=table,
            chart=range_chart(table, units),
        )

    def _definition(self, read: str) -> str:
        asked = self.params
        readout = (
            f" Both are kept only where the output weights of the unit tell singular from plural"
            f" verbs with an accuracy of at least {asked.separated:g}."
            if asked.readout
            else ""
        )
        return (
            f"A unit is short-range where its {read} activity tells the number of either noun with"
            f" an accuracy of at least {asked.short:g} ({asked.folds} folds), and a classifier"
            " trained at the subject is right about the subject at the attractor less often than"
            f" {asked.swapped:g}; it is long-range where that one is right more often than"
            f" {asked.long:g}.{readout}"
        )

    def _notes(
        self, parts: Sequence[Measured], units: pd.DataFrame, trials: Trials
    ) -> Iterator[str]:
        yield (
            f"{len(trials)} sentences with {trials.beginnings} different beginnings as far as the"
            " subject."
        )
        for part in parts:
            label = str(part.shard.model)
            own = units[units["model"] == label]
            yield _sentence(label, own)
            there = [kind for kind in (SHORT, LONG) if (own["range"] == kind).any()]
            for kinds in {1: [there], 2: [[SHORT], there]}.get(len(there), []):
                names = list(own.loc[own["range"].isin(kinds), "unit"])
                if names:
                    command = ablate(names, EASIER, self.params.kind)
                    yield f"{label}, {'- and '.join(kinds)}-range units: {command}"
            yield from read_as_unknown(label, int(part.partial["unknown"]))
            if "verbs" in part.partial and (left := int(part.partial["verbs"][1])):
                yield (
                    f"{label}: {left} verb forms are not in the vocabulary; the output weights of"
                    f" the other {int(part.partial['verbs'][0])} were compared."
                )


def _labels(rows: pd.DataFrame) -> "pd.Series[str]":
    """What stands at each point: the numbers of the units found there, at the first of them."""
    found = rows[rows["range"] != NEITHER]
    labels = pd.Series("", index=rows.index)
    for _, some in found.groupby(["layer", found["subject"].round(2), found["kept"].round(2)]):
        more = ", …" if len(some) > LABELLED else ""
        labels[some.index[0]] = ", ".join(map(str, some["number"][:LABELLED])) + more
    return labels


def _ordered(found: pd.DataFrame) -> pd.DataFrame:
    """Short-range units, then long-range ones, each in the order of their numbers."""
    order = ["model", "range", "number"]
    return found.drop(columns="label").sort_values(
        order, ascending=[True, False, True], ignore_index=True
    )


def _metrics(units: pd.DataFrame) -> Iterator[tuple[str, float]]:
    """How many units of each range a model and each of its layers have."""
    for label, own in units.groupby("model", sort=False):
        for which in (SHORT, LONG):
            chosen = own["range"] == which
            yield f"{which}.{label}", float(chosen.sum())
            for layer, some in chosen.groupby(own["layer"]):
                yield f"{which}.{label}.layer-{layer}", float(some.sum())


def _sentence(label: str, own: pd.DataFrame) -> str:
    def told(which: str) -> str:
        chosen = own[own["range"] == which]
        layers = chosen.groupby("layer").size()
        details = [", ".join(f"{count} in layer {layer}" for layer, count in layers.items())]
        by_activity = int((own["active"] == which).sum())
        if by_activity != len(chosen):
            details.append(f"{by_activity} by their activity alone")
        detail = "; ".join(filter(None, details))
        return counted(len(chosen), f"{which}-range unit") + (f" ({detail})" if detail else "")

    return f"{label}: {told(SHORT)} and {told(LONG)} of {len(own)}."
