"""The layers of an OPT as products over rows: positions of any sequences, in any order.

A row is one position of one sequence, `[row, unit]`; what positions share they need not sit
together for, but in attention, which is the business of the caller. The numbers are those of
Hugging Face's OPTDecoderLayer (Zhang et al. 2022; both orders of norm and sublayer).
"""

from collections.abc import Mapping
from typing import Any

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional
from transformers.activations import ACT2FN


class Rows:
    """The weights of an OPT by their names, and what each part of a layer does to rows."""

    def __init__(self, config: Any, weights: Mapping[str, Tensor]) -> None:
        self.config, self._weights = config, weights
        self.heads: int = config.num_attention_heads
        self.before: bool = config.do_layer_norm_before
        self.act = ACT2FN[config.activation_function]

    def embed(self, ids: Tensor, positions: Tensor) -> Float[Tensor, "row unit"]:
        """What the first layer reads, of ids `[row]` at positions `[row]` counted from 0."""
        tokens = self._of("decoder.embed_tokens.weight")[ids]
        project = self._weights.get("model.decoder.project_in.weight")
        tokens = tokens if project is None else functional.linear(tokens, project)
        return tokens + self._of("decoder.embed_positions.weight")[positions + 2]

    def attended(
        self, layer: int, rows: Float[Tensor, "row unit"]
    ) -> tuple[Float[Tensor, "head row part"], Tensor, Tensor]:
        """Queries, keys and values, `[head, row, part]` each."""
        read = self.norm(layer, "self_attn_layer_norm", rows) if self.before else rows
        query, key, value = (
            self.linear(layer, f"self_attn.{name}_proj", read) for name in ("q", "k", "v")
        )
        query = query * (rows.shape[1] // self.heads) ** -0.5
        return self._split(query), self._split(key), self._split(value)

    def query(self, layer: int, rows: Float[Tensor, "row unit"]) -> Float[Tensor, "head row part"]:
        """The queries alone."""
        read = self.norm(layer, "self_attn_layer_norm", rows) if self.before else rows
        query = self.linear(layer, "self_attn.q_proj", read)
        return self._split(query * (rows.shape[1] // self.heads) ** -0.5)

    def middle(
        self, layer: int, rows: Float[Tensor, "row unit"], found: Float[Tensor, "row unit"]
    ) -> Float[Tensor, "row unit"]:
        """The residual stream behind attention, which found `found` at these rows."""
        rows = rows + self.linear(layer, "self_attn.out_proj", found)
        return rows if self.before else self.norm(layer, "self_attn_layer_norm", rows)

    def neurons(self, layer: int, middle: Float[Tensor, "row unit"]) -> Float[Tensor, "row neuron"]:
        """The FFN neurons behind their non-linearity."""
        read = self.norm(layer, "final_layer_norm", middle) if self.before else middle
        return self.act(self.linear(layer, "fc1", read))  # type: ignore[no-any-return]

    def summed(
        self, layer: int, middle: Float[Tensor, "row unit"], neurons: Float[Tensor, "row neuron"]
    ) -> Float[Tensor, "row unit"]:
        """What the neurons add to the residual stream and it, before a norm that may follow."""
        return middle + self.linear(layer, "fc2", neurons)

    def leave(self, layer: int, summed: Float[Tensor, "row unit"]) -> Float[Tensor, "row unit"]:
        """The residual stream behind the layer."""
        return summed if self.before else self.norm(layer, "final_layer_norm", summed)

    def out(self, layer: int) -> Float[Tensor, "unit neuron"]:
        """What each neuron writes."""
        return self._of(f"decoder.layers.{layer}.fc2.weight")

    def last(self, rows: Float[Tensor, "row unit"]) -> Float[Tensor, "row part"]:
        """What the vocabulary head reads."""
        weight = self._weights.get("model.decoder.final_layer_norm.weight")
        if weight is not None:
            bias = self._of("decoder.final_layer_norm.bias")
            rows = functional.layer_norm(rows, weight.shape, weight, bias)
        project = self._weights.get("model.decoder.project_out.weight")
        return rows if project is None else functional.linear(rows, project)

    def linear(self, layer: int, name: str, rows: Tensor) -> Tensor:
        """A linear map of a layer."""
        at = f"model.decoder.layers.{layer}.{name}"
        return functional.linear(
            rows, self._weights[f"{at}.weight"], self._weights.get(f"{at}.bias")
        )

    def norm(self, layer: int, name: str, rows: Tensor) -> Tensor:
        """A layer norm of a layer."""
        at = f"model.decoder.layers.{layer}.{name}"
        weight, bias = self._weights.get(f"{at}.weight"), self._weights.get(f"{at}.bias")
        return functional.layer_norm(rows, rows.shape[1:], weight, bias)

    def _of(self, name: str) -> Tensor:
        return self._weights[f"model.{name}"]

    def _split(self, rows: Tensor) -> Float[Tensor, "head row part"]:
        return rows.view(len(rows), self.heads, -1).transpose(0, 1)


def joined(heads: Float[Tensor, "head row part"]) -> Float[Tensor, "row unit"]:
    """The heads side by side."""
    return heads.transpose(0, 1).flatten(1)


def attention(query: Tensor, key: Tensor, value: Tensor, seen: Tensor) -> Tensor:
    """Fused attention of `[head, row, part]` where `seen [query, key]` is True; queries scaled."""
    return functional.scaled_dot_product_attention(
        query[None], key[None], value[None], attn_mask=seen, scale=1.0
    )[0]
