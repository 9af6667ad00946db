"""What is made of the error rates of pairs in all groups: the discrepancy of both kinds, and the worst by the mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue import sentences
from auditkit.catalogue.index import METRICS
from auditkit.catalogue.matches import BETWEEN, INEQUITY
from auditkit.evidence.tally import Tally
from auditkit.fairness.families.basis import Basis, Positions
from auditkit.fairness.families.estimates import Family, families_of
from auditkit.fairness.families.family import GroupFamily, Words, number
from auditkit.fairness.families.odds import OddsMean
from auditkit.fairness.notes import finding
from auditkit.formatting import interval, percent, quotient
from auditkit.records import Comparison, Estimate, Finding, GroupEstimate, Table
from auditkit.stats.comparisons import Method, Quantity
from auditkit.stats.contrasts import to_geometric_mean
from auditkit.stats.pvalues import FamilyInterval
from auditkit.stats.rates import Limits


class Discrepancy(OddsMean):
    """One less the mean of both gaps (α = ½): 1 where all groups have the same errors, as a ratio has it."""

    METRIC: ClassVar[str] = "fairness_discrepancy_rate"
    PARTS: ClassVar[tuple[str, ...]] = ("false_match_rate", "false_non_match_rate")

    def finding(self, kind: Comparison) -> Finding:
        """See `Answer`."""
        gap = self._mean()
        if gap.value is None:
            head = METRICS[self.METRIC].title
            return self._finding(
                kind, gap, f"{head}: {sentences.incomparable(self.first.by, gap.note)}", "one less the mean of the gaps"
            )
        ends = {
            k: None if x is None else 1 - x for k, x in (("value", gap.value), ("low", gap.high), ("high", gap.low))
        }
        e = gap.model_copy(update={**ends, "method": f"one less the {gap.method}", "mde": None})
        bounds = interval(e, kind)
        said = f"{METRICS[self.METRIC].title} of {sentences.groups_of(self.first.by)}: {quotient(e)} ({bounds})"
        if not sentences.is_established(kind, e):
            said += "; no gap in either error is established by it"
        return self._finding(kind, e, f"{said}.", "one less the mean of the gaps")

    def p_value(self, kind: Comparison, limit: float, *, above: bool) -> float | None:
        """See `Answer`: of the mean of both gaps, on the other side."""
        return super().p_value(kind, 1 - limit, above=not above)


@dataclass(frozen=True)
class Inequity(GroupFamily):
    """A rate in K groups, each as a multiple of the geometric mean of the groups that are compared."""

    metric: str
    family: Family
    """Of the rate itself."""
    by: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    rows: NDArray[np.int64]
    """(K,)"""
    n: NDArray[np.int64]
    """(K,) denominators of the rate."""
    level: float
    min_n: int
    words = Words(
        "MOVER of log rates", "nobody to count: 0/0 is not 0", "to count", "a rate is 0, and has no geometric mean"
    )
    most = float("inf")

    @classmethod
    def of(cls, parts: Mapping[str, Family], metric: str) -> Self:
        """Of the family of its rate."""
        f = parts[metric.removesuffix(INEQUITY)]
        return cls(metric, f, f.by, f.groups, f.rows, f.n, f.level, f.min_n)

    @property
    def basis(self) -> Basis:  # type: ignore[override]
        """What the intervals rest on."""
        return self.family.basis

    @property
    def beside(self) -> NDArray[np.bool_]:
        """See `GroupFamily`."""
        return self.family.beside

    @property
    def by_group(self) -> tuple[GroupEstimate, ...]:
        """See `GroupFamily`: none, since rates of groups are told as rates."""
        return ()

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """(K,) multiples, NaN where undefined."""
        return np.asarray(self.limits.p)

    def own(self, where: Positions) -> Quantity:
        """See `GroupFamily`: contrasts of the log rates of the groups kept; NaN of others."""
        kept = self.family.positions
        rates = self.family.own(kept)

        def limits_at(q: Any, method: Method) -> Limits:
            found = to_geometric_mean(rates(q if np.ndim(q) == 0 else q[kept], method))
            whole = np.full((3, len(self.groups)), np.nan)
            whole[:, kept] = found
            return Limits(*whole[:, where])

        return limits_at

    def comparison(self, kind: Comparison, value: float | None = None) -> tuple[Estimate, FamilyInterval | None]:
        """See `GroupFamily`; one group is its own mean, and says nothing."""
        if len(self.positions) < 2:
            return self.nothing_to_compare(), None
        e, found = super().comparison(kind, value)
        return e.model_copy(update={"low": None if e.low is None else max(1.0, e.low)}), found  # as no worst is below

    def p_value(self, kind: Comparison, limit: float, *, above: bool) -> float | None:
        """See `Answer`."""
        few = len(self.positions) < 2 or np.isnan(self.values[self.kept]).any()
        return None if few else super().p_value(kind, limit, above=above)


def crossed(tally: Tally, by: Sequence[str], *, level: float) -> Finding | None:
    """False matches between groups: every pair of groups as a matrix, and the two different ones with the most.

    None where nobody compared people of two groups.
    """
    family = families_of(tally, by, ("false_match_rate",), level=level, between=True)["false_match_rate"]
    if not family.positions.size:
        return None
    e, found = family.comparison("group_max")
    assert found is not None, "one group is enough for the largest"
    (pair,), (at,) = family.named(found.sure).groups, family.named(found.sure).values
    own = family.named(found.sure).estimate
    said = (
        f"False matches between groups of {by[0]}: {'most surely for' if at else 'none, also not for'} "
        f"{pair}, {percent(at)} ({interval(own, 'group_max')}); they are shown, and compared with none."
    )
    return finding(
        "false_match_matrix",
        "group_max",
        by,
        e,
        said,
        by_group=family.by_group,
        exhibits=[_matrix(family)],
        notes=family.basis.notes,
    )


def _matrix(family: Family) -> Table:
    """(K, K) the false match rate of each pair of groups, as a table."""
    rate = {g[0]: number(float(v)) for g, v in zip(family.groups, family.values, strict=True)}
    names = sorted({x for g in rate for x in g.split(BETWEEN)})
    rows = [(a, *(rate.get(a if a == b else BETWEEN.join(sorted((a, b)))) for b in names)) for a in names]
    return Table(
        title=f"False match rate, by the {family.by[0]} of both",
        columns=(family.by[0], *names),
        rows=tuple(rows),
        units=("", *(["percent"] * len(names))),
    )
