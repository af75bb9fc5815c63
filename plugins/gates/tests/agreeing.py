"""Sentences whose verb agrees with their subject, and a small LSTM that knows their words."""

from itertools import product

import torch

from probekit.dataset import Example, ListDataset
from probekit.testing.loading import load_model

NOUNS = {"singular": ("boy", "girl", "dog"), "plural": ("boys", "girls", "dogs")}
PLACES = {"singular": ("car", "desk"), "plural": ("cars", "desks")}
VERBS = {"singular": ("greets", "knows", "sees"), "plural": ("greet", "know", "see")}
CONTEXT = ("the", "dog", "knows", "<eos>")
FUNCTION = ("<unk>", "<eos>", "the", "near", "gladly")
WORDS = tuple(
    dict.fromkeys([*FUNCTION, *(word for pool in (NOUNS, PLACES, VERBS) for words in pool.values()
                                for word in words)])
)  # fmt: skip


def other(number):
    return "plural" if number == "singular" else "singular"


def example(task, condition, number, words, at, **labels):
    shared = {"task": task, "condition": condition, "number": number, "subject_at": 1}
    verb = at % 3
    labels = {**shared, "wrong": VERBS[other(number)][verb], **labels}
    return Example(tuple(words.split()), (VERBS[number][verb],), labels, f"{task} {at}", CONTEXT)


def nounpp():
    """Six sentences of each of SS, SP, PS and PP."""
    found = []
    for subject, place in product(NOUNS, PLACES):
        condition = f"{subject[0]}{place[0]}".upper()
        for at, (noun, where) in enumerate(product(NOUNS[subject], PLACES[place])):
            words = f"the {noun} near the {where}"
            found.append(example("nounpp", condition, subject, words, at, attractor_at=4))
    return found


def adv():
    """Three sentences of S and of P."""
    return [
        example("adv", number[0].upper(), number, f"the {noun} gladly", at)
        for number in NOUNS
        for at, noun in enumerate(NOUNS[number])
    ]


def agreeing():
    return ListDataset([*nounpp(), *adv()], "agreeing")


def small_lstm(folder, words=WORDS, hidden=7, **params):
    """An untrained LSTM language model of two layers in double precision."""
    path = folder / "vocab.txt"
    path.write_text("\n".join(words) + "\n")
    given = {"checkpoint": "untrained", "vocab": str(path), "embedding": 5, "hidden": hidden}
    model = load_model("lstm-lm", given | params).double()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(6)
    return model
