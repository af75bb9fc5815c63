"""The units of the shipped model that play the parts of the paper's units.

Each is written layer:index from 0, as `units=` takes it. Where no unit is written here, analyses
are asked to find it (`singular`, `plural`, `auto`).
"""

SINGULAR = "singular"  # the paper's 988
PLURAL = "plural"  # 776
SYNTAX = ""  # 1150

LONG_RANGE: tuple[str, ...] = ()  # 776 and 988
SHORT_RANGE: tuple[str, ...] = ()  # ten units
SYNTAX_UNITS: tuple[str, ...] = ()  # outlying weights of the depth regression


def key(unit: str) -> str:
    """A unit in the name of a metric: `1-125`."""
    return unit.replace(":", "-")
