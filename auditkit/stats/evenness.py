"""How evenly shares lie: entropy over its largest value, and its bounds where shares are known within limits."""

from __future__ import annotations

import numpy as np
from scipy.special import entr, ndtr, ndtri

from auditkit.stats.rates import Floats, Limits


def evenness(shares: Floats) -> Floats:
    """(P,) H/ln K of shares (P, K), scaled to sum to 1: 1 if all are equal, 0 if one is all; NaN of nothing.

    Source: Shannon (1948); Pielou (1966), Journal of Theoretical Biology 13:131.

    >>> evenness(np.array([[0.5, 0.5], [1.0, 0.0]])).tolist()
    [1.0, 0.0]
    """
    total = shares.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = np.where(total > 0, shares / total, np.nan)
    return np.asarray(entr(p).sum(axis=1) / np.log(shares.shape[1]))


def evenness_limits(shares: Limits) -> Limits:
    """(P,) the least and the most even of all shares that add to 1 and lie within limits (P, K).

    Most even are those nearest to one level; of the least, the entropy is bounded below by its chords over the limits,
    which is exact for all but one share.

    >>> box = Limits(*(np.array([x]) for x in ([0.5, 0.5], [0.4, 0.4], [0.6, 0.6])))
    >>> [round(float(x[0]), 3) for x in evenness_limits(box)]
    [1.0, 0.971, 1.0]
    """
    value = evenness(shares.p)
    out = np.array([_bounds(low, high) for low, high in zip(shares.low, shares.high, strict=True)])
    low, high = out.reshape(-1, 2).T
    return Limits(value, np.fmin(low, value), np.fmax(high, value))


def jointly(q: float, values: int) -> float:
    """The critical value of one of K shares at which all have what q gives one (Šidák); of two, one says both.

    >>> round(jointly(1.959964, 2), 3), round(jointly(1.959964, 5), 3)
    (1.96, 2.569)
    """
    if values == 2:
        return q
    return float(-ndtri(-np.expm1(np.log1p(-2 * ndtr(-q)) / values) / 2))


def _bounds(low: Floats, high: Floats) -> tuple[float, float]:
    """The least and the most of H/ln K; NaN where a limit is unknown."""
    if np.isnan(low).any() or np.isnan(high).any():
        return float("nan"), float("nan")
    low, high = low / max(1.0, low.sum()), np.minimum(high + max(0.0, 1 - high.sum()), 1.0)
    whole = np.log(len(low))
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.where(high > low, (entr(high) - entr(low)) / (high - low), np.inf)
    left, least = 1 - low.sum(), float(entr(low).sum())
    for i in np.argsort(slope):
        add = min(left, high[i] - low[i])
        least, left = least + (slope[i] * add if add > 0 else 0.0), left - add
    under, over = 0.0, 1.0
    for _ in range(60):
        level = (under + over) / 2
        under, over = (level, over) if np.clip(level, low, high).sum() < 1 else (under, level)
    even = np.clip(over, low, high)
    return max(0.0, float(least / whole)), min(1.0, float(entr(even).sum() / whole))
