"""Seq2Seq models from files: those shipped here, those trained here, and the original library's.

An original checkpoint (the `machine` library of baan2019) is a pickled module or its state dict,
with `encoder_module.` and `decoder_module.` before the names, and without its vocabulary.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from probekit.checkpoints import Weights, load_weights
from probekit.errors import ProbekitError, did_you_mean, listing
from probekit_seq2seq.model import INPUT_WORDS, OUTPUT_WORDS, Config, Seq2Seq
from probekit_seq2seq.params import INIT_RANGE, SHIPPED, UNTRAINED, CellName, GruParams, LstmParams
from probekit_seq2seq.retraining import Retrainable

SHIPPED_FOLDER = Path(__file__).parent / "weights"
ORIGINAL_NAMES = (  # the last is a function that a pickled Seq2seq holds; it is never called
    "Seq2seq", "EncoderRNN", "DecoderRNN", "Attention", "MLP", "log_softmax",
)  # fmt: skip
SIDE = re.compile(r"(?:^|\.)(encoder|decoder)(?:_module)?\.(.+)", re.DOTALL)
SHOWN = 3


def load_gru(params: GruParams, device: str) -> Seq2Seq:
    """A GRU encoder-decoder: shipped, from a file, or untrained (see `load`)."""
    return load(params, device, "gru")


def load_lstm(params: LstmParams, device: str) -> Seq2Seq:
    """An LSTM encoder-decoder: from a file, or untrained (see `load`)."""
    return load(params, device, "lstm")


def load(params: GruParams, device: str, cell: CellName) -> Seq2Seq:
    """The model that the parameters name, on the device, ready to run.

    Raises ProbekitError where the checkpoint is not there, is no encoder-decoder of this kind, or
    has tensors of other shapes.
    """
    if params.checkpoint == UNTRAINED:
        config = Config(
            cell=cell,
            embedding=params.embedding,
            hidden=params.hidden,
            input_words=params.input_words or INPUT_WORDS,
            output_words=params.output_words or OUTPUT_WORDS,
            decoding=params.decoding,
        )
        model: Seq2Seq = Retrainable(config).initialise(params.init_seed, INIT_RANGE)
    else:
        model = _from_file(_find(params.checkpoint, cell), params, cell)
    return model.to(device).eval()  # type: ignore[no-any-return]


def _find(checkpoint: str, cell: CellName) -> Path:
    """The file of a checkpoint: a shipped name first, then a path."""
    shipped = SHIPPED if cell == "gru" else {}
    if checkpoint in shipped:
        return SHIPPED_FOLDER / f"{checkpoint}.safetensors"
    if not Path(checkpoint).exists():
        hint = did_you_mean(checkpoint, [*shipped, UNTRAINED])
        raise ProbekitError(
            f"there is no file {checkpoint}{hint}; give the path of a checkpoint or one of: "
            f"{listing([*shipped, UNTRAINED])}."
        )
    return Path(checkpoint)


def _from_file(path: Path, params: GruParams, cell: CellName) -> Seq2Seq:
    weights = load_weights(path, modules=ORIGINAL_NAMES)
    tensors = {_own_name(name): value for name, value in weights.tensors.items()}
    found = weights.metadata.get("cell", cell)
    if found != cell:
        raise ProbekitError(f"{path} holds the weights of a {found}; use model={found}-seq2seq.")
    words = _words(weights, path)
    model = Retrainable(
        Config(
            cell=cell,
            embedding=_width(tensors, "encoder.embedding.weight", path),
            hidden=_width(tensors, "encoder.rnn.weight_hh_l0", path),
            input_words=params.input_words or words.get("input_words", INPUT_WORDS),
            output_words=params.output_words or words.get("output_words", OUTPUT_WORDS),
            decoding=params.decoding,
        )
    )
    check_shapes(tensors, {name: value.shape for name, value in model.state_dict().items()}, path)
    model.load_state_dict({name: value.float() for name, value in tensors.items()})
    model.guidance = {"true": True, "false": False}.get(weights.metadata.get("guidance", ""))
    return model


def _own_name(name: str) -> str:
    """`encoder_module.rnn.bias_hh_l0` as `encoder.rnn.bias_hh_l0`; other names unchanged."""
    match = SIDE.search(name)
    return f"{match[1]}.{match[2]}" if match else name


def _words(weights: Weights, path: Path) -> dict[str, tuple[str, ...]]:
    """The vocabularies that the file carries."""
    found: dict[str, tuple[str, ...]] = {}
    for key in ("input_words", "output_words"):
        if key not in weights.metadata:
            continue
        try:
            words = json.loads(weights.metadata[key])
        except ValueError:
            words = None
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise ProbekitError(f"{path} states {key} that are not a JSON list of words.")
        found[key] = tuple(words)
    return found


def _width(tensors: Mapping[str, Tensor], name: str, path: Path) -> int:
    """The second size of a matrix, from which the sizes of the model follow."""
    if name not in tensors:
        raise ProbekitError(
            f"{path} holds no {name}, so it is no encoder-decoder of this kind; it holds: "
            f"{_some(tensors)}."
        )
    shape = tensors[name].shape
    if len(shape) != 2 or shape[1] == 0:
        raise ProbekitError(f"{path}: {name} has the shape {_shape(shape)}; it should be a matrix.")
    return shape[1]


def check_shapes(
    tensors: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]], path: Path
) -> None:
    """Raise ProbekitError unless there is every expected tensor, in its shape, and no other."""
    for name, shape in expected.items():
        if name not in tensors:
            raise ProbekitError(f"{path} lacks the tensor {name}, of the shape {_shape(shape)}.")
        found = tensors[name].shape
        if found != shape:
            hint = "; its words can be given as model.input_words and model.output_words"
            raise ProbekitError(
                f"{path}: {name} has the shape {_shape(found)}, but {_shape(shape)} is expected"
                f"{hint if found[1:] == shape[1:] else ''}."
            )
    if others := [name for name in tensors if name not in expected]:
        raise ProbekitError(
            f"{path} holds tensors that this model has no place for: {_some(others)}."
        )


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(str(size) for size in shape) or "a single number"


def _some(names: Mapping[str, Tensor] | list[str]) -> str:
    """The first names, cut short: they come out of a file."""
    shown = [ascii(name[:60])[1:-1] for name in list(names)[:SHOWN]]
    return listing(shown) + (", ..." if len(names) > SHOWN else "")
