"""The figures of the trainer, as Vega-Lite without data."""

from typing import Any

import altair as alt


def learning_curves() -> dict[str, Any]:
    """Loss against epoch, one line a seed, training and validation apart (table `history`)."""
    chart = (
        alt.Chart(alt.NamedData("history"))
        .transform_fold(["train_loss", "validation_loss"], as_=["data", "loss"])
        .mark_line()
        .encode(
            x=alt.X("epoch:Q", title="epoch"),
            y=alt.Y("loss:Q", title="mean loss of a sequence"),
            color=alt.Color("seed:N", title="seed"),
            strokeDash=alt.StrokeDash("data:N", title="data"),
        )
    )
    return _without_data(chart)


def _without_data(chart: alt.Chart) -> dict[str, Any]:
    spec: dict[str, Any] = chart.to_dict()
    return {key: value for key, value in spec.items() if key not in ("data", "$schema", "config")}
