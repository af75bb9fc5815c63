"""What every analysis promises.

    class TestGateSaturation(AnalysisContract):
        name = "gate-saturation"                    # asked of TinyModel, which has gates
        model, model_params = "gru-seq2seq", {"checkpoint": "untrained"}     # or of this one

It runs as the engine runs it: shards, measure, partials in files, combine.
"""

from collections.abc import Mapping
from copy import deepcopy
from io import BytesIO
from json import dumps, loads
from math import isfinite, isnan
from pathlib import Path, PurePosixPath
from re import fullmatch
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, cast
from unittest import SkipTest

import pandas as pd

from probekit.analysis import Analysis, Inputs, Measured, Partial, Result, Shard, measured
from probekit.model import Model
from probekit.params import Params
from probekit.partials import PartialStore
from probekit.report import write_figures
from probekit.specs import AnalysisSpec, resolve
from probekit.testing.comparing import same_partial, same_result, same_table
from probekit.testing.contract import Contract
from probekit.testing.doubles import TinyModel, tiny_dataset
from probekit.testing.inputs import GivenInputs, Thinned
from probekit.testing.loading import load_dataset, load_model, usual_data
from probekit.testing.state import digest, hooks_left

FILE_NAME = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
SMALL = {"batch_size": 4, "shard_size": 8}


