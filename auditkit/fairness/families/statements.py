"""Findings about groups in one plain sentence, computed from the numbers and their intervals.

A sentence names a disparity only if the interval says so.
"""

from __future__ import annotations

from auditkit.catalogue import sentences
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.sentences import is_established
from auditkit.formatting import decimals, interval, interval_in, percent, plain, points, quantity, quotient
from auditkit.records import Comparison, Estimate
from auditkit.stats.comparisons import EXTREMES, PAIRS

_SHOWN = {"group_min": "a lowest value of ", "group_max": "a highest value of "}
Sides = tuple[tuple[str, float], ...]
"""The two groups behind a comparison, each with its value, the lower first."""


def of_everybody(metric: str, e: Estimate) -> str:
    """The value over everybody."""
    m = METRICS[metric]
    if m.kind != "rate":
        if e.value is None:
            return f"{m.title} is undefined: {e.note}."
        sure = ", without an interval" if e.low is None else f" ({_interval(metric, e, 'overall')})"
        sure = f", unstable: {e.note}" if e.state == "unstable" else sure
        return f"{m.title}, over everybody: {value_text(metric, e.value)}{sure}."
    if e.value is None:
        return f"{m.title} is undefined: there is nobody among {m.denominator_words}."
    return f"Of {m.denominator_words}, {percent(e.value)} are {m.plain} ({interval(e, 'overall')})."


def of_comparison(
    metric: str, by: tuple[str, ...], kind: Comparison, e: Estimate, sides: Sides | None, other: str = ""
) -> str:
    """An extreme, a difference or a ratio between groups, to everybody, or to `other` (a reference group, the rest)."""
    m, bounds = METRICS[metric], _interval(metric, e, kind)
    if sides is None or e.value is None:
        return f"{m.head}: {sentences.incomparable(by, e.note, other=other)}"
    if e.state == "unstable":
        return sentences.unstable(m.head, by, f"{_SHOWN.get(kind, '')}{_size(metric, kind, e)}", e.note)
    (low, at_low), (high, at_high) = ((name, value_text(metric, value)) for name, value in sides)
    if kind in EXTREMES:
        which = "lowest" if kind == "group_min" else "highest"
        group = f"{percent(e.value)}, of {low}" if m.kind == "rate" else f"{low} {at_low}"
        return f"{m.head}: the {which} is {group} ({bounds})."
    size = _size(metric, kind, e)
    if kind in PAIRS:
        if not is_established(kind, e):
            return _none(metric, m.head, by, kind, e)
        return f"{m.head}: {low} {at_low}, {high} {at_high}, {size} ({bounds})."
    whom = other or "everybody"
    if not is_established(kind, e):
        unseen = sentences.too_small(_unseen(metric, kind, e)).removeprefix("; ")
        sure = "; ".join(filter(None, (bounds if other else "", unseen)))
        return f"{m.head}: no group of {' and '.join(by)} is shown to differ from {whom}{f' ({sure})' if sure else ''}."
    return f"{m.head}: {low}, with {at_low}, is farthest from {whom}, {size} ({bounds})."


def of_equalized_odds(by: tuple[str, ...], kind: Comparison, e: Estimate, worse: str) -> str:
    """The larger of the two gaps, or the smaller of the two ratios."""
    groups = sentences.groups_of(by)
    if e.value is None:
        return f"Errors and hits of {sentences.incomparable(by, e.note)}"
    if not is_established(kind, e):
        return _none(worse, "Errors and hits", by, kind, e)
    where = f"in {METRICS[worse].title.lower()} ({interval(e, kind)})"
    if kind == "ratio":
        return f"Errors and hits of {groups} have a ratio of {quotient(e.value)} at worst, {where}."
    return f"Errors and hits differ between {groups} by up to {points(e.value)} points, {where}."


def of_mean_odds(by: tuple[str, ...], e: Estimate) -> str:
    """The mean of the two gaps of equalized odds."""
    bounds = interval(e, "difference")
    if e.value is None:
        return f"{METRICS['equalized_odds_mean'].title}: {sentences.incomparable(by, e.note)}"
    if not is_established("difference", e):
        unseen = None if e.unseen is None else f"{points(e.unseen)} points"
        return sentences.no_gap("Errors and hits", by, bounds, what="mean gap", unseen=unseen)
    groups = sentences.groups_of(by)
    return f"Errors and hits differ between {groups} by {points(e.value)} points on average ({bounds})."


def value_text(metric: str, x: float | None) -> str:
    """A value of a metric: a correlation or a measure as a number, everything else in percent.

    >>> value_text("mcc", -0.25), value_text("f1", 0.5), value_text("mean_absolute_error", 2.5)
    ('−0.25', '50.0%', '2.50')
    """
    m = METRICS[metric]
    if m.decimals is not None:
        return decimals(x, m.decimals)
    return plain(x) if m.unit == "measure" else percent(x)


def _none(metric: str, head: str, by: tuple[str, ...], kind: Comparison, e: Estimate) -> str:
    m, bounds = METRICS[metric], _interval(metric, e, kind)
    if kind == "ratio":
        return sentences.no_gap(head, by, f"ratio: {bounds}" if m.kind == "rate" else bounds, what="disparity")
    unseen = _unseen(metric, kind, e)
    in_points = unseen is not None and m.unit != "measure" and m.decimals is None
    return sentences.no_gap(head, by, f"{bounds} points" if in_points else bounds, unseen=unseen)


def _unseen(metric: str, kind: Comparison, e: Estimate) -> str | None:
    """The size of a difference below which one could have gone unseen."""
    if e.unseen is None or not kind.startswith("difference"):
        return None
    m = METRICS[metric]
    return quantity(e.unseen, kind, of=m.unit) if m.decimals is None else value_text(metric, e.unseen)


def _size(metric: str, kind: Comparison, e: Estimate) -> str:
    if kind.startswith("ratio"):
        return f"a ratio of {quotient(e.value)}"
    if kind in EXTREMES:
        return value_text(metric, e.value)
    if METRICS[metric].decimals is not None:
        return f"a difference of {value_text(metric, e.value)}"
    size = quantity(e.value, "difference", of=METRICS[metric].unit)
    return f"a gap of {size}" if kind == "difference" else size


def _interval(metric: str, e: Estimate, kind: Comparison) -> str:
    m = METRICS[metric]
    return interval(e, kind, of=m.unit) if m.decimals is None else interval_in(e, lambda x: value_text(metric, x))
