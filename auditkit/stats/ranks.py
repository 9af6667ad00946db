"""Correlations of rankings. Arrays in, numbers out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from auditkit.stats.rates import Floats


def weighted_tau(a: ArrayLike, b: ArrayLike) -> float:
    """Weighted rank correlation of two lists (d,): Kendall's, with swaps near the top counting more (Vigna, 2015).

    In [−1, 1]; NaN for fewer than two values or where one list is constant. `scipy.stats.weightedtau`, whose weight
    of a rank r (from 0) is 1/(r + 1), averaged over both rankings.

    >>> weighted_tau([3, 2, 1], [9, 5, 4])
    1.0
    """
    from scipy.stats import weightedtau

    a, b = np.asarray(a, float), np.asarray(b, float)
    if len(a) < 2:
        return float("nan")
    return float(weightedtau(a, b).statistic)


def spearman_rows(a: ArrayLike, b: ArrayLike) -> Floats:
    """Spearman's rank correlation of each row of `a` (N, d) with the same row of `b`: (N,).

    Ties share their mean rank. 0 where one of the rows is constant: it ranks nothing.

    >>> spearman_rows([[1.0, 2.0, 3.0]], [[5.0, 6.0, 9.0]]).tolist()
    [1.0]
    """
    from scipy.stats import rankdata

    x, y = (rankdata(np.asarray(v, float), axis=1) for v in (a, b))
    x, y = (v - v.mean(1, keepdims=True) for v in (x, y))
    scale = np.sqrt((x * x).sum(1) * (y * y).sum(1))
    return np.asarray(np.divide((x * y).sum(1), scale, out=np.zeros(len(x)), where=scale > 0))
