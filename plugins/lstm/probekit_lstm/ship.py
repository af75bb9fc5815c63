"""Make a shipped file of a trained checkpoint: float16, with where it comes from beside it.

    python -m probekit_lstm.ship RUN/checkpoints/seed-0.safetensors english

The file goes into this package, where `model.checkpoint=english` finds it.
"""

import argparse
import json
from pathlib import Path

from probekit.checkpoints import load_weights, save_weights
from probekit.errors import ProbekitError
from probekit_lstm.checkpoints import SHIPPED_FOLDER, load_lstm
from probekit_lstm.params import SHIPPED, LstmParams


def ship(checkpoint: Path, name: str, folder: Path = SHIPPED_FOLDER) -> Path:
    """Write `NAME.safetensors` (float16) and `NAME.json` (where it comes from); gives the former.

    Raises ProbekitError where the checkpoint does not say how it was trained, or does not load.
    """
    weights = load_weights(checkpoint)
    if "command" not in weights.metadata:
        raise ProbekitError(
            f"{checkpoint} does not say how it was trained; ship what `probekit train` wrote."
        )
    folder.mkdir(exist_ok=True)
    target = folder / f"{name}.safetensors"
    half = {key: value.half() for key, value in weights.tensors.items()}
    save_weights(target, half, weights.metadata)
    model = load_lstm(LstmParams(checkpoint=str(target)), "cpu")
    card: dict[str, object] = {
        key: value for key, value in weights.metadata.items() if key not in ("words", "perplexity")
    }
    card |= {
        "words": len(model.cfg.words),
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "perplexity": json.loads(weights.metadata["perplexity"]),
    }
    text = json.dumps(card, indent=2, sort_keys=True) + "\n"
    (folder / f"{name}.json").write_text(text, encoding="utf-8")
    return target


def main() -> None:
    """Ship the checkpoint that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m probekit_lstm.ship", description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("name", choices=sorted(SHIPPED))
    arguments = parser.parse_args()
    try:
        target = ship(arguments.checkpoint, arguments.name)
    except ProbekitError as error:
        parser.error(str(error))
    print(f"{target.name}: {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
