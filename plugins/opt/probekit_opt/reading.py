"""What every driver of a transformer has alike: how it reads text, contexts and answers.

    class Mine(ReadingModel):
        reader = TextReader(tokenizer, "my-model")
        window = 256

A subclass gives what `Model` asks for beside that.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from probekit.ablations import Ablation
from probekit.dataset import Batch, Dataset, Example, pad, shared_context
from probekit.errors import ProbekitError, Problems
from probekit.language import LanguageModel, alternatives
from probekit.model import ROWS_AT_ONCE, HookFunction
from probekit.readout import Readout
from probekit_opt.tokens import Choice, TextReader

SHOWN = 5


class ReadingModel(LanguageModel):
    """A language model whose words are read by a tokenizer.

    Position 0 of a sequence is begin-of-sentence (`bos`, None where the tokenizer has none). A
    context is read behind it and before the example, and has no positions. Longer texts than
    `window` tokens are cut there, unless they have an answer that would stand behind the cut.
    """

    reader: TextReader
    window: int

    @property
    def device(self) -> torch.device:
        """Where ids are put."""
        return torch.device("cpu")

    @property
    def bos(self) -> int | None:
        """The id at position 0 of every sequence, begin-of-sentence; None where there is none."""
        return self.reader.bos

    def encode(self, examples: Sequence[Example]) -> Batch:
        """Examples as padded ids, their words parted by single spaces.

        Raises ProbekitError where an example with an answer is longer than the window.
        """
        before = self.reader.text(shared_context(examples))
        context = [*self._first(), *self.reader.ids(before)] if before else []
        rows = [self._row(example, before, self.window - len(context)) for example in examples]
        tokens, lengths = pad(rows, self.reader.pad)
        batch = Batch(tokens.to(self.device), lengths.to(self.device), examples=tuple(examples))
        return (
            replace(batch, context=torch.tensor(context, device=self.device)) if before else batch
        )

    def _row(self, example: Example, before: str, room: int) -> list[int]:
        """The ids of one example behind its context, or behind begin-of-sentence."""
        text = self.reader.text(example.words)
        ids = self.reader.following(before, text) if before else self.reader.ids(text)
        row = ids if before else [*self._first(), *ids]
        length = len(row) + self._behind(example)
        if length > max(room, 0) and (example.target or room < 1):
            where = example.source or "an example"
            raise ProbekitError(
                f"{where} with its context has {length + self.window - room} tokens, and the"
                f" model reads {self.window} at most; leave it out."
            )
        return row[:room]

    def _behind(self, example: Example) -> int:
        """How many tokens of the answers are read too."""
        if "wrong" not in example.labels:
            return 0
        choice = self.reader.choice(*alternatives(example))
        return len(choice.shared) if choice else 0

    def _first(self) -> list[int]:
        return [] if self.bos is None else [self.bos]

    def to_tokens(
        self, text: str | Sequence[str], prepend_bos: bool = True
    ) -> Int[Tensor, "batch pos"]:
        """Ids of one text or several as they are, of any length, behind begin-of-sentence."""
        texts = [text] if isinstance(text, str) else text
        first = self._first() if prepend_bos else []
        rows = [[*first, *self.reader.ids(one)] for one in texts]
        return pad(rows, self.reader.pad)[0].to(self.device)

    def word_ids(self, words: Sequence[str]) -> list[int]:
        """The id of each word inside a sentence; ProbekitError where a word is several tokens."""
        return self.reader.words_as_ids(words)

    def choice(self, example: Example) -> Choice:
        """What an example asks; ProbekitError where its words are not one token beside another."""
        right, wrong = alternatives(example)
        found = self.reader.choice(right, wrong)
        if found is None:
            raise ProbekitError(
                f"{right!r} and {wrong!r} are not one token each, nor alike but for the last one,"
                " so their odds are not one number; leave such examples out."
            )
        return found

    def unknown(self, example: Example) -> tuple[str, ...]:
        """The answers to the example where they cannot be compared (see `choice`)."""
        if "wrong" not in example.labels:
            return ()
        answers = alternatives(example)
        return () if self.reader.choice(*answers) else answers

    def asked(self, batch: Batch) -> tuple[Batch, list[Choice]]:
        """A batch with what the answers begin alike with at its end, and what is asked there."""
        choices = [self.choice(example) for example in batch.examples]
        if not any(choice.shared for choice in choices):
            return batch, choices
        rows = [
            [*row[:length], *choice.shared]
            for row, length, choice in zip(
                batch.tokens.tolist(), batch.lengths.tolist(), choices, strict=True
            )
        ]
        tokens, lengths = (one.to(self.device) for one in pad(rows, self.reader.pad))
        return replace(batch, tokens=tokens, lengths=lengths), choices

    def margin(
        self, batch: Batch, fwd_hooks: Sequence[tuple[Any, HookFunction]] = ()
    ) -> Float[Tensor, " batch"]:
        """The log-odds of the right word over the wrong one after the last position.

        Where both begin with the same tokens, these are read first.
        """
        batch, choices = self.asked(batch)
        pairs = [[choice.right, choice.wrong] for choice in choices]
        last = (batch.lengths - 1).tolist()
        with torch.no_grad():
            logits = self.run_with_hooks(
                batch, readout=Readout(last, pairs), fwd_hooks=list(fwd_hooks)
            )
        difference: Tensor = logits[:, 0] - logits[:, 1]
        return difference

    def check(self, dataset: Dataset) -> None:
        """Raise Problems where no text can be read, or where answers lie behind the window."""
        if len(dataset):
            self.reader.ids(dataset[0].words[0] if dataset[0].words else "")
        problems = []
        for example in dataset:
            try:
                if example.target:
                    self.encode([example])
            except ProbekitError as error:
                problems.append(str(error))
        if problems:
            raise Problems(problems[:SHOWN])

    def margins(
        self, examples: Sequence[Example], ablations: Sequence[Ablation], rows: int = ROWS_AT_ONCE
    ) -> Float[Tensor, "ablation example"]:
        """The margin of every example under every ablation, `[ablation, example]`, on the CPU.

        Examples with a context of their own become examples without one where an ablation holds
        its units always, so that it holds them in the context too.
        """
        always = [at for at, one in enumerate(ablations) if one.since is None and one.units]
        if not always or not any(example.context for example in examples):
            return super().margins(examples, ablations, rows)
        found = torch.zeros(len(ablations), len(examples))
        others = [at for at in range(len(ablations)) if at not in set(always)]
        merged = [replace(one, words=one.context + one.words, context=()) for one in examples]
        for some, asked in ((always, merged), (others, examples)):
            if some:
                found[some] = super().margins(asked, [ablations[at] for at in some], rows)
        return found


def context_length(batch: Batch | Tensor) -> int:
    """How many positions of the context come first."""
    return len(batch.context) if isinstance(batch, Batch) and batch.context is not None else 0


def whole_tokens(batch: Batch | Tensor) -> Int[Tensor, "batch pos"]:
    """The ids of a batch behind those of its context."""
    if not isinstance(batch, Batch):
        return batch
    if batch.context is None:
        return batch.tokens
    return torch.cat([batch.context.expand(len(batch), -1), batch.tokens], dim=1)


def longest(asked: int | None, config: Any, place: str) -> int:
    """The longest sequence: what was asked for, or all that the model has positions for."""
    most = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    if asked is not None and most is not None and asked > most:
        raise ProbekitError(
            f"model.window={asked} is more than the {most} positions of {place}; give fewer."
        )
    return int(asked or most or 2048)
