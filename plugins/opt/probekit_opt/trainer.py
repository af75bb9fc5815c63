"""The analysis behind `probekit train model=opt`: one model a seed, with its tokenizer.

    probekit train model=opt corpus=enwiki.txt.xz tokens=16000000

The run folder holds, under `checkpoints/`, folders as Hugging Face writes them.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tokenizers import Tokenizer

from probekit.analysis import Analysis, Figure, Inputs, Measured, Partial, Result, Shard
from probekit.dataset import Dataset
from probekit.errors import ProbekitError
from probekit.model import Model
from probekit_opt.bpe import BOS, train_tokenizer
from probekit_opt.charts import learning_curves
from probekit_opt.corpus import encode, read_documents
from probekit_opt.folder import folder_files
from probekit_opt.params import SEEDS, OptTrainingParams
from probekit_opt.restart import Restart
from probekit_opt.training import HISTORY, configuration, fit, split, steps_of

LAST = "last"


class OptTraining(Analysis[OptTrainingParams]):
    """Train a tokenizer and an OPT from scratch (Zhang et al. 2022, but small) for each seed."""

    def shards(self, inputs: Inputs) -> list[Shard]:
        """One shard a seed, as long as its steps."""
        seeds = self.params.seeds or (inputs.seed,)
        if len(set(seeds)) != len(seeds):
            raise ProbekitError("seeds names a seed twice; each makes one model, so give it once.")
        if not all(0 <= seed < SEEDS for seed in seeds):
            raise ProbekitError("a seed is too large or negative; give whole numbers from 0 on.")
        if self.params.width % self.params.heads:
            raise ProbekitError(
                f"width={self.params.width} does not divide among heads={self.params.heads}."
            )
        size = steps_of(self.params)
        return [Shard(f"seed-{seed}", task={"seed": seed}, size=size) for seed in seeds]

    def measure(self, shard: Shard, model: Model | None, dataset: Dataset) -> Partial:
        """Train one model; gives its tokenizer, its losses, and its weights at every step kept."""
        documents = read_documents(self.params.corpus)
        facts = count(documents)
        restart = Restart(self._scratch(shard), self._identity(shard, facts))
        tokenizer = self._tokenizer(documents, restart)
        stream = encode(tokenizer, documents, BOS)
        text = split(stream, self.params.validation)
        facts |= {"tokens": len(stream), "held_out": len(text.validation)}
        fitted = fit(text, self.params, int(shard.task["seed"]), self.device, restart)
        partial: dict[str, Any] = {
            "history": np.array(fitted.history, dtype=np.float64),
            "tokenizer": _bytes(tokenizer.to_str()),
            "facts": _bytes(
                json.dumps(facts | {"tokens": len(stream), "held_out": len(text.validation)})
            ),
        }
        for name, weights in [(str(step), kept) for step, kept in fitted.kept.items()] + [
            (LAST, fitted.last)
        ]:
            partial |= {f"{name}/{key}": value.numpy() for key, value in weights.items()}
        return partial

    def _scratch(self, shard: Shard) -> Path | None:
        """Where this shard may keep its restart files, if anywhere."""
        return None if self.scratch is None else self.scratch / shard.name

    def _identity(self, shard: Shard, facts: Mapping[str, Any]) -> dict[str, str]:
        """What a restart file must agree with."""
        same = self.params.model_dump_json(exclude={"corpus", "seeds", "save_every"})
        return {"params": same, "seed": str(shard.task["seed"]), "corpus": facts["corpus"]}

    def _tokenizer(self, documents: Sequence[str], restart: Restart) -> Tokenizer:
        """The tokenizer of a training that stopped, or a new one."""
        found = restart.read("tokenizer")
        if found is not None:
            return Tokenizer.from_str(found.metadata["tokenizer"])
        tokenizer = train_tokenizer(documents, self.params.vocabulary)
        restart.write("tokenizer", {"none": torch.zeros(1)}, {"tokenizer": tokenizer.to_str()})
        return tokenizer

    def combine(self, parts: Sequence[Measured], inputs: Inputs) -> Result:
        """The losses by seed and step, and a folder for every model."""
        history = pd.concat([self._history(part) for part in parts], ignore_index=True)
        last = history.groupby("seed", sort=False).last()
        return Result(
            tables={"history": history},
            metrics={
                "validation_loss": float(last["validation_loss"].mean()),
                "validation_perplexity": float(np.exp(last["validation_loss"]).mean()),
                "train_loss": float(last["train_loss"].mean()),
            },
            figures=[
                Figure(
                    "learning_curves",
                    "Learning curves",
                    "Mean loss of a token against the tokens read, on training and held-out text.",
                    "history",
                    learning_curves(),
                )
            ],
            notes=self._notes(parts),
            files={
                f"checkpoints/{place}/{name}": content
                for part in parts
                for place, files in self._folders(part)
                for name, content in files.items()
            },
        )

    def _history(self, part: Measured) -> pd.DataFrame:
        table = pd.DataFrame(part.partial["history"], columns=list(HISTORY))
        steps = table["step"].astype(int)
        tokens = steps * self.params.batch_size * self.params.window
        table["step"] = steps
        table.insert(1, "tokens", tokens)
        table.insert(0, "seed", int(part.shard.task["seed"]))
        return table

    def _notes(self, parts: Sequence[Measured]) -> list[str]:
        facts = json.loads(_text(parts[0].partial["facts"]))
        steps = ", ".join(sorted(_steps(parts[0].partial), key=int))
        return [
            f"The corpus has {facts['words']} words in {facts['documents']} documents, which are"
            f" {facts['tokens']} tokens; the last {facts['held_out']} are held out.",
            "checkpoints/seed-N has the weights after the last step"
            + (f"; those on the way, in float16, are of the steps {steps}." if steps else "."),
        ]

    def _folders(self, part: Measured) -> list[tuple[str, dict[str, bytes]]]:
        """Every model of a partial with the files of its folder."""
        config, tokenizer = configuration(self.params), _text(part.partial["tokenizer"])
        found = []
        for name in [LAST, *sorted(_steps(part.partial), key=int)]:
            place = part.shard.name + ("" if name == LAST else f"-step-{int(name):06d}")
            card = self._card(part, name)
            found.append(
                (place, folder_files(config, weights_of(part.partial, name), tokenizer, card))
            )
        return found

    def _card(self, part: Measured, name: str) -> dict[str, Any]:
        """Where a model comes from and how well it does."""
        facts = json.loads(_text(part.partial["facts"]))
        history = self._history(part)
        step = history["step"].iloc[-1] if name == LAST else int(name)
        loss = history.loc[history["step"] == step, "validation_loss"].iloc[0]
        return {
            "command": self.command(int(part.shard.task["seed"])),
            "corpus": f"{listing(self.params.corpus)} {facts['corpus']}",
            "words": facts["words"],
            "seed": int(part.shard.task["seed"]),
            "validation": self.params.validation,
            "step": int(step),
            "tokens": int(step) * self.params.batch_size * self.params.window,
            "validation_loss": float(loss),
        }

    def command(self, seed: int) -> str:
        """The command that trains this model again."""
        given = self.params.model_dump(
            mode="json", exclude={"corpus", "seeds", "save_every"}, exclude_defaults=True
        )
        words = [f"{key}={value}" for key, value in given.items()]
        corpus = f"corpus={listing(self.params.corpus, ',')}"
        return " ".join(["probekit train model=opt", corpus, *words, f"seed={seed}"])


def listing(paths: Sequence[str], between: str = ", ") -> str:
    """The names of files without their folders."""
    return between.join(Path(path).name for path in paths)


def weights_of(partial: Partial, name: str) -> dict[str, torch.Tensor]:
    """The weights of one checkpoint in a partial, by name."""
    prefix = f"{name}/"
    return {
        key.removeprefix(prefix): torch.from_numpy(np.array(value))
        for key, value in partial.items()
        if key.startswith(prefix)
    }


def _steps(partial: Partial) -> set[str]:
    """The steps on the way whose weights are there."""
    return {key.partition("/")[0] for key in partial if "/" in key} - {LAST}


def count(documents: Sequence[str]) -> dict[str, Any]:
    """How much text there is, and a hash of it."""
    digest = sha256()
    for document in documents:
        digest.update(document.encode() + b"\n")
    words = sum(document.count(" ") + 1 for document in documents)
    return {"documents": len(documents), "words": words, "corpus": digest.hexdigest()}


def _bytes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def _text(array: np.ndarray) -> str:
    return bytes(array).decode()
