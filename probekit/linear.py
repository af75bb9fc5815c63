"""The product of a state with one weight, many times over: packed where that is faster."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

Product = Callable[[Tensor], Tensor]

WORTH_PACKING = 4


def product(
    weight: Float[Tensor, "output input"], bias: Float[Tensor, " output"], batch: int, uses: int
) -> Product:
    """`x [batch, input] -> x @ weight.T + bias`, to be used about `uses` times.

    In float32 on a CPU and without gradients the weight is reordered once into oneDNN's blocked
    layout; torch exposes that only by a private operator, so its absence falls back to `linear`.
    """
    packable = (
        uses >= WORTH_PACKING
        and weight.dtype == torch.float32
        and weight.device.type == "cpu"
        and not torch.is_grad_enabled()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    )
    if not packable:
        return lambda x: functional.linear(x, weight, bias)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), batch)
    bias = bias.detach()
    return lambda x: torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")
