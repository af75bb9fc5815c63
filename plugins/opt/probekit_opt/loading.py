"""Transformers from folders as Hugging Face writes them, from its hub, and those shipped here.

    load_opt(OptParams(), "cpu")                            # the shipped one
    load_transformer(TransformerParams(path="gpt2"), "cpu") # whatever TransformerLens can bridge

Nothing in a folder is run: no code, no pickled objects but tensors.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    OPTForCausalLM,
    PreTrainedModel,
)

from probekit.errors import ProbekitError, did_you_mean, listing
from probekit_opt.attention import open_attention
from probekit_opt.files import TensorFiles
from probekit_opt.index import SHOWN, shards
from probekit_opt.layerwise import Layerwise
from probekit_opt.model import Transformer
from probekit_opt.opt import Opt
from probekit_opt.params import SHIPPED, UNTRAINED, OptParams, TransformerParams
from probekit_opt.tokens import TextReader

SHIPPED_FOLDER = Path(__file__).parent / "weights"
DEFAULT = "enwiki"
TOKENIZERS = ("tokenizer.json", "vocab.json", "tokenizer.model", "spiece.model")
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
HUB_ERRORS = (OSError, ValueError, HfHubHTTPError, HFValidationError)


def load_opt(params: OptParams, device: str) -> Transformer:
    """An OPT: shipped, from a folder or the hub, or untrained.

    Raises ProbekitError where there is no such model, where it is no OPT, and where its files are
    not whole.
    """
    place = params.path or opt_folder(params.checkpoint)
    if params.execution == "layerwise" and not Path(place).is_dir():
        raise ProbekitError(
            f"{place} is no model folder, so it cannot be read a layer at a time; download it and"
            " give model.path=FOLDER."
        )
    config = config_of(place)
    if config.model_type != "opt":
        raise ProbekitError(
            f"{place} holds a model of the kind {config.model_type}, not an OPT; use"
            f" model=transformer model.path={place}."
        )
    if params.execution == "layerwise" and (params.path or params.checkpoint != UNTRAINED):
        return _streamed(params, place, config, device)
    if not params.path and params.checkpoint == UNTRAINED:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(params.init_seed)
            network = OPTForCausalLM(config).to(getattr(torch, params.dtype))
    else:
        network = network_of(place, config, params.dtype)
    return _assembled(network, params, place, device)


def _streamed(params: OptParams, place: str, config: Any, device: str) -> Transformer:
    """An OPT of which one layer at a time is in memory."""
    _check_files(Path(place))
    files = TensorFiles(Path(place), getattr(torch, params.dtype), device)
    opened = params.attention == "open"
    return Layerwise(files, config, reader_of(place), params.window, _unused(config), opened)


def load_transformer(params: TransformerParams, device: str) -> Transformer:
    """A decoder-only transformer of any kind that TransformerLens can bridge (see `load_opt`)."""
    place = params.path or opt_folder(DEFAULT)
    config = config_of(place)
    return _assembled(network_of(place, config, params.dtype), params, place, device)


def opt_folder(checkpoint: str) -> str:
    """The folder of a checkpoint: a shipped name first, then a path."""
    if checkpoint in (*SHIPPED, UNTRAINED):
        return str(SHIPPED_FOLDER / (DEFAULT if checkpoint == UNTRAINED else checkpoint))
    if not Path(checkpoint).is_dir():
        hint = did_you_mean(checkpoint, [*SHIPPED, UNTRAINED])
        raise ProbekitError(
            f"there is no folder {checkpoint}{hint}; give a model folder or one of: "
            f"{listing([*SHIPPED, UNTRAINED])}."
        )
    return checkpoint


def _assembled(
    network: PreTrainedModel, params: TransformerParams, place: str, device: str
) -> Transformer:
    network.to(device)  # type: ignore[arg-type]
    if params.attention == "open":
        open_attention(network)
    reader, without = reader_of(place), _unused(network.config)
    try:
        kind = Opt if network.config.model_type == "opt" else Transformer
        return kind(network, reader, params.window, without)
    except (ValueError, KeyError, AttributeError, NotImplementedError) as error:
        raise ProbekitError(
            f"TransformerLens cannot bridge {type(network).__name__} ({error}); choose another"
            " model, or model=nnsight."
        ) from error


def config_of(place: str) -> Any:
    """The configuration of a folder or of a model on the hub."""
    folder = Path(place)
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise ProbekitError(
            f"{place} has no config.json, so it is no model folder; name the one that has it."
        )
    if folder.is_file():
        raise ProbekitError(f"{place} is a file; name the model folder that holds it.")
    with quiet():
        try:
            return AutoConfig.from_pretrained(place, local_files_only=folder.is_dir())
        except HUB_ERRORS as error:
            if folder.is_dir():
                raise ProbekitError(
                    f"{folder / 'config.json'} describes no model that transformers"
                    f" {transformers.__version__} knows: {_first(error)}."
                ) from error
            raise ProbekitError(
                f"there is no folder {place}, and the hub gives no model of that name:"
                f" {_first(error)}."
            ) from error


def network_of(place: str, config: Any, dtype: str) -> PreTrainedModel:
    """The model with its weights, each of which must be there in its shape."""
    if Path(place).is_dir():
        _check_files(Path(place))
    with quiet():
        try:
            network, report = AutoModelForCausalLM.from_pretrained(
                place,
                config=config,
                dtype=getattr(torch, dtype),
                attn_implementation="sdpa",
                local_files_only=Path(place).is_dir(),
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
        except SafetensorError as error:
            raise ProbekitError(
                f"{place} has a weights file that is cut short or damaged ({error}); copy it again."
            ) from error
        except (*HUB_ERRORS, RuntimeError) as error:
            raise ProbekitError(f"{place} cannot be loaded: {_first(error)}.") from error
    if missing := sorted(report["missing_keys"]):
        raise ProbekitError(
            f"{place} lacks {len(missing)} weights that its config.json asks for, such as"
            f" {listing(missing[:SHOWN])}; copy it again."
        )
    if wrong := sorted(report["mismatched_keys"]):
        name, found, expected = wrong[0]
        raise ProbekitError(
            f"{place}: {name} has the shape {_shape(found)}, but config.json asks for"
            f" {_shape(expected)}; the two do not belong together."
        )
    return network  # type: ignore[no-any-return]


def _check_files(folder: Path) -> None:
    """Raise ProbekitError where there are no weights, or not every shard that the index names."""
    for name in WEIGHTS:
        index = folder / f"{name}.index.json"
        if index.is_file():
            missing = [one for one in shards(index) if not (folder / one).is_file()]
            if missing:
                raise ProbekitError(
                    f"{folder} lacks {listing(missing[:SHOWN])}, which {index.name} names; copy"
                    " the folder again."
                )
            return
        if (folder / name).is_file():
            return
    raise ProbekitError(f"{folder} holds no weights; there should be a model.safetensors.")


def reader_of(place: str) -> TextReader:
    """What reads text for the model there, if it has a tokenizer."""
    return TextReader(_tokenizer(place), Path(place).name if Path(place).is_dir() else place)


def _unused(config: Any) -> list[str]:
    """Hook points that say nothing: position embeddings that are not used."""
    return ["hook_pos_embed"] if getattr(config, "positions", "learned") == "none" else []


def _tokenizer(place: str) -> Any:
    """The tokenizer, or None where a folder has none."""
    folder = Path(place)
    if folder.is_dir() and not any((folder / name).is_file() for name in TOKENIZERS):
        return None
    with quiet():
        try:
            return AutoTokenizer.from_pretrained(place, local_files_only=folder.is_dir())
        except Exception as error:  # whatever a damaged file brings forth
            raise ProbekitError(
                f"the tokenizer of {place} cannot be read: {_first(error)}; copy it again."
            ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Within it, transformers draws no bars and warns of nothing."""
    tell = transformers.utils.logging
    bars, level = tell.is_progress_bar_enabled(), tell.get_verbosity()
    tell.disable_progress_bar()
    tell.set_verbosity_error()
    try:
        yield
    finally:
        tell.set_verbosity(level)
        if bars:
            tell.enable_progress_bar()


def _first(error: BaseException) -> str:
    """The first line of a message, without its full stop."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")


def _shape(shape: Any) -> str:
    return " x ".join(str(size) for size in shape)
