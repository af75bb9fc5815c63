"""The analysis behind `probekit train`: one model a seed, and how well each does.

    probekit train model=gru-seq2seq guidance=true seeds=0,1,2

The weights are found in the run folder under `checkpoints/`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from probekit.analysis import Analysis, Figure, Inputs, Measured, Partial, Result, Shard
from probekit.checkpoints import dump_weights
from probekit.dataset import Dataset, Example
from probekit.errors import ProbekitError
from probekit.model import Model
from probekit_seq2seq.charts import learning_curves
from probekit_seq2seq.lookup import LookupTables
from probekit_seq2seq.model import PAD, START, UNKNOWN, Config, Seq2Seq, describe
from probekit_seq2seq.params import HELD_OUT, SEEDS, SPLITS, TrainingParams
from probekit_seq2seq.training import fit

CHECKPOINTS = ("best", "last")
PUBLISHED: Mapping[bool, Mapping[str, float]] = {
    True: {
        "heldout_compositions": 1.0,
        "heldout_inputs": 1.0,
        "heldout_tables": 0.926,
        "new_compositions": 0.87,
    },
    False: {
        "heldout_compositions": 0.222,
        "heldout_inputs": 0.212,
        "heldout_tables": 0.048,
        "new_compositions": 0.024,
    },
}


class Seq2SeqTraining(Analysis[TrainingParams]):
    """Train a sequence-to-sequence model a seed (baan2019, section 2.4, and appendix A)."""

    def shards(self, inputs: Inputs) -> list[Shard]:
        """One shard a seed, as long as its epochs."""
        seeds = self.params.seeds or (inputs.seed,)
        if len(set(seeds)) != len(seeds):
            raise ProbekitError("seeds names a seed twice; each makes one model, so give it once.")
        if not all(0 <= seed < SEEDS for seed in seeds):
            raise ProbekitError("a seed is too large or negative; give whole numbers from 0 on.")
        return [
            Shard(f"seed-{seed}", task={"seed": seed}, size=self.params.epochs) for seed in seeds
        ]

    def measure(self, shard: Shard, model: Model | None, dataset: Dataset) -> Partial:
        """Train one model; gives its weights, losses, and accuracy on each split."""
        seed = int(shard.task["seed"])
        splits = {name: list(dataset.split(name)) for name in SPLITS}
        trained = Seq2Seq(configure(self.params, splits)).initialise(seed, self.params.init_range)
        fitted = fit(trained, splits["train"], splits["validation"], self.params, seed)
        partial: dict[str, Any] = {
            "train_loss": np.array(fitted.train_loss),
            "validation_loss": np.array(fitted.validation_loss),
            "sequences": np.array([len(splits[name]) for name in SPLITS]),
            "best.step": np.array(fitted.best_step),
        }
        for checkpoint, weights in (("best", fitted.best), ("last", fitted.last)):
            trained.load_state_dict(weights)
            scores = [trained.sequence_accuracy(splits[name]) for name in SPLITS]
            partial[f"{checkpoint}.accuracy"] = np.array(scores)
            partial |= {f"{checkpoint}/{name}": value.numpy() for name, value in weights.items()}
        return partial

    def combine(self, parts: Sequence[Measured], inputs: Inputs) -> Result:
        """Accuracy by seed, checkpoint and split, the losses, the paper's numbers, the weights."""
        accuracy = pd.concat([_accuracy(part) for part in parts], ignore_index=True)
        history = pd.concat([_history(part) for part in parts], ignore_index=True)
        means = {
            key: float(score)
            for key, score in accuracy.groupby(["checkpoint", "split"])["accuracy"].mean().items()
        }
        return Result(
            tables={"accuracy": accuracy, "history": history, "paper": self._paper(means)},
            metrics={
                f"{split}_{checkpoint}": means[checkpoint, split]
                for checkpoint in CHECKPOINTS
                for split in HELD_OUT
            },
            figures=[
                Figure(
                    "learning_curves",
                    "Learning curves",
                    "Mean loss of a sequence at each epoch, on training and validation data.",
                    "history",
                    learning_curves(),
                )
            ],
            notes=self._notes(parts),
            files=self._files(parts, inputs.dataset),
        )

    def _paper(self, means: Mapping[Any, float]) -> pd.DataFrame:
        """The paper's mean over five runs beside ours."""
        published = PUBLISHED[self.params.guidance]
        rows = [
            {"split": split, "paper": published[split]}
            | {checkpoint: means[checkpoint, split] for checkpoint in CHECKPOINTS}
            for split in HELD_OUT
        ]
        return pd.DataFrame(rows)

    def _notes(self, parts: Sequence[Measured]) -> list[str]:
        kind, table = ("guided", 6) if self.params.guidance else ("baseline", 5)
        steps = ", ".join(
            f"{int(partial['best.step'])} (seed {shard.task['seed']})" for shard, partial in parts
        )
        return [
            f"The table `paper` sets the mean of the paper's five {kind} GRUs (its table {table})"
            " beside the mean of ours.",
            "`best` has the lowest validation loss, which for guided models includes the attention"
            f" loss; it came at step {steps}. `last` has the weights after the last step.",
        ]

    def _files(self, parts: Sequence[Measured], dataset: Dataset) -> dict[str, bytes]:
        splits = {name: list(dataset.split(name)) for name in SPLITS}
        config = configure(self.params, splits)
        return {
            f"checkpoints/{shard.name}-{checkpoint}.safetensors": dump_weights(
                weights_of(partial, checkpoint),
                self.metadata(shard, partial, checkpoint, config, dataset),
            )
            for shard, partial in parts
            for checkpoint in CHECKPOINTS
        }

    def metadata(
        self, shard: Shard, partial: Partial, checkpoint: str, config: Config, dataset: Dataset
    ) -> dict[str, str]:
        """What a file of weights says of itself: what loads it again, and where it comes from."""
        seed = int(shard.task["seed"])
        scores = dict(zip(SPLITS, partial[f"{checkpoint}.accuracy"].tolist(), strict=True))
        return describe(config) | {
            "guidance": json.dumps(self.params.guidance),
            "seed": str(seed),
            "epochs": str(self.params.epochs),
            "checkpoint": checkpoint,
            "command": self.command(seed, dataset),
            "data": f"{dataset.name} {dataset.split('train').fingerprint}",
            "sequence_accuracy": json.dumps(scores),
        }

    def command(self, seed: int, dataset: Dataset) -> str:
        """The command that trains this model again."""
        given = self.params.model_dump(
            mode="json", exclude={"cell", "seeds"}, exclude_defaults=True
        )
        given = {"guidance": self.params.guidance, **given}
        words = [f"{key}={json.dumps(value)}" for key, value in given.items()]
        task = [dataset.task] if isinstance(dataset, LookupTables) else [f"data={dataset.name}"]
        return " ".join(
            ["probekit train", f"model={self.params.cell}-seq2seq", *words, f"seed={seed}", *task]
        )


