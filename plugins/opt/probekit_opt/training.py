"""Training an OPT from scratch: AdamW on the next token, with restart files.

    found = fit(text, params, seed=0, device="cpu", restart=Restart(None, {}))

The order of the text depends on seed and epoch alone and there is no dropout, so a training that
goes on from a restart file ends with the same weights, bit for bit, as one that never stopped.
"""

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from transformers import OPTConfig, OPTForCausalLM

from probekit.errors import ProbekitError
from probekit.progress import tick
from probekit_opt.bpe import BOS, PAD
from probekit_opt.corpus import Windows, fixed_windows
from probekit_opt.headloss import head_loss
from probekit_opt.params import OptTrainingParams, Precision
from probekit_opt.restart import Restart

EXAM = 256  # windows that a look at validation reads at most
TIED = "lm_head.weight"  # the token embedding under its second name
HISTORY = ("step", "train_loss", "validation_loss", "learning_rate")
STATE = "state"


@dataclass(frozen=True)
class Text:
    """The ids to train on and those held out."""

    train: Int[np.ndarray, " token"]
    validation: Int[np.ndarray, " other_token"]


@dataclass
class Fitted:
    """What training gave: weights by name after the last step, and float16 copies on the way.

    `history` has a row for each look at validation, with the columns `HISTORY`; losses are nats a
    token, the training loss a mean over the steps since the look before.
    """

    last: dict[str, Tensor]
    kept: dict[int, dict[str, Tensor]]
    history: list[tuple[float, ...]] = field(default_factory=list)


def configuration(params: OptTrainingParams) -> OPTConfig:
    """The configuration of the model that the parameters describe, as Hugging Face writes it."""
    return OPTConfig(
        vocab_size=params.vocabulary,
        hidden_size=params.width,
        word_embed_proj_dim=params.width,
        num_hidden_layers=params.layers,
        ffn_dim=params.ffn,
        num_attention_heads=params.heads,
        max_position_embeddings=params.window,
        dropout=0.0,
        attention_dropout=0.0,
        bos_token_id=BOS,
        eos_token_id=BOS,
        pad_token_id=PAD,
        positions=params.positions,
    )


