"""The definitions as slow and obvious loops: the twins of everything that is fast."""

import math
from collections import Counter
from fractions import Fraction


def grams_of(tokens, bos, n):
    """Each position `(window, pos)` at which an n-gram counts, with that n-gram."""
    found = {}
    for window, row in enumerate(tokens.tolist()):
        for pos in range(len(row)):
            gram = tuple(row[pos - n + 1 : pos + 1]) if pos >= n - 1 else ()
            if len(gram) == n and bos not in gram:
                found[window, pos] = gram
    return found


def triggers_of(active, tokens, bos, n):
    """How often each n-gram triggered a unit; `active [window, pos]`."""
    grams = grams_of(tokens, bos, n)
    return Counter(gram for place, gram in grams.items() if active[place])


def cover(counts, share):
    """The fewest n-grams, the most frequent first, with that share of all activations."""
    need = Fraction(str(share)) * sum(counts.values())
    total, number = 0, 0
    for count in sorted(counts.values(), reverse=True):
        if total >= need:
            break
        total, number = total + count, number + 1
    return number


def detector(active, tokens, bos, n, most, present, explained, least=1):
    """The n-grams that a unit detects with their counts, or None; by the three steps."""
    counts = triggers_of(active, tokens, bos, n)
    occur = Counter(grams_of(tokens, bos, n).values())
    if not counts or cover(counts, 0.95) > most:
        return None
    found = {
        gram: count
        for gram, count in counts.items()
        if Fraction(count, occur[gram]) >= Fraction(str(present)) and occur[gram] >= least
    }
    enough = Fraction(str(explained)) * sum(counts.values())
    return found if found and sum(found.values()) >= enough else None


def information(active):
    """I(act, pos) in nats by its definition, from `active [text, pos]`."""
    texts, positions = active.shape
    joint = Counter()
    for text in range(texts):
        for pos in range(positions):
            joint[bool(active[text, pos]), pos] += 1
    total = texts * positions
    act = Counter()
    for (is_active, _), count in joint.items():
        act[is_active] += count
    return sum(
        count / total * math.log((count / total) / (act[is_active] / total / positions))
        for (is_active, _), count in joint.items()
    )


def windows(documents, length, bos, join):
    """The windows that documents (lists of tokens) are cut into, one token after another."""
    found, window = [], []

    def take(token):
        window.append(token)
        if len(window) == length:
            found.append(list(window))
            window.clear()

    for document in documents:
        if not join:
            window.clear()
        elif window and bos is not None:
            take(bos)
        for token in document:
            if not window and bos is not None:
                take(bos)
            take(token)
    return found
