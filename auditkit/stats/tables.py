"""Limits of quantities of a 2 × 2 table of truth and decision. Arrays in, arrays out.

Tables are (K, 2, 2) counts, indexed [group, y_true, y_pred]; an undefined value is NaN inside this folder.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from auditkit.stats import pairs
from auditkit.stats.comparisons import Method
from auditkit.stats.rates import Floats, Limits

Tables = NDArray[np.int64]
Statistic = Callable[[Floats], Floats]
"""(K, 2, 2) counts or shares → (K,) values, NaN where undefined."""
DRAWS = 40_000
"""Dirichlet draws a table: at q = 3.7 (50 groups) four lie beyond each limit."""
REACH = 4.0
"""Critical values beyond this lie farther out than the draws: there the limits are the ends of the range."""


def mean_of_rates(a: Limits, b: Limits, rho: Floats | None = None) -> Limits:
    """½ (a + b): MOVER of two rates, independent or of correlation `rho`."""
    minus = Limits(-b.p, -b.high, -b.low)
    both = pairs.difference(a, minus, None if rho is None else -rho)
    return Limits(*(x / 2 for x in both))


def odds(pi: Limits) -> Limits:
    """π / (1 − π): increasing in π, ∞ at 1.

    >>> odds(Limits(np.array([0.5]), np.array([0.2]), np.array([1.0]))).high
    array([inf])
    """
    with np.errstate(divide="ignore"):
        return Limits(*(x / (1 - x) for x in pi))


def mcc(t: Tables, q: float, method: Method) -> Limits:
    """Matthews correlation with the Φ(±q) quantiles over p* ~ Dirichlet(cells + ½); NaN where a margin is 0.

    The draws are seeded by the cells: the same table always gives the same limits, in whatever order groups come.
    `method` plays no part: there is no rate below. The value always lies inside.
    """
    return _of_draws(t, q, _correlation, (-1.0, 1.0))


def generalized_entropy_index(t: Tables, q: float, method: Method) -> Limits:
    """Generalised entropy (α = 2) of the benefits b = ŷ − y + 1, ½ (E b² / (E b)² − 1); NaN where nobody has any.

    0 where all have the same benefit; with the Φ(±q) quantiles over p* ~ Dirichlet(cells + ½), as in `mcc`.

    >>> float(generalized_entropy_index(np.array([[[5, 1], [2, 4]]]), 1.96, lambda *_: None).p[0].round(4))
    0.1446
    """
    return _of_draws(t, q, _entropy, (0.0, np.inf))


def _of_draws(t: Tables, q: float, statistic: Statistic, ends: tuple[float, float]) -> Limits:
    p = statistic(t.astype(float))
    drawn = np.array([_quantiles(table, q, statistic, ends) for table in t]).reshape(len(t), 2)
    low, high = np.fmin(drawn[:, 0], p), np.fmax(drawn[:, 1], p)
    nothing = np.isnan(p)
    return Limits(p, np.where(nothing, np.nan, low), np.where(nothing, np.nan, high))


def smallest_margin(t: Tables) -> NDArray[np.int64]:
    """(K,) the smallest of the truly positive, truly negative, selected and not selected."""
    return np.asarray(np.minimum(t.sum(axis=2).min(axis=1), t.sum(axis=1).min(axis=1)))


def with_benefit(t: Tables) -> NDArray[np.int64]:
    """(K,) rows; 0 where every one is overlooked, so that nobody has a benefit to share."""
    n = t.sum(axis=(1, 2))
    return np.asarray(np.where(t[:, 1, 0] < n, n, 0))


def smaller_class(t: Tables) -> NDArray[np.int64]:
    """(K,) the smaller of the truly positive and the truly negative."""
    return np.asarray(t.sum(axis=2).min(axis=1))


def _correlation(t: Floats) -> Floats:
    (tn, fp), (fn, tp) = (t[..., 0, 0], t[..., 0, 1]), (t[..., 1, 0], t[..., 1, 1])
    scale = np.sqrt(tp + fp) * np.sqrt(tp + fn) * np.sqrt(tn + fp) * np.sqrt(tn + fn)
    out: Floats = np.divide(tp * tn - fp * fn, scale, out=np.full(scale.shape, np.nan), where=scale > 0)
    return np.clip(out, -1.0, 1.0)


def _entropy(t: Floats) -> Floats:
    fp, fn, n = t[..., 0, 1], t[..., 1, 0], t.sum(axis=(-2, -1))
    benefit, squares = n + fp - fn, n + 3 * fp - fn  # 2 for a false positive, 0 for a false negative, else 1
    ratio = np.divide(squares * n, benefit**2, out=np.full(n.shape, np.nan), where=benefit > 0)
    return np.asarray(np.maximum((ratio - 1) / 2, 0.0))


def _quantiles(table: Tables, q: float, statistic: Statistic, ends: tuple[float, float]) -> tuple[float, float]:
    if q > REACH:
        return ends
    drawn = _drawn(tuple(int(x) for x in table.ravel()), statistic)
    low, high = np.quantile(drawn, [float(ndtr(-q)), float(ndtr(q))])
    return float(low), float(high)


@lru_cache(maxsize=64)
def _drawn(cells: tuple[int, ...], statistic: Statistic) -> Floats:
    draws = np.random.default_rng(list(cells)).dirichlet(np.array(cells) + 0.5, DRAWS)
    out = statistic(draws.reshape(-1, 2, 2))
    return out[~np.isnan(out)]  # a margin that underflows to 0 has no correlation
