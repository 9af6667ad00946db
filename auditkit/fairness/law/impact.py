"""Impact ratios of groups, each against the highest rate: the numbers behind the tables that laws ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue.sentences import group_words
from auditkit.fairness.families.estimates import Family
from auditkit.fairness.law.laws import Selections
from auditkit.fairness.sets import Attributes
from auditkit.question import SPARSE
from auditkit.stats import comparisons, fisher
from auditkit.stats.comparisons import Quantity
from auditkit.stats.rates import Floats, rate


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
        known, unknown = selections.parted()
        total, share = int(selections.rows.sum()), Fraction(minimum_share).limit_denominator(10_000)
        included = known.rows * share.denominator >= share.numerator * total
        return cls(by, *known, int(unknown.rows.sum()), included, level)

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
        return group_words(self.by, self.groups[position])

    def tested(self) -> Comparisons:
        """Limits of each ratio to the highest rate and p of equality; none for the highest itself."""
        low, high, p, mid = (np.full(len(self.rows), np.nan) for _ in range(4))
        top, k, n = self.top, self.selected, self.rows
        if top is None:
            return Comparisons(low, high, p, mid)
        others = self.included & (np.arange(len(n)) != top)
        mid[others] = fisher.mid_p(k[others], n[others], k[top], n[top])
        tested = np.flatnonzero(others & self.large)
        if self.large[top] and len(tested):
            claims = int(self.large.sum())
            found = comparisons.Comparisons(self._own(tested), claims, self.level, other=self._own([top])).each("ratio")
            high[tested] = np.minimum(1.0, found.high)
            low[tested] = np.minimum(found.low, high[tested])
            for i in tested.tolist():
                pair = comparisons.Comparisons(self._own([i, top]), claims, self.level)
                p[i] = pair.p_value("ratio", 1.0, above=False)
        return Comparisons(low, high, p, mid)

    def _own(self, at: Sequence[int] | NDArray[np.intp]) -> Quantity:
        k, n = self.selected[at], self.rows[at]
        return lambda q, method: method(k, n, q)
