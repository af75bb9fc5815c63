"""English words as a dataset: their letters in, their phonemes out.

    dataset = spelling(SpellingParams())
    dataset[0]      # words a b l e </s>   target EY1 B AH0 L

Phonemes are those of the CMU dictionary: ARPAbet, with the stress behind each vowel.
"""

from collections.abc import Iterator
from pathlib import Path

from probekit.dataset import Example, ListDataset
from probekit.errors import ProbekitError
from probekit_g2p.params import SpellingParams
from probekit_g2p.symbols import END

VOWELS = frozenset("aeiou")
SHIPPED = Path(__file__).parent / "words.tsv"


def spelling(params: SpellingParams) -> ListDataset:
    """The words of the plugin or of a file, closed by `</s>`, in lower case.

    Every example is labelled at each input position with `letter`, `kind` (vowel or consonant; y
    is a vowel unless it comes first), `position` (from 0), `position_from_end` (0 at `</s>`) and
    `length` (letters of the word). At `</s>`, `letter` and `kind` are None.
    """
    path = Path(params.path) if params.path else SHIPPED
    examples = list(_read(path, params.targets))
    if not examples:
        raise ProbekitError(f"data.path={path} holds no words; write one a line.")
    return ListDataset(examples, "spelling")


def spell(word: str, target: tuple[str, ...] = (), source: str = "") -> Example:
    """One word as an example with its labels (see `spelling`)."""
    letters = tuple(word)
    size = len(letters)
    return Example(
        words=(*letters, END),
        target=target,
        labels={
            "letter": (*letters, None),
            "kind": (*(_kind(letter, at) for at, letter in enumerate(letters)), None),
            "position": tuple(range(size + 1)),
            "position_from_end": tuple(range(size, -1, -1)),
            "length": (size,) * (size + 1),
        },
        source=source,
    )


def _kind(letter: str, at: int) -> str | None:
    if not letter.isalpha():
        return None
    return "vowel" if letter in VOWELS or (letter == "y" and at) else "consonant"


def _read(path: Path, targets: bool) -> Iterator[Example]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise ProbekitError(f"data.path={path}: there is no such file; check the path.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProbekitError(f"data.path={path} cannot be read as text: {error}.") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _example(line, targets, f"{path.name} line {number}")


def _example(line: str, targets: bool, source: str) -> Example:
    word, _, phonemes = line.strip().partition("\t")
    if len(word.split()) != 1 or "\t" in phonemes:
        raise ProbekitError(
            f"{source} is {line[:60]!r}; it should be one word, or a word, a tab and its phonemes."
        )
    return spell(word.lower(), tuple(phonemes.split()) if targets else (), source)
