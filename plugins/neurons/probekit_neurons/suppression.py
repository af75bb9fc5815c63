"""Whether token detectors write against the tokens that trigger them.

Voita et al. (2023), section 4.4 and figure 5: the row of the second FFN matrix that a neuron adds
to the residual stream is projected on the vocabulary, and both ends are read. The paper does not
say what becomes of the layer norm in between; by default nothing of it is applied.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from probekit.analysis import Figure, Result
from probekit.errors import ProbekitError
from probekit.model import Model
from probekit.weights import WeightSpec
from probekit_neurons.charts import projections_chart, shares_chart
from probekit_neurons.detectors import Detector
from probekit_neurons.layers import Layer
from probekit_neurons.params import SuppressionParams
from probekit_neurons.tables import by_model, rows, where
from probekit_neurons.words import Words

AT_ONCE = 64  # detectors that are projected together
SHOWN = 8
COLUMNS = ("model", "layer", "hook", "unit", "detects", "ngrams", "activations", "supported",
           "projection", "suppressed", "all_negative", "percentile", "negative_share")  # fmt: skip
ENDS = ("model", "layer", "unit", "detector", "end", "rank", "token", "value", "trigger")


def suppression(
    layers: Sequence[Layer],
    models: Mapping[str, Model],
    words: Mapping[str, Words],
    params: SuppressionParams,
) -> Result:
    """Tables `suppression`, `projections` and by layer, and figure 5.

    Raises ProbekitError where a model does not describe the weights that are needed.
    """
    found: list[dict[str, Any]] = []
    ends: list[dict[str, Any]] = []
    for label, own in by_model(layers).items():
        readout = _readout(models[label], label)
        unembedding = _matrix(models[label], readout)
        unembedding = unembedding - unembedding.mean(0) if params.centred else unembedding
        for layer in own:
            detectors = [one for one in layer.detectors if one.n == 1]
            updates = _updates(models[label], layer, readout, params) if detectors else None
            for start in range(0, len(detectors), AT_ONCE):
                some = detectors[start : start + AT_ONCE]
                assert updates is not None
                values = unembedding @ updates[:, [one.unit for one in some]]
                for at, one in enumerate(some):
                    found.append(_row(layer, one, values[:, at], words[label], params))
                    ends += _ends(layer, one, values[:, at], words[label], params)
    table = rows(found, COLUMNS)
    return _result(table, rows(ends, ENDS), params)


def _readout(model: Model, label: str) -> WeightSpec:
    """The matrix from the residual stream to the vocabulary."""
    found = [spec for spec in model.weights.values() if spec.relation == "readout"]
    if not found:
        raise ProbekitError(
            f"{label} does not describe the matrix that reads words out of it, so updates cannot be"
            " projected on its vocabulary; choose another model."
        )
    return found[0]


def _updates(
    model: Model, layer: Layer, readout: WeightSpec, params: SuppressionParams
) -> Float[np.ndarray, "residual unit"]:
    """What each neuron of a layer adds to the residual stream when it is 1."""
    found = [
        spec
        for spec in model.weights.values()
        if spec.source == layer.spec.name and spec.shape == (readout.shape[1], layer.spec.width)
    ]
    if not found:
        raise ProbekitError(
            f"{layer.label} does not describe what {layer.spec.name} writes into the residual"
            " stream, so it cannot be projected on the vocabulary; choose another model."
        )
    updates = _matrix(model, found[0])
    if not params.gain:
        return updates
    gain = getattr(model, "final_gain", None)
    if gain is None:
        raise ProbekitError(f"{layer.label} has no final layer norm with a gain; leave out gain.")
    return updates * gain.detach().float().cpu().numpy()[:, None]


def _matrix(model: Model, spec: WeightSpec) -> Float[np.ndarray, "to from"]:
    return model.weight(spec.name).detach().float().cpu().numpy()


def _row(
    layer: Layer,
    one: Detector,
    values: Float[np.ndarray, " token"],
    words: Words,
    params: SuppressionParams,
) -> dict[str, Any]:
    """Which way the update of a detector points at the tokens that it detects."""
    tokens = [gram[0] for gram in one.grams]
    at = values[tokens].astype(np.float64)
    mean = float(np.average(at, weights=one.counts))
    below = np.searchsorted(np.sort(values), values[tokens]) / len(values)
    return {
        **where(layer, params),
        "unit": one.unit,
        "detects": " | ".join(words[token] for token in tokens[:SHOWN]),
        "ngrams": len(tokens),
        "activations": one.total,
        "supported": one.total >= params.supported,
        "projection": mean,
        "suppressed": mean < 0,
        "all_negative": bool((at < 0).all()),
        "percentile": float(np.average(below, weights=one.counts)),
        "negative_share": float((values < 0).mean()),
    }


def _ends(
    layer: Layer,
    one: Detector,
    values: Float[np.ndarray, " token"],
    words: Words,
    params: SuppressionParams,
) -> list[dict[str, Any]]:
    """The tokens at either end of a projection, the strongest first."""
    top = min(params.top, len(values))
    order = np.argsort(values, kind="stable")
    triggers = {gram[0] for gram in one.grams}
    number = layer.spec.layer + params.first_layer
    detects = " | ".join(words[gram[0]] for gram in one.grams[:4])
    return [
        {
            "model": layer.label, "layer": number, "unit": one.unit,
            "detector": f"{layer.label}, layer {number}, unit {one.unit}: {detects}",
            "end": end, "rank": rank, "token": words[int(token)],
            "value": float(values[token]), "trigger": int(token) in triggers,
        }
        for end, chosen in (("promoted", order[::-1][:top]), ("suppressed", order[:top]))
        for rank, token in enumerate(chosen, start=1)
    ]  # fmt: skip


def _result(table: pd.DataFrame, ends: pd.DataFrame, params: SuppressionParams) -> Result:
    if table.empty:
        return Result(notes=["No token detector was found, so there is no update to look at."])
    by_layer = table.groupby(["model", "layer"], sort=False, as_index=False).agg(
        detectors=("unit", "size"), suppressed=("suppressed", "sum"),
        suppressed_share=("suppressed", "mean"), all_negative_share=("all_negative", "mean"),
        percentile=("percentile", "mean"), negative_share=("negative_share", "mean"),
    )  # fmt: skip
    clearest = table.sort_values(["supported", "activations"], ascending=False, kind="stable")
    clearest = clearest.head(params.shown)[["model", "layer", "unit"]]
    shown = clearest.merge(ends, on=["model", "layer", "unit"], how="left")
    result = Result(
        tables={
            "suppression_by_layer": by_layer,
            "updates": shown,
            "suppression": table,
            "projections": ends,
        },
        figures=_figures(shown),
    )
    for label, mine in table.groupby("model", sort=False):
        result.metrics |= {
            f"suppressed_share.{label}": float(mine["suppressed"].mean()),
            f"all_negative_share.{label}": float(mine["all_negative"].mean()),
            f"trigger_percentile.{label}": float(mine["percentile"].mean()),
            f"negative_share.{label}": float(mine["negative_share"].mean()),
        }
    result.notes.append(
        "A detector suppresses its tokens where the mean of its update's projection on them,"
        " weighted by their activations, is negative. Beside it stand the share of detectors whose"
        " update is negative on every one of them (all_negative_share), the mean share of the whole"
        " vocabulary on which updates are negative (negative_share), and the mean rank of the"
        " tokens among all, from 0 at the most suppressed to 1 (trigger_percentile)."
    )
    return result


def _figures(shown: pd.DataFrame) -> list[Figure]:
    return [
        Figure(
            "updates",
            "What token detectors promote and suppress",
            "Tokens at either end of the projection of a detector's update on the vocabulary, for"
            " the detectors with most activations; the tokens that it detects are dark.",
            "updates",
            projections_chart("updates", shown),
        ),
        Figure(
            "suppressed",
            "Token detectors that suppress their tokens",
            "Share of the token detectors of each layer whose update points away from the tokens"
            " that they detect.",
            "suppression_by_layer",
            shares_chart("suppression_by_layer", "suppressed_share", "suppressing detectors"),
        ),
    ]
