"""The basis of weighted or dependent rows: effective counts, Student's t, and the correlation of groups.

A rate is Σ_success w / Σ w. Its limits are those of a plain rate with n* rows: n* = min(p(1 − p)/V, (Σw)²/Σw²).
Clusters give V from replicates, times G/(G − 1) of G equal ones, Student's t with G − 1 degrees of freedom in place of
z, what unequal ones are worth in their place (`evidence.sizes`), and a correlation between groups that share clusters.
Strata give V within strata.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from auditkit.evidence.clusters import REPLICATES
from auditkit.evidence.distinct import Cells, Seen
from auditkit.evidence.sizes import Clusters
from auditkit.evidence.tally_sums import Sums
from auditkit.fairness.families.basis import Basis, Positions
from auditkit.fairness.families.rates import cells_of
from auditkit.question import SPARSE
from auditkit.records import Estimate
from auditkit.stats import effective
from auditkit.stats.rates import Floats, critical_value, rate

FEWEST_CLUSTERS = 10
"""A group with fewer effective clusters is too few to judge, however many rows it has."""
NO_INTERVAL = 2
"""Below so many effective clusters no interval is told."""
OR_CLUSTERS = f" or fewer than {FEWEST_CLUSTERS} clusters"
_NEARLY = 1 - 1e-9
"""Equal weights add up to n but for rounding."""
Rate = tuple[Cells, Cells]
"""Numerator and denominator, as cells of truth and decision."""


@dataclass(frozen=True)
class RateSums:
    """Weighted sums behind one rate in K groups; failures are what is counted and no success."""

    success: Floats
    """(K,) Σw."""
    failure: Floats
    success2: Floats
    """(K,) Σw²."""
    failure2: Floats
    scale: NDArray[np.int64]
    """(K,) the weights are in units of 2^scale."""
    drawn: tuple[Floats, Floats] | None = None
    """(K, R) what is drawn of successes and failures (`Sums.drawn`), about its mean; None if nothing is."""
    measure: Floats | None = None
    """(R,) by which its squares count."""
    within: tuple[Floats, Floats] | None = None
    """(K,) Σw² of successes and failures as it counts within strata; None without strata."""
    people: tuple[Floats, Floats] | None = None
    """(K,) Σw of successes and failures, times the clusters of the row; None without clusters."""
    seen: Seen | None = None
    """The clusters of the groups; None without clusters, and where they are not counted again."""
    numerator: Cells = ()
    cells: Cells = ()
    """What is counted."""

    @classmethod
    def of(cls, sums: Sums, numerator: Cells, denominator: Cells) -> RateSums:
        """The sums of a rate given by its cells, read off a tally's."""
        other = [c for c in denominator if c not in set(numerator)]

        def both(table: Floats | None) -> tuple[Floats, Floats] | None:
            if table is None:
                return None
            return cells_of(table, numerator), cells_of(table, other)

        w, w2, drawn, within, people = map(both, (sums.w, sums.w2, sums.drawn, sums.within, sums.people))
        assert w is not None, "every cell has a weight"
        assert w2 is not None, "every cell has a weight"
        if drawn is not None and people is not None:
            assert sums.measure is not None, "what is drawn has a measure"
            pairs = sums.measure < 0
            mean = (p[:, None] - np.outer(x, pairs) for p, x in zip(people, w, strict=True))
            drawn = drawn[0] - next(mean), drawn[1] - next(mean)
        cells = tuple(numerator), tuple(denominator)
        return cls(*w, *w2, sums.scale, drawn, sums.measure, within, people, sums.seen, *cells)

    def others(self, where: Positions) -> RateSums:
        """For each of these positions, the sums of the other ones together; clusters are not counted again."""
        scale = np.tile(self.scale[where], (len(where), 1))
        scale[np.eye(len(where), dtype=bool)] = np.iinfo(np.int32).min
        largest = scale.max(axis=1, initial=np.iinfo(np.int32).min)
        rows = np.zeros((len(where), len(self.success)))
        rows[:, where] = np.ldexp(1.0, np.maximum(scale - largest[:, None], -3_000)) * (1 - np.eye(len(where)))
        success, failure = rows @ self.success, rows @ self.failure
        return RateSums(
            success,
            failure,
            rows**2 @ self.success2,
            rows**2 @ self.failure2,
            largest,
            None if self.drawn is None else (rows @ self.drawn[0], rows @ self.drawn[1]),
            self.measure,
            None if self.within is None else (rows**2 @ self.within[0], rows**2 @ self.within[1]),
            None if self.people is None else (rows @ self.people[0], rows @ self.people[1]),
        )

    @property
    def total(self) -> Floats:
        """(K,) Σw of all that is counted, in units of the largest weights of all groups."""
        largest = self.scale.max() if len(self.scale) else 0
        return np.asarray(np.ldexp(self._own, self.scale - largest))

    @property
    def _own(self) -> Floats:
        """(K,) the same in each group's own units."""
        return self.success + self.failure

    @property
    def p(self) -> Floats:
        """(K,) rates, NaN where nothing is counted."""
        return rate(self.success, self._own)

    @property
    def rows(self) -> Floats:
        """(K,) Kish's number of rows that count alike, (Σw)²/Σw², whatever their outcomes."""
        return effective.kish(self._own, self.success2 + self.failure2)

    @cached_property
    def counts(self) -> tuple[Floats, Floats]:
        """(K,) effective numerators and denominators, p n* and n*."""
        sums = (self.success, self.failure, self.success2, self.failure2)
        n = effective.effective_rows(*sums)
        if self.within is not None:
            n = effective.stratified_rows(n, self.variance, effective.weighted_variance(*sums), self._uncentred)
        elif self.drawn is not None:
            variance = self.variance * self.clusters.inflation * self._of_two
            n = effective.clustered_rows(self.p, n, variance, self.clusters.n, self._rarer)
        return np.where(self.failure == 0, n, np.nan_to_num(self.p) * n), n

    @cached_property
    def errors(self) -> Floats:
        """(K, R) what each replicate adds to the rates."""
        assert self.drawn is not None, "only clusters and strata are drawn"
        return effective.errors(self.success, self.failure, *self.drawn)

    @cached_property
    def variance(self) -> Floats:
        """(K,) of the rates, by what is drawn."""
        assert self.measure is not None, "only clusters and strata are drawn"
        found = effective.mean_square(self.errors, self.measure)
        if self.within is not None:
            return np.maximum(self._uncentred + found, 0.0)
        people = np.maximum(self.measure, 0.0)
        return np.maximum(found, effective.mean_square(self.errors, people) / 2)

    @property
    def _uncentred(self) -> Floats:
        """(K,) the variance within strata but for what the means of the strata take off it."""
        assert self.within is not None, "of strata"
        return np.nan_to_num(effective.weighted_variance(self.success, self.failure, *self.within))

    @cached_property
    def clusters(self) -> Clusters:
        """What the clusters are worth, by the sizes of all where these are known, else by the replicates."""
        assert self.drawn is not None, "of clusters"
        assert self.people is not None, "of clusters"
        return self._worth(self.cells, self.people[0] + self.people[1], self.drawn[0] + self.drawn[1])

    @property
    def _of_two(self) -> Floats:
        """(K,) by what the variance falls short beyond that, where rows are of two people.

        With ψ_i what person i adds to each of their d rows, the mean of all takes 2/n of it off the residual of these:
        Σ (residual)² is 1 − 4/n of what it stands for, of which n/(n − 1) gives a part back, and n/(n − 3) the rest. Of
        rows of one person nothing is lacking; between, by the share of rows of two.
        """
        assert self.people is not None, "of clusters"
        n = self.clusters.n
        two = rate(self.people[0] + self.people[1], self._own) - 1
        return np.asarray((n / np.maximum(n - 3, 1)) ** np.nan_to_num(two))

    @cached_property
    def _rarer(self) -> Floats:
        """(K,) effective clusters of successes, or of failures, whichever are fewer."""
        assert self.drawn is not None, "of clusters"
        assert self.people is not None, "of clusters"
        cells = (self.numerator, tuple(c for c in self.cells if c not in set(self.numerator)))
        both = (self._worth(*side).n for side in zip(cells, self.people, self.drawn, strict=True))
        found: Floats = np.minimum.reduce(list(both))
        return found

    def _worth(self, cells: Cells, people: Floats, drawn: Floats) -> Clusters:
        assert self.measure is not None, "of clusters"
        square = effective.mean_square(drawn, np.maximum(self.measure, 0.0))
        if self.seen is None:
            return Clusters.estimated(people, square, np.full(len(square), np.inf))
        exact = self.seen.worth(cells)
        found = Clusters.estimated(people, square, self.seen.distinct(cells).astype(float))
        return exact.where(~np.isnan(exact.n), found)

    @cached_property
    def shared(self) -> NDArray[np.bool_]:
        """(K, K) whether two groups have a cluster in common; of strata, always."""
        if self.seen is None:
            return np.ones((len(self.success), len(self.success)), dtype=bool)
        return self.seen.shared(self.cells)


