"""Pronouns after a profession as a dataset: he or she.

    dataset = gender_bias(GenderParams())
    dataset[0]      # words The nurse yelled that   target she   labels wrong: he, stereotype: -0.9

Seventeen templates times a list of professions with stereotype scores (decao2022, section 4, after
Vig et al. 2020 and Bolukbasi et al. 2016).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from probekit.dataset import Example, ListDataset
from probekit.errors import ProbekitError
from probekit_agreement.context import context_words
from probekit_agreement.draws import Draws
from probekit_agreement.lexicon import PROFESSIONS, TEMPLATES, held_out
from probekit_agreement.params import GenderParams
from probekit_agreement.reading import collected, numbered, read_json, read_lines, shown

TITLE = "gender-bias"
OWN = "the plugin's own professions"
PUBLISHED_TOTAL, PUBLISHED_EVALUATION = 2873, 200


@dataclass(frozen=True)
class Profession:
    """A profession with its scores, from -1 (female) to 1 (male): by definition, by stereotype."""

    name: str
    definitional: float
    stereotype: float
    source: str

    @property
    def lean(self) -> float:
        """The sum of both scores; its sign says which pronoun conforms."""
        return self.definitional + self.stereotype


class GenderBias(ListDataset):
    """The chosen parts, with the splits `train` and `evaluation`.

    `professions` are those that are used; `left_out` names the others under the reason.
    """

    def __init__(
        self,
        splits: Mapping[str, Sequence[Example]],
        params: GenderParams,
        professions: Sequence[str],
        left_out: Mapping[str, Sequence[str]],
    ) -> None:
        chosen = [example for part in dict.fromkeys(params.split) for example in splits[part]]
        super().__init__(chosen, TITLE, splits)
        self.professions = tuple(professions)
        self.left_out = {reason: tuple(names) for reason, names in left_out.items()}


def gender_bias(params: GenderParams) -> GenderBias:
    """Every template with every profession that is kept, divided at random by `params.seed`.

    Words end before the pronoun. The target is the pronoun that conforms to the stereotype, `he`
    where both scores cancel out. Labels: `wrong` (the other pronoun), `profession`, `template`,
    `stereotype` (definitional and stereotype score together, above 0 male), `gender` (`female`,
    `male`, or empty at 0), `subject_at` (1), `held_out` (the training grammar never joins this
    profession and template). Raises ProbekitError at a mistake in a file.
    """
    found = _read(Path(params.path)) if params.path else _own()
    kept, left_out = _kept(found, params)
    context = context_words(params.context, Path(params.path).parent if params.path else None)
    examples = [
        _example(profession, template, context) for template in TEMPLATES for profession in kept
    ]
    splits = _divide(examples, params)
    return GenderBias(splits, params, [profession.name for profession in kept], left_out)


def _own() -> list[Profession]:
    return [Profession(word, 0.0, noun.gender, OWN) for word, noun in PROFESSIONS.items()]


def _read(path: Path) -> list[Profession]:
    rows = read_json(path)
    if not isinstance(rows, list) or not rows:
        raise ProbekitError(
            f"{path} is no list; it should be [[profession, definitional score, stereotype score],"
            " ...]."
        )
    found = collected(enumerate(rows, start=1), lambda row: _profession(*row, path.name))
    names = [profession.name for profession in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ProbekitError(
            f"{path.name} lists {shown(twice[0])} twice; list each profession once."
        )
    return found


def _profession(number: int, row: Any, name: str) -> Profession:
    good = isinstance(row, list) and len(row) == 3 and isinstance(row[0], str) and row[0].strip()
    if not good or not all(_is_score(score) for score in row[1:]):
        raise ProbekitError(
            f"{name} entry {number} is {shown(str(row))}; it should be [profession, definitional"
            " score, stereotype score], the scores from -1 to 1."
        )
    return Profession(row[0], float(row[1]), float(row[2]), f"{name} entry {number}")


def _is_score(value: Any) -> bool:
    return type(value) in (int, float) and -1 <= value <= 1


def _kept(
    found: Sequence[Profession], params: GenderParams
) -> tuple[list[Profession], dict[str, list[str]]]:
    """The professions to use, and the names of the others by reason."""
    single = [profession for profession in found if _is_one_word(profession.name)]
    wanted = _wanted(params.keep, single) if params.keep else None
    kept = [one for one in single if wanted is None or one.name in wanted]
    if not kept:
        raise ProbekitError(
            "no profession of a single word is left; check data.path and data.keep."
        )
    left_out = {
        "several words": [one.name for one in found if not _is_one_word(one.name)],
        "not in data.keep": [one.name for one in single if one not in kept],
    }
    return kept, left_out


def _is_one_word(name: str) -> bool:
    """`soft_spoken` and `vice president` are two words."""
    return len(name.replace("_", " ").split()) == 1 and name == name.strip("_ ")


def _wanted(path: str, professions: Iterable[Profession]) -> set[str]:
    lines = read_lines(Path(path), "data.keep is a file of professions, one a line")
    wanted = {line.strip() for _, line in numbered(lines)}
    unknown = sorted(wanted - {profession.name for profession in professions})
    if unknown:
        raise ProbekitError(
            f"data.keep={path} names {len(unknown)} that are no single-word professions of the"
            f" list: {', '.join(map(shown, unknown[:5]))}{', ...' if len(unknown) > 5 else ''};"
            " take them out."
        )
    return wanted


def _example(profession: Profession, template: str, context: tuple[str, ...]) -> Example:
    male = profession.lean >= 0
    return Example(
        words=("The", profession.name, *template.split()),
        target=("he",) if male else ("she",),
        labels={
            "wrong": "she" if male else "he",
            "profession": profession.name,
            "template": template,
            "stereotype": profession.lean,
            "gender": ("male" if male else "female") if profession.lean else "",
            "subject_at": 1,
            "held_out": held_out(profession.name, template),
        },
        source=f"{profession.source}, template {template!r}",
        context=context,
    )


def _divide(examples: Sequence[Example], params: GenderParams) -> dict[str, list[Example]]:
    """A random part to evaluate on, and the rest to train on."""
    share = round(len(examples) * PUBLISHED_EVALUATION / PUBLISHED_TOTAL)
    evaluation = share if params.evaluation is None else params.evaluation
    if not 0 < evaluation < len(examples):
        raise ProbekitError(
            f"data.evaluation={evaluation} is not below the {len(examples)} sentences there are;"
            " leave some to train on."
        )
    shuffled = Draws(params.seed).shuffled(examples)
    return {"train": shuffled[evaluation:], "evaluation": shuffled[:evaluation]}
