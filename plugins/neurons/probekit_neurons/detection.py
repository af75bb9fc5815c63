"""Token and trigram detectors, and what the layers cover together.

Voita et al. (2023), sections 4.2, 4.3, A.2 and A.3; figures 3, 4, 14 and 15.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from probekit.analysis import Figure, Result
from probekit_neurons.charts import covered_chart, detectors_chart, new_chart
from probekit_neurons.detectors import Detector
from probekit_neurons.layers import Layer
from probekit_neurons.params import DetectorParams
from probekit_neurons.tables import by_model, rows, where
from probekit_neurons.words import Words

NAMES = {1: "token", 3: "trigram"}
SHOWN = 8  # n-grams that a table spells out
COLUMNS = ("model", "layer", "hook", "unit", "n", "detects", "ngrams", "covered_by", "activations",
           "explained", "supported")  # fmt: skip
BY_LAYER = ("model", "layer", "hook", "depth", "detectors", "supported", "covered", "cumulative",
            "new_overall", "new_to_previous")  # fmt: skip


def detection(
    layers: Sequence[Layer], words: Mapping[str, Words], params: DetectorParams
) -> Result:
    """Table `detectors`, for each n a table by layer, and figures 3, 4, 14 and 15."""
    seen = [layer for layer in layers if len(layer.covers)]
    found = rows(
        (_row(layer, one, words[layer.label], params) for layer in seen for one in layer.detectors),
        COLUMNS,
    )
    result = Result(tables={}, figures=[])
    for n, name in NAMES.items():
        parts = [row for own in by_model(seen).values() for row in _by_layer(own, n, params)]
        table = f"{name}_detectors_by_layer"
        result.tables[table] = rows(parts, BY_LAYER)
        result.figures += _figures(n, table)
        for label, mine in result.tables[table].groupby("model", sort=False):
            result.metrics |= {
                f"{name}_detectors.{label}": float(mine["detectors"].sum()),
                f"supported_{name}_detectors.{label}": float(mine["supported"].sum()),
                f"covered_{name}s.{label}": float(mine["cumulative"].max()),
            }
    result.tables["detectors"] = found
    result.notes.append(
        f"A detector is covered by at most {params.most_unigrams} tokens or {params.most_trigrams}"
        f" trigrams; n-grams that activate it in {params.present:.0%} of their occurrences"
        f" account for {params.explained:.0%} of its activations. Supported ones have"
        f" {params.supported} activations or more; of the others chance may be the reason."
    )
    return result


def _row(layer: Layer, one: Detector, words: Words, params: DetectorParams) -> dict[str, Any]:
    return {
        **where(layer, params),
        "unit": one.unit,
        "n": one.n,
        "detects": " | ".join(words.join(gram) for gram in one.grams[:SHOWN]),
        "ngrams": len(one.grams),
        "covered_by": one.cover,
        "activations": one.total,
        "explained": sum(one.counts) / one.total,
        "supported": one.total >= params.supported,
    }


def _by_layer(own: Sequence[Layer], n: int, params: DetectorParams) -> list[dict[str, Any]]:
    """What each layer of a model covers, and what of it no layer below and not the last one did."""
    below: set[tuple[int, ...]] = set()
    previous: set[tuple[int, ...]] = set()
    found = []
    for layer in own:
        detectors = [one for one in layer.detectors if one.n == n]
        covered = {gram for one in detectors for gram in one.grams}
        found.append(
            {
                **where(layer, params),
                "depth": layer.depth,
                "detectors": len(detectors),
                "supported": sum(one.total >= params.supported for one in detectors),
                "covered": len(covered),
                "cumulative": len(covered | below),
                "new_overall": len(covered - below),
                "new_to_previous": len(covered - previous),
            }
        )
        below |= covered
        previous = covered
    return found


def _figures(n: int, table: str) -> list[Figure]:
    name, grams = NAMES[n], {1: "tokens", 3: "trigrams"}[n]
    return [
        Figure(
            f"{name}_detectors",
            f"{name.capitalize()} detectors",
            f"Neurons that are active if and only if one of a few {grams} is there.",
            table,
            detectors_chart(table, f"{name}-detecting neurons"),
        ),
        Figure(
            f"covered_{grams}",
            f"{grams.capitalize()} that have a detector",
            f"Solid: {grams} that are detected in a layer. Dashed: in it or in any layer below.",
            table,
            covered_chart(table, f"covered {grams}"),
        ),
        Figure(
            f"new_{grams}",
            f"New {grams}",
            f"{grams.capitalize()} that are detected in a layer and in none below, and those that"
            " are not detected in the layer before.",
            table,
            new_chart(table, f"covered {grams}"),
        ),
    ]
