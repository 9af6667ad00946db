"""Sentences about scores. The first of a gap is short and names the groups; one that may be chance names nobody."""

from __future__ import annotations

from auditkit.catalogue import sentences
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.metric import Metric
from auditkit.catalogue.sentences import is_established
from auditkit.fairness.families.family import GroupFamily
from auditkit.formatting import confidence, interval_in, lower_first, points, quantity, quotient
from auditkit.records import Comparison, Estimate
from auditkit.stats.pvalues import FamilyInterval


def statement(
    metric: str, comparison: Comparison, family: GroupFamily, e: Estimate, found: FamilyInterval | None
) -> str:
    """What a finding says."""
    m = METRICS[metric]
    if e.value is None:
        return f"{m.title}: {sentences.incomparable(family.by, e.note) if family.by else f'undefined; {e.note}.'}"
    one = m.wording.one.format(x=_written(m, e.value))
    if comparison == "overall":
        head = "No miscalibration is established: " if _may_be_chance(m, e) else ""
        return f"{head}{lower_first(one) if head else one}. {_sure(m, e)}"
    assert found is not None
    if comparison != "difference":
        which, groups = "lowest" if comparison == "group_min" else "highest", sentences.groups_of(family.by)
        if _may_be_chance(m, e):
            return (
                f"{m.title}: none is established in any group of {' and '.join(family.by)}. "
                f"The {which} value is {_written(m, e.value)}. {_sure(m, e)}"
            )
        return f"{one} for {family.name(found.first)}, the {which} value of the {groups}. {_sure(m, e)}"
    bounds = interval_in(e, quotient if m.unit == "number" else points)
    if not is_established(comparison, e):
        return sentences.no_gap(m.title, family.by, bounds, unseen=None if e.mde is None else _gap(m, e.mde))
    x, y = (_written(m, float(family.values[i])) for i in (found.first, found.second))
    told = m.wording.two.format(low=family.name(found.first), high=family.name(found.second), x=x, y=y)
    return f"{told}. The gap is {_gap(m, e.value)} ({bounds})."


def _written(m: Metric, x: float) -> str:
    """One group's value in words."""
    if m.wording.above:
        return f"{points(abs(x))} points {m.wording.above if x > 0 else m.wording.below}"
    return quantity(x, "overall", of=m.unit)


def _gap(m: Metric, x: float) -> str:
    return quantity(x, "difference", of=m.unit)


def _sure(m: Metric, e: Estimate) -> str:
    """The interval as a sentence."""
    low, high = (quantity(x, "overall", unit=m.unit != "points", of=m.unit) for x in (e.low, e.high))
    of_what = m.wording.interval and f" points, {m.wording.interval}"
    return f"The {confidence(e.level)} interval is {low} to {high}{of_what}."


def _may_be_chance(m: Metric, e: Estimate) -> bool:
    """True where the interval holds what right scores give."""
    return m.right is not None and e.low is not None and e.high is not None and e.low <= m.right <= e.high
