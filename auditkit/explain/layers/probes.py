"""Linear probes: how well the attribute can be read from a representation, on rows that the probe was not fitted on.

A probe is Fisher's linear discriminant, groups counting alike, its ridge chosen by leaving rows out: the reader that
LEACE makes blind. Selectivity (Hewitt & Liang, 2019) compares it with the same probe on a control task. No torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Bools, Floats, Positions
from auditkit.explain.layers.erasure import Whitening, ridge_of, whitening
from auditkit.stats.crossfit import pairs_won

CLUSTERS = 50
"""Clusters of the raw input in the control task, at most; and never fewer than 10 rows a cluster on average."""
COLUMNS = 128
"""Columns of the input whose spread is looked at at once."""
CONTROLS = 5
"""Control tasks, whose accuracies are averaged."""


class Half(NamedTuple):
    """One half of the rows, on which something is fitted, and the other, on which it is read."""

    fit: Positions
    read: Positions


def halves(z: Bools, *, seed: int) -> tuple[Half, Half]:
    """Both ways to fit on one half of the rows (N,) and read on the other; each group is halved.

    >>> [len(h.fit) for h in halves(np.arange(10) < 4, seed=0)]
    [5, 5]
    """
    rng = np.random.default_rng(seed)
    side = np.zeros(len(z), dtype=bool)
    for group in (False, True):
        rows = rng.permutation(np.flatnonzero(z == group))
        side[rows[::2]] = True
    a, b = np.flatnonzero(side), np.flatnonzero(~side)
    return Half(a, b), Half(b, a)


def discriminant(white: Whitening, x: Floats, z: Bools, weight: Floats) -> tuple[Floats, float]:
    """Fisher's direction (d,) and the threshold half way between the groups' means, from the rows of `white`."""
    means = [weight[z == g] @ x[z == g] / max(weight[z == g].sum(), np.finfo(float).tiny) for g in (False, True)]
    direction = white.whiten @ (white.whiten.T @ (means[1] - means[0]))
    return direction, float(direction @ (means[0] + means[1]) / 2)


def fitted_and_read(x: NDArray[Any], targets: Sequence[Bools], weight: Floats, parts: tuple[Half, Half]) -> Floats:
    """(T, N): for each of T targets (N,), what a probe that was fitted on the other half says of each row of x (N, d).

    Above 0 stands for True.
    """
    out = np.zeros((len(targets), len(x)))
    for half in parts:
        fit, own = half.fit, x[half.fit]
        white = whitening(own, weight[fit])
        for t, z in enumerate(targets):
            ridge = ridge_of(white, own, z[fit].astype(float), weight[fit])
            direction, middle = discriminant(white.ridged(ridge), own, z[fit], weight[fit])
            out[t, half.read] = x[half.read] @ direction - middle
    return out


def balanced_accuracy(said: Floats, z: Bools, weight: Floats) -> float:
    """The mean of both groups' weighted shares that the probe has right."""
    right = (said > 0) == z
    return float(np.mean([weight[g] @ right[g] / weight[g].sum() for g in (z, ~z)]))


def control_tasks(inputs: NDArray[Any], z: Bools, weight: Floats, *, seed: int, tasks: int = CONTROLS) -> list[Bools]:
    """(N,) labels each, one random label a cluster of the inputs (N, d), with as large a share of ones as z has.

    A probe that learns such a task shows what it can learn by itself, of anything.
    """
    from sklearn.cluster import KMeans

    scaled = inputs.astype(np.float64)
    scale = np.concatenate([scaled[:, i : i + COLUMNS].std(0) for i in range(0, scaled.shape[1], COLUMNS)])
    scaled -= scaled.mean(0)
    scaled /= np.where(scale > 0, scale, 1.0)
    k = _distinct(scaled, max(2, min(CLUSTERS, len(z) // 10)))
    cluster = KMeans(k, n_init=1, max_iter=30, random_state=seed, copy_x=False).fit_predict(scaled)
    size = np.bincount(cluster, weight, minlength=k)
    share = float(weight[z].sum())
    out = []
    for task in range(tasks):
        rng = np.random.default_rng([seed, task])
        order = rng.permutation(k)
        filled = np.cumsum(size[order])
        chosen = order[filled - size[order] / 2 < share]
        ones = np.isin(cluster, chosen)
        # one or two clusters may have no part of that size: then any rows
        out.append(rng.permutation(z) if ones.all() or not ones.any() else ones)
    return out


def _distinct(x: Floats, most: int) -> int:
    """How many different rows there are, counted up to `most`."""
    seen: set[bytes] = set()
    for row in x:
        seen.add((row + 0.0).tobytes())  # -0.0 is 0.0
        if len(seen) == most:
            break
    return len(seen)


def auc_of(said: Floats, z: Bools, weight: Floats, parts: tuple[Half, Half]) -> tuple[float, float]:
    """A weighted AUC as Σ w w', which add: of pairs in the right order, and of all that the same probe was read on."""
    each = [pairs_won(z[half.read], said[half.read], weight[half.read]) for half in parts]
    return sum(right for right, _ in each), sum(pairs for _, pairs in each)
