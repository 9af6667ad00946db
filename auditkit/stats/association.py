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
    from scipy.special import chdtrc

    counts = np.asarray(table, dtype=np.float64)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    (r, c), n = counts.shape, float(counts.sum())
    if min(r, c) < 2:
        return Association(*[float("nan")] * 6)
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / n
    chi2 = float(((counts - expected) ** 2 / expected).sum())
    df = (r - 1) * (c - 1)
    smaller = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1

    def scaled(lam: float) -> float:
        return float(np.sqrt(min(1.0, lam / n / smaller))) if smaller > 0 else 1.0

    value = scaled(max(0.0, chi2 - n * df / (n - 1)))
    z = critical_value(level)
    return Association(
        value,
        min(value, scaled(noncentrality(chi2, df, z))),
        max(value, scaled(noncentrality(chi2, df, -z))),
        float(np.sqrt(chi2 / n / (min(r, c) - 1))),
        float(chdtrc(df, chi2)),
        float(expected.min()),
    )


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
