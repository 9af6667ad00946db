"""Families over weighted or dependent rows: the same comparisons at effective counts, t, and the groups' correlation.

A rate is Σ_success w / Σ w. Its limits are those of a plain rate with n* = p(1−p)/V rows. Clusters give V from
replicates, Student's t in place of z, and a correlation between groups that share clusters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue.index import METRICS
from auditkit.evidence.clusters import REPLICATES
from auditkit.evidence.distinct import Cells, Seen
from auditkit.evidence.tally import Sums, Tally
from auditkit.fairness.families.basis import Basis
from auditkit.fairness.families.estimates import Family
from auditkit.fairness.families.rates import RateTable
from auditkit.question import SPARSE
from auditkit.records import Comparison, Estimate
from auditkit.stats import effective
from auditkit.stats.contrasts import Quantity
from auditkit.stats.rates import Floats, Limits, critical_value, rate, wilson

FEWEST_CLUSTERS = 10
"""A group with fewer clusters is too few to judge, however many rows it has."""
Positions = NDArray[np.intp]


@dataclass(frozen=True)
class RateSums:
    """Weighted sums behind one rate in K groups; failures are what is counted and no success."""

    success: Floats
    """(K,) Σw."""
    failure: Floats
    success2: Floats
    """(K,) Σw²."""
    failure2: Floats
    drawn: tuple[Floats, Floats] | None = None
    """(K, R) Σw of successes and failures in each replicate; None without clusters."""
    seen: Seen | None = None
    """The clusters of the groups; None without clusters, and where they are not counted again."""
    cells: Cells = ()
    """What is counted."""

    @classmethod
    def of(cls, sums: Sums, numerator: Cells, denominator: Cells) -> RateSums:
        """The sums of a rate given by its cells, read off a tally's."""
        other = [c for c in denominator if c not in set(numerator)]

        def add(table: Floats, cells: Cells) -> Floats:
            return sum((table[:, 1 + t, 1 + d] for t, d in cells), np.zeros((len(table), *table.shape[3:])))

        drawn = None if sums.drawn is None else (add(sums.drawn, numerator), add(sums.drawn, other))
        w, w2 = ((add(x, numerator), add(x, other)) for x in (sums.w, sums.w2))
        return cls(*w, *w2, drawn, sums.seen, tuple(denominator))

    def others(self, where: Positions) -> RateSums:
        """For each of these positions, the sums of the other ones together; clusters are not counted again."""
        rows = np.zeros((len(where), len(self.success)))
        rows[:, where] = 1 - np.eye(len(where))
        drawn = None if self.drawn is None else (rows @ self.drawn[0], rows @ self.drawn[1])
        success, failure = rows @ self.success, rows @ self.failure
        return RateSums(success, failure, rows @ self.success2, rows @ self.failure2, drawn)

    @property
    def total(self) -> Floats:
        """(K,) Σw of all that is counted."""
        return self.success + self.failure

    @property
    def p(self) -> Floats:
        """(K,) rates, NaN where nothing is counted."""
        return rate(self.success, self.total)

    @cached_property
    def counts(self) -> tuple[Floats, Floats]:
        """(K,) effective numerators and denominators, p n* and n*."""
        most = effective.effective_rows(self.success, self.failure, self.success2, self.failure2)
        n = most
        if self.drawn is not None:
            n = effective.clustered_rows(self.p, most, self.errors, self.drawn[0] + self.drawn[1], self.total)
        return np.where(self.failure == 0, n, np.nan_to_num(self.p) * n), n

    @cached_property
    def errors(self) -> Floats:
        """(K, R) what each replicate adds to the rates."""
        assert self.drawn is not None, "only clusters have replicates"
        return effective.errors(self.success, self.failure, *self.drawn)

    @cached_property
    def clusters(self) -> NDArray[np.int64] | None:
        """(K,) clusters counted; None without any."""
        return None if self.seen is None else self.seen.distinct(self.cells)

    @cached_property
    def shared(self) -> NDArray[np.bool_]:
        """(K, K) whether two groups have a cluster in common."""
        assert self.seen is not None, "only clusters can be shared"
        return self.seen.shared(self.cells)


