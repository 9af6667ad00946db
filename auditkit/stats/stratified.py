"""Groups compared within strata: standardised rates, and Mantel–Haenszel for two groups. Arrays in, arrays out.

Counts are (K, S): K groups, S strata, every denominator above 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from auditkit.stats.rates import Floats, rate


class Standardized(NamedTuple):
    """Rates standardised to one mix of strata, (K,) each."""

    p: Floats
    effective_n: Floats
    """n* = p̄(1 − p̄)/V: Wilson's interval of p with n* rows is that of the standardised rate. At least 1."""


def standardized(x: ArrayLike, n: ArrayLike) -> Standardized:
    """Rates x/n of each group, averaged over the strata with the same weights for every group.

    p_g = Σ_k w_k x_gk/n_gk, w_k = N_k/N, N_k the rows of stratum k over all groups. V_g = Σ w_k² p̃(1 − p̃)/n_gk with
    p̃ = (x_gk + ½)/(n_gk + 1), so that a stratum with 0 or all successes has a variance too; p̄_g = Σ w_k p̃_gk. With
    one stratum n* is n. Source: direct standardisation; Rothman, Greenland & Lash (2008), ch. 15.

    >>> standardized([[10, 40], [5, 60]], [[100, 100], [50, 150]]).p.round(3).tolist()
    [0.288, 0.288]
    """
    x, n = np.asarray(x, float), np.asarray(n, float)
    mass = n.sum(axis=0)
    p = (mass * rate(x, n)).sum(axis=1) / mass.sum()
    smooth, w = (x + 0.5) / (n + 1), mass / mass.sum()
    variance = (w**2 * smooth * (1 - smooth) / n).sum(axis=1)
    mean = (w * smooth).sum(axis=1)
    return Standardized(p, np.maximum(1.0, mean * (1 - mean) / variance))


class MantelHaenszel(NamedTuple):
    """Two groups over strata; NaN where undefined."""

    difference: float
    """p_1 − p_0, pooled."""
    difference_error: float
    """Sato's standard error."""
    ratio: float
    """p_1 / p_0, pooled."""
    log_ratio_error: float
    """Greenland & Robins' standard error of the logarithm."""


def mantel_haenszel(x: ArrayLike, n: ArrayLike) -> MantelHaenszel:
    """The risk difference and risk ratio of group 1 against group 0, (2, S) counts, taken as the same in all strata.

    Difference Σ (x₁n₀ − x₀n₁)/N ÷ Σ n₁n₀/N, ratio Σ x₁n₀/N ÷ Σ x₀n₁/N, N = n₀ + n₁. Source: Mantel & Haenszel
    (1959); Sato (1989), Biometrics 45:1323; Greenland & Robins (1985), Biometrics 41:55.

    >>> m = mantel_haenszel([[5, 60], [10, 40]], [[50, 150], [100, 100]])
    >>> round(m.difference, 3), round(m.ratio, 3)
    (0.0, 1.0)
    """
    (x0, x1), (n0, n1) = np.asarray(x, float), np.asarray(n, float)
    total = n0 + n1
    pairs = float((n1 * n0 / total).sum())
    difference = float(((x1 * n0 - x0 * n1) / total).sum()) / pairs
    p = (n1**2 * x0 - n0**2 * x1 + n1 * n0 * (n0 - n1) / 2) / total**2
    q = (x1 * (n0 - x0) + x0 * (n1 - x1)) / (2 * total)
    error = max(0.0, difference * float(p.sum()) + float(q.sum())) ** 0.5 / pairs
    r, s = float((x1 * n0 / total).sum()), float((x0 * n1 / total).sum())
    if r <= 0 or s <= 0:
        undefined = float("nan") if s <= 0 else 0.0
        return MantelHaenszel(difference, error, undefined, float("nan"))
    log_variance = float(((n1 * n0 * (x1 + x0) - x1 * x0 * total) / total**2).sum()) / (r * s)
    return MantelHaenszel(difference, error, r / s, max(0.0, log_variance) ** 0.5)
