"""Attention with a hook point on its weights, for every model that Hugging Face writes.

    open_attention(model)                   # before a bridge is built around the model
    patterns(model)[3]                      # the HookPoint of layer 3: [batch, head, pos, source]

Fused attention never forms the weights, and a bridge shows those of eager attention only after
they have been used. Here they pass the hook point on the way, so that interventions act.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformer_lens.hook_points import HookPoint
from transformers import PreTrainedModel
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, eager_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from probekit.errors import ProbekitError

NAME = "probekit"
POINT = "probekit_pattern"
FOREIGN = ("softcap", "s_aux")  # what some families add to attention, and this one does not know


def open_attention(model: PreTrainedModel) -> None:
    """Give every attention module of a model a hook point on its weights."""
    for module in model.modules():
        if hasattr(module, "layer_idx") and hasattr(module, "is_causal"):
            setattr(module, POINT, HookPoint())
    if not patterns(model):
        raise ProbekitError(
            f"the attention of {type(model).__name__} cannot be opened; leave out model.attention."
        )
    ALL_ATTENTION_FUNCTIONS.register(NAME, attend)
    ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, eager_mask)
    model.config._attn_implementation = NAME


def patterns(model: nn.Module) -> Mapping[int, HookPoint]:
    """The hook points by layer; none where the attention is not open."""
    found: dict[int, HookPoint] = {}
    for module in model.modules():
        point = vars(module).get("_modules", {}).get(POINT)
        if point is not None:
            found[module.layer_idx] = point  # type: ignore[index]
    return found


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Softmax attention as Hugging Face calls it: `[batch, head, pos, unit]` each.

    Keys and values may have fewer heads, each shared by several of the query's (grouped-query
    attention). Gives `[batch, pos, head, unit]`.
    """
    if strange := [name for name in FOREIGN if others.get(name) is not None]:
        raise ProbekitError(
            f"this model's attention uses {strange[0]}, so its weights cannot be hooked;"
            " leave out model.attention."
        )
    shared = query.shape[1] // key.shape[1]
    key, value = (one.repeat_interleave(shared, dim=1) for one in (key, value))
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    scores = query @ key.transpose(2, 3) * scale
    if attention_mask is not None:
        scores = scores + attention_mask[..., : key.shape[2]]
    weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)
    weights = getattr(module, POINT)(weights)
    return (weights @ value).transpose(1, 2).contiguous(), None
