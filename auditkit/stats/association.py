"""Counts of categories: how far two go together, and whether shares are those of a reference. Arrays in, arrays out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from auditkit.stats.quadratic import noncentrality
from auditkit.stats.rates import critical_value


class Association(NamedTuple):
    """Cramér's V of a table of counts; NaN where a side has fewer than two categories with rows."""

    value: float
    """Bias-corrected, in [0, 1]."""
    low: float
    high: float
    uncorrected: float
    """√(χ² / (n · min(r − 1, c − 1)))."""
    p: float
    """Of χ², without a continuity correction."""
    least_expected: float
    """The smallest expected count: below 5, χ² and the limits are rough."""


def cramers_v(table: ArrayLike, *, level: float) -> Association:
    """Cramér's V, bias-corrected, with the limits of the noncentral χ² turned round.

    φ̃² = max(0, χ²/n − (r−1)(c−1)/(n−1)), V = √(φ̃² / min(r̃−1, c̃−1)), r̃ = r − (r−1)²/(n−1). Limits: the λ at which
    χ² is a tail value of noncentral χ²_(r−1)(c−1)(λ), in the place of n φ̃². Low is 0 where χ² is not significant.
    Source: Bergsma (2013), J. Korean Statistical Society 42:323; Smithson (2003).

    >>> v = cramers_v([[30, 10], [20, 40]], level=0.95)
    >>> round(v.value, 3), round(v.uncorrected, 3)
    (0.398, 0.408)
    """
    t = _table(table)
    if t is None:
        return Association(*[float("nan")] * 6)
    z = critical_value(level)
    value = t.v(max(0.0, t.chi2 - t.n * t.df / (t.n - 1)))
    return Association(
        value,
        min(value, t.v(noncentrality(t.chi2, t.df, z))),
        max(value, t.v(noncentrality(t.chi2, t.df, -z))),
        float(np.sqrt(t.chi2 / t.n / t.least)),
        float(t.tail(0.0)),
        t.expected,
    )


def association_p(table: ArrayLike, limit: float, *, above: bool) -> float | None:
    """p of H0: Cramér's V is at most `limit` (`above`), or at least; None of a table without one.

    1 − the level at which the limit of `cramers_v` touches it; of H0: V = 0, the p of χ².

    >>> table = [[30, 10], [20, 40]]
    >>> low = cramers_v(table, level=0.9).low
    >>> round(association_p(table, low, above=True), 6)
    0.1
    """
    t = _table(table)
    if t is None:
        return None
    lam = t.n * t.smaller * limit**2 if t.smaller > 0 else 0.0
    if limit <= 0:
        return t.tail(0.0) if above else 1.0
    upper = t.tail(lam)
    return min(1.0, 2 * (upper if above else 1 - upper))


class _Table(NamedTuple):
    """What V is made of."""

    chi2: float
    n: float
    df: int
    least: int
    """The smaller side less one."""
    smaller: float
    """The same, bias-corrected."""
    expected: float
    """The smallest expected count."""

    def v(self, lam: float) -> float:
        """√(λ/n) over its largest."""
        return float(np.sqrt(min(1.0, lam / self.n / self.smaller))) if self.smaller > 0 else 1.0

    def tail(self, lam: float) -> float:
        """P(χ²_df(λ) ≥ χ²)."""
        from scipy.special import chdtrc, chndtr

        return float(1 - chndtr(self.chi2, self.df, lam)) if lam else float(chdtrc(self.df, self.chi2))


def _table(table: ArrayLike) -> _Table | None:
    """χ² of the categories with rows; None where a side has fewer than two."""
    counts = np.asarray(table, dtype=np.float64)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    (r, c), n = counts.shape, float(counts.sum())
    if min(r, c) < 2:
        return None
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / n
    chi2 = float(((counts - expected) ** 2 / expected).sum())
    smaller = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    return _Table(chi2, n, (r - 1) * (c - 1), min(r, c) - 1, smaller, float(expected.min()))


def goodness_of_fit(counts: ArrayLike, shares: ArrayLike) -> float:
    """p of Pearson's χ² that counts (K,) have these shares (K,), scaled to sum to 1; NaN for one category or no rows.

    A count where the share is 0 gives p = 0.

    >>> round(goodness_of_fit([60, 40], [0.5, 0.5]), 4)
    0.0455
    """
    from scipy.special import chdtrc

    k, share = np.asarray(counts, float), np.asarray(shares, float)
    possible = share > 0
    if k[~possible].any():
        return 0.0
    k, share = k[possible], share[possible] / share[possible].sum()
    if len(k) < 2 or not k.sum():
        return float("nan")
    expected = share * k.sum()
    return float(chdtrc(len(k) - 1, ((k - expected) ** 2 / expected).sum()))
