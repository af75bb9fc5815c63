"""Model folders as Hugging Face writes them: config.json, model.safetensors, tokenizer.json.

A card beside them (`card.json`) says where the model comes from.
"""

import json
from collections.abc import Mapping
from typing import Any

from torch import Tensor
from transformers import PretrainedConfig

from probekit.checkpoints import dump_weights

CARD = "card.json"


def folder_files(
    config: PretrainedConfig, weights: Mapping[str, Tensor], tokenizer: str, card: Mapping[str, Any]
) -> dict[str, bytes]:
    """The files of a folder by name; the same model always gives the same bytes."""
    type_ = str(next(iter(weights.values())).dtype).removeprefix("torch.")
    about = config.to_dict() | {"architectures": ["OPTForCausalLM"], "dtype": type_}
    for name in ("_name_or_path", "transformers_version"):
        about.pop(name, None)
    special = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "</s>",
        "eos_token": "</s>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "model_max_length": about["max_position_embeddings"],
    }
    return {
        "config.json": _json(about),
        "model.safetensors": dump_weights(weights, {"format": "pt"}),
        "tokenizer.json": tokenizer.encode(),
        "tokenizer_config.json": _json(special),
        CARD: _json(card),
    }


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, sort_keys=True) + "\n").encode()
