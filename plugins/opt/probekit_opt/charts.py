"""The figures of the trainer, as Vega-Lite without data."""

from typing import Any

import altair as alt


def learning_curves() -> dict[str, Any]:
    """Loss against tokens read, one line a seed, training and validation apart."""
    chart = (
        alt.Chart(alt.NamedData("history"))
        .transform_fold(["train_loss", "validation_loss"], as_=["data", "loss"])
        .mark_line()
        .encode(
            x=alt.X("tokens:Q", title="tokens read"),
            y=alt.Y("loss:Q", title="nats a token", scale=alt.Scale(zero=False)),
            color=alt.Color("seed:N", title="seed"),
            strokeDash=alt.StrokeDash("data:N", title="data"),
        )
    )
    spec: dict[str, Any] = chart.to_dict()
    return {key: value for key, value in spec.items() if key not in ("data", "$schema", "config")}
