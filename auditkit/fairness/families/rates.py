"""The table of rates: numerators and denominators of every rate for every group, read off a tally."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue.index import METRICS
from auditkit.evidence.distinct import Cells
from auditkit.evidence.tally import Tally
from auditkit.records import Comparison
from auditkit.stats.rates import Floats, rate

COMPARED: tuple[Comparison, ...] = ("difference", "ratio", "difference_to_overall", "ratio_to_overall")
"""What rates of groups are compared by."""
N = TypeVar("N", np.int64, np.float64)


@dataclass(frozen=True)
class RateTable:
    """Counts behind M rates in K crossed groups of the attributes `by`, each over the rows that have what it needs.

    >>> tally = Tally.of({"sex": ["f", "f", "m"]}, y_true=[1, 0, 1], y_pred=[1, 0, 0])
    >>> RateTable.of(tally, ("sex",), ("selection_rate",)).values.tolist()
    [[0.5, 0.0]]
    """

    by: tuple[str, ...]
    metrics: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    """K crossed groups, sorted."""
    rows: NDArray[np.int64]
    """(M, K) rows with the truth, the decision or both, as the rate needs them."""
    numerator: NDArray[np.int64]
    """(M, K)"""
    denominator: NDArray[np.int64]
    """(M, K)"""
    all: int
    """Rows of all groups, whatever they lack."""
    weighed: tuple[Floats, Floats] | None = None
    """(M, K) Σw of the numerators and of the denominators; None where every row counts alike."""
    alike: bool = True
    """Whether weights are in the same units in all groups; else shares of one group cannot be added to another's."""

    @classmethod
    def of(cls, tally: Tally, by: Sequence[str], metrics: Sequence[str]) -> RateTable:
        """Read the table off a tally; `by=()` gives one group, everybody."""
        counts, known = tally.counts(*by), [METRICS[m] for m in metrics]
        shape = (len(metrics), len(counts.groups))

        def each(table: NDArray[N], cells: Sequence[Cells]) -> NDArray[N]:
            return np.array([cells_of(table, c) for c in cells], dtype=table.dtype).reshape(shape)

        def shares(table: NDArray[N]) -> tuple[NDArray[N], NDArray[N]]:
            return each(table, [m.numerator for m in known]), each(table, [m.denominator for m in known])

        numerator, denominator = shares(counts.table)
        sums = tally.sums(*by) if tally.weighted else None
        return cls(
            by=tuple(by),
            metrics=tuple(metrics),
            groups=counts.groups,
            rows=each(counts.table, [m.known for m in known]),
            numerator=numerator,
            denominator=denominator,
            all=int(counts.table.sum()),
            weighed=None if sums is None else shares(sums.w),
            alike=sums is None or len(set(sums.scale.tolist())) < 2,
        )

    @property
    def shares(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """(M, K) twice: what the values are quotients of, Σw where rows are weighted, else counts."""
        return (self.numerator, self.denominator) if self.weighed is None else self.weighed

    @property
    def values(self) -> Floats:
        """(M, K) rates, NaN where the denominator is 0."""
        return rate(*self.shares)


def cells_of(table: NDArray[N], cells: Cells) -> NDArray[N]:
    """(K, …) the sum of these cells of truth and decision, of tables (K, 3, 3, …) that begin with what is missing, or
    (K, 2, 2, …) of rows with both."""
    out = np.zeros((len(table), *table.shape[3:]), dtype=table.dtype)
    for truth, decision in cells:
        out += table[:, truth - 2, decision - 2]
    return out


def compared(k: NDArray[Any], n: NDArray[Any], kind: Comparison) -> Floats:
    """(B,) a comparison of K rates, in each of B replicates of counts (B, K); groups with nobody are left out."""
    with np.errstate(divide="ignore", invalid="ignore"):
        p, overall = k / n, (k.sum(axis=1) / n.sum(axis=1))[:, None]
        if kind == "difference":
            return np.asarray(np.fmax.reduce(p, axis=1) - np.fmin.reduce(p, axis=1))
        if kind == "ratio":
            return np.asarray(np.fmin.reduce(p, axis=1) / np.fmax.reduce(p, axis=1))
        if kind == "difference_to_overall":
            return np.asarray(np.fmax.reduce(np.abs(p - overall), axis=1))
        r = p / overall
        return np.asarray(np.fmin.reduce(np.fmin(r, 1 / r), axis=1))
