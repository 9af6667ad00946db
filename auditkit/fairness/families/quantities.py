"""A quantity with limits in K crossed groups, as findings: what macro recall and the errors of a regression share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from auditkit.fairness import notes
from auditkit.fairness.families import statements
from auditkit.fairness.families.basis import Basis, Positions
from auditkit.fairness.families.family import GroupFamily, Words, number
from auditkit.fairness.notes import notes_of
from auditkit.question import SPARSE
from auditkit.records import Comparison, Finding
from auditkit.stats.comparisons import Quantity
from auditkit.stats.pvalues import FamilyInterval, family_quantile
from auditkit.stats.rates import Limits, critical_value

LimitsAt = Callable[[float], Limits]
"""Critical value → values of K groups with their limits, NaN where undefined."""
COMPARED: tuple[Comparison, ...] = ("difference", "group_min", "group_max")


@dataclass(frozen=True)
class QuantityFamily(GroupFamily):
    """A quantity with limits of its own in K crossed groups, independent of each other."""

    metric: str
    by: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    rows: NDArray[np.int64]
    """(K,) rows with truth and decision."""
    n: NDArray[np.int64]
    """(K,) what `min_n` is held against; 0 exactly where the quantity is undefined."""
    limits_at: LimitsAt
    words: Words
    level: float
    min_n: int = SPARSE
    most: float = np.inf
    """The largest possible difference."""
    remarks: tuple[str, ...] = ()
    """What a reader must know of the intervals."""
    basis = Basis(())

    def own(self, where: Positions) -> Quantity:
        """The quantity in the groups at these positions."""
        return lambda q, _: Limits(*(x[where] for x in self.limits_at(q)))

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """(K,) point values, NaN where undefined."""
        return self.limits.p

    @property
    def large(self) -> NDArray[np.bool_]:
        """(K,) groups with n large enough, and an interval."""
        return super().large & np.isfinite(self.limits.low)

    def finding(self, kind: Comparison) -> Finding:
        """See `Answer`; over everybody, of concern `performance`."""
        if kind == "overall":
            e = self.estimate(0)
            said = statements.of_everybody(self.metric, e)
            return notes.finding(self.metric, kind, (), e, said, concern="performance", notes=self.remarks)
        e, found = self.comparison(kind)
        said, about = statements.of_comparison(self.metric, kind, self, e, found), self._notes(kind, found)
        return notes.finding(self.metric, kind, self.by, e, said, by_group=self.by_group(), notes=about)

    def _notes(self, kind: Comparison, found: FamilyInterval | None) -> tuple[str, ...]:
        single = [self.name(int(i)) for i in np.flatnonzero(~self.kept & (self.n >= max(1, self.min_n)))]
        without = (f"left out, no interval: {', '.join(single)}",) if single else ()
        return (*notes_of(self, kind, found), *without, *self.remarks)

    def mde(self) -> float | None:
        """(q + z₈₀) × the standard error of the difference of the two least known groups, read off their limits."""
        half = np.sort(((self.limits.high - self.limits.low) / 2)[self.kept])[-2:]
        z = critical_value(self.level)
        q = family_quantile(self.level, int(self.kept.sum()))
        return number(float((q + critical_value(0.6)) / z * np.hypot(*half)))

    def enough(self) -> str:
        """What a group needs to be compared."""
        return f"at least {self.min_n} {self.words.counted}"
