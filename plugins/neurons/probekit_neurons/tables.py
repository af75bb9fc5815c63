"""What tables share: the columns that say where a unit is; and several results as one."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from probekit.analysis import Result
from probekit_neurons.layers import Layer
from probekit_neurons.params import ReadingParams


def where(layer: Layer, params: ReadingParams) -> dict[str, Any]:
    """The columns that come first: model, layer and hook point."""
    number = layer.spec.layer + params.first_layer
    return {"model": layer.label, "layer": number, "hook": layer.spec.name}


def rows(parts: Iterable[dict[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """One row a dictionary; the columns are there even where there is no row."""
    return pd.DataFrame(list(parts), columns=list(columns))


def by_model(layers: Sequence[Layer]) -> dict[str, list[Layer]]:
    """The layers of each model, in order."""
    found: dict[str, list[Layer]] = {}
    for layer in layers:
        found.setdefault(layer.label, []).append(layer)
    return found


def merged(results: Iterable[Result]) -> Result:
    """Several results as one; notes that say the same stand once."""
    whole = Result()
    for one in results:
        whole.tables |= one.tables
        whole.metrics |= one.metrics
        whole.files |= one.files
        whole.figures += one.figures
        whole.notes += [note for note in one.notes if note not in whole.notes]
    return whole
