"""The picture of a training, as a Vega-Lite chart."""

from typing import Any

import altair as alt

LOSSES = {"train_loss": "training", "validation_loss": "held out"}


def learning_curves() -> dict[str, Any]:
    """Loss against updates, training and held out, a panel a seed."""
    chart = (
        alt.Chart(alt.NamedData("history"))
        .transform_fold(list(LOSSES), as_=["loss", "nats"])
        .transform_calculate(text="datum.loss == 'train_loss' ? 'training' : 'held out'")
        .mark_line(point=True)
        .encode(
            x=alt.X("updates:Q", title="updates"),
            y=alt.Y("nats:Q", title="loss of a word (nats)", scale=alt.Scale(zero=False)),
            color=alt.Color("text:N", title=None, sort=list(LOSSES.values())),
            facet=alt.Facet("seed:N", title="seed", columns=3),
        )
    )
    made: dict[str, Any] = chart.to_dict(validate=False)
    return made
