"""Differences and ratios of two rates, independent or correlated, from the limits of each (MOVER)."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from auditkit import mover
from auditkit.mover import Sides
from auditkit.stats.rates import Floats, Limits


class Interval(NamedTuple):
    """Value and limits; `inf` is an unbounded limit, NaN an undefined value."""

    value: Floats
    low: Floats
    high: Floats


def difference(a: Limits, b: Limits, rho: Floats | None = None) -> Interval:
    """p_a − p_b with Newcombe's limits where those of a and b are Wilson's (MOVER in general).

    L = d − √((p_a − l_a)² + (u_b − p_b)²), U = d + √((u_a − p_a)² + (p_b − l_b)²); estimates of correlation `rho`
    take 2ρ times the product of both terms off each sum.
    Source: Newcombe (1998), Statistics in Medicine 17:873, method 10; Zou & Donner (2008).

    >>> from auditkit.stats.rates import wilson
    >>> d = difference(wilson(56, 70, 1.96), wilson(48, 80, 1.96))
    >>> [round(float(x), 4) for x in d]
    [0.2, 0.0524, 0.3339]
    """
    d = a.p - b.p
    away = mover.difference(_sides(a), _sides(b), partial(_size, rho=rho))
    return Interval(d, d - away.below, d + away.above)


def apart(a: Limits, b: Limits) -> Floats:
    """How far apart two values must lie so that the interval of their difference, by MOVER, ends at 0, whichever is the
    larger: the larger of √((a − lₐ)² + (u_b − b)²) and √((uₐ − a)² + (b − l_b)²); NaN where a limit is not known."""
    return np.maximum(*mover.difference(_sides(a), _sides(b), np.hypot))


def ratio(a: Limits, b: Limits, rho: Floats | None = None) -> Interval:
    """p_a / p_b with MOVER-R limits.

    low = 0 when p_a = 0, high = ∞ when p_b = 0; both 0: the value is undefined (NaN), the limits [0, ∞]. `rho` is the
    correlation of both estimates.
    Source: Donner & Zou (2012), Statistical Methods in Medical Research 21:347.

    >>> from auditkit.stats.rates import wilson
    >>> float(ratio(wilson(0, 10, 1.96), wilson(0, 10, 1.96)).high)
    inf
    """
    with np.errstate(divide="ignore", invalid="ignore"):  # 0/0 is NaN, a/0 is ∞: both are meant
        return Interval(np.asarray(a.p / b.p), _ratio_low(a, b, rho), 1 / _ratio_low(b, a, rho))


def _sides(a: Limits) -> Sides[Floats]:
    return Sides(a.p - a.low, a.high - a.p)


def _size(x: Floats, y: Floats, rho: Floats | None) -> Floats:
    if rho is None:
        return np.hypot(x, y)
    with np.errstate(invalid="ignore", over="ignore"):  # ∞ − ∞ where a limit is unbounded: so is the difference
        found = np.sqrt(np.maximum(x * x + y * y - 2 * rho * x * y, 0.0))
    return np.where(np.isinf(x) | np.isinf(y), np.inf, found)


def _ratio_low(a: Limits, b: Limits, rho: Floats | None) -> Floats:
    """Lower MOVER-R limit of p_a / p_b; the upper one is its reciprocal with a and b exchanged (law)."""
    product = a.p * b.p if rho is None else a.p * b.p - rho * (a.p - a.low) * (b.high - b.p)
    la, ub = a.low, b.high
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = product**2 - la * ub * (2 * a.p - la) * (2 * b.p - ub)
        low = la * (2 * a.p - la) / (product + np.sqrt(np.maximum(inner, 0.0)))
    # p_b = 0 leaves l(2p−l)/√(−l·u(2p−l)(−u)) = √(l(2p−l))/u, which the formula gives by itself
    low = np.where((a.p == 0) | (la == 0) | np.isinf(ub), 0.0, low)
    return np.where(np.isnan(a.p) | np.isnan(b.p), np.nan, low)
