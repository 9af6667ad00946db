"""One set of comparisons of any quantity with limits, each with its interval and its p-value. Arrays in, arrays out.

A quantity is given by its limits: a function of a critical value and of the method for one rate (`wilson`, `jeffreys`);
`families` is the case of one rate. Of every comparison the inner limit, which says that there is a disparity, stands at
a simultaneous critical value; the outer one, which says that every disparity is within it, at z.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditkit.stats import pairs, pvalues
from auditkit.stats.pairs import Interval
from auditkit.stats.pvalues import Compared, FamilyInterval, family_quantile
from auditkit.stats.rates import Floats, Limits, clopper_pearson, critical_value, jeffreys, sidak_value, wilson

Method = Callable[[ArrayLike, ArrayLike, float], Limits]
"""(k, n, critical value) → limits of k/n."""
Quantity = Callable[[float, Method], Limits]
"""(critical value, method) → limits of the quantity in K groups."""

PAIRS = ("difference", "ratio")
"""Comparisons of all pairs of groups."""
EXTREMES = ("overall", "group_min", "group_max")
"""Comparisons that one group is enough for; all others need two."""


def fewest_groups(kind: str) -> int:
    """How many groups a comparison needs."""
    return 1 if kind in EXTREMES else 2


def inner_side(kind: str, *, above: bool) -> bool:
    """Whether the limit that lies beyond a tested value (above it, or below) is the inner one."""
    return above == (kind.startswith("difference") or kind == "group_max")


def of_each(groups: Sequence[tuple[float, Callable[[float], tuple[float, float]]]]) -> Quantity:
    """The quantity of groups that are given one by one, each as a value and its limits at any critical value."""

    def limits_at(q: float, _: Method) -> Limits:
        both = np.array([limits(q) for _, limits in groups])
        return Limits(np.array([value for value, _ in groups]), both[:, 0], both[:, 1])

    return limits_at


@dataclass(frozen=True)
class Comparisons:
    """A quantity in some groups, with what they are compared with, and how their estimates depend on each other.

    Without `other` the groups are compared among themselves (difference, ratio, group_min, group_max); with it each is
    compared with its other side, and with `share` with what both make together (overall).

    >>> of = Comparisons(lambda q, method: method([30, 45], [100, 100], q), 2, level=0.95)
    >>> round(of.interval("difference").low, 3), round(of.p_value("difference", 0.0, above=True), 4)
    (0.016, 0.0283)
    """

    own: Quantity
    claims: int
    """How many claims must hold together: the groups; one where two groups are compared with their rest."""
    level: float
    most: float = 1.0
    """The largest possible difference."""
    df: float = np.inf
    """Degrees of freedom of the standard errors."""
    rho: Floats | None = None
    """(K, K) correlations between the groups, or (K,) of each with its other side; None: independent."""
    other: Quantity | None = None
    """One reference, or the rest of each group."""
    share: Floats | None = None
    """(K,) share of each group in the overall denominator; it counts as known."""

    def interval(self, kind: str, *, inner: float | None = None, outer: float | None = None) -> FamilyInterval:
        """The largest difference, the smallest ratio or the extreme group; `inner` and `outer` replace critical values.

        Differences: low = max(0, max of the lower limits of abs(d)) at the simultaneous value, high = max(−L, U) at z.
        Ratios r, each folded to min(r, 1/r): high at the simultaneous value, low at z; NaN where every r is 0/0.
        Positions are among the groups.
        """
        q, method = self._simultaneous(kind, inner)
        z = critical_value(self.level, self.df) if outer is None else outer
        at_q, at_z = self.own(q, method), self.own(z, wilson)
        if kind in EXTREMES:
            return _extreme(at_q, at_z, largest=kind == "group_max")
        fold = _unsigned if kind.startswith("difference") else _folded
        near, far = fold(self._all(kind, at_q, q, method)), fold(self._all(kind, at_z, z, wilson))
        if kind.startswith("difference"):
            size, sure = far.value, int(np.argmax(near.low))
            low, high = max(0.0, float(near.low[sure])), min(self.most, float(far.high.max()))
        else:
            size, sure = -far.value, int(np.nanargmin(near.high))
            high = float(near.high[sure])
            low = min(float(np.nanmin(far.low)), high)
        largest = 0 if np.isnan(size).all() else int(np.nanargmax(size))
        named = (self._named(i, near, at_z) for i in (largest, sure))
        return FamilyInterval(float(far.value[largest]), low, high, *named)

    def p_value(self, kind: str, limit: float, *, above: bool) -> float:
        """Family p of H0: the comparison is at most (`above`), or at least, the limit.

        From the limit on the failing side: the inner one with the family's tail, or the outer one with a normal's. An
        interval at level 1 − α lies beyond the limit exactly when p < α.
        """
        if kind == "overall":  # one group: whichever extreme has its limit at q on the side that fails
            kind = "group_max" if above else "group_min"
        if inner_side(kind, above=above):
            tail = partial(pvalues.tail, groups=self.claims, law="pairs" if kind in PAIRS else "separate", df=self.df)
        else:
            tail = partial(pvalues.tail, groups=1, law="separate", df=self.df)
        low, high = (0.0, self.most if kind.startswith("difference") else 1.0)
        inside = kind not in EXTREMES and low <= limit <= high
        limit_at = self._end if inside else self.limit  # what stays at 0 or 1 says nothing of where it got there
        return pvalues.p_value(lambda q: limit_at(kind, q, above=above), limit, above=above, tail_of=tail)

    def limit(self, kind: str, q: float, *, above: bool) -> float:
        """The limit of `interval` that lies beyond a tested value, low if `above`, at critical value q."""
        end = self._end(kind, q, above=above)
        if kind in EXTREMES:
            return end
        if kind.startswith("difference"):
            return max(0.0, end) if above else min(self.most, end)
        return end if above else min(1.0, end)

    def _end(self, kind: str, q: float, *, above: bool) -> float:
        """`limit`, which for differences and ratios goes on beyond what they can be."""
        method = self._simultaneous(kind, q)[1] if inner_side(kind, above=above) else wilson
        own, side = self.own(q, method), "low" if above else "high"
        if kind in EXTREMES:
            return float((np.max if kind == "group_max" else np.min)(getattr(own, side)))
        found = self._all(kind, own, q, method)
        if kind.startswith("difference"):
            return float(getattr(_unsigned(found), side).max())
        if above:
            return float(np.fmin.reduce(_folded(found).low))  # NaN where all are
        with np.errstate(divide="ignore"):
            return float(np.nan_to_num(np.fmin(found.high, 1 / found.low), nan=1.0, posinf=np.inf).min())

    def each(self, kind: str) -> Interval:
        """Every group against its other side, signed, with simultaneous limits, (K,)."""
        assert self.other is not None, "each group is told against another side"
        q, method = self._simultaneous(kind)
        return self._all(kind, self.own(q, method), q, method)

    def smallest_seen(self, q: float | None = None) -> float:
        """The smallest difference of a pair seen with 80 % power: H(q) + H(z₈₀), H(x) the largest of
        √((pᵢ − lᵢ)² + (uⱼ − pⱼ)²) over pairs at critical value x; `q` replaces the simultaneous one."""
        q, method = self._simultaneous("difference", q)
        return _widest(self.own(q, method)) + _widest(self.own(critical_value(0.6), method))

    def _named(self, i: int, near: Interval, own: Limits) -> Compared:
        """The i-th comparison: of pairs, its groups in the order of their values."""
        value, low, high = (float(x[i]) for x in near)
        a, b = (int(x[i]) for x in _pairs(len(own.p))) if self.other is None else (i, i)
        first, second = (b, a) if own.p[b] < own.p[a] else (a, b)
        return Compared(first, second, value, max(0.0, low), min(self.most, high))

    def _simultaneous(self, kind: str, q: float | None = None) -> tuple[float, Method]:
        """Critical value and method at which all claims hold together: far out in the tails Wilson's falls short."""
        if kind in PAIRS:
            q = family_quantile(self.level, self.claims, self.df) if q is None else q
            return q, wilson if self.claims <= 2 else jeffreys
        q = sidak_value(self.level, self.claims, self.df) if q is None else q
        return q, wilson if self.claims == 1 else clopper_pearson

    def _all(self, kind: str, own: Limits, q: float, method: Method) -> Interval:
        """Every comparison: of the pairs i < j, of each group with its other side, or with what both make together.

        With w the share: p − overall = (1 − w)(p − p_rest), p / overall = 1 / (w + (1 − w) / (p / p_rest)).
        """
        compare = pairs.ratio if kind.startswith("ratio") else pairs.difference
        if self.other is None:
            i, j = _pairs(len(own.p))
            return compare(_at(own, i), _at(own, j), None if self.rho is None else self.rho[i, j])
        other, w = self.other(q, method), self.share
        found = compare(own, other, self.rho)
        if w is None:
            return found
        if kind.startswith("difference"):
            return Interval(*((1 - w) * x for x in found))
        with np.errstate(divide="ignore", invalid="ignore"):
            value = own.p / (w * own.p + (1 - w) * other.p)
            return Interval(value, *(1 / (w + (1 - w) / x) for x in (found.low, found.high)))


