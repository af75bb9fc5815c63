"""LSTM language models from files: shipped here, trained here, or by word_language_model.

The files of Gulordava et al. (2018) hold a whole pickled `RNNModel` of an old torch; they are read
as data alone. Their words are in a file beside them, `vocab.txt`, or in `model.vocab`.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from torch import Tensor

from probekit.checkpoints import Weights, load_weights
from probekit.errors import ProbekitError, did_you_mean, listing
from probekit_lstm.model import END, UNKNOWN, Config, LstmLM, Unit
from probekit_lstm.params import SHIPPED, UNTRAINED, LstmParams

SHIPPED_FOLDER = Path(__file__).parent / "weights"
CLASSES = ("RNNModel",)
NEEDED = ("encoder.weight", "decoder.weight", "decoder.bias", "rnn.weight_hh_l0")
LAYER = re.compile(r"rnn\.weight_hh_l(\d+)")
TINY_WORDS = (UNKNOWN, END, "the", "boy", "boys", "near", "car", "cars", "greets", "greet", "guy")


def load_lstm(params: LstmParams, device: str) -> LstmLM:
    """The model that the parameters name, on the device, ready to run.

    Raises ProbekitError where the checkpoint or its words are not there, where it is no LSTM
    language model, and where sizes do not fit one another.
    """
    if params.checkpoint == UNTRAINED:
        words = read_words(Path(params.vocab)) if params.vocab else TINY_WORDS
        config = Config(words, params.embedding, params.hidden, params.layers, unit=params.unit,
                        strict=not params.unknown)  # fmt: skip
        return _ready(LstmLM(config).initialise(params.init_seed), device)
    return _ready(_from_file(find_checkpoint(params.checkpoint), params), device)


def _ready(model: LstmLM, device: str) -> LstmLM:
    return cast("LstmLM", model.to(device).eval())


def find_checkpoint(checkpoint: str) -> Path:
    """The file of a checkpoint: a shipped name first, then a path; ProbekitError without either."""
    if checkpoint in SHIPPED:
        return SHIPPED_FOLDER / f"{checkpoint}.safetensors"
    if not Path(checkpoint).exists():
        hint = did_you_mean(checkpoint, [*SHIPPED, UNTRAINED])
        raise ProbekitError(
            f"there is no file {checkpoint}{hint}; give the path of a checkpoint or one of:"
            f" {listing([*SHIPPED, UNTRAINED])}."
        )
    return Path(checkpoint)


def _from_file(path: Path, params: LstmParams) -> LstmLM:
    weights = load_weights(path, modules=CLASSES)
    tensors = {own_name(name): value.float() for name, value in weights.tensors.items()}
    config = _config(path, weights, tensors, params)
    if config.tied:  # a tied file may hold the matrix once
        tensors["decoder.weight"] = tensors["encoder.weight"]
    model = LstmLM(config)
    check_shapes(path, tensors, model.state_dict())
    model.load_state_dict(tensors)
    return model


def own_name(name: str) -> str:
    """`module.rnn.bias_hh_l0` (a file of DataParallel) as `rnn.bias_hh_l0`; others unchanged."""
    return name.removeprefix("module.")


def _config(
    path: Path, weights: Weights, tensors: Mapping[str, Tensor], params: LstmParams
) -> Config:
    """The sizes of the model, which follow from its tensors, and its words."""
    for name in NEEDED:
        if name not in tensors and not (name == "decoder.weight" and "tied" in weights.metadata):
            some = listing([ascii(one[:60])[1:-1] for one in list(tensors)[:3]])
            raise ProbekitError(
                f"{path} holds no {name}, so it is no LSTM language model; it holds: {some}, ..."
            )
        if name in tensors and name != "decoder.bias" and tensors[name].ndim != 2:
            raise ProbekitError(f"{path}: {name} is no matrix, so this is no LSTM language model.")
    table = tensors["encoder.weight"]
    tied = weights.metadata.get("tied") == "true" or (
        "decoder.weight" in tensors
        and tensors["decoder.weight"].shape == table.shape
        and bool((tensors["decoder.weight"] == table).all())
    )
    return Config(
        words=_words(path, weights, params.vocab, len(table)),
        embedding=table.shape[1],
        hidden=tensors["rnn.weight_hh_l0"].shape[1],
        layers=1 + max(int(match[1]) for match in map(LAYER.fullmatch, tensors) if match),
        tied=tied,
        unit=cast("Unit", weights.metadata.get("unit", params.unit)),
        strict=not params.unknown,
    )


def _words(path: Path, weights: Weights, vocab: str, rows: int) -> tuple[str, ...]:
    """The words of a checkpoint: from the file that was named, from itself, or from beside it."""
    if not vocab and "words" in weights.metadata:
        found, origin = _listed(path, weights.metadata["words"]), str(path)
    else:
        beside = Path(vocab) if vocab else path.with_name("vocab.txt")
        if not beside.exists():
            raise ProbekitError(
                f"there is no file {beside} with the words of {path.name}, a word a line in the"
                " order of their ids; name it with model.vocab=FILE."
            )
        found, origin = read_words(beside), str(beside)
    if len(found) != rows:
        raise ProbekitError(
            f"{origin} lists {len(found):,} words and {path.name} has {rows:,}; name the"
            " vocabulary that this model was trained with."
        )
    return found


def _listed(path: Path, text: str) -> tuple[str, ...]:
    try:
        words = json.loads(text)
    except ValueError:
        words = None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ProbekitError(f"{path} states words that are not a JSON list of words.")
    return tuple(words)


def read_words(path: Path) -> tuple[str, ...]:
    """The words of a file, a word a line; ProbekitError where it cannot be read or repeats one."""
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProbekitError(f"{path} is not UTF-8; save it as UTF-8.") from error
    except OSError as error:
        raise ProbekitError(f"{path} cannot be read: {error.strerror}; check the path.") from error
    lines = text.split("\n")
    words = tuple(line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1]))
    seen: dict[str, int] = {}
    for number, word in enumerate(words, start=1):
        if word in seen:
            raise ProbekitError(
                f"{path} lists {word!r} twice, in lines {seen[word]} and {number}; each word may"
                " stand once."
            )
        seen[word] = number
    return words


def check_shapes(path: Path, tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> None:
    """Raise ProbekitError unless there is every expected tensor, in its shape, and no other."""
    for name, value in own.items():
        if name not in tensors:
            raise ProbekitError(f"{path} lacks the tensor {name}, of the shape {_shape(value)}.")
        if tensors[name].shape != value.shape:
            raise ProbekitError(
                f"{path}: {name} has the shape {_shape(tensors[name])}, but {_shape(value)} is"
                " expected."
            )
    if others := [name for name in tensors if name not in own]:
        some = listing([ascii(name[:60])[1:-1] for name in others[:3]])
        raise ProbekitError(f"{path} holds tensors that this model has no place for: {some}.")


def _shape(tensor: Tensor) -> str:
    return " x ".join(str(size) for size in tensor.shape) or "a single number"


def describe(config: Config) -> dict[str, str]:
    """A configuration as the metadata of a file, from which `load_lstm` reads it back."""
    return {
        "words": json.dumps(config.words, ensure_ascii=False),
        "tied": json.dumps(config.tied),
        "unit": config.unit,
    }
