"""A part of the rows against the rest: limits and a p-value of the difference that always agree. Arrays in, out."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from auditkit.stats import pairs
from auditkit.stats.pairs import Interval
from auditkit.stats.rates import Floats, Limits, jeffreys, rate, wilson

Method = Callable[[Floats, Floats, float | Floats], Limits]
_FARTHEST = 37.0
"""Beyond this normal quantile the tail leaves double precision."""


class Sums(NamedTuple):
    """What is known of the outcome x in each of m parts; any shape, all alike. For rates x is 0 or 1."""

    n: Floats
    """Rows (or effective rows)."""
    x: Floats
    """Σx."""
    xx: Floats
    """Σx²."""

    def minus(self, part: Sums) -> Sums:
        """The sums of the rows that are not in the part."""
        return Sums(self.n - part.n, self.x - part.x, self.xx - part.xx)

    @property
    def mean(self) -> Floats:
        """Σx / n; NaN where n is 0."""
        return rate(self.x, self.n)


def difference(a: Sums, b: Sums, *, level: float, rates: bool) -> Interval:
    """mean(a) − mean(b) of independent parts, with limits; NaN where a part has no rows.

    Rates: MOVER with equal-tailed Jeffreys limits, which keep their level also far out in the tails, where many
    comparisons send them. Means: Welch's t; unbounded with one row, or without any spread.

    >>> a, b = Sums(*np.array([[50.0], [20.0], [20.0]])), Sums(*np.array([[200.0], [30.0], [30.0]]))
    >>> [round(float(v[0]), 3) for v in difference(a, b, level=0.95, rates=True)]
    [0.25, 0.112, 0.395]
    """
    if rates:
        return _mover(jeffreys, a, b, float(ndtri(0.5 + level / 2)))
    d, error, df = _welch(a, b)
    half = np.where(df > 0, stdtrit(np.maximum(df, 1e-9), 0.5 + level / 2) * error, np.inf)
    return Interval(d, np.where(np.isnan(d), np.nan, d - half), np.where(np.isnan(d), np.nan, d + half))


def p_value(a: Sums, b: Sums, *, rates: bool) -> Floats:
    """Two-sided p of "both means are the same": 1 − the level at which `difference` touches 0; 1 if undefined.

    >>> a, b = Sums(*np.array([[50.0], [20.0], [20.0]])), Sums(*np.array([[200.0], [30.0], [30.0]]))
    >>> p = p_value(a, b, rates=True)
    >>> abs(round(float(difference(a, b, level=1 - p[0], rates=True).low[0]), 9))
    0.0
    """
    if not rates:
        d, error, df = _welch(a, b)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.abs(d) / error
        known = (df > 0) & (error > 0)
        return np.where(known, 2 * stdtr(np.where(known, df, 1.0), -np.where(known, t, 0.0)), 1.0)
    d = a.mean - b.mean
    near, far = np.zeros(d.shape), np.full(d.shape, _FARTHEST)
    for _ in range(60):
        q = (near + far) / 2
        touches = _beyond(_mover(jeffreys, a, b, q), d) <= 0
        near, far = np.where(touches, near, q), np.where(touches, q, far)
    return np.where(np.isnan(d) | (d == 0), 1.0, np.minimum(2 * ndtr(-far), 1.0))


def lower_of_size(a: Sums, b: Sums, *, z: float, rates: bool) -> Floats:
    """Lower limit of abs(mean(a) − mean(b)), negative where the interval holds 0, −1 or below where undefined.

    For searching many parts at once: Newcombe for rates, a normal interval for means.
    """
    d = a.mean - b.mean
    found = _beyond(_mover(wilson, a, b, z), d) if rates else np.abs(d) - z * _welch(a, b)[1]
    return np.where(np.isnan(found), -np.inf, found)


def _mover(method: Method, a: Sums, b: Sums, q: float | Floats) -> Interval:
    return pairs.difference(method(a.x, a.n, q), method(b.x, b.n, q))


def _beyond(i: Interval, d: Floats) -> Floats:
    """How far the nearer limit lies from 0, on the side of the value."""
    return np.where(d >= 0, i.low, -i.high)


def _welch(a: Sums, b: Sums) -> tuple[Floats, Floats, Floats]:
    """Difference, its standard error, and Welch–Satterthwaite's degrees of freedom (0 where there are none)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        va, vb = (np.maximum(s.xx - s.x * s.mean, 0.0) / (s.n - 1) / s.n for s in (a, b))
        df = (va + vb) ** 2 / (va**2 / (a.n - 1) + vb**2 / (b.n - 1))
        few = (a.n <= 1) | (b.n <= 1)
        error = np.where(few, np.inf, np.sqrt(va + vb))
    return a.mean - b.mean, error, np.where(few | np.isnan(df), 0.0, df)
