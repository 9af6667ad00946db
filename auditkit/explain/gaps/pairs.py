"""Pairs of rows of two groups whose weighted means are those of the groups: what a gap between them is split over."""

from __future__ import annotations

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


def pieces(side: Weights) -> int:
    """Pieces that a group is cut into."""
    return int(_pieces(side).sum())


class Partners(NamedTuple):
    """How the rows that units meet enter the variance of a mean over units, in that of one such row, v."""

    apart: float
    """Pairs spread about the means of their units by v times this."""
    shared: float
    """A row that several units meet makes them alike: v times this is missing from the variance between units."""


ALONE = 1e-9
"""Below which all units have one pair each."""


def partners(unit: Ints, other: Ints, weight: Floats) -> Partners:
    """Of pairs (P,) of units and rows of the other group, weights adding up to 1.

    Of a difference h(unit) − g(other) the mean over pairs has the variance Var(h) Σ w_i² + Var(g) Σ w_j², w_i and w_j
    the weights of a unit and of an other row in all their pairs. As if units were independent, it is Var(h) Σ w_i² +
    Var(g) Σ w_p² over pairs.

    >>> round(partners(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 2]), np.array([2, 1, 1, 2]) / 6).shared, 4)
    0.0556
    """
    each, of_unit = (np.bincount(rows, weight) for rows in (other, unit))
    apart = float(1 - (weight**2 / of_unit[unit]).sum())
    return Partners(apart, float(each @ each - weight @ weight))


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
