"""Findings about groups in one plain sentence, computed from the numbers and their intervals.

A sentence names a disparity only if the interval says so.
"""

from __future__ import annotations

from typing import NamedTuple

from auditkit.catalogue import sentences
from auditkit.catalogue.confusion import LABELS
from auditkit.catalogue.detections import DETECTION
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.measured import KIND as MEASURED
from auditkit.catalogue.metric import Metric
from auditkit.catalogue.of_numbers import CLAUSES, Side
from auditkit.catalogue.of_numbers import told as told_of_numbers
from auditkit.catalogue.sentences import is_established
from auditkit.formatting import interval, interval_in, percent, plain, points, quantity, quotient
from auditkit.records import Comparison, Estimate
from auditkit.stats.comparisons import EXTREMES, PAIRS

_SHOWN = {"group_min": "a lowest value of ", "group_max": "a highest value of "}


class Named(NamedTuple):
    """A comparison that a sentence names: its groups, their values, the lower first, and its own interval."""

    groups: tuple[str, ...]
    values: tuple[float, ...]
    estimate: Estimate


def of_everybody(m: Metric, e: Estimate) -> str:
    """The value over everybody."""
    if m.kind != "rate":
        if e.value is None:
            return f"{m.title} is undefined: {e.note}."
        sure = ", without an interval" if e.low is None else f" ({_interval(m, e, 'overall')})"
        sure = f", unstable: {e.note}" if e.state == "unstable" else sure
        whom = f"all {m.denominator_words}" if m.kind == DETECTION else "everybody"
        return f"{m.title}, over {whom}: {value_text(m, e.value)}{sure}."
    if e.value is None:
        return f"{m.title} is undefined: there is nobody among {m.denominator_words}."
    return f"Of {m.denominator_words}, {percent(e)} are {m.plain} ({interval(e, 'overall')}){_right(m)}."


def of_comparison(
    m: Metric,
    by: tuple[str, ...],
    kind: Comparison,
    e: Estimate,
    sure: Named | None,
    far: Named | None,
    other: str = "",
) -> str:
    """An extreme, a difference or a ratio between groups, to everybody, or to `other` (a reference group, the rest).

    `sure` carries the inner limit of `e`, `far` gives its value: None where nothing can be compared. Each is told with
    its own interval.
    """
    if sure is None or far is None or e.value is None:
        return f"{m.head}: {sentences.incomparable(by, e.note, other=other)}"
    if e.state == "unstable":
        return sentences.unstable(m.head, by, f"{_SHOWN.get(kind, '')}{_size(m, kind, e)}", e.note)
    if kind in EXTREMES:
        which = "lowest" if kind == "group_min" else "highest"
        surely = "" if sure.groups == far.groups else f"; surest is {_of_group(m, kind, sure)}"
        return f"{m.head}: the {which} is {_of_group(m, kind, far)}{surely}{_right(m)}."
    size, bounds = _size(m, kind, sure.estimate), _interval(m, sure.estimate, kind)
    at = [value_text(m, value) for value in sure.values]
    if kind in PAIRS:
        if not is_established(kind, e):
            return _none(m, m.head, by, kind, e)
        low, high = sure.groups
        if m.name in CLAUSES and kind == "difference":
            sides = [Side(who, value) for who, value in zip(sure.groups, sure.values, strict=True)][::-1]
            return f"{told_of_numbers(m.name, sides, plain)}, {size} ({bounds})."
        if m.kind == LABELS and kind == "difference":
            return sentences.selective(f"{at[1]} of {high}", f"{at[0]} of {low}", f"{size}, {bounds}")
        return f"{m.head}: {low} {at[0]}, {high} {at[1]}, {size} ({bounds})."
    whom = other or (f"all pairs within one group of {' and '.join(by)}" if m.within else "everybody")
    if not is_established(kind, e):
        unseen = sentences.too_small(_unseen(m, kind, e)).removeprefix("; ")
        told = "; ".join(filter(None, (_interval(m, e, kind) if other else "", unseen)))
        return f"{m.head}: no group of {' and '.join(by)} is shown to differ from {whom}{f' ({told})' if told else ''}."
    how = "farthest from" if sure.groups == far.groups else "most surely apart from"
    return f"{m.head}: {sure.groups[0]} {at[0]}, {how} {whom}, {size} ({bounds})."


