"""Findings in one plain sentence, computed from the numbers and their intervals.

A sentence names a disparity only if the interval says so.
"""

from __future__ import annotations

from auditkit.catalogue.index import METRICS
from auditkit.fairness.families.estimates import Family
from auditkit.formatting import interval, percent, points, quotient
from auditkit.records import Comparison, Estimate
from auditkit.stats.families import FamilyInterval


def of_rate(metric: str, estimate: Estimate) -> str:
    """An overall rate."""
    m = METRICS[metric]
    if estimate.value is None:
        return f"{m.title} is undefined: there is nobody among {m.denominator_words}."
    return f"Of {m.denominator_words}, {percent(estimate.value)} are {m.plain} ({interval(estimate, 'overall')})."


def of_comparison(metric: str, kind: Comparison, family: Family, e: Estimate, found: FamilyInterval | None) -> str:
    """A difference, ratio or extreme over the groups of a family."""
    m, attributes = METRICS[metric], " and ".join(family.by)
    head = f"{m.plain[0].upper()}{m.plain[1:]}, of {m.denominator_words}"
    if found is None or e.value is None:
        return f"{head}: groups of {attributes} cannot be compared; {e.note}."
    low, high = family.name(found.first), family.name(found.second)
    at_low, at_high = percent(family.values[found.first]), percent(family.values[found.second])
    if kind in ("group_min", "group_max"):
        which = "lowest" if kind == "group_min" else "highest"
        return f"{head}: the {which} is {percent(e.value)}, of {low} ({interval(e, kind)})."
    if kind == "difference":
        if not e.low:
            return _no_gap(head, attributes, e)
        return f"{head}: {low} {at_low}, {high} {at_high}, a gap of {points(e.value)} points ({interval(e, kind)})."
    if kind == "ratio":
        if e.high is None or e.high >= 1:
            return f"{head}: no disparity between groups of {attributes} is established (ratio: {interval(e, kind)})."
        return f"{head}: {low} {at_low}, {high} {at_high}, a ratio of {quotient(e.value)} ({interval(e, kind)})."
    established = bool(e.low) if kind == "difference_to_overall" else e.high is not None and e.high < 1
    if not established:
        return f"{head}: no group of {attributes} is shown to differ from everybody."
    size = f"{points(e.value)} points" if kind == "difference_to_overall" else f"a ratio of {quotient(e.value)}"
    return f"{head}: {low}, with {at_low}, is farthest from everybody, {size} ({interval(e, kind)})."


def of_equalized_odds(by: tuple[str, ...], kind: Comparison, e: Estimate, worse: str) -> str:
    """The larger of the two gaps, or the smaller of the two ratios."""
    attributes = " and ".join(by)
    if e.value is None:
        return f"Errors and hits of groups of {attributes} cannot be compared; {e.note}."
    where = f"in {METRICS[worse].title.lower()} ({interval(e, kind)})"
    if kind == "ratio":
        if e.high is None or e.high >= 1:
            between = f"between groups of {attributes} is established (ratio: {interval(e, kind)})"
            return f"Errors and hits: no disparity {between}."
        return f"Errors and hits of groups of {attributes} have a ratio of {quotient(e.value)} at worst, {where}."
    if not e.low:
        return _no_gap("Errors and hits", attributes, e)
    return f"Errors and hits differ between groups of {attributes} by up to {points(e.value)} points, {where}."


def _no_gap(head: str, attributes: str, e: Estimate) -> str:
    seen = f"; a gap below {points(e.mde)} points could have gone unseen" if e.mde is not None else ""
    return f"{head}: no gap between groups of {attributes} is established ({interval(e, 'difference')} points{seen})."
