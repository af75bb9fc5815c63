"""Where the published files are, if they are there at all."""

from pathlib import Path

import pytest

DATA = Path(__file__).parents[4] / "shared" / "data"

needs_data = pytest.mark.skipif(
    not (DATA / "number_agreement").is_dir(), reason="the published files are not here"
)