@lru_cache(maxsize=64)
def _pairs(groups: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Positions of the pairs i < j."""
    i, j = np.triu_indices(groups, 1)
    return i, j


def _extreme(inner: Limits, outer: Limits, *, largest: bool) -> FamilyInterval:
    """The smallest group: every one is at least `outer.low`, some one at most `inner.high`. The largest: mirrored."""
    pick, at = (np.max, np.argmax) if largest else (np.min, np.argmin)
    low, high = (inner.low, outer.high) if largest else (outer.low, inner.high)
    far, sure = int(at(outer.p)), int(at(low if largest else high))
    named = (Compared(i, i, *(float(x[i]) for x in inner)) for i in (far, sure))
    return FamilyInterval(float(outer.p[far]), float(pick(low)), float(pick(high)), *named)


def _widest(limits: Limits) -> float:
    """The largest `pairs.apart` over pairs i ≠ j."""
    of_pairs = pairs.apart(Limits(*(x[:, None] for x in limits)), Limits(*(x[None, :] for x in limits)))
    return float(np.max(of_pairs, where=~np.eye(len(limits.p), dtype=bool), initial=0.0))


def _unsigned(d: Interval) -> Interval:
    """The size of differences, (K,); the lower limits go below 0 where the sign is open."""
    return Interval(np.abs(d.value), np.maximum(d.low, -d.high), np.maximum(-d.low, d.high))


def _folded(r: Interval) -> Interval:
    """min(r, 1/r) with its limits, from those of r, (K,)."""
    with np.errstate(divide="ignore"):
        high = np.where(r.high < 1, r.high, np.where(r.low > 1, 1 / r.low, 1.0))
        return Interval(np.minimum(r.value, 1 / r.value), np.minimum(r.low, 1 / r.high), high)


def _at(limits: Limits, where: NDArray[np.intp]) -> Limits:
    return Limits(*(x[where] for x in limits))
