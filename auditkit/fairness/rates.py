"""The table of rates: numerators and denominators of every rate for every group, read off a tally."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auditkit.catalogue.index import METRICS
from auditkit.evidence.tally import Tally
from auditkit.stats.rates import rate

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RateTable:
    """Counts behind M rates in K crossed groups of the attributes `by`, over rows with truth and decision.

    >>> tally = Tally.of({"sex": ["f", "f", "m"]}, y_true=[1, 0, 1], y_pred=[1, 0, 0])
    >>> RateTable.of(tally, ("sex",), ("selection_rate",)).values.tolist()
    [[0.5, 0.0]]
    """

    by: tuple[str, ...]
    metrics: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    """K crossed groups, sorted."""
    rows: NDArray[np.int64]
    """(K,) rows with truth and decision."""
    numerator: NDArray[np.int64]
    """(M, K)"""
    denominator: NDArray[np.int64]
    """(M, K)"""

    @classmethod
    def of(cls, tally: Tally, by: Sequence[str], metrics: Sequence[str]) -> RateTable:
        """Read the table off a tally; `by=()` gives one group, everybody."""
        counts = tally.counts(*by)
        table = counts.table[:, 1:, 1:]
        shape = (len(metrics), len(counts.groups))
        return cls(
            by=tuple(by),
            metrics=tuple(metrics),
            groups=counts.groups,
            rows=table.sum(axis=(1, 2)),
            numerator=np.array([_sum(table, METRICS[m].numerator) for m in metrics]).reshape(shape),
            denominator=np.array([_sum(table, METRICS[m].denominator) for m in metrics]).reshape(shape),
        )

    @property
    def values(self) -> Floats:
        """(M, K) rates, NaN where the denominator is 0."""
        return rate(self.numerator, self.denominator)


def _sum(table: NDArray[np.int64], cells: tuple[tuple[int, int], ...]) -> NDArray[np.int64]:
    out = np.zeros(len(table), dtype=np.int64)
    for truth, decision in cells:
        out += table[:, truth, decision]
    return out
