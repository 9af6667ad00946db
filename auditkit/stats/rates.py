"""Limits of one rate. Arrays in, arrays out; a rate with denominator 0 is NaN inside this folder."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtr, ndtri, stdtrit

Floats = NDArray[np.float64]


class Limits(NamedTuple):
    """Rates with their lower and upper limits, each of the shape of the counts."""

    p: Floats
    low: Floats
    high: Floats


@lru_cache(maxsize=256)
def critical_value(level: float, df: float = np.inf) -> float:
    """z of a two-sided interval; Student's t where the variance itself has finite degrees of freedom.

    >>> round(critical_value(0.95), 3), round(critical_value(0.95, df=9), 3)
    (1.96, 2.262)
    """
    return float(ndtri(0.5 + level / 2)) if np.isinf(df) else float(stdtrit(df, 0.5 + level / 2))


@lru_cache(maxsize=256)
def sidak_value(level: float, comparisons: int, df: float = np.inf) -> float:
    """Critical value at which `comparisons` two-sided normal (or t) intervals hold together (Šidák, 1967).

    >>> round(sidak_value(0.95, 1), 3), round(sidak_value(0.95, 5), 3)
    (1.96, 2.569)
    """
    return critical_value(level ** (1 / comparisons), df)


def rate(k: ArrayLike, n: ArrayLike) -> Floats:
    """k / n, NaN where n is 0: never 0 for 0/0."""
    k, n = np.asarray(k, float), np.asarray(n, float)
    return np.asarray(np.divide(k, n, out=np.full(np.broadcast(k, n).shape, np.nan), where=n > 0))


def wilson(k: ArrayLike, n: ArrayLike, z: float | Floats) -> Limits:
    """Wilson's score interval; limits 0 and 1 are exact at k = 0 and k = n.

    Centre (p + z²/2n) / (1 + z²/n), half-width z √(p(1−p)/n + z²/4n²) / (1 + z²/n).
    Source: Wilson (1927), JASA 22:209.

    >>> wilson(0, 10, 1.96).low
    array(0.)
    """
    k, n = np.asarray(k, float), np.asarray(n, float)
    p = rate(k, n)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = 1 + z * z / n
        centre = (p + z * z / (2 * n)) / scale
        half = z * np.sqrt(np.maximum(p * (1 - p), 0) / n + z * z / (4 * n * n)) / scale
    return _limits(k, n, np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0))


def jeffreys(k: ArrayLike, n: ArrayLike, q: float | Floats) -> Limits:
    """Equal-tailed Jeffreys limits at tail Φ(−q): Beta(k + ½, n − k + ½); 0 at k = 0 and 1 at k = n.

    Source: Brown, Cai & DasGupta (2001), Statistical Science 16:101.

    >>> jeffreys(10, 10, 1.96).high
    array(1.)
    """
    k, n, tail = np.asarray(k, float), np.asarray(n, float), ndtr(-np.asarray(q))
    a, b = k + 0.5, n - k + 0.5
    return _limits(k, n, betaincinv(a, b, tail), 1 - betaincinv(b, a, tail))


def clopper_pearson(k: ArrayLike, n: ArrayLike, q: float | Floats) -> Limits:
    """Exact limits at tail Φ(−q): Beta(k, n − k + 1) and Beta(k + 1, n − k); each errs with at most that chance.

    For the limits that the best of many rates is judged by, where a rate near 0 or 1 makes others fall short.
    Source: Clopper & Pearson (1934), Biometrika 26:404.

    >>> [round(float(x), 3) for x in clopper_pearson(9, 10, 1.96)]
    [0.9, 0.555, 0.997]
    """
    k, n, tail = np.asarray(k, float), np.asarray(n, float), ndtr(-np.asarray(q))
    with np.errstate(invalid="ignore"):
        low = betaincinv(np.maximum(k, 1e-300), n - k + 1, tail)
        high = 1 - betaincinv(np.maximum(n - k, 1e-300), k + 1, tail)
    return _limits(k, n, low, high)


def _limits(k: Floats, n: Floats, low: ArrayLike, high: ArrayLike) -> Limits:
    """0 below where k = 0, 1 above where k = n; NaN where n is 0."""
    nothing = ~(n > 0)
    low, high = np.where(k <= 0, 0.0, low), np.where(k >= n, 1.0, high)
    return Limits(rate(k, n), np.where(nothing, np.nan, low), np.where(nothing, np.nan, high))
