"""The project's own grammar of English: whole sentences, each verb with its subject.

    sentence = Grammar(seed=0).sentence()
    sentence.words          # The boys near the car greet a singer .
    sentence.agreements     # subject at 1, plural; verb at 5, greet

Every noun draws its number by itself, so that nothing but the grammatical subject says which form
the verb takes. Subjects and verbs that `held_out` names never meet.
"""

from collections.abc import Callable, Mapping

from probekit_agreement.lexicon import (
    BE,
    BELIEF,
    HAVE,
    INTRANSITIVE,
    NAMES,
    PEOPLE,
    PROFESSIONS,
    RELATIVES,
    SUBJECTS,
    TEMPLATES,
    TRANSITIVE,
    Verb,
    held_out,
)
from probekit_agreement.phrases import Agreement, Phrases, Sentence, Subject, with_article

GENDERED = 0.08
FRONTED = 0.06
BELIEVED = 0.05
CONJOINED = 0.06
THEY = 0.04

Maker = Callable[[], Subject]


class Grammar(Phrases):
    """Sentences at random; the same seed gives the same ones in the same order."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._subjects: tuple[tuple[Maker, int], ...] = (
            (self._noun, 20),
            (self._name, 4),
            (self._described, 6),
            (self._counted, 5),
            (self._of_phrase, 6),
            (self._pp_noun, 20),
            (self._pp_name, 8),
            (self._double_pp, 5),
            (self._subject_relative, 9),
            (self._double_relative, 4),
            (self._object_relative, 6),
            (self._bare_relative, 3),
            (self._coordination, 4),
        )
        self._predicates: tuple[tuple[Callable[[Subject], None], int], ...] = (
            (self._transitive, 60),
            (self._intransitive, 7),
            (self._progressive, 8),
            (self._copula, 9),
            (self._perfect, 5),
            (self._past, 8),
            (self._future, 3),
        )

    def sentence(self) -> Sentence:
        """The next sentence, closed by a full stop."""
        self._now = Sentence()
        if self._draws.chance(GENDERED):
            self._gendered()
        else:
            self._clause()
        self._now.words.append(".")
        return self._now

    # Clauses

    def _clause(self) -> None:
        if self._draws.chance(FRONTED):
            self._locative()
        if self._draws.chance(BELIEVED):
            self._belief()
        maker = self._draws.weighted(self._subjects)
        self._now.construction = maker.__name__.strip("_")
        subject = maker()
        self._predicate(subject)
        if self._draws.chance(CONJOINED):
            self._write("and")
            self._predicate(subject)

    def _belief(self) -> None:
        """`the boy knows that`, before a clause."""
        subject = self._short()
        verbs = {lemma: TRANSITIVE[lemma] for lemma in BELIEF}
        if allowed := _allowed(subject.heads, verbs):
            self._present(subject, self._draws.pick(allowed))
            self._write("that")
        else:
            self._predicate(subject)
            self._write("and")

    def _predicate(self, subject: Subject) -> None:
        self._adverbs()
        self._draws.weighted(self._predicates)(subject)

    def _transitive(self, subject: Subject) -> None:
        self._present(subject, self._verb(subject, TRANSITIVE))
        self._object()

    def _intransitive(self, subject: Subject) -> None:
        self._present(subject, self._verb(subject, INTRANSITIVE))
        self._maybe_locative(0.5)

    def _past(self, subject: Subject) -> None:
        verb = self._verb(subject, TRANSITIVE)
        self._agree(subject, verb.past, verb.plural)
        self._object()

    def _future(self, subject: Subject) -> None:
        verb = self._verb(subject, TRANSITIVE)
        self._agree(subject, "will", verb.plural)
        self._write(verb.plural)
        self._object()

    def _progressive(self, subject: Subject) -> None:
        """`is greeting`, `are quickly laughing`."""
        transitive = self._draws.chance(0.7)
        verb = self._verb(subject, TRANSITIVE if transitive else INTRANSITIVE)
        self._agree(subject, BE.form(subject.number), verb.plural)
        self._pace(0.2)
        self._write(verb.gerund)
        if transitive:
            self._object()

    def _perfect(self, subject: Subject) -> None:
        """`has greeted`, `have slowly vanished`."""
        transitive = self._draws.chance(0.7)
        verb = self._verb(subject, TRANSITIVE if transitive else INTRANSITIVE)
        self._agree(subject, HAVE.form(subject.number), verb.plural)
        self._pace(0.2)
        self._write(verb.participle)
        if transitive:
            self._object()

    def _copula(self, subject: Subject) -> None:
        """`is very happy`, `are near the car`."""
        self._agree(subject, BE.form(subject.number), None)
        if self._draws.chance(0.5):
            self._adjective()
        else:
            self._locative()

    # Verbs

    def _verb(self, subject: Subject, verbs: Mapping[str, Verb]) -> Verb:
        return self._draws.pick(_allowed(subject.heads, verbs))

    def _present(self, subject: Subject, verb: Verb) -> None:
        self._agree(subject, verb.form(subject.number), verb.plural)

    def _agree(self, subject: Subject, form: str, meets: str | None) -> None:
        self._now.agreements.append(Agreement(subject, len(self._now.words), form, meets))
        self._write(form)

    def _inner_verb(self, subject: Subject) -> None:
        """The verb of a relative clause; half are past, so that they do not repeat the number."""
        verb = self._verb(subject, TRANSITIVE)
        if self._draws.chance(0.5):
            self._present(subject, verb)
        else:
            self._agree(subject, verb.past, verb.plural)

    # Subjects with a relative clause

    def _subject_relative(self) -> Subject:
        """`the boy that greets the girls`."""
        subject = self._noun()
        self._write("that")
        self._inner_verb(subject)
        self._short()
        self._maybe_locative(0.15)
        return subject

    def _double_relative(self) -> Subject:
        """`the boy that greets the girls that know the poet`."""
        subject = self._noun()
        self._write("that")
        self._inner_verb(subject)
        inner = self._noun()
        self._write("that")
        self._inner_verb(inner)
        self._short()
        return subject

    def _object_relative(self) -> Subject:
        """`the boy that the girls near the car greet`."""
        subject = self._noun()
        self._write("that")
        inner = self._short()
        self._maybe_locative(0.2)
        self._inner_verb(inner)
        return subject

    def _bare_relative(self) -> Subject:
        """`the boy the girls greet`."""
        subject = self._noun()
        self._inner_verb(self._noun())
        return subject

    # Pronouns

    def _gendered(self) -> None:
        """`the nurse yelled that she ...`: the pronoun leans the way the person's noun does."""
        self._now.construction = "gendered"
        template = self._draws.pick(TEMPLATES)
        head = self._referent(template)
        gender = NAMES[head] if head in NAMES else PEOPLE[head].gender
        self._write(*with_article(() if head in NAMES else ("the",), head), *template.split())
        pronoun = "he" if self._draws.chance(0.5 + 0.48 * gender) else "she"
        self._write("they" if abs(gender) < 1 and self._draws.chance(THEY) else pronoun)
        self._pronoun_predicate(plural=self._now.words[-1] == "they")

    def _referent(self, template: str) -> str:
        pool = self._draws.weighted(
            (
                (tuple(PROFESSIONS), 70),
                (tuple(SUBJECTS), 18),
                (tuple(RELATIVES), 6),
                (tuple(NAMES), 6),
            )
        )
        return self._draws.pick([head for head in pool if not held_out(head, template)])

    def _pronoun_predicate(self, plural: bool) -> None:
        kind = self._draws.below(3)
        if kind == 0:
            self._write("were" if plural else "was")
            self._adjective()
        elif kind == 1:
            self._write(self._draws.pick(tuple(INTRANSITIVE.values())).past)
            self._maybe_locative(0.5)
        else:
            self._write(self._draws.pick(tuple(TRANSITIVE.values())).past)
            self._object()


def _allowed(heads: tuple[str, ...], verbs: Mapping[str, Verb]) -> list[Verb]:
    """The verbs that are held out with none of the heads."""
    return [
        verb for lemma, verb in verbs.items() if not any(held_out(head, lemma) for head in heads)
    ]
