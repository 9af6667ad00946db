"""Distances between distributions given as counts over sorted values, and their permutation test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.stats.rates import Floats

Counts = NDArray[np.int64]
Distance = Callable[[Floats, Floats], Floats]
"""(cumulative shares (..., K, V), values (V,)) → distances (..., pairs) of the pairs i < j of K groups."""

DRAWS = 999
"""Permutations of a test."""
MOST_CELLS = 512
"""Cells of equal mass, at most, that a test reads."""


class Tested(NamedTuple):
    """The largest distance of all pairs of groups."""

    value: float
    first: int
    second: int
    p: float
    """Share of permutations of the group labels whose largest distance is at least as large, itself counted."""
    cells: int
    """Cells that the test was made over."""
    null_high: float
    """What 95 % of the permutations lie below: a smaller distance does not stand out."""


def ks(cumulative: Floats, values: Floats) -> Floats:
    """Kolmogorov–Smirnov: max abs(F_i − F_j).

    >>> ks(np.array([[0.5, 1.0], [0.0, 1.0]]), np.array([1.0, 2.0])).tolist()
    [0.5]
    """
    return _pairs(cumulative, lambda d: np.asarray(np.abs(d).max(axis=-1)))


def wasserstein(cumulative: Floats, values: Floats) -> Floats:
    """Wasserstein's first distance: ∫ abs(F_i − F_j), in the unit of the values.

    >>> wasserstein(np.array([[0.5, 1.0], [0.0, 1.0]]), np.array([1.0, 3.0])).tolist()
    [1.0]
    """
    width = np.diff(values)
    return _pairs(cumulative, lambda d: np.asarray(np.abs(d[..., :-1]) @ width))


def largest(
    distances: Sequence[Distance], n: Counts, values: Floats, *, seed: int = 0, draws: int = DRAWS
) -> tuple[Tested, ...]:
    """The largest of each distance over all pairs of K ≥ 2 groups, n (K, V) counts at sorted values (V,), none empty.

    p by permuting group labels, (1 + #) / (draws + 1): for K groups the statistic is the largest of all pairs, so that
    p speaks of the family. The test reads a bounded number of cells of neighbouring values, in the data as in every
    permutation; it holds its level whatever the cells, since they are chosen without the labels.
    """
    first, second = np.triu_indices(len(n), 1)
    cells, middle = _merged(n, values, max(32, min(MOST_CELLS, 2048 // len(n))))
    observed = [d(_cumulative(cells), middle).max() * (1 - 1e-12) for d in distances]
    null: list[list[Floats]] = [[] for _ in distances]
    rng = np.random.default_rng(seed)
    for size in (min(100, draws - done) for done in range(0, draws, 100)):
        permuted = _cumulative(_permuted(cells, rng, size))
        for d, found in zip(distances, null, strict=True):
            found.append(d(permuted, middle).max(axis=-1))
    out = []
    for d, least, parts in zip(distances, observed, null, strict=True):
        of_pairs, by_chance = d(_cumulative(n), values), np.concatenate(parts)
        i = int(np.argmax(of_pairs))
        p, high = (1 + int((by_chance >= least).sum())) / (draws + 1), float(np.quantile(by_chance, 0.95))
        out.append(Tested(float(of_pairs[i]), int(first[i]), int(second[i]), p, cells.shape[1], high))
    return tuple(out)


def _pairs(cumulative: Floats, of: Callable[[Floats], Floats]) -> Floats:
    groups = cumulative.shape[-2]
    i, j = np.triu_indices(groups, 1)
    return np.stack([of(cumulative[..., a, :] - cumulative[..., b, :]) for a, b in zip(i, j, strict=True)], axis=-1)


def _cumulative(n: Counts) -> Floats:
    return np.asarray(np.cumsum(n, axis=-1) / n.sum(axis=-1, keepdims=True))


def _merged(n: Counts, values: Floats, most: int) -> tuple[Counts, Floats]:
    """At most `most` runs of neighbouring values with about the same rows; a run stands at its first value."""
    if n.shape[1] <= most:
        return n, values
    mass = np.cumsum(n.sum(axis=0))
    before = mass - n.sum(axis=0)
    run = np.minimum(before * most // mass[-1], most - 1)
    starts = np.flatnonzero(np.diff(run, prepend=-1))
    return np.add.reduceat(n, starts, axis=1), values[starts]


def _permuted(n: Counts, rng: np.random.Generator, size: int) -> Counts:
    """(size, K, V) tables of the same margins: what permuting the labels of the rows gives."""
    left = np.broadcast_to(n.sum(axis=0), (size, n.shape[1])).copy()
    out = np.zeros((size, *n.shape), dtype=np.int64)
    rest = int(n.sum())
    for g, rows in enumerate(n.sum(axis=1)[:-1]):
        wanted = np.full(size, rows, dtype=np.int64)
        remaining = np.full(size, rest, dtype=np.int64)
        for v in range(n.shape[1]):
            remaining -= left[:, v]
            out[:, g, v] = rng.hypergeometric(left[:, v], remaining, wanted)
            wanted -= out[:, g, v]
        left -= out[:, g]
        rest -= int(rows)
    out[:, -1] = left
    return out
