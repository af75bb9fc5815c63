"""Activation frequency and dead neurons (Voita et al. 2023, section 3 and figure 1)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from probekit.analysis import Figure, Result
from probekit_neurons.charts import lines_chart
from probekit_neurons.layers import Layer
from probekit_neurons.params import ActivityParams
from probekit_neurons.tables import by_model, where


def activity(layers: Sequence[Layer], params: ActivityParams) -> Result:
    """Tables `activity` (a row a unit), `activity_by_layer`, `activity_by_domain`, and figure 1."""
    units = pd.concat([_units(layer, params) for layer in layers], ignore_index=True)
    by_layer = pd.DataFrame([_summary(layer, params) for layer in layers])
    by_domain = pd.DataFrame([row for layer in layers for row in _domains(layer, params)])
    result = Result(
        tables={"activity_by_layer": by_layer, "activity": units, "activity_by_domain": by_domain},
        figures=_figures() if by_domain["domain"].nunique() > 1 else _figures()[:2],
    )
    for label, own in by_model(layers).items():
        dead = sum(int((~layer.alive).sum()) for layer in own)
        all_units = sum(layer.units for layer in own)
        result.metrics |= {
            f"dead.{label}": float(dead),
            f"dead_share.{label}": dead / all_units,
            f"most_dead.{label}": max(float((~layer.alive).mean()) for layer in own),
            f"frequency.{label}": float(np.mean([_frequency(layer) for layer in own])),
        }
        tokens = int(own[0].tokens.sum())
        begin = "with" if params.count_begin else "without"
        result.notes.append(
            f"{label}: {dead} of {all_units} neurons were never active on {tokens:,} tokens"
            f" ({begin} begin-of-sentence), which says nothing of other text. The paper counts dead"
            " neurons on over 20 million tokens."
        )
    return result


def _units(layer: Layer, params: ActivityParams) -> pd.DataFrame:
    counts = layer.counts.sum(axis=0)
    return pd.DataFrame(
        {
            **where(layer, params),
            "unit": np.arange(layer.units),
            "count": counts,
            "frequency": layer.frequency,
            "dead": counts == 0,
        }
    )


def _frequency(layer: Layer) -> float:
    """The mean activation frequency of the neurons that are alive; 0 where none is."""
    return float(layer.frequency[layer.alive].mean()) if layer.alive.any() else 0.0


def _summary(layer: Layer, params: ActivityParams) -> dict[str, object]:
    dead = int((~layer.alive).sum())
    return {
        **where(layer, params),
        "depth": layer.depth,
        "neurons": layer.units,
        "dead": dead,
        "dead_share": dead / layer.units,
        "frequency": _frequency(layer),
        "tokens": int(layer.tokens.sum()),
    }


def _domains(layer: Layer, params: ActivityParams) -> list[dict[str, object]]:
    """The same within each domain: a neuron that is dead there may be alive elsewhere."""
    found = []
    for name, tokens, counts in zip(layer.domains, layer.tokens, layer.counts, strict=True):
        alive = counts > 0
        found.append(
            {
                **where(layer, params),
                "depth": layer.depth,
                "domain": name or "all",
                "tokens": int(tokens),
                "silent": int((~alive).sum()),
                "silent_share": float((~alive).mean()),
                "frequency": float((counts[alive] / max(1, tokens)).mean()) if alive.any() else 0.0,
            }
        )
    return found


def _figures() -> list[Figure]:
    table = "activity_by_layer"
    return [
        Figure(
            "dead",
            "Dead neurons",
            "Share of the neurons of each layer that were never active on the corpus.",
            table,
            lines_chart(table, "dead_share", "dead neurons", percent=True),
        ),
        Figure(
            "frequency",
            "Activation frequency",
            "Share of the tokens at which a neuron is active, averaged over neurons that are not"
            " dead.",
            table,
            lines_chart(table, "frequency", "activation frequency"),
        ),
        Figure(
            "domains",
            "Neurons that are silent in a domain",
            "Share of the neurons of each layer that were never active in one domain.",
            "activity_by_domain",
            lines_chart("activity_by_domain", "silent_share", "silent neurons", percent=True,
                        lines="domain"),
        ),
    ]  # fmt: skip
