"""How one rate changed in K crossed groups, from the older model to the newer, on the same rows: paired limits.

A rate of rows that their truth chooses (hits, false alarms, selections, accuracy) has one denominator: a row is won,
lost, or stays, and the limits of the change are Tango's. A rate of rows that the decision chooses (precision) has two
that overlap: MOVER, with the correlation of both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Ints
from auditkit.catalogue.index import METRICS
from auditkit.evidence.paired import Paired
from auditkit.evidence.tally_sums import Sums
from auditkit.fairness.change.statements import SHARES
from auditkit.fairness.families.basis import Basis, Positions
from auditkit.fairness.families.family import estimated
from auditkit.fairness.families.weighted import RateSums, WeighedBasis
from auditkit.question import SPARSE
from auditkit.records import Estimate
from auditkit.stats import effective
from auditkit.stats.comparisons import Method, Quantity
from auditkit.stats.paired import overlapping, score, tango
from auditkit.stats.rates import Floats, Limits, critical_value, rate, wilson

GAIN, LOSS = ((1, 0),), ((0, 1),)
COUNTED = ((0, 0), (0, 1), (1, 0), (1, 1))
"""Cells of newer × older state."""


CHANGED = tuple(name for name, m in METRICS.items() if m.kind == "rate" and {d for _, d in m.numerator} != {-1, 0, 1})
"""Rates of decisions: a base rate is the same under every model."""


def states(metric: str, truth: Ints, decision: Ints, known: NDArray[np.bool_]) -> Ints:
    """(C,) what rows of these truths and decisions are to a rate: -1 not counted, 0 counted, 1 a success.

    >>> states("precision", np.array([1, 0, 1]), np.array([1, 1, 0]), np.array([True] * 3)).tolist()
    [1, 0, -1]
    """
    m = METRICS[metric]
    out = np.full(len(truth), -1, dtype=np.int64)
    for value, cells in ((0, m.denominator), (1, m.numerator)):
        for t, d in cells:
            out[(truth == t) & (decision == d)] = value
    return np.where(known, out, -1)


def of_same_rows(metric: str) -> bool:
    """Whether the rows that a rate counts are the same whatever is decided.

    >>> of_same_rows("true_positive_rate"), of_same_rows("precision")
    (True, False)
    """
    cells = set(METRICS[metric].denominator)
    return all(((t, 0) in cells) == ((t, 1) in cells) for t in (-1, 0, 1))


@dataclass(frozen=True)
class RateChange:
    """The change of one rate, newer less older, with its limits at any critical value."""

    metric: str
    by: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    table: Ints
    """(K, 3, 3), see `States`."""
    sums: Sums | None
    level: float
    min_n: int
    weighted: bool
    _known: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    """Limits that were asked for: every comparison of the groups asks for the same."""

    @classmethod
    def of(cls, paired: Paired, metric: str, by: Sequence[str], *, level: float, min_n: int = SPARSE) -> RateChange:
        """Read off rows that both models decide."""
        cells = paired.cells()
        known = (cells["old"] >= 0) & (cells["y_pred"] >= 0)
        newer, older = (states(metric, cells["y_true"], cells[c], known) for c in ("y_pred", "old"))
        found = paired.states(by, newer, older)
        return cls(metric, tuple(by), found.groups, found.table, found.sums, level, min_n, paired.weighted)

    @cached_property
    def same_rows(self) -> bool:
        """Whether both rates count the same rows."""
        return of_same_rows(self.metric)

    @cached_property
    def counts(self) -> tuple[Ints, Ints, Ints, Ints]:
        """(K,) numerator and denominator of the newer rate, and of the older, in rows."""
        return _counts(self.table)

    @cached_property
    def n(self) -> Ints:
        """(K,) the smaller denominator."""
        _, new, _, old = self.counts
        return np.asarray(np.minimum(new, old))

    @cached_property
    def rates(self) -> tuple[Floats, Floats]:
        """(K,) of the newer model and of the older, weighted; NaN where undefined."""
        k, n, k_old, n_old = self.counts if self.sums is None else _counts(self.sums.w)
        return rate(k, n), rate(k_old, n_old)

    @cached_property
    def values(self) -> Floats:
        """(K,) newer less older; NaN where either is undefined."""
        new, old = self.rates
        return np.asarray(new - old)

    @cached_property
    def basis(self) -> Basis:
        """What limits rest on."""
        if self.sums is None:
            return Basis(())
        rates = [(GAIN, COUNTED), (LOSS, COUNTED)] if self.same_rows else [_OF_NEWER, _OF_OLDER]
        own = tuple(RateSums.of(self.sums, k, n) for k, n in rates)
        return PairedBasis(own, self.weighted, self.n >= max(1, self.min_n), self.min_n)

    unit: ClassVar = "percent"
    written: ClassVar = SHARES

    @property
    def method(self) -> str:
        """How the interval of one group is made."""
        return "Tango, paired" if self.same_rows else "MOVER of Wilson limits, correlated"

    @property
    def closed(self) -> bool:
        """Whether p has a closed form: of independent rows of one denominator."""
        return self.same_rows and self.sums is None

    def unstable(self, position: int) -> bool:
        """A share never is."""
        return False

    def sum_of(self, where: Positions) -> Callable[[float], Limits]:
        """Critical value → limits of both rates together: of the same rows, which go together at worst entirely."""
        counts, total = self.plain_counts(where), self.rates[0][where] + self.rates[1][where]

        def at(q: float) -> Limits:
            newer, older = wilson(*counts[:2], q), wilson(*counts[2:], q)
            low = total - (newer.p - newer.low) - (older.p - older.low)
            return Limits(total, low, total + (newer.high - newer.p) + (older.high - older.p))

        return at

    def before_and_now(self) -> list[tuple[Estimate, Estimate]]:
        """The rate of every group under the older model and the newer, each with Wilson's interval."""
        counts, z = self.plain_counts(np.arange(len(self.groups))), critical_value(self.level)

        def each(values: Floats, k: Any, n: Any) -> list[Estimate]:
            at = wilson(k, n, z)
            own = zip(values, at.low, at.high, n, strict=True)
            facts: Any = {"level": self.level, "method": "Wilson"}
            return [estimated(x, low, high, n=round(float(m)), **facts) for x, low, high, m in own]

        new, old = self.rates
        return list(zip(each(old, *counts[2:]), each(new, *counts[:2]), strict=True))

    @property
    def alike(self) -> bool:
        """Whether both models decide all rows that are counted alike."""
        return not (self.table * (1 - np.eye(3, dtype=np.int64))).any()

    def plain_counts(self, where: Positions) -> tuple[Any, Any, Any, Any]:
        """Numerator and denominator of the newer rate and of the older, in effective rows."""
        if self.sums is None:
            return tuple(x[where] for x in self.counts)  # type: ignore[return-value]
        found = [RateSums.of(self.sums, *cells) for cells in (_OF_NEWER, _OF_OLDER)]
        (k, n), (k_old, n_old) = (r.counts for r in found)
        return k[where], n[where], k_old[where], n_old[where]

    def score(self, where: Positions, limit: float) -> Floats:
        """Tango's statistic of H0: the change is `limit`, of independent rows of one denominator."""
        return score(self.table[where, 2, 1], self.table[where, 1, 2], self.counts[1][where], limit)

    def own(self, where: Positions) -> Quantity:
        """The change in the groups at these positions."""
        q_of = self._same(where) if self.same_rows else self._overlapping(where)
        known: dict[float, Limits] = self._known.setdefault(tuple(where.tolist()), {})

        def limits(q: Any, _: Method) -> Limits:
            once = isinstance(q, float)
            if once and q in known:
                return known[q]
            found = q_of(q)
            value = self.values[where]
            # effective counts give the value up to rounding
            told = Limits(value, np.minimum(found.low, value), np.maximum(found.high, value))
            if once:
                known[q] = told
            return told

        return limits

    def _same(self, where: Positions) -> Any:
        if self.sums is None:
            won, lost, rows = self.table[:, 2, 1], self.table[:, 1, 2], self.counts[1]
            return lambda q: tango(won[where], lost[where], rows[where], q)
        gain, loss, n = self.effective
        return lambda q: tango(gain[where], loss[where], n[where], q)

    def _overlapping(self, where: Positions) -> Any:
        if self.sums is None:
            counts: Any = tuple(x[where].astype(float) for x in self.counts)
            return lambda q: overlapping(self.table[where].astype(float), counts, q)
        assert isinstance(self.basis, PairedBasis), "weighted rows have sums"
        (k, n), (k_old, n_old) = (p.counts for p in self.basis.parts)
        scale = rate(self.sums.w.sum(axis=(1, 2)), self.sums.w2.sum(axis=(1, 2)))
        table = np.nan_to_num(self.sums.w2 * (scale**2)[:, None, None])[where]
        rho = self.basis.together[where] if self.basis.drawn else None
        return lambda q: overlapping(table, (k[where], n[where], k_old[where], n_old[where]), q, rho)

    @cached_property
    def effective(self) -> tuple[Floats, Floats, Floats]:
        """(K,) effective rows won, lost, and counted: as many as have the variance of the change."""
        assert isinstance(self.basis, PairedBasis), "weighted rows have sums"
        won, lost = self.basis.parts
        p, q, variance = won.p, lost.p, self.basis.variance
        most = np.minimum(won.counts[1], lost.counts[1])
        spread = p + q - (p - q) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            n = np.where((variance > 0) & (spread > 0), np.fmin(spread / variance, most), most)
        return np.nan_to_num(p) * n, np.nan_to_num(q) * n, n


