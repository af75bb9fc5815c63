"""decoding-over-time: how long the number of the subject can be read off, word by word.

    probekit run plugin=decoding-over-time model=lstm-lm data=number-agreement data.task=nounpp

Lakretz et al. (2019), section 4.2 and figure 2. How a curve is measured is said in `generalise`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from probekit.analysis import Analysis, Inputs, Measured, Partial, Result, Shard, need_model
from probekit.dataset import Dataset, Example
from probekit.errors import ProbekitError, Problems
from probekit.language import LanguageModel
from probekit.model import Model
from probekit_probes.columns import Columns, columns_of
from probekit_probes.generalise import over_time
from probekit_probes.params import DecodingParams
from probekit_probes.ranges import keepers
from probekit_probes.sentences import slug
from probekit_probes.states import states, unknown
from probekit_probes.time_results import ALL, Decoded, result
from probekit_probes.trials import Trials, read_trials
from probekit_probes.verbs import read_verbs, readout_of, separated

AUTO, LONG = "auto", "long"


class DecodingOverTime(Analysis[DecodingParams]):
    """Trains at the subject and tests at every word; a shard a model."""

    def shards(self, inputs: Inputs) -> list[Shard]:
        """One shard a model, once its units and the sentences are known to fit."""
        trials, asked = self._trials(inputs.dataset), self.params
        found = []
        for label in inputs.labels:
            columns = self._columns(inputs.model(label), label)
            given = self._given(columns)
            self._left(columns, given, [])
            curves = 1 + len(given) + (asked.top if self._auto else 0)
            size = len(trials) + curves * asked.splits
            found.append(Shard(name=slug(label), model=label, size=size))
        return found

    def measure(self, shard: Shard, model: Model | None, dataset: Dataset) -> Partial:
        """`auc [curve, split, step]`, the unit of each curve, and the words on the axis."""
        reader, asked = need_model(model), self.params
        trials, columns = self._trials(dataset), self._columns(reader, str(shard.model))
        examples = self._read(reader, trials.examples)
        steps = len(examples[0].words)
        every = [range(steps)] * len(examples)
        values = states(reader, examples, every, columns, asked.batch_size)
        values = values.reshape(len(trials), steps, len(columns))
        keeping = self._keeping(trials, values)
        best, alone = self._best(reader, str(shard.model), columns, trials, keeping)
        chosen = list(dict.fromkeys([*self._given(columns), *best]))
        left = self._left(columns, chosen, keeping)
        rest = [column for column in range(len(columns)) if column not in set(left)]
        parts = (values[:, :, some] for some in (rest, *([column] for column in chosen)))
        at = trials.subject[0]
        curves = [over_time(part, trials.plural, at, asked, self.seed) for part in parts]
        return {
            "auc": np.stack([curve.auc for curve in curves]),
            "unfinished": np.array(sum(curve.unfinished for curve in curves)),
            "columns": np.array([ALL, *chosen]),
            "left": np.array(left, dtype=np.int64),
            "words": np.array(axis_words(example.words for example in examples)),
            "alone": np.array(alone),
            "unknown": np.array(unknown(reader, trials.examples)),
        }

    def combine(self, parts: Sequence[Measured], inputs: Inputs) -> Result:
        """Tables `curves` (mean and deviation), `splits` and `units`, and figure 2."""
        found = []
        for part in parts:
            label = str(part.shard.model)
            columns = self._columns(inputs.model(label), label)
            given = self._given(columns) if self._auto else None
            found.append(Decoded(label, columns, part.partial, given))
        return result(found, self._trials(inputs.dataset), self.params)

    @property
    def _auto(self) -> bool:
        """Whether units are to be found."""
        return AUTO in self.params.units

    @property
    def _finds(self) -> bool:
        """Whether it is asked which units keep the number."""
        return self._auto or LONG in (self.params.minus or ())

    def _trials(self, dataset: Dataset) -> Trials:
        """The sentences, which must all have their words in the same places."""
        trials = read_trials(dataset, self.params.conditions)
        lengths = [len(example.words) for example in trials.examples]
        for what, values in (("length", lengths), ("place of the subject", trials.subject)):
            if len(set(values)) > 1:
                raise ProbekitError(
                    f"the sentences differ in the {what} ({min(values)} and {max(values)}), so"
                    " there is no time that they share; choose one task, such as"
                    " data.task=nounpp."
                )
        if self._finds:
            _ = trials.attractor_plural  # there must be attractors
        return trials

    def _columns(self, model: Model, label: str) -> Columns:
        return columns_of(model.hook_specs, self.params.queries, label)

    def _read(self, model: Model, examples: Sequence[Example]) -> list[Example]:
        """What is read: a language model reads the right word too."""
        if not (self.params.answer and isinstance(model, LanguageModel)):
            return list(examples)
        read = [replace(one, words=one.words + one.target) for one in examples]
        if len({len(one.words) for one in read}) > 1:
            raise ProbekitError(
                "the right answers differ in their number of words; give answer=false."
            )
        return read

    def _given(self, columns: Columns) -> list[int]:
        """The columns of the units that are given by name; Problems with every mistake."""
        return named(columns, [text for text in self.params.units if text != AUTO], "units")

    def _keeping(self, trials: Trials, values: np.ndarray) -> list[int]:
        """The units that keep the number, the best ones first; none where nobody asks."""
        if not self._finds:
            return []
        rows = np.arange(len(trials))
        at_subject, at_attractor = (
            values[rows, list(places)] for places in (trials.subject, trials.attractor)
        )
        return keepers(at_subject, at_attractor, trials.plural, self.params.long)

    def _best(
        self, model: Model, label: str, columns: Columns, trials: Trials, keeping: Sequence[int]
    ) -> tuple[list[int], str]:
        """The units that auto finds, and why their activity alone was looked at, if so."""
        asked = self.params
        if not (self._auto and asked.readout):
            return list(keeping[: asked.top]) if self._auto else [], ""
        try:
            readout = readout_of(model, label, columns)
            verbs = read_verbs(model, readout, trials.examples)
            told = separated(model, readout, columns, verbs)
        except ProbekitError as error:
            return list(keeping[: asked.top]), str(error)
        return [unit for unit in keeping if told[unit] >= asked.separated][: asked.top], ""

    def _left(self, columns: Columns, chosen: Sequence[int], keeping: Sequence[int]) -> list[int]:
        """The columns left out of the curve of all; ProbekitError where nothing would be left."""
        minus = self.params.minus
        left = list(chosen)
        if minus is not None:
            given = named(columns, [text for text in minus if text != LONG], "minus")
            left = list(dict.fromkeys([*given, *(keeping if LONG in minus else ())]))
        if len(left) == len(columns):
            raise ProbekitError("no unit is left for the curve of all; give minus=A,B of fewer.")
        return left


def axis_words(sentences: Iterable[Sequence[str]]) -> list[str]:
    """The commonest word at each position, with an ellipsis where there are others."""
    found = []
    for words in zip(*sentences, strict=True):
        counts = Counter(words)
        found.append(counts.most_common(1)[0][0] + ("…" if len(counts) > 1 else ""))
    return found


def named(columns: Columns, texts: Sequence[str], key: str) -> list[int]:
    """The columns of units given as text, each once; Problems with every mistake."""
    found, problems = [], []
    for text in texts:
        try:
            found.append(columns.find(text, key))
        except ProbekitError as error:
            problems.append(str(error))
    if problems:
        raise Problems(problems)
    return list(dict.fromkeys(found))
