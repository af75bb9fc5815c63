"""What all masks of one model share: its directions, its units, and its texts ready to be run.

    case = Case(model, dataset, params, seed=0, label="lstm-lm")
    case.task("subject_at", "to-plural")

Each is made when it is first asked for, and kept: seeds and settings share it.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TypeVar

from probekit.dataset import Dataset
from probekit.model import Model
from probekit_masks.directions import KEEP, Direction, Found, directions
from probekit_masks.fitting import Task
from probekit_masks.params import MaskParams
from probekit_masks.passages import Passage, Runner, passages
from probekit_masks.sites import Sites
from probekit_masks.values import Known

T = TypeVar("T")


class Case:
    """One model asked about one dataset; `label` names the model in messages."""

    def __init__(
        self, model: Model, dataset: Dataset, params: MaskParams, seed: int, label: str
    ) -> None:
        self.model, self.dataset, self.params = model, dataset, params
        self.seed, self.label = seed, label
        self._made: dict[tuple[str, ...], object] = {}

    @cached_property
    def sites(self) -> Sites:
        """The units that may be set."""
        return Sites(self.model, self.params, self.label)

    @cached_property
    def found(self) -> Found:
        """The examples of every direction."""
        return directions(self.model, self.dataset, self.params, self.seed)

    def direction(self, name: str) -> Direction:
        """The examples of one direction."""
        return self.found.directions[name]

    def empty(self, name: str) -> bool:
        """Whether a direction has nothing to learn from, or nothing to evaluate on."""
        return not (self.direction(name).train and self.direction(name).evaluation)

    def task(self, scope: str, name: str) -> Task:
        """A direction's training texts."""

        def make() -> Task:
            train = self._passages(scope, name, "train")
            runners = [Runner(self.model, self.sites, one, scope) for one in train]
            known = Known(self.model, self.sites, train)
            return Task(name, runners, known, self.usual(scope), name == KEEP)

        return self._once(make, "task", scope, name)

    def evaluation(self, scope: str, name: str) -> list[Runner]:
        """A direction's texts to evaluate on."""

        def make() -> list[Runner]:
            held = self._passages(scope, name, "evaluation")
            return [Runner(self.model, self.sites, one, scope) for one in held]

        return self._once(make, "evaluation", scope, name)

    def usual(self, scope: str) -> Known:
        """What is known of the training texts of all directions."""
        return self._once(lambda: self._known(scope, list(self.found.directions)), "usual", scope)

    def others(self, scope: str, name: str) -> Known | None:
        """What is known of the training texts of all other directions; None without any."""
        names = [one for one in self.found.directions if one != name and not self.empty(one)]
        if not names:
            return None
        return self._once(lambda: self._known(scope, names), "others", scope, name)

    def _known(self, scope: str, names: Sequence[str]) -> Known:
        texts = [text for one in names for text in self._passages(scope, one, "train")]
        return Known(self.model, self.sites, texts)

    def _passages(self, scope: str, name: str, part: str) -> list[Passage]:
        asked = getattr(self.direction(name), part)
        return self._once(lambda: passages(self.model, asked, scope), "passages", scope, name, part)

    def _once(self, make: Callable[[], T], *key: str) -> T:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]  # type: ignore[return-value]
