"""Where a rule's limit belongs in other charts than the gate's: beside the very quantity that the rule is about."""

from __future__ import annotations

from auditkit.records import Finding
from auditkit.report.html.lookup import By, Lookup
from auditkit.report.html.rules import ranked

TICK = " Tick: limit."
"""What the line under a title says of it."""


def of_finding(look: Lookup, f: Finding) -> float | None:
    """The limit of the rule that this finding answers, the worst verdict's of several; None where none asks for it."""
    mine = [v for v in look.report.verdicts if v.finding == f.id and v.rule.comparison == f.comparison]
    return ranked(tuple(mine))[0].rule.limit if mine else None


def of_groups(look: Lookup, metric: str, by: By, label: str | None = None, law: str = "") -> float | None:
    """The limit that holds for the value of every group: that of a rule about the lowest, or about the highest."""
    answers = ((v, look.by_id(v.finding)) for v in look.report.verdicts)
    mine = [
        v
        for v, f in answers
        if f is not None
        and v.rule.comparison in ("group_min", "group_max")
        and (f.metric, f.label, f.law, frozenset(f.by)) == (metric, label, law, frozenset(by))
    ]
    return ranked(tuple(mine))[0].rule.limit if mine else None
