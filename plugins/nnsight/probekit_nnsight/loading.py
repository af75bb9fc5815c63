"""Networks for nnsight: from Hugging Face folders, from a function, or from far away.

load_nnsight(NnsightParams(), "cpu")                         # the shipped OPT
load_nnsight(NnsightParams(path="gpt2", remote=True), "cpu") # on NDIF
"""

from collections.abc import Mapping
from typing import Any

import torch
from probekit_opt.loading import DEFAULT, config_of, network_of, opt_folder, quiet, reader_of
from probekit_opt.reading import longest
from probekit_opt.tokens import TextReader
from torch import nn
from transformers import AutoModelForCausalLM

from probekit.errors import ProbekitError
from probekit.specs import resolve
from probekit_nnsight.importing import import_nnsight
from probekit_nnsight.layouts import known_places
from probekit_nnsight.model import Network, NnsightModel, scaled
from probekit_nnsight.params import NnsightParams, Place
from probekit_nnsight.points import find_points


def load_nnsight(params: NnsightParams, device: str) -> NnsightModel:
    """The network that the parameters name, ready to run.

    Raises ProbekitError where there is no such network, or where a declared place is not in it.
    """
    if params.module:
        return _made(params, device)
    place = params.path or opt_folder(DEFAULT)
    config = config_of(place)
    places = dict(params.hooks) or known_places(config)
    with quiet():
        network = _network(params, place, config, device)
    return _model(network, places, reader_of(place), params, place)


def _network(params: NnsightParams, place: str, config: Any, device: str) -> Network:
    """A Hugging Face model; where it runs remotely, without its weights."""
    nnsight = import_nnsight()
    if params.remote is True:
        if not nnsight.CONFIG.API.APIKEY:
            raise ProbekitError("model.remote=true needs a key of NDIF; put it in NDIF_API_KEY.")
        with torch.device("meta"):
            module: Any = AutoModelForCausalLM.from_config(config)
        envoy = nnsight.TransformersModel(place, task="text-generation")
    elif params.remote == "local":
        envoy = nnsight.TransformersModel(place, task="text-generation", dispatch=True)
        module = envoy._module.to(device, getattr(torch, params.dtype))
    else:
        module = network_of(place, config, params.dtype).to(device)  # type: ignore[arg-type]
        envoy = nnsight.NNsight(module)
    module.eval().requires_grad_(False)
    head = _path_of(module, module.get_output_embeddings()) if params.head is None else params.head
    return Network(envoy, module, "" if scaled(config) else head, config, params.remote)


def _made(params: NnsightParams, device: str) -> NnsightModel:
    """A network that a function makes."""
    if params.remote:
        raise ProbekitError("model.module is made here and cannot run remotely; leave out remote.")
    if not params.hooks:
        raise ProbekitError(
            "model.module needs its hook points declared: model.hooks={NAME: {module: PATH}}."
        )
    try:
        module = resolve(params.module)()
    except (ImportError, AttributeError, ValueError) as error:
        raise ProbekitError(f"model.module={params.module} cannot be had: {error}.") from error
    if not isinstance(module, nn.Module):
        raise ProbekitError(f"model.module={params.module} makes no torch module.")
    module = module.to(device, getattr(torch, params.dtype)).eval().requires_grad_(False)
    reader = reader_of(params.path) if params.path else TextReader(None, params.module)
    network = Network(import_nnsight().NNsight(module), module, params.head or "", None)
    return _model(network, params.hooks, reader, params, params.module)


def _model(
    network: Network,
    places: Mapping[str, Place],
    reader: TextReader,
    params: NnsightParams,
    place: str,
) -> NnsightModel:
    window = longest(params.window, network.config, place)
    return NnsightModel(network, find_points(network.module, places), reader, window)


def _path_of(network: nn.Module, part: nn.Module | None) -> str:
    """The path of a module in a network, or an empty string."""
    return next((name for name, module in network.named_modules() if module is part), "")
