"""Pairs of rows of two groups whose weighted means are those of the groups: what a gap between them is split over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from auditkit.arrays import Floats, Ints
from auditkit.evidence.sums import Weights

DUST = 1e-13
"""Weight of a pair that is only rounding."""


class Pairs(NamedTuple):
    """P weighted pairs."""

    first: Ints
    """(P,) positions in the first group."""
    second: Ints
    """(P,) positions in the second."""
    weight: Floats
    """(P,) adding up to 1."""


EVERY_PAIR, PIECES = 4_096, 2_000
"""Pairs up to which each row of one group meets each of the other; pieces of a group beyond that."""


def paired(first: Weights, second: Weights, *, rng: np.random.Generator) -> Pairs:
    """A staircase over rows of which none has a copy. Rows that have copies are cut into as many pieces, 2,000 a group
    at most, so that the copies of a row meet different rows; few distinct rows all meet one another.

    >>> weights = Weights(np.array([3.0, 1.0]), np.array([3.0, 1.0]), np.array([3.0, 1.0]))
    >>> paired(weights, weights, rng=np.random.default_rng(0)).weight.tolist()
    [0.5625, 0.1875, 0.1875, 0.0625]
    """
    sides = (first, second)
    n, m = (len(side.weight) for side in sides)
    if all(side.copies is None for side in sides):
        return staircase(first.weight, second.weight, rng=rng)
    if n * m <= EVERY_PAIR:
        weight = np.outer(*(side.weight / side.weight.sum() for side in sides))
        i, j = np.indices((n, m)).reshape(2, -1)
        return Pairs(i, j, weight.ravel())
    many = [_pieces(side) for side in sides]
    rows = [np.repeat(np.arange(len(k)), k) for k in many]
    i, j, w = staircase(*((side.weight / k)[at] for side, k, at in zip(sides, many, rows, strict=True)), rng=rng)
    met, where = np.unique(rows[0][i] * m + rows[1][j], return_inverse=True)
    return Pairs(met // m, met % m, np.bincount(where, w).astype(np.float64))


def _pieces(side: Weights) -> Ints:
    copies = np.ones(len(side.weight)) if side.copies is None else side.copies
    share = np.ceil(side.weight / side.weight.sum() * PIECES)
    most: Ints = np.minimum(copies, np.maximum(1.0, share)).astype(np.int64)
    return most


def shared(pairs: Sequence[Pairs], columns: Floats, unit: Weights, other: Weights) -> Floats:
    """(D, D) what other rows bring to the variance of the mean over pairs, beside that of means of units.

    Of rounds of pairs of units (`first`) and other rows (`second`), and (P, D) what they say, round after round. Where
    it is h(unit) − g(other) + e(unit, other), the mean has the variance Var(h) Σ w_i² + Var(g) Σ w_j² + Var(e) Σ w_ij²,
    of the weights of units, of other rows and of pairs: what only a pair has averages out over pairs and rounds. That
    is the variance of means of units, and of means of other rows, less that of pairs, which stand in both. What chance
    makes less than nothing is nothing. Source: Cameron, Gelbach and Miller (2011), Robust inference with multiway
    clustering, Journal of Business & Economic Statistics 29.

    Copies of a row vary less than its weight says (`Weights.added`): a pair stands in both as far as the surer of its
    two rows does.

    >>> x, y = np.array([1.0, 2.0]), np.array([0.0, 1.0, 2.0])
    >>> i, j = np.indices((2, 3)).reshape(2, -1)
    >>> each = Pairs(i, j, np.full(6, 1 / 6))
    >>> shared([each], (x[i] - y[j])[:, None], Weights(np.ones(2)), Weights(np.ones(3))).round(4).tolist()
    [[0.0694]]
    """
    m = len(other.weight)
    weight = np.concatenate([p.weight for p in pairs]) / len(pairs)
    met, at = np.unique(np.concatenate([p.first * m + p.second for p in pairs]), return_inverse=True)
    i, j = np.divmod(met, m)
    of_pairs, of_others = np.zeros((len(met), columns.shape[1])), np.zeros((m, columns.shape[1]))
    np.add.at(of_pairs, at, weight[:, None] * (columns - weight @ columns))
    np.add.at(of_others, j, of_pairs)
    vary = [side.added / side.weight**2 for side in (unit, other)]
    twice = np.minimum(vary[0][i], vary[1][j])
    found = (of_others.T * vary[1]) @ of_others - (of_pairs.T * twice) @ of_pairs
    values, vectors = np.linalg.eigh(found)
    out: Floats = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return out


def staircase(first: ArrayLike, second: ArrayLike, *, rng: np.random.Generator) -> Pairs:
    """Both groups in random order, walked as a staircase of cumulative weights (the north-west corner rule).

    `first` (n,) and `second` (m,) are weights of rows, positive. At most n + m − 1 pairs; the weights of the pairs of a
    row add up to its share of its group, so any weighted mean over a group is the same over its pairs, to rounding.
    Raises ValueError without rows or for weights that are not positive.

    >>> pairs = staircase([1, 1], [1, 1, 2], rng=np.random.default_rng(0))
    >>> len(pairs.weight) <= 4, np.bincount(pairs.second, pairs.weight).round(3).tolist()
    (True, [0.25, 0.25, 0.5])
    """
    weights = [np.asarray(w, np.float64) for w in (first, second)]
    if not all(len(w) and (w > 0).all() and np.isfinite(w).all() for w in weights):
        raise ValueError("both groups need rows, of positive weights")
    orders = [rng.permutation(len(w)) for w in weights]
    stairs = [np.cumsum(w[order]) for w, order in zip(weights, orders, strict=True)]
    ends = [s[:-1] / s[-1] for s in stairs]
    edges = np.concatenate([[0.0], np.sort(np.concatenate(ends)), [1.0]])
    size = np.diff(edges)
    kept = size > DUST
    middle = (edges[:-1] + size / 2)[kept]
    i, j = (order[np.searchsorted(e, middle)] for order, e in zip(orders, ends, strict=True))
    return Pairs(i, j, size[kept] / size[kept].sum())
