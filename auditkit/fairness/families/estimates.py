"""One rate in K crossed groups: Wilson's limits, every comparison, and the gaps that could have been seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue.index import METRICS
from auditkit.catalogue.matches import BETWEEN
from auditkit.evidence.suppression import SMALL
from auditkit.evidence.tally import Tally
from auditkit.fairness.families import crossings
from auditkit.fairness.families.basis import Basis, Counts
from auditkit.fairness.families.family import GroupFamily, Words, number
from auditkit.fairness.families.frame import Compared, PointValues, from_counts
from auditkit.fairness.families.rates import RateTable
from auditkit.fairness.families.statements import of_claims
from auditkit.fairness.families.weighted import WeighedBasis
from auditkit.question import SPARSE
from auditkit.records import Comparison, Estimate, Exhibit
from auditkit.stats.comparisons import Method
from auditkit.stats.families import minimum_detectable
from auditkit.stats.joint import Joint
from auditkit.stats.pvalues import FamilyInterval, family_quantile
from auditkit.stats.rates import Floats, Limits, critical_value, rate, sidak_value

_WORDS = Words(
    "Wilson", "nobody to count: 0/0 is not 0", "to count", "nobody is counted in any group: 0/0 is not a ratio"
)


@dataclass(frozen=True)
class Family(GroupFamily):
    """One rate in K crossed groups."""

    metric: str
    by: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    rows: NDArray[np.int64]
    """(K,)"""
    k: NDArray[np.int64]
    """(K,) numerators."""
    n: NDArray[np.int64]
    """(K,) denominators."""
    values: NDArray[np.float64]
    """(K,) point values, NaN where undefined."""
    level: float
    min_n: int = SPARSE
    weighed: Basis | None = None
    """Of weighted or dependent rows; `k` and `n` count rows."""
    points: Compared | None = None
    """Point values of its comparisons; None: those of the intervals."""
    between: bool = False
    """Whether, of a metric of pairs, those of two different groups are compared, and those within one shown beside."""
    lost: int = 0
    """Rows of these groups that lack what the rate needs."""
    words = _WORDS

    @cached_property
    def beside(self) -> NDArray[np.bool_]:
        """See `GroupFamily`: pairs of two different groups."""
        return shown_beside(self.metric, self.groups, between=self.between)

    @cached_property
    def basis(self) -> Basis:  # type: ignore[override]
        """What the intervals rest on."""
        if isinstance(self.weighed, WeighedBasis) and self.weighed.min_n != self.min_n:
            return replace(self.weighed, min_n=self.min_n, large=self.large & ~self.beside)
        return self.weighed or Basis((Counts((self.k, self.n)),))

    def formula(self, counts: Any, rho: Floats | None, q: Any, method: Method) -> Limits:
        """The limits of the rate."""
        ((k, n),) = counts
        return method(k, n, q)

    def comparison(self, kind: Comparison, value: float | None = None) -> tuple[Estimate, FamilyInterval | None]:
        """See `GroupFamily`; the point value is that of `points`."""
        return super().comparison(kind, getattr(self.points, kind, value))

    def exhibits(self, kind: Comparison) -> tuple[Exhibit, ...]:
        """See `GroupFamily`; beside a gap between crossings, their ranking."""
        ranked = crossings.ranking(self, self.k) if kind == "difference" else None
        return () if ranked is None else (ranked,)

    def further(self, kind: Comparison) -> tuple[str, ...]:
        """See `GroupFamily`; what the ranking is, of everybody what the intervals rest on, and who is not counted."""
        lost = _not_counted(self.metric, self.lost) if self.lost else ()
        if kind == "overall":
            return (*self.basis.notes, *lost)
        ranked = kind == "difference" and crossings.ranked(self)
        return (*((crossings.note(self.level),) if ranked else ()), *lost)

    def overall(self) -> Estimate:
        """See `GroupFamily`."""
        e = super().overall()
        return e if self.groups else e.model_copy(update={"numerator": 0.0})

    def estimate(self, i: int) -> Estimate:
        """The estimate of one group; `mde` is against all other groups kept."""
        more = {"numerator": float(self.k[i]), "mde": number(self._mde_to_rest[i])}
        return super().estimate(i).model_copy(update=more)

    def method(self, kind: Comparison, found: FamilyInterval, claims: int | None) -> str:
        """How the interval of a comparison is made, in words."""
        if claims is not None:
            return ("MOVER-R" if kind.startswith("ratio") else "Newcombe") + of_claims(claims)
        return _method(kind, len(self.positions))

    def mde(self, q: float | None = None) -> float | None:
        """Between the two smallest groups kept: no gap of the family is harder to see."""
        a, b = np.sort(self._n[self.kept])[:2]
        q = family_quantile(self.level, len(self.positions), self.basis.df) if q is None else q
        return number(float(self._detectable(a, b, q)))

    def mde_to(self, reference: int | None, claims: int) -> float | None:
        """Of the smallest group kept, against the reference, or the rest."""
        n = self._n[self.kept]
        other = n.sum() - n
        if reference is not None:
            here = int(np.flatnonzero(self.positions == reference)[0])
            other, n = np.full(len(n) - 1, n[here]), np.delete(n, here)
        q = sidak_value(self.level, claims, self.basis.df)
        return number(float(self._detectable(n, other, q).max()))

    @property
    def _n(self) -> NDArray[Any]:
        """(K,) denominators that intervals are made of."""
        return np.asarray(self.basis.parts[0].counts[1])

    def _detectable(self, n: Floats, other: Floats, q: float) -> Floats:
        """The gaps between groups of these sizes that are seen, where all have the rate of the groups kept."""
        k, total = (float(x[self.kept].sum()) for x in self.basis.parts[0].counts)
        return minimum_detectable(k / total, total, n, other, q=q, z=critical_value(self.level))

    @cached_property
    def _mde_to_rest(self) -> Floats:
        total = self._n[self.kept].sum()
        if not total:
            return np.full(len(self.n), np.nan)
        q = family_quantile(self.level, max(2, len(self.positions)), self.basis.df)
        return self._detectable(self._n, total - np.where(self.kept, self._n, 0), q)


def families_of(
    tally: Tally,
    by: Sequence[str],
    metrics: Sequence[str],
    *,
    level: float,
    min_n: int = SPARSE,
    engine: Callable[[Tally, RateTable, NDArray[np.bool_]], PointValues] = from_counts,
    between: bool = False,
) -> dict[str, Family]:
    """Several rates over one set of attributes, by metric; `engine` gives the point values.

    `between`: of pairs of people, those of two different groups are compared, in the place of those within one.
    """
    table = RateTable.of(tally, by, tuple(dict.fromkeys(metrics)))
    sums = tally.sums(*by) if tally.dependent else None
    out = {}
    for i, m in enumerate(table.metrics):
        k, n, weighed = table.numerator[i], table.denominator[i], None
        if sums is not None:
            cells = (METRICS[m].numerator, METRICS[m].denominator)
            large = (n >= max(1, min_n)) & ~shown_beside(m, table.groups, between=between)
            weighed = WeighedBasis.of(sums, [cells], large, weighted=tally.weighted, min_n=min_n)
        lost = table.all - int(table.rows[i].sum())
        counted = (table.by, table.groups, table.rows[i], k, n, table.values[i])
        out[m] = Family(m, *counted, level, min_n, weighed, between=between, lost=lost)
    kept = np.array([f.kept for f in out.values()]).reshape(table.denominator.shape)
    found = engine(tally, table, kept)
    return {
        m: replace(f, values=values, points=points)
        for (m, f), values, points in zip(out.items(), found.by_group, found.compared, strict=True)
    }


def shown_beside(metric: str, groups: Sequence[tuple[str, ...]], *, between: bool = False) -> NDArray[np.bool_]:
    """(K,) of a metric of pairs, those of two different groups, or (`between`) those within one; else none.

    Small groups that were joined can hold pairs of both kinds, and are neither.
    """
    if metric not in METRICS or not METRICS[metric].within:
        return np.zeros(len(groups), dtype=bool)
    apart = [SMALL in group or any(BETWEEN in x for x in group) is not between for group in groups]
    return np.array(apart, dtype=bool)


def _not_counted(metric: str, rows: int) -> tuple[str]:
    """That so many rows lack what a rate needs, as a note."""
    codes = map(set, zip(*METRICS[metric].known, strict=True))
    needed = [f"the {what}" for what, own in zip(("truth", "decision"), codes, strict=True) if -1 not in own]
    return (f"{rows:,} rows are not counted: they lack {' or '.join(needed)}",)


def rate_estimate(k: int, n: int, *, level: float) -> Estimate:
    """The share k/n with Wilson's interval; undefined of nobody, sparse of fewer than ten."""
    counts, size = np.array([k]), np.array([n])
    return Family("", (), ((),), size, counts, size, rate(counts, size), level).estimate(0)


