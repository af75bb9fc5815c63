"""probekit: find out which single units of a trained sequence model do what.

Everything here is imported when it is first used, so that `import probekit` costs nothing.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "probekit.errors": ("ProbekitError", "Problems"),
    "probekit.hooks": ("HookQuery", "HookSpec", "select"),
    "probekit.weights": ("WeightQuery", "WeightSpec", "select_weights"),
    "probekit.specs": (
        "AnalysisSpec", "DatasetSpec", "EngineSpec", "ModelSpec", "Paper", "RecipeSpec",
    ),
    "probekit.registry": ("Registry",),
    "probekit.params": ("Params", "StreamingParams", "parse"),
    "probekit.dataset": ("Batch", "Dataset", "Example", "ListDataset"),
    "probekit.vocabulary": ("Vocabulary",),
    "probekit.readout": ("Readout",),
    "probekit.interventions": (
        "Intervention", "mask_units", "mean_units", "set_units", "zero_units",
    ),
    "probekit.ablations": ("Ablation",),
    "probekit.model": ("HookedModel", "Model"),
    "probekit.language": ("LanguageModel",),
    "probekit.recurrent": ("HookedGRU", "HookedLSTM"),
    "probekit.checkpoints": ("load_weights", "save_weights"),
    "probekit.statistics": ("Extremes", "QuantileSketch", "Statistic", "TailCounts"),
    "probekit.analysis": ("Analysis", "Figure", "Inputs", "Measured", "Partial", "Result", "Shard"),
    "probekit.streaming": ("StreamingAnalysis",),
    "probekit.request": ("Request", "build"),
    "probekit.runs": ("execute",),
}  # fmt: skip
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'probekit' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
