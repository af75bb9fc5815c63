"""Every test of core and plugins checks shapes and types at run time, on one torch thread."""

from pathlib import Path

import pytest
import torch
from jaxtyping import install_import_hook

PLUGINS = sorted(path.name for path in Path(__file__).parent.glob("plugins/*/probekit_*"))

install_import_hook(["probekit", *PLUGINS], "beartype.beartype")


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
