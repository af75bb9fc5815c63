"""From the paths given to files with the domain that each belongs to.

    find(["wiki=wiki.txt.xz", "books/"], "")     # [Source("wiki", ...), Source("books", ...), ...]

A Hugging Face dataset saved on disk is a folder whose `state.json` lists its arrow files.
"""

import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from probekit.errors import ProbekitError

PACKED = (".gz", ".xz")
KINDS = (".txt", ".jsonl", ".arrow")


class Source(NamedTuple):
    """A file and the domain that its text belongs to."""

    domain: str
    path: Path


def find(given: Sequence[str], pattern: str) -> list[Source]:
    """The files of all paths, in the order given; those of a folder sorted by name.

    Without a path, the sample that comes with the plugin. `pattern` chooses files of folders.
    Raises ProbekitError where a path is not there or a folder holds nothing to read.
    """
    found: list[Source] = []
    for text in given:
        domain, path = _named(text)
        found += [Source(domain, one) for one in _files(path, pattern)]
    return found if given else sample()


def sample() -> list[Source]:
    """The small text that comes with the plugin: one domain a file."""
    folder = Path(str(files("probekit_text").joinpath("sample")))
    return [Source(path.stem, path) for path in sorted(folder.glob("*.txt"))]


def ending(path: Path) -> str:
    """The ending of a file that tells its kind: that before .gz or .xz where there is one."""
    return unpacked(path).suffix


def unpacked(path: Path) -> Path:
    """The name that a file has when .gz or .xz is taken off."""
    return path.with_suffix("") if path.suffix in PACKED else path


def _named(text: str) -> tuple[str, Path]:
    """`NAME=PATH` as its parts; a file that has an equals sign in its own name wins."""
    name, equals, rest = text.partition("=")
    if equals and not Path(text).exists():
        if not name or not rest:
            raise ProbekitError(f"data.path={text}: write NAME=PATH, or a path alone.")
        return name, Path(rest)
    path = Path(text)
    return (path.resolve().name if path.is_dir() else unpacked(path).stem) or text, path


def _files(path: Path, pattern: str) -> list[Path]:
    if not path.exists():
        raise ProbekitError(f"data.path: there is no {path}; check where you are and its spelling.")
    if path.is_file():
        return [path]
    found = sorted(path.rglob(pattern), key=str) if pattern else list(_within(path))
    found = [one for one in found if one.is_file()]
    if not found:
        what = pattern or "of .txt, .jsonl (each also .gz or .xz) and .arrow"
        raise ProbekitError(
            f"data.path: the folder {path} holds no file {what}; say which of its files to read, as"
            " in data.files=*.py, or give another folder."
        )
    return found


def _within(folder: Path) -> Iterator[Path]:
    """The files below a folder that have a known ending; of a saved dataset those it lists."""
    if (folder / "state.json").is_file():
        yield from _saved(folder)
        return
    for path in sorted(folder.iterdir(), key=str):
        if path.is_dir():
            yield from _within(path)
        elif ending(path) in KINDS:
            yield path


def _saved(folder: Path) -> list[Path]:
    """The arrow files of a Hugging Face dataset that was saved to this folder."""
    state = folder / "state.json"
    try:
        content = json.loads(state.read_text(encoding="utf-8"))
        names = [Path(row["filename"]).name for row in content["_data_files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProbekitError(
            f"{state} does not list arrow files as a saved dataset does; save it again."
        ) from error
    if content.get("_indices_data_files"):
        raise ProbekitError(
            f"the dataset in {folder} is a selection; save it again after flatten_indices()."
        )
    if absent := [name for name in names if not (folder / name).is_file()]:
        raise ProbekitError(f"the dataset in {folder} lacks its file {absent[0]}; copy it again.")
    return [folder / name for name in names]
