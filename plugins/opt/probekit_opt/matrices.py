"""The weight matrices of a transformer, each `[to, from]`.

An FFN layer is two: `W_in`, whose rows are neurons, and `W_out`, whose columns are. Between the
residual stream and what a matrix reads there may be a layer norm, unit by unit. The readout goes
from the residual stream to the vocabulary, through `project_out` where there is one.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from probekit.hooks import HookSpec
from probekit.weights import WeightSpec
from probekit_opt.tokens import TextReader

View = Callable[[], Tensor]
Shape = tuple[int, int]


class Matrices:
    """What each matrix connects, and a way to each."""

    def __init__(self, hooks: Mapping[str, HookSpec]) -> None:
        self.specs: dict[str, WeightSpec] = {}
        self._hooks, self._views = hooks, dict[str, View]()

    def view(self, name: str) -> Tensor:
        """The matrix of that name, detached."""
        return self._views[name]().detach()

    def add_ffn(self, layer: int, enter: View, leave: View, neurons: int, width: int) -> None:
        """The two matrices of a layer's FFN."""
        at = f"blocks.{layer}"
        read = f"{at}.hook_resid_mid"
        read = read if read in self._hooks else f"{at}.hook_resid_pre"
        self.add(f"{at}.mlp.W_in", enter, (neurons, width), relation="input", layer=layer,
                 source=read, target=f"{at}.mlp.hook_pre")  # fmt: skip
        self.add(f"{at}.mlp.W_out", leave, (width, neurons), relation="merge", layer=layer,
                 source=f"{at}.mlp.hook_post", target=f"{at}.hook_resid_post")  # fmt: skip

    def add(self, name: str, view: View, shape: Shape, **facts: Any) -> None:
        """Describe a matrix; a hook point that the model has not is left out."""
        for end in ("source", "target"):
            if facts.get(end) not in self._hooks:
                facts.pop(end, None)
        self.specs[name] = WeightSpec(name=name, shape=shape, **facts)
        self._views[name] = view


def bridge_matrices(bridge: Any, hooks: Mapping[str, HookSpec], reader: TextReader) -> Matrices:
    """The matrices of a bridge."""
    found, network = Matrices(hooks), bridge.original_model
    embedding: Tensor = network.get_input_embeddings().weight
    names = reader.names(len(embedding))
    found.add("embedding", lambda: embedding.T, (embedding.shape[1], len(embedding)),
              relation="embedding", target="hook_embed", columns=names)  # fmt: skip
    for layer, block in enumerate(bridge.blocks):
        parts = getattr(getattr(block, "mlp", None), "submodules", {})
        enter, leave = parts.get("gate") or parts.get("in"), parts.get("out")
        if enter is not None and leave is not None:
            ways = _way(enter), _way(leave)
            neurons, width = ways[0]().shape
            found.add_ffn(layer, *ways, neurons, width)
    words, width = (readout := _readout(network))().shape
    found.add("readout", readout, (words, width), relation="readout",
              source=f"blocks.{len(bridge.blocks) - 1}.hook_resid_post",
              rows=names if len(names) == words else ())  # fmt: skip
    return found


def _way(linear: Any) -> View:
    """The weight of a linear module `[to, from]`; GPT-2's `Conv1D` keeps it the other way round."""
    module: nn.Module = linear.original_component
    weight: Tensor = module.weight  # type: ignore[assignment]
    return lambda: weight.T if type(module).__name__ == "Conv1D" else weight


def _readout(network: Any) -> View:
    """Vocabulary by residual stream."""
    head: Tensor = network.get_output_embeddings().weight
    decoder = getattr(getattr(network, "model", None), "decoder", None)
    project = getattr(decoder, "project_out", None)
    if project is None:
        return lambda: head
    through: Tensor = project.original_component.weight
    product: list[Tensor] = []

    def view() -> Tensor:
        if not product:
            product.append(head @ through)
        return product[0]

    return view
