"""Sentences and names that several analyses of this plugin write."""

import re
from collections.abc import Iterator, Sequence

from probekit.hooks import Kind

RECURRENT: tuple[Kind, ...] = ("gate", "candidate", "cell", "hidden", "state")


def slug(text: str) -> str:
    """A label as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", text)


def ablate(units: Sequence[str], more: str, kind: Kind | None) -> str:
    """The command that holds units together, with `more` keys; the model is the same one.

    Units of a recurrent layer are held at its hidden state, wherever they were read.
    """
    held = "" if kind is None or kind in RECURRENT else f" kind={kind}"
    command = f"probekit run plugin=group-ablation data=number-agreement {more}{held}"
    return f"`{command} units={','.join(units)}` holds them together (give the model too)."


def counted(count: int, noun: str) -> str:
    """`1 unit`, `2 units`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def read_as_unknown(label: str, words: int) -> Iterator[str]:
    """How many words a model read without knowing them, if any."""
    if words:
        yield f"{label}: {words} words of the sentences are not in its vocabulary."
