"""Intervals of a maximum over the rates of many groups: the gap, the worst ratio, the farthest from overall, the worst
group. (Of any quantity: `comparisons`.)

A gap chosen as the largest of many is judged as such. Its lower limit is simultaneous over all pairs, at
q = Tukey–Kramer's quantile; its upper limit is an intersection–union claim ("every pair is within …") and needs only z.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from auditkit.stats.comparisons import Comparisons, Quantity
from auditkit.stats.pvalues import FamilyInterval
from auditkit.stats.rates import Floats, wilson


def of_rates(kind: str, k: ArrayLike, n: ArrayLike, *, level: float, q: float | None = None) -> FamilyInterval:
    """One comparison of the rates k/n over K ≥ 2 groups (an extreme: K ≥ 1), all n > 0.

    `difference`: max − min; low = max(0, max over pairs of the lower limit of abs(d)) at q, high = max over pairs of
    max(−L, U) at z. `ratio`: min / max; high = min(1, min over ordered pairs of U) at q, low = min of L at z.
    `difference_to_overall`: max of abs(p_g − p_overall), overall containing the group, = (1 − w) abs(p_g − p_rest), w
    the group's share of n; the lower limit at Šidák's value, with Clopper–Pearson's limits (two groups: one
    comparison, Newcombe's). `ratio_to_overall`: min of min(r, 1/r), r = p_g / p_overall = 1 / (w + (1 − w) / (p_g /
    p_rest)), by MOVER-R likewise. `group_min`: low = min of Wilson's lower limits at z (every group is at least that),
    high = min of Clopper–Pearson's upper limits at Šidák's value (some group is at most that; one group: Wilson's);
    `group_max`: mirrored. Ratios are NaN with [0, 1] where every rate is 0.

    `q` replaces the simultaneous critical value: for larger families, and to find where a limit touches a value.

    >>> [round(x, 3) for x in of_rates("difference", [30, 45], [100, 100], level=0.95)[:3]]
    [0.15, 0.016, 0.277]
    >>> [round(x, 3) for x in of_rates("ratio", [30, 45], [100, 100], level=0.95)[:3]]
    [0.667, 0.461, 0.959]
    >>> [round(x, 3) for x in of_rates("group_min", [30, 45], [100, 100], level=0.95)[:3]]
    [0.3, 0.219, 0.414]
    """
    k, n = np.asarray(k, float), np.asarray(n, float)
    if not kind.endswith("to_overall"):
        return Comparisons(_rates(k, n), n.size, level).interval(kind, inner=q)
    rest, claims = _rates(k.sum() - k, n.sum() - n), 1 if n.size == 2 else n.size
    return Comparisons(_rates(k, n), claims, level, other=rest, share=n / n.sum()).interval(kind, inner=q)


def minimum_detectable(
    pooled: float, pooled_n: float, n_a: ArrayLike, n_b: ArrayLike, *, q: float, z: float, power: float = 0.8
) -> Floats:
    """(q + z₈₀) √(p(1−p)(1/n_a + 1/n_b)): the gap seen with 80 % power, or with another.

    p is the Wilson limit of the pooled rate nearest to ½ (½ itself if between them).

    >>> float(minimum_detectable(0.2, 10_000, 500, 500, q=1.96, z=1.96).round(3))
    0.072
    """
    limits = wilson(pooled * pooled_n, pooled_n, z)
    p = float(np.clip(0.5, float(limits.low), float(limits.high)))
    n_a, n_b = np.asarray(n_a, float), np.asarray(n_b, float)
    with np.errstate(divide="ignore"):
        out: Floats = (q + float(ndtri(power))) * np.sqrt(p * (1 - p) * (1 / n_a + 1 / n_b))
    return out


def _rates(k: Floats, n: Floats) -> Quantity:
    return lambda q, method: method(k, n, q)
