"""Language models: what they share beside their hook points.

An example's answer is the word that should come next: `target[0]`, against the word that the label
`wrong` names. The context of an example is read first and has no positions.
"""

import math
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from probekit.dataset import Batch, Example
from probekit.errors import ProbekitError
from probekit.model import HookFunction, Model
from probekit.readout import Readout


def alternatives(example: Example) -> tuple[str, str]:
    """The right word and the wrong one; ProbekitError where the example does not name both."""
    wrong = example.labels.get("wrong")
    if len(example.target) != 1 or not isinstance(wrong, str):
        where = example.source or "an example"
        raise ProbekitError(
            f"{where} does not say which of two words should come next; name a dataset whose"
            " examples have a target and the label `wrong`, such as data=number-agreement."
        )
    return example.target[0], wrong


class LanguageModel(Model):
    """A model that says how likely each word is to come next."""

    @abstractmethod
    def word_ids(self, words: Sequence[str]) -> list[int]:
        """The id of each word as it stands inside a sentence.

        Raises ProbekitError where a word has none, or is more than one token.
        """

    def margin(
        self, batch: Batch, fwd_hooks: Sequence[tuple[Any, HookFunction]] = ()
    ) -> Float[Tensor, " batch"]:
        """The log-odds of the right word over the wrong one after the last position; no softmax."""
        pairs = [self.word_ids(alternatives(example)) for example in batch.examples]
        last = (batch.lengths - 1).tolist()
        with torch.no_grad():
            logits = self.run_with_hooks(
                batch, readout=Readout(last, pairs), fwd_hooks=list(fwd_hooks)
            )
        difference: Tensor = logits[:, 0] - logits[:, 1]
        return difference

    def perplexity(self, batches: Iterable[Batch]) -> float:
        """The exponential of the mean surprise of every word after the first of its row."""
        total, count = 0.0, 0
        for batch in batches:
            with torch.no_grad():
                logits = self.run_with_hooks(batch)
            real = batch.mask()[:, 1:]
            told = logits[:, :-1].log_softmax(-1).gather(2, batch.tokens[:, 1:, None])[..., 0]
            total -= float(told[real].double().sum())
            count += int(real.sum())
        if not count:
            raise ProbekitError("the perplexity of no words is not defined; give longer texts.")
        return math.exp(total / count)
