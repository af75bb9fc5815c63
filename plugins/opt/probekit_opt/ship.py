"""Make a shipped folder of a trained one: float16, with its loss measured once more.

    python -m probekit_opt.ship RUN/checkpoints/seed-0 enwiki --corpus enwiki.txt.xz

The folder goes into this package, where `model.checkpoint=enwiki` finds it.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch.nn import functional

from probekit.checkpoints import load_weights
from probekit.errors import ProbekitError
from probekit.partials import write_file
from probekit_opt.bpe import BOS
from probekit_opt.corpus import encode, read_documents
from probekit_opt.folder import CARD, folder_files
from probekit_opt.loading import SHIPPED_FOLDER, load_opt
from probekit_opt.model import Transformer
from probekit_opt.params import SHIPPED, OptParams
from probekit_opt.trainer import count
from probekit_opt.training import exam_of, split

AT_ONCE = 24
VALIDATION = 0.01  # what older cards do not tell


def ship(
    folder: Path, name: str, corpus: Sequence[str], target: Path = SHIPPED_FOLDER
) -> dict[str, Any]:
    """Write the folder `NAME` with weights in float16; gives its card.

    Raises ProbekitError where the corpus is not that which the model was trained on.
    """
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    documents = read_documents(corpus)
    if count(documents)["corpus"] != card["corpus"].split()[-1]:
        raise ProbekitError(f"{folder} was not trained on this corpus; name that one.")
    weights = load_weights(folder / "model.safetensors").tensors
    half = {key: value.half() for key, value in weights.items()}
    text = (folder / "tokenizer.json").read_text(encoding="utf-8")
    config = load_opt(OptParams(path=str(folder)), "cpu").config
    _write(target / name, folder_files(config, half, text, card))
    model = load_opt(OptParams(path=str(target / name)), "cpu")
    stream = encode(Tokenizer.from_str(text), documents, BOS)
    share = card.setdefault("validation", VALIDATION)
    exam = exam_of(split(stream, share).validation, config.max_position_embeddings)
    card["validation_loss"] = loss(model, exam)
    _write(target / name, folder_files(config, half, text, card))
    return dict(card)


def loss(model: Transformer, exam: np.ndarray) -> float:
    """The mean of -log p(token) in nats over windows `[window, pos]`, but their first tokens."""
    total = 0.0
    for start in range(0, len(exam), AT_ONCE):
        rows = torch.from_numpy(exam[start : start + AT_ONCE].astype(np.int64))
        with torch.no_grad():
            logits = model.run_with_hooks(rows[:, :-1])
        some = functional.cross_entropy(logits.transpose(1, 2), rows[:, 1:])
        total += float(some) * len(rows)
    return total / len(exam)


def _write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        write_file(folder / name, content)


def main() -> None:
    """Ship the folder that the command line names, and print its card."""
    parser = argparse.ArgumentParser(prog="python -m probekit_opt.ship", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("name", choices=sorted(SHIPPED))
    parser.add_argument("--corpus", nargs="+", required=True)
    arguments = parser.parse_args()
    try:
        card = ship(arguments.folder, arguments.name, arguments.corpus)
    except ProbekitError as error:
        parser.error(str(error))
    print(json.dumps(card, indent=2, sort_keys=True))


if __name__ == "__main__":
    main()
