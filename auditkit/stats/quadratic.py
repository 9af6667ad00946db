"""Sums of squared normals: what lies behind a spread that chance alone would give too. Arrays in, arrays out."""

from __future__ import annotations

from scipy.special import chndtr, chndtrinc, ndtr

from auditkit.stats.rates import Floats

FAR = 1e9
"""From where the series behind the law gives no number."""


def noncentral_limits(t: float, m: Floats, z: float) -> tuple[float, float]:
    """Limits of θ = E T − ΣM, for T = Σ of squared normals with variances `m` and unknown means.

    T/g ~ χ²_df(λ), θ = g λ, g = ΣM²/ΣM, df = (ΣM)²/ΣM²: Satterthwaite's match of two moments, inverted at
    tail Φ(−z).

    >>> import numpy as np
    >>> [round(x, 3) for x in noncentral_limits(30.0, np.ones(10), 1.96)]
    [5.255, 44.775]
    """
    g, df = _matched(m)
    return g * noncentrality(t / g, df, z), g * noncentrality(t / g, df, -z)


def noncentrality(x: float, df: float, z: float) -> float:
    """λ at which a noncentral χ²_df(λ) lies below x with probability Φ(z); 0 where even λ = 0 is too large.

    Far out √χ² is normal: √x = √(λ + df − 1) + z, to 12 digits from x = 10⁹ on, and where Φ(z) is 0 to the machine.

    >>> round(noncentrality(30.0, 10.0, -1.96), 3), noncentrality(3.0, 10.0, 1.96)
    (44.775, 0.0)
    """
    p = float(ndtr(z))
    if float(chndtr(x, df, 0.0)) <= p and p > 0:
        return 0.0
    if x > FAR or p == 0:
        return max(0.0, float((x**0.5 - z) ** 2 - (df - 1)))
    return float(chndtrinc(x, df, p))


def noncentral_p(t: float, m: Floats, theta: float, *, above: bool) -> float:
    """p of H0: E T − ΣM is at most (`above`), or at least, theta: 1 − the level at which a limit touches it.

    >>> import numpy as np
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
