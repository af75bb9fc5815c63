"""Syntactic depth: parses, the published set, the generated one, the sample, and every mistake."""

from collections import Counter
from contextlib import suppress
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from probekit_agreement.depth import LENGTHS, Annotated, sampled, syntactic_depth
from probekit_agreement.lexicon import NOUNS, VERBS
from probekit_agreement.params import DepthParams
from probekit_agreement.syntax import Node, leaves, open_nodes, parse
from probekit_agreement.trees import CLASSES, RULES, Trees, count

from probekit.errors import ProbekitError, Problems

from .original import DATA, needs_data

FILE = DATA / "tree_depth" / "filtered_sentences.txt"
CELLS = set(product(range(7, 13), range(3, 9)))
LINE = "John laughed | [_S [_Name John ] [_Vintr laughed ] ] | 1 2 | 1 1\\n'\n"


def load(**given):
    return syntactic_depth(DepthParams(**given))


def slow_open_nodes(text):
    """A stack: push a word, look, and join as many as its brackets hold when they close."""
    stack, found, marks = [], [], []
    for token in text.split():
        if token.startswith("["):
            marks.append(len(stack))
        elif token == "]":
            del stack[marks.pop() :]
            stack.append("joined")
        else:
            stack.append(token)
            found.append(len(stack))
    return found


def brackets(node):
    parts = (part if isinstance(part, str) else brackets(part) for part in node.parts)
    return f"[_{node.label} {' '.join(parts)} ]"


def cells(data):
    return Counter(
        (at, example.labels["depth"][at]) for example in data for at in example.labels["sampled"]
    )


def test_the_example_of_the_paper():
    text = (
        "[_S [_NumP [_Num ten ] [_NP [_AdjP [_Degree really ] [_Adj ecstatic ] ] [_N [_Nrel cousins"
        " ] [_RelP [_Of of ] [_NumP [_Num four ] [_N teachers ] ] ] ] ] ] [_AuxP [_Be are ] [_VP"
        " [_Adv quickly ] [_V laughing ] ] ] ]"
    )
    assert leaves(parse(text))[:3] == ["ten", "really", "ecstatic"]
    assert open_nodes(parse(text)) == [1, 2, 3, 3, 4, 5, 6, 2, 3, 4]
    assert slow_open_nodes(text) == open_nodes(parse(text))


@needs_data
def test_published_open_nodes_are_the_third_column():
    data = load(path=str(FILE), sample=False)
    lines = FILE.read_text().splitlines()
    assert len(lines) == 1303
    assert lines[-1] == lines[-2]
    assert len(data) == 1302  # the last one stands there twice
    for example in data:
        sentence, tree, column, _ = lines[int(example.source.split()[-1]) - 1].split(" | ")
        assert example.words == tuple(sentence.split())
        assert example.labels["depth"] == tuple(map(int, column.split()))
        assert list(example.labels["depth"]) == slow_open_nodes(tree)


@needs_data
def test_published_sample_has_every_depth_at_every_position():
    data = load(path=str(FILE))
    assert len(data) == 1302
    assert cells(data) == dict.fromkeys(CELLS, 112)
    assert sum(cells(data).values()) == 4032


@pytest.fixture(scope="module")
def generated():
    return load(sentences=30, per_cell=4)


@pytest.fixture(scope="module")
def whole():
    return load(sentences=30, sample=False)


def test_generated_sample_parts_depth_from_position(generated, whole):
    assert cells(generated) == dict.fromkeys(CELLS, 4)
    assert abs(correlation(generated)) < 1e-12
    assert correlation(whole) > 0.3


def correlation(data):
    pairs = [(at, e.labels["depth"][at]) for e in data for at in e.labels["sampled"]]
    return np.corrcoef(np.array(pairs).T)[0, 1]


