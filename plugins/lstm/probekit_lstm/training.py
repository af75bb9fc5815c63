"""Training one LSTM language model: truncated back-propagation through time.

    fitted = fit(config, corpus, params, seed=0)

The text is cut into `batch_size` streams that are read side by side, `steps` words at a time; the
state goes on from one piece to the next, the gradient does not. torch's fused layer does the work:
its weights are those of the hooked model.
"""

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn import functional

from probekit.checkpoints import load_weights, save_weights
from probekit.errors import ProbekitError
from probekit.progress import tick
from probekit_lstm.corpus import Corpus
from probekit_lstm.model import Config, LstmLM
from probekit_lstm.params import LstmTrainingParams

State = tuple[Tensor, Tensor]


@dataclass
class Fitted:
    """What training gave: the weights with the lowest validation loss, and the losses on the way.

    The losses are means over words, in nats; `steps` are the updates after which they were taken.
    """

    best: dict[str, Tensor]
    best_step: int
    steps: list[int] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)


class Fused(nn.Module):
    """The model as torch's own layers, with dropout; parameters are named as in LstmLM."""

    def __init__(self, config: Config, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.encoder = nn.Embedding(len(config.words), config.embedding)
        between = dropout if config.layers > 1 else 0.0
        self.rnn = nn.LSTM(config.embedding, config.hidden, config.layers, dropout=between)
        self.decoder = nn.Linear(config.hidden, len(config.words))
        if config.tied:
            self.decoder.weight = self.encoder.weight

    def forward(self, tokens: Int[Tensor, "pos batch"], state: State) -> tuple[Tensor, State]:
        """Logits `[pos, batch, word]` and the state after the last word."""
        x = functional.dropout(self.encoder(tokens), self.dropout, self.training)
        hidden, state = self.rnn(x, state)
        return self.decoder(functional.dropout(hidden, self.dropout, self.training)), state


def streams(ids: Int[Tensor, " text"], count: int) -> Int[Tensor, "pos batch"]:
    """A text as `count` streams side by side, `[pos, batch]`; what is left over is dropped."""
    length = len(ids) // count
    return ids[: length * count].view(count, length).t().contiguous()


def held_out_loss(net: Fused, ids: Int[Tensor, " text"], params: LstmTrainingParams) -> float:
    """The mean loss of a word of a text that is read in streams, in nats."""
    text = streams(ids, max(1, min(params.batch_size, len(ids) // 2)))
    device = net.decoder.bias.device
    zeros = torch.zeros(net.rnn.num_layers, text.shape[1], net.rnn.hidden_size, device=device)
    state: State = (zeros, zeros)
    summed, count = 0.0, 0
    net.eval()
    with torch.no_grad():
        for start in range(0, len(text) - 1, params.steps):
            piece = text[start : start + params.steps + 1].to(device)
            logits, state = net(piece[:-1], state)
            summed += float(
                functional.cross_entropy(logits.flatten(0, 1), piece[1:].flatten(), reduction="sum")
            )
            count += piece[1:].numel()
    return summed / count


def updates(corpus: Corpus, params: LstmTrainingParams) -> int:
    """How many updates the training has."""
    pieces = (len(corpus.train) // params.batch_size - 1) // params.steps
    return max(0, round(pieces * params.epochs))


def fit(
    config: Config,
    corpus: Corpus,
    params: LstmTrainingParams,
    seed: int,
    device: str = "cpu",
    restart: Path | None = None,
    start: Mapping[str, Tensor] | None = None,
) -> Fitted:
    """Train a model; the same seed gives the same weights on the same machine, bit for bit.

    `start` are the weights to start from, random ones unless given. With `restart` the state of
    the training is kept in that file every `save_every` updates, and a training that finds its own
    file there goes on from it. Raises ProbekitError where the text is too short, and where the loss
    is no longer a number.
    """
    total = updates(corpus, params)
    if total < 1 or len(corpus.exam) < 2:
        raise ProbekitError(
            f"{len(corpus.train):,} words to train on are too few for {params.batch_size} streams"
            f" of {params.steps} words; give more text, or smaller batch_size= and steps=."
        )
    with _threads(params.threads), torch.random.fork_rng():
        torch.manual_seed(seed)
        training = _Training(config, corpus, params, seed, device, total)
        training.net.load_state_dict(start or LstmLM(config).initialise(seed).state_dict())
        training.resume(restart)
        return training.run(restart)


class _Training:
    """The state of one training."""

    def __init__(
        self,
        config: Config,
        corpus: Corpus,
        params: LstmTrainingParams,
        seed: int,
        device: str,
        total: int,
    ) -> None:
        self.params, self.total, self.device = params, total, device
        self.net = Fused(config, params.dropout)
        self.net.to(device)
        self.text = streams(corpus.train, params.batch_size)
        self.exam = corpus.exam
        self.optimizer = self._optimizer()
        self.state = self._zeros(params.batch_size)
        self.step, self.rate, self.summed, self.counted = 0, params.learning_rate, 0.0, 0
        self.fitted = Fitted({}, 0)
        told = params.model_dump(mode="json", exclude={"corpus", "seeds", "save_every", "threads"})
        self.identity = json.dumps([told, corpus.digest, seed, total], sort_keys=True)

    def _optimizer(self) -> torch.optim.Optimizer:
        weights, rate = list(self.net.parameters()), self.params.learning_rate
        if self.params.optimizer == "sgd":
            return torch.optim.SGD(weights, lr=rate)
        return torch.optim.AdamW(weights, lr=rate, weight_decay=self.params.weight_decay)

    def _zeros(self, batch: int) -> State:
        rnn = self.net.rnn
        zeros = torch.zeros(rnn.num_layers, batch, rnn.hidden_size, device=self.device)
        return zeros, zeros.clone()

    def run(self, restart: Path | None) -> Fitted:
        while self.step < self.total:
            self._update()
            last = self.step == self.total
            if last or self.step % self.params.evaluate_every == 0:
                self._look()
            if restart is not None and not last and self.step % self.params.save_every == 0:
                self._save(restart)
        if not self.fitted.best:
            raise self._astray()
        return self.fitted

    def _update(self) -> None:
        """One piece of every stream, and one step down the gradient of its mean loss."""
        span = self.params.steps
        pieces = (len(self.text) - 1) // span
        start = self.step % pieces * span
        if start == 0:
            self.state = self._zeros(self.params.batch_size)
        piece = self.text[start : start + span + 1].to(self.device)
        if self.params.annealing == "linear":
            self.rate = self.params.learning_rate * (1 - self.step / self.total)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        self.net.train()
        self.optimizer.zero_grad(set_to_none=True)
        with self._precision():
            logits, state = self.net(piece[:-1], self.state)
        loss = functional.cross_entropy(logits.float().flatten(0, 1), piece[1:].flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.net.parameters(), self.params.clip)
        self.optimizer.step()
        self.state = tuple(values.detach().float() for values in state)  # type: ignore[assignment]
        value = float(loss.detach())
        self.step += 1
        if not math.isfinite(value):
            raise self._astray()
        self.summed, self.counted = self.summed + value, self.counted + 1
        tick()

    def _precision(self) -> Any:
        if self.params.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.partition(":")[0], dtype=torch.bfloat16)

    def _astray(self) -> ProbekitError:
        return ProbekitError(
            f"the loss is not a number after {self.step} updates: training went astray; give a"
            f" smaller learning_rate than {self.params.learning_rate} or a smaller clip."
        )

    def _look(self) -> None:
        """Take the validation loss, keep the best weights, and anneal where that is the way."""
        loss = held_out_loss(self.net, self.exam, self.params)
        found = self.fitted
        improved = not found.validation_loss or loss < min(found.validation_loss)
        found.steps.append(self.step)
        found.train_loss.append(self.summed / max(1, self.counted))
        found.validation_loss.append(loss)
        found.learning_rate.append(self.rate)
        self.summed, self.counted = 0.0, 0
        if improved and math.isfinite(loss):
            found.best_step, found.best = self.step, self._weights()
        elif self.params.annealing == "plateau":
            self.rate /= 4

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.detach().cpu().clone() for name, value in self._named().items()}

    def _named(self) -> Mapping[str, Tensor]:
        return self.net.state_dict()

    def _save(self, path: Path) -> None:
        """Keep everything that a training needs to go on as if it had never stopped."""
        tensors = {f"net/{name}": value for name, value in self._named().items()}
        tensors |= {f"best/{name}": value for name, value in self.fitted.best.items()}
        tensors |= {"hidden": self.state[0], "cell": self.state[1]}
        tensors["random"] = torch.get_rng_state()
        for index, slots in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{index}/{name}": value for name, value in slots.items()}
        facts = {name: value for name, value in vars(self.fitted).items() if name != "best"}
        facts |= {name: getattr(self, name) for name in ("step", "rate", "summed", "counted")}
        path.parent.mkdir(parents=True, exist_ok=True)
        save_weights(path, tensors, {"identity": self.identity, "facts": json.dumps(facts)})

    def resume(self, path: Path | None) -> None:
        """Go on from a restart file of this very training; any other file is left aside."""
        if path is None or not path.exists():
            return
        try:
            found = load_weights(path)
        except ProbekitError:
            return
        if found.metadata.get("identity") != self.identity:
            return
        parts: dict[str, dict[str, Tensor]] = {"net": {}, "best": {}, "optimizer": {}}
        for name, value in found.tensors.items():
            head, _, rest = name.partition("/")
            parts.setdefault(head, {})[rest] = value
        self.net.load_state_dict(parts["net"])
        self._load_optimizer(parts["optimizer"])
        self.state = tuple(parts[name][""].to(self.device) for name in ("hidden", "cell"))  # type: ignore[assignment]
        torch.set_rng_state(parts["random"][""])
        facts = json.loads(found.metadata["facts"])
        for name in ("step", "rate", "summed", "counted"):
            setattr(self, name, facts.pop(name))
        self.fitted = Fitted(best=parts["best"], **facts)
        tick(self.step)

    def _load_optimizer(self, tensors: Mapping[str, Tensor]) -> None:
        slots: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            index, _, slot = name.partition("/")
            slots.setdefault(int(index), {})[slot] = value
        whole = self.optimizer.state_dict() | {"state": slots}
        self.optimizer.load_state_dict(whole)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Within it torch works on `count` threads; 0 leaves them as they are."""
    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
