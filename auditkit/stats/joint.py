"""Several families at once: one critical value for all, and the extreme over all of them. Arrays in, arrays out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from auditkit.stats import families, pvalues
from auditkit.stats.families import FamilyInterval
from auditkit.stats.ranges import crossing
from auditkit.stats.rates import Floats, Limits, wilson

Counts = tuple[Floats, Floats]
"""(k, n) of the groups of one family, each (K,), all n > 0."""


def joint_tail(q: float, groups: Sequence[int]) -> float:
    """1 − Π F_K(q): P(the largest statistic of any of the families of pairs exceeds q), were they independent.

    For dependent normal statistics no smaller than the truth (Gaussian correlation inequality; Royen, 2014).

    >>> round(joint_tail(2.236, [2, 2]), 3)
    0.05
    """
    return float(-np.expm1(sum(np.log1p(-min(pvalues.tail(q, k, "pairs"), 1 - 1e-16)) for k in groups)))


@lru_cache(maxsize=256)
def joint_quantile(level: float, groups: tuple[int, ...]) -> float:
    """q at which families of pairs among so many groups each hold together: Π F_K(q) = level.

    >>> round(joint_quantile(0.95, (2, 2)), 3), round(joint_quantile(0.95, (5,)), 3)
    (2.236, 2.728)
    """
    return crossing(lambda q: joint_tail(q, groups) - (1 - level), 0.0, 40.0)


def widest(counts: Sequence[Counts], *, level: float, inner: float | None = None) -> tuple[int, FamilyInterval]:
    """The largest max − min over all families, and which family it is.

    Low at the joint quantile (`inner` replaces it), high at z: every pair of every family is within it.

    >>> one, two = (np.array([30, 45]), np.array([100, 100])), (np.array([50, 52]), np.array([100, 100]))
    >>> where, g = widest([one, two], level=0.95)
    >>> where, round(g.value, 2), round(g.low, 3), round(g.high, 3)
    (0, 0.15, 0.0, 0.277)
    """
    q = joint_quantile(level, tuple(len(n) for _, n in counts)) if inner is None else inner
    gaps = [families.gap(k, n, level=level, q=q) for k, n in counts]
    where = max(range(len(gaps)), key=lambda i: gaps[i].value)
    low, high = max(g.low for g in gaps), max(g.high for g in gaps)
    return where, gaps[where]._replace(low=low, high=high)


def smallest_ratio(counts: Sequence[Counts], *, level: float, inner: float | None = None) -> tuple[int, FamilyInterval]:
    """The smallest min / max over all families, and which family it is; NaN where every family is 0/0.

    High at the joint quantile, low at z.
    """
    q = joint_quantile(level, tuple(len(n) for _, n in counts)) if inner is None else inner
    ratios = [families.ratio(k, n, level=level, q=q) for k, n in counts]
    where = min(range(len(ratios)), key=lambda i: math.inf if math.isnan(ratios[i].value) else ratios[i].value)
    low, high = min(r.low for r in ratios), min(r.high for r in ratios)
    return where, ratios[where]._replace(low=low, high=high)


def extreme(
    counts: Sequence[Counts], *, level: float, largest: bool, inner: float | None = None
) -> tuple[int, FamilyInterval]:
    """The smallest (or largest) rate over all families: the inner limit at Šidák's value for all rates, z outside."""
    k, n = (np.concatenate([c[i] for c in counts]) for i in (0, 1))
    found = families.extreme(k, n, level=level, largest=largest, q=inner)
    ends = np.cumsum([len(n) for _, n in counts])
    where = int(np.searchsorted(ends, found.first, side="right"))
    at = found.first - (int(ends[where - 1]) if where else 0)
    return where, found._replace(first=at, second=at)


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


def level_of(z: float) -> float:
    """The level whose critical value is z.

    >>> round(level_of(1.959964), 6)
    0.95
    """
    return math.erf(z / math.sqrt(2))
