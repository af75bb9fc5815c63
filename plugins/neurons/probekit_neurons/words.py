"""What the tokens of a model look like, for tables and pictures."""

from collections.abc import Iterable, Sequence
from functools import cached_property

from probekit.model import Model

SPACE = "\u00b7"


class Words:
    """Tokens by id, as the model's vocabulary writes them; `#7` where it does not tell.

    A space is shown as a raised dot, so that a word and the same letters in a longer one differ;
    what has no shape, such as a line end, is spelled out, for no picture can hold it.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words

    @classmethod
    def of(cls, model: Model) -> "Words":
        """Those that the model names in its weights, its vocabulary or its tokenizer."""
        for spec in model.weights.values():
            if spec.relation == "readout" and spec.rows:
                return cls(spec.rows)
            if spec.relation == "embedding" and spec.columns:
                return cls(spec.columns)
        words = getattr(getattr(model, "vocabulary", None), "words", ())
        return cls(words)

    def __getitem__(self, token: int) -> str:
        if not 0 <= token < len(self.words):
            return f"#{token}"
        return "".join(map(_shown, self.words[token]))

    @cached_property
    def glue(self) -> str:
        """What stands between two tokens: nothing where tokens bring their own spaces."""
        return "" if any(word.startswith(" ") for word in self.words) else " "

    def join(self, tokens: Iterable[int]) -> str:
        """An n-gram."""
        return self.glue.join(self[token] for token in tokens)


def _shown(character: str) -> str:
    if character == " ":
        return SPACE
    return character if character.isprintable() else character.encode("unicode_escape").decode()
