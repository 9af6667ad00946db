"""Sums of squared normals: what lies behind a spread that chance alone would give too. Arrays in, arrays out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

Floats = NDArray[np.float64]


def noncentral_limits(t: float, m: Floats, *, level: float) -> tuple[float, float]:
    """Limits of θ = E T − ΣM, for T = Σ of squared normals with variances `m` and unknown means.

    T/g ~ χ²_df(λ), θ = g λ, g = ΣM²/ΣM, df = (ΣM)²/ΣM²: Satterthwaite's match of two moments, inverted.

    >>> [round(x, 3) for x in noncentral_limits(30.0, np.ones(10), level=0.95)]
    [5.256, 44.775]
    """
    from scipy.stats import ncx2

    g, df = _matched(m)
    x, tail = t / g, (1 - level) / 2
    top = x + 10 * (x**0.5 + 10)

    def solve(probability: float) -> float:
        def excess(nc: float) -> float:
            return float(ncx2.cdf(x, df, nc)) - probability

        return 0.0 if excess(0.0) <= 0 else float(brentq(excess, 0.0, top, xtol=1e-9 * max(1.0, x)))

    return g * solve(1 - tail), g * solve(tail)


def noncentral_p(t: float, m: Floats, theta: float, *, above: bool) -> float:
    """p of H0: E T − ΣM is at most (`above`), or at least, theta: 1 − the level at which a limit touches it.

    >>> low, _ = noncentral_limits(30.0, np.ones(10), level=0.95)
    >>> round(noncentral_p(30.0, np.ones(10), low, above=True), 6)
    0.05
    """
    from scipy.stats import ncx2

    g, df = _matched(m)
    law = ncx2.sf if above else ncx2.cdf
    return min(1.0, 2 * float(law(t / g, df, max(theta, 0.0) / g)))


def _matched(m: Floats) -> tuple[float, float]:
    """Scale and degrees of freedom of the χ² with the same first two moments."""
    squares = float(m @ m)
    return squares / float(m.sum()), float(m.sum()) ** 2 / squares
