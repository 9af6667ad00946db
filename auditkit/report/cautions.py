"""What a reader must know before believing a report: one list for the page and the terminal."""

from __future__ import annotations

from auditkit.records import Report
from auditkit.report.words import shown


def cautions(report: Report) -> tuple[str, ...]:
    """Each a sentence: checks that broke."""
    return tuple(_broke(n.what, n.why) for n in report.not_measured if n.accident)


def _broke(what: str, why: str) -> str:
    return f"The check {shown(what)} gave no answer: {shown(why, longest=300)}."
