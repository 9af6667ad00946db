"""What findings state and note, each line once a section: beside the one figure that it is about, or at the end."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from auditkit.records import Finding
from auditkit.report.cautions import SENTENCE
from auditkit.report.vocabulary import by_words, name_of, number, shown, upper_first

NAMED = 3
"""What a line of several findings names; the others are counted."""


class Told(NamedTuple):
    """Lines that stand together."""

    statements: tuple[str, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    """(note, what it is about); the latter is empty beside a figure."""


NO_LINES = Told()


class Once(NamedTuple):
    """The lines of a section, each in one of these."""

    others: Told
    """Of the findings that have no figure with lines of its own."""
    figures: tuple[Told, ...]
    shared: Told
    """Of several figures."""


def once(figures: Sequence[Sequence[Finding]], others: Sequence[Finding] = ()) -> Once:
    """Every statement and every note of these findings."""
    where: dict[tuple[bool, str], list[tuple[int, Finding]]] = {}
    for i, found in enumerate([others, *figures]):
        for f in found:
            for line in _lines(f):
                where.setdefault(line, []).append((i, f))
    places: list[list[tuple[bool, str, str]]] = [[] for _ in range(len(figures) + 2)]
    for (stated, text), told in where.items():
        at = {i for i, _ in told}
        place = 0 if 0 in at else at.pop() if len(at) == 1 else -1
        alone = place > 0 or (stated and place == 0)
        about = "" if alone else _about(text, [f for _, f in told])
        places[place].append((stated and place >= 0, text, about))
    first, *own, last = (
        Told(tuple(t for stated, t, _ in p if stated), tuple((t, about) for stated, t, about in p if not stated))
        for p in places
    )
    return Once(first, tuple(own), last)


def _lines(f: Finding) -> Iterator[tuple[bool, str]]:
    if f.statement.strip():
        yield True, shown(f.claim, longest=SENTENCE)
    for n in f.notes:
        if n.strip():
            yield False, upper_first(shown(n, longest=SENTENCE))


def _about(note: str, found: Sequence[Finding]) -> str:
    """What findings are of: "Precision by race; Accuracy by race"; empty where their note begins with the metric."""
    if note.startswith(tuple(name_of(f.metric) for f in found)):
        return ""
    names = list(dict.fromkeys(", ".join(_named(f)) for f in found))
    rest = len(names) - NAMED
    return "; ".join(names[:NAMED]) + (f"; and {number(rest)} more" if rest > 0 else "")


def _named(f: Finding) -> Iterator[str]:
    yield name_of(f.metric)
    if f.label:
        yield f"“{shown(f.label)}”"
    if f.by:
        yield by_words(f.by)


def deck(title: str, statements: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """What follows a title that begins a statement, and the statements that the title does not begin.

    >>> deck("Women are sent more", ["It was weighed.", "Women are sent more. By 3 kg."])
    ('By 3 kg.', ('It was weighed.',))
    """
    for i, s in enumerate(statements):
        if s.removesuffix(".") == title or s.startswith(f"{title}. "):
            return s[len(title) + 2 :], (*statements[:i], *statements[i + 1 :])
    return "", tuple(statements)
