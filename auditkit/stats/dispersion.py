"""How far the rates of all groups are spread, less what chance adds. Arrays in, arrays out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from auditkit.stats.quadratic import noncentral_limits, noncentral_p
from auditkit.stats.rates import Floats, critical_value, rate


class Dispersion(NamedTuple):
    """A standard deviation of rates between groups, with its limits."""

    value: float
    low: float
    high: float
    raw: float
    """The standard deviation of the rates as they are, chance included."""


def dispersion(k: ArrayLike, n: ArrayLike, *, level: float) -> Dispersion:
    """√max(0, S² − mean v): the standard deviation of the true rates of K ≥ 2 groups, all n ≥ 2.

    S² is the variance of the rates k/n (ddof 1), v_g = p̃(1 − p̃)/(n − 1), p̃ = (k + ½)/(n + 1), what chance adds.
    S² is a sum of squared normals whose variances are the eigenvalues of M = C diag(v) C/(K − 1), C = I − 1/K, which
    add up to mean v; its limits come from a noncentral χ² with the same first two moments, turned round.
    Source: DerSimonian & Laird (1986) for the moment; Satterthwaite (1946).

    >>> d = dispersion([30, 45, 60], [100, 100, 100], level=0.95)
    >>> round(d.value, 3), round(d.low, 3), round(d.raw, 3)
    (0.142, 0.077, 0.15)
    """
    squared, m = _square(k, n)
    low, high = (x**0.5 for x in noncentral_limits(squared, m, critical_value(level)))
    value = max(0.0, squared - float(m.sum())) ** 0.5
    return Dispersion(value, min(low, value), max(high, value), squared**0.5)


def dispersion_p(k: ArrayLike, n: ArrayLike, limit: float, *, above: bool) -> float:
    """p of H0: the dispersion is at most (`above`), or at least, the limit.

    >>> round(dispersion_p([30, 45, 60], [100, 100, 100], 0.0, above=True), 4)
    0.0001
    """
    squared, m = _square(k, n)
    return noncentral_p(squared, m, limit**2, above=above)


def _square(k: ArrayLike, n: ArrayLike) -> tuple[float, Floats]:
    """S², and the variances of the squared normals that it is the sum of."""
    k, n = np.asarray(k, float), np.asarray(n, float)
    groups = n.size
    smooth = (k + 0.5) / (n + 1)
    v = smooth * (1 - smooth) / (n - 1)
    centre = np.eye(groups) - 1 / groups
    m = np.linalg.eigvalsh(centre @ np.diag(v) @ centre / (groups - 1))
    return float(rate(k, n).var(ddof=1)), np.sort(np.maximum(m, 0.0))[1:]  # the smallest is that of the mean: 0
