"""From readings of groups to findings: everybody, the worst group, the gap; and one plain sentence each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue import sentences
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.metric import Metric
from auditkit.catalogue.sentences import is_established
from auditkit.errors import listing
from auditkit.fairness.families.basis import Basis, Positions
from auditkit.fairness.families.family import GroupFamily
from auditkit.fairness.scores.values import Reading
from auditkit.formatting import confidence, interval_in, lower_first, points, quantity, quotient
from auditkit.records import Comparison, Concern, Estimate, State
from auditkit.stats.comparisons import Comparisons, Quantity, of_each
from auditkit.stats.pvalues import FamilyInterval
from auditkit.stats.rates import Floats


@dataclass(frozen=True)
class Readings(GroupFamily):
    """One metric in K crossed groups, by a reading of each."""

    metric: str
    by: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    readings: tuple[Reading, ...]
    level: float
    basis = Basis(())
    most = math.inf

    def concern(self, kind: Comparison) -> Concern:
        """See `GroupFamily`; ranking as there, the rest is a matter of calibration."""
        return "calibration" if "calibration" in self.metric else super().concern(kind)

    def said(self, kind: Comparison, e: Estimate, found: FamilyInterval | None, other: str = "") -> str:
        """See `GroupFamily`; of a gap short, with the groups; one that may be chance names nobody."""
        m = METRICS[self.metric]
        if e.value is None:
            return f"{m.title}: {sentences.incomparable(self.by, e.note) if self.by else f'undefined; {e.note}.'}"
        one = m.wording.one.format(x=_written(m, e.value))
        if kind == "overall":
            head = "No miscalibration is established: " if _may_be_chance(m, e) else ""
            return f"{head}{lower_first(one) if head else one}. {_sure(m, e)}"
        assert found is not None
        if kind != "difference":
            which, groups = "lowest" if kind == "group_min" else "highest", sentences.groups_of(self.by)
            if _may_be_chance(m, e):
                return (
                    f"{m.title}: none is established in any group of {' and '.join(self.by)}. "
                    f"The {which} value is {_written(m, e.value)}. {_sure(m, e)}"
                )
            far, sure = self.named(found.far), self.named(found.sure)
            told = f"{one} for {far.groups[0]}, the {which} value of the {groups}. {_sure(m, far.estimate)}"
            if sure.groups == far.groups:
                return told
            also = m.wording.one.format(x=_written(m, sure.values[0]))
            return f"{told} Surest: {lower_first(also)} for {sure.groups[0]}. {_sure(m, sure.estimate)}"
        sure = self.named(found.sure)
        own = sure.estimate if is_established(kind, e) else e
        bounds = interval_in(own, quotient if m.unit == "number" else points)
        if not is_established(kind, e):
            return sentences.no_gap(m.title, self.by, bounds, unseen=None if e.unseen is None else _gap(m, e.unseen))
        (low, high), (x, y) = sure.groups, (_written(m, value) for value in sure.values)
        told = m.wording.two.format(low=low, high=high, x=x, y=y)
        return f"{told}. The gap is {_gap(m, own.value or 0.0)} ({bounds})."

    def overall(self) -> Estimate:
        """See `GroupFamily`."""
        return self.estimate(0)

    def estimate(self, i: int) -> Estimate:
        """The estimate of one group."""
        return self.readings[i].estimate(self.level)

    @cached_property
    def values(self) -> Floats:
        """(K,) point values."""
        return np.array([r.value for r in self.readings], dtype=np.float64)

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """(K,)"""
        return np.array([r.rows for r in self.readings], dtype=np.int64)

    @property
    def n(self) -> NDArray[np.int64]:
        """(K,) rows; each reading says itself whether they are enough."""
        return self.rows

    @property
    def large(self) -> NDArray[np.bool_]:
        """(K,) groups whose reading may be compared."""
        return np.array([r.kept for r in self.readings], dtype=bool)

    def own(self, where: Positions) -> Quantity:
        """The readings of the groups at these positions."""
        return of_each([(self.readings[i].value, self.readings[i].limits) for i in where])

    def p_value(self, kind: Comparison, limit: float, *, above: bool) -> float | None:
        """See `GroupFamily`; of everybody, a sparse reading too."""
        if kind == "overall":
            known = self.readings[0].state != "undefined"
            return (
                Comparisons(self.own(np.arange(1)), 1, self.level).p_value(kind, limit, above=above) if known else None
            )
        return super().p_value(kind, limit, above=above)

    def estimate_of(self, found: FamilyInterval, kind: Comparison, claims: int | None = None) -> Estimate:
        """See `GroupFamily`; coarse where a reading is."""
        coarse = [self.name(int(i)) for i in self.positions if self.readings[i].state == "coarse"]
        more = {"state": "coarse", "note": f"coarse score bins in {listing(coarse)}"} if coarse else {}
        return super().estimate_of(found, kind, claims).model_copy(update={"denominator": None, **more})

    def method(self, kind: Comparison, found: FamilyInterval, claims: int | None) -> str:
        """How the interval of a comparison is made, in words."""
        if kind == "difference":
            return f"MOVER of all pairs of: {self.readings[self.positions[0]].method}"
        return f"Šidák towards the other groups, else plain: {self.readings[found.far.first].method}"

    def too_few(self) -> tuple[str, State]:
        """Why several groups are no two that can be compared."""
        sparse = any(r.state == "sparse" for r in self.readings)
        note = f"{len(self.positions)} of {len(self.groups)} groups has enough rows to be compared"
        return note, "sparse" if sparse else "undefined"

    def notes(self, kind: Comparison, found: FamilyInterval | None) -> tuple[str, ...]:
        """See `GroupFamily`; what score bins leave open, too."""
        told = []
        told += self._of_bins(kind, found)
        for state, words in (("sparse", "left out, too few to tell"), ("undefined", "undefined")):
            names = [self.name(i) for i, r in enumerate(self.readings) if r.state == state]
            if names:
                told.append(f"{words}: {listing(names)}")
        return tuple(told)

    def _of_bins(self, comparison: Comparison, found: FamilyInterval | None) -> list[str]:
        """What score bins leave open of a comparison of groups, and of which."""
        bounds = sorted((r.bound for r in self.readings if r.kept), reverse=True)[:2]
        if not any(bounds):
            return []
        off = sum(bounds) if comparison == "difference" else bounds[0]
        groups = f"groups of {' and '.join(self.by)}"
        of = f"the gap between {groups}"
        if comparison != "difference":
            whose = "" if found is None else f", that of {self.name(found.far.first)},"
            of = f"the {'largest' if comparison == 'group_max' else 'smallest'} of {groups}{whose}"
        return [f"{METRICS[self.metric].title}: {of} is from score bins: within {off:.1g} of its value over rows"]


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
