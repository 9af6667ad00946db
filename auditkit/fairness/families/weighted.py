"""The basis of weighted or dependent rows: effective counts, Student's t, and the correlation of groups.

A rate is Σ_success w / Σ w. Its limits are those of a plain rate with n* = p(1−p)/V rows. Clusters give V from
replicates, Student's t in place of z, and a correlation between groups that share clusters.
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
from auditkit.evidence.tally import Sums
from auditkit.fairness.families.basis import Basis, Positions
from auditkit.fairness.families.rates import cells_of
from auditkit.records import Estimate
from auditkit.stats import effective
from auditkit.stats.rates import Floats, critical_value, rate

FEWEST_CLUSTERS = 10
"""A group with fewer clusters is too few to judge, however many rows it has."""
OR_CLUSTERS = f" or fewer than {FEWEST_CLUSTERS} clusters"
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
        w, w2 = ((cells_of(x[:, 1:, 1:], numerator), cells_of(x[:, 1:, 1:], other)) for x in (sums.w, sums.w2))
        drawn = None
        if sums.drawn is not None:
            drawn = cells_of(sums.drawn[:, 1:, 1:], numerator), cells_of(sums.drawn[:, 1:, 1:], other)
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
    """Weighted rows, dependent rows, or both."""

    parts: tuple[RateSums, ...]
    """The sums of the rates that the quantity is made of."""
    weighted: bool
    large: NDArray[np.bool_]
    """(K,) groups with rows enough to enter comparisons."""

    @classmethod
    def of(cls, sums: Sums, rates: Sequence[Rate], large: NDArray[np.bool_], *, weighted: bool) -> WeighedBasis:
        """Of rates that are read off a tally's sums."""
        return cls(tuple(RateSums.of(sums, k, n) for k, n in rates), weighted, large)

    @cached_property
    def clusters(self) -> NDArray[np.int64] | None:
        """(K,) clusters of the part that has fewest; None without clusters."""
        counts = [p.clusters for p in self.parts if p.clusters is not None]
        return np.minimum.reduce(counts) if counts else None

    def kept(self, large: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """See `Basis`; with clusters enough, too."""
        return large if self.clusters is None else large & (self.clusters >= FEWEST_CLUSTERS)

    @cached_property
    def df(self) -> float:
        """Clusters of the group kept that has fewest, less one; ∞ without clusters."""
        kept = self.kept(self.large)
        return math.inf if self.clusters is None or not kept.any() else float(self.clusters[kept].min() - 1)

    def critical(self, level: float) -> Floats:
        """(K,) by the degrees of freedom of each group's own value."""
        return np.array([critical_value(level, df) for df in self._each_df])

    @cached_property
    def _each_df(self) -> list[float]:
        if self.clusters is None:
            return [math.inf] * len(self.large)
        return [max(1.0, float(g - 1)) for g in self.clusters]

    @cached_property
    def errors(self) -> Floats:
        """(K, R) errors of the quantity over the replicates, up to a factor."""
        return _errors(self.parts)

    def within(self, parts: Sequence[RateSums]) -> Floats | None:
        """See `Basis`."""
        if len(parts) < 2 or self.clusters is None:
            return None
        return effective.correlations(parts[0].errors, parts[1].errors)

    def correlation(self, where: Positions, to: int | None) -> Floats | None:
        """See `Basis`; None where no two groups share a cluster."""
        if self.clusters is None:
            return None
        if to is not None:
            spans = self.parts[0].shared[where, to]
            rho = effective.correlations(self.errors[where], np.repeat(self.errors[[to]], len(where), axis=0))
        else:
            spans = self._shared(where).any(axis=1)
            rho = effective.correlations(self.errors[where], _errors([p.others(where) for p in self.parts]))
        return np.where(spans, rho, 0.0) if spans.any() else None

    def correlations(self, where: Positions) -> Floats | None:
        """See `Basis`; None where no two groups share a cluster."""
        if self.clusters is None:
            return None
        spans = self._shared(where)
        return np.where(spans, effective.correlations(self.errors[where]), 0.0) if spans.any() else None

    def _shared(self, where: Positions) -> NDArray[np.bool_]:
        return self.parts[0].shared[np.ix_(where, where)] & ~np.eye(len(where), dtype=bool)

    def few(self, position: int) -> str:
        """See `Basis`."""
        assert self.clusters is not None, "only clusters can be too few"
        return f"only {int(self.clusters[position])} clusters"

    @property
    def fewest(self) -> str:
        """See `Basis`."""
        return "" if self.clusters is None else OR_CLUSTERS

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
    def notes(self) -> tuple[str, ...]:
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

    def qualified(self, position: int, estimate: Estimate) -> Estimate:
        """The estimate of a group, sparse where it has too few clusters."""
        df = self._each_df[position]
        law = f", t with {df:.0f} df" if math.isfinite(df) else ""
        update = {"method": f"{estimate.method}, effective n ({self.why}){law}"}
        if self.clusters is not None and self.clusters[position] < FEWEST_CLUSTERS and estimate.state == "ok":
            update |= {"state": "sparse", "note": f"{self.few(position)}: too few to tell"}
        return estimate.model_copy(update=update)


def _errors(parts: Sequence[RateSums]) -> Floats:
    """(K, R) of one rate, or of the mean of two, up to a factor."""
    return np.asarray(sum(p.errors for p in parts))
