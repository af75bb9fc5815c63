"""Component substitution: a component of one model is put into another and frozen.

Baan et al. (2019), section 5.1 and table 4: what then cannot be learned again needs what the
receiver had there. `none` is the receiver retrained as it is.
"""

from collections.abc import Sequence

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
from probekit.dataset import Dataset
from probekit.model import Model
from probekit_surgery.charts import recovery_chart
from probekit_surgery.pairs import Pair, components, pairs
from probekit_surgery.params import SubstitutionParams
from probekit_surgery.recovery import (
    WHEN,
    joined,
    points,
    published_points,
    recovery,
    score_rows,
    shown_split,
    slug,
    summarize,
)

NONE = "none"
PLACE = ["kind", "component"]


class ComponentSubstitution(Analysis[SubstitutionParams]):
    """Puts every component of every donor into its receiver and trains the rest further."""

    def shards(self, inputs: Inputs) -> list[Shard]:
        """One shard for each pair, component and seed, and the receiver as it is before them."""
        found: dict[str, Shard] = {}
        for pair in pairs(inputs.labels, self.params):
            models = inputs.model(pair.receiver), inputs.model(pair.donor)
            chosen = components(*models, pair, self.params.components)
            for component in (NONE, *chosen):
                for seed in self.params.seeds or (inputs.seed,):
                    shard = self._shard(pair, component, seed)
                    found.setdefault(shard.name, shard)
        return list(found.values())

    def _shard(self, pair: Pair, component: str, seed: int) -> Shard:
        donor = "" if component == NONE else pair.donor
        words = (pair.receiver, f"from-{donor}" if donor else "", component, f"seed-{seed}")
        return Shard(
            name=slug("-".join(words)),
            model=pair.receiver,
            task={"kind": pair.kind, "donor": donor, "component": component, "seed": seed},
            size=self.params.epochs,
            others=(donor,) if donor else (),
        )

    def measure(
        self, shard: Shard, model: Model | None, dataset: Dataset, *others: Model
    ) -> Partial:
        """Scores with the component put in, before and after the rest was trained further."""
        receiver = need_model(model)
        names = receiver.components[shard.task["component"]] if others else ()
        changed = receiver.altered({name: others[0].parameter(name) for name in names})
        healed = changed.retrained(dataset, shard.task["seed"], self.params.schedule, names)
        return recovery(changed, healed, dataset)

    def combine(self, parts: Sequence[Measured], inputs: Inputs) -> Result:
        """Tables `scores`, `summary` and `substitution` (one split), and the picture."""
        scores = pd.concat([_rows(part) for part in parts], ignore_index=True)
        split = shown_split(scores, self.params.split)
        summary = summarize(scores, PLACE)
        table = summary[summary["split"] == split].drop(columns="split").reset_index(drop=True)
        places = {f"{slug(kind)}.{part}": (kind, part) for kind, part in table[PLACE].to_numpy()}
        own = points(scores[scores["split"] == split], *PLACE)
        drawn = joined([own, published_points(self.params.published, places)])
        return Result(
            tables={"substitution": table, "summary": summary, "scores": scores, "points": drawn},
            metrics={
                f"{when}.{slug(row['kind'])}.{row['component']}": float(row[when])
                for when in WHEN
                for row in table.to_dict("records")
            },
            figures=[self._figure(drawn, split)],
            notes=[self._how(), *sentences(table, split)],
        )

    def _figure(self, drawn: pd.DataFrame, split: str) -> Figure:
        return Figure(
            name="substitution",
            title="Component substitution",
            caption=(
                "Each point is one receiver with a component of its donor put in: before and after"
                f" {self.params.epochs} epochs of training everything else. A tick marks the mean"
                f" after retraining; `{NONE}` is the receiver as it is."
            ),
            table="points",
            chart=recovery_chart("points", drawn, split),
        )

    def _how(self) -> str:
        settings = ", ".join(f"{name}={value}" for name, value in self.params.schedule.items())
        return (
            "The component stays frozen; the rest is trained further by the receiver's own"
            f" procedure ({settings}), and the weights with the lowest validation loss are scored."
        )


def _rows(part: Measured) -> pd.DataFrame:
    task = part.shard.task
    facts = {
        "kind": task["kind"],
        "receiver": part.shard.model,
        "donor": task["donor"],
        "component": task["component"],
        "seed": task["seed"],
    }
    return score_rows(part, facts)


def sentences(table: pd.DataFrame, split: str) -> list[str]:
    """For each direction, what the components cost on the split shown, beside `none`.

    A component counts as costly or helpful where its mean lies further from that of `none` than
    the deviations of both together.
    """
    notes = []
    for kind, own in table.groupby("kind", sort=False):
        base, rest = own[own["component"] == NONE].iloc[0], own[own["component"] != NONE]
        spread = rest["after_deviation"].fillna(0) + _zero_if_none(base["after_deviation"])
        gap = rest["after"] - base["after"]
        groups = {
            "Lower than that": rest[gap < -spread],
            "Higher": rest[gap > spread],
            "No different": rest[gap.abs() <= spread],
        }
        said = [f"{head}: {_list(group)}." for head, group in groups.items() if len(group)]
        alone = (
            " There is one retraining of each, so chance alone may make a difference."
            if int(own["retrainings"].max()) == 1
            else ""
        )
        shows = (
            ""
            if len(groups["Lower than that"])
            else " No component costs anything here: the contrast does not show."
        )
        notes.append(
            f"{kind}: retrained as it is, the receiver answers {base['after']:.1%} of {split} right"
            f" (before {base['before']:.1%}). {' '.join(said)}{shows}{alone}"
        )
    return notes


def _zero_if_none(deviation: float) -> float:
    return 0.0 if pd.isna(deviation) else float(deviation)


def _list(group: pd.DataFrame) -> str:
    ordered = group.sort_values("after", kind="stable")
    return ", ".join(f"{row.component} {row.after:.1%}" for row in ordered.itertuples())
