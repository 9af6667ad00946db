"""A part of the rows against the rest: limits and a p-value of the difference that always agree. Arrays in, out."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from auditkit.arrays import Bools
from auditkit.stats import pairs
from auditkit.stats.means import shape_of, skewed_limits, too_skewed
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
    return touching(lambda q: _mover(jeffreys, a, b, q), a.mean - b.mean)


class Tailed(NamedTuple):
    """Means of m parts with what is known of their tails, (m,) each."""

    n: Floats
    mean: Floats
    error: Floats
    """Standard errors; NaN below two rows."""
    shape: Floats
    """Skewness, as `stats.means.shape_of` has it."""

    def at(self, z: float | Floats) -> Limits:
        """The means with their limits at critical value z."""
        return Limits(self.mean, *skewed_limits(self.mean, self.error, self.n, self.shape, z))


class Pairs(NamedTuple):
    """m parts, each beside the rest."""

    part: Tailed
    rest: Tailed
    unstable: Bools
    """(m,) where values of either are too skewed for any limits, or all alike in one and not in the other."""

    @classmethod
    def of(cls, part: Sums, rest: Sums, part_cubes: Floats, rest_cubes: Floats) -> Pairs:
        """From sums (m,) and Σx³ (m,). The smaller of two borrows the tail that it cannot see.

        >>> few = Sums(*np.array([[100.0], [0.0], [0.0]]))  # no one in a hundred, one in fifty of the others
        >>> Pairs.of(few, Sums(*np.array([[900.0], [18.0], [18.0]])), np.zeros(1), np.full(1, 18.0)).unstable.tolist()
        [True]
        """
        sides = [_tail(s, c) for s, c in ((part, part_cubes), (rest, rest_cubes))]
        n, skewness = (np.stack([side[k] for side in sides], axis=1) for k in (0, 3))
        shape = np.array([shape_of(g, m) for g, m in zip(skewness, n, strict=True)]).reshape(n.shape)
        skewed = np.array([too_skewed(g, m).any() for g, m in zip(skewness, n, strict=True)], dtype=bool)
        error = np.stack([side[2] for side in sides], axis=1)
        alike = (error == 0).any(axis=1) & (error > 0).any(axis=1)
        a, b = (Tailed(*side[:3], shape[:, k]) for k, side in enumerate(sides))
        return cls(a, b, skewed | alike)

    def difference(self, level: float) -> Interval:
        """Mean of the part less that of the rest: MOVER of limits corrected for skewness; unbounded with one row."""
        found = self._at(float(ndtri(0.5 + level / 2)))
        nothing = np.isnan(found.low) & ~np.isnan(found.value)
        return Interval(found.value, np.where(nothing, -np.inf, found.low), np.where(nothing, np.inf, found.high))

    def p_value(self) -> Floats:
        """Two-sided p of "both means are the same", the level at which `difference` touches 0; 1 where unstable."""
        return np.where(self.unstable, 1.0, touching(self._at, self.part.mean - self.rest.mean))

    def _at(self, q: float | Floats) -> Interval:
        return pairs.difference(self.part.at(q), self.rest.at(q))


def _tail(s: Sums, cubes: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """n, mean, standard error, and skewness within what n values can have."""
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = s.mean
        second = np.maximum(s.xx / s.n - mean**2, 0.0)
        second = np.where(second <= 1e-12 * s.xx / s.n, 0.0, second)
        third = cubes / s.n - 3 * mean * s.xx / s.n + 2 * mean**3
        most = np.where(s.n > 1, (s.n - 2) / np.sqrt(s.n - 1), 0.0)
        skewness = np.where(second > 0, np.clip(np.nan_to_num(third / second**1.5), -most, most), 0.0)
        error = np.where(s.n > 1, np.sqrt(second / (s.n - 1)), np.nan)
    return s.n, mean, error, skewness


def touching(at: Callable[[Floats], Interval], d: Floats) -> Floats:
    """Two-sided p at which the limits of numbers d (m,), at a critical value, touch 0; 1 where there are none."""
    near, far = np.zeros(d.shape), np.full(d.shape, _FARTHEST)
    for _ in range(60):
        q = (near + far) / 2
        beyond = _beyond(at(q), d)
        touches = (beyond <= 0) | np.isnan(beyond)
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
