"""The AUC of scores made by other rows, fold by fold. Arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logit, ndtr

from auditkit.stats.auc import Auc, auc, normal, side


def auc_of(y: ArrayLike, score: ArrayLike) -> Auc:
    """The AUC of rows, (N,) each, ties counting half.

    >>> round(auc_of([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).value, 2)
    0.75
    """
    y = np.asarray(y).astype(bool)
    _, code = np.unique(np.asarray(score, float), return_inverse=True)
    size = int(code.max(initial=-1)) + 1
    return auc(*(side(np.bincount(code[where], minlength=size)) for where in (~y, y)))


def over_folds(folds: Sequence[Auc]) -> Auc:
    """AUCs of disjoint folds as one, each weighing as its pairs do: pairs across folds, scored by other fits, are out.

    >>> round(over_folds([Auc(0.8, 0.1, 0.0, 10, 10), Auc(0.6, 0.1, 0.0, 10, 10)]).error, 4)
    0.0707
    """
    pairs = np.array([f.positives * f.negatives for f in folds], float)
    w = pairs / pairs.sum()
    value = float(w @ [f.value for f in folds])
    error = float(np.hypot.reduce(w * [f.error for f in folds]))
    bound = float(w @ [f.bound for f in folds])
    return Auc(value, error, bound, sum(f.positives for f in folds), sum(f.negatives for f in folds))


def p_of_half(a: Auc) -> float:
    """Two-sided p of "the AUC is ½": 1 − the level at which `auc_limits` touches ½.

    >>> round(p_of_half(Auc(0.6, 0.05, 0.0, 60, 60)), 3)
    0.052
    """
    if normal(a):
        z = abs(float(logit(a.value))) * a.value * (1 - a.value) / a.error
    else:  # Newcombe's method 5 at θ = ½
        big = (a.positives + a.negatives) / 2 - 1
        z = abs(a.value - 0.5) / ((1 + 2 * big / 3) / 4 / (a.positives * a.negatives)) ** 0.5
    return float(2 * ndtr(-z))
