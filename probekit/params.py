"""Parameters: `key=value` text -> values that a pydantic schema accepts, all mistakes at once.

The schema decides the type; the text is never guessed at. Lists may be written `a,b,c` or as JSON.
"""

import json
import tomllib
import types
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from probekit.errors import ProbekitError, did_you_mean, listing


class Params(BaseModel):
    """The base of every parameter schema: frozen, and closed to keys it does not declare."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class StreamingParams(Params):
    """What every pass over a dataset can be told (see probekit.streaming)."""

    batch_size: int = Field(64, ge=1, description="sequences in one forward pass")
    shard_size: int = Field(512, ge=1, description="sequences in one partial result")


S = TypeVar("S", bound=Params)


def parse(arguments: Iterable[str]) -> dict[str, str]:
    """`["left=0.1", ...]` -> `{"left": "0.1", ...}`, split at the first `=`.

    Raises ProbekitError at a word without `=` and at a key that stands twice.
    """
    given: dict[str, str] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals or not key:
            raise ProbekitError(f"{argument!r} is not key=value; write for example left=0.1.")
        if key in given:
            raise ProbekitError(f"{key} is given twice; give it once.")
        given[key] = value
    return given


def read_config(path: str) -> dict[str, Any]:
    """The keys of a TOML file, named as on the command line (`"model.checkpoint" = "a.pt"`)."""
    try:
        return _dotted(tomllib.loads(Path(path).read_text(encoding="utf-8")))
    except OSError as error:
        raise ProbekitError(f"config={path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProbekitError(f"config={path} is not a TOML file: {error}.") from error


def _dotted(tables: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Tables as dotted keys: `[model]` with `checkpoint` is `model.checkpoint`."""
    keys: dict[str, Any] = {}
    for key, value in tables.items():
        inner = isinstance(value, dict) and prefix + key in ("model", "data", "engine")
        keys |= _dotted(value, f"{prefix}{key}.") if inner else {prefix + key: value}
    return keys


def validate(
    schema: type[S], given: Mapping[str, Any], prefix: str = "", *beside: type[Params]
) -> tuple[S | None, list[str]]:
    """The parameters that `given` makes of a schema, or None and every mistake in it.

    `prefix` is what stands before the keys on the command line (`model.`); `beside` are schemas
    whose keys may stand next to these, and so may have been meant by a misspelt one.
    """
    fields = schema.model_fields
    schemas: tuple[type[Params], ...] = (schema, *beside)
    nearby = [name for one in schemas for name in one.model_fields]
    problems, values = [], {}
    for key, value in given.items():
        if key not in fields:
            hint = did_you_mean(key, nearby, prefix) or f"; it may be: {listing(sorted(fields))}"
            problems.append(f"{prefix}{key} is not a parameter here{hint}.")
            continue
        try:
            values[key] = _read(value, fields[key].annotation)
        except ValueError as error:
            problems.append(f"{prefix}{key}={value} is not valid JSON: {error}.")
    try:
        params = schema.model_validate(values)
    except ValidationError as error:
        found = [_sentence(item, given, prefix) for item in error.errors()]
        return None, problems + list(dict.fromkeys(found))
    return (None if problems else params), problems


def _read(value: Any, annotation: Any) -> Any:
    """Text as the plain value that the annotation's container asks for; scalars stay text."""
    if not isinstance(value, str):
        return value
    options = _options(annotation)
    if type(None) in options and value.lower() == "none":
        return None
    origins = {get_origin(option) or option for option in options}
    if origins & {list, tuple, set, frozenset, Sequence}:
        return json.loads(value) if value.startswith("[") else value.split(",") if value else []
    if origins & {dict, Mapping}:
        return json.loads(value)
    return value


def _options(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (Union, types.UnionType):
        return get_args(annotation)
    return (annotation,)


def _sentence(item: Any, given: Mapping[str, Any], prefix: str) -> str:
    """One pydantic error as a sentence that names the key and what was given."""
    key = str(item["loc"][0]) if item["loc"] else ""
    message = item["msg"].removeprefix("Value error, ").rstrip(".")
    message = message[:1].lower() + message[1:]
    if item["type"] == "missing":
        return f"{prefix}{key} is needed: give {prefix}{key}=VALUE."
    if not key:
        return f"{message}."
    hint = ""
    if item["type"] == "literal_error" and isinstance(given.get(key), str):
        expected = str(item["ctx"]["expected"]).replace(" or ", ", ").replace("'", "")
        hint = did_you_mean(given[key], expected.split(", "))
    return f"{prefix}{key}={given.get(key)}: {message}{hint}."
