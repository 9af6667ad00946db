"""Shares of a population that an imperfect judge tells: corrected by its confusion matrix, both errors in the limits.

Of the words of a judge, q = A π: π are the shares of the truth, A[w, t] is how often it says w where t is true. With
two values A⁻¹ q is Rogan and Gladen's estimate. Counts in, arrays out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, stdtrit

from auditkit.stats.rates import Floats, Limits, rate, wilson

Method = Callable[[ArrayLike, ArrayLike, float], Limits]
"""(k, n, critical value) → limits of k/n."""
FEWEST_CLUSTERS = 2.0
"""Effective clusters without which nothing is known of the judge's errors."""


class Skill(NamedTuple):
    """The determinant of a confusion matrix, with limits; of two values sensitivity + specificity − 1."""

    value: float
    """NaN where a truth has no row."""
    low: float
    high: float


@dataclass(frozen=True)
class Judge:
    """What a labelled sample says of a judge.

    >>> judge = Judge(np.array([[[90, 10], [20, 80]]]))
    >>> round(judge.skill(1.96).value, 3)
    0.7
    """

    counts: Floats
    """(G, K, K) labelled rows by cluster, truth and word."""
    clustered: bool = False
    """Whether rows of one cluster may err together; else they are independent."""

    @cached_property
    def of_truth(self) -> Floats:
        """(K,) labelled rows of each truth."""
        return np.asarray(self.counts.sum(axis=(0, 2)), dtype=np.float64)

    @cached_property
    def matrix(self) -> Floats:
        """(K words, K truths) shares; NaN in the column of a truth without rows."""
        return rate(self.counts.sum(axis=0), self.of_truth[:, None]).T

    @cached_property
    def inverse(self) -> Floats | None:
        """A⁻¹; None where there is none."""
        if not self.of_truth.all() or np.linalg.matrix_rank(self.matrix, tol=1e-9) < len(self.of_truth):
            return None
        return np.asarray(np.linalg.inv(self.matrix))

    @cached_property
    def clusters(self) -> float:
        """Kish's effective number of clusters, ∞ where rows are independent."""
        if not self.clustered:
            return np.inf
        size = self.counts.sum(axis=(1, 2))
        return float(size.sum() ** 2 / (size**2).sum())

    @cached_property
    def offsets(self) -> Callable[[float, Method], tuple[Floats, Floats]]:
        """Critical value → (K, K) how far below and above its estimate each A⁻¹[v] · A[:, t] may lie.

        The estimate is 1 where v = t, else 0.
        """
        assert self.inverse is not None, "asked only where there is one"
        inverse, each = self.inverse, self.counts.sum(axis=0)

        def at(q: float, method: Method) -> tuple[Floats, Floats]:
            found = [mean_limits(each, row, q, method) for row in inverse]
            own = np.eye(len(inverse))
            low, high = (np.array([getattr(f, end) for f in found]) for end in ("low", "high"))
            return np.maximum(own - low, 0.0), np.maximum(high - own, 0.0)

        return at

    def inflation(self, weights: Floats, scores: Floats, q: float) -> Floats:
        """(P,) by how much clusters widen the judge's part, for weights (P, K) of the truths and scores (K,) of words.

        √(V by clusters ÷ V of independent rows), at least 1, times t ÷ z.
        """
        if np.isinf(self.clusters):
            return np.ones(len(weights))
        share, m = self.matrix, self.of_truth
        own = scores @ share
        off = self.counts @ scores - self.counts.sum(axis=2) * own
        by_cluster = (((off / m) @ weights.T) ** 2).sum(axis=0) * self.clusters / max(self.clusters - 1, 1e-9)
        alone = (weights**2) @ (((scores**2) @ share - own**2) / m)
        with np.errstate(invalid="ignore", divide="ignore"):
            wider = np.sqrt(np.where(alone > 0, np.maximum(by_cluster / alone, 1.0), 1.0))
        return np.asarray(wider * float(stdtrit(max(self.clusters - 1, 1e-3), float(ndtr(q)))) / q)

    def skill(self, z: float) -> Skill:
        """The determinant of A with its limits.

        Its relative error is Σ_t A⁻¹[t] · (Â[:, t] − A[:, t]) to first order: MOVER over the truths, which is that of
        sensitivity + specificity − 1 where there are two.
        """
        if not self.of_truth.all():
            return Skill(*[float("nan")] * 3)
        value = float(np.linalg.det(self.matrix))
        if self.inverse is None:
            return Skill(0.0, -1.0, 1.0)
        below, above = self.offsets(z, wilson)
        wider = max(
            self.inflation(np.eye(len(value_of))[[t]], value_of, z)[0] for t, value_of in enumerate(self.inverse)
        )
        down, up = (float(np.sqrt((np.diag(x) ** 2).sum())) * wider for x in (below, above))
        ends = sorted((value * (1 - down), value * (1 + up)))
        return Skill(value, max(-1.0, ends[0]), min(1.0, ends[1]))


def mean_limits(counts: ArrayLike, scores: Floats, q: float, method: Method) -> Limits:
    """(P,) limits of the mean score of words, from counts (P, K) and the score (K,) of each word.

    Scaled to [0, 1] it is a share k/n* of as many rows as have its variance, which is taken at counts of ½ more a word;
    with scores of 0 and 1, `method` of the counts themselves.

    >>> mean_limits([[3, 7]], np.array([0.0, 1.0]), 1.96, wilson).low.round(3).tolist()
    [0.397]
    """
    counts = np.asarray(counts, dtype=np.float64)
    n, start, width = counts.sum(axis=1), scores.min(), np.ptp(scores)
    if not width:
        return Limits(*np.full((3, len(n)), start))
    x = (scores - start) / width
    p = rate(counts @ x, n)
    more = (counts + 0.5) / (n + len(x) / 2)[:, None]
    mean = more @ x
    variance = more @ x**2 - mean**2
    with np.errstate(invalid="ignore", divide="ignore"):
        worth = n * np.maximum(mean * (1 - mean) / variance, 1.0)
        found = method(p * worth, worth, q)
    return Limits(*(start + width * part for part in found))


