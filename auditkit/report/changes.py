"""What changed from the older model, in short: for whom it is worse, or that nobody is shown to be worse off."""

from __future__ import annotations

from collections.abc import Sequence

from auditkit.catalogue.for_worse import beyond, worse
from auditkit.catalogue.index import METRICS
from auditkit.formatting import interval, listed, lower_first, points, upper_first
from auditkit.records import Estimate, Finding, GroupEstimates, Report
from auditkit.report.vocabulary import brief, by_words, shown

HEAD = "Against the older model"
MOST = 3
"""Rates that a sentence names as changed for the worse."""


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


def told(report: Report, *, alone: bool = False) -> str:
    """A few sentences; empty where there is no older model. `alone`: the trade-off is told elsewhere."""
    found = of_changes(report)
    if not found:
        return ""
    lead = worst(report)
    beside = "" if alone else trade_off(report, but=lead)
    if lead is not None:
        return f"Worse for somebody. {shown(brief(lead.claim), empty='', longest=400)} {beside}".strip()
    flips = next((f for f in found if f.comparison == "overall" and not f.by), None)
    said = "" if flips is None else f" {shown(brief(flips.claim), empty='', longest=400)}"
    if all(worse(f.metric, "lowest_change") is None for f in found if f.comparison != "overall"):
        return f"{_moved(found)}{said} {beside}".strip()
    return f"Nobody is shown to be worse off, which does not say that nobody is.{said} {beside}".strip()


def _moved(found: Sequence[Finding]) -> str:
    """What changed, where no change is for the better or the worse by itself; that nothing is shown to have."""
    moved = [f for f in found if f.comparison != "overall" and not f.alone and beyond(f.comparison, f.estimate)]
    if not moved:
        return "Nothing is shown to have changed, which does not say that nothing has."
    first = max(moved, key=lambda f: (_sure(f), bool(f.by), f.id))
    return shown(brief(first.claim), empty="", longest=400)


def trade_off(report: Report, *, but: Finding | None) -> str:
    """What a team weighs, in a sentence: how accuracy changed for everybody, and what else is for the worse."""
    whole = next((f for f in of_changes(report) if f.metric == "accuracy" and not f.by and f.estimate.value), None)
    rest = [f for f in of_changes(report) if worse_for_somebody(f) and (but is None or f.id != but.id)]
    told_already = whole is None or (but is not None and whole.id == but.id)
    parts = [] if whole is None or told_already else [_accuracy(whole.estimate)]
    if rest:
        where = list(dict.fromkeys(_where(f) for f in sorted(rest, key=lambda f: -_sure(f))))
        more = len(where) - MOST
        named = listed(where if more <= 0 else [*where[:MOST], f"{more} more"])
        other = "" if but is None or not beyond(but.comparison, but.estimate) else "more "
        one = len(rest) == 1
        parts.append(f"{len(rest):,} {other}{'change is' if one else 'changes are'} for the worse, in {named}")
    return f"{upper_first('; '.join(parts))}." if parts else ""


def _accuracy(e: Estimate) -> str:
    size, way = points(abs(e.value or 0.0)), "up" if (e.value or 0.0) > 0 else "down"
    between = interval(e, "difference")
    if e.excludes_zero:
        return f"accuracy went {way} by {size} points ({between})"
    return f"accuracy is not shown to have changed: {way} by {size} points ({between})"


def _where(f: Finding) -> str:
    """The rate, and by what, of a change."""
    name = lower_first(METRICS[f.metric].title.partition(" (")[0]) + (f" of {shown(f.label)}" if f.label else "")
    by = f" by {by_words(f.by)}" if f.by else ""
    return f"the gap of {name}{by}" if f.comparison == "gap_change" else f"{name}{by}"


def groups_of(f: Finding) -> tuple[dict[str, str], ...]:
    """The groups that the sentence of a change names: those that carry it, else the one that has the extreme."""
    if not f.by:
        return ()
    if f.surest is not None and (f.comparison == "gap_change" or beyond(f.comparison, f.estimate)):
        return tuple(dict(g) for g in f.surest.groups)
    known = [g for g in f.by_group if g.estimate.value is not None and g.estimate.value == f.estimate.value]
    return (dict(known[0].group),) if known else ()


def before_and_now(report: Report, f: Finding) -> list[tuple[dict[str, str], Estimate, Estimate]]:
    """Each group under both models, as the same rate's figure has them; empty where there is none."""
    for twin in of_changes(report):
        if (twin.metric, twin.by, twin.label) != (f.metric, f.by, f.label):
            continue
        for x in twin.exhibits:
            if isinstance(x, GroupEstimates) and len(x.series) == 2:
                pairs = zip(twin.by_group, x.rows, strict=False)
                return [(dict(g.group), es[0], es[1]) for g, (_, es) in pairs if len(es) == 2]
    return []
