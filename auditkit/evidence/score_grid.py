"""The one grid of bins in which scores are counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from auditkit.arrays import Floats, Ints

STEPS, REACH = 4096, 16.0
BINS = STEPS + 2
"""Equal steps of the logit on [−16, 16], and one bin beyond each end."""
EDGES: Floats = 1 / (1 + np.exp(-np.linspace(-REACH, REACH, STEPS + 1)))
"""(4097,) scores between the bins: bin b holds EDGES[b−1] ≤ score < EDGES[b]."""
LEAST: Floats = np.concatenate([[0.0], EDGES])
"""(BINS,) smallest score of each bin: `score >= LEAST[b]` selects bin b and all above."""
GRAIN = 2.0**32
"""Sums of scores are whole numbers of 1 / GRAIN."""


def bin_of(score: ArrayLike) -> Ints:
    """The bin of each score, 0 … 4097, never falling as the score rises.

    >>> bin_of([0.0, 0.5, 1.0]).tolist()
    [0, 2049, 4097]
    """
    return np.searchsorted(EDGES, np.asarray(score, float), side="right").astype(np.int64)


def grains(x: Floats) -> Floats:
    """Multiples of 2⁻³²: their sums are exact in double precision, and so the same in every order of the rows."""
    out: Floats = np.round(x * GRAIN) / GRAIN
    return out


def exact(sums: Floats) -> bool:
    """Whether these are whole numbers of grains, small enough that their sums are exact.

    >>> exact(grains(np.array([0.1, 0.7]))), exact(np.array([0.1]))
    (True, False)
    """
    whole = sums * GRAIN
    return bool((whole == np.floor(whole)).all() and (np.abs(whole) < 2.0**53).all())


def runs(bins: Ints) -> Ints:
    """The last bin of each run of bins that ends where the next begins, and of the last one at the end of the grid.

    >>> runs(np.array([0, 7, 100])).tolist()
    [6, 99, 4097]
    """
    return np.append(bins[1:] - 1, BINS - 1) if len(bins) else bins
