"""Empirical-Bayes shrinkage of rates: to show and to rank many small groups, never to judge. Arrays in, arrays out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from auditkit.stats.rates import Floats, rate


class Shrunk(NamedTuple):
    """Rates drawn towards their common mean."""

    rates: Floats
    """(K,) posterior means; the mean itself where nobody is counted."""
    mean: float
    """What they are drawn to; NaN where nobody is counted at all."""
    prior_rows: float
    """Rows that the mean counts for: a group with as many goes half of the way; ∞ where all rates are taken as one."""


def shrunk(k: ArrayLike, n: ArrayLike) -> Shrunk:
    """Beta-binomial posterior means (k + M μ)/(n + M) of rates k/n, (K,).

    μ = Σk/Σn. M = 1/γ − 1, γ the correlation within groups by moments, weights n:
    γ = [S − μ(1−μ)(K − 1)] / [μ(1−μ)(N − Σn²/N − (K − 1))], S = Σ n (k/n − μ)², clipped to [0, 1]. It understates
    gaps: two groups that truly differ are drawn together. Source: Kleinman (1973), JASA 68:46.

    >>> s = shrunk([0, 30, 60], [5, 100, 100])
    >>> s.rates.round(2).tolist(), round(s.mean, 2)
    ([0.2, 0.31, 0.59], 0.44)
    """
    k, n = np.asarray(k, float), np.asarray(n, float)
    counted = n > 0
    total, groups = float(n.sum()), int(counted.sum())
    if not total:
        return Shrunk(np.full(n.shape, np.nan), float("nan"), float("inf"))
    mean = float(k.sum()) / total
    spread = mean * (1 - mean)
    apart = total - float(n @ n) / total - (groups - 1)
    if not spread or apart <= 0:
        return Shrunk(np.full(n.shape, mean), mean, float("inf"))
    s = float(n[counted] @ (rate(k, n)[counted] - mean) ** 2)
    within = min(1.0, max(0.0, (s - spread * (groups - 1)) / (spread * apart)))
    if not within:
        return Shrunk(np.full(n.shape, mean), mean, float("inf"))
    rows = 1 / within - 1
    with np.errstate(invalid="ignore"):
        rates = np.where(counted, (k + rows * mean) / (n + rows), mean)
    return Shrunk(rates, mean, rows)
