"""depth-regression: how well all units together tell syntactic depth, and which stand out.

    probekit run plugin=depth-regression model=lstm-lm data=syntactic-depth

Lakretz et al. (2019), section 4.3: ridge regression of the number of open nodes on the units of all
layers and the frequency of the word, in a nested cross-validation (see `nested`).
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

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
from probekit.errors import ProbekitError
from probekit.model import Model
from probekit_probes.columns import Columns, columns_of, contents
from probekit_probes.depth_chart import weight_chart
from probekit_probes.nested import outer_fold
from probekit_probes.params import DepthParams
from probekit_probes.sentences import ablate, read_as_unknown, slug
from probekit_probes.states import states, unknown
from probekit_probes.words import Words, read_words

INTERFERING = "data.task=nounpp,nounpp_adv same_layer=false"  # as the paper tests syntax units


class DepthRegression(Analysis[DepthParams]):
    """A shard is an outer fold of one model."""

    def shards(self, inputs: Inputs) -> list[Shard]:
        """The outer folds, once the labels are known to fit."""
        words = self._words(inputs.dataset)
        for label in inputs.labels:
            self._columns(inputs.model(label), label)
        return [
            Shard(
                name=f"{slug(label)}-{fold:03d}",
                model=label,
                task={"fold": fold},
                size=len(words.examples),
            )
            for label in inputs.labels
            for fold in range(self.params.folds)
        ]

    def measure(self, shard: Shard, model: Model | None, dataset: Dataset) -> Partial:
        """The weights `[feature]` of one fold, its penalty, and R2 with and without frequency."""
        reader = need_model(model)
        words, columns = self._words(dataset), self._columns(reader, str(shard.model))
        features = states(reader, words.examples, words.places, columns, self.params.batch_size)
        if words.frequency is not None:
            features = np.column_stack([features, words.frequency])
        found = outer_fold(features, words.depth, shard.task["fold"], self.params)
        partial = {name: np.asarray(value) for name, value in vars(found).items()}
        return partial | {"unknown": np.array(unknown(reader, words.examples))}

    def combine(self, parts: Sequence[Measured], inputs: Inputs) -> Result:
        """Tables `syntax` (units with outlying weights), `units`, `folds` and `summary`."""
        each = {label: self._columns(inputs.model(label), label) for label in inputs.labels}
        read = contents(each.values())
        rows, notes = [], [self._definition(self._words(inputs.dataset), read)]
        for label, columns in each.items():
            own = [part.partial for part in parts if part.shard.model == label]
            weights = np.stack([part["weights"] for part in own])[:, : len(columns)]
            units = self._units(label, columns, weights)
            rows.append((units, _folds(label, own)))
            notes += _notes(label, units, rows[-1][1], self.params)
            notes += read_as_unknown(label, int(own[0]["unknown"]))
        units, folds = (pd.concat(some, ignore_index=True) for some in zip(*rows, strict=True))
        summary = pd.DataFrame([_summary(*one) for one in rows])
        shown = thin(units, self.seed, keep=units["syntax"])
        table = "units" if shown is units else "shown"
        return Result(
            tables={
                "syntax": _strongest(units[units["syntax"]]),
                "summary": summary,
                "folds": folds,
                "units": units,
            }
            | ({} if shown is units else {"shown": shown}),
            metrics=_metrics(summary),
            figures=[self._figure(table, shown, read)],
            notes=notes,
        )

    def _words(self, dataset: Dataset) -> Words:
        asked = self.params
        words = read_words(dataset, self.seed, asked.frequency)
        need = 2 * asked.folds * asked.inner
        if len(words) < need:
            raise ProbekitError(
                f"{len(words)} words are too few for {asked.folds} folds of {asked.inner} folds"
                f" each; give at least {need}, or fewer folds."
            )
        return words

    def _columns(self, model: Model, label: str) -> Columns:
        return columns_of(model.hook_specs, self.params.queries, label)

    def _units(
        self, label: str, columns: Columns, weights: Float[np.ndarray, "fold unit"]
    ) -> pd.DataFrame:
        """A row for every unit: its weight over the folds, and how far that is from the mean."""
        mean = weights.mean(0)
        spread = float(mean.std())
        score = (mean - mean.mean()) / (spread or 1.0)
        rows = columns.rows(range(len(columns)))
        rows.insert(0, "model", label)
        return rows.assign(
            weight=mean,
            deviation=weights.std(0),
            z=score,
            low=mean.mean() - self.params.outlier * spread,
            high=mean.mean() + self.params.outlier * spread,
            syntax=np.abs(score) > self.params.outlier,
        )

    def _figure(self, table: str, units: pd.DataFrame, read: str) -> Figure:
        return Figure(
            name="weights",
            title="Weights of the regression",
            caption=(
                f"The weight of every unit's {read} activity, standardised, in the regression"
                " of open nodes, as the mean over the folds. Outside the dashed lines, more than"
                f" {self.params.outlier:g} standard deviations from the mean, are the syntax units,"
                " numbered across layers, from 1."
            ),
            table=table,
            chart=weight_chart(table, units),
        )

    def _definition(self, words: Words, read: str) -> str:
        asked = self.params
        frequency = " and the frequency of the word" if asked.frequency else ""
        scaled = (
            "those trained on" if asked.scaler == "train" else "all samples, as the authors did"
        )
        corrected = (
            " R2 is corrected for frequency: the weight of frequency is set to 0 before the words"
            " held out are predicted."
            if asked.frequency
            else ""
        )
        return (
            f"Ridge regression of the open nodes at {len(words)} words of {len(words.examples)}"
            f" sentences on the {read} activity of all layers{frequency}; {asked.folds} folds, the"
            f" penalty of each chosen on {asked.inner} folds of the rest; features have mean 0 and"
            f" deviation 1 over {scaled}.{corrected}"
        )


def _folds(label: str, own: Sequence[Partial]) -> pd.DataFrame:
    """A row for every outer fold."""
    names = ("trained", "held", "penalty", "r2", "corrected")
    rows = [{name: part[name].item() for name in names} for part in own]
    table = pd.DataFrame(rows)
    table.insert(0, "model", label)
    table.insert(1, "fold", range(len(own)))
    return table


def _summary(units: pd.DataFrame, folds: pd.DataFrame) -> dict[str, object]:
    """One row a model."""
    return {
        "model": units["model"].iloc[0],
        "r2": float(folds["corrected"].mean()),
        "r2_deviation": float(folds["corrected"].std(ddof=0)),
        "r2_with_frequency": float(folds["r2"].mean()),
        "units": len(units),
        "syntax_units": int(units["syntax"].sum()),
        "weight_mean": float(units["weight"].mean()),
        "weight_deviation": float(units["weight"].std(ddof=0)),
    }


def _metrics(summary: pd.DataFrame) -> dict[str, float]:
    names = [name for name in summary.columns if name not in ("model", "units")]
    return {
        f"{name}.{row['model']}": float(row[name])
        for row in summary.to_dict("records")
        for name in names
    }


def _strongest(units: pd.DataFrame) -> pd.DataFrame:
    """Syntax units by the size of their weight, the largest first, a model after another."""
    order = units.assign(size=units["z"].abs()).sort_values("size", ascending=False, kind="stable")
    sorted_ = order.sort_values("model", kind="stable", key=lambda c: c.map(_rank(units)))
    return sorted_.drop(columns=["size", "syntax", "low", "high"]).reset_index(drop=True)


def _rank(units: pd.DataFrame) -> dict[str, int]:
    return {str(name): at for at, name in enumerate(units["model"].unique())}


def _notes(
    label: str, units: pd.DataFrame, folds: pd.DataFrame, params: DepthParams
) -> Iterator[str]:
    yield (
        f"{label}: R2 on words held out is {folds['corrected'].mean():.3f} ±"
        f" {folds['corrected'].std(ddof=0):.3f}; with frequency {folds['r2'].mean():.3f}."
        if params.frequency
        else f"{label}: R2 on words held out is {folds['r2'].mean():.3f} ±"
        f" {folds['r2'].std(ddof=0):.3f}."
    )
    chosen = units[units["syntax"]]
    layers = chosen.groupby("layer").size()
    where = ", ".join(f"{count} of layer {layer}" for layer, count in layers.items())
    yield (
        f"{label}: the weights of {len(chosen)} of {len(units)} units lie more than"
        f" {params.outlier:g} deviations from the mean{f' ({where})' if where else ''}."
    )
    if len(chosen):
        names = list(_strongest(chosen)["unit"])
        yield f"{label}, syntax units: {ablate(names, INTERFERING, params.kind)}"
    ends = folds["penalty"].isin([params.weakest, params.strongest])
    if ends.any() and params.penalties > 1:
        yield (
            f"{label}: in {int(ends.sum())} folds the best penalty is the weakest or strongest that"
            " was tried; give another weakest or strongest."
        )
