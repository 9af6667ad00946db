"""Sentences about composites, and about comparisons to a reference group and to the rest.

A sentence names a disparity only if the interval says so.
"""

from __future__ import annotations

from auditkit.catalogue.index import METRICS
from auditkit.fairness.families.family import GroupFamily
from auditkit.formatting import decimals, interval, percent, points, quotient
from auditkit.records import Comparison, Estimate
from auditkit.stats.families import FamilyInterval


def of_value(metric: str, e: Estimate) -> str:
    """A composite over everybody."""
    m = METRICS[metric]
    if e.value is None:
        return f"{m.title} is undefined: {e.note}."
    return f"{m.title}, over everybody: {value_text(metric, e.value)} ({_interval(metric, e, 'overall')})."


def of_composite(metric: str, kind: Comparison, family: GroupFamily, e: Estimate, found: FamilyInterval | None) -> str:
    """An extreme, a difference or a ratio of a composite between groups."""
    head, attributes = METRICS[metric].title, " and ".join(family.by)
    if found is None or e.value is None:
        return f"{head}: groups of {attributes} cannot be compared; {e.note}."
    size = f"({_interval(metric, e, kind)})"
    low, high = (f"{family.name(i)} {value_text(metric, float(family.values[i]))}" for i in (found.first, found.second))
    if kind in ("group_min", "group_max"):
        return f"{head}: the {'lowest' if kind == 'group_min' else 'highest'} is {low} {size}."
    if not is_established(kind, e):
        what = "gap" if kind == "difference" else "disparity"
        return f"{head}: no {what} between groups of {attributes} is established {size}."
    return f"{head}: {low}, {high}, {_size(metric, kind, e)} {size}."


def of_contrast(
    metric: str, kind: Comparison, family: GroupFamily, e: Estimate, found: FamilyInterval | None, other: str
) -> str:
    """The group farthest from `other`: the name of the reference group, or "the rest"."""
    m, attributes = METRICS[metric], " and ".join(family.by)
    head = m.title if m.kind == "composite" else f"{m.plain[0].upper()}{m.plain[1:]}, of {m.denominator_words}"
    if found is None or e.value is None:
        return f"{head}: groups of {attributes} cannot be compared with {other}; {e.note}."
    size = f"({_interval(metric, e, kind)})"
    if not is_established(kind, e):
        return f"{head}: no group of {attributes} is shown to differ from {other} {size}."
    at = value_text(metric, float(family.values[found.first]))
    return f"{head}: {family.name(found.first)}, with {at}, is farthest from {other}, {_size(metric, kind, e)} {size}."


def of_mean_odds(by: tuple[str, ...], e: Estimate) -> str:
    """The mean of the two gaps of equalized odds."""
    attributes, size = " and ".join(by), f"({interval(e, 'difference')})"
    if not is_established("difference", e):
        return f"Errors and hits: no mean gap between groups of {attributes} is established {size}."
    return f"Errors and hits differ between groups of {attributes} by {points(e.value)} points on average {size}."


def is_established(kind: Comparison, e: Estimate) -> bool:
    """True if the interval excludes "no disparity"."""
    if kind.startswith("ratio"):
        return e.high is not None and e.high < 1
    return bool(e.low and e.low > 0)


def value_text(metric: str, x: float | None) -> str:
    """A value of a metric: a correlation as a number, everything else in percent.

    >>> value_text("mcc", -0.25), value_text("f1", 0.5)
    ('−0.25', '50.0%')
    """
    return percent(x) if _in_percent(metric) else decimals(x, _DIGITS[metric])


def _size(metric: str, kind: Comparison, e: Estimate) -> str:
    if kind.startswith("ratio"):
        return f"a ratio of {quotient(e.value)}"
    if not _in_percent(metric):
        return f"a difference of {decimals(e.value, _DIGITS[metric])}"
    return f"{'a gap of ' if kind == 'difference' else ''}{points(e.value)} points"


def _interval(metric: str, e: Estimate, kind: Comparison) -> str:
    if _in_percent(metric):
        return interval(e, kind)
    low, high = (decimals(x, _DIGITS[metric]) for x in (e.low, e.high))
    return f"{100 * e.level:g}% interval {low} to {high}"


_DIGITS = {"mcc": 2, "generalized_entropy_index": 3}
"""Metrics that are numbers, no shares, and how many decimals of them are written."""


def _in_percent(metric: str) -> bool:
    return metric not in _DIGITS