def _right(m: Metric) -> str:
    """What a value is held against that may be chance, as a clause; nothing of others."""
    return f"; {percent(m.right)} is {m.wording.right}" if m.right is not None and m.wording.right else ""


def _of_group(m: Metric, kind: Comparison, named: Named) -> str:
    bounds, (group,) = _interval(m, named.estimate, kind), named.groups
    at = value_text(m, named.values[0])
    return f"{at}, of {group} ({bounds})" if m.kind == "rate" else f"{group} {at} ({bounds})"


def of_equalized_odds(by: tuple[str, ...], kind: Comparison, e: Estimate, worse: str, sure: Named | None) -> str:
    """The larger of the two gaps, or the smaller of the two ratios; `sure` is of the rate `worse`."""
    if sure is None or e.value is None:
        return f"Errors and hits of {sentences.incomparable(by, e.note)}"
    if not is_established(kind, e):
        return _none(METRICS[worse], "Errors and hits", by, kind, e)
    own, (low, high) = sure.estimate, sure.groups
    where = f"in {METRICS[worse].title.lower()} ({interval(own, kind)})"
    if kind == "ratio":
        return f"Errors and hits of {low} and {high} have a ratio of {quotient(own)}, {where}."
    return f"Errors and hits differ between {low} and {high} by {points(own)} points, {where}."


def of_mean_odds(by: tuple[str, ...], e: Estimate) -> str:
    """The mean of the two gaps of equalized odds."""
    bounds = interval(e, "difference")
    if e.value is None:
        return f"{METRICS['equalized_odds_mean'].title}: {sentences.incomparable(by, e.note)}"
    if not is_established("difference", e):
        unseen = None if e.unseen is None else f"{points(e.unseen)} points"
        return sentences.no_gap("Errors and hits", by, bounds, what="mean gap", unseen=unseen)
    groups = sentences.groups_of(by)
    return f"Errors and hits differ between {groups} by {points(e)} points on average ({bounds})."


def value_text(m: Metric, x: float | None) -> str:
    """A value of a metric: a correlation or a measure as a number, in a unit of its own, everything else in percent.

    >>> [value_text(METRICS[m], x) for m, x in (("mcc", -0.25), ("f1", 0.5), ("mean_absolute_error", 2.5))]
    ['−0.25', '50.0%', '2.50']
    """
    if m.decimals is not None:
        return quotient(x, m.decimals)
    return quantity(x, "overall", of=m.unit) if m.kind == MEASURED or m.unit == "measure" else percent(x)


def _none(m: Metric, head: str, by: tuple[str, ...], kind: Comparison, e: Estimate) -> str:
    bounds = _interval(m, e, kind)
    if kind == "ratio":
        return sentences.no_gap(head, by, f"ratio: {bounds}" if m.kind == "rate" else bounds, what="disparity")
    unseen = _unseen(m, kind, e)
    in_points = unseen is not None and m.unit != "measure" and m.kind != MEASURED and m.decimals is None
    return sentences.no_gap(head, by, f"{bounds} points" if in_points else bounds, unseen=unseen)


def _unseen(m: Metric, kind: Comparison, e: Estimate) -> str | None:
    """The size of a difference below which one could have gone unseen."""
    if e.unseen is None or not kind.startswith("difference"):
        return None
    return quantity(e.unseen, kind, of=m.unit) if m.decimals is None else value_text(m, e.unseen)


def _size(m: Metric, kind: Comparison, e: Estimate) -> str:
    if kind.startswith("ratio"):
        return f"a ratio of {quotient(e)}"
    if kind in EXTREMES:
        return value_text(m, e.value)
    if m.decimals is not None:
        return f"a difference of {value_text(m, e.value)}"
    size = quantity(e, "difference", of=m.unit)
    return f"a gap of {size}" if kind == "difference" else size


def _interval(m: Metric, e: Estimate, kind: Comparison) -> str:
    return interval(e, kind, of=m.unit) if m.decimals is None else interval_in(e, lambda x: value_text(m, x))


def mover(kind: Comparison) -> str:
    """The method of a pair."""
    return "MOVER-R" if kind.startswith("ratio") else "MOVER"


def of_claims(claims: int) -> str:
    """How many comparisons with another side hold together, in words."""
    return "" if claims == 1 else f", Šidák for {claims} groups on the inner side"
