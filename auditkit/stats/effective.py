"""Effective counts: how many independent rows a weighted or a dependent sample is worth. Arrays in, arrays out."""

from __future__ import annotations

import numpy as np

from auditkit.stats.rates import Floats, rate


def weighted_variance(success: Floats, failure: Floats, success2: Floats, failure2: Floats) -> Floats:
    """Variance of p = Σ_success w / Σ w: [(1−p)² Σ_success w² + p² Σ_failure w²] / (Σw)², any shape; NaN without rows.

    Source: Särndal, Swensson & Wretman (1992), section 5.7 (linearisation of a ratio), rows drawn independently.

    >>> float(weighted_variance(*np.array([[30.0], [70.0], [30.0], [70.0]]))[0].round(6))
    0.0021
    """
    total = success + failure
    p = rate(success, total)
    return rate((1 - p) ** 2 * success2 + p**2 * failure2, total**2)


def effective_rows(success: Floats, failure: Floats, success2: Floats, failure2: Floats) -> Floats:
    """n* = p(1−p)/V, the number of equally weighted rows of the same variance; Kish's (Σw)²/Σw² where p is 0 or 1.

    Equal weights give n itself. 0 without rows. Source: Kish (1965), Survey Sampling, section 11.7.

    >>> effective_rows(*np.array([[10.0, 0.0], [10.0, 20.0], [20.0, 0.0], [10.0, 40.0]])).round(2).tolist()
    [13.33, 10.0]
    """
    total = success + failure
    p = rate(success, total)
    inside = (success > 0) & (failure > 0)
    kish = rate(total**2, success2 + failure2)
    with np.errstate(divide="ignore", invalid="ignore"):
        out = np.where(inside, p * (1 - p) / weighted_variance(success, failure, success2, failure2), kish)
    return np.where(total > 0, out, 0.0)


def errors(success: Floats, failure: Floats, success_drawn: Floats, failure_drawn: Floats) -> Floats:
    """(K, R) what each replicate adds to p, linearised: [(1−p) S_r − p F_r] / (S + F), from sums (K,) and (K, R).

    Linear in the replicate's sums, so no replicate is undefined; over replicates the mean is 0 and the mean square
    the variance of p. 0 without rows.
    """
    total = success + failure
    p = np.nan_to_num(rate(success, total))[:, None]
    away = (1 - p) * success_drawn - p * failure_drawn
    return np.divide(away, total[:, None], out=np.zeros_like(away), where=total[:, None] > 0)


def clustered_rows(p: Floats, most: Floats, errors: Floats, drawn: Floats, total: Floats) -> Floats:
    """n* = min(most, p(1−p)/V), V the mean square of the replicates' errors, (K,).

    Where p is 0 or 1 no error is seen, and each cluster counts as one row: n* = (Σw)² / Var(Σ_r w), which is Kish's
    number of clusters. `drawn` (K, R) are the replicates' Σw, `total` (K,) is their mean.
    """
    variance = (errors**2).mean(axis=1)
    spread = ((drawn - total[:, None]) ** 2).mean(axis=1)
    inside = (p > 0) & (p < 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        n = np.where(inside, p * (1 - p) / variance, total**2 / spread)
    return np.where(total > 0, np.fmin(n, most), 0.0)


def correlations(errors: Floats, others: Floats | None = None) -> Floats:
    """(K, K) correlations of the errors of K estimates over replicates; with `others` (K, R), (K,) row by row.

    Errors have mean 0 by construction; 0 where one of both has no error at all.
    """
    a = errors / np.maximum(np.sqrt((errors**2).sum(axis=1)), 1e-300)[:, None]
    if others is None:
        return np.asarray(np.clip(a @ a.T, -1.0, 1.0))
    b = others / np.maximum(np.sqrt((others**2).sum(axis=1)), 1e-300)[:, None]
    return np.asarray(np.clip((a * b).sum(axis=1), -1.0, 1.0))
