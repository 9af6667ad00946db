"""Intervals of a maximum over many groups: the gap, the worst ratio, the farthest from overall, the worst group.

A gap chosen as the largest of many is judged as such. Its lower limit is simultaneous over all pairs, at
q = Tukey–Kramer's quantile; its upper limit is an intersection–union claim ("every pair is within …") and needs only z.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from auditkit.stats import contrasts
from auditkit.stats.contrasts import Quantity
from auditkit.stats.critical_values import FamilyInterval as FamilyInterval
from auditkit.stats.critical_values import family_quantile as family_quantile
from auditkit.stats.critical_values import joint_quantile as joint_quantile
from auditkit.stats.rates import Floats, wilson


def gap(k: ArrayLike, n: ArrayLike, *, level: float, q: float | None = None) -> FamilyInterval:
    """max − min of the rates k/n over K ≥ 2 groups, all n > 0.

    Low = max(0, max over pairs of the lower limit of abs(d)) at q; high = max over pairs of max(−L, U) at z.
    `q`, here and below, replaces the quantile of the simultaneous limit: for larger families, and to find the q at
    which a limit touches a tested value.

    >>> g = gap([30, 45], [100, 100], level=0.95)
    >>> round(g.value, 3), round(g.low, 3), round(g.high, 3)
    (0.15, 0.016, 0.277)
    """
    return contrasts.difference(_rates(k, n), np.size(n), level=level, inner=q)


def ratio(k: ArrayLike, n: ArrayLike, *, level: float, q: float | None = None) -> FamilyInterval:
    """min / max of the rates k/n over K ≥ 2 groups, all n > 0; NaN with [0, 1] when every rate is 0.

    High = min(1, min over ordered pairs of U) at q; low = min over ordered pairs of L at z.

    >>> r = ratio([30, 45], [100, 100], level=0.95)
    >>> round(r.value, 3), round(r.low, 3), round(r.high, 3)
    (0.667, 0.461, 0.959)
    """
    return contrasts.ratio(_rates(k, n), np.size(n), level=level, inner=q)


def difference_to_overall(k: ArrayLike, n: ArrayLike, *, level: float, q: float | None = None) -> FamilyInterval:
    """max over groups of abs(p_g − p_overall), overall containing the group; K ≥ 2 groups, all n > 0.

    p_g − p_overall = (1 − w)(p_g − p_rest), w the group's share of n: (1 − w) × Newcombe(g, rest) at z for the
    upper limit; the lower at Šidák's value, with Clopper–Pearson's limits (two groups: one comparison, Newcombe's).

    >>> round(difference_to_overall([30, 45], [100, 100], level=0.95).value, 3)
    0.075
    """
    return contrasts.difference_to_overall(*_and_rest(k, n), level=level, inner=q)


def ratio_to_overall(k: ArrayLike, n: ArrayLike, *, level: float, q: float | None = None) -> FamilyInterval:
    """min over groups of min(r, 1/r), r = p_g / p_overall = 1 / (w + (1 − w) / (p_g / p_rest)).

    Limits are those of MOVER-R(g, rest), transformed, chosen as in `difference_to_overall`. NaN with [0, 1] when every
    rate is 0.

    >>> round(ratio_to_overall([30, 45], [100, 100], level=0.95).value, 3)
    0.8
    """
    return contrasts.ratio_to_overall(*_and_rest(k, n), level=level, inner=q)


def extreme(k: ArrayLike, n: ArrayLike, *, level: float, largest: bool, q: float | None = None) -> FamilyInterval:
    """The smallest (or largest) rate over K ≥ 1 groups, all n > 0.

    Smallest: low = min of Wilson's lower limits at z (every group is at least that), high = min of Clopper–
    Pearson's upper limits at Šidák's value (some group is at most that; one group: Wilson's). Largest: mirrored.

    >>> e = extreme([30, 45], [100, 100], level=0.95, largest=False)
    >>> round(e.value, 2), round(e.low, 3), round(e.high, 3)
    (0.3, 0.219, 0.414)
    """
    return contrasts.extreme(_rates(k, n), np.size(n), level=level, largest=largest, inner=q)


def minimum_detectable(pooled: float, pooled_n: float, n_a: ArrayLike, n_b: ArrayLike, *, q: float, z: float) -> Floats:
    """(q + z₈₀) √(p(1−p)(1/n_a + 1/n_b)): the gap seen with 80 % power.

    p is the Wilson limit of the pooled rate nearest to ½ (½ itself if between them).

    >>> float(minimum_detectable(0.2, 10_000, 500, 500, q=1.96, z=1.96).round(3))
    0.072
    """
    limits = wilson(pooled * pooled_n, pooled_n, z)
    p = float(np.clip(0.5, float(limits.low), float(limits.high)))
    n_a, n_b = np.asarray(n_a, float), np.asarray(n_b, float)
    with np.errstate(divide="ignore"):
        out: Floats = (q + float(ndtri(0.8))) * np.sqrt(p * (1 - p) * (1 / n_a + 1 / n_b))
    return out


def _rates(k: ArrayLike, n: ArrayLike) -> Quantity:
    k, n = np.asarray(k, float), np.asarray(n, float)
    return lambda q, method: method(k, n, q)


def _and_rest(k: ArrayLike, n: ArrayLike) -> tuple[Quantity, Quantity, Floats]:
    """Each rate, that of all other groups together, and each group's share of n."""
    k, n = np.asarray(k, float), np.asarray(n, float)
    return _rates(k, n), _rates(k.sum() - k, n.sum() - n), n / n.sum()
