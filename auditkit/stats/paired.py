"""Two proportions of the same rows: limits of their difference, and McNemar's exact test. Arrays in, arrays out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtr

from auditkit.stats.pairs import difference
from auditkit.stats.rates import Floats, Limits, rate, wilson

_STEPS = 40
"""Halvings of at most [−1, 1]: to 2e-12."""


def score(gain: ArrayLike, loss: ArrayLike, n: ArrayLike, delta: ArrayLike) -> Floats:
    """Tango's statistic of H0: p_new − p_old = delta, above 0 where the difference seen is larger; any shape.

    T = (b − c − nΔ) / √(n (2 p̃ + Δ(1 − Δ))), b rows won and c lost of n, p̃ the likeliest share of rows lost under H0:
    (√(B² − 4AC) − B) / 2A with A = 2n, B = −b − c + (2n − b + c)Δ, C = −cΔ(1 − Δ). At Δ = 0 its square is McNemar's.
    Source: Tango (1998), Statistics in Medicine 17:891.

    >>> round(float(score(25, 9, 100, 0.0)) ** 2, 4) == round((25 - 9) ** 2 / (25 + 9), 4)
    True
    """
    b, c, n, delta = (np.asarray(x, float) for x in (gain, loss, n, delta))
    away, variance = _parts(b, c, n, delta)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.abs(away) < 1e-12 * np.maximum(n, 1), 0.0, np.asarray(away / np.sqrt(variance)))


def _parts(b: Floats, c: Floats, n: Floats, delta: Floats) -> tuple[Floats, Floats]:
    """Numerator and squared denominator of `score`."""
    d = b - c
    linear = -b - c + (2 * n - d) * delta
    room = delta * (1 - delta)
    lost = (np.sqrt(np.maximum(linear * linear + 8 * n * c * room, 0.0)) - linear) / 4  # n p̃
    return d - n * delta, np.maximum(2 * lost + n * room, 0.0)


def tango(gain: ArrayLike, loss: ArrayLike, n: ArrayLike, q: ArrayLike) -> Limits:
    """p_new − p_old of n rows that both saw, with the limits at which `score` is ±q; NaN where n is 0.

    Without any flip the limits are ±q²/(n + q²): that none was seen does not mean that there is none. Effective counts,
    which need not be whole, serve too.

    >>> [round(float(x), 4) for x in tango(9, 1, 100, 1.959964)]
    [0.08, 0.0226, 0.1541]
    >>> [round(float(x), 4) for x in tango(0, 0, 20, 1.959964)]
    [0.0, -0.1611, 0.1611]
    """
    b, c, n, q = np.broadcast_arrays(*(np.asarray(x, float) for x in (gain, loss, n, q)))
    value = rate(b, n) - rate(c, n)
    edge = np.array([-1.0, 1.0]).reshape(2, *[1] * b.ndim)  # both ends at once

    out, inside = np.broadcast_to(edge, (2, *b.shape)), np.broadcast_to(np.nan_to_num(value), (2, *b.shape))
    square = q * q
    for _ in range(_STEPS):
        middle = (out + inside) / 2
        away, variance = _parts(b, c, n, middle)
        beyond = away * away >= square * variance
        out, inside = np.where(beyond, middle, out), np.where(beyond, inside, middle)
    low, high = np.where(n > 0, (inside + out) / 2, np.nan)
    return Limits(value, low, high)


def overlapping(
    table: Floats, counts: tuple[Floats, Floats, Floats, Floats], q: ArrayLike, rho: Floats | None = None
) -> Limits:
    """The difference of two rates over rows that overlap, as two precisions: MOVER with Wilson's limits.

    `table` (K, 3, 3) are rows by what they are to the new rate and to the old one (0 not counted, 1 counted, 2 a
    success); `counts` numerator and denominator of the new rate, then of the old one, (K,). The correlation of both is
    that of the table with half a row more in every way to be counted by one alone, so that rates of the same rows are
    not taken for one; a smaller one, `rho`, takes its place.
    Source: Newcombe (1998), Statistics in Medicine 17:2635; Zou & Donner (2008).
    """
    k, n, k_old, n_old = counts
    own = correlation(table)
    rho = own if rho is None else np.minimum(own, rho)
    found = difference(wilson(k, n, np.asarray(q)), wilson(k_old, n_old, np.asarray(q)), rho)
    return Limits(*found)


_ALONE = np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.0], [0.5, 0.0, 0.0]])


def correlation(table: Floats) -> Floats:
    """(K,) correlation of both rates of `overlapping`."""
    counts = table + _ALONE
    own, old = counts.sum(axis=2), counts.sum(axis=1)
    p, p_old = own[:, 2] / own[:, 1:].sum(axis=1), old[:, 2] / old[:, 1:].sum(axis=1)
    # what a row adds to each rate, up to a factor
    away, away_old = (np.stack([np.zeros_like(x), -x, 1 - x], axis=1) for x in (p, p_old))
    together = np.einsum("kij,ki,kj->k", counts, away, away_old)
    each = (own * away**2).sum(axis=1) * (old * away_old**2).sum(axis=1)
    return np.asarray(np.clip(together / np.sqrt(each), -1.0, 1.0))


def mcnemar(gain: int, loss: int) -> float:
    """p of H0: as many rows are won as are lost; the exact binomial test of the flips, two-sided; 1 without flips.

    Source: McNemar (1947), Psychometrika 12:153; scipy.stats.binomtest is the oracle.

    >>> round(mcnemar(1, 9), 4), mcnemar(3, 3), mcnemar(0, 0)
    (0.0215, 1.0, 1.0)
    """
    flips = gain + loss
    return min(1.0, 2 * float(bdtr(min(gain, loss), flips, 0.5))) if flips else 1.0
