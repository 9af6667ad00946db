"""The area between ROC curves (ABROCA) and its permutation test. Arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditkit.stats.rates import Floats

GRID = 256
"""Steps of the placement values in the permutation test."""


class Roc(NamedTuple):
    """Points of a curve, from (0, 0) to (1, 1)."""

    fpr: Floats
    tpr: Floats


class Abroca(NamedTuple):
    """The largest area between the ROC curves of two groups, and what chance alone would give."""

    value: float
    first: int
    second: int
    p: float
    null_mean: float
    """Mean of the value where group labels are permuted: it is not 0."""
    null_high: float
    """What 95 % of the permutations lie below: a smaller value does not stand out."""


def roc(negatives: ArrayLike, positives: ArrayLike) -> Roc:
    """The ROC curve of counts (B,), bins in rising order of the score; both sides non-empty.

    >>> roc([2, 0, 2], [0, 0, 4]).tpr.tolist()
    [0.0, 1.0, 1.0]
    """
    n0, n1 = np.asarray(negatives, float)[::-1], np.asarray(positives, float)[::-1]
    kept = (n0 + n1) > 0
    fpr, tpr = (np.concatenate([[0.0], np.cumsum(n[kept]) / n.sum()]) for n in (n0, n1))
    return Roc(fpr, tpr)


def equal_error(curve: Roc) -> float:
    """The rate at which false positives and false negatives are as frequent, both linear between thresholds.

    >>> equal_error(roc([3, 1], [1, 3]))
    0.25
    """
    miss = 1 - curve.tpr
    i = int(np.argmax(curve.fpr >= miss))
    if i == 0:
        return float(curve.fpr[0])
    ahead, behind = curve.fpr[i] - miss[i], miss[i - 1] - curve.fpr[i - 1]
    w = behind / (ahead + behind)
    return float(curve.fpr[i - 1] + w * (curve.fpr[i] - curve.fpr[i - 1]))


def area_between(a: Roc, b: Roc) -> float:
    """∫₀¹ abs(ROC_a(t) − ROC_b(t)) dt, exact for curves of straight pieces. Source: Gardner, Brooks & Baker (2019).

    >>> area_between(roc([1, 1], [0, 2]), roc([1, 1], [1, 1]))
    0.25
    """
    t = np.unique(np.concatenate([a.fpr, b.fpr]))
    left = _at(a, t, "left") - _at(b, t, "left")
    right = _at(a, t, "right") - _at(b, t, "right")
    start, end, width = right[:-1], left[1:], np.diff(t)
    size = np.abs(start) + np.abs(end)
    crossing = start * end < 0
    with np.errstate(invalid="ignore", divide="ignore"):
        pieces = np.where(crossing, (start**2 + end**2) / (2 * size), size / 2)
    return float(pieces @ width)


def abroca(
    counts: Sequence[tuple[ArrayLike, ArrayLike]], *, permutations: int, generator: np.random.Generator
) -> Abroca:
    """The largest area between the ROC curves of K ≥ 2 groups with a permutation p.

    `counts` holds (negatives, positives) a group, (B,) each. Scores are replaced by their placement among the own
    group's negatives, then group labels are permuted within each truth: groups whose scores lie elsewhere but rank
    equally well are not told apart. p = (1 + #{null ≥ observed})/(permutations + 1).

    >>> g = np.random.default_rng(0)
    >>> round(abroca([([50, 50], [10, 90]), ([50, 50], [10, 90])], permutations=99, generator=g).p, 2)
    1.0
    """
    curves = [roc(n0, n1) for n0, n1 in counts]
    value, first, second = _largest(curves)
    placed = [_placed(n0, n1) for n0, n1 in counts]
    sides = [np.array([p[truth] for p in placed]) for truth in (0, 1)]
    observed = _statistic(*sides)
    totals = [(counts.sum(axis=0), counts.sum(axis=1)) for counts in sides]
    null = np.empty(permutations)
    for i in range(permutations):
        null[i] = _statistic(*(_permuted(*dealt, generator) for dealt in totals))
    p = (1 + int((null >= observed - 1e-12).sum())) / (permutations + 1)
    return Abroca(value, first, second, p, float(null.mean()), float(np.quantile(null, 0.95)))


def _largest(curves: Sequence[Roc]) -> tuple[float, int, int]:
    return max((area_between(curves[i], curves[j]), i, j) for i, j in combinations(range(len(curves)), 2))


def _statistic(negatives: NDArray[np.int64], positives: NDArray[np.int64]) -> float:
    """The largest mean distance of the curves of counts (K, GRID), over the middles of GRID steps of the x-axis."""
    t = (np.arange(GRID) + 0.5) / GRID
    fpr, tpr = (np.cumsum(n[:, ::-1], axis=1) / n.sum(axis=1, keepdims=True) for n in (negatives, positives))
    start = np.zeros(1)
    read = [np.interp(t, np.append(start, x), np.append(start, y)) for x, y in zip(fpr, tpr, strict=True)]
    return max(float(np.abs(a - b).mean()) for a, b in combinations(read, 2))


def _at(curve: Roc, t: Floats, side: Literal["left", "right"]) -> Floats:
    """The curve at t, on the left or the right of a vertical piece."""
    at = np.searchsorted(curve.fpr, t, side=side)
    after = np.minimum(at, len(curve.fpr) - 1)
    before = np.maximum(after - 1, 0) if side == "left" else at - 1
    width = curve.fpr[after] - curve.fpr[before]
    share = np.divide(t - curve.fpr[before], width, out=np.zeros_like(t), where=width > 0)
    line = curve.tpr[before] + share * (curve.tpr[after] - curve.tpr[before])
    return np.where(curve.fpr[after] == t, curve.tpr[after], line) if side == "left" else line


def _placed(negatives: ArrayLike, positives: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Both sides counted by their placement among the negatives, in GRID steps."""
    n0, n1 = np.asarray(negatives, np.int64), np.asarray(positives, np.int64)
    place = (np.cumsum(n0) - n0 / 2) / n0.sum()
    at = np.minimum((place * GRID).astype(np.intp), GRID - 1)
    zeros, ones = (np.bincount(at, weights=n, minlength=GRID).astype(np.int64) for n in (n0, n1))
    return zeros, ones


def _permuted(steps: NDArray[np.int64], groups: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    """Counts (K, GRID) with these rows a step (GRID,) and these rows a group (K,), dealt out at random."""
    left = steps
    out = np.empty((len(groups), len(steps)), dtype=np.int64)
    for k, size in enumerate(groups[:-1]):
        out[k] = generator.multivariate_hypergeometric(left, size)
        left = left - out[k]
    out[-1] = left
    return out
