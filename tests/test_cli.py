"""The command line as a person meets it: what it shows, and one sentence for each mistake."""

import json
import pickle
import subprocess
import sys
from collections import namedtuple

import pytest

from probekit.cli import main

BAD_ROWS = {
    "empty": ("", "validation.tsv is empty"),
    "unknown word": (
        "000 t9 .\t000 111\t0 1 2\n",
        "the word 't9' is not in the model's vocabulary",
    ),
    "columns": ("000 t1 .\n", "validation.tsv line 1"),
}


Done = namedtuple("Done", "returncode stdout stderr")


@pytest.fixture
def probekit(monkeypatch, capsys, tmp_path):
    """The command, run within this process in an empty folder."""

    def run(*words):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["probekit", *map(str, words)])
        capsys.readouterr()
        try:
            main()
            status = 0
        except SystemExit as stop:
            status = stop.code or 0
        return Done(status, *capsys.readouterr())

    return run


def refused(done):
    """The complaint of a command that was refused: status 2, no traceback, nothing on stdout."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return [line.removeprefix("Error: ") for line in done.stderr.splitlines() if line.strip()]


def test_help_names_every_command_and_where_to_begin(probekit):
    done = probekit("--help")
    assert done.returncode == 0
    for word in ("list", "show", "hooks", "run", "train", "report", "check", "Begin with"):
        assert word in done.stdout
    assert "plugin=NAME" in probekit("run", "--help").stdout


def test_list_shows_what_is_installed_as_json(probekit):
    shown = json.loads(probekit("list", "--json").stdout)
    assert set(shown) == {"recipes", "analyses", "models", "datasets", "engines"}
    found = {row["name"]: row for row in shown["recipes"]}
    assert found["gru-saturation"]["id"] == "probekit-baan2019/gru-saturation"
    assert found["gru-saturation"]["broken"] is None
    only = json.loads(probekit("list", "models", "--json").stdout)
    assert list(only) == ["models"]
    assert "gru-saturation" in probekit("list", "recipes").stdout


def test_show_tells_parameters_hook_points_and_models(probekit):
    facts = json.loads(probekit("show", "gate-saturation", "--json").stdout)
    assert (
        facts["models"][:2] == ["gru-seq2seq", "lstm-seq2seq"] or "gru-seq2seq" in facts["models"]
    )
    left = next(row for row in facts["parameters"] if row["key"] == "left")
    assert left["default"] == "0.1"
    assert left["type"] == "number (>= 0, <= 1)"
    assert "figure 4" in probekit("show", "gru-saturation").stdout
    training = json.loads(probekit("show", "gru-seq2seq", "--json").stdout)["training"]
    assert "guidance" in [row["key"] for row in training]


def test_hooks_draws_the_tree_and_says_what_a_gate_does(probekit):
    words = ("hooks", "gru-seq2seq", "model.checkpoint=untrained", "model.hidden=8")
    shown = " ".join(probekit(*words).stdout.split())
    assert "hook_update [batch, pos, 8] update gate" in shown
    assert "the candidate replaces the old state" in shown.replace("│ ", "")
    rows = json.loads(probekit(*words, "--json").stdout)
    update = next(row for row in rows if row["name"] == "encoder.rnn.layers.0.hook_update")
    assert (update["role"], update["new_side"], update["span"]) == ("update", "low", [0.0, 1.0])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "plugin=gru-saturatoin"), "did you mean gru-saturation?"),
        (("run", "plugin=gru-saturation", "left=2"), "left=2: input should be less than or equal"),
        (("run", "plugin=gru-saturation", "lft=0.1"), "did you mean left?"),
        (("run", "gru-saturation"), "'gru-saturation' is not key=value"),
        (("run", "plugin=gru-saturation", "config=none.toml"), "config=none.toml cannot be read"),
        (("run", "plugin=gru-saturation", "device=cuda:7"), "device=cuda:7 is not on this machine"),
        (("train", "model=gru-seq2seq", "epochs=0"), "epochs=0: input should be greater than 0"),
        (("show", "nothing"), "is called nothing"),
        (("hooks", "gru-seq2seq", "checkpoint=x"), "write model.checkpoint=VALUE"),
        (("report", "nowhere"), "nowhere is no run folder"),
        (("check", "nothing"), "is called nothing"),
    ],
)
def test_each_mistake_is_one_sentence(probekit, words, message, tmp_path):
    complaint = refused(probekit(*words))
    assert len(complaint) == 1
    assert message in complaint[0]
    assert not (tmp_path / "runs").exists()


class Payload:
    """Unpickled freely, this would leave a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_bad_checkpoints_are_refused_and_run_nothing(probekit, tmp_path):
    trap = tmp_path / "trap"
    files = {
        "readme.md": (b"# a text\n", "neither safetensors nor a torch file"),
        "empty.pt": (b"", "empty"),
        "short.safetensors": ((200).to_bytes(8, "little") + b'{"w":', "header"),
        "trap.pt": (pickle.dumps(Payload(trap)), "trap.pt"),
    }
    for name, (content, message) in files.items():
        (tmp_path / name).write_bytes(content)
        words = ("run", "plugin=gru-saturation", f"model.checkpoint={tmp_path / name}")
        complaint = refused(probekit(*words))
        assert len(complaint) == 1
        assert name in complaint[0]
        assert message in complaint[0], complaint
    assert not trap.exists()
    words = ("run", "plugin=gru-saturation", "model.checkpoint=absent.pt")
    assert "absent.pt" in refused(probekit(*words))[0]