def joint_estimate(
    families: Sequence[Family], joint: Joint, kind: Comparison, found: FamilyInterval, *, n: int, method: str
) -> Estimate:
    """The extreme over several families of rates as an estimate; of a difference, with the gap that all could see."""
    mdes = [f.mde(joint.quantile) for f in families] if kind == "difference" else []
    mde = max((x for x in mdes if x is not None), default=None)
    return (
        families[0]
        .estimate_of(found, kind)
        .model_copy(update={"n": n, "denominator": None, "method": method, "mde": mde})
    )


def _method(kind: Comparison, groups: int) -> str:
    two = groups == 2
    many = "" if two else "; inner limit MOVER with Clopper–Pearson limits, Šidák"
    pairs = "of all pairs with Jeffreys limits at the studentized range"
    return {
        "difference": "Newcombe" if two else f"MOVER {pairs}; upper limit Newcombe",
        "ratio": "MOVER-R" if two else f"MOVER-R {pairs}; lower limit with Wilson limits",
        "difference_to_overall": "(1 − share) × Newcombe(group, rest)" + many,
        "ratio_to_overall": "MOVER-R(group, rest), transformed" + many,
        "group_min": "smallest Wilson limits" + ("" if groups == 1 else "; upper Clopper–Pearson, Šidák"),
        "group_max": "largest Wilson limits" + ("" if groups == 1 else "; lower Clopper–Pearson, Šidák"),
    }[kind]
