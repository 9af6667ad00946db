"""The gap and the extreme of any K independent estimates, from their own limits (MOVER). Arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from auditkit.stats import pairs
from auditkit.stats.families import FamilyInterval, family_quantile
from auditkit.stats.rates import Limits, critical_value, sidak_value

LimitsAt = Callable[[float], Limits]
"""Critical value → the values (K,) with their limits at it."""


def gap(
    limits_at: LimitsAt, groups: int, *, level: float, q: float | None = None, z: float | None = None
) -> FamilyInterval:
    """max − min over K ≥ 2 independent estimates.

    Low = max(0, max over pairs of the lower limit of abs(d)) at q, the family quantile; high = max over pairs of
    max(−L, U) at z, as in `families.gap`. `q` and `z` replace their values at `level`, to find where a limit touches a
    tested value. Estimates that are positively correlated make it wider than need be, never narrower.
    Source: Zou & Donner (2008); Kramer (1956).

    >>> at = lambda z: Limits(np.array([0.1, 0.5]), np.array([0.1, 0.5]) - z * 0.05, np.array([0.1, 0.5]) + z * 0.05)
    >>> [round(x, 3) for x in gap(at, 2, level=0.95)[:3]]
    [0.4, 0.261, 0.539]
    """
    q = family_quantile(level, groups) if q is None else q
    z = critical_value(level) if z is None else z
    below, above = limits_at(q), limits_at(z)
    i, j = np.triu_indices(groups, 1)
    at_q = pairs.difference(_at(below, i), _at(below, j))
    at_z = pairs.difference(_at(above, i), _at(above, j))
    first, second = int(np.argmin(below.p)), int(np.argmax(below.p))
    low = max(0.0, float(np.maximum(at_q.low, -at_q.high).max()))
    high = float(np.maximum(-at_z.low, at_z.high).max())
    return FamilyInterval(float(below.p[second] - below.p[first]), low, high, first, second)


def extreme(
    limits_at: LimitsAt, groups: int, *, level: float, largest: bool, q: float | None = None, z: float | None = None
) -> FamilyInterval:
    """The smallest (or largest) of K ≥ 1 estimates, independent or not.

    Smallest: low = min of the lower limits at z (every one is at least that), high = min of the upper limits at
    Šidák's value (some one is at most that; Šidák's inequality holds for correlated normals). Largest: mirrored.
    `q` and `z` replace Šidák's value and z.

    >>> at = lambda z: Limits(np.array([0.1, 0.5]), np.array([0.1, 0.5]) - z * 0.05, np.array([0.1, 0.5]) + z * 0.05)
    >>> [round(x, 3) for x in extreme(at, 2, level=0.95, largest=False)[:3]]
    [0.1, 0.002, 0.212]
    """
    z = critical_value(level) if z is None else z
    above, below = limits_at(z), limits_at(sidak_value(level, groups) if q is None else q)
    where = int((np.argmax if largest else np.argmin)(above.p))
    if largest:
        low, high = float(below.low.max()), float(above.high.max())
    else:
        low, high = float(above.low.min()), float(below.high.min())
    return FamilyInterval(float(above.p[where]), low, high, where, where)


def _at(limits: Limits, where: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Limits:
    return Limits(limits.p[where], limits.low[where], limits.high[where])