def test_generated_sentences(whole):
    lengths = Counter(len(example.words) for example in whole)
    assert set(lengths) == set(LENGTHS)
    assert set(lengths.values()) == {30}
    assert len({example.words for example in whole}) == len(whole)
    assert [len(example.words) for example in whole[:24]] == list(LENGTHS)
    for example in whole:
        labels = example.labels
        assert example.words[0][0].isupper()
        assert labels["sampled"] == labels["position"] == tuple(range(len(example.words)))
        assert len(labels["depth"]) == len(labels["frequency"]) == len(example.words)
        assert labels["depth"][0] == 1
        assert all(1 <= after <= before + 1 for before, after in pairwise(labels["depth"]))


def test_generated_trees_give_their_depths_by_the_slow_loop():
    trees = Trees(4)
    for length in LENGTHS:
        tree = trees.tree(length)
        assert len(leaves(tree)) == length
        assert open_nodes(tree) == slow_open_nodes(brackets(tree))
        again = parse(brackets(tree))
        assert (leaves(again), open_nodes(again)) == (leaves(tree), open_nodes(tree))


def test_generated_subjects_agree():
    plural = {noun.plural for noun in NOUNS.values()}
    forms = {v.singular: False for v in VERBS.values()} | {v.plural: True for v in VERBS.values()}
    trees, seen = Trees(2), Counter()
    for length in [*range(3, 26)] * 8:
        tree = trees.tree(length)
        inner = tree.parts[-1] if tree.parts[-1].label == "Sbar" else tree
        subject, predicate = inner.parts
        verb = first_verb(predicate)
        if verb in forms:
            head = head_noun(subject)
            assert (head in plural) is forms[verb], " ".join(leaves(tree))
            seen[forms[verb]] += 1
    assert min(seen.values()) > 15


def first_verb(node):
    """The first word that is no adverb or degree."""
    return next(
        word for word in leaves(node) if word not in ("very", "really", "slowly", "quickly")
    )


def head_noun(node):
    """The first noun that is no part of a PP or RelP, or the name."""
    for part in node.parts:
        if isinstance(part, str):
            return part if node.label in ("N", "Nrel", "Name") else None
        if part.label not in ("PP", "RelP") and (found := head_noun(part)):
            return found
    return None


def test_counts_of_structures_by_listing_them():
    def listed(symbol, length):
        if symbol in CLASSES:
            return [symbol] if length == 1 else []
        found = []
        for parts in RULES[symbol]:
            if len(parts) == 1:
                found += [(symbol, inner) for inner in listed(parts[0], length)]
            else:
                for first in range(1, length):
                    left, right = listed(parts[0], first), listed(parts[1], length - first)
                    found += [(symbol, a, b) for a in left for b in right]
        return found

    for length in range(1, 8):
        structures = listed("S", length)
        assert len(structures) == len(set(structures)) == count("S", length)
    assert count("S", 25) < 2**40  # far below what a draw can tell apart


def test_every_structure_is_as_likely():
    trees = Trees(0)
    shapes = Counter(brackets_of_labels(trees.tree(3)) for _ in range(1300))
    assert sum(shapes.values()) == 1300
    assert max(shapes.values()) < 1.3 * 1300 * max_share(shapes)


def brackets_of_labels(node):
    parts = (part for part in node.parts if not isinstance(part, str))
    return (node.label, *map(brackets_of_labels, parts))


def max_share(shapes):
    """Of 13 structures of three words, as many fall on one unmarked shape as have its labels."""
    merged = Counter()
    for structure in structures_of_three():
        merged[structure] += 1
    assert set(merged) == set(shapes)
    for shape, times in merged.items():
        assert abs(shapes[shape] - 100 * times) < 5 * (100 * times) ** 0.5
    return max(merged.values()) / 13


def structures_of_three():
    def grown(symbol, length):
        label = symbol.partition("/")[0]
        if symbol in CLASSES:
            return [(label,)] if length == 1 else []
        found = []
        for parts in RULES[symbol]:
            if len(parts) == 1:
                found += [(label, inner) for inner in grown(parts[0], length)]
            else:
                for first in range(1, length):
                    left, right = grown(parts[0], first), grown(parts[1], length - first)
                    found += [(label, a, b) for a in left for b in right]
        return found

    return grown("S", 3)


