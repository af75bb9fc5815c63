"""Parameter schemas as rows for a terminal."""

from collections.abc import Mapping
from typing import Annotated, Any, get_args, get_origin

from pydantic.fields import FieldInfo

from probekit.specs import resolve


def parameter_rows(
    schema: str, prefix: str, filled: Mapping[str, Any] | None = None
) -> list[dict[str, str]]:
    """Key, type, default and meaning of each field; `filled` values replace defaults."""
    own = filled or {}
    fields: Mapping[str, FieldInfo] = resolve(schema).model_fields
    return [
        {
            "key": f"{prefix}{name}",
            "type": type_name(field.annotation) + _bounds(field),
            "default": _default(
                own.get(name, field.get_default(call_default_factory=True)),
                name in own or not field.is_required(),
            ),
            "meaning": field.description or "",
        }
        for name, field in fields.items()
    ]


def type_name(annotation: Any) -> str:
    """A type as a person writes it: `number`, `on or off`, `one of a, b`, `list of text`."""
    names = {
        float: "number",
        int: "whole number",
        bool: "on or off",
        str: "text",
        type(None): "none",
    }
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if annotation in names:
        return names[annotation]
    parts = [part for part in get_args(annotation) if part is not Ellipsis]
    if parts and all(isinstance(part, str) for part in parts):
        return "one of " + ", ".join(parts)
    if get_origin(annotation) in (list, tuple, set, frozenset):
        return "list of " + " or ".join(dict.fromkeys(type_name(part) for part in parts))
    if parts:
        return " or ".join(type_name(part) for part in parts)
    return getattr(annotation, "__name__", str(annotation))


def _bounds(field: FieldInfo) -> str:
    signs = (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<"))
    found = [
        f"{sign} {getattr(item, name)}"
        for item in field.metadata
        for name, sign in signs
        if getattr(item, name, None) is not None
    ]
    return f" ({', '.join(found)})" if found else ""


def _default(value: Any, known: bool) -> str:
    if not known:
        return "(needed)"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return "none" if value is None else str(value)
