"""Pairs of rows of two groups whose weighted means are those of the groups: what a gap between them is split over."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from auditkit.arrays import Floats, Ints

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
