"""Whether an outcome goes with a continuous attribute: kernel averages, distance correlation. Arrays in, arrays out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from auditkit.stats.rates import Floats


class Permuted(NamedTuple):
    """A statistic that is not negative, and what it is where nothing goes together."""

    value: float
    null_mean: float
    """Its mean over permutations."""
    p: float
    """(1 + permutations with a value as large) / (1 + permutations)."""
    null_high: float = float("nan")
    """What 95 % of permutations lie below: a smaller value does not stand out."""


def silverman(x: ArrayLike) -> float:
    """0.9 · min(sd, IQR/1.349) · n^(−1/5): the bandwidth of a Gaussian kernel; 0 where x does not vary.

    The sd alone where half of the values are one. Source: Silverman (1986), Density Estimation, eq. 3.31.

    >>> round(silverman(np.arange(100.0)), 2)
    10.39
    """
    x = np.asarray(x, float)
    spread = float(x.std(ddof=1)) if len(x) > 1 else 0.0
    quartiles = float(np.subtract(*np.percentile(x, [75, 25]))) / 1.349 if len(x) else 0.0
    return float(0.9 * (min(spread, quartiles) if quartiles > 0 else spread) / max(1, len(x)) ** 0.2)


def kernel_weights(at: ArrayLike, x: ArrayLike, bandwidth: float) -> Floats:
    """Nadaraya–Watson's weights, (M, N), of rows x (N,) for the mean at M places; each row of weights adds up to 1."""
    z = (np.asarray(at, float)[:, None] - np.asarray(x, float)) / bandwidth
    z = z**2 / 2
    w = np.exp(z.min(axis=1, keepdims=True) - z)  # far out the nearest row still has a weight
    return np.asarray(w / w.sum(axis=1, keepdims=True))


def generalized_parity(
    x: ArrayLike, y: ArrayLike, *, bandwidth: float, permutations: int, rng: np.random.Generator
) -> Permuted:
    """(1/n) Σ |m(x_i) − ȳ|, m the kernel average of y at x_i. Source: Jiang et al. (2022), ICLR.

    >>> x, y = np.arange(100.0), (np.arange(100) > 49).astype(float)
    >>> round(generalized_parity(x, y, bandwidth=5.0, permutations=9, rng=np.random.default_rng(0)).value, 2)
    0.46
    """
    y = np.asarray(y, float)
    drawn = np.array([y, *(rng.permutation(y) for _ in range(permutations))]).T
    spread = np.abs(kernel_weights(x, x, bandwidth) @ drawn - y.mean()).mean(axis=0)
    return _permuted(spread)


def distance_correlation(x: ArrayLike, y: ArrayLike, *, permutations: int, rng: np.random.Generator) -> Permuted:
    """The square root of the mean product of double-centred distances, scaled to [0, 1]; NaN where one does not vary.

    Source: Székely, Rizzo & Bakirov (2007), Annals of Statistics 35:2769, definition 2.6, as a V-statistic.

    >>> d = distance_correlation([1, 2, 3, 4], [2, 4, 6, 8], permutations=9, rng=np.random.default_rng(0))
    >>> round(d.value, 6)
    1.0
    """
    a, b = _centred(np.asarray(x, float)), _centred(np.asarray(y, float))
    scale = float(np.vdot(a, a) * np.vdot(b, b)) ** 0.5
    if scale <= 1e-12:
        return Permuted(float("nan"), float("nan"), float("nan"))
    products = [float(np.vdot(a, b))]
    for _ in range(permutations):
        order = rng.permutation(len(b))
        products.append(float(np.vdot(a, b[order[:, None], order])))
    return _permuted(np.sqrt(np.maximum(np.array(products), 0.0) / scale))


def _centred(x: Floats) -> Floats:
    d = np.abs(x[:, None] - x)
    return np.asarray(d - d.mean(axis=0) - d.mean(axis=1, keepdims=True) + d.mean())


def _permuted(values: Floats) -> Permuted:
    """The first value is that of the data; rounding must not make an equal permutation smaller."""
    value, null = float(values[0]), values[1:]
    as_large = int((null >= value * (1 - 1e-12)).sum())
    mean, high = (float(null.mean()), float(np.quantile(null, 0.95))) if len(null) else (float("nan"),) * 2
    return Permuted(value, mean, (1 + as_large) / (1 + len(null)), high)
