"""The n-grams of a corpus, sorted once so that they nest.

    grams = Grams.of(tokens, bos=2)            # tokens [window, pos]
    grams.group                                # the trigram of each position, positions sorted

Positions are sorted by the token, then the one before it, then the one before that. So the
positions of one trigram stand together, within those of its last two tokens, within those of its
last token. An n-gram counts if it lies in one window and holds no begin-of-sentence.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int, Int32

from probekit.errors import ProbekitError

LONGEST = 3
MOST_WORDS = 2**21  # three of them fit in 63 bits


@dataclass(frozen=True)
class Level:
    """The n-grams of one length.

    `counted [group]` is False for those that hold begin-of-sentence or begin before the window;
    `sizes [group]` is how often each occurs, `first [group]` one position of it in the corpus, and
    `shorter [group]` the group that it is in when its oldest token is left out (none at n = 1).
    """

    counted: Bool[np.ndarray, " group"]
    sizes: Int[np.ndarray, " group"]
    first: Int[np.ndarray, " group"]
    shorter: Int32[np.ndarray, " group"] | None


@dataclass(frozen=True)
class Grams:
    """`order [position]` sorts the positions of the corpus; `group` is the trigram of each, then.

    `levels[n - 1]` has the n-grams; `tokens` are those of the corpus, `[window, pos]`.
    """

    tokens: Int32[np.ndarray, "window pos"]
    order: Int[np.ndarray, " position"]
    group: Int32[np.ndarray, " position"]
    levels: tuple[Level, ...]

    @classmethod
    def of(cls, tokens: Int32[np.ndarray, "window pos"], bos: int | None) -> "Grams":
        """The n-grams of the windows up to n = 3."""
        base = int(tokens.max(initial=0)) + 2
        if base > MOST_WORDS:
            raise ProbekitError(
                f"the model has over {MOST_WORDS:,} tokens; n-grams of so many are not counted."
            )
        key = _key(tokens, bos, base)
        order = np.argsort(key, kind="stable")
        key = key[order]
        groups, levels = None, []
        for n in (1, 2, 3):
            numbers, starts = _numbered(key // base ** (LONGEST - n))
            shorter = None if groups is None else groups[starts]
            heads = key[starts] // base ** (LONGEST - n)
            counted = _counted(heads, n, base, bos)
            sizes = np.diff(starts, append=len(key))
            levels.append(Level(counted, sizes, order[starts], shorter))
            groups = numbers
        assert groups is not None
        return cls(tokens, order, groups, tuple(levels))

    def ids(self, n: int, group: int) -> tuple[int, ...]:
        """The tokens of an n-gram, in reading order."""
        last = int(self.levels[n - 1].first[group])
        return tuple(int(one) for one in self.tokens.reshape(-1)[last - n + 1 : last + 1])


def _key(
    tokens: Int32[np.ndarray, "window pos"], bos: int | None, base: int
) -> Int[np.ndarray, " position"]:
    """One number a position: the token, the one before, and the one before that, 0 for none.

    Begin-of-sentence is none to what follows it, and has nothing before it.
    """
    last = tokens.astype(np.int64) + 1
    begin = np.zeros(last.shape, dtype=bool) if bos is None else tokens == bos
    before, earlier = np.zeros_like(last), np.zeros_like(last)
    before[:, 1:] = np.where(begin[:, :-1] | begin[:, 1:], 0, last[:, :-1])
    earlier[:, 2:] = np.where(begin[:, :-2] | (before[:, 2:] == 0), 0, last[:, :-2])
    return ((last * base + before) * base + earlier).reshape(-1)


def _counted(
    heads: Int[np.ndarray, " group"], n: int, base: int, bos: int | None
) -> Bool[np.ndarray, " group"]:
    """Which n-grams are whole: their tokens are there, and none is begin-of-sentence."""
    whole = np.ones(len(heads), dtype=bool)
    for _ in range(n - 1):
        heads, token = np.divmod(heads, base)
        whole &= token != 0
    return whole if bos is None else whole & (heads != bos + 1)


def _numbered(
    sorted_keys: Int[np.ndarray, " position"],
) -> tuple[Int32[np.ndarray, " position"], Int[np.ndarray, " group"]]:
    """The number of each key among the distinct ones, and where each begins."""
    new = np.empty(len(sorted_keys), dtype=bool)
    new[:1] = True
    np.not_equal(sorted_keys[1:], sorted_keys[:-1], out=new[1:])
    return np.cumsum(new, dtype=np.int32) - np.int32(1), np.flatnonzero(new)
