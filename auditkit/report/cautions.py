"""What a reader must know before believing a report: one list for the page and the terminal."""

from __future__ import annotations

from auditkit.catalogue.confusion import MISSING_TRUTH, SELECTIVE
from auditkit.catalogue.index import METRICS
from auditkit.records import Report
from auditkit.report.vocabulary import listed, shown

SENTENCE = 1_000
"""Cautions are whole sentences, which may list names."""
STRONG = 0.1
"""A difference of shares without a truth that is surely larger makes error rates speak of other people than all."""


def cautions(report: Report) -> tuple[str, ...]:
    """Each a sentence, the gravest first: a net that nobody trained, checks that broke, labels that are known of some
    people above all, and how the input was read."""
    p = report.provenance
    untrained = ("The net is as it was drawn at random: no weights were loaded.",)
    broken = [n for n in report.not_measured if n.accident]
    return (
        *(untrained if p.model.weights == "initialised" else ()),
        *(f"The check {shown(n.what)} gave no answer: {shown(n.why, longest=300)}." for n in broken),
        *_selective(report),
        *_overdue(report),
        *_fallen_behind(report),
        *(shown(c, longest=SENTENCE) for c in p.cautions),
    )


def _overdue(report: Report) -> tuple[str, ...]:
    """A policy whose day of review had passed when it judged."""
    policy = report.policy
    if policy is None or not policy.overdue or policy.review_by is None:
        return ()
    day = f"{policy.review_by.day} {policy.review_by:%B %Y}"
    owner = f" ({shown(policy.owner)})" if policy.owner else ""
    return (f"The policy was to be reviewed by {day}{owner}, and was not: its rules judge all the same.",)


def _fallen_behind(report: Report) -> tuple[str, ...]:
    """Rules that are worse than the baseline by more than the policy allows: their own status does not show it."""
    ids = [shown(v.rule.id) for v in report.verdicts if v.baseline is not None and v.baseline.status == "fail"]
    return (f"Worse than the accepted baseline, by more than the policy allows: {listed(ids)}.",) if ids else ()


def _selective(report: Report) -> tuple[str, ...]:
    """The surest strong difference in who has a truth, of a report with rates that need it."""
    needy = any(f.metric in METRICS and METRICS[f.metric].of_errors for f in report.findings)
    found = [f for f in report.findings if f.metric in (MISSING_TRUTH, SELECTIVE) and f.comparison == "difference"]
    strong = [f for f in found if (f.estimate.low or 0.0) > STRONG and not f.alone]
    if not needy or not strong:
        return ()
    return (shown(max(strong, key=lambda f: f.estimate.low or 0.0).statement, longest=SENTENCE),)
