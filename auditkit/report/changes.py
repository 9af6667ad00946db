"""What changed from the older model, in short: for whom it is worse, or that nobody is shown to be worse off."""

from __future__ import annotations

from auditkit.catalogue.for_worse import beyond, worse
from auditkit.records import Finding, Report
from auditkit.report.vocabulary import brief, shown

HEAD = "Against the older model"


def of_changes(report: Report) -> list[Finding]:
    """The findings about a change; none where there is no older model."""
    return [f for f in report.findings if f.concern == "change"]


def worst(report: Report) -> Finding | None:
    """What got surely worse, the largest sure change first, of one group before everybody; None where nothing did."""
    found = [f for f in of_changes(report) if worse_for_somebody(f)]
    return max(found, key=lambda f: (_sure(f), bool(f.by), f.id), default=None)


def worse_for_somebody(f: Finding) -> bool:
    """Whether the report asserts that somebody is worse off, or that a gap grew."""
    if f.alone or f.estimate.value is None or f.comparison == "overall":
        return False
    return (f.comparison == "gap_change" or bool(worse(f.metric, f.comparison))) and beyond(f.comparison, f.estimate)


def _sure(f: Finding) -> float:
    e = f.estimate
    return max(-(e.high or 0.0), 0.0) if f.comparison == "lowest_change" else max(e.low or 0.0, 0.0)


def told(report: Report) -> str:
    """One or two sentences; empty where there is no older model."""
    found = of_changes(report)
    if not found:
        return ""
    lead = worst(report)
    if lead is not None:
        more = sum(worse_for_somebody(f) for f in found) - 1
        rest = f" {more:,} more of its changes are for the worse." if more > 1 else ""
        return f"Worse for somebody. {shown(brief(lead.claim), empty='', longest=400)}{rest}"
    flips = next((f for f in found if f.comparison == "overall" and not f.by), None)
    said = "" if flips is None else f" {shown(brief(flips.claim), empty='', longest=400)}"
    return f"Nobody is shown to be worse off, which does not say that nobody is.{said}"
