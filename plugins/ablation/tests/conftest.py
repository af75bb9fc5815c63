"""Shapes and types are checked at run time; every test runs on one thread."""

import pytest
import torch
from jaxtyping import install_import_hook

install_import_hook("probekit_ablation", "beartype.beartype")


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
