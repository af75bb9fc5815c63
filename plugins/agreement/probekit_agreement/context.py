"""The sentences that a model reads before every example (lakretz2019 reads five)."""

from pathlib import Path

from probekit_agreement.params import DEFAULT_CONTEXT, NO_CONTEXT
from probekit_agreement.reading import numbered, read_lines

END = "<eos>"
FILE = "context.txt"

# Plain prose that holds none of the verbs of the agreement tasks.
OWN = (
    "The old harbour was closed in 1921 , and most of the ships moved to a larger town .",
    "In winter the river often freezes , so that people can walk to the island .",
    "She wrote two books about music before she became a member of the city council .",
    "It has been used as a school , a hospital and , for a short time , a prison .",
    "After the war , he returned to the village and built a small house near the church .",
)


def context_words(given: str, beside: Path | None = None) -> tuple[str, ...]:
    """The words of the context, with `<eos>` after each sentence.

    `given` is the parameter: `default`, `none` or a file of one sentence a line. `beside` is the
    folder of the data, whose context.txt is the default if it is there.
    """
    if given == NO_CONTEXT:
        return ()
    if given != DEFAULT_CONTEXT:
        return _words(read_lines(Path(given), "data.context is default, none or a text file"))
    if beside is not None and (beside / FILE).is_file():
        return _words(read_lines(beside / FILE))
    return _words(list(OWN))


def _words(lines: list[str]) -> tuple[str, ...]:
    words: list[str] = []
    for _, line in numbered(lines):
        sentence = line.split()
        words += sentence if sentence[-1] == END else [*sentence, END]
    return tuple(words)