_OF_NEWER = (((1, -1), (1, 0), (1, 1)), ((0, -1), (0, 0), (0, 1), (1, -1), (1, 0), (1, 1)))
_OF_OLDER = (((-1, 1), (0, 1), (1, 1)), ((-1, 0), (0, 0), (1, 0), (-1, 1), (0, 1), (1, 1)))


def _counts(table: NDArray[Any]) -> tuple[Any, Any, Any, Any]:
    own, old = table.sum(axis=2), table.sum(axis=1)
    return own[:, 2], own[:, 1] + own[:, 2], old[:, 2], old[:, 1] + old[:, 2]


@dataclass(frozen=True)
class PairedBasis(WeighedBasis):
    """Of two parts of one change: rows won and lost, or both rates; their difference is what varies."""

    @property
    def drawn(self) -> bool:
        """Whether rows are dependent, or drawn within strata."""
        return self._drawn

    @cached_property
    def errors(self) -> Floats:
        """(K, R) errors of the change over the replicates."""
        first, second = self.parts
        return np.asarray(first.errors - second.errors)

    @cached_property
    def variance(self) -> Floats:
        """(K,) of rows won less rows lost."""
        won, lost = self.parts
        total, total2 = won.success + won.failure, won.success2 + won.failure2
        d = np.nan_to_num(won.p - lost.p)

        def plain(gain: Floats, loss: Floats, all_: Floats) -> Floats:
            # Σ w² (d_i − d)², d_i 1 where won, −1 where lost, else 0
            squares = (1 - d) ** 2 * gain + (1 + d) ** 2 * loss + d**2 * (all_ - gain - loss)
            return np.nan_to_num(rate(squares, total**2))

        if won.within is not None:
            assert lost.within is not None, "of the same rows"
            own = plain(won.within[0], lost.within[0], won.within[0] + won.within[1])
            found = np.asarray(own + effective.mean_square(self.errors, self._measure))
            return np.asarray(np.maximum(found, own / 10))
        own = plain(won.success2, lost.success2, total2)
        if not self._drawn:
            return own
        found = effective.mean_square(self.errors, self._measure)
        people = effective.mean_square(self.errors, np.maximum(self._measure, 0.0))
        inflation = np.maximum(won.clusters.inflation, lost.clusters.inflation)
        return np.asarray(np.maximum(found, people / 2) * inflation)

    @cached_property
    def together(self) -> Floats:
        """(K,) correlation of both rates over the replicates."""
        a, b = self.parts
        return effective.correlations_with(a.errors, b.errors, self._measure, a.variance, b.variance)

    def correlations(self, where: Positions) -> Floats | None:
        """See `Basis`; of clusters that lie in several groups, as far as the replicates show."""
        if not self._drawn:
            return None
        square = effective.mean_square(self.errors, np.maximum(self._measure, 0.0))
        rho = effective.correlations(self.errors[where], np.maximum(self._measure, 0.0), square[where])
        return np.where(np.eye(len(where), dtype=bool), 1.0, rho)

    def few(self, position: int) -> str:
        """See `Basis`; clusters are known by their replicates alone."""
        if self.clusters is not None and self.clusters[position] < 10:
            return f"only {self.clusters[position]:.1f} effective clusters"
        return f"only {self.rows[position]:.1f} effective rows to count"
