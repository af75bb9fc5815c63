"""The training grammar: agreement, balance, what is held out, coverage, and the command."""

import subprocess
import sys
from collections import Counter
from hashlib import sha256

import pytest
from probekit_agreement.corpus import END, lines, main
from probekit_agreement.draws import Draws
from probekit_agreement.grammar import Grammar
from probekit_agreement.lexicon import (
    ADJECTIVES,
    ADVERBS,
    AGREEMENT_VERBS,
    DEGREES,
    DETERMINERS,
    NAMES,
    NOUNS,
    NUMBERS,
    NUMERALS,
    PEOPLE,
    PREPOSITIONS,
    PROFESSIONS,
    SUBJECTS,
    TEMPLATES,
    TRANSITIVE,
    VERBS,
    add_s,
    held_out,
    verb_forms,
)

from .checker import agrees, is_about_pronoun
from .original import DATA, needs_data

SENTENCES = 2500
TASKS = ("simple", "adv", "adv_adv", "adv_conjunction", "nounpp", "nounpp_adv")
OTHER_FORM = {}
for verb in VERBS.values():
    OTHER_FORM |= {verb.singular: verb.plural, verb.plural: verb.singular}


@pytest.fixture(scope="module")
def sentences():
    grammar = Grammar(7)
    return [grammar.sentence() for _ in range(SENTENCES)]


def test_every_verb_agrees_by_an_independent_grammar(sentences):
    for sentence in sentences:
        words = sentence.text().split()
        pronoun = sentence.construction == "gendered"
        assert is_about_pronoun(words) if pronoun else agrees(words), sentence.text()


def test_the_independent_grammar_refuses_the_other_form(sentences):
    flipped = 0
    for sentence in sentences:
        for agreement in sentence.agreements:
            words = sentence.text().split()
            if words[agreement.at] in OTHER_FORM:
                words[agreement.at] = OTHER_FORM[words[agreement.at]]
                assert not agrees(words), " ".join(words)
                flipped += 1
    assert flipped > SENTENCES * 0.8


def test_agreements_name_the_words_of_the_sentence(sentences):
    finite = {*OTHER_FORM, "will"} | {verb.past for verb in VERBS.values() if verb.past}
    for sentence in sentences:
        if sentence.construction == "gendered":
            assert not sentence.agreements
            continue
        for agreement in sentence.agreements:
            subject, head = agreement.subject, agreement.subject.heads[0]
            assert sentence.words[agreement.at] == agreement.form
            form = sentence.words[subject.at]
            if head in NAMES:
                assert form == head
            else:
                assert form in (NOUNS[head].singular, NOUNS[head].plural)
            if len(subject.heads) == 1 and head not in NAMES:
                assert NOUNS[head].form(subject.number) == form
        found = sum(word in finite for word in sentence.words)
        helped = sum(
            agreement.form in ("has", "have", "will") for agreement in sentence.agreements
        )  # after these a participle or a lemma follows, which may look finite
        assert len(sentence.agreements) <= found <= len(sentence.agreements) + helped


def test_pairs_held_out_never_occur(sentences):
    met = {
        (head, agreement.meets)
        for sentence in sentences
        for agreement in sentence.agreements
        if agreement.meets
        for head in agreement.subject.heads
    }
    assert not [pair for pair in met if held_out(*pair)]
    free = {(n, v) for n in SUBJECTS for v in TRANSITIVE if not held_out(n, v)}
    assert len(free & met) / len(free) > 0.9


def test_pairs_held_out_never_stand_next_to_each_other(sentences):
    """By the words alone: a subject of the two words `the boy` and its verb."""
    lemmas = {form: verb.plural for verb in TRANSITIVE.values() for form in (verb.singular,)}
    lemmas |= {verb.plural: verb.plural for verb in TRANSITIVE.values()}
    singulars = {noun.form(n): word for word, noun in PEOPLE.items() for n in NUMBERS}
    seen = 0
    for sentence in sentences:
        first, second, third, *_ = sentence.words
        if first == "the" and second in singulars and third in lemmas:
            seen += 1
            assert not held_out(singulars[second], lemmas[third])
    assert seen > SENTENCES / 50


def test_templates_held_out_never_occur(sentences):
    seen = Counter()
    for sentence in sentences:
        if sentence.construction == "gendered":
            template = next(t for t in TEMPLATES if f" {t} " in sentence.text())
            head = sentence.words[0] if sentence.words[0] in NAMES else sentence.words[1]
            assert not held_out(head, template)
            seen[template] += 1
    assert set(seen) == set(TEMPLATES)


def test_one_pair_in_five_is_held_out_and_no_word_is_lost():
    pairs = {(n, v): held_out(n, v) for n in SUBJECTS for v in AGREEMENT_VERBS}
    assert sum(pairs.values()) == 57  # of 300
    assert pairs["athlete", "approve"] is True
    assert pairs["athlete", "admire"] is False
    for noun in SUBJECTS:
        assert sum(pairs[noun, verb] for verb in AGREEMENT_VERBS) < 8
    every = [held_out(n, v) for n in PEOPLE for v in TRANSITIVE]
    assert 0.17 < sum(every) / len(every) < 0.23


