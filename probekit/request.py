"""From `key=value` to a complete request for a run; every mistake is found before any work.

    request = build({"plugin": "gru-saturation", "left": "0.05"}, registry())

Nothing is loaded for it: models and data are read when the run begins.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import Field, field_validator

from probekit.errors import ProbekitError, Problems, listing
from probekit.params import Params, validate
from probekit.registry import Entry, Registry
from probekit.specs import AnalysisSpec, DatasetSpec, EngineSpec, ModelSpec, RecipeSpec, resolve

Command = Literal["run", "train"]


class RunParams(Params):
    """The keys of the command line that belong to no plugin."""

    plugin: str = Field("", description="an analysis or a recipe")
    model: tuple[str, ...] = Field((), description="one model or several, parted by commas")
    data: str = Field("", description="a dataset; by default the one that the model goes with")
    out: str = Field("", description="the run folder; by default runs/NAME-HASH")
    seed: int = Field(0, ge=0, lt=2**63, description="the seed of everything random")
    device: str = Field("cpu", description="cpu, cuda, cuda:N or mps")
    engine: str = Field("serial", description="how shards are worked through")

    @field_validator("device")
    @classmethod
    def _known(cls, device: str) -> str:
        if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", device):
            raise ValueError("a device is cpu, cuda, cuda:N or mps")
        return device


@dataclass(frozen=True)
class Choice:
    """One registered thing with its parameters."""

    entry: Entry
    params: Params

    def describe(self) -> dict[str, Any]:
        """Id and parameters as plain values."""
        return {"id": self.entry.id, "params": self.params.model_dump(mode="json")}

    def load(self, *args: Any) -> Any:
        """Call the implementation with the parameters and `args`."""
        return resolve(self.entry.spec.implementation)(self.params, *args)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Request:
    """Everything that a run needs, checked as far as it can be without loading anything.

    `given` are the keys as they were given on the command line or by a config file; `chosen` are
    those keys and the ones that a recipe fills in.
    """

    command: Command
    name: str
    analysis: Choice
    models: Mapping[str, Choice]
    data: Choice | None
    engine: Choice
    recipe: Entry | None
    run: RunParams
    given: Mapping[str, Any] = field(default_factory=dict)
    chosen: Mapping[str, Any] = field(default_factory=dict)

    def identity(self) -> dict[str, Any]:
        """What the result depends on, as plain values."""
        return {
            "analysis": self.analysis.describe() | {"version": self.analysis.entry.version},
            "models": [{"label": label} | one.describe() for label, one in self.models.items()],
            "data": self.data.describe() if self.data else None,
            "seed": self.run.seed,
        }

    @property
    def folder(self) -> Path:
        """The run folder: `out`, or a name that the same command always gives."""
        if self.run.out:
            return Path(self.run.out)
        digest = sha256(json.dumps(self.identity(), sort_keys=True).encode()).hexdigest()
        return Path("runs") / f"{self.name}-{digest[:8]}"


def build(given: Mapping[str, Any], registry: Registry, command: Command = "run") -> Request:
    """The request that the keys make.

    Raises Problems with every mistake: unknown keys, values that a schema refuses, names that
    nothing has, an analysis that asks for hook points which the model does not offer.
    """
    return _Builder(given, registry, command).request()


class _Builder:
    """The state of building one request: the keys by section and the mistakes so far."""

    def __init__(self, given: Mapping[str, Any], registry: Registry, command: Command) -> None:
        self.given, self.registry, self.command = given, registry, command
        self.problems: list[str] = []
        self.sections = divide(given)
        self.run = self._top()

    def request(self) -> Request:
        recipe, analysis = self._subject()
        spec = cast("AnalysisSpec", analysis.spec)
        filled = cast("RecipeSpec", recipe.spec) if recipe else None
        self.names, self.trains = self._model_names(filled), spec.trains
        models = {} if spec.trains else self._models(spec, filled)
        data = self._data(filled, spec)
        self._check_labels(spec, data)
        params = self._validate(spec.params, self._analysis_params(filled), "", RunParams)
        engine = self._choice(self.run.engine, "engine", self.sections["engine"])
        if self.problems or params is None or engine is None:
            raise Problems(self.problems)
        name = (recipe or analysis).spec.name
        if self.command == "train":
            name = f"{self.names[0]}-training"
        return Request(
            self.command, name, Choice(analysis, params), models, data, engine, recipe, self.run,
            self.given, self._chosen(filled),
        )  # fmt: skip

    def _top(self) -> RunParams:
        """The keys of the run itself; those that are wrong are told and left out."""
        keys = self.sections["run"]
        for key in [key for key, value in keys.items() if value == ""]:
            self.problems.append(f"{key}= is empty; give {key}=VALUE or leave it out.")
        checked = {key: validate(RunParams, {key: value}) for key, value in keys.items()}
        self.problems += [problem for _, problems in checked.values() for problem in problems]
        return RunParams(**{key: getattr(one, key) for key, (one, _) in checked.items() if one})

    def _subject(self) -> tuple[Entry | None, Entry]:
        """The recipe, if one was named, and the analysis."""
        if self.command == "train":
            return None, self._trainer()
        if not self.run.plugin:
            raise Problems(
                [*self.problems, "plugin=NAME is needed; `probekit list` shows the names."]
            )
        try:
            found = self.registry.find(self.run.plugin, "analysis", "recipe")
            if not isinstance(found.spec, RecipeSpec):
                return None, self._reader(found)
            return found, self.registry.find(found.spec.analysis, "analysis")
        except ProbekitError as error:
            raise Problems([*self.problems, str(error)]) from error

    def _reader(self, entry: Entry) -> Entry:
        if cast("AnalysisSpec", entry.spec).trains:
            raise ProbekitError(
                f"{entry.spec.name} makes a model; use `probekit train model=NAME`."
            )
        return entry

    def _trainer(self) -> Entry:
        if self.run.plugin:
            self.problems.append("plugin= does not hold in training; leave it out, or use `run`.")
        able = [e.spec.name for e in self.registry.of("model") if cast("ModelSpec", e.spec).trainer]
        if len(self.run.model) != 1:
            raise Problems([*self.problems, f"model=NAME is needed; one of: {listing(able)}."])
        try:
            spec = cast("ModelSpec", self.registry.find(self.run.model[0], "model").spec)
            if not spec.trainer:
                raise ProbekitError(
                    f"{spec.name} cannot be trained here; these can: {listing(able)}."
                )
            return self.registry.find(spec.trainer, "analysis")
        except ProbekitError as error:
            raise Problems([*self.problems, str(error)]) from error

    def _model_names(self, recipe: RecipeSpec | None) -> tuple[str, ...]:
        return self.run.model or ((recipe.model,) if recipe and recipe.model else ())

    def _model_keys(self, recipe: RecipeSpec | None) -> dict[str, Any]:
        """The `model.` keys: a recipe's hold only for the model that it names."""
        kept = recipe is not None and self.names == (recipe.model,)
        return {**(recipe.model_params if recipe and kept else {}), **self.sections["model"]}

    def _models(self, analysis: AnalysisSpec, recipe: RecipeSpec | None) -> dict[str, Choice]:
        if not self.names:
            fitting = [e.spec.name for e in self.registry.of("model") if analysis.fits(e.spec)]  # type: ignore[arg-type]
            self.problems.append(
                f"model=NAME is needed; {analysis.name} can read: {listing(fitting)}."
            )
        keys = self._model_keys(recipe)
        checkpoints = as_list(keys.pop("checkpoint", None))
        models: dict[str, Choice] = {}
        for name, checkpoint in self._pairs(checkpoints):
            own = keys if checkpoint is None else {**keys, "checkpoint": checkpoint}
            choice = self._choice(name, "model", own)
            if choice is not None and self._fitting(analysis, choice.entry):
                models[unique(slug(self._label(name, checkpoint)), models)] = choice
        return models

    def _label(self, name: str, checkpoint: str | None) -> str:
        """What a model is called in tables: its checkpoint, or its name where names differ."""
        return name if checkpoint is None or len(self.names) > 1 else checkpoint

    def _pairs(self, checkpoints: Sequence[str]) -> list[tuple[str, str | None]]:
        """Each model name with its checkpoint; one of either goes with all of the other."""
        names = self.names
        if not checkpoints:
            return [(name, None) for name in names]
        if len(names) > 1 and len(checkpoints) not in (1, len(names)):
            self.problems.append(
                f"{len(names)} models and {len(checkpoints)} checkpoints do not pair up;"
                " give one checkpoint a model, or one for all."
            )
            return []
        longest = max(len(names), len(checkpoints)) if names else 0
        return [(names[i % len(names)], checkpoints[i % len(checkpoints)]) for i in range(longest)]

    def _fitting(self, analysis: AnalysisSpec, model: Entry) -> bool:
        if analysis.fits(cast("ModelSpec", model.spec)):
            return True
        wants = listing(str(want) for want in analysis.wants)
        self.problems.append(
            f"{analysis.name} asks for {wants} hook points, which {model.spec.name} does not offer;"
            f" `probekit show {analysis.name}` lists the models that do."
        )
        return False

    def _data(self, recipe: RecipeSpec | None, analysis: AnalysisSpec) -> Choice | None:
        name = self.run.data or (recipe.data if recipe else "")
        if not name and not (analysis.trains and not analysis.labels):
            name = self._usual_data()
        if not name:
            if self.sections["data"]:
                self.problems.append("data.x=VALUE needs data=NAME; `probekit list datasets`.")
            return None
        kept = recipe is not None and name == recipe.data
        keys = {**(recipe.data_params if recipe and kept else {}), **self.sections["data"]}
        return self._choice(name, "dataset", keys)

    def _check_labels(self, analysis: AnalysisSpec, data: Choice | None) -> None:
        has = cast("DatasetSpec", data.entry.spec).labels if data else ()
        if missing := [label for label in analysis.labels if label not in has]:
            self.problems.append(
                f"{analysis.name} asks for the labels {listing(missing)}, which"
                f" {data.entry.spec.name if data else 'no dataset'} does not have;"
                " name another with data=NAME."
            )

    def _usual_data(self) -> str:
        """The dataset that the first model goes with."""
        try:
            return cast("ModelSpec", self.registry.find(self.names[0], "model").spec).data
        except (IndexError, ProbekitError):
            return ""

    def _analysis_params(self, recipe: RecipeSpec | None) -> dict[str, Any]:
        chosen = {**(recipe.params if recipe else {}), **self.sections["params"]}
        if self.trains:
            model = cast("ModelSpec", self.registry.find(self.names[0], "model").spec)
            for key in self.sections["model"]:
                self.problems.append(f"model.{key} does not hold in training; leave out `model.`.")
            chosen |= model.trainer_params
        return chosen

    def _choice(
        self, name: str, noun: Literal["model", "dataset", "engine"], keys: Mapping[str, Any]
    ) -> Choice | None:
        try:
            entry = self.registry.find(name, noun)
        except ProbekitError as error:
            self.problems.append(str(error))
            return None
        spec = cast("ModelSpec | DatasetSpec | EngineSpec", entry.spec)
        prefix = {"model": "model.", "dataset": "data.", "engine": "engine."}[noun]
        params = self._validate(spec.params, keys, prefix)
        return None if params is None else Choice(entry, params)

    def _validate(
        self, schema: str, keys: Mapping[str, Any], prefix: str, *beside: type[Params]
    ) -> Params | None:
        params, problems = validate(cast("type[Params]", resolve(schema)), keys, prefix, *beside)
        self.problems += [problem for problem in problems if problem not in self.problems]
        return params

    def _chosen(self, recipe: RecipeSpec | None) -> dict[str, Any]:
        """The keys that make the same run again, whatever a later recipe says."""
        chosen: dict[str, Any] = {"seed": self.run.seed, "device": self.run.device}
        chosen |= {"plugin": self.run.plugin} if self.command == "run" else {}
        chosen |= {"model": list(self.names)} if self.names else {}
        if data := self.run.data or (recipe.data if recipe else ""):
            chosen["data"] = data
        chosen |= {f"model.{key}": value for key, value in self._model_keys(recipe).items()}
        chosen |= {
            f"data.{key}": value for key, value in (recipe.data_params if recipe else {}).items()
        }
        chosen |= self._analysis_params(recipe) if self.command == "run" else {}
        chosen |= {key: value for key, value in self.given.items() if key != "out"}
        return {key: value for key, value in chosen.items() if value is not None}


