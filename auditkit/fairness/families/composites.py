"""Metrics made of several rates of yes and no: F1, balanced accuracy, MCC, generalised entropy, average odds, others.

Groups are independent, so every comparison follows from the limits of the quantity in each group (MOVER).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue.derived import DISPERSION
from auditkit.catalogue.index import METRICS
from auditkit.errors import EvidenceError
from auditkit.evidence.tally import Tally
from auditkit.evidence.tally_sums import Sums
from auditkit.fairness.families.basis import Basis, Counts
from auditkit.fairness.families.family import GroupFamily, Words, number
from auditkit.fairness.families.rates import cells_of
from auditkit.fairness.families.weighted import Rate, WeighedBasis
from auditkit.question import SPARSE
from auditkit.records import Comparison, Table
from auditkit.stats import tables
from auditkit.stats.comparisons import Method
from auditkit.stats.rates import Floats, Limits
from auditkit.stats.tables import Tables

COMPARED: tuple[Comparison, ...] = ("difference", "ratio")
"""What GroupFairness reports of a composite, as far as the composite knows it."""


class Composite(NamedTuple):
    """How a composite is computed: of one rate, of the mean of two, or of a table as it is."""

    method: str
    counted: Callable[[Tables], NDArray[np.int64]]
    """(K,) what `min_n` is held against; 0 exactly where the value is undefined."""
    rates: tuple[Rate, ...] = ()
    """One, or two, whose mean is taken; transformed. Effective counts serve them as well as rows do."""
    transform: Callable[[Floats], Floats] = lambda x: x
    drawn: Callable[[Tables, float, Method], Limits] | None = None
    """Limits from tables, which must be of independent, equally weighted rows."""
    most: float = 1.0
    """The largest possible difference."""

    def limits(self, counts: Sequence[tuple[Any, ...]], rho: Floats | None, q: Any, method: Method) -> Limits:
        """Limits from the counts of each rate, or from tables; `rho` between both rates of a group."""
        if self.drawn is not None:
            return self.drawn(counts[0][0], q, method)
        first, *second = (method(k, n, q) for k, n in counts)
        value = tables.mean_of_rates(first, second[0], rho) if second else first
        return Limits(*map(self.transform, value))


_TN, _FP, _FN, _TP = (0, 0), (0, 1), (1, 0), (1, 1)
_TPR, _TNR, _FPR = ((_TP,), (_FN, _TP)), ((_TN,), (_TN, _FP)), ((_FP,), (_TN, _FP))
_DRAWS = "Dirichlet draws of the table"

COMPOSITES: dict[str, Composite] = {
    "f1": Composite(
        "Wilson on J, transformed",
        lambda t: t.sum(axis=(1, 2)) - t[:, 0, 0],
        (((_TP,), (_TP, _FP, _FN)),),
        lambda j: 2 * j / (1 + j),
    ),
    "balanced_accuracy": Composite("MOVER of both rates", tables.smaller_class, (_TPR, _TNR)),
    "mcc": Composite(_DRAWS, tables.smallest_margin, drawn=tables.mcc, most=2.0),
    "generalized_entropy_index": Composite(
        _DRAWS, tables.with_benefit, drawn=tables.generalized_entropy_index, most=float("inf")
    ),
    "average_odds": Composite("MOVER of both rates", tables.smaller_class, (_TPR, _FPR)),
    "treatment_equality": Composite(
        "Wilson on FN / (FN + FP)", lambda t: t[:, 1, 0] + t[:, 0, 1], (((_FN,), (_FN, _FP)),)
    ),
}
NOT_SERVED = "its interval needs independent rows that all count alike: no interval with weights or clusters is known"


@dataclass(frozen=True)
class CompositeFamily(GroupFamily):
    """One composite in K crossed groups, over rows with truth and decision."""

    metric: str
    by: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    tables: Tables
    """(K, 2, 2) counts of rows by truth and decision."""
    level: float
    min_n: int = SPARSE
    sums: Sums | None = None
    """Of weighted or dependent rows."""
    weighted: bool = False

    @classmethod
    def of(cls, tally: Tally, metric: str, by: Sequence[str], *, level: float, min_n: int = SPARSE) -> CompositeFamily:
        """Read the tables off a tally; `by=()` gives one group, everybody.

        EvidenceError for a composite that has no interval over the rows of this tally.
        """
        if not served(tally, metric):
            raise EvidenceError(f"'{metric}': {NOT_SERVED}")
        counts, sums = tally.counts(*by), tally.sums(*by) if tally.dependent else None
        return cls(metric, tuple(by), counts.groups, counts.table[:, 1:, 1:], level, min_n, sums, tally.weighted)

    @cached_property
    def basis(self) -> Basis:  # type: ignore[override]
        """What the intervals rest on."""
        rates = COMPOSITES[self.metric].rates
        if self.sums is not None:
            return WeighedBasis.of(self.sums, rates, self.large, weighted=self.weighted, min_n=self.min_n)
        if not rates:
            return Basis((Counts((self.tables,)),))
        return Basis(tuple(Counts((cells_of(self.tables, k), cells_of(self.tables, n))) for k, n in rates))

    def formula(self, counts: Any, rho: Floats | None, q: Any, method: Method) -> Limits:
        """The limits of the composite."""
        return COMPOSITES[self.metric].limits(counts, rho, q, method)

    @property
    def words(self) -> Words:  # type: ignore[override]
        """What is said of it."""
        who = METRICS[self.metric].denominator_words
        zero = "the value is 0 in every group: 0/0 is not a ratio"
        return Words(COMPOSITES[self.metric].method, f"nobody among {who}", f"among {who}", zero)

    @property
    def most(self) -> float:  # type: ignore[override]
        """The largest possible difference."""
        return COMPOSITES[self.metric].most

    @cached_property
    def n(self) -> NDArray[np.int64]:
        """(K,) denominators; 0 where undefined."""
        return COMPOSITES[self.metric].counted(self.tables)

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """(K,) rows with truth and decision."""
        return np.asarray(self.tables.sum(axis=(1, 2)))

    @cached_property
    def values(self) -> Floats:
        """(K,) point values, NaN where undefined."""
        return self.limits.p

    def exhibits(self, kind: Comparison) -> tuple[Table, ...]:
        """See `GroupFamily`; of treatment equality, the odds."""
        return (self.odds(),) if self.metric == "treatment_equality" else ()

    def odds(self) -> Table:
        """FN / FP of every group, which is the odds of π; None where there is no FP."""
        ratio = tables.odds(self.limits)
        rows = [
            (self.name(i), int(t[1, 0]), int(t[0, 1]), *(number(float(x[i])) for x in ratio))
            for i, t in enumerate(self.tables)
        ]
        columns = (" and ".join(self.by).capitalize(), "Overlooked", "Wrongly selected", "FN / FP", "From", "To")
        return Table(title="Overlooked for one wrongly selected", columns=columns, rows=tuple(rows))


def served(tally: Tally, metric: str) -> bool:
    """Whether a metric has an interval over the rows of this tally."""
    if not tally.dependent:
        return True
    return bool(COMPOSITES[metric].rates) if metric in COMPOSITES else not metric.endswith(DISPERSION)
