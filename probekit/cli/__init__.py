"""The command `probekit`."""

import sys

from probekit.cli import listing, running
from probekit.cli.app import app
from probekit.cli.console import complain
from probekit.errors import ProbekitError

__all__ = ["app", "listing", "main", "running"]


def is_memory(error: Exception) -> bool:
    """Whether it says that memory ran out, as torch does in several ways."""
    words = ("allocate memory", "out of memory")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)


def main() -> None:
    """Run the command; a person's mistake gives one sentence a problem and exit status 2."""
    try:
        app()
    except ProbekitError as error:
        complain(str(error))
        sys.exit(2)
    except (MemoryError, RuntimeError) as error:
        if not is_memory(error):
            raise
        complain("there is not enough memory for this; make the model or the batch smaller.")
        sys.exit(2)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        complain(f"{place}{error.strerror or error}.")
        sys.exit(2)