def divide(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The keys by the part they go to: `run`, `model`, `data`, `engine` or else `params`."""
    sections: dict[str, dict[str, Any]] = {
        name: {} for name in ("run", "model", "data", "engine", "params")
    }
    for key, value in given.items():
        head, dot, rest = key.partition(".")
        if dot and head in ("model", "data", "engine"):
            sections[head][rest] = value
        else:
            sections["run" if key in RunParams.model_fields else "params"][key] = value
    return sections


def as_list(value: Any) -> list[str]:
    """A checkpoint key as a list: JSON, or parted by commas; a file of that very name wins."""
    if value is None:
        return []
    if not isinstance(value, str):
        return [str(item) for item in value]
    if value.startswith("["):
        try:
            return [str(item) for item in json.loads(value)]
        except ValueError as error:
            raise ProbekitError(f"model.checkpoint={value} is not a JSON list: {error}.") from error
    return [value] if Path(value).exists() else value.split(",")


def slug(text: str) -> str:
    """A label that can stand in a file name: the last part of a path, without its ending."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(text).stem).strip("-.") or "model"


def unique(label: str, taken: Mapping[str, Any]) -> str:
    """The label, with a number behind it where it is taken."""
    candidates = (label if n == 1 else f"{label}-{n}" for n in range(1, len(taken) + 2))
    return next(candidate for candidate in candidates if candidate not in taken)
