"""Tables, numbers, the figure and sentences of decoding over time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from probekit.analysis import Figure, Partial, Result
from probekit_probes.columns import Columns, contents
from probekit_probes.params import DecodingParams
from probekit_probes.sentences import read_as_unknown
from probekit_probes.time_chart import time_chart
from probekit_probes.trials import Trials

ALL = -1  # stands for the curve of all units but those left out
NAMED = 3  # units named in the title of that curve


@dataclass(frozen=True)
class Decoded:
    """What was measured of one model; `given` are units given by name where others were found."""

    label: str
    columns: Columns
    partial: Partial
    given: list[int] | None

    @property
    def auc(self) -> Float[np.ndarray, "curve split step"]:
        """The area under the curve."""
        return np.asarray(self.partial["auc"])

    @property
    def chosen(self) -> list[int]:
        """The unit of each curve, and `ALL` for that of the others."""
        return [int(column) for column in self.partial["columns"]]

    @property
    def left(self) -> list[int]:
        """The units left out of the curve of all."""
        return [int(column) for column in self.partial["left"]]

    @property
    def found(self) -> list[int]:
        """The units that were not given by name."""
        return [one for one in self.chosen if one != ALL and one not in (self.given or ())]

    @property
    def words(self) -> list[str]:
        """The words on the axis."""
        return [str(word) for word in self.partial["words"]]

    def title(self, column: int) -> str:
        """What a curve is called."""
        if column != ALL:
            return self.columns.title(column)
        names = ", ".join(f"#{one + 1}" for one in self.left[:NAMED])
        more = f" and {len(self.left) - NAMED} more" if len(self.left) > NAMED else ""
        return f"all units but {names}{more}" if self.left else "all units"

    def key(self, column: int) -> str:
        """A curve in the name of a metric."""
        return "rest" if column == ALL else self.columns.unit(column).key


def result(found: Sequence[Decoded], trials: Trials, params: DecodingParams) -> Result:
    """The curves of all models, one after another, and what they say."""
    splits = pd.concat([_splits(one) for one in found], ignore_index=True)
    curves = _curves(splits)
    return Result(
        tables={
            "curves": curves,
            "splits": splits,
            "units": pd.concat([_units(one) for one in found], ignore_index=True),
        },
        metrics=dict(_metrics(found, trials)),
        figures=[_figure(curves, trials, params, contents(one.columns for one in found))],
        notes=[_definition(trials, params), *_notes(found, params)],
    )


def _splits(one: Decoded) -> pd.DataFrame:
    """A row for every curve, split and word."""
    tables = []
    for column, curve in zip(one.chosen, one.auc, strict=True):
        for split, values in enumerate(curve):
            steps = {"position": np.arange(len(values)), "word": one.words, "auc": values}
            row = {"model": one.label, "curve": one.title(column), "split": split}
            tables.append(pd.DataFrame(row | steps))
    return pd.concat(tables, ignore_index=True)


def _curves(splits: pd.DataFrame) -> pd.DataFrame:
    """A row for every curve and word: mean and deviation over the splits."""
    grouped = splits.groupby(["model", "curve", "position", "word"], sort=False)["auc"]
    table = grouped.agg(mean="mean", deviation=lambda values: values.std(ddof=0))
    return table.reset_index()


def _units(one: Decoded) -> pd.DataFrame:
    """The units with a curve of their own, and those left out of the curve of all."""
    own = [column for column in one.chosen if column != ALL]
    every = list(dict.fromkeys([*own, *one.left]))
    rows = one.columns.rows(every).drop(columns="place")
    rows.insert(0, "model", one.label)
    return rows.assign(
        curve=[column in own for column in every], left_out=[column in one.left for column in every]
    )


def _metrics(found: Sequence[Decoded], trials: Trials) -> Iterator[tuple[str, float]]:
    """The mean of every curve at the subject, at the attractor and at the last word."""
    places = {"subject": trials.subject[0], "last": -1}
    if min(trials.attractor) == max(trials.attractor) >= 0:
        places["attractor"] = trials.attractor[0]
    for one in found:
        for column, mean in zip(one.chosen, one.auc.mean(1), strict=True):
            for place, at in places.items():
                yield f"auc.{one.label}.{one.key(column)}.{place}", float(mean[at])


def _figure(curves: pd.DataFrame, trials: Trials, params: DecodingParams, read: str) -> Figure:
    return Figure(
        name="over-time",
        title="The number of the subject over time",
        caption=(
            f"A linear classifier is trained on the {read} activity at the subject and tested at"
            f" every word of other sentences ({', '.join(params.conditions)}): area under the ROC"
            f" curve, mean and standard deviation over {params.splits} divisions. At 0.5 nothing"
            " can be told; near 0 the units tell the number of the other noun. Words with an"
            " ellipsis stand for several."
        ),
        table="curves",
        chart=time_chart("curves", curves, trials.subject[0]),
    )


def _definition(trials: Trials, params: DecodingParams) -> str:
    return (
        f"{len(trials)} sentences with {trials.beginnings} different beginnings as far as the"
        f" subject; {params.splits} random divisions hold out {params.test_share:.0%} of them,"
        " whose beginnings may be among those trained on. The classifier is trained at the subject."
    )


def _notes(found: Sequence[Decoded], params: DecodingParams) -> Iterator[str]:
    for one in found:
        if one.given is not None:
            yield from _found(one, params)
        yield from read_as_unknown(one.label, int(one.partial["unknown"]))
        if unfinished := int(one.partial["unfinished"]):
            yield (
                f"{one.label}: {unfinished} fits met max_iter={params.max_iter} before their"
                " optimum; give a larger max_iter."
            )


def _found(one: Decoded, params: DecodingParams) -> Iterator[str]:
    """Which units were found, and by which rule."""
    alone = str(one.partial["alone"])
    rule = (
        "a classifier on the unit alone, trained at the subject, is right about the subject at the"
        f" attractor more often than {params.long:g}"
    )
    if params.readout and not alone:
        rule += (
            ", and whose output weights tell singular from plural verbs with an accuracy of at"
            f" least {params.separated:g}"
        )
    if one.found:
        units = ", ".join(one.columns.title(column) for column in one.found)
        yield f"{one.label}: found {units}, the best (at most {params.top}) of which {rule}."
    else:
        yield f"{one.label}: there is no unit of which {rule}, so none was found."
    if alone:
        yield f"{one.label}: units were found by their activity alone, for {alone}"
