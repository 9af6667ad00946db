"""Intervals of a maximum over many groups: the gap, the worst ratio, the farthest from overall, the worst group.

A gap chosen as the largest of many is judged as such. Its lower limit is simultaneous over all pairs, at
q = Tukey–Kramer's quantile; its upper limit is an intersection–union claim ("every pair is within …") and needs only z.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from auditkit.stats import pairs
from auditkit.stats.ranges import crossing, range_ppf, range_sf
from auditkit.stats.rates import Limits, clopper_pearson, critical_value, jeffreys, rate, sidak_value, wilson

Floats = NDArray[np.float64]


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


@lru_cache(maxsize=256)
def joint_quantile(level: float, groups_a: int, groups_b: int, df: float = np.inf) -> float:
    """q at which two independent families of pairs hold together: F_a(q) · F_b(q) = level.

    >>> round(joint_quantile(0.95, 2, 2), 3), round(joint_quantile(0.95, 5, 5), 3)
    (2.236, 2.964)
    """

    def misses(q: float) -> bool:
        a, b = (1 - range_sf(q * 2**0.5, max(2, k), df) for k in (groups_a, groups_b))
        return a * b < level

    return crossing(misses, 0.0, 40.0 if np.isinf(df) else 1e4)


def family_limits(k: ArrayLike, n: ArrayLike, q: float) -> Limits:
    """Limits of each rate at critical value q: Wilson for two groups, Jeffreys for more (never below coverage)."""
    return wilson(k, n, q) if np.asarray(n).shape[-1] <= 2 else jeffreys(k, n, q)


def gap(k: ArrayLike, n: ArrayLike, *, level: float, q: float | None = None) -> FamilyInterval:
    """max − min of the rates k/n over K ≥ 2 groups, all n > 0.

    Low = max(0, max over pairs of the lower limit of abs(d)) at q; high = max over pairs of max(−L, U) at z.
    `q`, here and below, replaces the quantile of the simultaneous limit: for larger families, and to find the q at
    which a limit touches a tested value.

    >>> g = gap([30, 45], [100, 100], level=0.95)
    >>> round(g.value, 3), round(g.low, 3), round(g.high, 3)
    (0.15, 0.016, 0.277)
    """
    k, n = np.asarray(k, float), np.asarray(n, float)
    q = family_quantile(level, n.size) if q is None else q
    p = rate(k, n)
    lower = _all_pairs_low(family_limits(k, n, q))
    upper = _all_pairs(wilson(k, n, critical_value(level))).high
    first, second = int(np.argmin(p)), int(np.argmax(p))
    return FamilyInterval(
        float(p[second] - p[first]), max(0.0, float(lower.max())), float(min(1.0, upper.max())), first, second
    )


def ratio(k: ArrayLike, n: ArrayLike, *, level: float, q: float | None = None) -> FamilyInterval:
    """min / max of the rates k/n over K ≥ 2 groups, all n > 0; NaN with [0, 1] when every rate is 0.

    High = min(1, min over ordered pairs of U) at q; low = min over ordered pairs of L at z.

    >>> r = ratio([30, 45], [100, 100], level=0.95)
    >>> round(r.value, 3), round(r.low, 3), round(r.high, 3)
    (0.667, 0.461, 0.959)
    """
    k, n = np.asarray(k, float), np.asarray(n, float)
    p = rate(k, n)
    first, second = int(np.argmin(p)), int(np.argmax(p))
    at_q = _pair_ratios(family_limits(k, n, family_quantile(level, n.size) if q is None else q))
    at_z = _pair_ratios(wilson(k, n, critical_value(level)))
    high = min(1.0, float(np.nanmin(at_q.high, initial=np.inf)))
    low = float(np.nanmin(at_z.low, initial=np.inf))
    value = float(p[first] / p[second]) if p[second] > 0 else float("nan")
    return FamilyInterval(value, min(low, high), high, first, second)


def difference_to_overall(k: ArrayLike, n: ArrayLike, *, level: float, q: float | None = None) -> FamilyInterval:
    """max over groups of abs(p_g − p_overall), overall containing the group; K ≥ 2 groups, all n > 0.

    p_g − p_overall = (1 − w)(p_g − p_rest), w the group's share of n: (1 − w) × Newcombe(g, rest) at z for the
    upper limit; the lower at Šidák's value, with Clopper–Pearson's limits (two groups: one comparison, Newcombe's).

    >>> round(difference_to_overall([30, 45], [100, 100], level=0.95).value, 3)
    0.075
    """
    k, n = np.asarray(k, float), np.asarray(n, float)
    w = n / n.sum()
    d = rate(k, n) - k.sum() / n.sum()
    at_q, at_z = _to_rest(k, n, level, q)
    a, b = pairs.difference(*at_q), pairs.difference(*at_z)
    lower = (1 - w) * np.maximum(a.low, -a.high)
    upper = (1 - w) * np.maximum(-b.low, b.high)
    worst = int(np.argmax(np.abs(d)))
    return FamilyInterval(
        float(abs(d[worst])), max(0.0, float(lower.max())), float(min(1.0, upper.max())), worst, worst
    )


def ratio_to_overall(k: ArrayLike, n: ArrayLike, *, level: float, q: float | None = None) -> FamilyInterval:
    """min over groups of min(r, 1/r), r = p_g / p_overall = 1 / (w + (1 − w) / (p_g / p_rest)).

    Limits are those of MOVER-R(g, rest), transformed, chosen as in `difference_to_overall`. NaN with [0, 1] when every
    rate is 0.

    >>> round(ratio_to_overall([30, 45], [100, 100], level=0.95).value, 3)
    0.8
    """
    k, n = np.asarray(k, float), np.asarray(n, float)
    w, overall = n / n.sum(), k.sum() / n.sum()
    at_q, at_z = _to_rest(k, n, level, q)
    high = folded(of_overall(pairs.ratio(*at_q), w), upper=True).min()
    low = folded(of_overall(pairs.ratio(*at_z), w), upper=False).min()
    if overall == 0:
        return FamilyInterval(float("nan"), min(float(low), float(high)), float(high), 0, 0)
    r = rate(k, n) / overall
    values = np.minimum(r, np.divide(1, r, out=np.zeros_like(r), where=r > 0))
    worst = int(np.argmin(values))
    return FamilyInterval(float(values[worst]), min(float(low), float(high)), float(high), worst, worst)


def extreme(k: ArrayLike, n: ArrayLike, *, level: float, largest: bool, q: float | None = None) -> FamilyInterval:
    """The smallest (or largest) rate over K ≥ 1 groups, all n > 0.

    Smallest: low = min of Wilson's lower limits at z (every group is at least that), high = min of Clopper–
    Pearson's upper limits at Šidák's value (some group is at most that; one group: Wilson's). Largest: mirrored.

    >>> e = extreme([30, 45], [100, 100], level=0.95, largest=False)
    >>> round(e.value, 2), round(e.low, 3), round(e.high, 3)
    (0.3, 0.219, 0.414)
    """
    k, n = np.asarray(k, float), np.asarray(n, float)
    if largest:
        m = extreme(n - k, n, level=level, largest=False, q=q)
        return FamilyInterval(1 - m.value, 1 - m.high, 1 - m.low, m.first, m.second)
    p = rate(k, n)
    low = wilson(k, n, critical_value(level)).low.min()
    inner = wilson if n.size == 1 else clopper_pearson
    high = inner(k, n, sidak_value(level, n.size) if q is None else q).high.min()
    where = int(np.argmin(p))
    return FamilyInterval(float(p[where]), float(low), float(high), where, where)


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


def _all_pairs(limits: Limits) -> pairs.Interval:
    i, j = np.triu_indices(limits.p.size, 1)
    d = pairs.difference(_at(limits, i), _at(limits, j))
    return pairs.Interval(np.abs(d.value), np.maximum(d.low, -d.high), np.maximum(-d.low, d.high))


def _all_pairs_low(limits: Limits) -> Floats:
    return _all_pairs(limits).low


def _pair_ratios(limits: Limits) -> pairs.Interval:
    """Every ordered pair."""
    i, j = np.nonzero(~np.eye(limits.p.size, dtype=bool))
    return pairs.ratio(_at(limits, i), _at(limits, j))


def _at(limits: Limits, where: NDArray[np.intp]) -> Limits:
    return Limits(limits.p[where], limits.low[where], limits.high[where])


def _to_rest(
    k: Floats, n: Floats, level: float, q: float | None
) -> tuple[tuple[Limits, Limits], tuple[Limits, Limits]]:
    """(group, rest) limits at the simultaneous value and at z."""
    groups, z = n.size, critical_value(level)
    if q is None:
        q = z if groups <= 2 else sidak_value(level, groups)
    rest_k, rest_n = k.sum() - k, n.sum() - n
    simultaneous = wilson if groups <= 2 else clopper_pearson
    return (
        (simultaneous(k, n, q), simultaneous(rest_k, rest_n, q)),
        (wilson(k, n, z), wilson(rest_k, rest_n, z)),
    )


def of_overall(to_rest: pairs.Interval, w: Floats) -> pairs.Interval:
    """r' = 1 / (w + (1 − w) / r): increasing in r, 0 at 0 and 1/w at ∞."""
    with np.errstate(divide="ignore"):
        low, high = (1 / (w + (1 - w) / x) for x in (to_rest.low, to_rest.high))
    return pairs.Interval(to_rest.value, low, high)


def folded(r: pairs.Interval, *, upper: bool) -> Floats:
    """The upper (or lower) limits of min(r, 1/r) from those of r, (K,)."""
    with np.errstate(divide="ignore"):
        if not upper:
            return np.minimum(r.low, 1 / r.high)
        return np.where(r.high < 1, r.high, np.where(r.low > 1, 1 / r.low, 1.0))
