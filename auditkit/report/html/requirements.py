"""Requirement → the evidence in this report, and how far it goes. It supports, and does not establish, compliance."""

import datetime
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from auditkit.formatting import decimals
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.rules import ranked
from auditkit.report.vocabulary import STATUS, listed, number, several, shown, upper_first
from auditkit.requirements.crosswalk import Crosswalk, Held, Reason, Row, State, Why, crosswalk

WORDS: dict[State, str] = {
    "supported": "Supported",
    "partly": "Partly",
    "against": "Not supported",
    "absent": "Not covered",
}
"""States of a requirement, the best first."""

_RULES: dict[Why, tuple[str, str]] = {
    "failed": ("failed", "failed"),
    "undecided": ("is undecided", "are undecided"),
    "unjudged": ("could not be judged", "could not be judged"),
}
_LOST: dict[Why, str] = {
    "unmeasured": "{} without a value to rely on",
    "coarse": "{} known to a bin only",
    "distrusted": "{} failed in a check of the explanation",
}
SHORT = 80
"""Characters of a reason that stands in full elsewhere."""
MOST_NAMED = 3
"""Findings that are named as evidence; the others are counted."""


class Part(NamedTuple):
    """One piece of evidence."""

    what: str
    anchor: str
    why: str
    """Why it is not whole; empty where it is."""
    findings: str


class Line(NamedTuple):
    """One requirement."""

    anchor: str
    number: str
    title: str
    state: State
    word: str
    parts: tuple[Part, ...]
    rules: tuple[tuple[str, str], ...]
    """(link to its row in the gate, what it came to)."""
    asks: str
    beyond: str


class Set(NamedTuple):
    """One law, standard or guideline."""

    title: str
    about: str
    reference: str
    lines: tuple[Line, ...]


class Requirements(NamedTuple):
    """The section."""

    sentence: str
    sets: tuple[Set, ...]
    strange: tuple[str, ...]
    """What was asked for, or referred to, and is no requirement here."""


def view(look: Lookup) -> Requirements:
    """The section of a report."""
    found = crosswalk(look.report)
    places = {v.rule.id: f"#rule-{i}" for i, v in enumerate(ranked(look.report.verdicts), 1)}
    sets = []
    for source in dict.fromkeys(row.source.id for row in found.rows):
        rows = [row for row in found.rows if row.source.id == source]
        of = rows[0].source
        about = f"As of {_day(of.as_of)}. {of.status}"
        sets.append(Set(of.title, about, of.reference, tuple(_line(row, places) for row in rows)))
    return Requirements(_sentence(found), tuple(sets), tuple(_strange(found)))


def _day(day: datetime.date) -> str:
    return f"{day.day} {day:%B %Y}"


def _sentence(found: Crosswalk) -> str:
    if not found.rows:
        return "Held against no requirement."
    counts = {state: sum(row.state == state for row in found.rows) for state in WORDS}
    told = [
        f"{number(n) if n else 'none'} {WORDS[state].lower()}"
        for state, n in counts.items()
        if n or state == "supported"
    ]
    return (
        f"{upper_first(several(len(found.rows), 'requirement'))}: {', '.join(told)}. A report supports, and does not "
        "establish, compliance; whether a law applies is not looked at."
    )


def of_rules(look: Lookup) -> dict[str, tuple[tuple[str, str], ...]]:
    """Id of a rule → (link, name) of every requirement that its `refs` name."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in crosswalk(look.report).rows:
        for v in row.rules:
            found.setdefault(v.rule.id, []).append((f"#{_anchor(row)}", f"{row.source.title} {row.requirement.id}"))
    return {rule: tuple(links) for rule, links in found.items()}


def _anchor(row: Row) -> str:
    return f"requirement-{row.source.id}-{_slug(row.requirement.id)}"


def _line(row: Row, places: dict[str, str]) -> Line:
    rules = tuple((places[v.rule.id], f"rule {shown(v.rule.id)}: {STATUS[v.status].lower()}") for v in row.rules)
    return Line(
        anchor=_anchor(row),
        number=row.requirement.id,
        title=row.requirement.title,
        state=row.state,
        word=WORDS[row.state],
        parts=tuple(map(_part, row.held)),
        rules=rules,
        asks=row.requirement.asks,
        beyond=row.requirement.beyond,
    )


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _part(held: Held) -> Part:
    ids = [shown(f.id) for f in held.findings]
    rest = len(ids) - MOST_NAMED
    named = "; ".join(ids[:MOST_NAMED]) + (f"; and {number(rest)} more" if rest > 0 else "")
    return Part(held.evidence.what, f"#{held.evidence.section}", _why(held), named)


def _why(held: Held) -> str:
    """Why it is not whole, in a few words."""
    reasons = held.reasons
    said = []
    for kind, (one, many) in _RULES.items():
        n = len(_of(reasons, kind))
        said += [f"{several(n, 'rule')} {one if n == 1 else many}"] if n else []
    limit = decimals(held.evidence.at_least, 2)
    said += [f"below {limit} for sure"] if _of(reasons, "below") else []
    said += [f"perhaps below {limit}"] if _of(reasons, "unsure") else []
    for kind, words in _LOST.items():
        n = len(_of(reasons, kind))
        said += [words.format(several(n, "finding"))] if n else []
    lost = _of(reasons, "by")
    said += [f"not by {listed([shown(a) for a in lost])}"] if lost else []
    said += ["not for groups crossed"] if _of(reasons, "crossed") else []
    said += [shown(why, longest=SHORT) for why in _of(reasons, "absent")]
    said += ["not provided"] if _of(reasons, "blank") else []
    said += ["not known"] if _of(reasons, "unknown") else []
    return ", ".join(said)


def _of(reasons: Sequence[Reason], kind: Why) -> list[str]:
    return [name for k, name in reasons if k == kind]


def _strange(found: Crosswalk) -> Iterator[str]:
    if found.unknown:
        yield f"Asked for, and not known to this version: {_few([f'“{shown(name)}”' for name in found.unknown])}."
    if found.strange:
        told = [f"{shown(rule)} to “{shown(ref)}”" for rule, ref in found.strange]
        yield f"Rules refer to what is not among these requirements: {_few(told)}."


def _few(names: Sequence[str]) -> str:
    rest = len(names) - MOST_NAMED
    return listed([*names[:MOST_NAMED], *([f"{number(rest)} more"] if rest > 0 else [])])
