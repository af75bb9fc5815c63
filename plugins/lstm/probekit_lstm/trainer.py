"""The analysis behind `probekit train model=lstm-lm`: one model a seed, and its perplexity.

    probekit train model=lstm-lm corpus=wiki.txt.xz,sentences.txt epochs=1

The weights are found in the run folder under `checkpoints/`. A training that was killed goes on
where it was when the same command is given again.
"""

import json
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from probekit.analysis import Analysis, Figure, Inputs, Measured, Partial, Result, Shard
from probekit.checkpoints import dump_weights, load_weights
from probekit.dataset import Dataset
from probekit.errors import ProbekitError
from probekit.model import Model
from probekit_lstm.charts import learning_curves
from probekit_lstm.checkpoints import CLASSES, describe, find_checkpoint, load_lstm
from probekit_lstm.corpus import Corpus, read_corpus
from probekit_lstm.model import Config, LstmLM
from probekit_lstm.params import SEEDS, LstmParams, LstmTrainingParams
from probekit_lstm.training import Fused, fit, held_out_loss, updates

CURVES = ("steps", "train_loss", "validation_loss", "learning_rate")


class LstmTraining(Analysis[LstmTrainingParams]):
    """Train an LSTM language model a seed on the same text."""

    @cached_property
    def corpus(self) -> Corpus:
        """The text, read once."""
        asked = self.params
        words = self.start.cfg.words if self.start else ()
        return read_corpus(
            asked.corpus, asked.words, asked.vocabulary, asked.validation, self.seed, words
        )

    @cached_property
    def start(self) -> LstmLM | None:
        """The model to start from, if any."""
        start = self.params.start
        return load_lstm(LstmParams(checkpoint=start), "cpu") if start else None

    @cached_property
    def config(self) -> Config:
        """The model to be trained."""
        if self.start:
            return self.start.cfg
        asked = self.params
        unit = "characters" if asked.words == "characters" else "words"
        return Config(self.corpus.words, asked.embedding, asked.hidden, asked.layers, asked.tied,
                      unit)  # fmt: skip

    def shards(self, inputs: Inputs) -> list[Shard]:
        """One shard a seed, as long as its updates."""
        seeds = self.params.seeds or (inputs.seed,)
        if len(set(seeds)) != len(seeds):
            raise ProbekitError("seeds names a seed twice; each makes one model, so give it once.")
        if not all(0 <= seed < SEEDS for seed in seeds):
            raise ProbekitError("a seed is too large or negative; give whole numbers from 0 on.")
        size = updates(self.corpus, self.params)
        return [Shard(f"seed-{seed}", task={"seed": seed}, size=size) for seed in seeds]

    def measure(self, shard: Shard, model: Model | None, dataset: Dataset) -> Partial:
        """Train one model; gives its weights, its losses, and its perplexity on each file."""
        restart = self.scratch / f"{shard.name}.safetensors" if self.scratch else None
        seed = int(shard.task["seed"])
        start = self.start.state_dict() if self.start else None
        found = fit(self.config, self.corpus, self.params, seed, self.device, restart, start)
        net = Fused(self.config, 0.0)
        net.load_state_dict(found.best)
        loss = [held_out_loss(net, text, self.params) for text in self._texts.values()]
        partial = {name: np.array(getattr(found, name), dtype=float) for name in CURVES}
        partial |= {"best_step": np.array(found.best_step), "loss": np.array(loss)}
        return partial | {f"net/{name}": value.numpy() for name, value in found.best.items()}

    @property
    def _texts(self) -> Mapping[str, torch.Tensor]:
        """The held-out texts that are long enough to be measured."""
        return {name: ids for name, ids in self.corpus.validation.items() if len(ids) > 1}

    def combine(self, parts: Sequence[Measured], inputs: Inputs) -> Result:
        """The learning curves, the perplexities, and the files of weights."""
        history = pd.concat([_history(part) for part in parts], ignore_index=True)
        rows = [
            {"seed": int(part.shard.task["seed"]), "file": name, "words": len(ids),
             "perplexity": math.exp(loss)}
            for part in parts
            for (name, ids), loss in zip(self._texts.items(), part.partial["loss"], strict=True)
        ]  # fmt: skip
        perplexity = pd.DataFrame(rows)
        means = perplexity.groupby("file", sort=False)["perplexity"].mean()
        return Result(
            tables={"perplexity": perplexity, "history": history},
            metrics={f"perplexity.{name}": float(value) for name, value in means.items()},
            figures=[
                Figure(
                    "learning_curves",
                    "Learning curves",
                    "Mean loss of a word (nats) in training and on what was held out.",
                    "history",
                    learning_curves(),
                )
            ],
            notes=self._notes(),
            files={
                f"checkpoints/{part.shard.name}.safetensors": dump_weights(
                    self._weights(part.partial), self.metadata(part)
                )
                for part in parts
            },
        )

    def _notes(self) -> list[str]:
        corpus = self.corpus
        return [
            f"Trained on {len(corpus.train):,} words ({', '.join(map(_name, self.params.corpus))}),"
            f" of which {corpus.covered:.1%} are among the {len(corpus.words):,} of the"
            " vocabulary; the weights are those with the lowest validation loss.",
            "The last lines of each file were held out; its perplexity is measured on them, with"
            " unknown words counted as <unk>.",
        ]

    def _weights(self, partial: Partial) -> dict[str, torch.Tensor]:
        """The weights in a partial, by name; those that are tied are kept once."""
        found = {
            name.removeprefix("net/"): torch.from_numpy(np.array(value))
            for name, value in partial.items()
            if name.startswith("net/")
        }
        if self.config.tied:
            del found["decoder.weight"]
        return found

    def metadata(self, part: Measured) -> dict[str, str]:
        """What a file of weights says of itself: what loads it again, and where it comes from."""
        losses = zip(self._texts, part.partial["loss"], strict=True)
        before = self._before()
        return (
            describe(self.config)
            | before
            | {
                "command": self.command(int(part.shard.task["seed"])),
                "seed": str(part.shard.task["seed"]),
                "corpus": self.corpus.digest,
                "updates": str(int(part.partial["best_step"])),
                "perplexity": json.dumps({name: round(math.exp(loss), 3) for name, loss in losses}),
            }
        )

    def _before(self) -> dict[str, str]:
        """How the weights that the training starts from were trained, where they say so."""
        if not self.params.start:
            return {}
        path = find_checkpoint(self.params.start)
        command = load_weights(path, modules=CLASSES).metadata.get("command", "")
        return {"start_command": command} if command else {}

    def command(self, seed: int) -> str:
        """The command that trains this model again; files are named without their folders."""
        given = self.params.model_dump(mode="json", exclude={"seeds"}, exclude_defaults=True)
        given |= {"corpus": [_name(path) for path in self.params.corpus]}
        given |= {"start": _name(self.params.start)} if self.params.start else {}
        words = [f"{key}={_plain(value)}" for key, value in given.items()]
        return " ".join(["probekit train model=lstm-lm", *words, f"seed={seed}"])


def _name(path: str) -> str:
    return Path(path).name


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)


def _history(part: Measured) -> pd.DataFrame:
    columns = {name: part.partial[name] for name in CURVES}
    table = pd.DataFrame({"seed": int(part.shard.task["seed"]), **columns})
    return table.rename(columns={"steps": "updates"})
