"""Texts to be run again and again under masks, and the run itself: only what a mask can change.

    runner = Runner(model, sites, passage, scope="subject_at")
    runner.run(rows, mask, values, Leads(pairs=passage.pairs[rows]))

A passage holds texts that are equally long and are changed from the same position on, each once,
with all the pairs of words that are asked of it. A model that goes on from a state is run from the
step of the intervention on; what comes before is read once for each distinct beginning.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from probekit.dataset import Batch, Example, alike
from probekit.errors import ProbekitError, listing
from probekit.language import LanguageModel
from probekit.model import Model
from probekit.readout import Readout
from probekit.resuming import Beginnings
from probekit_masks.directions import Asked
from probekit_masks.params import ALL, EVERY
from probekit_masks.readouts import Divergence, Leads, Original, WholeLeads
from probekit_masks.sites import Sites
from probekit_masks.spelling import Spelling

ENCODED_AT_ONCE = 256
KEPT = 2**27  # numbers kept of the original outputs of one passage
BLOCK = 16  # rows whose original outputs are computed together
Rows = Int[Tensor, " row"]


class Text(NamedTuple):
    """What a model reads of an example, and the word at which an intervention is made.

    `shared` are the ids that both answers begin with, which are read too.
    """

    words: tuple[str, ...]
    target: tuple[str, ...]
    context: tuple[str, ...]
    word: int | None
    shared: tuple[int, ...] = ()

    @property
    def example(self) -> Example:
        """The same as an example."""
        return Example(self.words, self.target, {}, "", self.context)


class Member(NamedTuple):
    """A text with how often each pair of ids is asked, its own ids, and its position."""

    text: Text
    answers: Counter[tuple[int, ...]]
    ids: list[int]
    at: int | None


@dataclass(frozen=True)
class Passage:
    """Texts that are equally long: `batch` as the model encodes it, `[row]`.

    `at` is the position of a single-step intervention, None where every step is changed. `pairs
    [row, answer, 2]` are word ids, the likelier first, and `counts [row, answer]` how many examples
    ask each (0 where a row has fewer pairs than others).
    """

    batch: Batch
    at: int | None
    pairs: Int[Tensor, "row answer 2"] | None
    counts: Float[Tensor, "row answer"]

    def __len__(self) -> int:
        return len(self.batch)

    @property
    def examples(self) -> int:
        """How many examples ask something here."""
        return int(self.counts.sum())


def passages(model: Model, asked: Sequence[Asked], scope: str) -> list[Passage]:
    """The texts of some examples, each once, alike ones together, the commonest length first.

    Raises ProbekitError where the scope names no position of an example.
    """
    answers: dict[Text, Counter[tuple[int, ...]]] = {}
    spelling = Spelling(model) if isinstance(model, LanguageModel) else None
    for one in asked:
        text, pair = _text(one, step_of(one.example, scope), spelling)
        answers.setdefault(text, Counter())[pair] += 1
    groups: dict[tuple[object, ...], list[Member]] = {}
    for text, row, at in encoded(model, list(answers)):
        key = (text.context, len(row), len(text.target), at)
        groups.setdefault(key, []).append(Member(text, answers[text], row, at))
    found = [_passage(model, group) for group in groups.values()]
    return sorted(found, key=lambda one: -one.examples)


def _text(
    asked: Asked, word: int | None, spelling: Spelling | None
) -> tuple[Text, tuple[int, ...]]:
    """What an example has the model read, and the ids that are compared behind it, if any."""
    one = asked.example
    if spelling is None:
        return Text(one.words, one.target, one.context, word), ()
    found = spelling.of(asked.answers) if asked.answers else None
    if found is None:
        return Text(one.words, (), one.context, word), ()
    return Text(one.words, (), one.context, word, found.shared), (found.first, found.second)


def step_of(example: Example, scope: str) -> int | None:
    """The word at which a single-step intervention is made; None for every step.

    Raises ProbekitError where the scope names no word of the example.
    """
    if scope in (EVERY, ALL):
        return None
    where = example.source or "an example"
    if scope not in example.labels:
        whole = [name for name, value in example.labels.items() if type(value) is int]
        known = [name for name in whole if name.endswith("_at")] or whole
        others = f", or one of: {listing(known)}" if known else ""
        raise ProbekitError(
            f"scope={scope} names no position: {where} has no such label; give scope=every{others}."
        )
    at = example.labels[scope]
    if type(at) is not int or not 0 <= at < len(example.words):
        raise ProbekitError(
            f"scope={scope} names no position of {where}: it is {at!r}, and there are"
            f" {len(example.words)} words, counted from 0; give scope=every, or other data."
        )
    return at


def encoded(model: Model, texts: Sequence[Text]) -> list[tuple[Text, list[int], int | None]]:
    """Each text with its ids, and the position of the last id of its word."""
    examples = [text.example for text in texts]
    found: list[tuple[Text, list[int], int | None]] = []
    for block in alike(examples, ENCODED_AT_ONCE):
        batch = model.encode([examples[at] for at in block])
        lengths = batch.lengths.tolist()
        rows = [row[:length] for row, length in zip(batch.tokens.tolist(), lengths, strict=True)]
        rows = [[*row, *texts[at].shared] for row, at in zip(rows, block, strict=True)]
        places = _places(model, [texts[at] for at in block])
        found += zip([texts[at] for at in block], rows, places, strict=True)
    return found


def _places(model: Model, texts: Sequence[Text]) -> list[int | None]:
    """Where the last id of the word of each text stands: where the text would end with it."""
    if texts[0].word is None:
        return [None] * len(texts)
    cut = [Example(text.words[: (text.word or 0) + 1], (), {}, "", text.context) for text in texts]
    return [length - 1 for length in model.encode(cut).lengths.tolist()]


def _passage(model: Model, group: Sequence[Member]) -> Passage:
    """The passage of texts that are alike."""
    batch, at = _joined(model, group), group[0].at
    most = max(len(one.answers) for one in group)
    counts = torch.zeros(len(group), most)
    pairs = torch.zeros(len(group), most, 2, dtype=torch.long)
    for row, one in enumerate(group):
        counts[row, : len(one.answers)] = torch.tensor([*map(float, one.answers.values())])
        if ids := [pair for pair in one.answers if pair]:
            pairs[row, : len(ids)] = torch.tensor(ids)
    device, asked = batch.tokens.device, bool(pairs.any())
    return Passage(batch, at, pairs.to(device) if asked else None, counts.to(device))


def _joined(model: Model, group: Sequence[Member]) -> Batch:
    """One batch of texts whose ids are known."""
    examples = [one.text.example for one in group]
    starts = range(0, len(examples), ENCODED_AT_ONCE)
    parts = [model.encode(examples[start : start + ENCODED_AT_ONCE]) for start in starts]
    tokens = torch.tensor([one.ids for one in group], device=parts[0].tokens.device)
    targets = sizes = None
    if parts[0].targets is not None:
        targets = torch.cat([part.targets for part in parts if part.targets is not None])
        sizes = torch.full((len(group),), targets.shape[1], device=tokens.device)
    lengths = torch.full((len(group),), tokens.shape[1], device=tokens.device)
    return Batch(tokens, lengths, targets, sizes, tuple(examples), parts[0].context)


class Runner:
    """One passage under masks. `tokens` are those that are run, from `begin` on."""

    def __init__(self, model: Model, sites: Sites, passage: Passage, scope: str) -> None:
        self.model, self.sites, self.passage, self.scope = model, sites, passage, scope
        whole = passage.batch
        self.begun = None if scope == ALL else self._begun(passage.at or 0)
        self.begin = (passage.at or 0) if self.begun else 0
        self.batch = replace(
            whole,
            tokens=whole.tokens[:, self.begin :],
            lengths=whole.lengths - self.begin,
            context=None if self.begun else whole.context,
        )
        self.steps = self.steps_in(self.batch, self.begin)
        self._kept: dict[tuple[int, int | None], Tensor] = {}
        self._sizes: dict[int | None, int] = {}

    def __len__(self) -> int:
        return len(self.passage)

    def _begun(self, begin: int) -> Beginnings | None:
        """What comes before the first position that is changed, where the model can go on."""
        whole = self.passage.batch
        context = [] if whole.context is None else whole.context.tolist()
        return Beginnings.read(self.model, whole.tokens[:, :begin].tolist(), context)

    def steps_in(self, batch: Batch, begin: int = 0) -> list[int] | None:
        """Where units are set in a batch that starts at position `begin` of the texts.

        None: at every step, those of a context too.
        """
        if self.passage.at is not None:
            return [self.passage.at - begin]
        if self.scope == ALL or batch.context is None:
            return None
        return list(range(batch.tokens.shape[1]))

    @property
    def answers(self) -> bool:
        """Whether the model answers with a sequence; else with a word after each position."""
        return self.passage.batch.targets is not None

    @property
    def length(self) -> int:
        """How many positions the output has, those that are not run included."""
        targets = self.passage.batch.targets
        return int((self.passage.batch.tokens if targets is None else targets).shape[1])

    @property
    def first(self) -> int:
        """The first position of a run's output that an intervention can change."""
        if self.answers or self.passage.at is None:
            return 0
        return self.passage.at - self.begin

    @property
    def changing(self) -> int:
        """How many positions of the output an intervention can change."""
        return self.length - self.begin - self.first

    def run(
        self,
        rows: Rows,
        mask: Float[Tensor, "... unit"] | None,
        values: Float[Tensor, "... unit"] | None,
        readout: Readout,
    ) -> Tensor:
        """The output of some rows with units set to `values` where `mask` is 1."""
        whole, numbers = self.batch, rows.tolist()
        batch = replace(
            whole,
            tokens=whole.tokens[rows],
            lengths=whole.lengths[rows],
            targets=None if whole.targets is None else whole.targets[rows],
            target_lengths=None if whole.target_lengths is None else whole.target_lengths[rows],
            examples=tuple(whole.examples[row] for row in numbers),
        )
        state = {"state": self.begun.of(rows)} if self.begun else {}
        hooks = [] if mask is None or values is None else self.sites.hooks(mask, values, self.steps)
        output: Tensor = self.model.run_with_hooks(batch, readout=readout, fwd_hooks=hooks, **state)
        return output

    def leads(self, rows: Rows) -> Readout:
        """The readout of what is asked of some rows, `[row, answer]`."""
        if self.passage.pairs is not None:
            return Leads(pairs=self.passage.pairs[rows])
        assert self.passage.batch.targets is not None
        return WholeLeads(targets=self.passage.batch.targets[rows])

    def divergence(
        self, rows: Rows, words: int | None = None, drawn: Rows | None = None
    ) -> Divergence:
        """The readout of the divergence from the output without intervention, `[row]`."""
        return Divergence(
            original=self.original(rows, words),
            length=self.length,
            first=self.first,
            words=words,
            drawn=drawn,
        )

    def original(self, rows: Rows, words: int | None = None) -> Float[Tensor, "row pos size"]:
        """What the divergence compares with, kept as far as there is room.

        It is computed for fixed blocks of rows, so that it does not depend on what came before.
        """
        room = self._room(words)
        beyond = [row for row in dict.fromkeys(rows.tolist()) if row >= room]
        fresh = dict(zip(beyond, self._original(beyond, words), strict=True)) if beyond else {}
        for row in {row // BLOCK * BLOCK for row in rows.tolist() if row < room}:
            if (row, words) not in self._kept:
                block = range(row, min(row + BLOCK, len(self)))
                made = self._original(list(block), words)
                self._kept |= {(at, words): one for at, one in zip(block, made, strict=True)}
        found = [fresh[row] if row >= room else self._kept[row, words] for row in rows.tolist()]
        return torch.stack(found)

    def _room(self, words: int | None) -> int:
        """How many rows are kept: whole blocks of them."""
        if words not in self._sizes:
            self._sizes[words] = self._original([0], words)[0].numel()
        return KEPT // self._sizes[words] // BLOCK * BLOCK

    def _original(self, rows: list[int], words: int | None) -> list[Tensor]:
        with torch.no_grad():
            asked = Original(first=self.first, words=words)
            made = self.run(torch.tensor(rows), None, None, asked)
        return [one.clone() for one in made]
