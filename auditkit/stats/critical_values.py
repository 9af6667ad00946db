"""The largest of a family: what is said of it, and the critical values at which all its comparisons hold together."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from auditkit.stats.ranges import range_ppf
from auditkit.stats.rates import critical_value


class FamilyInterval(NamedTuple):
    """A maximum (or minimum) over a family, its limits, and the two groups that give the value."""

    value: float
    """NaN where it is undefined."""
    low: float
    high: float
    """May be ∞ for ratios."""
    first: int
    """Position of the group with the lower rate (of the group itself, for comparisons to overall)."""
    second: int
    """Position of the group with the higher rate."""


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
