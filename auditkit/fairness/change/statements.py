"""What changed from an older model to a newer one, in one plain sentence, computed from the numbers and intervals.

A change of nothing is "the same", and what is not established is never called worse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from auditkit.catalogue.for_worse import beyond, worse
from auditkit.catalogue.index import METRICS
from auditkit.formatting import confidence, interval, interval_in, percent, plain, points
from auditkit.records import Comparison, Estimate


class Written(NamedTuple):
    """How a quantity is written: its values, sizes of changes, and intervals of changes."""

    value: Callable[[float], str]
    size: Callable[[float], str]
    bounds: Callable[[Estimate], str]


SHARES = Written(percent, lambda x: f"{points(x)} points", lambda e: interval(e, "difference"))
NUMBERS = Written(plain, plain, lambda e: interval_in(e, plain))


class Side(NamedTuple):
    """One group, before and now."""

    group: str
    """Its name; empty for everybody."""
    old: float
    new: float
    estimate: Estimate
    """Of the change, with its own interval at the value at which all groups hold together."""


class Pair(NamedTuple):
    """Two groups, and how far apart they were and are."""

    groups: tuple[str, str]
    old: float
    new: float
    estimate: Estimate
    """Of the growth of their gap."""


_NAMES = {"lowest_change": "lowest change", "highest_change": "highest change", "gap_change": "growth of the gap"}


def title(metric: str, kind: Comparison, by: Sequence[str]) -> str:
    """A few words for a list.

    >>> title("accuracy", "gap_change", ["sex"])
    'Accuracy, growth of the gap, sex'
    """
    name = _NAMES[kind] if by else "change"
    return ", ".join((METRICS[metric].title, name, " and ".join(by) or "overall"))


def of_extreme(
    metric: str,
    by: Sequence[str],
    kind: Comparison,
    e: Estimate,
    sure: Side,
    far: Side,
    *,
    alike: bool,
    written: Written = SHARES,
) -> str:
    """The lowest or the highest change over groups, or that of everybody (`by=()`)."""
    m, down = METRICS[metric], kind == "lowest_change"
    bound = e.low if down else e.high
    other: Comparison = "highest_change" if down else "lowest_change"
    if beyond(kind, e):
        return f"{m.head}: {_of_side(sure, written)}{_verdict(worse(metric, kind))}."
    if beyond(other, e):  # the one that changed least to that side changed to the other
        all_of = f"every group of {' and '.join(by)} changed to one side; least " if by else ""
        return f"{m.head}: {all_of}{_of_side(far, written)}{_verdict(worse(metric, other))}."
    ruled = "" if bound is None else _ruled_out(written.size(abs(bound)), down, by, e.level)
    if alike:
        return f"{m.head}: the same; both models decide all of these rows alike{ruled}."
    word = {True: "worse", False: "better", None: "lower" if down else "higher"}[worse(metric, kind)]
    if not by:
        return f"{m.head}: {_of_side(far, written)}, not shown to be {word} than before{ruled}."
    which = f"{'lowest' if down else 'highest'} change {_of_side(far, written)}"
    return f"{m.head}: no group of {' and '.join(by)} is shown to be {word} than before; {which}{ruled}."


def _verdict(for_worse: bool | None) -> str:
    return {True: ", worse than before", False: ", better than before", None: ""}[for_worse]


def _ruled_out(size: str, down: bool, by: Sequence[str], level: float) -> str:
    what = "fall" if down else "rise"
    where = " of any group" if by else ""
    return f"; a {what}{where} of more than {size} is ruled out ({confidence(level)})"


def _of_side(s: Side, written: Written) -> str:
    value = s.estimate.value or 0.0
    change = f"{written.size(abs(value))} {'less' if value < 0 else 'more'}" if value else "no change"
    who = f"{s.group} " if s.group else ""
    return f"{who}{written.value(s.old)} before, {written.value(s.new)} now, {change} ({written.bounds(s.estimate)})"


def of_gap(metric: str, by: Sequence[str], e: Estimate, sure: Pair, far: Pair, *, written: Written = SHARES) -> str:
    """Whether a gap between groups grew."""
    m = METRICS[metric]
    told = sure if beyond("gap_change", e) else far
    gap = f"between {told.groups[0]} and {told.groups[1]} it was {written.size(told.old)} and is"
    gap = f"{gap} {written.size(told.new)}"
    if beyond("gap_change", e):
        grown = written.size(abs(told.estimate.value or 0.0))
        return f"{m.head}: a gap grew; {gap}, {grown} more ({written.bounds(told.estimate)})."
    unseen = "" if e.high is None else f"; growth of more than {written.size(max(0.0, e.high))} is ruled out"
    return f"{m.head}: no gap between groups of {' and '.join(by)} is shown to have grown ({gap}{unseen})."


def equivalence(margin: float, level: float, written: Written = SHARES) -> str:
    """The smallest margin within which every group is the same, as a note."""
    return (
        f"equivalence: every group is the same within {written.size(margin)} or more, by two one-sided tests at "
        f"{confidence(1 - level)} each; a smaller margin would not pass"
    )
