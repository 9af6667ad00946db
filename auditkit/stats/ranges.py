"""The law of the range of K independent standard normals (the studentized range with infinite degrees of freedom).

`scipy.stats.studentized_range` is the oracle. It is not used here because importing `scipy.stats` takes most of a
second, and judging a stored report has one second in all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]
_REACH = 9.0
"""Normals beyond this do not matter to 1e-18."""


@lru_cache(maxsize=1)
def _nodes() -> tuple[Floats, Floats]:
    """Gauss–Legendre nodes and weights on the line, times the normal density."""
    x, w = np.polynomial.legendre.leggauss(160)
    z = x * _REACH
    return z, w * _REACH * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)


def range_sf(q: float, groups: int) -> float:
    """P(range of `groups` normals > q) = K ∫ φ(z) {Φ(z)^{K−1} − [Φ(z) − Φ(z − q)]^{K−1}} dz, accurate in the tail.

    Source: Tukey (1949); the integral of Harter (1960).

    >>> round(range_sf(3.857656, 5), 6)
    0.05
    """
    z, weight = _nodes()
    below = ndtr(z)
    others = (groups - 1) * np.log1p(-np.minimum(ndtr(z - q) / below, 1 - 1e-16))
    return float(groups * (weight * below ** (groups - 1) * -np.expm1(others)).sum())


@lru_cache(maxsize=1024)
def range_ppf(level: float, groups: int) -> float:
    """The q that the range of `groups` normals exceeds with probability 1 − level.

    >>> round(range_ppf(0.95, 5), 6)
    3.857656
    """
    return crossing(lambda q: range_sf(q, groups) > 1 - level, 0.0, 60.0)


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
