"""Net benefit in K crossed groups: one share less a multiple of another, of the same patients.

Both shares are of one table of truth × (score ≥ t), so that they depend on each other: MOVER with their correlation,
which is that of the cells where rows are independent, and that of the replicates where they come in clusters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Ints
from auditkit.catalogue.clinical import BENEFIT, OVER_ALL, STANDARDIZED, metric_of
from auditkit.catalogue.sentences import is_established
from auditkit.evidence.tally import Tally
from auditkit.evidence.tally_sums import Sums
from auditkit.fairness.clinical.statements import of_sign
from auditkit.fairness.families.basis import Basis, Counts
from auditkit.fairness.families.family import GroupFamily, Words
from auditkit.fairness.families.rates import cells_of
from auditkit.fairness.families.weighted import Rate, RateSums, WeighedBasis
from auditkit.formatting import percent
from auditkit.question import SPARSE
from auditkit.records import Comparison, Estimate
from auditkit.stats import effective, pairs
from auditkit.stats.comparisons import Method
from auditkit.stats.pvalues import FamilyInterval
from auditkit.stats.rates import Floats, Limits, rate
from auditkit.stats.tables import Tables

_TN, _FP, _FN, _TP = (0, 0), (0, 1), (1, 0), (1, 1)
_EVENTS, _EVERYBODY = (_FN, _TP), (_TN, _FP, _FN, _TP)
NO_EVENT = "no event in the group: what treating is good for cannot be told"
PREVALENCE = (
    "net benefit grows with the share of patients who have an event: groups in which events are rarer have less to "
    "gain, from any score; the standardised net benefit takes that off"
)


class Form(NamedTuple):
    """A quantity a·p − b·q of two rates, or of the odds of the second."""

    first: Rate
    second: Rate
    a: float
    b: float
    odds: bool = False
    method: str = "MOVER of both shares with their correlation"

    def second_as(self, x: Floats) -> Floats:
        """The second rate, or its odds."""
        if not self.odds:
            return x
        with np.errstate(divide="ignore"):
            return np.asarray(x / (1 - x))


def form_of(name: str, at: float) -> Form:
    """How a metric of the catalogue is made of the table at this threshold."""
    w = at / (1 - at)
    if name == BENEFIT:
        return Form(((_TP,), _EVERYBODY), ((_FP,), _EVERYBODY), 1.0, w)
    if name == OVER_ALL:
        return Form(((_TN,), _EVERYBODY), ((_FN,), _EVERYBODY), w, 1.0)
    assert name == STANDARDIZED, "the benefits are three"
    method = "MOVER of the true positive rate and of the odds of a false positive to an event"
    return Form(((_TP,), _EVENTS), ((_FP,), (_FP, *_EVENTS)), 1.0, w, odds=True, method=method)


def correlation(w: Floats, w2: Floats, rates: Sequence[Rate]) -> Floats:
    """(K,) between two rates of the same independent rows, from Σw and Σw² (K, 3, 3) by truth and decision.

    With p = Σ_A w / Σ_D w, a row adds w ([A] − p)[D] / Σ_D w: of two rates, Σ of the products by the root of both
    variances. 0 where a variance is 0. Of equal weights it is the multinomial's.

    >>> table = np.array([[[0, 0, 0], [0, 50, 20], [0, 10, 20]]], float)
    >>> all_ = _EVERYBODY
    >>> correlation(table, table, [((_TP,), all_), ((_FP,), all_)]).round(3).tolist()
    [-0.25]
    """
    influence = []
    for k, n in rates:
        total = cells_of(w, n)
        p = np.nan_to_num(rate(cells_of(w, k), total))
        of = np.zeros(w.shape)
        for cell in n:
            at = (slice(None), cell[0] + 1, cell[1] + 1)
            of[at] = np.divide(float(cell in k) - p, total, out=np.zeros_like(p), where=total > 0)
        influence.append(of)
    (one, two), axes = influence, (1, 2)
    both = np.sqrt((one**2 * w2).sum(axis=axes) * (two**2 * w2).sum(axis=axes))
    product = (one * two * w2).sum(axis=axes)
    return np.asarray(np.clip(np.divide(product, both, out=np.zeros_like(both), where=both > 0), -1.0, 1.0))


@dataclass(frozen=True)
class SameRows(Basis):
    """Independent rows that count alike, of which both rates are made."""

    rho: Floats | None = None

    def within(self, parts: Sequence[Any]) -> Floats | None:
        """See `Basis`."""
        return self.rho


@dataclass(frozen=True)
class WeighedRows(WeighedBasis):
    """Weighted or dependent rows, of which both rates are made."""

    rho: Floats | None = None
    """(K,) between both rates where nothing is drawn."""
    factors: tuple[Floats, ...] = ()
    """(K,) by what an error of each rate moves the quantity."""

    def within(self, parts: Sequence[RateSums]) -> Floats | None:
        """See `Basis`."""
        return super().within(parts) if self._drawn else self.rho

    @cached_property
    def errors(self) -> Floats:
        """(K, R) of the quantity."""
        return np.asarray(sum(f[:, None] * p.errors for f, p in zip(self.factors, self.parts, strict=True)))

    def correlations(self, where: Any) -> Floats | None:
        """See `Basis`."""
        if not self._drawn:
            return None
        spans = self._shared(where)
        rho = effective.correlations(self.errors[where], self._measure, self._own_variance[where])
        return np.where(spans, rho, 0.0) if spans.any() else None

    @cached_property
    def _own_variance(self) -> Floats:
        """(K,) what is drawn of both rates is drawn together."""
        return np.maximum(effective.mean_square(self.errors, self._measure), 0.0)


@dataclass(frozen=True)
class BenefitFamily(GroupFamily):
    """A net benefit at one threshold in K crossed groups, over rows with truth and score."""

    metric: str
    form: Form
    by: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    tables: Tables
    """(K, 2, 2) counts of rows by truth and score ≥ t."""
    level: float
    min_n: int = SPARSE
    sums: Sums | None = None
    """Of weighted or dependent rows."""
    weighted: bool = False
    lost: int = 0
    """Rows without truth or score."""

    @classmethod
    def of(
        cls, tally: Tally, name: str, at: float, by: Sequence[str], *, level: float, min_n: int = SPARSE
    ) -> BenefitFamily:
        """Read the tables off a tally of score ≥ t; `by=()` gives one group, everybody."""
        counts, sums = tally.counts(*by), tally.sums(*by) if tally.dependent else None
        tables = counts.table[:, 1:, 1:]
        facts = (counts.groups, tables, level, min_n, sums, tally.weighted, int(counts.table.sum() - tables.sum()))
        return cls(metric_of(name, at), form_of(name, at), tuple(by), *facts)

    @cached_property
    def basis(self) -> Basis:  # type: ignore[override]
        """What the intervals rest on."""
        f = self.form
        if self.sums is None:
            whole = np.zeros((len(self.groups), 3, 3))
            whole[:, 1:, 1:] = self.tables
            rates = [(cells_of(self.tables, k), cells_of(self.tables, n)) for k, n in (f.first, f.second)]
            return SameRows(tuple(Counts(x) for x in rates), correlation(whole, whole, (f.first, f.second)))
        parts = tuple(RateSums.of(self.sums, k, n) for k, n in (f.first, f.second))
        rho = correlation(self.sums.w, self.sums.w2, (f.first, f.second))
        slope = np.nan_to_num(1 / (1 - parts[1].p) ** 2, nan=1.0) if f.odds else np.ones(len(self.groups))
        factors = (np.full(len(self.groups), f.a), -f.b * slope)
        return WeighedRows(parts, self.weighted, self.large, self.min_n, rho, factors)

    def formula(self, counts: Any, rho: Floats | None, q: Any, method: Method) -> Limits:
        """The limits of the quantity."""
        f = self.form
        one, two = (method(k, n, q) for k, n in counts)
        two = Limits(*(f.b * f.second_as(x) for x in two))
        return Limits(*pairs.difference(Limits(*(f.a * x for x in one)), two, rho))

    @cached_property
    def limits(self) -> Limits:
        """See `GroupFamily`; none of a group without an event."""
        return Limits(*(np.where(self.n > 0, x, np.nan) for x in super().limits))

    @property
    def words(self) -> Words:  # type: ignore[override]
        """What is said of it."""
        return Words(self.form.method, NO_EVENT, "events")

    @property
    def most(self) -> float:  # type: ignore[override]
        """The largest possible difference."""
        return float("inf") if self.form.odds else self.form.a + self.form.b

    @cached_property
    def n(self) -> Ints:
        """(K,) events: without one, nothing tells what treating is good for."""
        return np.asarray(self.tables[:, 1].sum(axis=1))

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """(K,) rows with truth and score."""
        return np.asarray(self.tables.sum(axis=(1, 2)))

    @cached_property
    def values(self) -> Floats:
        """(K,) point values, NaN where undefined."""
        return self.limits.p

    def said(self, kind: Comparison, e: Estimate, found: FamilyInterval | None, other: str = "") -> str:
        """See `GroupFamily`; of what is compared with treating everybody, which of both serves better."""
        if self.entry.wording.below:
            return of_sign(self, kind, e, found)
        told = super().said(kind, e, found, other)
        if kind != "difference" or found is None or self.form.odds or not is_established(kind, e):
            return told
        where = (found.sure.first, found.sure.second)
        often = [percent(float(self.prevalence[i])) for i in where]
        if len(set(often)) == 1:
            return f"{told} Events are as common in both, {often[0]}: that does not explain it."
        each = " and ".join(f"{x} of {self.name(i)}" for x, i in zip(often, where, strict=True))
        return f"{told} It depends on how common events are: {each} have one."

    @cached_property
    def prevalence(self) -> Floats:
        """(K,) the share with an event."""
        table = self.tables.astype(np.float64) if self.sums is None else self.sums.w
        return rate(cells_of(table, _EVENTS), cells_of(table, _EVERYBODY))

    def few(self, position: int) -> str:
        """See `GroupFamily`."""
        return super().few(position).replace(" to count", " events")

    def enough(self) -> str:
        """See `GroupFamily`."""
        return f"at least {self.min_n} events"

    def further(self, kind: Comparison) -> tuple[str, ...]:
        """See `GroupFamily`; what net benefit depends on, and whom it is of."""
        compared = (PREVALENCE,) if kind == "difference" and not self.form.odds else ()
        lost = (f"{self.lost:,} rows are not counted: they lack the truth or a score",) if self.lost else ()
        return (*compared, *(self.basis.notes if kind == "overall" else ()), *lost)