def test_numbers_are_balanced_in_every_construction(sentences):
    counts = Counter(
        (sentence.construction, sentence.agreements[-1].subject.number)
        for sentence in sentences
        if sentence.agreements
    )
    for construction in {construction for construction, _ in counts} - {"name", "coordination"}:
        singular, plural = counts[construction, "singular"], counts[construction, "plural"]
        assert abs(singular - plural) < 4 * (singular + plural) ** 0.5, construction
    # Names are always singular and coordinations always plural; there are as many of both.
    assert counts["name", "plural"] == counts["coordination", "singular"] == 0
    assert abs(counts["name", "singular"] - counts["coordination", "plural"]) < 100


def test_attractors_say_nothing_of_the_verb(sentences):
    counts = Counter()
    plurals = {noun.plural for noun in NOUNS.values()}
    for sentence in sentences:
        if sentence.construction == "pp_noun":
            subject, at = sentence.agreements[-1].subject, sentence.agreements[-1].at
            between = [word for word in sentence.words[subject.at + 1 : at] if word in OTHERS]
            counts[subject.number, between[0] in plurals] += 1
    expected = sum(counts.values()) / 4
    assert len(counts) == 4
    assert all(abs(count - expected) < 5 * expected**0.5 for count in counts.values())


OTHERS = {noun.form(number) for noun in NOUNS.values() for number in NUMBERS}


def test_pronouns_lean_as_their_nouns_do(sentences):
    counts = Counter()
    for sentence in sentences:
        if sentence.construction == "gendered" and sentence.words[1] in PROFESSIONS:
            lean = PROFESSIONS[sentence.words[1]].gender
            pronoun = next(word for word in sentence.words if word in ("he", "she", "they"))
            counts[(lean > 0) - (lean < 0), pronoun] += 1
    assert counts[1, "he"] > 2 * counts[1, "she"]
    assert counts[-1, "she"] > 2 * counts[-1, "he"]
    assert 0 < counts[1, "they"] + counts[-1, "they"] < sum(counts.values()) / 10


@needs_data
@pytest.mark.parametrize("task", TASKS)
def test_every_word_of_the_published_tasks_occurs(task, sentences):
    text = (DATA / "number_agreement" / f"{task}.txt").read_text()
    wanted = {word for line in text.splitlines() for word in line.split("\t")[0].split()}
    drawn_words = {word for sentence in sentences for word in sentence.text().split()}
    assert not wanted - drawn_words


@needs_data
def test_every_word_of_the_published_depth_set_is_in_the_lexicon():
    text = (DATA / "tree_depth" / "filtered_sentences.txt").read_text()
    wanted = {word for line in text.splitlines() for word in line.split("|")[0].split()}
    verbs = {form for verb in VERBS.values() for form in vars(verb).values()}
    nouns = {noun.form(number) for noun in NOUNS.values() for number in NUMBERS}
    small = {"a", "an", "the", "of", "will", *sum(DETERMINERS.values(), ())}
    known = {*verbs, *nouns, *NAMES, *ADVERBS, *PREPOSITIONS, *DEGREES, *ADJECTIVES, *NUMERALS}
    assert not {word if word in NAMES else word.lower() for word in wanted} - known - small


def test_lines():
    text = list(lines(100, 3))
    assert text == list(lines(100, 3))
    assert text != list(lines(100, 4))
    assert text[:20] == list(lines(20, 3))
    for line in text:
        words = line.split(" ")
        assert words[-2:] == [".", END]
        assert "" not in words
        assert line[0].isupper()
        assert " a a" not in line
        assert len(words) < 50


def test_the_stream_is_the_one_that_shipped_models_were_trained_on():
    text = "".join(f"{line}\n" for line in lines(300, 0))
    digest = sha256(text.encode()).hexdigest()
    assert digest == "62dfc6b6a2c05e6dd0fa0b8a55bc2b36469e8aec36ea4c58eb19d3d067aaa578"


def test_command(capsys):
    main(["--sentences", "3", "--seed", "5"])
    assert capsys.readouterr().out.splitlines() == list(lines(3, 5))


@pytest.mark.parametrize("given", [["--sentences", "-1"], ["--sentences", "2", "--seed", "x"], []])
def test_mistakes_of_the_command(given, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(given)
    assert stopped.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_command_may_be_cut_off():
    command = f"{sys.executable} -m probekit_agreement.corpus --sentences 5000 | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("<eos>\n")
    assert done.stderr == ""


def test_forms():
    assert VERBS["cry"].singular == "cries"
    assert VERBS["push"].singular == "pushes"
    assert VERBS["terrify"].past == "terrified"
    assert VERBS["amuse"].gerund == "amusing"
    assert NOUNS["man"].plural == "men"
    assert NOUNS["actress"].plural == "actresses"
    assert NOUNS["boy"].plural == "boys"
    assert add_s("go") == "goes"
    assert "greets" in verb_forms("singular")
    assert "greet" in verb_forms("plural")
    assert not set(verb_forms("singular")) & set(verb_forms("plural"))


def test_draws():
    draws = Draws(3)
    assert {draws.below(3) for _ in range(100)} == {0, 1, 2}
    weights = Counter(draws.weighted((("a", 3), ("b", 1))) for _ in range(4000))
    assert 2800 < weights["a"] < 3200
    assert sum(draws.chance(0.25) for _ in range(4000)) in range(900, 1100)
    assert draws.chance(1.0)
    assert not draws.chance(0.0)
    items = list(range(50))
    assert sorted(draws.shuffled(items)) == items
    assert draws.shuffled(items) != items
    assert [Draws(9).below(1000) for _ in range(2)] == [Draws(9).below(1000)] * 2
