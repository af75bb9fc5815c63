"""Number agreement as a dataset: the words before a verb, its right form and its wrong one.

    dataset = number_agreement(AgreementParams(task=("nounpp",)))
    dataset[0]      # words The boy near the car   target greets   wrong: greet, condition: SS

The pairs come from the published files, from a colorless-green pair of X.text and X.gold, or from
the project's own grammar (lakretz2019, section 3; Linzen et al. 2016).
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from probekit.dataset import Example, ListDataset
from probekit.errors import ProbekitError
from probekit_agreement.context import context_words
from probekit_agreement.linzen import LINZEN, read_linzen, stem_of
from probekit_agreement.pairs import labelled
from probekit_agreement.params import AgreementParams
from probekit_agreement.published import read_published
from probekit_agreement.tasks import generated

TITLE = "number-agreement"


def number_agreement(params: AgreementParams) -> ListDataset:
    """The pairs of the chosen tasks; `split(task)` gives those of one.

    Every example is one pair. Its words are those before the verb, its target the right form.
    Labels: `wrong` (the other form), `task`, `condition` (`SP`: singular subject, plural
    attractor; Linzen's: the number of attractors), `number` (of the subject), `attractor` (number
    of the last noun before the verb, or empty), `subject_at` and `attractor_at` (positions from 0,
    -1 where there is none or it is not known), `attractors` (nouns between whose number is not the
    subject's), `held_out` (the training grammar never joins this subject and verb). Raises
    ProbekitError, or Problems for several, at a mistake in a file.
    """
    context = context_words(params.context, _folder(params.path))
    splits: dict[str, list[Example]] = {
        task: [replace(example, context=context) for example in _examples(task, params)]
        for task in dict.fromkeys(params.task)
    }
    return ListDataset([pair for pairs in splits.values() for pair in pairs], TITLE, splits)


def _folder(path: str) -> Path | None:
    """The folder of the data: the path itself, or where the files of a stem stand."""
    if not path:
        return None
    return Path(path) if Path(path).is_dir() else Path(path).parent


def _examples(task: str, params: AgreementParams) -> list[Example]:
    if task == LINZEN:
        return _linzen(params.path)
    return _published(task, params.path) if params.path else _generated(task, params)


def _linzen(path: str) -> list[Example]:
    if not path:
        raise ProbekitError(
            "the task linzen is not generated; give data.path=X for its files X.text and X.gold."
        )
    return read_linzen(stem_of(Path(path)))


def _published(task: str, path: str) -> list[Example]:
    if Path(path).is_dir():
        return read_published(Path(path), task)
    if Path(f"{path}.gold").exists():
        raise ProbekitError(
            f"data.path={path} names {Path(path).name}.gold, which holds the task linzen and not"
            f" {task}; give data.task=linzen."
        )
    raise ProbekitError(
        f"data.path={path} is not a folder; name the folder that holds {task}.txt, or leave it out"
        " to generate the task."
    )


def _generated(task: str, params: AgreementParams) -> list[Example]:
    """The generated pairs, each with its condition and its place in it as source."""
    counts: Counter[str] = Counter()
    found = []
    for pair in generated(task, params.sentences, params.seed):
        example = labelled(pair, task, "")
        condition = example.labels["condition"]
        counts[condition] += 1
        source = f"generated {task} {condition} {counts[condition]}"
        found.append(replace(example, source=source))
    return found
