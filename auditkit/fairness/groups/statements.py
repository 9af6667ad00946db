"""Findings about rates in one plain sentence, computed from the numbers and their intervals.

A sentence names a disparity only if the interval says so.
"""

from __future__ import annotations

from auditkit.catalogue import sentences
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import gap_of, is_established
from auditkit.fairness.families.estimates import Family
from auditkit.formatting import interval, percent, points, quotient
from auditkit.records import Comparison, Estimate
from auditkit.stats.critical_values import FamilyInterval


def of_rate(metric: str, estimate: Estimate) -> str:
    """An overall rate."""
    m = METRICS[metric]
    if estimate.value is None:
        return f"{m.title} is undefined: there is nobody among {m.denominator_words}."
    return f"Of {m.denominator_words}, {percent(estimate.value)} are {m.plain} ({interval(estimate, 'overall')})."


def of_comparison(metric: str, kind: Comparison, family: Family, e: Estimate, found: FamilyInterval | None) -> str:
    """A difference, ratio or extreme over the groups of a family."""
    head = METRICS[metric].head
    if found is None or e.value is None:
        return f"{head}: {sentences.incomparable(family.by, e.note)}"
    low, high = family.name(found.first), family.name(found.second)
    at_low, at_high = percent(family.values[found.first]), percent(family.values[found.second])
    if kind in ("group_min", "group_max"):
        which = "lowest" if kind == "group_min" else "highest"
        return f"{head}: the {which} is {percent(e.value)}, of {low} ({interval(e, kind)})."
    ratio = kind.startswith("ratio")
    if kind in ("difference", "ratio"):
        if not is_established(kind, e):
            return _none(head, family.by, kind, e)
        size = gap_of(quotient(e.value), "ratio") if ratio else gap_of(f"{points(e.value)} points")
        return sentences.apart(head, f"{low} {at_low}", f"{high} {at_high}", size, interval(e, kind))
    if not is_established(kind, e):
        return sentences.none_differs(head, family.by, "everybody")
    size = gap_of(quotient(e.value), "ratio") if ratio else f"{points(e.value)} points"
    return sentences.farthest(head, low, at_low, "everybody", size, interval(e, kind))


def of_equalized_odds(by: tuple[str, ...], kind: Comparison, e: Estimate, worse: str) -> str:
    """The larger of the two gaps, or the smaller of the two ratios."""
    groups = sentences.groups_of(by)
    if e.value is None:
        return f"Errors and hits of {sentences.incomparable(by, e.note)}"
    if not is_established(kind, e):
        return _none("Errors and hits", by, kind, e)
    where = f"in {METRICS[worse].title.lower()} ({interval(e, kind)})"
    if kind == "ratio":
        return f"Errors and hits of {groups} have {gap_of(quotient(e.value), 'ratio')} at worst, {where}."
    return f"Errors and hits differ between {groups} by up to {points(e.value)} points, {where}."


def _none(head: str, by: tuple[str, ...], kind: Comparison, e: Estimate) -> str:
    if kind == "ratio":
        return sentences.no_gap(head, by, f"ratio: {interval(e, kind)}", what="disparity")
    unseen = None if e.mde is None else f"{points(e.mde)} points"
    return sentences.no_gap(head, by, f"{interval(e, 'difference')} points", unseen=unseen)
