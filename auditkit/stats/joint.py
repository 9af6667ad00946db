"""Several families at once: one critical value for all, and the extreme over all of them; and the mean of several rates
(macro recall). Arrays in, arrays out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from auditkit.stats import pvalues
from auditkit.stats.comparisons import EXTREMES, Comparisons, inner_side
from auditkit.stats.pvalues import FamilyInterval
from auditkit.stats.ranges import crossing
from auditkit.stats.rates import Floats, Limits, wilson


def joint_tail(q: float, groups: Sequence[int], df: float = math.inf) -> float:
    """1 − Π F_K(q): P(the largest statistic of any of the families of pairs exceeds q), were they independent.

    For dependent normal statistics no smaller than the truth (Gaussian correlation inequality; Royen, 2014).

    >>> round(joint_tail(2.236, [2, 2]), 3)
    0.05
    """
    return float(-np.expm1(sum(np.log1p(-min(pvalues.tail(q, k, "pairs", df), 1 - 1e-16)) for k in groups)))


@lru_cache(maxsize=256)
def joint_quantile(level: float, groups: tuple[int, ...], df: float = math.inf) -> float:
    """q at which families of pairs among so many groups each hold together: Π F_K(q) = level.

    >>> round(joint_quantile(0.95, (2, 2)), 3), round(joint_quantile(0.95, (5,)), 3)
    (2.236, 2.728)
    """
    return crossing(lambda q: joint_tail(q, groups, df) - (1 - level), 0.0, 40.0 if math.isinf(df) else 1e4)


class JointInterval(NamedTuple):
    """An extreme over several families, and which of them have it; positions are among the groups of that family."""

    interval: FamilyInterval
    far: int
    """The family that gives the value."""
    sure: int
    """The family that carries the inner limit."""


@dataclass(frozen=True)
class Joint:
    """Families whose groups are compared each within itself; the extreme of all of them is judged as such.

    >>> one, two = (Comparisons(lambda q, m, k=k: m(k, [100, 100], q), 2, 0.95) for k in ([30, 45], [50, 52]))
    >>> g, far, _ = Joint((one, two)).interval("difference")
    >>> far, round(g.value, 2), round(g.low, 3), round(g.high, 3)
    (0, 0.15, 0.0, 0.277)
    """

    parts: tuple[Comparisons, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Groups of each family."""
        return tuple(p.claims for p in self.parts)

    @cached_property
    def df(self) -> float:
        """Degrees of freedom of the standard errors."""
        return min(p.df for p in self.parts)

    @cached_property
    def quantile(self) -> float:
        """q at which all pairs of all families hold together."""
        return joint_quantile(self.parts[0].level, self.sizes, self.df)

    def tail(self, q: float) -> float:
        """P(the largest statistic of a pair of any family exceeds q) when there is no effect."""
        return joint_tail(q, self.sizes, self.df)

    def interval(self, kind: str, *, inner: float | None = None) -> JointInterval:
        """The extreme over all families.

        The inner limit of pairs stands at the joint quantile, that of a single group at Šidák's value for all groups
        (`inner` replaces either); the outer one at z: every comparison of every family is within it. NaN where every
        family is 0/0.
        """
        inner = self.quantile if inner is None and kind not in EXTREMES else inner
        found = [p.interval(kind, inner=inner) for p in self._claiming(kind)]
        worst, side = (max, "low") if kind in ("difference", "group_max") else (min, "high")
        values = [math.inf if math.isnan(g.value) else g.value for g in found]
        limits = [getattr(g, side) for g in found]
        far, sure = values.index(worst(values)), limits.index(worst(limits))
        low, high = (worst(getattr(g, x) for g in found) for x in ("low", "high"))
        return JointInterval(FamilyInterval(found[far].value, low, high, found[far].far, found[sure].sure), far, sure)

    def p_value(self, kind: str, limit: float, *, above: bool) -> float:
        """p of H0: the extreme is at most (`above`), or at least, the limit.

        Through the joint law of q where the inner limit decides; where the outer one does, every family must lie within
        it, each at its own p.
        """
        if kind in EXTREMES or not inner_side(kind, above=above):
            one = [p.p_value(kind, limit, above=above) for p in self._claiming(kind)]
            return min(one) if inner_side(kind, above=above) else max(one)
        worst = max if above else min  # pairs alone: the limit that lies beyond is the inner one
        return pvalues.p_value(
            lambda q: worst(p.limit(kind, q, above=above) for p in self.parts), limit, above=above, tail_of=self.tail
        )

    def _claiming(self, kind: str) -> tuple[Comparisons, ...]:
        """The families; each group of an extreme is one of all groups."""
        return tuple(replace(p, claims=sum(self.sizes)) for p in self.parts) if kind in EXTREMES else self.parts


def macro(k: Floats, n: Floats, z: float) -> Limits:
    """The mean of C independent rates in each of K groups, (K, C) counts: limits (K,), NaN where an n is 0.

    MOVER of the rates' Wilson limits, or z √(Σ p̃(1 − p̃)/(n + 2)) / C with p̃ = (k + 1)/(n + 2), whichever is wider:
    near 0 or 1 the square roots of MOVER shrink together.

    >>> limits = macro(np.array([[8.0, 6.0]]), np.array([[10.0, 10.0]]), 1.96)
    >>> [round(float(x[0]), 3) for x in limits]
    [0.7, 0.489, 0.886]
    """
    classes = n.shape[-1]
    rates = wilson(k, n, z)
    middle = rates.p.mean(axis=-1)
    p = (k + 1) / (n + 2)
    plain = z * np.sqrt((p * (1 - p) / (n + 2)).sum(axis=-1)) / classes
    below = np.sqrt(((rates.p - rates.low) ** 2).sum(axis=-1)) / classes
    above = np.sqrt(((rates.high - rates.p) ** 2).sum(axis=-1)) / classes
    low = np.clip(middle - np.maximum(below, plain), 0.0, 1.0)
    high = np.clip(middle + np.maximum(above, plain), 0.0, 1.0)
    return Limits(middle, low, high)