@dataclass(frozen=True)
class Shares:
    """The shares of K values in P groups, as a judge told them, corrected for its errors.

    `judge` None: its word is taken for the truth.
    """

    words: Floats
    """(P, K) how often the judge said each value."""
    judge: Judge | None = None

    @cached_property
    def told(self) -> Floats:
        """(P, K) shares as the judge says; NaN without rows."""
        return rate(self.words, self.words.sum(axis=1, keepdims=True))

    @cached_property
    def unclipped(self) -> Floats:
        """(P, K) A⁻¹ q, which add to 1 and may lie outside of [0, 1]; NaN where there is no A⁻¹."""
        if self.judge is None:
            return self.told
        inverse = self.judge.inverse
        return np.full(self.words.shape, np.nan) if inverse is None else self.told @ inverse.T

    @property
    def value(self) -> Floats:
        """(P, K) the same, clipped to [0, 1]."""
        return np.clip(self.unclipped, 0.0, 1.0)

    def limits(self, q: float, method: Method = wilson) -> Limits:
        """(P, K) shares with their limits at critical value q.

        π is held where 0 lies between the MOVER limits of A⁻¹[v] · (q̂ − Â π), which are linear in all that is
        estimated: no division by what may be near 0. The shares of the other values enter as they are estimated, scaled
        to what a candidate leaves. Where the estimate is clipped, its distances are laid about the clipped value.
        """
        if self.judge is None:
            n = self.words.sum(axis=1, keepdims=True)
            return method(self.words, np.broadcast_to(n, self.words.shape), q)
        if self.judge.inverse is None or self.judge.clusters < FEWEST_CLUSTERS:
            return Limits(self.value, *np.full((2, *self.words.shape), np.nan))
        value, k = self.value, self.words.shape[1]
        below, above = self.judge.offsets(q, method)
        low, high = np.empty_like(value), np.empty_like(value)
        for v, scores in enumerate(self.judge.inverse):
            own = mean_limits(self.words, scores, q, method)
            others = value.copy()
            others[:, v] = 0.0
            total = others.sum(axis=1, keepdims=True)
            even = np.full(k, 1 / max(k - 1, 1)) * (np.arange(k) != v)
            part = np.where(total > 1e-12, others / np.maximum(total, 1e-12), even)
            wider = self.judge.inflation(
                np.where(np.arange(k) == v, value[:, [v]], (1 - value[:, [v]]) * part), scores, q
            )
            ends = (
                (self.unclipped[:, v] - own.low, above[v], -1.0),
                (own.high - self.unclipped[:, v], below[v], 1.0),
            )
            for out, (own_end, far, side) in zip((low, high), ends, strict=True):
                b = (wider * far[v]) ** 2
                c = wider**2 * ((part * far) ** 2).sum(axis=1)
                out[:, v] = _end(value[:, v], own_end, b, c, side)
        return Limits(value, np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0))


def _end(p: Floats, own: Floats, b: Floats, c: Floats, side: float) -> Floats:
    """The root of (x − p)² = own² + b x² + c (1 − x)² on one side of p; the end of the axis where there is none."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        a = 1 - b - c
        root = np.sqrt(np.maximum((p - c) ** 2 - a * (p**2 - own**2 - c), 0.0))
        return np.where(a > 1e-12, (p - c + side * root) / a, (1.0 + side) / 2)


DRAWS = 999
"""Permutations of a test."""


def differing_errors(counts: Floats) -> float:
    """p of H0: a judge errs alike in all clusters, from counts (G, K, K) by cluster, truth and word.

    Σ over the truths of χ² of clusters × words, with the words of each truth permuted among its rows; NaN where no
    truth has two clusters and two words.

    >>> differing_errors(np.array([[[30, 0], [0, 30]], [[10, 20], [0, 30]]]))
    0.001
    """
    tables = [np.asarray(t, dtype=np.int64) for t in np.moveaxis(counts, 1, 0)]
    tables = [t for t in tables if min((t.sum(axis=0) > 0).sum(), (t.sum(axis=1) > 0).sum()) > 1]
    if not tables:
        return float("nan")
    rng, seen = np.random.default_rng(0), sum(_chi2(t[None]) for t in tables)
    drawn = np.zeros(DRAWS)
    for t in tables:
        g, k = t.shape
        where = np.repeat(np.arange(g), t.sum(axis=1))
        words = np.repeat(np.tile(np.arange(k), g), t.ravel())
        found = [np.bincount(where * k + rng.permutation(words), minlength=g * k) for _ in range(DRAWS)]
        drawn += _chi2(np.array(found).reshape(DRAWS, g, k))
    return float((1 + (drawn >= seen - 1e-9).sum()) / (1 + DRAWS))


def _chi2(tables: NDArray[np.int64]) -> Floats:
    """(D,) of tables (D, G, K)."""
    expected = (
        tables.sum(axis=2, keepdims=True) * tables.sum(axis=1, keepdims=True) / tables.sum(axis=(1, 2))[:, None, None]
    )
    return np.asarray(
        np.divide((tables - expected) ** 2, expected, out=np.zeros_like(expected), where=expected > 0).sum(axis=(1, 2))
    )
