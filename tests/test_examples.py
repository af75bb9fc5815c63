"""Every example runs, and says what it should."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from probekit.interventions import zero_units
from probekit.testing import TinyModel, tiny_dataset

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_a_test_runs_every_example():
    names = {path.name for path in EXAMPLES.glob("*.py")} - {"conftest.py"}
    assert names == set(re.findall(r"[a-z_]+\.py", Path(__file__).read_text())) - {"conftest.py"}
    assert all(len((EXAMPLES / name).read_text().splitlines()) <= 40 for name in names)


@pytest.fixture
def run(capsys):
    def run(name: str) -> list[str]:
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out.splitlines()

    return run


def test_a_wrapped_gru_equals_torch_and_is_silenced_row_by_row(run):
    lines = run("hooked_gru.py")
    assert float(lines[0].split()[-1]) < 1e-6
    assert lines[1].startswith("layers.0.hook_reset [3, 7, 5]: mean 0.")
    assert "near 1 the old state is kept" in lines[2]
    assert lines[3].startswith("row 0: units [4] are silent")
    assert lines[4] == "row 1: units [] are silent, the output moved by up to 0.00"
    assert lines[5].startswith("row 2: units [2] are silent")


def test_an_analysis_without_a_plugin_finds_the_ranges(run):
    first, _, *rows = run("own_analysis.py")
    assert first == "3 shards of 84 sentences"
    model = TinyModel()
    states = [
        model.run_with_cache(model.encode([example]))[1]["rnn.layers.0.hook_hidden"][0]
        for example in tiny_dataset()
    ]
    for unit, row in enumerate(rows):
        values = [float(state[at, unit]) for state in states for at in range(len(state))]
        expected = [unit, round(min(values), 3), round(max(values), 3)]
        assert [float(word) for word in row.split()] == expected


def test_the_units_that_matter_are_those_that_a_forward_pass_tells(run):
    first, second, *rows = run("single_units.py")
    assert ", not " in first
    assert second.startswith("100 pairs, ")
    from probekit_agreement.agreement import number_agreement
    from probekit_agreement.params import AgreementParams
    from probekit_lstm.checkpoints import load_lstm
    from probekit_lstm.params import LstmParams

    model = load_lstm(LstmParams(), "cpu")
    pairs = list(number_agreement(AgreementParams(task=("nounpp",), sentences=25)))
    hook = "rnn.layers.1.hook_hidden"
    for row in rows:
        unit, lower = int(row.split()[2]), float(row.split()[6])
        off = zero_units(hook, [unit])
        batches = [model.encode(pairs[at : at + 1]) for at in range(len(pairs))]
        lost = [float(model.margin(one) - model.margin(one, [off])) for one in batches]
        assert sum(lost) / len(lost) == pytest.approx(lower, abs=0.006)
    assert len(rows) == 3


def test_the_tour_of_the_registry_loads_no_torch():
    command = [sys.executable, "-W", "error", EXAMPLES / "registry_tour.py"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines[-1] == "torch is not loaded"
    assert lines[-2].endswith("offers reset gate and update gate hook points")
    assert any(line.startswith("analysis  probekit-gates/gate-saturation 0.1.0") for line in lines)