@dataclass(frozen=True)
class WeighedBasis(Basis):
    """Weighted rows, dependent rows, or both; to stand before a family in the list of its bases."""

    parts: tuple[RateSums, ...] = field(kw_only=True)
    """The sums of the rates that the quantity is made of."""
    weighted: bool = field(kw_only=True)

    @property
    def errors(self) -> Floats:
        """(K, R) errors of the quantity over the replicates, up to a factor."""
        return self.parts[0].errors

    @property
    def clusters(self) -> NDArray[np.int64] | None:
        """(K,) clusters of the part that has fewest; None without clusters."""
        counts = [p.clusters for p in self.parts if p.clusters is not None]
        return np.minimum.reduce(counts) if counts else None

    @property
    def kept(self) -> NDArray[np.bool_]:
        """(K,) groups with a denominator, and clusters, enough to enter comparisons."""
        enough: NDArray[np.bool_] = self.n >= max(1, self.min_n)
        return enough if self.clusters is None else enough & (self.clusters >= FEWEST_CLUSTERS)

    @property
    def df(self) -> float:
        """Clusters of the group kept that has fewest, less one; ∞ without clusters."""
        if self.clusters is None or not self.kept.any():
            return math.inf
        return float(self.clusters[self.kept].min() - 1)

    def correlation(self, where: Positions, to: int | None) -> Floats | None:
        """See `Basis`; None where no two groups share a cluster."""
        if self.clusters is None:
            return None
        errors, share = self.errors, self.parts[0].shared
        if to is not None:
            spans = share[where, to]
            rho = effective.correlations(errors[where], np.repeat(errors[[to]], len(where), axis=0))
        else:
            spans = (share[np.ix_(where, where)] & ~np.eye(len(where), dtype=bool)).any(axis=1)
            rho = effective.correlations(errors[where], self.rest_errors(where))
        return np.where(spans, rho, 0.0) if spans.any() else None

    def rest_errors(self, where: Positions) -> Floats:
        """(len(where), R) errors of the rest of each."""
        return self.parts[0].others(where).errors

    def correlations(self, where: Positions) -> Floats | None:
        """(K, K) between these groups; None where no two of them share a cluster."""
        if self.clusters is None:
            return None
        spans = self.parts[0].shared[np.ix_(where, where)] & ~np.eye(len(where), dtype=bool)
        return np.where(spans, effective.correlations(self.errors[where]), 0.0) if spans.any() else None

    def few(self, position: int) -> str:
        """Why the group cannot be judged."""
        if self.clusters is None or self.n[position] < self.min_n:
            return f"only {int(self.n[position])} to count"
        return f"only {int(self.clusters[position])} clusters"

    @property
    def fewest(self) -> str:
        """What keeps a group out of comparisons."""
        rows = f"fewer than {self.min_n} to count"
        return rows if self.clusters is None else f"{rows} or fewer than {FEWEST_CLUSTERS} clusters"

    @property
    def why(self) -> str:
        """What makes n an effective one."""
        if self.clusters is None:
            return "weights"
        return "weights and clusters" if self.weighted else "clusters"

    @property
    def suffix(self) -> str:
        """What the method of every interval adds."""
        law = f", t with {self.df:.0f} df" if math.isfinite(self.df) else ""
        return f"; effective n ({self.why}){law}"

    @property
    def basis(self) -> tuple[str, ...]:
        """What a reader must know of the rows."""
        notes = []
        if self.weighted:
            notes.append(
                "rows count by their sampling weights; intervals are those of as many equally weighted rows as have "
                "the same variance; the counts beside them are rows"
            )
        if self.clusters is not None:
            law = f", Student's t with {self.df:.0f} degrees of freedom" if math.isfinite(self.df) else ""
            notes.append(
                f"rows of one cluster are dependent; variances from {REPLICATES} replicates of the clusters{law}, the "
                "group kept with the fewest clusters less one"
            )
        return tuple(notes)

    def qualified(self, position: int, estimate: Estimate, degrees: str = "") -> Estimate:
        """The estimate of a group, sparse where it has too few clusters."""
        method = f"{estimate.method}, effective n ({self.why}){degrees}"
        clusters = None if self.clusters is None else int(self.clusters[position])
        if clusters is not None and clusters < FEWEST_CLUSTERS and estimate.state == "ok":
            note = f"only {clusters} clusters: too few to tell"
            return estimate.model_copy(update={"method": method, "state": "sparse", "note": note})
        return estimate.model_copy(update={"method": method})


@dataclass(frozen=True)
class WeightedFamily(WeighedBasis, Family):
    """One rate in K crossed groups of weighted or dependent rows; `k` and `n` count rows."""

    @property
    def counts(self) -> tuple[Floats, Floats]:
        """(K,) effective numerators and denominators."""
        return self.parts[0].counts

    def own(self, where: Positions) -> Quantity:
        """The rate in the groups at these positions."""
        k, n = (x[where] for x in self.counts)
        return lambda q, method: method(k, n, q)

    def rest(self, where: Positions) -> Quantity:
        """The rate in all other groups of these positions, taken together, for each of them."""
        k, n = self.parts[0].others(where).counts
        return lambda q, method: method(k, n, q)

    def share(self, where: Positions) -> Floats:
        """(len(where),) of each of these groups in their common sum of weights."""
        total = self.parts[0].total[where]
        out: Floats = total / total.sum()
        return out

    def method(self, kind: Comparison) -> str:
        """How the interval of a comparison is made, in words."""
        return super().method(kind) + self.suffix

    def alone(self) -> Estimate:
        """The estimate of the only group, everybody."""
        return self.by_group()[0].estimate.model_copy(update={"mde": None})

    def _limits(self) -> Limits:
        return wilson(*self.counts, np.array([critical_value(self.level, df) for df in self._each_df()]))

    def _each_df(self) -> list[float]:
        """(K,) degrees of freedom of each group's own rate."""
        if self.clusters is None:
            return [math.inf] * len(self.groups)
        return [max(1.0, float(g - 1)) for g in self.clusters]

    def _qualified(self, position: int, estimate: Estimate) -> Estimate:
        df = self._each_df()[position]
        return self.qualified(position, estimate, f", t with {df:.0f} df" if math.isfinite(df) else "")


def weighted_families(
    tally: Tally, table: RateTable, *, level: float, min_n: int = SPARSE
) -> dict[str, WeightedFamily]:
    """The families of a table of rates that was read off the same tally, by metric."""
    sums = tally.sums(*table.by)
    return {
        m: WeightedFamily(
            by=table.by,
            groups=table.groups,
            rows=table.rows,
            k=table.numerator[i],
            n=table.denominator[i],
            values=table.values[i],
            level=level,
            min_n=min_n,
            parts=(RateSums.of(sums, METRICS[m].numerator, METRICS[m].denominator),),
            weighted=tally.weighted,
        )
        for i, m in enumerate(table.metrics)
    }
