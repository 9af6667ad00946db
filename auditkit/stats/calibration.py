"""Do scores mean what they say? Calibration from sums a bin. Arrays in, arrays out."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, ndtr

from auditkit.stats.quadratic import noncentral_limits
from auditkit.stats.rates import Floats

MOST_BINS = 15
ROWS_A_BIN = 20


class Sums(NamedTuple):
    """What calibration needs of each bin, (B,) each, bins in rising order of the score; no bin is empty."""

    n: Floats
    y: Floats
    """Σ y."""
    s: Floats
    """Σ score."""
    s2: Floats
    """Σ score²."""
    sy: Floats
    """Σ score · y."""

    @property
    def miss(self) -> Floats:
        """(B,) mean of d = y − score."""
        return (self.y - self.s) / self.n

    @property
    def squares(self) -> Floats:
        """(B,) Σ d²."""
        return self.y - 2 * self.sy + self.s2

    @property
    def expected(self) -> Floats:
        """(B,) Σ score (1 − score): the variance of Σ y if the scores are right."""
        return np.maximum(self.s - self.s2, 0.0)

    def merged(self, label: NDArray[np.intp]) -> Sums:
        """The bins with the same label as one."""
        return Sums(*(np.bincount(label, weights=column).astype(np.float64) for column in self))


class Interval(NamedTuple):
    """A value and its limits; NaN where undefined."""

    value: float
    low: float
    high: float


class Logistic(NamedTuple):
    """A coefficient and its standard error; NaN where the fit has no finite solution."""

    value: float
    error: float


def bins_for(rows: int) -> int:
    """The number of equal-mass bins, min(15, n/20), at least 1.

    >>> bins_for(100), bins_for(10_000)
    (5, 15)
    """
    return max(1, min(MOST_BINS, rows // ROWS_A_BIN))


def equal_mass(n: ArrayLike, bins: int) -> NDArray[np.intp]:
    """Labels 0, 1, … (B,) that join neighbouring bins into about `bins` of equal mass, each of two rows or more.

    >>> equal_mass([5, 5, 5, 5], 2).tolist()
    [0, 0, 1, 1]
    """
    n = np.asarray(n, float)
    wanted = ((np.cumsum(n) - n / 2) / n.sum() * bins).astype(np.intp)
    _, label = np.unique(wanted, return_inverse=True)
    mass = np.bincount(label, weights=n)
    for i in np.flatnonzero(mass < 2)[::-1]:  # a lone row joins the bin below it (the lowest: the one above)
        label = np.where(label >= max(i, 1), label - 1, label)
    return label.astype(np.intp)


def calibration_error(sums: Sums, z: float) -> Interval:
    """The root of the debiased squared calibration error over the given bins.

    √max(0, Σ n_b/n [d̄_b² − S²_b/n_b]), d = y − score, S² with ddof 1. T = Σ n_b/n d̄_b²; T/g ~ χ²_df(λ) with
    eigenvalues M_b = n_b/n · v_b, v_b = Σ s(1−s)/n_b², g = ΣM²/ΣM, df = (ΣM)²/ΣM²; limits √(g λ) by inversion,
    each at tail Φ(−z).

    >>> s = Sums(*(np.array([x]) for x in (400.0, 100.0, 100.0, 25.0, 25.0)))
    >>> calibration_error(s, 1.96).value
    0.0
    """
    n = sums.n.sum()
    weight = sums.n / n
    variance = np.maximum(sums.squares - sums.n * sums.miss**2, 0.0) / np.maximum(sums.n - 1, 1)
    squared = float(weight @ (sums.miss**2 - variance / sums.n))
    m = weight * sums.expected / sums.n**2
    if not m.sum() > 0:  # every score is 0 or 1: nothing is left to chance
        value = float(weight @ sums.miss**2) ** 0.5
        return Interval(value, value, value)
    low, high = noncentral_limits(float(weight @ sums.miss**2), m, z)
    value = max(0.0, squared) ** 0.5
    return Interval(value, min(low**0.5, value), max(high**0.5, value))


def in_the_large(sums: Sums) -> tuple[float, float, float]:
    """Mean of y − score, its standard error, and n.

    The variance is that of the rows, or that of right scores if larger (a group without a single positive has a
    chance variance too).
    """
    n = float(sums.n.sum())
    mean = float((sums.y - sums.s).sum() / n)
    seen = max(0.0, float(sums.squares.sum()) - n * mean**2) / max(n - 1, 1) / n
    return mean, max(seen, float(sums.expected.sum()) / n**2) ** 0.5, n


def slope(sums: Sums) -> Logistic:
    """b of logit P(y = 1) = a + b · logit(score): below 1, scores are too extreme. Source: Cox (1958)."""
    x = _logits(sums)
    if np.ptp(x) == 0:
        return Logistic(float("nan"), float("nan"))
    return _fitted(np.column_stack([np.ones_like(x), x]), sums, np.zeros_like(x), start=np.array([0.0, 1.0]))


def intercept(sums: Sums) -> Logistic:
    """a of logit P(y = 1) = a + logit(score): above 0, scores are too low. Source: Van Calster et al. (2019)."""
    x = _logits(sums)
    return _fitted(np.ones((x.size, 1)), sums, x, start=np.zeros(1))


def ecce(sums: Sums) -> tuple[float, float, float, float]:
    """The range of the cumulative miss, with two standard deviations and what bins can hide.

    C_k = Σ_{i≤k}(y_i − s_i)/n by score, C_0 = 0, R = max C − min C, read at the bins' ends (ties whole). Returns
    R, σ = √(Σ s(1−s))/n, the larger of σ and √(Σ d²)/n, and a bound: R of the rows lies in [R, R + bound].
    Source: Arrieta-Ibarra, Gujral, Tannen, Tygert & Xu (2022), JMLR 23.
    """
    n = float(sums.n.sum())
    walk = np.concatenate([[0.0], np.cumsum(sums.y - sums.s) / n])
    sigma = float(sums.expected.sum()) ** 0.5 / n
    wide = max(sigma, max(0.0, float(sums.squares.sum())) ** 0.5 / n)
    hidden = np.minimum(sums.y - sums.sy, sums.s - sums.sy) / n  # the most that a bin's walk leaves its two ends by
    return float(np.ptp(walk)), sigma, wide, 2 * max(0.0, float(hidden.max()))


def range_tail(x: float) -> float:
    """P(range of Brownian motion on [0, 1] > x) = 8 Σ_{k≥1} (−1)^{k−1} k Φ(−k x). Source: Feller (1951).

    >>> round(range_tail(2.498), 3)
    0.05
    """
    if x < 0.3:  # the series needs hundreds of terms, and the tail is 1 to ten digits
        return 1.0
    k = np.arange(1, 200)
    return float(np.clip(8 * np.sum(-((-1.0) ** k) * k * ndtr(-k * x)), 0.0, 1.0))


@lru_cache(maxsize=256)
def range_quantile(z: float) -> float:
    """The critical value of the range of Brownian motion where that of a two-sided normal is z.

    >>> round(range_quantile(1.959964), 3)
    2.498
    """
    from scipy.optimize import brentq  # takes a third of a second, and few need it

    return float(brentq(lambda x: range_tail(x) - 2 * ndtr(-z), 0.2, 60.0, xtol=1e-10))


def _logits(sums: Sums) -> Floats:
    """Logit of each bin's mean score; scores of 0 and 1 are taken as one part in 10⁹ away."""
    return logit(np.clip(sums.s / sums.n, 1e-9, 1 - 1e-9))


def _fitted(x: Floats, sums: Sums, offset: Floats, *, start: Floats) -> Logistic:
    """The last coefficient of a logistic regression on counts, by Newton's method with halved steps."""
    n, y, beta = sums.n, sums.y, start
    undefined = Logistic(float("nan"), float("nan"))
    if not 0 < y.sum() < n.sum():
        return undefined
    best = _likelihood(x @ beta + offset, y, n)
    for _ in range(100):
        p = expit(x @ beta + offset)
        information = (x * (n * p * (1 - p))[:, None]).T @ x
        if not np.linalg.cond(information) < 1e12:
            return undefined
        step = np.linalg.solve(information, x.T @ (y - n * p))
        while (new := _likelihood(x @ (beta + step) + offset, y, n)) < best - 1e-9 * abs(best):
            step = step / 2
        beta, best = beta + step, new
        if np.abs(step).max() < 1e-9:
            return Logistic(float(beta[-1]), float(np.linalg.inv(information)[-1, -1] ** 0.5))
        if np.abs(beta).max() > 1e3:
            return undefined
    return undefined


def _likelihood(eta: Floats, y: Floats, n: Floats) -> float:
    return float(y @ eta - n @ np.logaddexp(0, eta))
