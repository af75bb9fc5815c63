"""Whether the units of a group are among the most strongly connected (Baan et al. 2019, 4.1).

The paper finds 93% of the units of the guided models' functional groups in the top 5% of all units
and does not say which weights were taken; see `probekit_weights.strongest` for those taken here.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from probekit.analysis import Figure, Inputs, Result, Shard
from probekit.charts import thin
from probekit.errors import ProbekitError
from probekit.hooks import HookSpec
from probekit_weights.charts import members_chart
from probekit_weights.drawing import apart
from probekit_weights.grouping import Group, groups_of
from probekit_weights.matrices import Found
from probekit_weights.numbers import overlap_p, top_count
from probekit_weights.params import GroupParams
from probekit_weights.places import Home, home, slug
from probekit_weights.strongest import StrengthAnalysis
from probekit_weights.sums import Connections


class GroupConnectivity(StrengthAnalysis[GroupParams]):
    """Counts the units of each group among the strongest of their layer."""

    def shards(self, inputs: Inputs) -> list[Shard]:
        """One shard a matrix, once the groups are known to be sound."""
        self.groups(inputs)
        return super().shards(inputs)

    def groups(self, inputs: Inputs) -> list[Group]:
        """The groups of every model."""
        return groups_of(
            self.params, {label: inputs.model(label).hook_specs for label in inputs.labels}
        )

    def finish(self, found: Sequence[Found], inputs: Inputs) -> Result:
        """Tables `groups`, `members` and `units`, and the members along the ranking."""
        models = self.connected(found, inputs)
        groups, members = [], []
        units: dict[tuple[str, str], pd.DataFrame] = {}
        for group in self.groups(inputs):
            rows = units.get((group.model, group.hook))
            if rows is None:
                hook = inputs.model(group.model).hook_specs[group.hook]
                rows = self.ranked(group.model, hook, models[group.model])
            belongs = rows["unit"].isin(group.units)
            rows = rows.assign(in_groups=rows["in_groups"] + belongs)
            units[group.model, group.hook] = rows
            own = rows[belongs].drop(columns="in_groups").assign(group=group.number)
            members.append(own)
            groups.append(group_row(group, own, len(rows), self.params.top))
        return self._result(
            pd.DataFrame(groups), pd.concat(members, ignore_index=True), list(units.values())
        )

    def ranked(self, model: str, hook: HookSpec, homes: Mapping[Home, Connections]) -> pd.DataFrame:
        """The units of a hook point, strongest first, none of them in a group yet."""
        at = home(hook)
        one = homes.get(at) if at else None
        if one is None or not one.wires(self.params.side):
            raise ProbekitError(
                f"no matrix chosen has weights of side={self.params.side} of the units of"
                f" {hook.name}; choose others by relation, part or layer, or side=both."
            )
        return self.unit_rows(model, one, 1).assign(hook=hook.name, in_groups=0)

    def _result(
        self, groups: pd.DataFrame, members: pd.DataFrame, each: list[pd.DataFrame]
    ) -> Result:
        units = pd.concat([rows.assign(label=labels(rows)) for rows in each], ignore_index=True)
        shown = thin(units, self.seed, keep=units["in_groups"] > 0)
        by_hook = groups.groupby(["model", "hook"], sort=False, as_index=False)["share"].mean()
        return Result(
            tables={"groups": groups, "members": members, "units": units}
            | ({} if shown is units else {"shown": shown}),
            metrics={
                f"share.{slug(row.model)}.{slug(row.hook)}": row.share
                for row in by_hook.itertuples()
            },
            figures=[self._figure("units" if shown is units else "shown", shown)],
            notes=[f"Strength is the {self.measured}.", *sentences(groups, self.params.top)],
        )

    def _figure(self, table: str, units: pd.DataFrame) -> Figure:
        return Figure(
            name="group",
            title="The group among all units",
            caption=(
                f"Every unit's strength, the {self.measured}, against its rank. Units of the group"
                " are red, and numbered where there is room; the line ends the strongest"
                f" {self.params.top:.0%}."
            ),
            table=table,
            chart=members_chart(table, units),
        )


def labels(units: pd.DataFrame) -> list[str]:
    """The number of every unit of a group that can be written without running into another."""
    position = np.log(units["rank"]) / np.log(max(len(units), 2))
    members = units.index[units["in_groups"] > 0]
    names = units["unit"].astype(str)
    clear = apart(position[members].to_numpy(), list(names[members]), len(members))
    written = set(members[clear])
    return [name if at in written else "" for at, name in names.items()]


def group_row(group: Group, own: pd.DataFrame, count: int, top: float) -> dict[str, object]:
    """How many of a group are among the strongest, what chance would give, and its p value."""
    size, strongest, overlap = len(group.units), top_count(count, top), int(own["strongest"].sum())
    return {
        "model": group.model,
        "hook": group.hook,
        "group": group.number,
        "size": size,
        "all_units": count,
        "strongest": strongest,
        "among_strongest": overlap,
        "share": overlap / size,
        "expected": strongest / count,
        "p": overlap_p(overlap, size, strongest, count),
        "units": ",".join(map(str, group.units)),
    }


def sentences(groups: pd.DataFrame, top: float) -> list[str]:
    """What was found of the groups of each hook point."""
    found = []
    for (model, hook), rows in groups.groupby(["model", "hook"], sort=False):
        first, of = rows.iloc[0], f"the strongest {rows['strongest'].iloc[0]} of"
        among = f"{of} {first['all_units']} units ({top:.0%})"
        if len(rows) == 1:
            what = f"{first['among_strongest']} of {first['size']} units of the group are"
            tail = f"; exact hypergeometric p = {first['p']:.2g}"
        else:
            what = f"on average {rows['share'].mean():.1%} of the units of {len(rows)} groups are"
            tail = ""
        chance = f"random units would be in {first['expected']:.1%} of cases"
        found.append(f"{model}, {hook}: {what} among {among}; {chance}{tail}.")
    return found
