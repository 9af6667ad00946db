"""The law of the range of K independent standard normals over one common standard error: the studentized range.

`scipy.stats.studentized_range` is the oracle. It is not used here because importing `scipy.stats` takes most of a
second, and judging a stored report has one second in all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr

Floats = NDArray[np.float64]
_REACH = 9.0
"""Normals beyond this do not matter to 1e-18."""


@lru_cache(maxsize=1)
def _nodes() -> tuple[Floats, Floats]:
    """Gauss–Legendre nodes and weights on the line, times the normal density."""
    x, w = np.polynomial.legendre.leggauss(160)
    z = x * _REACH
    return z, w * _REACH * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)


def range_sf(q: float, groups: int, df: float = np.inf) -> float:
    """P(range of `groups` normals > q) = K ∫ φ(z) {Φ(z)^{K−1} − [Φ(z) − Φ(z − q)]^{K−1}} dz, accurate in the tail.

    With finite `df` the range is over s, s² ~ χ²_df / df independent of it: the mean of P(range > q s).
    Source: Tukey (1949); the integral of Harter (1960).

    >>> round(range_sf(3.857656, 5), 6), round(range_sf(5.0, 5, df=9), 4)
    (0.05, 0.0388)
    """
    if np.isfinite(df):
        s, spread = _spread(df)
        z, weight = _nodes()
        below = ndtr(z)
        others = (groups - 1) * np.log1p(-np.minimum(ndtr(z - q * s[:, None]) / below, 1 - 1e-16))
        return float(groups * (spread @ (-np.expm1(others) @ (weight * below ** (groups - 1)))))
    z, weight = _nodes()
    below = ndtr(z)
    others = (groups - 1) * np.log1p(-np.minimum(ndtr(z - q) / below, 1 - 1e-16))
    return float(groups * (weight * below ** (groups - 1) * -np.expm1(others)).sum())


@lru_cache(maxsize=256)
def _spread(df: float) -> tuple[Floats, Floats]:
    """Nodes and weights of s = √(χ²_df / df): its density is 2 (df/2)^{df/2} / Γ(df/2) · s^{df−1} exp(−df s²/2)."""
    x, w = np.polynomial.legendre.leggauss(64)
    low, high = max(0.0, 1 - _REACH / (2 * df) ** 0.5), 1 + _REACH / (2 * df) ** 0.5
    s = (low + high) / 2 + x * (high - low) / 2
    log = np.log(2.0) + df / 2 * np.log(df / 2) - gammaln(df / 2) + (df - 1) * np.log(s) - df * s * s / 2
    return s, w * (high - low) / 2 * np.exp(log)


@lru_cache(maxsize=1024)
def range_ppf(level: float, groups: int, df: float = np.inf) -> float:
    """The q that the range of `groups` normals, over s where `df` is finite, exceeds with probability 1 − level.

    >>> round(range_ppf(0.95, 5), 6), round(range_ppf(0.95, 5, df=9), 4)
    (3.857656, 4.7554)
    """
    return crossing(lambda q: range_sf(q, groups, df) > 1 - level, 0.0, 60.0 if np.isinf(df) else 1e4)


def crossing(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Where a property that holds at `low` ceases to hold, by bisection to 1e-12, relative.

    >>> round(crossing(lambda x: x * x < 2, 0.0, 2.0), 9)
    1.414213562
    """
    while high - low > 1e-12 * max(1.0, high):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
