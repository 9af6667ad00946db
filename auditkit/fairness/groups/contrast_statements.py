"""Sentences about composites, and about comparisons to a reference group and to the rest.

A sentence names a disparity only if the interval says so.
"""

from __future__ import annotations

from auditkit.catalogue import sentences
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import gap_of, is_established
from auditkit.fairness.families.family import GroupFamily
from auditkit.formatting import decimals, interval, interval_in, percent, points, quotient
from auditkit.records import Comparison, Estimate
from auditkit.stats.critical_values import FamilyInterval


def of_value(metric: str, e: Estimate) -> str:
    """A composite over everybody."""
    m = METRICS[metric]
    if e.value is None:
        return f"{m.title} is undefined: {e.note}."
    return f"{m.title}, over everybody: {value_text(metric, e.value)} ({_interval(metric, e, 'overall')})."


def of_composite(metric: str, kind: Comparison, family: GroupFamily, e: Estimate, found: FamilyInterval | None) -> str:
    """An extreme, a difference or a ratio of a composite between groups."""
    head = METRICS[metric].head
    if found is None or e.value is None:
        return f"{head}: {sentences.incomparable(family.by, e.note)}"
    bounds = _interval(metric, e, kind)
    low, high = (f"{family.name(i)} {value_text(metric, float(family.values[i]))}" for i in (found.first, found.second))
    if kind in ("group_min", "group_max"):
        return f"{head}: the {'lowest' if kind == 'group_min' else 'highest'} is {low} ({bounds})."
    if not is_established(kind, e):
        return sentences.no_gap(head, family.by, bounds, what="gap" if kind == "difference" else "disparity")
    return sentences.apart(head, low, high, _size(metric, kind, e), bounds)


def of_contrast(
    metric: str, kind: Comparison, family: GroupFamily, e: Estimate, found: FamilyInterval | None, other: str
) -> str:
    """The group farthest from `other`: the name of the reference group, or "the rest"."""
    head = METRICS[metric].head
    if found is None or e.value is None:
        return f"{head}: {sentences.incomparable(family.by, e.note, other=other)}"
    bounds = _interval(metric, e, kind)
    if not is_established(kind, e):
        return sentences.none_differs(head, family.by, other, bounds)
    at = value_text(metric, float(family.values[found.first]))
    return sentences.farthest(head, family.name(found.first), at, other, _size(metric, kind, e), bounds)


def of_mean_odds(by: tuple[str, ...], e: Estimate) -> str:
    """The mean of the two gaps of equalized odds."""
    bounds = interval(e, "difference")
    if not is_established("difference", e):
        return sentences.no_gap("Errors and hits", by, bounds, what="mean gap")
    groups = sentences.groups_of(by)
    return f"Errors and hits differ between {groups} by {points(e.value)} points on average ({bounds})."


def value_text(metric: str, x: float | None) -> str:
    """A value of a metric: a correlation as a number, everything else in percent.

    >>> value_text("mcc", -0.25), value_text("f1", 0.5)
    ('−0.25', '50.0%')
    """
    digits = METRICS[metric].decimals
    return percent(x) if digits is None else decimals(x, digits)


def _size(metric: str, kind: Comparison, e: Estimate) -> str:
    if kind.startswith("ratio"):
        return gap_of(quotient(e.value), "ratio")
    if METRICS[metric].decimals is not None:
        return gap_of(value_text(metric, e.value), "difference")
    size = f"{points(e.value)} points"
    return gap_of(size) if kind == "difference" else size


def _interval(metric: str, e: Estimate, kind: Comparison) -> str:
    if METRICS[metric].decimals is None:
        return interval(e, kind)
    return interval_in(e, lambda x: value_text(metric, x))