def configure(params: TrainingParams, splits: Mapping[str, Sequence[Example]]) -> Config:
    """The model that a dataset needs: its words, those of the input alone first, in order."""
    examples = [example for split in splits.values() for example in split]
    said = {word for example in examples for word in example.target}
    read = {word for example in examples for word in example.words}
    return Config(
        cell=params.cell,
        embedding=params.embedding,
        hidden=params.hidden,
        input_words=(UNKNOWN, PAD, *sorted(read, key=lambda word: (word in said, word))),
        output_words=(UNKNOWN, PAD, START, *sorted(said)),
    )


def weights_of(partial: Partial, checkpoint: str) -> dict[str, torch.Tensor]:
    """The weights of one checkpoint in a partial, by name."""
    prefix = f"{checkpoint}/"
    return {
        name.removeprefix(prefix): torch.from_numpy(np.array(value))
        for name, value in partial.items()
        if name.startswith(prefix)
    }


def _accuracy(part: Measured) -> pd.DataFrame:
    rows = [
        {
            "seed": int(part.shard.task["seed"]),
            "checkpoint": checkpoint,
            "split": split,
            "accuracy": float(score),
            "sequences": int(count),
        }
        for checkpoint in CHECKPOINTS
        for split, score, count in zip(
            SPLITS, part.partial[f"{checkpoint}.accuracy"], part.partial["sequences"], strict=True
        )
    ]
    return pd.DataFrame(rows)


def _history(part: Measured) -> pd.DataFrame:
    losses = {name: part.partial[name] for name in ("train_loss", "validation_loss")}
    epochs = np.arange(1, len(losses["train_loss"]) + 1)
    return pd.DataFrame({"seed": int(part.shard.task["seed"]), "epoch": epochs, **losses})
