"""By how much gaps between groups grew: abs(new_i − new_j) − abs(old_i − old_j), over all pairs. Arrays in and out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from auditkit.stats import pvalues
from auditkit.stats.pairs import Interval, difference
from auditkit.stats.pvalues import Compared, FamilyInterval, family_quantile
from auditkit.stats.rates import Floats, Limits, critical_value

Both = Callable[[float], tuple[Limits, Limits]]
"""Critical value → limits of the change (new − old) and of the sum (new + old) in K groups."""


def growth(change: Limits, total: Limits, rho: Floats | None = None) -> Interval:
    """By how much the gap of each pair i < j grew, with limits.

    With A = Δ_i − Δ_j (Δ the change) and S the same of the sums, abs(a) − abs(b) = max(min(A, S), min(−A, −S)) for the
    new gap a and the old gap b, since A = a − b and S = a + b: the limits are the same of those of A and S. Where the
    sign of the gap is sure in both models they are those of A alone, and the growth is paired.

    >>> at = np.array([0.1, -0.1])
    >>> round(float(growth(Limits(at, at, at), Limits(at + [1.0, 0.5], at + [1.0, 0.5], at + [1.0, 0.5])).value[0]), 9)
    0.2
    """
    i, j = np.triu_indices(len(change.p), 1)
    a = difference(_at(change, i), _at(change, j), None if rho is None else rho[i, j])
    s = difference(_at(total, i), _at(total, j))

    def folded(x: Floats, y: Floats, x_turned: Floats, y_turned: Floats) -> Floats:
        return np.asarray(np.maximum(np.minimum(x, y), np.minimum(x_turned, y_turned)))

    return Interval(
        folded(a.value, s.value, -a.value, -s.value),
        folded(a.low, s.low, -a.high, -s.high),
        folded(a.high, s.high, -a.low, -s.low),
    )


def largest(both: Both, groups: int, *, level: float, df: float = np.inf, rho: Floats | None = None) -> FamilyInterval:
    """The pair whose gap grew most: below at the value at which all pairs hold together, above at z, since "no gap grew
    by more" is a claim on each pair."""
    near = growth(*both(family_quantile(level, groups, df)), rho)
    far = growth(*both(critical_value(level, df)), rho)
    most, sure = int(np.argmax(far.value)), int(np.argmax(near.low))
    named = (_named(groups, k, near) for k in (most, sure))
    return FamilyInterval(float(far.value[most]), float(near.low[sure]), float(far.high.max()), *named)


def p_value(
    both: Both, groups: int, limit: float, *, above: bool, df: float = np.inf, rho: Floats | None = None
) -> float:
    """Family p of H0: no gap grew by more than the limit (`above`), or some gap grew by at least it."""

    def limit_at(q: float) -> float:
        found = growth(*both(q), rho)
        return float(found.low.max() if above else found.high.max())

    families = {"groups": groups, "law": "pairs"} if above else {"groups": 1, "law": "separate"}
    return pvalues.p_value(limit_at, limit, above=above, tail_of=partial(pvalues.tail, **families, df=df))  # type: ignore[arg-type]


def _named(groups: int, k: int, found: Interval) -> Compared:
    i, j = np.triu_indices(groups, 1)
    return Compared(int(i[k]), int(j[k]), *(float(x[k]) for x in found))


def _at(limits: Limits, where: NDArray[np.intp]) -> Limits:
    return Limits(*(x[where] for x in limits))
