"""Bootstrap replicates of a tally: multinomial draws of its cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auditkit.arrays import Floats, Ints
from auditkit.errors import EvidenceError
from auditkit.evidence.frames import places

if TYPE_CHECKING:
    from auditkit.evidence.tally import Tally

Outcomes = Sequence[tuple[int, int]]
"""Cells of truth and decision, each (y_true, y_pred)."""


@dataclass(frozen=True)
class Bootstrap:
    """B replicates of the cells of a tally. Rows of one cell are alike, so this is the bootstrap of the rows, exactly.

    >>> from auditkit.evidence.tally import Tally
    >>> tally = Tally.of({"sex": ["f", "f", "m", "m"]}, y_true=[1, 0, 1, 0], y_pred=[1, 0, 0, 0])
    >>> boot = Bootstrap.of(tally, n=1000)
    >>> boot.rate([(0, 1), (1, 1)], [(0, 0), (0, 1), (1, 0), (1, 1)], "sex").shape
    (1000, 2)
    """

    tally: Tally
    draws: Ints
    """(B, cells) rows of each cell in each replicate, in the order of `tally.cells`; each row sums to N."""

    @classmethod
    def of(cls, tally: Tally, n: int = 1000, random_state: int = 0) -> Bootstrap:
        """`n` draws; EvidenceError for sampling weights and clusters, or without rows."""
        if tally.weighted or tally.clusters is not None:
            what = "sampling weights" if tally.weighted else "clusters"
            raise EvidenceError(f"rows with {what} are not exchangeable: their cells cannot be drawn as rows are")
        if n < 1:
            raise EvidenceError(f"the number of replicates must be at least 1, got {n}")
        counts = tally.cells["n"].to_numpy()
        total = int(counts.sum())
        if not total:
            raise EvidenceError("a tally without rows has no replicates")
        draws = np.random.default_rng(random_state).multinomial(total, counts / total, size=n)
        return cls(tally, draws.astype(np.int64))

    def groups(self, *by: str) -> tuple[tuple[str, ...], ...]:
        """The groups of the columns of `count` and `rate`, sorted."""
        return self.tally.counts(*by).groups

    def count(self, outcomes: Outcomes, *by: str) -> Ints:
        """(B, K) rows with one of these outcomes in each group of `by`."""
        cells = self.tally.columns
        groups, at = places(cells, by, len(cells["n"]))
        member = np.zeros((len(at), len(groups)), dtype=np.float64)
        wanted = [outcome in outcomes for outcome in zip(cells["y_true"], cells["y_pred"], strict=True)]
        member[np.arange(len(at)), at] = wanted
        return np.rint(self.draws.astype(np.float64) @ member).astype(np.int64)

    def rate(self, numerator: Outcomes, denominator: Outcomes, *by: str) -> Floats:
        """(B, K) rates by group, NaN where nobody was drawn."""
        k, n = self.count(numerator, *by), self.count(denominator, *by)
        out: Floats = np.divide(k, n, out=np.full(k.shape, np.nan), where=n > 0)
        return out
