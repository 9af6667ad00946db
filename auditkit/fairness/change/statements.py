"""What changed from an older model to a newer one, in one plain sentence, computed from the numbers and intervals.

A change of nothing is "the same", and what is not established is never called worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from auditkit.catalogue.index import METRICS
from auditkit.formatting import confidence, interval, percent, points
from auditkit.records import Comparison, Estimate


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


def worse(metric: str, kind: Comparison) -> bool | None:
    """Whether a change beyond 0 on that side is for the worse; None where neither side is.

    >>> worse("accuracy", "lowest_change"), worse("false_positive_rate", "lowest_change"), worse("selection_rate",
    ... "lowest_change")
    (True, False, None)
    """
    direction = METRICS[metric].direction
    if direction not in ("higher is better", "lower is better"):
        return None
    return (direction == "higher is better") is (kind == "lowest_change")


def sides(metric: str) -> tuple[Comparison, ...]:
    """The changes that can be for the worse: the lowest, the highest, or, where all that is asked is that groups are
    alike, both."""
    if worse(metric, "lowest_change") is None:
        return ("lowest_change", "highest_change")
    return ("lowest_change",) if worse(metric, "lowest_change") else ("highest_change",)


def beyond(kind: Comparison, e: Estimate) -> bool:
    """Whether some group surely changed to that side."""
    if kind == "lowest_change":
        return e.high is not None and e.high < 0
    return e.low is not None and e.low > 0


def of_extreme(
    metric: str, by: Sequence[str], kind: Comparison, e: Estimate, sure: Side, far: Side, *, alike: bool
) -> str:
    """The lowest or the highest change over groups, or that of everybody (`by=()`)."""
    m = METRICS[metric]
    down = kind == "lowest_change"
    if beyond(kind, e):
        verdict = {True: ", worse than before", False: ", better than before", None: ""}[worse(metric, kind)]
        return f"{m.head}: {_of_side(sure)}{verdict}."
    word = {True: "worse", False: "better", None: "fewer" if down else "more"}[worse(metric, kind)]
    ruled = e.low if down else e.high
    unseen = "" if ruled is None else _ruled_out(abs(ruled), down, by, e.level)
    if alike:
        return f"{m.head}: the same; both models decide all of these rows alike{unseen}."
    who = f"no group of {' and '.join(by)} is" if by else "it is not"
    return f"{m.head}: {who} shown to be {word} than before ({_of_side(far)}{unseen})."


def _ruled_out(size: float, down: bool, by: Sequence[str], level: float) -> str:
    what = "fall" if down else "rise"
    where = " of any group" if by else ""
    return f"; at {confidence(level)} a {what}{where} of more than {points(size)} points is ruled out"


def _of_side(s: Side) -> str:
    who = f"{s.group} " if s.group else ""
    change = f"{points(abs(s.estimate.value or 0.0))} points {'fewer' if (s.estimate.value or 0.0) < 0 else 'more'}"
    if not s.estimate.value:
        change = "no change"
    return f"{who}{percent(s.old)} before, {percent(s.new)} now, {change} ({interval(s.estimate, 'difference')})"


def of_gap(metric: str, by: Sequence[str], e: Estimate, sure: Pair, far: Pair) -> str:
    """Whether a gap between groups grew."""
    m = METRICS[metric]
    told = sure if beyond("gap_change", e) else far
    gap = f"between {told.groups[0]} and {told.groups[1]} it was {points(told.old)} points and is {points(told.new)}"
    size = f"{points(abs(told.estimate.value or 0.0))} points"
    bounds = interval(told.estimate, "difference")
    if beyond("gap_change", e):
        return f"{m.head}: a gap grew; {gap}, {size} more ({bounds})."
    unseen = "" if e.high is None else f"; growth of more than {points(max(0.0, e.high))} points is ruled out"
    return f"{m.head}: no gap between groups of {' and '.join(by)} is shown to have grown ({gap}{unseen})."


def equivalence(margin: float, level: float) -> str:
    """The smallest margin within which every group is the same, as a note."""
    return (
        f"equivalence: every group is the same within {points(margin)} points or more, by two one-sided tests at "
        f"{confidence(1 - level)} each; a smaller margin would not pass"
    )
