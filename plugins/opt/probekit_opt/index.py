"""The index of weights that are split over several files."""

import json
from pathlib import Path

from probekit.errors import ProbekitError

SHOWN = 3  # names in a message


def shards(index: Path) -> list[str]:
    """The names of the files that an index of weights names."""
    try:
        named = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        return sorted(set(map(str, named)))
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ProbekitError(f"{index} is no index of weights; copy it again.") from error