class AnalysisContract(Contract):
    """The promises of an analysis, tried on one model and at most `examples` examples.

    Without `model` it is asked of TinyModel, which must fit. `data` is by default the model's usual
    dataset. Where the parameters have `batch_size` and `shard_size`, both are made small, so that
    there are several shards. An analysis that is not registered is given by `build`, and what it
    reads by `inputs`.
    """

    noun = "analysis"
    model: str = ""
    model_params: ClassVar[Mapping[str, Any]] = {}
    data: str = ""
    data_params: ClassVar[Mapping[str, Any]] = {}
    examples: int = 32
    seed: int = 0

    def build(self, **changed: Any) -> Analysis[Any]:
        """The analysis anew, with some parameters changed."""
        implementation = resolve(self.described().implementation)
        params = self._parameters().model_copy(update=changed)
        return cast("Analysis[Any]", implementation(params, self.seed))

    def described(self) -> AnalysisSpec:
        """The spec of the analysis."""
        return cast("AnalysisSpec", super().described())

    def inputs(self) -> Inputs:
        """The model and the dataset that the analysis reads."""
        spec = self.described()
        models: dict[str, Model] = {}
        if self.model and not spec.trains:
            models = {self.model.rpartition("/")[2]: load_model(self.model, self.model_params)}
        elif not spec.trains:
            models = {"tiny": TinyModel()}
        name = self.data or (usual_data(self.model) if self.model else "")
        data = load_dataset(name, self.data_params) if name else tiny_dataset()
        return GivenInputs(models, Thinned(data, self.examples), spec.wants, self.seed)

    def test_shard_names(self) -> None:
        """Shards have names of their own that can name files."""
        names = [shard.name for shard in self._shards]
        assert names, "it has no shards"
        assert len(set(names)) == len(names), "two shards have one name"
        for name in names:
            assert fullmatch(FILE_NAME, name), f"{name!r} cannot name a file everywhere"

    def test_shard_tasks(self) -> None:
        """Shards are plain: JSON gives their tasks back, and their models are among the inputs."""
        for shard in self._shards:
            task = dict(shard.task)
            assert _by_way_of_json(task) == task, f"JSON does not give back the task {task!r}"
            named = (*shard.others, *([] if shard.model is None else [shard.model]))
            for label in named:
                assert label in self._inputs.labels, (
                    f"shard {shard.name} asks for the model {label}, which is not in the run"
                )

    def test_shards_repeat(self) -> None:
        """The work divides the same way every time, so that a run can be resumed."""
        assert self.build().shards(self._inputs) == self._shards, "other shards than the first time"

    def test_measure_is_pure(self) -> None:
        """The same shard gives the same partial, whatever was measured before."""
        fresh = self.build()
        for part in self._parts[::-1]:
            same_partial(self._measure(fresh, part.shard), part.partial, f"shard {part.shard.name}")

    def test_partials_are_durable(self) -> None:
        """Partials are arrays of plain values that come back from a file as they were."""
        for part, again in zip(self._parts, self._saved, strict=True):
            same_partial(again.partial, part.partial, f"the stored shard {part.shard.name}")

    def test_combine_from_files(self) -> None:
        """Stored partials combine to what those in memory do."""
        result = self.build().combine(self._saved, self._inputs)
        same_result(result, self._result, "the result of stored partials")

    def test_combine_keeps_partials(self) -> None:
        """Combining leaves the partials as they are."""
        parts = [Measured(part.shard, deepcopy(part.partial)) for part in self._saved]
        self.build().combine(parts, self._inputs)
        for part, before in zip(parts, self._saved, strict=True):
            same_partial(part.partial, before.partial, f"shard {part.shard.name} afterwards")

    def test_shard_size(self) -> None:
        """Merged shards give what one pass gives."""
        if "shard_size" not in type(self.build().params).model_fields:
            raise SkipTest("it has no shard_size")
        whole = self.build(shard_size=max(1, len(self._inputs.dataset)))
        result = self._run(whole)
        same_result(self._result, result, "the result of several shards", tolerance=1e-6)

    def test_seed(self) -> None:
        """A seed repeats."""
        same_result(self._run(self.build()), self._result, "the result of a second run")

    def test_tables(self) -> None:
        """Tables come back from parquet as they were, and have names that can name files."""
        for name, table in self._result.tables.items():
            assert fullmatch(FILE_NAME, name), f"{name!r} cannot name a file everywhere"
            assert table.columns.is_unique, f"two columns of {name} have one name"
            kept = table.index.name is None and pd.api.types.is_integer_dtype(table.index)
            assert kept, f"the index of {name} would not be stored; make it a column"
            again = pd.read_parquet(BytesIO(table.to_parquet(index=False)))
            same_table(again, table, f"the stored table {name}")

    def test_figures(self) -> None:
        """Figures draw tables of the result."""
        with TemporaryDirectory() as folder:
            write_figures(Path(folder), self._result.figures, self._result.tables)

    def test_metrics(self) -> None:
        """Metrics are finite numbers; of one that is not a number, a note tells why."""
        for name, value in self._result.metrics.items():
            assert isinstance(value, float | int), f"{name} is a {type(value).__name__}"
            told = isnan(value) and any(name in note for note in self._result.notes)
            assert isfinite(value) or told, f"{name} is {value}, and no note names it"

    def test_files(self) -> None:
        """Files stay in the run folder."""
        for name in self._result.files:
            path = PurePosixPath(name)
            inside = not path.is_absolute() and ".." not in path.parts and "\\" not in name
            assert inside, f"{name!r} lies outside the run folder"

    def test_model_stays(self) -> None:
        """The models are afterwards what they were: the same weights, and no hook set."""
        before = self._asked[1]
        self._run(self.build())
        for label in self._inputs.labels:
            model = self._inputs.model(label)
            assert digest(model) == before[label], f"the weights of {label} have changed"
            left = hooks_left(model)
            assert not left, f"a hook is still set on {left[0]} of {label}"

    def _load(self) -> None:
        super()._load()
        for label in self._inputs.labels:
            self._inputs.hooks(label)
            self._inputs.model(label).check(self._inputs.dataset)

    def _parameters(self) -> Params:
        params = super()._parameters()
        fields = type(params).model_fields
        small = {k: v for k, v in SMALL.items() if k in fields and k not in self.params}
        return params.model_copy(update=small)

    def _measure(self, analysis: Analysis[Any], shard: Shard) -> Partial:
        return measured(analysis, shard, self._inputs)

    def _run(self, analysis: Analysis[Any]) -> Result:
        """The whole analysis, its partials in memory."""
        parts = [Measured(s, self._measure(analysis, s)) for s in analysis.shards(self._inputs)]
        return analysis.combine(parts, self._inputs)

    @property
    def _inputs(self) -> Inputs:
        return self._asked[0]

    @property
    def _asked(self) -> tuple[Inputs, dict[str, str]]:
        """The inputs, and a hash of every model's weights from before anything ran."""

        def load() -> tuple[Inputs, dict[str, str]]:
            inputs = self.inputs()
            return inputs, {label: digest(inputs.model(label)) for label in inputs.labels}

        return self._once("inputs", load)

    @property
    def _shards(self) -> list[Shard]:
        return self._once("shards", lambda: self._analysis.shards(self._inputs))

    @property
    def _analysis(self) -> Analysis[Any]:
        """The one that measures `_parts` and combines them to `_result`."""
        return self._once("subject", self.build)

    @property
    def _parts(self) -> list[Measured]:
        def measure() -> list[Measured]:
            return [Measured(shard, self._measure(self._analysis, shard)) for shard in self._shards]

        return self._once("parts", measure)

    @property
    def _saved(self) -> list[Measured]:
        """The partials by way of files."""

        def store() -> list[Measured]:
            with TemporaryDirectory() as folder:
                files = PartialStore(Path(folder))
                for part in self._parts:
                    files.write(part.shard, part.partial)
                return files.all(self._shards)

        return self._once("saved", store)

    @property
    def _result(self) -> Result:
        return self._once(
            "result", lambda: self._analysis.combine(deepcopy(self._parts), self._inputs)
        )


def _by_way_of_json(value: object) -> object:
    try:
        return loads(dumps(value, allow_nan=False))
    except (TypeError, ValueError):
        return None
