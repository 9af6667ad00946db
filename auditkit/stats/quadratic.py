"""Sums of squared normals: what lies behind a spread that chance alone would give too. Arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import chndtr, ndtr

Floats = NDArray[np.float64]


def noncentral_limits(t: float, m: Floats, z: float) -> tuple[float, float]:
    """Limits of θ = E T − ΣM, for T = Σ of squared normals with variances `m` and unknown means.

    T/g ~ χ²_df(λ), θ = g λ, g = ΣM²/ΣM, df = (ΣM)²/ΣM²: Satterthwaite's match of two moments, inverted at
    tail Φ(−z).

    >>> [round(x, 3) for x in noncentral_limits(30.0, np.ones(10), 1.96)]
    [5.255, 44.775]
    """
    from scipy.optimize import brentq  # takes a third of a second, and few need it

    g, df = _matched(m)
    x, tail = t / g, float(ndtr(-z))
    top = x + (10 + 2 * z) * (x**0.5 + 10 + z)

    def solve(excess: Callable[[float], float]) -> float:
        if excess(0.0) <= 0:
            return 0.0
        return top if excess(top) >= 0 else float(brentq(excess, 0.0, top, xtol=1e-9 * max(1.0, x)))

    low = solve(lambda nc: tail + float(chndtr(x, df, nc)) - 1)
    high = solve(lambda nc: float(chndtr(x, df, nc)) - tail)
    return g * low, g * high


def noncentral_p(t: float, m: Floats, theta: float, *, above: bool) -> float:
    """p of H0: E T − ΣM is at most (`above`), or at least, theta: 1 − the level at which a limit touches it.

    >>> low, _ = noncentral_limits(30.0, np.ones(10), 1.959964)
    >>> round(noncentral_p(30.0, np.ones(10), low, above=True), 6)
    0.05
    """
    g, df = _matched(m)
    below = float(chndtr(t / g, df, max(theta, 0.0) / g))
    return min(1.0, 2 * (1 - below if above else below))


def _matched(m: Floats) -> tuple[float, float]:
    """Scale and degrees of freedom of the χ² with the same first two moments."""
    squares = float(m @ m)
    return squares / float(m.sum()), float(m.sum()) ** 2 / squares
