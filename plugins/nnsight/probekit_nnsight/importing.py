"""nnsight, imported without what it does to everything else.

On import it adds `.save` to every object there is, unless its settings say otherwise. A user's own
settings stay in force.
"""

import os
from importlib import import_module
from pathlib import Path
from types import ModuleType

SETTINGS = Path(__file__).parent / "settings.yaml"
VARIABLE = "NNSIGHT_CONFIG"
BY_VALUE = ("probekit", "probekit_nnsight")  # what a remote machine does not have


def import_nnsight() -> ModuleType:
    """The module `nnsight`."""
    before = os.environ.get(VARIABLE)
    own = Path(os.environ.get("XDG_CONFIG_HOME", "~/.config")).expanduser() / "nnsight/config.yaml"
    if before is None and not own.exists():
        os.environ[VARIABLE] = str(SETTINGS)
    try:
        found = import_module("nnsight")
    finally:
        if before is None:
            os.environ.pop(VARIABLE, None)
    for name in BY_VALUE:
        found.register(name)
    return found
