"""Fisher's exact test of two rates, mid-p. Arrays in, arrays out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import hypergeom

TIE = 1e-7
"""Tables whose probabilities agree to this relative difference count as equally likely (R's `fisher.test` too)."""


def mid_p(k_a: ArrayLike, n_a: ArrayLike, k_b: ArrayLike, n_b: ArrayLike) -> NDArray[np.float64]:
    """Two-sided mid-p of H0: both rates are equal, given how many were selected in all; in (0, 1].

    Σ P(x) over tables with P(x) < P(observed) + ½ Σ over those with P(x) = P(observed), P hypergeometric; the two-sided
    p of `scipy.stats.fisher_exact` is this plus half the mass of the ties. Broadcast; NaN where a denominator is 0.
    Source: Lancaster (1961), JASA 56:223; Agresti (2013), Categorical Data Analysis, 3.5.

    >>> float(mid_p(1, 10, 8, 10).round(4))
    0.0028
    """
    shape = np.broadcast(k_a, n_a, k_b, n_b).shape
    out = np.full(shape, np.nan)
    cells = (np.broadcast_to(np.asarray(x, np.int64), shape) for x in (k_a, n_a, k_b, n_b))
    for at, (k1, n1, k2, n2) in enumerate(zip(*(c.ravel() for c in cells), strict=True)):
        if n1 > 0 and n2 > 0:
            out.flat[at] = _one(int(k1), int(n1), int(k2), int(n2))
    return out


def _one(k1: int, n1: int, k2: int, n2: int) -> float:
    selected = k1 + k2
    x = np.arange(max(0, selected - n2), min(selected, n1) + 1)
    p = hypergeom.pmf(x, n1 + n2, selected, n1)
    observed = p[k1 - x[0]]
    tied = np.abs(p - observed) <= TIE * observed
    return float(min(1.0, p[(p < observed) & ~tied].sum() + p[tied].sum() / 2))