@pytest.mark.parametrize("name", BAD_ROWS)
def test_bad_rows_name_the_file_and_the_line(probekit, name, tmp_path):
    content, message = BAD_ROWS[name]
    (tmp_path / "validation.tsv").write_text(content)
    words = ("run", "plugin=gate-saturation", "model=gru-seq2seq", "model.checkpoint=untrained",
             f"data.path={tmp_path}", "data.split=validation")  # fmt: skip
    complaint = refused(probekit(*words))
    assert message in complaint[0]
    assert "validation.tsv" in complaint[0]
    assert not (tmp_path / "runs").exists()


def test_a_run_says_where_its_page_is_and_report_draws_it_again(probekit, tmp_path):
    words = ("run", "plugin=gate-saturation", "model=gru-seq2seq", "model.checkpoint=untrained",
             "model.hidden=8", "out=here")  # fmt: skip
    done = probekit(*words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("page: here/report.html")
    page = (tmp_path / "here" / "report.html").read_bytes()
    (tmp_path / "here" / "report.html").unlink()
    assert probekit("report", "here").returncode == 0
    assert (tmp_path / "here" / "report.html").read_bytes() == page
    again = probekit(*words, "--json")
    assert "1 of 1 shards were measured before" in again.stderr
    keys = {"folder", "page", "files", "metrics", "published", "notes", "tables"}
    assert set(json.loads(again.stdout)) == keys


def test_a_model_name_that_would_command_the_terminal_is_shown_as_text(probekit, tmp_path):
    complaint = probekit("show", "\x1b[2Jx[bold]y").stderr
    assert "\x1b[2J" not in complaint
    assert "[bold]y" in complaint


def test_the_command_itself_ends_with_status_two_and_no_traceback():
    words = [sys.executable, "-m", "probekit", "run", "plugin=gru-saturatoin"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert "did you mean gru-saturation?" in refused(done)[0]


def test_a_model_that_is_too_large_for_the_machine_is_one_sentence(probekit):
    words = ("run", "plugin=gate-saturation", "model=gru-seq2seq", "model.checkpoint=untrained",
             "model.hidden=99999999999")  # fmt: skip
    assert refused(probekit(*words)) == [
        "there is not enough memory for this; make the model or the batch smaller."
    ]