@dataclass(frozen=True)
class WeighedBasis(Basis):
    """Weighted rows, dependent rows, rows drawn within strata."""

    parts: tuple[RateSums, ...]
    """The sums of the rates that the quantity is made of."""
    weighted: bool
    large: NDArray[np.bool_]
    """(K,) groups with rows enough to enter comparisons."""
    min_n: int = SPARSE
    """Effective rows that a group needs too."""

    @classmethod
    def of(
        cls, sums: Sums, rates: Sequence[Rate], large: NDArray[np.bool_], *, weighted: bool, min_n: int = SPARSE
    ) -> WeighedBasis:
        """Of rates that are read off a tally's sums."""
        return cls(tuple(RateSums.of(sums, k, n) for k, n in rates), weighted, large, min_n)

    @cached_property
    def clusters(self) -> Floats | None:
        """(K,) effective clusters of the part that has fewest; None without clusters."""
        if self._stratified or not self._drawn:
            return None
        found: Floats = np.minimum.reduce([p.clusters.n for p in self.parts])
        return found

    @cached_property
    def rows(self) -> Floats:
        """(K,) effective rows, by their weights alone, of the part that has fewest."""
        found: Floats = np.minimum.reduce([p.rows for p in self.parts])
        return found

    @property
    def _drawn(self) -> bool:
        return self.parts[0].drawn is not None

    @property
    def _stratified(self) -> bool:
        return self.parts[0].within is not None

    def kept(self, large: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """See `Basis`; with effective rows and clusters enough, too."""
        enough = large & (self.rows >= max(1, self.min_n) * _NEARLY)
        return enough if self.clusters is None else enough & (self.clusters >= FEWEST_CLUSTERS * _NEARLY)

    @cached_property
    def df(self) -> float:
        """Of the group kept that has fewest; ∞ without clusters."""
        kept = self.kept(self.large)
        return math.inf if self.clusters is None or not kept.any() else min(np.array(self._each_df)[kept].tolist())

    def critical(self, level: float) -> Floats:
        """(K,) by the degrees of freedom of each group's own value."""
        return np.array([critical_value(level, df) for df in self._each_df])

    @cached_property
    def _each_df(self) -> list[float]:
        if self.clusters is None:
            return [math.inf] * len(self.large)
        found = np.minimum.reduce([p.clusters.df for p in self.parts])
        return [max(1.0, float(df)) for df in found]

    @cached_property
    def errors(self) -> Floats:
        """(K, R) errors of the quantity over the replicates, up to a factor."""
        return _errors(self.parts)

    def within(self, parts: Sequence[RateSums]) -> Floats | None:
        """See `Basis`."""
        if len(parts) < 2 or not self._drawn:
            return None
        a, b = parts
        return effective.correlations_with(a.errors, b.errors, self._measure, a.variance, b.variance)

    def correlation(self, where: Positions, to: int | None) -> Floats | None:
        """See `Basis`; None where no two groups share a cluster."""
        if not self._drawn:
            return None
        own = self.errors[where], _variance(self.parts)[where]
        if to is not None:
            spans, others = self.parts[0].shared[where, to], np.repeat([to], len(where))
            other = self.errors[others], _variance(self.parts)[others]
        else:
            spans, rest = self._shared(where).any(axis=1), [p.others(where) for p in self.parts]
            other = _errors(rest), _variance(rest)
        rho = effective.correlations_with(own[0], other[0], self._measure, own[1], other[1])
        return np.where(spans, rho, 0.0) if spans.any() else None

    def correlations(self, where: Positions) -> Floats | None:
        """See `Basis`; None where no two groups share a cluster."""
        if not self._drawn:
            return None
        spans = self._shared(where)
        rho = effective.correlations(self.errors[where], self._measure, _variance(self.parts)[where])
        return np.where(spans, rho, 0.0) if spans.any() else None

    @property
    def _measure(self) -> Floats:
        measure = self.parts[0].measure
        assert measure is not None, "of clusters or strata"
        return measure

    def _shared(self, where: Positions) -> NDArray[np.bool_]:
        return self.parts[0].shared[np.ix_(where, where)] & ~np.eye(len(where), dtype=bool)

    def few(self, position: int) -> str:
        """See `Basis`."""
        if self.clusters is not None and self.clusters[position] < FEWEST_CLUSTERS * _NEARLY:
            there = min(int(p.seen.distinct(p.cells)[position]) for p in self.parts if p.seen is not None)
            if there < FEWEST_CLUSTERS:
                return f"only {there} cluster{'s' * (there != 1)}"
            return f"only {_count(self.clusters[position])} effective clusters of {there} that differ in size"
        return f"only {_count(self.rows[position])} effective rows to count"

    @property
    def fewest(self) -> str:
        """See `Basis`."""
        return f"{' (effective)' if self.weighted else ''}{'' if self.clusters is None else OR_CLUSTERS}"

    @property
    def why(self) -> str:
        """What makes n an effective one."""
        drawn = "" if not self._drawn else "strata" if self._stratified else "clusters"
        return " and ".join(w for w in ("weights" if self.weighted else "", drawn) if w)

    @property
    def suffix(self) -> str:
        """What the method of every interval adds."""
        return f"; effective n ({self.why}){_law(self.df)}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the rows."""
        notes = []
        if self.weighted:
            notes.append(
                "rows count by their sampling weights; intervals are those of as many equally weighted rows as have "
                "the same variance, at most (Σw)²/Σw² (wide where weights depend on the outcome); the counts beside "
                "them are rows"
            )
        if self._stratified:
            notes.append("rows were drawn within strata, which variances take account of")
        if self.clusters is not None:
            law = ""
            if math.isfinite(self.df):
                law = (
                    f", and intervals take Student's t with {_count(self.df)} degrees of freedom: one less than the "
                    "clusters of equal size that those of the group with the fewest are worth"
                )
            notes.append(
                f"rows of one cluster are dependent; variances come from {REPLICATES} replicates of the clusters{law}"
            )
        return tuple(notes)

    def qualified(self, position: int, estimate: Estimate) -> Estimate:
        """The estimate of a group, sparse with too few effective rows or clusters, and without limits below two."""
        update = {"method": f"{estimate.method}, effective n ({self.why}){_law(self._each_df[position])}"}
        if estimate.state in ("ok", "sparse") and not self.kept(np.ones(len(self.large), dtype=bool))[position]:
            if estimate.state == "ok":
                update |= {"state": "sparse", "note": f"{self.few(position)}: too few to tell"}
            if self.clusters is not None and self.clusters[position] < NO_INTERVAL * _NEARLY:
                note = f"{self.few(position)}: no interval is known"
                update |= {"low": None, "high": None, "mde": None, "note": note, "method": ""}  # type: ignore[dict-item]
        return estimate.model_copy(update=update)


def _errors(parts: Sequence[RateSums]) -> Floats:
    """(K, R) of one rate, or of the mean of two, up to a factor."""
    return np.asarray(sum(p.errors for p in parts))


def _variance(parts: Sequence[RateSums]) -> Floats:
    """(K,) of the same: what is drawn of both is drawn together, what is not is of other rows."""
    if len(parts) == 1:
        return parts[0].variance
    measure = parts[0].measure
    assert measure is not None, "of clusters or strata"
    together = effective.mean_square(_errors(parts), measure)
    for part in parts:
        together = together + part.variance - effective.mean_square(part.errors, measure)
    return np.asarray(np.maximum(together, 0.0))


def _law(df: float) -> str:
    return f", t with {_count(df)} df" if math.isfinite(df) else ""


def _count(n: float) -> str:
    """Whole, or with one decimal."""
    return f"{n:.1f}".removesuffix(".0")
