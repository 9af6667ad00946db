"""Adjusted p of a family's hypothesis: the q at which its interval touches the tested value, through the law of q.

So an interval at level 1 − α lies beyond a limit exactly when p < α.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from scipy.special import ndtr, stdtr

from auditkit.stats.critical_values import FamilyInterval
from auditkit.stats.ranges import crossing, range_sf

MOST = 38.0
"""Beyond this q every tail is 0 in double precision."""

Law = Literal["pairs", "separate"]
"""Of the largest statistic: all pairs of K groups (studentized range), or K separate normals (Šidák)."""


def tail(q: float, groups: int, law: Law, df: float = np.inf) -> float:
    """P(the largest of the family's statistics exceeds q) when there is no effect.

    `df` are the degrees of freedom of the standard errors.

    >>> round(tail(1.959964, 2, "pairs"), 4), round(tail(1.959964, 1, "separate"), 4)
    (0.05, 0.05)
    """
    if law == "pairs" and groups > 2:
        return range_sf(q * 2**0.5, groups, df)
    two_sided = 2 * float(ndtr(-q) if np.isinf(df) else stdtr(df, -q))
    if law == "pairs" or groups == 1:
        return two_sided
    return float(-np.expm1(groups * np.log1p(-two_sided))) if two_sided < 1 else 1.0


def p_value(
    interval: Callable[[float], FamilyInterval], limit: float, *, above: bool, tail_of: Callable[[float], float]
) -> float:
    """p of H0: the estimand is at most `limit` (`above=True`), or at least `limit`.

    `interval(q)` gives the limits at critical value q; `tail_of(q)` the family's tail. 1 where even the narrowest
    interval is not beyond the limit.

    >>> from auditkit.stats.families import of_rates
    >>> def interval(q):
    ...     return of_rates("difference", [30, 45], [100, 100], level=0.95, q=q)
    >>> round(p_value(interval, 0.0, above=True, tail_of=lambda q: tail(q, 2, "pairs")), 4)
    0.0283
    """

    def beyond(q: float) -> float:
        found = interval(q)
        return found.low - limit if above else limit - found.high

    return tail_of(crossing(beyond, 1e-9, MOST)) if beyond(1e-9) > 0 else 1.0
