"""The AUC of scores made by other rows, fold by fold. Arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit, ndtr

from auditkit.stats.auc import Auc, auc, normal, side


def auc_of(y: ArrayLike, score: ArrayLike) -> Auc:
    """The AUC of rows, (N,) each, ties counting half.

    >>> round(auc_of([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).value, 2)
    0.75
    """
    return auc(*map(side, _counted(y, score)))


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


def of_shared_fits(a: Auc) -> Auc:
    """The AUC `over_folds` that were each scored by a fit on the others, with an error that holds at ½ too: √2 times.

    Where there is nothing to learn, each fit learns the noise that another is read on: two of K folds are correlated by
    1/(K − 1), whatever the features, which doubles the variance. Where fits agree the correlation vanishes, so that the
    error is too large for an AUC far from ½.

    >>> of_shared_fits(Auc(0.5, 0.1, 0.0, 10, 10)).error.__round__(4)
    0.1414
    """
    return a._replace(error=2**0.5 * a.error)


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


def pairs_won(y: ArrayLike, score: ArrayLike, weight: ArrayLike) -> tuple[float, float]:
    """Σ w w' over the pairs of a positive and a negative that the score ranks rightly (ties half), and over all.

    Their ratio is the weighted AUC; (N,) each.

    >>> pairs_won([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], [1, 1, 1, 1])
    (3.0, 4.0)
    """
    negatives, positives = _counted(y, score, weight)
    below = np.cumsum(negatives) - negatives / 2
    return float(positives @ below), float(positives.sum() * negatives.sum())


def _counted(y: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> list[NDArray[Any]]:
    """Negatives and positives at each value of the score, in rising order: rows, or their weights."""
    y, w = np.asarray(y).astype(bool), None if weight is None else np.asarray(weight, float)
    _, code = np.unique(np.asarray(score, float), return_inverse=True)
    size = int(code.max(initial=-1)) + 1
    return [np.bincount(code[s], None if w is None else w[s], minlength=size) for s in (~y, y)]


def category_pairs_won(
    y: ArrayLike, code: ArrayLike, weight: ArrayLike, *, folds: int = 5, seed: int = 0
) -> tuple[float, float]:
    """`pairs_won` of categories (codes from 0): a category's score is its rate of positives in the other folds.

    A category that the other folds do not have scores their overall rate; (N,) each.

    >>> category_pairs_won([0, 0, 1, 1] * 10, [0, 0, 1, 1] * 10, [1] * 40)[0] > 70
    True
    """
    y, code, w = np.asarray(y).astype(bool), np.asarray(code, int), np.asarray(weight, float)
    fold = np.random.default_rng(seed).permutation(len(y)) % folds
    size, won = int(code.max(initial=-1)) + 1, np.zeros(2)
    for k in range(folds):
        train, test = fold != k, fold == k
        all_, positive = (np.bincount(code[t], w[t], minlength=size) for t in (train, train & y))
        overall = float(positive.sum() / all_.sum()) if all_.sum() else 0.5
        score = np.divide(positive, all_, out=np.full(size, overall), where=all_ > 0)
        won += pairs_won(y[test], score[code[test]], w[test])
    return float(won[0]), float(won[1])
