"""Text files, line by line, with one clear sentence for each mistake in them."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from probekit.errors import ProbekitError, Problems

SHOWN = 10

T = TypeVar("T")
Line = tuple[int, str]


def read_text(path: Path, absent: str = "check the path") -> str:
    """A file as text; ProbekitError where it is missing, no file, empty or not UTF-8.

    `absent` is the next step if there is no such file.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ProbekitError(f"{path}: there is no such file; {absent}.") from None
    except UnicodeDecodeError as error:
        raise ProbekitError(
            f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8."
        ) from error
    except (OSError, ValueError) as error:
        raise ProbekitError(f"{str(path)!r} cannot be read: {error}.") from error
    if not text.strip():
        raise ProbekitError(f"{path} is empty; name a file with content.")
    return text


def read_lines(path: Path, absent: str = "check the path") -> list[str]:
    """The lines of a file without their ends; see `read_text` for the errors.

    Only a newline ends a line: other separators may stand inside corpus text.
    """
    return [line.removesuffix("\r") for line in read_text(path, absent).rstrip("\n").split("\n")]


def read_json(path: Path) -> Any:
    """What a JSON file holds; see `read_text` for the errors."""
    try:
        return json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ProbekitError(f"{path} is not JSON: {error}.") from error


def numbered(lines: Iterable[str]) -> Iterator[Line]:
    """Lines with their numbers from 1; empty ones are left out."""
    return ((number, line) for number, line in enumerate(lines, start=1) if line.strip())


def collected(items: Iterable[T], read: Callable[[T], Any]) -> list[Any]:
    """`read` of each item, without those for which it is None.

    Every ProbekitError is waited for: they are raised together as Problems, the first ten shown.
    """
    found, problems = [], []
    for item in items:
        try:
            value = read(item)
        except ProbekitError as error:
            problems.append(str(error))
        else:
            if value is not None:
                found.append(value)
    raise_any(problems)
    return found


def raise_any(problems: list[str]) -> None:
    """Problems, if there are any; of many the first ten and the number of the others."""
    if not problems:
        return
    others = len(problems) - SHOWN
    more = [f"There are {others} more mistakes like these."] if others > 0 else []
    raise Problems([*problems[:SHOWN], *more])


def shown(text: str) -> str:
    """Foreign text in quotes and escaped, cut to 60 characters."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
