"""The law of the range of K independent standard normals over one common standard error: the studentized range.

`scipy.stats.studentized_range` is the oracle. It is not used here because importing `scipy.stats` takes most of a
second, and judging a stored report has one second in all.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.special import gammaln, ndtr

from auditkit.stats.rates import Floats

_REACH = 9.0
"""Normals beyond this do not matter to 1e-18."""


@lru_cache(maxsize=1)
def _nodes() -> tuple[Floats, Floats]:
    """Equal steps on the line, and the normal density times their width: of a smooth integrand that vanishes at both
    ends the trapezoid rule errs by no more than rounding (Trefethen & Weideman, 2014, SIAM Review 56:385)."""
    z, width = np.linspace(-_REACH, _REACH, 161, retstep=True)
    return z, width * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)


def range_sf(q: float, groups: int, df: float = np.inf) -> float:
    """P(range of `groups` normals > q) = K ∫ φ(z) {Φ(z)^{K−1} − [Φ(z) − Φ(z − q)]^{K−1}} dz, accurate in the tail.

    With finite `df` the range is over s, s² ~ χ²_df / df independent of it: the mean of P(range > q s).
    Source: Tukey (1949); the integral of Harter (1960).

    >>> round(range_sf(3.857656, 5), 6), round(range_sf(5.0, 5, df=9), 4)
    (0.05, 0.0388)
    """
    s, spread = _spread(df) if np.isfinite(df) else (np.ones(1), np.ones(1))
    z, weight = _nodes()
    below = ndtr(z)
    others = (groups - 1) * np.log1p(-np.minimum(ndtr(z - q * s[:, None]) / below, 1 - 1e-16))
    return min(1.0, float(groups * (spread @ (-np.expm1(others) @ (weight * below ** (groups - 1))))))  # quadrature


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
    return crossing(lambda q: range_sf(q, groups, df) - (1 - level), 0.0, 60.0 if np.isinf(df) else 1e4)


def crossing(above: Callable[[float], float], low: float, high: float) -> float:
    """Where a number that is above 0 at `low` ceases to be, to 1e-12, relative.

    Inverse quadratic interpolation where it is safe, bisection elsewhere: a number may jump, or stay at 0, or be ∞.
    Source: Chandrupatla (1997), Advances in Engineering Software 28:145.

    >>> round(crossing(lambda x: 2 - x * x, 0.0, 2.0), 9)
    1.414213562
    """
    b, a = low, high
    fb, fa = above(b), above(a)
    if fa > 0:
        return high
    t = 0.5
    for _ in range(200):
        x = a + t * (b - a)
        found = above(x)
        if (found > 0) == (fa > 0):
            c, fc = a, fa
        else:
            c, fc, b, fb = b, fb, a, fa
        a, fa = x, found
        least = 0.5e-12 * max(1.0, abs(a)) / abs(b - a)
        if least >= 0.5:
            break
        t = min(1 - least, max(least, _step(a, b, c, fa, fb, fc)))
    return a if fa > 0 else b


def _step(a: float, b: float, c: float, fa: float, fb: float, fc: float) -> float:
    """The share of the way from a to b at which the inverse quadratic through three points crosses 0; else ½."""
    if not (math.isfinite(fa) and math.isfinite(fb) and math.isfinite(fc)) or fb in (fa, fc) or fa == fc:
        return 0.5
    xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
    if not (phi * phi < xi and (1 - phi) ** 2 < 1 - xi):
        return 0.5
    return fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
