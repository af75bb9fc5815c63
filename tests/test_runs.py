"""Runs: equal to a plain loop, resumed after a kill, and never mixed up."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from probekit.errors import ProbekitError
from probekit.params import parse
from probekit.registry import registry
from probekit.request import build
from probekit.runs import execute

TINY = {
    "plugin": "gate-saturation", "model": "gru-seq2seq", "model.checkpoint": "untrained",
    "model.hidden": "8", "left": "0.49", "right": "0.51", "shard_size": "96", "batch_size": "7",
}  # fmt: skip


def run(out, **given):
    keys = TINY | {key.replace("__", "."): str(value) for key, value in given.items()}
    return execute(build(keys | {"out": str(out)}, registry()))


def command(out, keys=TINY, *more):
    words = [f"{key}={value}" for key, value in (keys | {"out": str(out)}).items()]
    return [sys.executable, "-m", "probekit", "run", *words, *more]


def tables(folder):
    return {path.name: path.read_bytes() for path in (folder / "tables").iterdir()}


@pytest.mark.parametrize("model", ["gru-seq2seq", "lstm-seq2seq"])
def test_saturation_equals_a_plain_loop_to_the_last_count(tmp_path, model):
    folder = run(tmp_path / "run", model=model, data__split="train,heldout_inputs")
    units = pd.read_parquet(folder / "tables" / "units.parquet")
    request = build(TINY | {"model": model, "data.split": "train,heldout_inputs"}, registry())
    net, data = (
        request.models[model if len(request.models) > 1 else "untrained"].load("cpu"),
        request.data.load(),
    )
    counts = {}
    for start in range(0, len(data), 96):
        for first in range(start, min(start + 96, len(data)), 7):
            batch = net.encode(data[first : min(first + 7, start + 96)])
            with torch.no_grad():
                _, cache = net.run_with_cache(batch)
            for name, spec in net.hook_specs.items():
                if spec.kind == "gate" and spec.stage == "post":
                    values = cache[name].numpy()
                    lengths = batch.target_lengths if spec.part == "decoder" else batch.lengths
                    real = np.concatenate([values[i, :n] for i, n in enumerate(lengths.tolist())])
                    found = np.stack([(real < 0.49).sum(0), (real > 0.51).sum(0), [len(real)] * 8])
                    counts[name] = counts.get(name, 0) + found
    assert set(counts) == set(units["hook"])
    for name, (left, right, samples) in counts.items():
        rows = units[units["hook"] == name].sort_values("unit")
        np.testing.assert_array_equal(rows["left_count"], left)
        np.testing.assert_array_equal(rows["right_count"], right)
        np.testing.assert_array_equal(rows["samples"], samples)
        assert 0 < left.sum() + right.sum() < samples.sum()


def test_the_size_of_shards_and_batches_changes_no_count(tmp_path):
    one = run(tmp_path / "a", shard_size=1000, batch_size=64)
    other = run(tmp_path / "b", shard_size=10, batch_size=3)
    read = [pd.read_parquet(folder / "tables" / "units.parquet") for folder in (one, other)]
    pd.testing.assert_frame_equal(*read)


def test_a_killed_run_goes_on_where_it_stopped_to_the_same_bytes(tmp_path):
    keys = TINY | {"shard_size": "4", "batch_size": "1", "data.split": "train"}
    whole = execute(build(keys | {"out": str(tmp_path / "whole")}, registry()))
    killed = tmp_path / "killed"
    process = subprocess.Popen(command(killed, keys), stderr=subprocess.DEVNULL)
    partials = killed / "partials"
    deadline = time.monotonic() + 60
    while len(list(partials.glob("*.npz"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    before = {path: path.stat().st_mtime_ns for path in partials.glob("*.npz")}
    total = len(list((whole / "partials").iterdir()))
    assert 5 <= len(before) < total
    assert not (killed / "tables").exists()
    done = subprocess.run(command(killed, keys), capture_output=True, text=True, check=True)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(list(partials.glob("*.npz"))) == total
    assert f"{len(before)} of {total} shards were measured before" in done.stderr
    assert tables(killed) == tables(whole)


def test_a_damaged_partial_is_measured_again(tmp_path):
    folder = run(tmp_path / "run")
    before = tables(folder)
    partial = sorted((folder / "partials").iterdir())[1]
    partial.write_bytes(partial.read_bytes()[:-40])
    assert tables(run(tmp_path / "run")) == before


def test_a_folder_that_holds_something_else_is_refused(tmp_path):
    folder = run(tmp_path / "run")
    with pytest.raises(
        ProbekitError, match=r"another analysis.params.left \(0.49, now 0.3\); give another out"
    ):
        run(tmp_path / "run", left=0.3)
    with pytest.raises(ProbekitError, match="holds a run with another seed"):
        run(tmp_path / "run", seed=4)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "diary.txt").touch()
    with pytest.raises(ProbekitError, match="is not empty and no run"):
        run(tmp_path / "notes")
    (tmp_path / "file").touch()
    with pytest.raises(ProbekitError, match="is a file; give another folder"):
        run(tmp_path / "file")
    (folder / "manifest.json").write_text("{")
    with pytest.raises(ProbekitError, match="is not JSON"):
        run(folder)


def test_a_checkpoint_that_changed_does_not_mix_with_what_was_measured(tmp_path):
    file = tmp_path / "model.safetensors"
    for seed, out in (("0", "a"), ("1", "b")):
        net = build(TINY | {"model.init_seed": seed}, registry()).models["untrained"].load("cpu")
        _save(net, file)
        if out == "a":
            run(tmp_path / "run", model__checkpoint=file)
    with pytest.raises(ProbekitError, match=r"another fingerprints\.model model"):
        run(tmp_path / "run", model__checkpoint=file)


def _save(net, file):
    from probekit.checkpoints import save_weights

    save_weights(file, net.state_dict(), {"cell": "gru"})


def test_the_manifest_says_what_was_run_and_the_config_runs_it_again(tmp_path):
    folder = run(tmp_path / "run", right=0.75)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["status"] == "complete"
    assert manifest["params"]["right"] == 0.75
    assert manifest["params"]["tolerance"] == 0.02
    assert manifest["given"]["right"] == "0.75"
    assert manifest["models"][0]["params"]["hidden"] == 8
    assert len(manifest["models"][0]["fingerprint"]) == len(manifest["data"]["fingerprint"]) == 64
    assert manifest["versions"]["probekit-gates"] == "0.1.0"
    assert manifest["shards"] == len(list((folder / "partials").iterdir())) == 4
    words = [sys.executable, "-m", "probekit", "run", f"config={folder / 'config.toml'}",
             f"out={tmp_path / 'again'}", "--json"]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["folder"] == str(tmp_path / "again")
    assert tables(tmp_path / "again") == tables(folder)


def test_a_run_that_fails_keeps_its_partials_and_says_so(tmp_path, monkeypatch):
    from probekit_gates.saturation import GateSaturation

    def fail(*args):
        raise RuntimeError("the disk burns")

    monkeypatch.setattr(GateSaturation, "combine", fail)
    with pytest.raises(RuntimeError, match="burns"):
        run(tmp_path / "run")
    folder = tmp_path / "run"
    assert json.loads((folder / "manifest.json").read_text())["status"] == "failed"
    assert "the disk burns" in (folder / "log.txt").read_text()
    assert len(list((folder / "partials").iterdir())) == 4
    monkeypatch.undo()
    assert json.loads((run(folder) / "manifest.json").read_text())["status"] == "complete"


def test_every_file_of_the_run_folder_is_there(tmp_path):
    folder = run(tmp_path / "run")
    names = {str(Path(path).relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert names - {name for name in names if name.startswith("partials")} == {
        "manifest.json", "config.toml", "metrics.json", "report.html", "log.txt",
        "tables/units.csv", "tables/units.parquet", "tables/summary.csv",
        "tables/summary.parquet", "figures/saturation.png", "figures/saturation.svg",
        "figures/saturation.vl.json",
    }  # fmt: skip


def test_a_mistake_that_is_found_late_leaves_no_folder(tmp_path, monkeypatch):
    from probekit_gates.saturation import GateSaturation

    def refuse(*args):
        raise ProbekitError("not with this model.")

    for step in ("shards", "measure"):
        with monkeypatch.context() as patch:
            patch.setattr(GateSaturation, step, refuse)
            with pytest.raises(ProbekitError, match="not with this model"):
                run(tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_the_page_tells_what_is_known_of_a_shipped_model(tmp_path):
    request = build(
        parse(["plugin=gate-saturation", "model=gru-seq2seq", "model.checkpoint=guided,baseline",
               "data.split=new_compositions", f"out={tmp_path / 'run'}"]), registry()
    )  # fmt: skip
    told = request.models["guided"].entry.spec.checkpoints["guided"]
    notes = json.loads((execute(request) / "manifest.json").read_text())["notes"]
    assert f"The model guided comes with probekit-seq2seq: {told}." in notes
    assert sum("comes with probekit-seq2seq" in note for note in notes) == 2
