"""Rates against their geometric mean: contrasts of their logarithms, with limits. Arrays in, arrays out."""

from __future__ import annotations

import numpy as np

from auditkit.stats.rates import Limits


def to_geometric_mean(rates: Limits) -> Limits:
    """(K,) each of K independent rates as a multiple of their geometric mean, with limits at the rates' own level.

    log r_i = (1 − 1/K) log p_i − Σ_{j≠i} log p_j / K; each limit adds the squares of the distances of its terms (MOVER:
    Zou, Huang & Zhang (2009), Comput. Stat. Data Anal. 53:1080, for contrasts). NaN where a rate is 0 or undefined; the
    limits are 0 and ∞ where one of theirs is.

    >>> of = to_geometric_mean(Limits(np.array([0.04, 0.01]), np.array([0.02, 0.005]), np.array([0.08, 0.02])))
    >>> of.p.round(3).tolist(), of.low.round(3).tolist()
    ([2.0, 0.5], [1.225, 0.306])
    """
    k = len(rates.p)
    if not k:
        return rates
    with np.errstate(divide="ignore", invalid="ignore"):
        at, low, high = (np.log(x) for x in rates)
        value = at - at.mean()
        below, above = ((at - low) / k) ** 2, ((high - at) / k) ** 2
        down = np.sqrt((k - 1) ** 2 * below + above.sum() - above)
        up = np.sqrt((k - 1) ** 2 * above + below.sum() - below)
        found = (np.exp(x) for x in (value, value - down, value + up))
        whole = np.isfinite(value)
        return Limits(*(np.where(whole, x, np.nan) for x in found))
