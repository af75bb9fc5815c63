"""The curated names, and what importing and listing must not cost."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import probekit

NAMES = [
    "Ablation", "Analysis", "AnalysisSpec", "Batch", "Dataset", "DatasetSpec", "EngineSpec",
    "Example", "Extremes", "Figure", "HookQuery", "HookSpec", "HookedGRU", "HookedLSTM",
    "HookedModel", "Inputs", "Intervention", "LanguageModel", "ListDataset", "Measured",
    "Model", "ModelSpec", "Paper", "Params", "Partial", "Problems", "ProbekitError",
    "QuantileSketch", "Readout", "RecipeSpec", "Registry", "Request", "Result", "Shard",
    "Statistic", "StreamingAnalysis", "StreamingParams", "TailCounts", "Vocabulary",
    "WeightQuery", "WeightSpec", "build", "execute", "load_weights", "mask_units", "mean_units",
    "parse", "save_weights", "select", "select_weights", "set_units", "zero_units",
]  # fmt: skip


def test_the_exported_names_are_these_and_all_resolve():
    assert probekit.__all__ == sorted(NAMES)
    for name in NAMES:
        assert getattr(probekit, name).__name__ == name or name in ("Intervention", "Partial")


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = probekit.nothing


def test_the_stub_gives_type_checkers_the_same_names():
    tree = ast.parse(Path(probekit.__file__).with_suffix(".pyi").read_text())
    names = [a.asname for node in tree.body if isinstance(node, ast.ImportFrom) for a in node.names]
    assert sorted(names) == probekit.__all__


def _modules_after(code: str) -> set[str]:
    code += "\nimport sys; print('MODULES', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("MODULES")[2].split())


def test_importing_probekit_imports_nothing_heavy():
    loaded = _modules_after("import probekit; probekit.Registry; probekit.HookQuery")
    assert not loaded & {"torch", "pandas", "numpy", "pydantic", "transformer_lens", "altair"}


def test_list_and_show_import_no_torch():
    code = (
        "import sys; from probekit.cli import app\n"
        "for words in (['list'], ['show', 'gru-saturation'], ['show', 'gru-seq2seq']):\n"
        "    app(words, standalone_mode=False)\n"
    )
    assert not _modules_after(code) & {"torch", "pandas", "transformer_lens", "altair"}


def test_no_core_module_imports_a_plugin_and_none_is_too_long():
    for path in Path(probekit.__file__).parent.rglob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) <= 500, path
        for node in ast.walk(ast.parse(text)):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not [name for name in names if name.startswith("probekit_")], path
