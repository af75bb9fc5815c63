"""The units of the shipped model that play the parts of the paper's units.

Each is written layer:index from 0, as `units=` takes it. The README says how each was found.
"""

SINGULAR = "1:146"  # the paper's 988; ours is missed after plural subjects too
PLURAL = "1:217"  # 776
SYNTAX = "1:239"  # 1150

LONG_RANGE: tuple[str, ...] = ("1:146", "1:21")  # 776 and 988
SHORT_RANGE: tuple[str, ...] = ("0:146",)  # ten units; ours by its activity alone
SYNTAX_UNITS: tuple[str, ...] = ("0:142", "1:123", "1:157", "1:186", "1:239", "0:193")


def key(unit: str) -> str:
    """A unit in the name of a metric: `1-125`."""
    return unit.replace(":", "-")
