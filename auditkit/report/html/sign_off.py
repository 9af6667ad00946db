"""Who decides on the audit, when it is looked at again, and what is waived; blanks are lines to be filled in."""

import datetime
from typing import NamedTuple

from auditkit.records import Report, Verdict
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.rules import ranked
from auditkit.report.vocabulary import STATUS, number, shown

MOST_WAIVERS = 6
"""Rules that get a line for a waiver; whoever needs more writes another page."""


class Sheet(NamedTuple):
    """The section."""

    sentence: str
    people: tuple[tuple[str, ...], ...]
    """Name, role, date, signature; empty: to be filled in."""
    review: str
    waivers: tuple[tuple[str, ...], ...]
    """Rule, reason, approved by, expires."""
    unwaived: str
    """What is said of waivers beside the table, or in its place."""


def view(look: Lookup) -> Sheet:
    """The section of a report."""
    report = look.report
    open_ = [v for v in ranked(report.verdicts) if v.blocks or v.waiver]
    waivers = tuple(_waiver(v) for v in open_[:MOST_WAIVERS])
    if not report.verdicts:
        said = "No rule was asked, so none can be waived."
    elif not open_:
        said = "No rule stands in the way: none is to be waived."
    else:
        rest = len(open_) - MOST_WAIVERS
        said = f"{number(rest)} more rules are not met." if rest > 0 else ""
    named = report.sign_off.person if report.sign_off else ()
    sentence = "A person decides, not a rule" + ("; a name and a date here are no signature." if named else ".")
    return Sheet(sentence, _people(report), _review(report), waivers, said)


def _people(report: Report) -> tuple[tuple[str, ...], ...]:
    signers = report.sign_off.person if report.sign_off else ()
    people = [(p.name, p.role, _day(p.date)) for p in signers]
    owner = report.policy.owner if report.policy else ""
    if owner.strip() and owner not in [p.name for p in signers]:
        people.insert(0, (owner[:200], "Owner of the policy", ""))
    people += [("", "", "")] * max(1, 2 - len(people))
    return tuple((_line(name), _line(role), day, "") for name, role, day in people)


def _waiver(v: Verdict) -> tuple[str, ...]:
    rule, w = f"{shown(v.rule.id)} ({STATUS[v.status].lower()})", v.waiver
    if w is None:
        return rule, "", "", ""
    until = f"{_day(w.expires)}, expired" if w.expired else _day(w.expires)
    return rule, shown(w.reason, longest=300), _line(w.approved_by), until


def _line(text: str) -> str:
    return shown(" ".join(text.split()), empty="")


def _review(report: Report) -> str:
    own = report.sign_off.review_by if report.sign_off else None
    return _day(own or (report.policy.review_by if report.policy else None))


def _day(day: datetime.date | None) -> str:
    return f"{day.day} {day:%B %Y}" if day else ""
