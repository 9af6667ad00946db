"""Composites over weighted or dependent rows: the same formulas, at the effective counts of their rates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from auditkit.errors import EvidenceError
from auditkit.evidence.tally import Tally
from auditkit.fairness.families.composites import COMPOSITES, CompositeFamily
from auditkit.fairness.families.dispersion import DISPERSIONS
from auditkit.fairness.families.weighted import Positions, RateSums, WeighedBasis
from auditkit.question import SPARSE
from auditkit.records import Comparison, Estimate
from auditkit.stats import contrasts, effective, families
from auditkit.stats.contrasts import Method, Quantity
from auditkit.stats.families import FamilyInterval
from auditkit.stats.rates import Floats, Limits, critical_value, sidak_value, wilson

_TN, _FP, _FN, _TP = (0, 0), (0, 1), (1, 0), (1, 1)


class CompositeFormula(NamedTuple):
    """What a composite is made of: one rate, transformed, or the mean of two."""

    rates: tuple[tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]], ...]
    """Numerator and denominator of each rate, as cells of truth and decision."""
    transform: Callable[[Floats], Floats] = lambda x: x


FORMULAS = {
    "f1": CompositeFormula((((_TP,), (_TP, _FP, _FN)),), lambda j: 2 * j / (1 + j)),
    "treatment_equality": CompositeFormula((((_FN,), (_FN, _FP)),)),
    "balanced_accuracy": CompositeFormula((((_TP,), (_FN, _TP)), ((_TN,), (_TN, _FP)))),
    "average_odds": CompositeFormula((((_TP,), (_FN, _TP)), ((_FP,), (_TN, _FP)))),
}
"""Composites that effective counts serve; the draws of MCC need a table of independent, equally weighted rows."""
NOT_SERVED = "its interval needs independent rows that all count alike: no interval with weights or clusters is known"


@dataclass(frozen=True)
class WeightedComposite(WeighedBasis, CompositeFamily):
    """One composite in K crossed groups of weighted or dependent rows; `tables` and `n` count rows."""

    @property
    def limits(self) -> Limits:
        """(K,) values and their own limits at `level`."""
        each = np.array([critical_value(self.level, df) for df in self._each_df()])
        return self._combined([p.counts for p in self.parts], self._within(self.parts), each)

    def own(self, where: Positions) -> Quantity:
        """The quantity in the groups at these positions."""
        rho = self._within(self.parts)
        counts = [tuple(x[where] for x in p.counts) for p in self.parts]
        within = None if rho is None else rho[where]
        return lambda q, method: self._combined(counts, within, q, method)

    def rest(self, where: Positions) -> Quantity:
        """The quantity in all other groups of these positions, taken together, for each of them."""
        others = [p.others(where) for p in self.parts]
        within = self._within(others)
        return lambda q, method: self._combined([p.counts for p in others], within, q, method)

    @property
    def errors(self) -> Floats:
        """(K, R) errors of the rate, or of the mean of both."""
        return np.asarray(sum(p.errors for p in self.parts))

    def rest_errors(self, where: Positions) -> Floats:
        """(len(where), R) errors of the rest of each."""
        return np.asarray(sum(p.others(where).errors for p in self.parts))

    def estimate(self, i: int) -> Estimate:
        """The estimate of one group."""
        degrees = "" if self.clusters is None else f", t with {self._each_df()[i]:.0f} df"
        return self.qualified(i, super().estimate(i), degrees)

    def interval(self, kind: Comparison, *, inner: float | None = None, outer: float | None = None) -> FamilyInterval:
        """As of independent rows, with the clusters' degrees of freedom and correlations."""
        where, level, df = np.flatnonzero(self.kept), self.level, self.df
        own, k = self.own(where), len(where)
        z = critical_value(level, df) if outer is None else outer
        if kind in ("difference", "ratio"):
            q = families.family_quantile(level, k, df) if inner is None else inner
            if kind == "ratio":
                return contrasts.ratio(own, k, level=level, inner=q, outer=z, rho=self.correlations(where))
            most = COMPOSITES[self.metric].most
            return contrasts.difference(own, k, level=level, most=most, inner=q, outer=z, rho=self.correlations(where))
        q = sidak_value(level, k, df) if inner is None else inner
        return contrasts.extreme(own, k, level=level, largest=kind == "group_max", inner=q, outer=z)

    def estimate_of(self, found: FamilyInterval, method: str) -> Estimate:
        """A family interval as an estimate."""
        return super().estimate_of(found, method + self.suffix)

    def _each_df(self) -> list[float]:
        """(K,) degrees of freedom of each group's own value."""
        if self.clusters is None:
            return [np.inf] * len(self.groups)
        return [max(1.0, float(g - 1)) for g in self.clusters]

    def _within(self, parts: Sequence[RateSums]) -> Floats | None:
        """(K,) correlation of both rates within each group, where rows are dependent."""
        if len(parts) < 2 or self.clusters is None:
            return None
        return effective.correlations(parts[0].errors, parts[1].errors)

    def _combined(
        self, counts: Sequence[tuple[Floats, ...]], rho: Floats | None, q: Any, method: Method = wilson
    ) -> Limits:
        each = [method(k, n, q) for k, n in counts]
        if len(each) == 1:
            return Limits(*(FORMULAS[self.metric].transform(x) for x in each[0]))
        return _mean(each[0], each[1], rho)


def weighted_composite(
    tally: Tally, metric: str, by: Sequence[str], *, level: float, min_n: int = SPARSE
) -> WeightedComposite:
    """Read off a weighted or clustered tally; EvidenceError for a composite that effective counts do not serve."""
    if metric not in FORMULAS:
        raise EvidenceError(f"'{metric}': {NOT_SERVED}")
    counts, sums = tally.counts(*by), tally.sums(*by)
    parts = tuple(RateSums.of(sums, numerator, denominator) for numerator, denominator in FORMULAS[metric].rates)
    return WeightedComposite(
        metric, tuple(by), counts.groups, counts.table[:, 1:, 1:], level, min_n, parts=parts, weighted=tally.weighted
    )


def served(tally: Tally, metric: str) -> bool:
    """Whether a metric has an interval over the rows of this tally."""
    return not (tally.weighted or tally.clusters is not None) or serves(metric)


def serves(metric: str) -> bool:
    """Whether weighted or dependent rows give it an interval."""
    return metric in FORMULAS or not (metric in COMPOSITES or metric in DISPERSIONS)


def _mean(a: Limits, b: Limits, rho: Floats | None) -> Limits:
    """½ (a + b): MOVER, with the correlation of both."""
    p = (a.p + b.p) / 2
    below, above = (a.p - a.low, b.p - b.low), (a.high - a.p, b.high - b.p)
    both = 0.0 if rho is None else rho
    low, high = (np.sqrt(np.maximum(x * x + y * y + 2 * both * x * y, 0.0)) / 2 for x, y in (below, above))
    return Limits(p, p - low, p + high)
