"""Limits of a ratio of two means, and its test. Numbers in, numbers out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Ratio(NamedTuple):
    """Two means with their variances and covariance, and the degrees of freedom behind those."""

    numerator: float
    denominator: float
    variance: float
    """Of the numerator."""
    variance_below: float
    covariance: float
    df: float


def fieller(r: Ratio, level: float) -> tuple[float, float] | None:
    """Fieller's limits: every θ with abs(a − θ b) ≤ t √(Var a − 2 θ Cov + θ² Var b).

    None where the denominator's own interval contains 0: then the set of such θ has no bounds.
    Source: Fieller (1954), Journal of the Royal Statistical Society B 16:175.

    >>> low, high = fieller(Ratio(2.0, 4.0, 0.01, 0.0, 0.0, 1e9), 0.95)
    >>> round(low, 3), round(high, 3)
    (0.451, 0.549)
    """
    from scipy.special import stdtrit

    if not r.df > 0:
        return None
    t2 = float(stdtrit(r.df, 0.5 + level / 2)) ** 2
    a = r.denominator**2 - t2 * r.variance_below
    if not a > 0:
        return None
    b = r.numerator * r.denominator - t2 * r.covariance
    c = r.numerator**2 - t2 * r.variance
    root = float(np.sqrt(max(b * b - a * c, 0.0)))
    return (b - root) / a, (b + root) / a


def fieller_p(r: Ratio, limit: float, *, above: bool) -> float:
    """p of H0: the ratio is at most `limit` (`above`), or at least; two-sided, and 1 on the side that H0 allows.

    Where the denominator's interval at a level 1 − p contains 0 there is no interval at that level: p is at least the
    denominator's own.

    >>> round(fieller_p(Ratio(2.0, 4.0, 0.01, 0.0, 0.0, 1e9), 0.451, above=True), 3)
    0.05
    """
    from scipy.special import stdtr

    if not r.df > 0 or not r.denominator:
        return 1.0
    sign = (1.0 if above else -1.0) * (1.0 if r.denominator > 0 else -1.0)
    excess = sign * (r.numerator - limit * r.denominator)
    if excess <= 0:
        return 1.0

    def two_sided(x: float, variance: float) -> float:
        return 2 * float(stdtr(r.df, -abs(x) / variance**0.5)) if variance > 0 else 0.0

    spread = r.variance - 2 * limit * r.covariance + limit**2 * r.variance_below
    return max(two_sided(excess, max(spread, 0.0)), two_sided(r.denominator, r.variance_below))
