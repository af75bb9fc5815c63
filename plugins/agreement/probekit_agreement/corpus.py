"""Training text from the project's own grammar, one sentence a line.

    python -m probekit_agreement.corpus --sentences 200000 --seed 0 > agreement.txt

Words are parted by single spaces and every line ends in `<eos>`. Pairs of a subject and a verb for
which `probekit_agreement.lexicon.held_out` is true never occur, whatever the seed.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence

from probekit_agreement.grammar import Grammar

END = "<eos>"


def lines(sentences: int, seed: int) -> Iterator[str]:
    """That many sentences, each closed by a full stop and `<eos>`."""
    grammar = Grammar(seed)
    for _ in range(sentences):
        yield f"{grammar.sentence().text()} {END}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the sentences that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m probekit_agreement.corpus")
    parser.add_argument("--sentences", type=_whole, required=True, help="how many")
    parser.add_argument("--seed", type=_whole, default=0, help="another seed, other sentences")
    given = parser.parse_args(arguments)
    try:
        for line in lines(given.sentences, given.seed):
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has read enough; the interpreter must not flush again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 0 or more")
    return int(text)


if __name__ == "__main__":
    main()
