"""Make a shipped file of a trained checkpoint: float16, with its scores measured once more.

    python -m probekit_seq2seq.ship RUN/checkpoints/seed-0-last.safetensors guided

The file goes into this package, where `model.checkpoint=guided` finds it.
"""

import argparse
import json
from pathlib import Path

from probekit.checkpoints import load_weights, save_weights
from probekit.errors import ProbekitError
from probekit_seq2seq.checkpoints import SHIPPED_FOLDER, load_gru
from probekit_seq2seq.lookup import lookup_tables
from probekit_seq2seq.params import SHIPPED, SPLITS, GruParams, LookupParams


def ship(checkpoint: Path, name: str, folder: Path = SHIPPED_FOLDER) -> dict[str, float]:
    """Write `NAME.safetensors` (float16) and `NAME.json` (where it comes from, how well it does).

    Gives the share of right answers on each split after the rounding. Raises ProbekitError where
    the checkpoint was trained on other data than the default task, which its scores are about.
    """
    weights = load_weights(checkpoint)
    dataset = lookup_tables(LookupParams())
    if weights.metadata.get("data") != f"{dataset.name} {dataset.split('train').fingerprint}":
        raise ProbekitError(f"{checkpoint} was not trained on the default lookup tables; train it.")
    half = {key: value.half() for key, value in weights.tensors.items()}
    target = folder / f"{name}.safetensors"
    save_weights(target, half, weights.metadata)
    model = load_gru(GruParams(checkpoint=str(target)), "cpu")
    scores = {split: model.sequence_accuracy(dataset.split(split)) for split in SPLITS}
    facts = {**weights.metadata, "sequence_accuracy": json.dumps(scores)}
    save_weights(target, half, facts)
    card: dict[str, object] = {
        key: value for key, value in facts.items() if not key.endswith("_words")
    }
    card |= {"sequence_accuracy": scores}
    (folder / f"{name}.json").write_text(json.dumps(card, indent=2, sort_keys=True) + "\n")
    return scores


def main() -> None:
    """Ship the checkpoint that the command line names, and print its scores."""
    parser = argparse.ArgumentParser(prog="python -m probekit_seq2seq.ship", description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("name", choices=sorted(SHIPPED))
    arguments = parser.parse_args()
    try:
        scores = ship(arguments.checkpoint, arguments.name)
    except ProbekitError as error:
        parser.error(str(error))
    for split, score in scores.items():
        print(f"{split:<22}{score:.3f}")


if __name__ == "__main__":
    main()
