"""From readings of groups to findings: everybody, the worst group, the gap; and one plain sentence each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue.index import METRICS
from auditkit.errors import listing
from auditkit.fairness.families.basis import Basis, Positions
from auditkit.fairness.families.family import GroupFamily, number
from auditkit.fairness.scores.statements import statement
from auditkit.fairness.scores.values import Reading
from auditkit.records import Comparison, Concern, Estimate, State
from auditkit.stats.comparisons import Comparisons, Quantity, of_each
from auditkit.stats.pvalues import FamilyInterval, family_quantile
from auditkit.stats.rates import Floats, critical_value


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
        """See `GroupFamily`."""
        return statement(self.metric, kind, self, e, found)

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
        return f"Šidák towards the other groups, else plain: {self.readings[found.first].method}"

    def too_few(self) -> tuple[str, State]:
        """Why several groups are no two that can be compared."""
        sparse = any(r.state == "sparse" for r in self.readings)
        note = f"{len(self.positions)} of {len(self.groups)} groups has enough rows to be compared"
        return note, "sparse" if sparse else "undefined"

    def mde(self) -> float | None:
        """(q + z₈₀) × the standard error of the hardest pair; z₈₀ is the two-sided value of 60 %."""
        worst = sorted((self.readings[i].error for i in self.positions), reverse=True)[:2]
        q = family_quantile(self.level, len(self.positions))
        return number((q + critical_value(0.6)) * math.hypot(*worst))

    def notes(self, kind: Comparison, found: FamilyInterval | None) -> tuple[str, ...]:
        """See `GroupFamily`; what score bins leave open, too."""
        told = []
        if found is not None and kind == "difference" and len(self.groups) > 2:
            told.append(f"driven by {self.name(found.first)} against {self.name(found.second)}")
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
            whose = "" if found is None else f", that of {self.name(found.first)},"
            of = f"the {'largest' if comparison == 'group_max' else 'smallest'} of {groups}{whose}"
        return [f"{METRICS[self.metric].title}: {of} is from score bins: within {off:.1g} of its value over rows"]
