"""Limits of a mean. Arrays in, arrays out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from auditkit.stats.rates import Floats, wilson


class MeanLimits(NamedTuple):
    """Lower and upper limits, each of the shape of the means; NaN where there is no standard error."""

    low: Floats
    high: Floats


def t_limits(mean: ArrayLike, standard_error: ArrayLike, *, effective_n: float, level: float) -> MeanLimits:
    """Student's interval, mean ± t · standard error, with effective_n − 1 degrees of freedom.

    `effective_n` need not be whole (Kish's number for weighted rows); at 1 or below both limits are NaN.

    >>> low, high = t_limits([0.0], [1.0], effective_n=11, level=0.95)
    >>> round(float(high[0]), 3)
    2.228
    """
    from scipy.special import stdtrit

    mean, error = np.asarray(mean, float), np.asarray(standard_error, float)
    t = float(stdtrit(effective_n - 1, 0.5 + level / 2)) if effective_n > 1 else np.nan
    return MeanLimits(mean - t * error, mean + t * error)


def t_p(mean: ArrayLike, standard_error: ArrayLike, *, effective_n: float) -> Floats:
    """Two-sided p of "the mean is 0" by Student's t with effective_n − 1 degrees of freedom; 1 at one row or below.

    Without any error p is 0, and 1 for a mean of 0.

    >>> t_p([2.228, 0.0], [1.0, 0.0], effective_n=11).round(3).tolist()
    [0.05, 1.0]
    """
    from scipy.special import stdtr

    size, error = np.abs(np.asarray(mean, float)), np.asarray(standard_error, float)
    t = np.divide(size, error, out=np.where(size > 0, np.inf, 0.0), where=error > 0)
    return np.asarray(2 * stdtr(effective_n - 1, -t)) if effective_n > 1 else np.ones_like(t)


def share_limits(values: ArrayLike, z: float) -> tuple[float, float]:
    """Limits of the mean of n values in [0, 1], at critical value z: Student's, within [0, 1].

    Where all values are alike there is no variance to go by: then Wilson's of the mean, which no variance of such
    values exceeds. NaN without values.

    >>> [round(x, 3) for x in share_limits([0.2, 0.4, 0.6, 0.8], 1.96)]
    [0.089, 0.911]
    """
    x = np.asarray(values, float)
    n = len(x)
    if not n:
        return float("nan"), float("nan")
    return share_limits_of(float(x.mean()), float(x.std(ddof=1)) if n > 1 else 0.0, n, z)


def share_limits_of(mean: float, spread: float, n: int, z: float) -> tuple[float, float]:
    """`share_limits` of n ≥ 1 values by their mean and standard deviation (with n − 1)."""
    from scipy.special import ndtr

    if spread <= 1e-12:
        plain = wilson(mean * n, n, z)
        return float(plain.low), float(plain.high)
    low, high = t_limits(mean, spread / n**0.5, effective_n=n, level=float(1 - 2 * ndtr(-z)))
    return max(0.0, float(low)), min(1.0, float(high))


def t_value(n: ArrayLike, z: float) -> Floats:
    """Student's quantile with the tail of z and n − 1 degrees of freedom; NaN at one row or fewer.

    >>> round(float(t_value(11, 1.959964)), 3)
    2.228
    """
    from scipy.special import ndtr, stdtrit

    n = np.asarray(n, float)
    return np.asarray(stdtrit(np.where(n > 1, n - 1, np.nan), ndtr(z)))
