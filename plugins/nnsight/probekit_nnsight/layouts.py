"""Where the hook points are in the families that people use most.

The names are those that TransformerLens gives them, so that runs of both drivers can be compared.
"""

from collections.abc import Mapping
from typing import Any

from probekit.errors import ProbekitError, listing
from probekit_nnsight.params import Place

LAYER = "blocks.{layer}"


def _family(
    block: str, embed: str, attention: str, enter: str, leave: str, **others: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """The hook points of a family, given the paths of its parts."""
    return {
        "hook_embed": {"module": embed, "kind": "embedding"},
        **others,
        f"{LAYER}.hook_resid_pre": {"module": block, "at": "input", "kind": "residual"},
        f"{LAYER}.hook_attn_out": {
            "module": f"{block}.{attention}", "index": 0, "kind": "attention",
        },
        f"{LAYER}.mlp.hook_pre": {
            "module": f"{block}.{enter}", "kind": "neuron", "stage": "pre",
        },
        f"{LAYER}.mlp.hook_post": {
            "module": f"{block}.{leave}", "at": "input", "kind": "neuron",
        },
        f"{LAYER}.hook_resid_post": {"module": block, "kind": "residual"},
    }  # fmt: skip


LLAMA = _family(
    "model.layers.{layer}", "model.embed_tokens", "self_attn", "mlp.gate_proj", "mlp.down_proj"
)
FAMILIES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "opt": _family(
        "model.decoder.layers.{layer}", "model.decoder.embed_tokens", "self_attn", "fc1", "fc2",
        hook_pos_embed={"module": "model.decoder.embed_positions", "kind": "embedding"},
    ),
    "gpt2": _family("transformer.h.{layer}", "transformer.wte", "attn", "mlp.c_fc", "mlp.c_proj"),
    "gpt_neox": _family(
        "gpt_neox.layers.{layer}", "gpt_neox.embed_in", "attention", "mlp.dense_h_to_4h",
        "mlp.dense_4h_to_h",
    ),
    "llama": LLAMA,
    "mistral": LLAMA,
    "qwen2": LLAMA,
}  # fmt: skip


def known_places(config: Any) -> dict[str, Place]:
    """The hook points of a Hugging Face configuration's family.

    Raises ProbekitError where the family is not known, so that they have to be declared.
    """
    family = FAMILIES.get(config.model_type)
    if family is None:
        raise ProbekitError(
            f"the hook points of a {config.model_type} are not known (those of"
            f" {listing(FAMILIES)} are); declare them with model.hooks."
        )
    rectified = getattr(config, "activation_function", "") == "relu"
    places = {}
    for name, facts in family.items():
        span = (0.0, float("inf")) if rectified and name.endswith("hook_post") else None
        layers = config.num_hidden_layers if "{layer}" in name else None
        places[name] = Place(**facts, span=span, layers=layers)
    if getattr(config, "positions", "learned") == "none":
        places.pop("hook_pos_embed")
    return places