def fresh(params: OptTrainingParams, seed: int) -> OPTForCausalLM:
    """An untrained model; without positions their embeddings are zero and stay so."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = OPTForCausalLM(configuration(params))
    if params.positions == "none":
        table = model.model.decoder.embed_positions.weight
        with torch.no_grad():
            table.zero_()
        table.requires_grad_(False)
    return model


def steps_of(params: OptTrainingParams) -> int:
    """How many steps read the tokens asked for."""
    return max(1, math.ceil(params.tokens / (params.batch_size * params.window)))


def kept_steps(params: OptTrainingParams) -> list[int]:
    """The steps whose weights are kept: halving from the last one down, rounded, no step twice."""
    last = steps_of(params)
    return sorted({max(1, round(last / 2**back)) for back in range(params.keep)})


def rate(params: OptTrainingParams, step: int) -> float:
    """The learning rate of a step (counted from 0): linear to its height, then a cosine to 0."""
    total = steps_of(params)
    warmup = min(params.warmup, total // 2)
    if step < warmup:
        return params.learning_rate * (step + 1) / warmup
    share = (step - warmup) / max(1, total - warmup)
    return params.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


def product_type(precision: Precision, device: str) -> torch.dtype:
    """What matrices are multiplied in; `auto` is bfloat16 where the processor multiplies it."""
    if precision != "auto":
        return torch.bfloat16 if precision == "bfloat16" else torch.float32
    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float32
    quick = device == "cpu" and torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if quick else torch.float32


def exam_of(validation: Int[np.ndarray, " token"], window: int) -> Int[np.ndarray, "window pos"]:
    """The windows that a look at validation reads, each with what its last position leads up to."""
    found = fixed_windows(validation, window + 1, BOS)
    return found[np.linspace(0, len(found) - 1, min(len(found), EXAM)).astype(int)]


def split(stream: Int[np.ndarray, " token"], share: float) -> Text:
    """The stream with its end held out."""
    tail = max(1, round(len(stream) * share))
    return Text(stream[:-tail], stream[-tail:])


def fit(text: Text, params: OptTrainingParams, seed: int, device: str, restart: Restart) -> Fitted:
    """Train one model; each step is a tick, those that a restart file saves are ticked at once.

    Raises ProbekitError where the text is shorter than a window, and where a loss is no number.
    """
    for name, ids in (("training", text.train), ("validation", text.validation)):
        if len(ids) < params.window:
            raise ProbekitError(
                f"the {name} part of the corpus has {len(ids)} tokens, fewer than one window of"
                f" {params.window}; give more text, another validation= or a smaller window."
            )
    return _Fit(text, params, seed, device, restart).run()


class _Fit:
    """The state of one training."""

    def __init__(
        self, text: Text, params: OptTrainingParams, seed: int, device: str, restart: Restart
    ) -> None:
        self.text, self.params, self.seed, self.restart = text, params, seed, restart
        self.device, self.dtype = device, product_type(params.precision, device)
        self.model = fresh(params, seed).to(device).train()
        self.weights = {n: w for n, w in self.model.named_parameters() if w.requires_grad}
        flat = [w for w in self.weights.values() if w.ndim < 2]
        matrices = [w for w in self.weights.values() if w.ndim >= 2]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices}, {"params": flat, "weight_decay": 0.0}],
            lr=params.learning_rate,
            betas=(0.9, 0.95),
            weight_decay=params.weight_decay,
            fused=True,
        )
        width = params.window + 1  # the last is read by nobody: it is what the window leads up to
        self.lessons = Windows(text.train, width, BOS, seed)
        self.exam = exam_of(text.validation, params.window)
        self.step, self.since = 0, 0
        self.total = torch.zeros((), device=device)
        self.history: list[tuple[float, ...]] = []
        self.kept: dict[int, dict[str, Tensor]] = {}

    def run(self) -> Fitted:
        total, keep = steps_of(self.params), kept_steps(self.params)
        size = self.params.batch_size
        self._resume([step for step in keep if step < total])
        tick(self.step)
        for step in range(self.step, total):
            self._learn(self._tensor(self.lessons.rows(range(step * size, (step + 1) * size))))
            self.step = step + 1
            if self.step in keep or self.step % self.params.validate_every == 0:
                self._look()
            if self.step in keep and self.step < total:
                self._keep()
            if self.step % self.params.save_every == 0 and self.step < total:
                self._save()
            tick()
        return Fitted(self._copy(), self.kept, self.history)

    def _tensor(self, rows: Int[np.ndarray, "window pos"]) -> Tensor:
        return torch.from_numpy(rows.astype(np.int64)).to(self.device)

    def _loss(self, tokens: Tensor) -> Tensor:
        """The mean loss of every token after the first."""
        with self._autocast():
            body = self.model.model(input_ids=tokens[:, :-1], use_cache=False)
        hidden = body.last_hidden_state.float().flatten(0, 1)
        head = self.model.lm_head.weight
        return head_loss(hidden, head, tokens[:, 1:].flatten(), self.dtype)

    def _autocast(self) -> AbstractContextManager[None]:
        low = self.dtype != torch.float32
        return torch.autocast(self.device.partition(":")[0], torch.bfloat16, enabled=low)

    def _learn(self, tokens: Tensor) -> None:
        """One step down the gradient."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate(self.params, self.step)
        self.optimizer.zero_grad(set_to_none=True)
        loss = self._loss(tokens)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.weights.values(), self.params.clip)
        self.optimizer.step()
        self.total += loss.detach()
        self.since += 1

    def _look(self) -> None:
        """A row of the history."""
        size = self.params.batch_size
        with torch.no_grad():
            parts = [self._tensor(rows) for rows in _blocks(self.exam, size)]
            losses = [float(self._loss(part)) * len(part) for part in parts]
        row = (float(self.step), float(self.total) / self.since, sum(losses) / len(self.exam),
               rate(self.params, self.step - 1))  # fmt: skip
        if not all(map(math.isfinite, row)):
            raise ProbekitError(
                f"the loss is no number at step {self.step}: training went astray; give a smaller"
                f" learning_rate than {self.params.learning_rate} or a longer warmup."
            )
        self.history.append(row)
        self.total.zero_()
        self.since = 0

    def _copy(self) -> dict[str, Tensor]:
        state = self.model.state_dict()
        return {n: v.detach().cpu().clone() for n, v in state.items() if n != TIED}

    def _keep(self) -> None:
        self.kept[self.step] = {name: value.half() for name, value in self._copy().items()}
        self.restart.write(_kept_name(self.step), self.kept[self.step], {})

    def _save(self) -> None:
        """Write all that the next step depends on."""
        tensors = {f"weights/{name}": value for name, value in self._copy().items()}
        for name, weight in self.weights.items():
            for key, value in self.optimizer.state[weight].items():
                tensors[f"{key}/{name}"] = value
        tensors["history"] = torch.tensor(self.history, dtype=torch.float64).view(-1, len(HISTORY))
        tensors["total"] = self.total
        self.restart.write(STATE, tensors, {"step": str(self.step), "since": str(self.since)})

    def _resume(self, keep: list[int]) -> None:
        """Go on from the restart file, if there is one with all checkpoints up to its step."""
        found = self.restart.read(STATE)
        if found is None:
            return
        step = int(found.metadata["step"])
        kept = {at: self.restart.read(_kept_name(at)) for at in keep if at <= step}
        if any(one is None for one in kept.values()):
            return
        self.kept = {at: one.tensors for at, one in kept.items() if one is not None}
        self.step, self.since = step, int(found.metadata["since"])
        self._put_back(found.tensors)

    def _put_back(self, tensors: Mapping[str, Tensor]) -> None:
        """Weights, moments and history out of a restart file."""
        for name, place in self.model.state_dict().items():
            if name != TIED:
                place.copy_(tensors[f"weights/{name}"])
        for name, weight in self.weights.items():
            self.optimizer.state[weight] = {
                key: tensors[f"{key}/{name}"].to(self.device)
                for key in ("step", "exp_avg", "exp_avg_sq")
            }
        self.history = [tuple(row) for row in tensors["history"].tolist()]
        self.total.copy_(tensors["total"])


def _kept_name(step: int) -> str:
    return f"step-{step:06d}"


def _blocks(rows: np.ndarray, size: int) -> list[np.ndarray]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
