"""Effective counts: how many independent rows a weighted or a dependent sample is worth. Arrays in, arrays out."""

from __future__ import annotations

import numpy as np

from auditkit.stats.rates import Floats, rate

_MOST_GAIN = 10.0
"""Strata divide a variance by so much at most: an outcome that is constant in every stratum seen is not in all."""


def weighted_variance(success: Floats, failure: Floats, success2: Floats, failure2: Floats) -> Floats:
    """Variance of p = Σ_success w / Σ w: [(1−p)² Σ_success w² + p² Σ_failure w²] / (Σw)², any shape; NaN without rows.

    Source: Särndal, Swensson & Wretman (1992), section 5.7 (linearisation of a ratio), rows drawn independently.

    >>> float(weighted_variance(*np.array([[30.0], [70.0], [30.0], [70.0]]))[0].round(6))
    0.0021
    """
    total = success + failure
    p = rate(success, total)
    return rate((1 - p) ** 2 * success2 + p**2 * failure2, total**2)


def kish(total: Floats, squares: Floats) -> Floats:
    """(Σw)²/Σw²: how many equally weighted rows have the same variance, whatever is counted; 0 without rows.

    Source: Kish (1965), Survey Sampling, section 11.7.

    >>> kish(np.array([12.0]), np.array([102.0])).round(2).tolist()
    [1.41]
    """
    return np.nan_to_num(rate(total**2, squares))


def effective_rows(success: Floats, failure: Floats, success2: Floats, failure2: Floats) -> Floats:
    """n* = min(p(1−p)/V, (Σw)²/Σw²), the number of equally weighted rows of the same variance, any shape.

    V collapses where the few rows of one outcome are light: then Kish's number, which no outcome changes, bounds it.
    That is conservative where weights depend on the outcome. Equal weights give n itself. 0 without rows.

    >>> effective_rows(*np.array([[10.0, 9.0], [10.0, 50.0], [20.0, 9.0], [10.0, 2500.0]])).round(2).tolist()
    [13.33, 1.39]
    """
    n = kish(success + failure, success2 + failure2)
    return _no_more(n, rate(success, success + failure), weighted_variance(success, failure, success2, failure2))


def errors(success: Floats, failure: Floats, success_drawn: Floats, failure_drawn: Floats) -> Floats:
    """(K, R) what each replicate adds to p, linearised: [(1−p) S_r − p F_r] / (S + F), from sums (K,) and (K, R).

    Linear in the replicate's sums, so no replicate is undefined; the mean square over replicates (`mean_square`) is
    the variance of p. 0 without rows.
    """
    total = success + failure
    p = np.nan_to_num(rate(success, total))[:, None]
    away = (1 - p) * success_drawn - p * failure_drawn
    return np.divide(away, total[:, None], out=np.zeros_like(away), where=total[:, None] > 0)


def mean_square(errors: Floats, measure: Floats) -> Floats:
    """(K,) Σ_r measure_r e_r², of errors (K, R): the columns of a variance to be added, and of one to be taken off."""
    out: Floats = errors**2 @ measure
    return out


def clustered_rows(p: Floats, most: Floats, variance: Floats, clusters: Floats, rarer: Floats) -> Floats:
    """n* of dependent rows, (K,): `most` rows divided by d, what dependence costs.

    d₀ = max(1, most V/(p(1−p))), and d = 1 + (d₀ − 1) (G⁺ + 1)/(G⁺ − 1), `rarer` being G⁺, the effective clusters of
    the rarer outcome: of few, V is small where p is. Where p is 0 or 1 no error is seen, and each of the effective
    `clusters` counts as one row: n* = min(most, G*).

    >>> clustered_rows(*np.array([[0.5], [100.0], [0.01], [20.0], [11.0]])).round(2).tolist()
    [21.74]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = most / _no_more(most, p, variance)
        out = most / (1 + (cost - 1) * (1 + 2 / np.maximum(rarer - 1, 0.5)))
    return np.where(most > 0, np.where((p > 0) & (p < 1), out, np.fmin(most, clusters)), 0.0)


def stratified_rows(rows: Floats, variance: Floats, plain: Floats, uncentred: Floats) -> Floats:
    """n* of rows drawn within strata, (K,): that of the rows as if drawn from all, times what strata gain or lose.

    `rows` is `effective_rows`, `plain` its variance, `variance` that within strata, `uncentred` the same without what
    the means of strata take off, of which a tenth at least is kept.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = plain / np.maximum(variance, uncentred / _MOST_GAIN)
    return np.where(plain > 0, rows * np.nan_to_num(gain, posinf=1e12), rows)


def correlations(errors: Floats, measure: Floats, variance: Floats) -> Floats:
    """(K, K) correlations of K estimates of these variances, from their errors (K, R); 0 where a variance is 0."""
    scaled = errors / _deviation(variance)[:, None]
    return np.asarray(np.clip((scaled * measure) @ scaled.T, -1.0, 1.0))


def correlations_with(
    errors: Floats, others: Floats, measure: Floats, variance: Floats, other_variance: Floats
) -> Floats:
    """(K,) the same of each estimate with another one, row by row."""
    product = (errors * others) @ measure
    return np.asarray(np.clip(product / _deviation(variance) / _deviation(other_variance), -1.0, 1.0))


def _no_more(most: Floats, p: Floats, variance: Floats) -> Floats:
    """min(most, p(1−p)/variance); `most` where p is 0 or 1 or no variance is seen."""
    known = (p > 0) & (p < 1) & (variance > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(known, np.fmin(p * (1 - p) / variance, most), most)


def _deviation(variance: Floats) -> Floats:
    return np.where(variance > 0, np.sqrt(np.maximum(variance, 1e-300)), np.inf)
