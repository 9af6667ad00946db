"""Families of any quantity with limits, compared among themselves, with a reference group, the rest, or overall.

A quantity is given by its limits: a function of a critical value and of the method for one rate (`wilson`, `jeffreys`);
`families` is the case of one rate. Of every comparison the inner limit, which says that there is a disparity, stands at
a simultaneous critical value; the outer one, which says that every disparity is within it, at z. `inner` and `outer`
replace these critical values; `rho` holds correlations between the estimates, where they are dependent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditkit.stats import pairs
from auditkit.stats.critical_values import FamilyInterval, family_quantile
from auditkit.stats.pairs import Interval
from auditkit.stats.rates import Floats, Limits, clopper_pearson, critical_value, jeffreys, sidak_value, wilson

Method = Callable[[ArrayLike, ArrayLike, float], Limits]
"""(k, n, critical value) → limits of k/n."""
Quantity = Callable[[float, Method], Limits]
"""(critical value, method) → limits of the quantity in K groups."""
Value = float | None
"""A critical value that replaces the one of the level."""


def method_for(groups: int) -> Method:
    """Wilson for two groups, Jeffreys for more, where the tails are far out."""
    return wilson if groups <= 2 else jeffreys


def of_each(groups: Sequence[tuple[float, Callable[[float], tuple[float, float]]]]) -> Quantity:
    """The quantity of groups that are given one by one, each as a value and its limits at any critical value."""

    def limits_at(q: float, _: Method) -> Limits:
        both = np.array([limits(q) for _, limits in groups])
        return Limits(np.array([value for value, _ in groups]), both[:, 0], both[:, 1])

    return limits_at


def difference(
    own: Quantity,
    groups: int,
    *,
    level: float,
    most: float = 1.0,
    inner: Value = None,
    outer: Value = None,
    rho: Floats | None = None,
) -> FamilyInterval:
    """max − min over K ≥ 2 groups; the quantity ranges over an interval of length `most`. See `families.gap`.

    `rho` (K, K): correlations.

    >>> g = difference(lambda q, method: method([30, 45], [100, 100], q), 2, level=0.95)
    >>> round(g.value, 3), round(g.low, 3), round(g.high, 3)
    (0.15, 0.016, 0.277)
    """
    at_q = own(family_quantile(level, groups) if inner is None else inner, method_for(groups))
    at_z = own(critical_value(level) if outer is None else outer, wilson)
    i, j = np.triu_indices(groups, 1)
    a, b = (pairs.difference(_at(x, i), _at(x, j), _pair(rho, i, j)) for x in (at_q, at_z))
    first, second = int(np.argmin(at_z.p)), int(np.argmax(at_z.p))
    low, high = np.maximum(a.low, -a.high).max(), np.maximum(-b.low, b.high).max()
    value = float(at_z.p[second] - at_z.p[first])
    return FamilyInterval(value, max(0.0, float(low)), min(most, float(high)), first, second)


def ratio(
    own: Quantity,
    groups: int,
    *,
    level: float,
    inner: Value = None,
    outer: Value = None,
    rho: Floats | None = None,
) -> FamilyInterval:
    """min / max over K ≥ 2 groups of a quantity ≥ 0; NaN where all are 0. See `families.ratio`."""
    at_q = own(family_quantile(level, groups) if inner is None else inner, method_for(groups))
    at_z = own(critical_value(level) if outer is None else outer, wilson)
    i, j = np.nonzero(~np.eye(groups, dtype=bool))
    a, b = (pairs.ratio(_at(x, i), _at(x, j), _pair(rho, i, j)) for x in (at_q, at_z))
    first, second = int(np.argmin(at_z.p)), int(np.argmax(at_z.p))
    high = min(1.0, float(np.nanmin(a.high, initial=np.inf)))
    low = float(np.nanmin(b.low, initial=np.inf))
    value = float(at_z.p[first] / at_z.p[second]) if at_z.p[second] > 0 else float("nan")
    return FamilyInterval(value, min(low, high), high, first, second)


def extreme(
    own: Quantity, groups: int, *, level: float, largest: bool, inner: Value = None, outer: Value = None
) -> FamilyInterval:
    """The smallest (or largest) value over K ≥ 1 groups. See `families.extreme`."""
    at_z = own(critical_value(level) if outer is None else outer, wilson)
    exact = wilson if groups == 1 else clopper_pearson
    at_sidak = own(sidak_value(level, groups) if inner is None else inner, exact)
    pick, where = (np.max, int(np.argmax(at_z.p))) if largest else (np.min, int(np.argmin(at_z.p)))
    wide, near = (at_sidak, at_z) if largest else (at_z, at_sidak)
    return FamilyInterval(float(at_z.p[where]), float(pick(wide.low)), float(pick(near.high)), where, where)


def simultaneous(level: float, comparisons: int) -> tuple[float, Method]:
    """Critical value and method at which so many comparisons with one other side each hold together (Šidák).

    >>> round(simultaneous(0.95, 1)[0], 3), round(simultaneous(0.95, 4)[0], 3)
    (1.96, 2.491)
    """
    return sidak_value(level, comparisons), wilson if comparisons == 1 else clopper_pearson


def difference_to(
    own: Quantity,
    other: Quantity,
    comparisons: int,
    *,
    level: float,
    most: float = 1.0,
    inner: Value = None,
    outer: Value = None,
    rho: Floats | None = None,
) -> FamilyInterval:
    """max over groups of abs(own − other), `other` one reference or each group's rest, independent of `own`.

    Lower limit at Šidák's value for `comparisons`, upper at z. The group farthest away is `first` (and `second`).

    >>> rates = lambda k, n: lambda q, method: method(k, n, q)
    >>> g = difference_to(rates([30], [100]), rates([45], [100]), 1, level=0.95)
    >>> round(g.value, 3), round(g.low, 3), round(g.high, 3)
    (0.15, 0.016, 0.277)
    """
    q, method = simultaneous(level, comparisons)
    q, z = q if inner is None else inner, critical_value(level) if outer is None else outer
    a = pairs.difference(own(q, method), other(q, method), rho)
    b = pairs.difference(own(z, wilson), other(z, wilson), rho)
    low, high = np.maximum(a.low, -a.high).max(), np.maximum(-b.low, b.high).max()
    worst = int(np.argmax(np.abs(b.value)))
    value = float(np.abs(b.value)[worst])
    return FamilyInterval(value, max(0.0, float(low)), min(most, float(high)), worst, worst)


def ratio_to(
    own: Quantity,
    other: Quantity,
    comparisons: int,
    *,
    level: float,
    inner: Value = None,
    outer: Value = None,
    rho: Floats | None = None,
) -> FamilyInterval:
    """min over groups of min(r, 1/r), r = own / other; NaN where every r is 0/0.

    >>> rates = lambda k, n: lambda q, method: method(k, n, q)
    >>> r = ratio_to(rates([30], [100]), rates([45], [100]), 1, level=0.95)
    >>> round(r.value, 3), round(r.low, 3), round(r.high, 3)
    (0.667, 0.461, 0.959)
    """
    q, method = simultaneous(level, comparisons)
    q, z = q if inner is None else inner, critical_value(level) if outer is None else outer
    r = pairs.ratio(own(z, wilson), other(z, wilson), rho)
    high = float(np.nanmin(folded(pairs.ratio(own(q, method), other(q, method), rho), upper=True)))
    low = float(np.nanmin(folded(r, upper=False)))
    with np.errstate(divide="ignore"):
        values = np.minimum(r.value, 1 / r.value)
    if np.isnan(values).all():
        return FamilyInterval(float("nan"), min(low, high), high, 0, 0)
    worst = int(np.nanargmin(values))
    return FamilyInterval(float(values[worst]), min(low, high), high, worst, worst)


def difference_to_overall(
    own: Quantity,
    rest: Quantity,
    share: Floats,
    *,
    level: float,
    inner: Value = None,
    outer: Value = None,
    rho: Floats | None = None,
) -> FamilyInterval:
    """max over groups of abs(own − overall) = (1 − share) abs(own − rest). See `families.difference_to_overall`.

    `share` (K,) of each group in the overall denominator; it counts as known.

    >>> rates = lambda k, n: lambda q, method: method(k, n, q)
    >>> parts = rates([30, 45], [100, 100]), rates([45, 30], [100, 100])
    >>> round(difference_to_overall(*parts, np.array([0.5, 0.5]), level=0.95).value, 3)
    0.075
    """
    q, method = simultaneous(level, 1 if len(share) == 2 else len(share))
    q, z = q if inner is None else inner, critical_value(level) if outer is None else outer
    a = pairs.difference(own(q, method), rest(q, method), rho)
    b = pairs.difference(own(z, wilson), rest(z, wilson), rho)
    low, high = (1 - share) * np.maximum(a.low, -a.high), (1 - share) * np.maximum(-b.low, b.high)
    size = (1 - share) * np.abs(b.value)
    worst = int(np.argmax(size))
    return FamilyInterval(float(size[worst]), max(0.0, float(low.max())), min(1.0, float(high.max())), worst, worst)


def ratio_to_overall(
    own: Quantity,
    rest: Quantity,
    share: Floats,
    *,
    level: float,
    inner: Value = None,
    outer: Value = None,
    rho: Floats | None = None,
) -> FamilyInterval:
    """min over groups of min(r, 1/r), r = own / overall = 1 / (share + (1 − share) / (own / rest)).

    NaN where all are 0. See `families.ratio_to_overall`.

    >>> rates = lambda k, n: lambda q, method: method(k, n, q)
    >>> parts = rates([30, 45], [100, 100]), rates([45, 30], [100, 100])
    >>> round(ratio_to_overall(*parts, np.array([0.5, 0.5]), level=0.95).value, 3)
    0.8
    """
    q, method = simultaneous(level, 1 if len(share) == 2 else len(share))
    q, z = q if inner is None else inner, critical_value(level) if outer is None else outer
    at_q, at_z = (pairs.ratio(own(x, m), rest(x, m), rho) for x, m in ((q, method), (z, wilson)))
    high = float(folded(of_overall(at_q, share), upper=True).min())
    low = float(folded(of_overall(at_z, share), upper=False).min())
    p, p_rest = own(z, wilson).p, rest(z, wilson).p
    overall = share * p + (1 - share) * p_rest
    if not (overall > 0).all():
        return FamilyInterval(float("nan"), min(low, high), high, 0, 0)
    r = p / overall
    values = np.minimum(r, np.divide(1, r, out=np.zeros_like(r), where=r > 0))
    worst = int(np.argmin(values))
    return FamilyInterval(float(values[worst]), min(low, high), high, worst, worst)


def each(
    own: Quantity,
    other: Quantity,
    comparisons: int,
    *,
    level: float,
    ratios: bool,
    inner: Value = None,
    rho: Floats | None = None,
) -> Interval:
    """Every group's own − other (or own / other), signed, with simultaneous limits, (K,)."""
    q, method = simultaneous(level, comparisons)
    q = q if inner is None else inner
    return (pairs.ratio if ratios else pairs.difference)(own(q, method), other(q, method), rho)


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


def _pair(rho: Floats | None, i: NDArray[np.intp], j: NDArray[np.intp]) -> Floats | None:
    return None if rho is None else rho[i, j]


def _at(limits: Limits, where: np.ndarray[tuple[int, ...], np.dtype[np.intp]]) -> Limits:
    return Limits(limits.p[where], limits.low[where], limits.high[where])
