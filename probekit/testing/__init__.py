"""The contract that every model, dataset and analysis passes, and doubles to test against.

    from probekit.testing import AnalysisContract

    class TestSilentUnits(AnalysisContract):
        name = "silent-units"

Every `test_` method keeps one promise, and its docstring says which. pytest collects such a class;
`probekit check NAME` holds whatever is installed against the same promises without pytest.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "probekit.testing.contract": ("Contract", "Outcome"),
    "probekit.testing.models": ("ModelContract",),
    "probekit.testing.datasets": ("DatasetContract",),
    "probekit.testing.analyses": ("AnalysisContract",),
    "probekit.testing.inputs": ("GivenInputs",),
    "probekit.testing.check": ("check_installed",),
    "probekit.testing.doubles": ("TinyModel", "tiny_dataset"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'probekit.testing' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