def test_determinism():
    assert load(sentences=2).fingerprint == load(sentences=2).fingerprint
    assert load(sentences=2).fingerprint != load(sentences=2, seed=1).fingerprint


def test_the_sample_is_filled_in_order():
    deep = tuple(range(1, 14))
    flat = (1, 2) + (3,) * 11
    sentences = [Annotated(("w",) * len(d), d, "") for d in (deep, flat, deep, flat[:8], flat[:7])]
    assert list(sampled(sentences, 1)) == [(7,), (7, 8, 9, 10, 11, 12), (), (), ()]
    assert list(sampled(sentences, 2))[2:] == [(7,), (7,), ()]


def test_frequency_is_counted_over_all_sentences(whole, generated):
    counts = Counter(word for example in whole for word in example.words)
    for example in (*whole[:50], *generated[:50]):
        assert example.labels["frequency"] == tuple(float(counts[word]) for word in example.words)


def test_frequency_of_a_file(tmp_path):
    (tmp_path / "sentences.txt").write_text(LINE)
    (tmp_path / "counts.txt").write_text("John\t12\nmet 3\n")
    given = {"path": str(tmp_path / "sentences.txt"), "sample": False}
    (example,) = load(**given, frequency=str(tmp_path / "counts.txt"))
    assert example.labels["frequency"] == (12.0, 0.0)
    (tmp_path / "counts.txt").write_text("John\t12\nmet\nTo be 3\n")
    with pytest.raises(Problems) as caught:
        load(**given, frequency=str(tmp_path / "counts.txt"))
    assert [message[:17] for message in caught.value.messages] == [
        "counts.txt line 2",
        "counts.txt line 3",
    ]


MISTAKES = [
    (LINE.replace(" | 1 1", ""), "has 3 columns; it should have 4, parted by |"),
    (LINE.replace("1 2", "1 1"), "the open nodes are '1 1'; by the parse they are 1 2."),
    (
        LINE.replace("John laughed |", "Jim laughed |"),
        "the words of the parse, 'John laughed', are",
    ),
    (LINE.replace("] ] |", "] |"), "the brackets do not make up one tree"),
    (LINE.replace("[_Name John ]", "[_Name ] John"), "a bracket closes nothing"),
    (LINE.replace("] ] |", "] ] ] |"), "a bracket closes nothing"),
    (LINE.replace("[_S", "[_S " * 200), "brackets nest deeper than 100"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_mistakes_in_a_file(tmp_path, text, message):
    (tmp_path / "sentences.txt").write_text(text)
    with pytest.raises(ProbekitError) as caught:
        load(path=str(tmp_path / "sentences.txt"))
    assert str(caught.value).startswith("sentences.txt line 1")
    assert message in str(caught.value)


def test_too_short_for_the_sample(tmp_path):
    (tmp_path / "sentences.txt").write_text(LINE)
    with pytest.raises(ProbekitError, match=r"positions 7-12 with 3-8 open nodes; give longer"):
        load(path=str(tmp_path / "sentences.txt"))
    with pytest.raises(ProbekitError, match="no such file"):
        load(path=str(tmp_path / "nothing.txt"))


TREES = st.recursive(
    st.text("abc", min_size=1, max_size=3).map(lambda word: Node("W", [word])),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda parts: Node("P", parts)),
    max_leaves=12,
)


@given(TREES)
def test_any_tree_is_read_back(tree):
    text = brackets(tree)
    assert brackets(parse(text)).replace("[__", "[_") == text
    assert open_nodes(parse(text)) == slow_open_nodes(text)


@given(st.text("[]ab _", max_size=40))
def test_any_brackets_are_a_tree_or_a_clear_mistake(text):
    with suppress(ProbekitError):
        assert open_nodes(parse(text)) == slow_open_nodes(text)
