"""Shares of two sums that the same rows give to K groups, and their ratios: limits by linearisation. Arrays in and out.

A row gives x_g over the line and y_g under it. π_g = Σx_g / ΣΣx and ρ_g = Σy_g / ΣΣy are shares; r_g = π_g / ρ_g.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from auditkit.stats.effective import clustered_rows, kish
from auditkit.stats.means import t_value
from auditkit.stats.pairs import ratio
from auditkit.stats.rates import Floats, Limits, rate, wilson

_MOST = 1e12
"""Rows that a share without a variance is worth."""


@dataclass(frozen=True)
class SharedRatios:
    """Sums (2K,) over and under the line, of products (2K, 2K), over N independent rows that all groups share.

    >>> x = np.array([[2.0, 1.0, 1.0, 1.0], [1.0, 2.0, 1.0, 1.0], [2.0, 1.0, 1.0, 1.0]])
    >>> SharedRatios(x.sum(axis=0), x.T @ x, 3, (15.0, 6.0)).value.round(3).tolist()
    [1.111, 0.889]
    """

    sums: Floats
    products: Floats
    n: int
    squares: tuple[float, float]
    """Σ of the squares of the pieces over the line, and under it."""

    @property
    def groups(self) -> int:
        """K."""
        return len(self.sums) // 2

    @cached_property
    def shares(self) -> tuple[Floats, Floats]:
        """(K,) π and ρ; NaN where nothing is there at all."""
        over, under = np.split(self.sums, 2)
        return rate(over, over.sum()), rate(under, under.sum())

    @property
    def value(self) -> Floats:
        """(K,) π / ρ; NaN where ρ is 0."""
        over, under = self.shares
        return rate(over, np.where(under > 0, under, 0.0))

    @cached_property
    def _gradients(self) -> tuple[Floats, Floats]:
        """(K, 2K) by which a row moves π, and ρ: (x_g − π_g Σx) / ΣΣx."""
        k = self.groups
        out = []
        for i, share in enumerate(self.shares):
            total = self.sums[i * k : (i + 1) * k].sum()
            whole = np.zeros((k, 2 * k))
            whole[:, i * k : (i + 1) * k] = rate(np.eye(k) - share[:, None], np.full((k, k), total))
            out.append(np.nan_to_num(whole))
        return out[0], out[1]

    def _products(self, a: Floats, b: Floats) -> Floats:
        """(K, K) covariances of what moves by a and by b."""
        correction = self.n / (self.n - 1) if self.n > 1 else np.nan
        return np.asarray(a @ self.products @ b.T * correction)

    @cached_property
    def _within(self) -> Floats:
        """(K,) correlation of π and ρ of each group."""
        a, b = self._gradients
        return _correlations(self._products(a, b), *(np.diag(self._products(x, x)) for x in (a, b))).diagonal()

    @cached_property
    def correlations(self) -> Floats:
        """(K, K) of the ratios, of whose logarithms each row is a sum of parts."""
        over, under = (np.nan_to_num(rate(g, s[:, None])) for g, s in zip(self._gradients, self.shares, strict=True))
        together = self._products(over - under, over - under)
        return _correlations(together, np.diag(together), np.diag(together))

    @cached_property
    def rows(self) -> Floats:
        """(K,) how many rows that give alike are worth those that give anything under the line: (Σy)² / Σy²."""
        k = self.groups
        return kish(self.sums[k:], np.diag(self.products)[k:])

    @cached_property
    def _worth(self) -> tuple[Floats, Floats]:
        """(K,) n* of π, and of ρ: as many independent pieces have their variances.

        π may be near 0, where few rows carry it: there n* is that of dependent rows (`clustered_rows`). What is under
        the line is not: its variance serves.
        """
        k, (over, under) = self.groups, self.shares
        v, u = (np.maximum(np.diag(self._products(g, g)), 0.0) for g in self._gradients)
        most = np.full(k, kish(self.sums[:k].sum(), np.asarray(self.squares[0])))
        carried = kish(self.sums[:k], np.diag(self.products)[:k])
        alike = np.full(k, float(self.n))
        n = clustered_rows(np.nan_to_num(over), most, v, alike, carried)
        with np.errstate(divide="ignore", invalid="ignore"):
            return n, np.where(u > 0, np.minimum(under * (1 - under) / u, _MOST), _MOST)

    def limits(self, q: float | Floats) -> Limits:
        """(K,) ratios with limits at critical value q: Wilson's of both shares at n*, with Student's t of the rows that
        are worth it, and MOVER-R of the two, which are correlated. NaN where ρ is 0, or below two rows."""
        t = t_value(self.rows, q)
        over, under = (wilson(np.nan_to_num(p) * n, n, t) for p, n in zip(self.shares, self._worth, strict=True))
        found = ratio(over, under, self._within)
        defined = np.isfinite(self.value) & np.isfinite(t)
        low, high = (np.where(defined, x, np.nan) for x in (found.low, found.high))
        return Limits(self.value, np.minimum(low, self.value), np.maximum(high, self.value))


def _correlations(together: Floats, a: Floats, b: Floats) -> Floats:
    scale = np.sqrt(np.outer(np.maximum(a, 0.0), np.maximum(b, 0.0)))
    found = np.divide(together, scale, out=np.zeros_like(together), where=scale > 0)
    return np.asarray(np.clip(found, -1.0, 1.0))
