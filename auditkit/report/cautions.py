"""What a reader must know before believing a report: one list for the page and the terminal."""

from __future__ import annotations

from auditkit.records import Report
from auditkit.report.vocabulary import shown

SENTENCE = 1_000
"""Cautions are whole sentences, which may list names."""


def cautions(report: Report) -> tuple[str, ...]:
    """Each a sentence, the gravest first: a net that nobody trained, checks that broke, and how the input was read."""
    p = report.provenance
    untrained = ("The net is as it was drawn at random: no weights were loaded.",)
    broken = [n for n in report.not_measured if n.accident]
    return (
        *(untrained if p.model.weights == "initialised" else ()),
        *(f"The check {shown(n.what)} gave no answer: {shown(n.why, longest=300)}." for n in broken),
        *(shown(c, longest=SENTENCE) for c in p.cautions),
    )
