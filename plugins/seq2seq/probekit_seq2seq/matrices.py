"""The weight matrices of the encoder-decoder, each `[to, from]`.

The attention and the full focus read a pair of vectors side by side; their weights are two matrices
here, one for each. What the decoder's recurrent layer reads is the attended encoder state, gated
unit by unit, so its columns are the encoder's hidden units.
"""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from probekit.recurrent import HookedRNN
from probekit.weights import WeightSpec
from probekit_seq2seq.network import Decoder, Encoder

ENCODER, DECODER = "encoder.rnn", "decoder.rnn"
STATES, STATE = f"{ENCODER}.layers.0.hook_hidden", f"{DECODER}.layers.0.hook_hidden"
SAID = "decoder.hook_embed"


def matrix_specs(
    encoder: Encoder, decoder: Decoder, heard: Sequence[str], said: Sequence[str]
) -> dict[str, WeightSpec]:
    """What each matrix connects; `heard` and `said` are the words of both vocabularies."""
    views = matrix_views(encoder, decoder)

    def beside(name: str, **facts: object) -> WeightSpec:
        shape = (views[name].shape[0], views[name].shape[1])
        return WeightSpec(name=name, shape=shape, **facts)  # type: ignore[arg-type]

    specs = [
        beside("encoder.embedding", relation="embedding", part="encoder",
               target="encoder.hook_embed", columns=tuple(heard)),
        *_of_layer(ENCODER, encoder.rnn, "encoder.hook_embed"),
        beside("decoder.embedding", relation="embedding", part="decoder", target=SAID,
               columns=tuple(said)),
        beside("decoder.attention.state", relation="attention", part="decoder", source=STATES),
        beside("decoder.attention.query", relation="attention", part="decoder", source=STATE),
        beside("decoder.attention.score", relation="attention", part="decoder"),
        beside("decoder.merge.context", relation="merge", part="decoder", source=STATES),
        beside("decoder.merge.embedding", relation="merge", part="decoder", source=SAID),
        *_of_layer(DECODER, decoder.rnn, STATES),
        beside("decoder.readout", relation="readout", part="decoder", source=STATE,
               target="decoder.hook_logits", rows=tuple(said)),
    ]  # fmt: skip
    return {spec.name: spec for spec in specs}


def matrix_views(encoder: Encoder, decoder: Decoder) -> dict[str, Tensor]:
    """Every matrix as a view of the weights as they are now."""
    scoring = decoder.attention.method
    of_states, of_query = scoring.mlp.weight.chunk(2, dim=1)
    of_context, of_word = decoder.ffocus_merge.weight.chunk(2, dim=1)
    views = {
        "encoder.embedding": encoder.embedding.weight.T,
        "decoder.embedding": decoder.embedding.weight.T,
        "decoder.attention.state": of_states,
        "decoder.attention.query": of_query,
        "decoder.attention.score": scoring.out.weight,
        "decoder.merge.context": of_context,
        "decoder.merge.embedding": of_word,
        "decoder.readout": decoder.out.weight,
    }
    for prefix, rnn in ((ENCODER, encoder.rnn), (DECODER, decoder.rnn)):
        views |= {f"{prefix}.{name}": rnn.weight(name) for name in rnn.weights}
    return {name: view.detach() for name, view in views.items()}


def _of_layer(prefix: str, rnn: HookedRNN, below: str) -> list[WeightSpec]:
    """The matrices of a recurrent layer, the first of which read the hook point `below`."""
    specs = [spec.within(prefix) for spec in rnn.weights.values()]
    return [spec if spec.source else replace(spec, source=below) for spec in specs]
