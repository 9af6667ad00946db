"""Limits of a mean. Arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from auditkit.arrays import Bools
from auditkit.stats.rates import Floats, wilson

UNSTABLE = 1.5
"""Skewness (`seen_shape`) ÷ √n of a mean above which no limits serve: three of five parts of the third moment are one
value's. Below it `skewed_limits` held the mean of one group of 30 to 4,000 values in at least 92 % of draws, for gamma
(shape .1 and .5), Weibull (.5 and .7), lognormal and Pareto (2 and 3) laws and squares of Laplace values. False gaps
are those of the table of simulations (`skew`).
"""
HOPELESS = 1.25
"""The same of the mean of squares, where `shape_of_squares` tells their skewness."""
HEAVIEST = {1: 1.0, 2: 14.0}
"""p → E|x|²ᵖ ÷ (E|x|)²ᵖ of n values, ÷ ∛n, above which no limits of the mean of |x|ᵖ serve (`heavy_tailed`).

The least at which, of 60 to 10,000 values, those of normal, exponential, Laplace and lognormal (.5) laws and of
Student's t with 5 degrees of freedom are unstable in at most one draw of a hundred more than without, and those of the
gamma law of shape .5 in two.
"""
DECADES = 1.0
"""Powers of ten of values for which the correction of `seen_shape` is enough."""
MOST_SKEW = 0.6
"""Skewness ÷ √n that `skewed_limits` corrects for, at most: there a limit is farthest, some eight standard errors away,
and more would bring it nearer. With this and `DECADES` the mean of 200 to 10,000 squares was held (or unstable) in at
least 92 % of draws for Student's t with 3 degrees of freedom and Pareto (3), and in 90 % for Pareto (2.6): no law of
squares that has a variance.
"""


class MeanLimits(NamedTuple):
    """Lower and upper limits, each of the shape of the means; NaN where there is no standard error."""

    low: Floats
    high: Floats


def t_limits(mean: ArrayLike, standard_error: ArrayLike, *, effective_n: float, level: float) -> MeanLimits:
    """Student's interval, mean ± t · standard error, with effective_n − 1 degrees of freedom.

    `effective_n` need not be whole (Kish's number for weighted rows); at 1 or below both limits are NaN.

    >>> low, high = t_limits([0.0], [1.0], effective_n=11, level=0.95)
    >>> round(float(high[0]), 3)
    2.228
    """
    from scipy.special import stdtrit

    mean, error = np.asarray(mean, float), np.asarray(standard_error, float)
    t = float(stdtrit(effective_n - 1, 0.5 + level / 2)) if effective_n > 1 else np.nan
    return MeanLimits(mean - t * error, mean + t * error)


def t_p(mean: ArrayLike, standard_error: ArrayLike, *, effective_n: float) -> Floats:
    """Two-sided p of "the mean is 0" by Student's t with effective_n − 1 degrees of freedom; 1 at one row or below.

    Without any error p is 0, and 1 for a mean of 0.

    >>> t_p([2.228, 0.0], [1.0, 0.0], effective_n=11).round(3).tolist()
    [0.05, 1.0]
    """
    from scipy.special import stdtr

    size, error = np.abs(np.asarray(mean, float)), np.asarray(standard_error, float)
    t = np.divide(size, error, out=np.where(size > 0, np.inf, 0.0), where=error > 0)
    return np.asarray(2 * stdtr(effective_n - 1, -t)) if effective_n > 1 else np.ones_like(t)


def share_limits(values: ArrayLike, z: float) -> tuple[float, float]:
    """Limits of the mean of n values in [0, 1], at critical value z: Student's, within [0, 1].

    Where all values are alike there is no variance to go by: then Wilson's of the mean, which no variance of such
    values exceeds. NaN without values.

    >>> [round(x, 3) for x in share_limits([0.2, 0.4, 0.6, 0.8], 1.96)]
    [0.089, 0.911]
    """
    x = np.asarray(values, float)
    n = len(x)
    if not n:
        return float("nan"), float("nan")
    return share_limits_of(float(x.mean()), float(x.std(ddof=1)) if n > 1 else 0.0, n, z)


def share_limits_of(mean: float, spread: float, n: int, z: float) -> tuple[float, float]:
    """`share_limits` of n ≥ 1 values by their mean and standard deviation (with n − 1)."""
    from scipy.special import ndtr

    if spread <= 1e-12:
        plain = wilson(mean * n, n, z)
        return float(plain.low), float(plain.high)
    low, high = t_limits(mean, spread / n**0.5, effective_n=n, level=float(1 - 2 * ndtr(-z)))
    return max(0.0, float(low)), min(1.0, float(high))


def t_value(n: ArrayLike, z: float | Floats) -> Floats:
    """Student's quantile with the tail of z and n − 1 degrees of freedom; NaN at one row or fewer.

    >>> round(float(t_value(11, 1.959964)), 3)
    2.228
    """
    from scipy.special import ndtr, stdtrit

    n = np.asarray(n, float)
    return np.asarray(stdtrit(np.where(n > 1, n - 1, np.nan), ndtr(z)))


def seen_shape(skewness: ArrayLike, n: ArrayLike) -> Floats:
    """Skewness of each of K groups, (K,), with what it borrows from all: a few values cannot see their own tail.

    The larger of a group's own and that of all (each about its own mean, weighted by n), either ÷ (1 − r), r = its
    skewness ÷ √n, which is near 1 where few of the n values carry the third moment: so much more of the tail is unseen.

    >>> seen_shape([0.0, 4.0], [100, 900]).round(2).tolist()
    [4.06, 4.62]
    """
    return _with_unseen(skewness, n, lambda n: np.ones_like(n))


def shape_of(skewness: ArrayLike, n: ArrayLike) -> Floats:
    """The same for limits, ÷ (1 − r) once more for every power of ten of n beyond the second, (K,).

    r falls like 1/√n where the values have a third moment. Where it does not, few of however many values carry the
    mean, and the largest of all that there are was hardly drawn.

    >>> shape_of([0.0, 4.0], [100, 900]).round(2).tolist()
    [4.58, 5.29]
    """
    return _with_unseen(skewness, n, lambda n: np.maximum(1.0, np.log10(np.maximum(n, 1.0)) - DECADES))


def too_skewed(skewness: ArrayLike, n: ArrayLike) -> Bools:
    """Which of K groups have values so skewed that no limits of their mean serve, (K,).

    >>> too_skewed([0.0, 5.0, 2.0], [100, 900, 8]).tolist()
    [False, False, True]
    """
    return np.asarray(np.abs(seen_shape(skewness, n)) > UNSTABLE * np.sqrt(np.asarray(n, float)))


def heavy_tailed(power: int, mean_power: ArrayLike, mean_size: ArrayLike, n: ArrayLike) -> Bools:
    """Which of K groups have values x so heavy-tailed that |x|ᵖ hardly has a mean, p = `power`, (K,).

    From E|x|²ᵖ and E|x| of n values: where P(|x| > t) falls like t^−a, their ratio E|x|²ᵖ ÷ (E|x|)²ᵖ grows like
    n^(2p/a − 1), and so faster than ∛n where |x|ᵖ has a tail index a/p below 1.5: then it has no variance, and what the
    sample did not see is no smaller than what it did. Above `HEAVIEST` · ∛n, as a group itself or all together (each
    group's ratio weighted by n), it is taken for such a law. Skewness tells it late, since the largest values hide in
    the variance that they make; the mean size hardly knows of them.

    >>> heavy_tailed(2, [3.0, 9.0], [0.8, 0.74], [1000, 1000]).tolist()  # normal and exponential
    [False, False]
    >>> heavy_tailed(2, [900.0], [1.0], [1000]).tolist()  # Pareto, of index 2.5
    [True]
    """
    above, size, n = (np.asarray(x, float) for x in (mean_power, mean_size, n))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = np.nan_to_num(above / size ** (2 * power), posinf=np.inf)
    shared = n @ ratio / max(float(n.sum()), 1.0)
    return np.asarray(np.maximum(ratio, shared) > HEAVIEST[power] * np.cbrt(n))


def _with_unseen(skewness: ArrayLike, n: ArrayLike, power: Callable[[Floats], Floats]) -> Floats:
    """(K,) the larger of a group's skewness and that of all, each ÷ (1 − r) to the power of its n."""
    own, n = np.asarray(skewness, float), np.asarray(n, float)
    total = n.sum()
    shared = n @ own / total if total else 0.0
    found, size = np.append(own, shared), np.append(n, total)
    with np.errstate(invalid="ignore"):
        unseen = 1 - np.minimum(np.abs(found) / np.sqrt(np.maximum(size, 1.0)), 0.98)
    shape = found / unseen ** power(size)
    out: Floats = np.where(np.abs(shape[:-1]) > abs(shape[-1]), shape[:-1], shape[-1])
    return out


def shape_of_squares(skewness: ArrayLike) -> Floats:
    """Skewness of the squares of positive numbers of this skewness, by the gamma law that has it.

    The squares themselves show it late: the largest few carry their third moment.

    >>> shape_of_squares([2.0]).round(2).tolist()  # exponential: 6.62
    [6.62]
    """
    k = (2 / np.maximum(np.asarray(skewness, float), 0.05)) ** 2
    second = k * (k + 1)
    fourth = second * (k + 2) * (k + 3)
    sixth = fourth * (k + 4) * (k + 5)
    out: Floats = (sixth - 3 * second * fourth + 2 * second**3) / (fourth - second**2) ** 1.5
    return out


def skewed_limits(mean: Floats, error: Floats, n: Floats, skewness: Floats, z: float | Floats) -> MeanLimits:
    """Limits of means of n values each at critical value z: Student's t with its skewness corrected, (K,).

    With k = skewness ÷ √n, mean − error · (3/k)[∛(1 + k(± t − k/6)) − 1]: Hall's monotone form of Johnson's modified t.
    k is within ±`MOST_SKEW`. The skewness is itself an estimate; so each limit is the wider one of it and Student's.
    NaN at one value or none.
    Source: Johnson (1978), JASA 73:536; Hall (1992), JRSS B 54:221.

    >>> [x.round(2).tolist() for x in skewed_limits(*np.array([[0.0, 0.0], [1.0, 1.0], [30, 30], [0, 2]]), 1.96)]
    [[-2.05, -2.05], [2.05, 3.18]]
    """
    t = t_value(n, z)
    with np.errstate(divide="ignore", invalid="ignore"):
        k = np.clip(skewness / np.sqrt(n), -MOST_SKEW, MOST_SKEW)
        below, above = (np.where(np.abs(k) < 1e-9, x, 3 / k * (np.cbrt(1 + k * (x - k / 6)) - 1)) for x in (t, -t))
        return MeanLimits(mean - error * np.maximum(t, below), mean + error * np.maximum(t, -above))
