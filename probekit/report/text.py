"""Values as the page writes them: numbers, parameters, dates, and JSON inside a script element."""

import base64
import hashlib
import json
import math
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup


def number(value: Any, digits: int = 6) -> str:
    """A cell as text: a float to that many figures, an empty string where there is nothing."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if not isinstance(value, float):
        return str(value)
    if not math.isfinite(value):
        return "" if math.isnan(value) else str(value)
    if value.is_integer() and abs(value) < 1e15:
        return str(round(value))
    return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"


def gap(ours: Any, theirs: Any) -> str:
    """How far our number lies from theirs, with its sign; empty where either is no number."""
    if not (isinstance(ours, int | float) and isinstance(theirs, int | float)):
        return ""
    difference = float(ours) - float(theirs)
    text = number(abs(difference), 3)
    return f"{'-' if difference < 0 else '+'}{text}" if text and difference else text


def plain(value: Any) -> str:
    """A parameter as it is written on the command line: `true`, `a,b`, or JSON."""
    if isinstance(value, list):
        return ",".join(map(plain, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def short(name: Any) -> str:
    """`distribution/name` without the distribution."""
    return str(name or "run").rpartition("/")[2]


def when(started: Any, finished: Any) -> str:
    """`2026-05-04 10:20 UTC, in 39 s`, or the text itself where it is no date."""
    try:
        end = datetime.fromisoformat(str(finished))
        seconds = (end - datetime.fromisoformat(str(started))).total_seconds()
    except (ValueError, TypeError):
        return str(finished or started or "")
    moment = f"{end:%Y-%m-%d %H:%M} {end.tzname() or ''}".strip()
    return f"{moment}, in {duration(seconds)}"


def duration(seconds: float) -> str:
    """`1.5 s`, `39 s`, `12 min` or `2 h 5 min`."""
    if seconds < 120:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def is_web(url: Any) -> bool:
    """Whether a text may become a link: anything else could run when it is clicked."""
    return isinstance(url, str) and url.lower().startswith(("https://", "http://"))


def inline_json(value: Any) -> Markup:
    """JSON that can stand inside a script element: no text in it can end the element."""
    text = json.dumps(value, separators=(",", ":"))  # ASCII, so U+2028 and U+2029 are escaped too
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 (no markup is left in it)


def policy_hash(text: str) -> str:
    """What lets a content security policy use this script or style and no other."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
