"""p of rules about groups: the law of the largest of a family, the critical value at which all its comparisons hold
together, and adjusted p.

p is the tail at the q at which the interval touches the tested value, so that an interval at level 1 − α lies beyond a
limit exactly when p < α. Which limit and which tail a comparison takes: `comparisons.Comparisons.p_value`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, stdtr

from auditkit.stats.ranges import crossing, range_ppf, range_sf
from auditkit.stats.rates import critical_value

MOST = 38.0
"""Beyond this q every tail is 0 in double precision."""

Law = Literal["pairs", "separate"]
"""Of the largest statistic: all pairs of K groups (studentized range), or K separate normals (Šidák)."""


class Compared(NamedTuple):
    """One comparison of a family, with its own limits at the simultaneous critical value."""

    first: int
    """Position of the group with the lower value (of the group itself, where it is compared with another side)."""
    second: int
    """Position of the group with the higher value."""
    value: float
    low: float
    high: float

    def among(self, where: ArrayLike) -> Compared:
        """The same with positions in a longer list, of which `where` are those compared."""
        at = np.asarray(where)
        return self._replace(first=int(at[self.first]), second=int(at[self.second]))


class FamilyInterval(NamedTuple):
    """A maximum (or minimum) over a family and its limits, which may be those of different comparisons."""

    value: float
    """NaN where it is undefined."""
    low: float
    high: float
    """May be ∞ for ratios."""
    far: Compared
    """The comparison that gives the value."""
    sure: Compared
    """The comparison that carries the inner limit: what a sentence names."""

    def among(self, where: ArrayLike) -> FamilyInterval:
        """See `Compared.among`."""
        return self._replace(far=self.far.among(where), sure=self.sure.among(where))


@lru_cache(maxsize=256)
def family_quantile(level: float, groups: int, df: float = np.inf) -> float:
    """q of all pairs among `groups` groups: studentized range over √2; 1.960 for two (t with finite `df`).

    Source: Kramer (1956), Biometrics 12:307.

    >>> round(family_quantile(0.95, 2), 3), round(family_quantile(0.95, 10), 3)
    (1.96, 3.164)
    >>> round(family_quantile(0.95, 2, df=9), 3)
    2.262
    """
    return critical_value(level, df) if groups <= 2 else range_ppf(level, groups, df) / 2**0.5


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
    limit_at: Callable[[float], float], limit: float, *, above: bool, tail_of: Callable[[float], float]
) -> float:
    """p of H0: the estimand is at most `limit` (`above=True`), or at least `limit`.

    `limit_at(q)` gives the interval's limit on that side, at critical value q; `tail_of(q)` the family's tail. 1 where
    even the narrowest interval is not beyond the limit.

    >>> from auditkit.stats.families import of_rates
    >>> def low(q):
    ...     return of_rates("difference", [30, 45], [100, 100], level=0.95, q=q).low
    >>> round(p_value(low, 0.0, above=True, tail_of=lambda q: tail(q, 2, "pairs")), 4)
    0.0283
    """

    def beyond(q: float) -> float:
        return limit_at(q) - limit if above else limit - limit_at(q)

    return tail_of(crossing(beyond, 1e-9, MOST)) if beyond(1e-9) > 0 else 1.0
