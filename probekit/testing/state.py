"""What a model holds: its weights, and the hooks that are set on it."""

from collections.abc import Mapping
from hashlib import sha256

import torch
from torch import Tensor, nn

from probekit.model import Model


def weights_of(model: Model) -> list[Tensor]:
    """The weights of a model that is a torch module, or that holds one as an attribute."""
    holders = (model, *getattr(model, "__dict__", {}).values())
    modules = [holder for holder in holders if isinstance(holder, nn.Module)]
    found = {id(weight): weight for module in modules for weight in module.parameters()}
    return list(found.values())


def digest(model: Model) -> str:
    """A hash of the weights as they are now (a fingerprint may have been kept from before)."""
    found = sha256()
    for weight in weights_of(model):
        plain = weight.detach().cpu().contiguous().flatten()
        found.update(plain.view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def hooks_left(model: Model) -> list[str]:
    """The hook points of a `hook_dict` on which anything is set."""
    points: Mapping[str, nn.Module] = getattr(model, "hook_dict", {})
    return [name for name, point in points.items() if point._forward_hooks or point._backward_hooks]
