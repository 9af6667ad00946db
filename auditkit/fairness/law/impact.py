"""Impact ratios of groups, each against the highest rate: the numbers behind the tables that laws ask for."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.fairness.families.estimates import Family
from auditkit.fairness.law.laws import Attributes, Selections
from auditkit.question import SPARSE
from auditkit.stats import fisher, pairs, pvalues
from auditkit.stats.pvalues import FamilyInterval, family_quantile
from auditkit.stats.rates import Floats, Limits, jeffreys, rate, wilson


class Comparisons(NamedTuple):
    """Each group against the highest: all (K,), NaN where there is no test."""

    low: Floats
    high: Floats
    p: Floats
    """Of H0: both rates are equal; all pairs of groups as one family."""
    mid_p: Floats
    """Fisher's, of this pair alone."""


@dataclass(frozen=True)
class ImpactRatios:
    """K groups of known attributes, their rates, and their ratios to the highest.

    >>> s = Selections((("f",), ("m",)), np.array([30, 45]), np.array([100, 100]))
    >>> r = ImpactRatios.of(("sex",), s, minimum_share=0.0, level=0.95)
    >>> r.ratio.round(3).tolist(), r.tested().high.round(3).tolist()
    ([0.667, 1.0], [0.959, nan])
    """

    by: Attributes
    groups: tuple[Attributes, ...]
    selected: NDArray[np.int64]
    rows: NDArray[np.int64]
    unknown: int
    """Rows of unknown category: in no group, and part of the data."""
    included: NDArray[np.bool_]
    """(K,) False for groups whose share of the data is below the minimum: they have a rate and no ratio."""
    level: float

    @classmethod
    def of(cls, by: Attributes, selections: Selections, *, minimum_share: float, level: float) -> ImpactRatios:
        """Of the groups all of whose attributes are known; the shares are of all rows, the unknown ones too."""
        known = selections.known()
        rows = selections.rows[known]
        total, share = int(selections.rows.sum()), Fraction(minimum_share).limit_denominator(10_000)
        return cls(
            by,
            tuple(g for g, k in zip(selections.groups, known, strict=True) if k),
            selections.selected[known],
            rows,
            total - int(rows.sum()),
            rows * share.denominator >= share.numerator * total,
            level,
        )

    @property
    def rates(self) -> Floats:
        """(K,)"""
        return rate(self.selected, self.rows)

    @property
    def top(self) -> int | None:
        """Position of the highest rate among the groups included; None where there is no group or nobody selected."""
        if not (self.selected * self.included).any():
            return None
        return int(np.argmax(np.where(self.included, self.rates, -1.0)))

    @property
    def ratio(self) -> Floats:
        """(K,) rate over highest rate; NaN for a group left out, and where nobody is selected."""
        top = self.top
        if top is None:
            return np.full(len(self.rows), np.nan)
        return np.where(self.included, self.rates / self.rates[top], np.nan)

    @property
    def large(self) -> NDArray[np.bool_]:
        """(K,) groups that enter the family: included, and large enough to tell."""
        return self.included & (self.rows >= SPARSE)

    def family(self) -> Family:
        """The groups included as a family of selection rates."""
        at = self.included
        groups = tuple(g for g, kept in zip(self.groups, at, strict=True) if kept)
        rows, rates = self.rows[at], self.rates[at]
        return Family("selection_rate", self.by, groups, rows, self.selected[at], rows, rates, self.level)

    def name(self, position: int) -> str:
        """A group in the data's own labels."""
        return " & ".join(self.groups[position])

    def tested(self) -> Comparisons:
        """Limits of each ratio to the highest rate and p of equality; none for the highest itself."""
        low, high, p, mid = (np.full(len(self.rows), np.nan) for _ in range(4))
        top, kept = self.top, int(self.large.sum())
        if top is None:
            return Comparisons(low, high, p, mid)
        others = [int(i) for i in np.flatnonzero(self.included) if i != top]
        k, n = self.selected, self.rows
        mid[others] = fisher.mid_p(k[others], n[others], k[top], n[top])
        if self.large[top]:
            q = family_quantile(self.level, kept)
            for i in others:
                if self.large[i]:
                    found = self._pair(i, top, q, kept)
                    low[i], high[i] = found.low, found.high
                    p[i] = pvalues.p_value(
                        lambda q, i=i: self._pair(i, top, q, kept),  # type: ignore[misc]
                        1.0,
                        above=False,
                        tail_of=lambda q: pvalues.tail(q, kept, "pairs"),
                    )
        return Comparisons(low, high, p, mid)

    def _pair(self, i: int, top: int, q: float, kept: int) -> FamilyInterval:
        limits = (wilson if kept == 2 else jeffreys)(self.selected[[i, top]], self.rows[[i, top]], q)
        a, b = (Limits(limits.p[[j]], limits.low[[j]], limits.high[[j]]) for j in (0, 1))
        found = pairs.ratio(a, b)
        high = min(1.0, float(found.high[0]))
        return FamilyInterval(float(found.value[0]), min(float(found.low[0]), high), high, i, top)
