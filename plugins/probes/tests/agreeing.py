"""Sentences whose verb agrees with their subject, and models whose units are known."""

from dataclasses import replace
from functools import cached_property
from itertools import product

import torch

from probekit.dataset import Batch, Example, ListDataset, pad
from probekit.hooks import HookSpec
from probekit.language import LanguageModel
from probekit.testing import TinyModel
from probekit.testing.loading import load_model
from probekit.weights import WeightSpec

SUBJECTS = ("boy", "girl", "dog", "cat")
PLACES = ("car", "desk", "tree")
VERBS = ("greet", "know", "see", "like", "meet", "call")
NUMBERS = {"S": "singular", "P": "plural"}
CONTEXT = ("the", "dog", "knows", "<eos>")

# Of the planted model: where each unit is (layer, index), and its column.
KEEPS, SWAPS, UNREAD, BELOW = 3, 4, 5, 0


def noun(stem, number):
    return stem + "s" * (number == "plural")


def verb(stem, number):
    return stem + "s" * (number == "singular")


def other(number):
    return "plural" if number == "singular" else "singular"


FORMS = [f(stem, n) for f, stems in ((noun, SUBJECTS + PLACES), (verb, VERBS))
         for stem in stems for n in NUMBERS.values()]  # fmt: skip
WORDS = ("<unk>", "<eos>", "The", "the", "near", "gladly", *dict.fromkeys(FORMS))


def sentence(condition, subject, place, stem, at=0):
    first, second = (NUMBERS[letter] for letter in condition)
    return Example(
        ("The", noun(subject, first), "near", "the", noun(place, second)),
        (verb(stem, first),),
        {"wrong": verb(stem, other(first)), "task": "nounpp", "condition": condition,
         "number": first, "attractor": second, "subject_at": 1, "attractor_at": 4},
        f"{condition} {at}",
        CONTEXT,
    )  # fmt: skip


def nounpp(conditions=("SS", "SP", "PS", "PP"), times=1):
    """Twelve sentences a condition, each with `times` of the six verbs."""
    return ListDataset(
        [
            sentence(condition, subject, place, VERBS[(at + time) % len(VERBS)], at)
            for condition in conditions
            for time in range(times)
            for at, (subject, place) in enumerate(product(SUBJECTS, PLACES))
        ],
        "nounpp",
    )


def changed(dataset, at=0, **labels):
    """The dataset with some labels of one example changed; None takes a label away."""
    examples = list(dataset)
    found = {**examples[at].labels, **labels}
    kept = {name: value for name, value in found.items() if value is not None}
    examples[at] = replace(examples[at], labels=kept)
    return ListDataset(examples, dataset.name)


class Noting(LanguageModel, TinyModel):
    """Two layers, of three and four cells, whose contents are known; the others are noise.

    Column 0 (layer 0) and 4 hold the number of the last noun, 3 and 5 that of the first; the output
    weights of 3 and 4 tell singular from plural verbs, those of 5 do not.
    """

    hook_specs = {  # noqa: RUF012
        "low": HookSpec(name="low", kind="cell", width=3),
        "high": HookSpec(name="high", kind="cell", width=4, layer=1),
        "out": HookSpec(name="out", kind="hidden", width=4, layer=1),
    }

    def __init__(self, spoilt=False):
        super().__init__()
        self.spoilt = spoilt

    @cached_property
    def weights(self):
        readout = WeightSpec(
            name="readout", relation="readout", source="out", shape=(len(WORDS), 4), rows=WORDS
        )
        return {"readout": readout}

    def weight(self, name):
        values = 0.3 * torch.randn(len(WORDS), 4, generator=torch.Generator().manual_seed(5))
        for stem, number in product(VERBS, NUMBERS.values()):
            values[WORDS.index(verb(stem, number)), :2] += 4 * (number == "plural") - 2
        return values

    def word_ids(self, words):
        return [WORDS.index(word) for word in words]

    def unknown(self, example):
        return tuple(word for word in example.words if word not in WORDS)

    def check(self, dataset):
        pass

    def encode(self, examples):
        rows = [[WORDS.index(word) for word in example.words] for example in examples]
        tokens, lengths = pad(rows, 0)
        return Batch(tokens, lengths, examples=tuple(examples))

    def observe(self, batch, hooks, see):
        values = torch.full((*batch.tokens.shape, 7), 1e9)
        for row, example in enumerate(batch.examples):
            values[row, : len(example.words)] = self.units(example.words)
        for spec in hooks:
            see(spec, values[..., :3] if spec.layer == 0 else values[..., 3:])

    def units(self, words):
        """What one sentence does to the units, `[pos, unit]`."""
        seed = int.from_bytes(" ".join(words[:5]).encode(), "big") % 2**31
        values = torch.randn(len(words), 7, generator=torch.Generator().manual_seed(seed))
        first, last = 0.0, 0.0
        for at, word in enumerate(words):
            if word.removesuffix("s") in SUBJECTS + PLACES:
                last = 2.0 * word.endswith("s") - 1
                first = first or last
            for unit, held in ((KEEPS, first), (SWAPS, last), (UNREAD, first), (BELOW, last)):
                values[at, unit] = 3 * held + 0.2 * values[at, unit]
        if self.spoilt:
            values[:, 2] = float("nan")
        return values


def small_lstm(folder, hidden=7, **params):
    """An untrained LSTM language model of two layers that knows the words."""
    path = folder / "vocab.txt"
    path.write_text("\n".join(WORDS) + "\n")
    given = {"checkpoint": "untrained", "vocab": str(path), "embedding": 5, "hidden": hidden}
    model = load_model("lstm-lm", given | params)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(8)
    return model


def cached(model, examples, kind):
    """All layers at every word of each example, one example at a time: a list of `[pos, unit]`."""
    hooks = [spec.name for spec in model.hook_specs.values() if spec.kind == kind]
    found = []
    for example in examples:
        with torch.no_grad():
            _, cache = model.run_with_cache(model.encode([example]))
        found.append(torch.cat([cache[name][0] for name in hooks], dim=1).double().numpy())
    return found
