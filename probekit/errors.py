"""Mistakes that a person can mend: each is one sentence, shown without a traceback."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class ProbekitError(Exception):
    """A mistake in a command, a file or a plugin; the message names it, why, and the next step."""


class Problems(ProbekitError):
    """Several mistakes found together, one line each."""

    def __init__(self, messages: Sequence[str]) -> None:
        self.messages = tuple(messages)
        super().__init__("\n".join(self.messages))


def did_you_mean(word: str, options: Iterable[str], prefix: str = "") -> str:
    """` (did you mean left?)` where an option is close to `word`, else an empty string."""
    close = get_close_matches(word, list(options), n=1, cutoff=0.6)
    return f" (did you mean {prefix}{close[0]}?)" if close else ""


def listing(words: Iterable[str]) -> str:
    """The words parted by commas, or `none`."""
    return ", ".join(words) or "none"
