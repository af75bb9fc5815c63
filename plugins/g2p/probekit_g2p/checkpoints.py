"""Weights of g2p-en: out of the installed package, which is not imported, or from an .npz."""

import zipfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import torch

from probekit.errors import ProbekitError
from probekit_g2p.model import Config, G2p
from probekit_g2p.params import PUBLISHED, UNTRAINED, G2pParams

PACKAGE, FILE = "g2p-en", "g2p_en/checkpoint20.npz"
INSTALL = "`pip install --no-deps g2p-en==2.1.0`"
LARGEST = 2**30  # bytes unpacked
GRU = {"w_ih": "weight_ih_l0", "w_hh": "weight_hh_l0", "b_ih": "bias_ih_l0", "b_hh": "bias_hh_l0"}
NAMES = {
    f"{short}_{array}": f"{part}.{name}"
    for short, part in (("enc", "encoder"), ("dec", "decoder"))
    for array, name in (
        ("emb", "embedding.weight"),
        *((key, f"rnn.{name}") for key, name in GRU.items()),
    )
} | {"fc_w": "decoder.out.weight", "fc_b": "decoder.out.bias"}


def load(params: G2pParams, device: str) -> G2p:
    """The model that the parameters name, on the device, ready to run.

    Raises ProbekitError where the weights are not there or are not those of such a model.
    """
    if params.checkpoint == UNTRAINED:
        config = Config(params.embedding, params.hidden, params.decoding)
        model = G2p(config).initialise(params.init_seed)
    else:
        published = params.checkpoint == PUBLISHED
        path = find_published() if published else Path(params.checkpoint)
        model = _built(read_arrays(path), params, path)
    return model.to(device).eval()  # type: ignore[no-any-return]


def find_published() -> Path:
    """The file of weights in the installed package."""
    try:
        found = distribution(PACKAGE)
    except PackageNotFoundError:
        raise ProbekitError(
            f"the weights are those of the package {PACKAGE}, which is not installed: run {INSTALL}"
            " (it needs nothing else for this), or give model.checkpoint=PATH."
        ) from None
    path = Path(str(found.locate_file(FILE)))
    if not path.is_file():
        raise ProbekitError(
            f"the package {PACKAGE} {found.version} is installed without {FILE}: run {INSTALL}."
        )
    return path


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz by name, read as numbers alone."""
    if not path.is_file():
        raise ProbekitError(
            f"there is no file {path}; give the path of an .npz, {PUBLISHED} or {UNTRAINED}."
        )
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST:
            raise ProbekitError(f"{path} unpacks to {size:,} bytes, too many for such a model.")
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except ProbekitError:
        raise
    except Exception as error:  # zip and numpy raise whatever a damaged file makes them stumble on
        raise ProbekitError(
            f"{path} is no .npz of plain arrays, or a damaged one; copy it again or give another."
        ) from error


def _built(arrays: Mapping[str, np.ndarray], params: G2pParams, path: Path) -> G2p:
    """A model of the sizes that the arrays have."""
    if absent := [name for name in NAMES if name not in arrays]:
        raise ProbekitError(f"{path} holds no array {absent[0]}, so it is no g2p-en checkpoint.")
    for name in ("enc_emb", "enc_w_hh"):
        if arrays[name].ndim != 2 or 0 in arrays[name].shape:
            raise ProbekitError(f"{path}: {name} should be a matrix, and it is not.")
    embedding, hidden = arrays["enc_emb"].shape[1], arrays["enc_w_hh"].shape[1]
    model = G2p(Config(embedding, hidden, params.decoding))
    expected = model.state_dict()
    for name, own in NAMES.items():
        found, wanted = arrays[name], tuple(expected[own].shape)
        if found.shape != wanted or found.dtype.kind != "f":
            raise ProbekitError(
                f"{path}: {name} is {found.dtype} of the shape {found.shape}; it should be float of"
                f" the shape {wanted}."
            )
    model.load_state_dict(
        {own: torch.from_numpy(arrays[name].astype(np.float32)) for name, own in NAMES.items()}
    )
    return model
