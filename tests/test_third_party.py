"""A third party's plugin, installed into a clean environment and run there."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from probekit.testing import TinyModel, tiny_dataset

PLUGIN = Path(__file__).parents[1] / "examples" / "third-party-plugin"
GATE = "rnn.layers.0.hook_update"


def register(folder: Path, distribution: str, points: str, **modules: str) -> None:
    """An installed distribution: what pip leaves behind, and its modules."""
    info = folder / f"{distribution.replace('-', '_')}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(points)
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)


class Environment:
    """A clean environment that sees what the running interpreter has installed, and no more."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder / "venv", symlinks=True)
        self.python = folder / "venv" / "bin" / "python"
        purelib = sysconfig.get_path("purelib", vars={"base": str(folder / "venv")})
        line = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
        Path(purelib, "installed_before.pth").write_text(line)

    def install(self, source: Path) -> None:
        """Install a distribution from a copy of its folder."""
        copy = shutil.copytree(source, self.folder / source.name)
        options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
        command = [sys.executable, "-m", "pip", "--python", self.python, "install", *options, copy]
        subprocess.run(command, check=True)

    def probekit(self, *arguments: str, beside: Path | None = None) -> subprocess.CompletedProcess:
        """Run the command, with the distributions in `beside` installed too."""
        return subprocess.run(
            [self.python, "-m", "probekit", *arguments],
            env={**os.environ, "PYTHONPATH": str(beside or ""), "OMP_NUM_THREADS": "1"},
            cwd=self.folder,
            capture_output=True,
            text=True,
        )

    def listed(self, beside: Path) -> dict[str, list[dict[str, str]]]:
        """What `probekit list` says."""
        done = self.probekit("list", "--json", beside=beside)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    made = Environment(tmp_path_factory.mktemp("third-party"))
    made.install(PLUGIN)
    return made


@pytest.fixture
def tiny(tmp_path):
    """A distribution that registers the doubles."""
    points = (
        "[probekit.models]\ntiny = probekit.testing.specs:tiny_model\n"
        "[probekit.datasets]\ntiny-sentences = probekit.testing.specs:tiny_sentences\n"
    )
    register(tmp_path / "tiny", "doubles", points)
    return tmp_path / "tiny"


def test_it_is_listed_under_its_own_distribution_and_counts_what_a_loop_counts(environment, tiny):
    analyses = environment.listed(tiny)["analyses"]
    assert [row["id"] for row in analyses if row["name"] == "silent-units"] == [
        "probekit-example-silence/silent-units"
    ]
    done = environment.probekit(
        "run", "plugin=silent-units", "model=tiny", "kind=gate", "threshold=0.3", "shard_size=20",
        "out=run", "--json", beside=tiny,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (environment.folder / "run" / "report.html").stat().st_size > 100_000
    table = pd.read_parquet(environment.folder / "run" / "tables" / "units.parquet")
    found = table[table["hook"] == GATE].set_index("unit")["silent_count"]

    model, expected, samples = TinyModel(), np.zeros(6, dtype=int), 0
    for example in tiny_dataset():
        _, cache = model.run_with_cache(model.encode([example]))
        for values in cache[GATE][0].detach().numpy():
            samples += 1
            expected += np.abs(values) <= 0.3
    assert found.tolist() == expected.tolist()
    assert 0 < expected.sum() < 6 * samples
    metric = json.loads(done.stdout)["metrics"][f"silent.tiny.{GATE}"]
    assert metric == pytest.approx(expected.mean() / samples)


def test_its_own_tests_pass_where_it_is_installed(environment):
    command = [environment.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    folder = environment.folder / PLUGIN.name
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_a_broken_plugin_is_a_row_of_its_own_and_stops_no_other(environment, tmp_path):
    points = "[probekit.analyses]\nbroken-one = broken_specs:spec\n"
    register(tmp_path, "probekit-broken", points, broken_specs="raise RuntimeError('no luck')\n")
    rows = {row["name"]: row for row in environment.listed(tmp_path)["analyses"]}
    assert rows["broken-one"]["broken"] == "RuntimeError: no luck"
    assert rows["broken-one"]["id"] == "probekit-broken/broken-one"
    assert rows["silent-units"]["broken"] is None
    done = environment.probekit("run", "plugin=broken-one", beside=tmp_path)
    assert done.returncode == 2
    assert "probekit-broken/broken-one 1.2 cannot be used: RuntimeError: no luck" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_name_claimed_twice_is_refused_with_both_ids(environment, tmp_path):
    points = "[probekit.analyses]\nsilent-units = other_silence:spec\n"
    module = (
        "from probekit.specs import AnalysisSpec\n"
        "spec = AnalysisSpec(name='silent-units', summary='another', implementation='x:y', "
        "params='probekit.params:StreamingParams')\n"
    )
    register(tmp_path, "other-silence", points, other_silence=module)
    done = environment.probekit("run", "plugin=silent-units", beside=tmp_path)
    assert done.returncode == 2
    assert "claimed by other-silence/silent-units (analysis) and probekit-example" in done.stderr
    done = environment.probekit("show", "other-silence/silent-units", beside=tmp_path)
    assert "another" in done.stdout
