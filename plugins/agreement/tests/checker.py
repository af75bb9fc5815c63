"""An independent grammar that accepts a sentence only if every verb agrees: one regular expression.

Each word becomes one letter; the expression over the letters is built once for singular and once
for plural subjects. Nothing of `probekit_agreement.grammar` is used.
"""

import re

from probekit_agreement.lexicon import (
    ADJECTIVES,
    INTRANSITIVE,
    NAMES,
    NOUNS,
    TEMPLATES,
    TRANSITIVE,
)

LETTERS = {
    "the": "d",
    **dict.fromkeys(("a", "an", "this", "every", "one"), "a"),
    **dict.fromkeys(("some", "these", "those", "all"), "b"),
    **dict.fromkeys(("two", "three", "four", "five", "ten"), "c"),
    "that": "t",
    "of": "o",
    "and": "&",
    ".": ".",
    "is": "I",
    "are": "A",
    "has": "H",
    "have": "K",
    "will": "L",
    **dict.fromkeys(("he", "she", "they"), "u"),
    **dict.fromkeys(("was", "were"), "U"),
    **dict.fromkeys(("behind", "beside", "by", "near", "opposite"), "i"),
    **dict.fromkeys(("really", "very"), "e"),
    **dict.fromkeys(("quickly", "slowly"), "q"),
    **dict.fromkeys(("certainly", "definitely", "probably"), "m"),
    **dict.fromkeys(("indeed", "most", "now", "quite"), "l"),
    **dict.fromkeys(("gently", "openly", "overtly", "kindly"), "k"),
    **dict.fromkeys(("carefully", "deliberately", "knowingly"), "f"),
    **dict.fromkeys(ADJECTIVES, "j"),
    **dict.fromkeys(NAMES, "n"),
}
for noun in NOUNS.values():
    LETTERS |= {noun.singular: "s", noun.plural: "p"}
# Singular, plural, past, gerund, participle where it is no past form: transitive, intransitive.
for verbs, letters in ((TRANSITIVE, "VWXGY"), (INTRANSITIVE, "vwxgy")):
    for verb in verbs.values():
        forms = (verb.participle, verb.gerund, verb.past, verb.plural, verb.singular)
        LETTERS |= dict(zip(forms, letters[::-1], strict=False))
        LETTERS |= {verb.gerund: letters[3], verb.past: letters[2]}

ADJ = "(?:e?j)?"
NOUN = {"s": f"(?:[dat]{ADJ}s|n)", "p": f"(?:[db]?c{ADJ}p|[db]{ADJ}p)"}
ANY = f"(?:{NOUN['s']}|{NOUN['p']})"
PLACE = f"(?:i{ANY})"
ADVERB = "(?:m|lm|k&f|k|f|e?q)?"
OBJECT = f"(?:{ANY}(?:o{ANY})?{PLACE}?)"
PACE = "(?:e?q)?"


def predicate(number):
    transitive, intransitive, be, have = {"s": "VvIH", "p": "WwAK"}[number]
    return (
        f"(?:{ADVERB}(?:[{transitive}X]{OBJECT}|{intransitive}{PLACE}?|LW{OBJECT}"
        f"|{be}(?:{PACE}(?:G{OBJECT}|g)|e?j|{PLACE})|{have}{PACE}(?:[XY]{OBJECT}|[xy])))"
    )


def relative(number):
    inner = {"s": "[VX]", "p": "[WX]"}
    who = "|".join(
        f"t{inner[number]}{NOUN[other]}t{inner[other]}{ANY}|{NOUN[other]}{inner[other]}"
        f"|t{NOUN[other]}{PLACE}?{inner[other]}"
        for other in "sp"
    )
    return f"(?:t{inner[number]}{ANY}{PLACE}?|{who})"


def clause(number):
    modified = f"{NOUN[number]}(?:o{ANY}|{PLACE}{{1,2}}|{relative(number)})?"
    subject = modified if number == "s" else f"(?:{modified}|{ANY}&{ANY})"
    return f"(?:{subject}{predicate(number)}(?:&{predicate(number)})?)"


CLAUSE = f"(?:{clause('s')}|{clause('p')})"
BELIEF = "|".join(
    f"{NOUN[number]}(?:{verb}t|{predicate(number)}&)" for number, verb in (("s", "V"), ("p", "W"))
)
SENTENCE = re.compile(f"{PLACE}?(?:{BELIEF})?{CLAUSE}\\.")
PRONOUN = re.compile(f"u(?:Ue?j|x{PLACE}?|X{OBJECT})\\.")


def lower(words):
    return [words[0] if words[0] in NAMES else words[0].lower(), *words[1:]]


def agrees(words):
    """Whether the grammar accepts the words (without `<eos>`) as a sentence that agrees."""
    words = lower(words)
    return SENTENCE.fullmatch("".join(LETTERS[word] for word in words)) is not None


def is_about_pronoun(words):
    """Whether the words are a person, a template, and a clause about a pronoun."""
    words = lower(words)
    person = 1 if words[0] in NAMES else 2
    for template in TEMPLATES:
        size = person + len(template.split())
        if words[person:size] == template.split():
            rest = "".join(LETTERS[word] for word in words[size:])
            return PRONOUN.fullmatch(rest) is not None
    return False
