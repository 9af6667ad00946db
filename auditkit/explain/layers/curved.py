"""A small non-linear reader beside the linear probe: what a layer holds that no straight line divides. No torch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Bools, Floats, Positions
from auditkit.explain.layers.erasure import whitening
from auditkit.explain.layers.probes import Half

UNITS, PASSES, SHRINKAGE = 12, 40, 1.0
"""Hidden units of the reader, passes over the rows, and the penalty on its weights."""
WIDEST = 128
"""Columns up to which it sees them as they are; of more, so many axes of the largest variance."""
MOST = 1_000
"""Rows that it is fitted on, at most."""


def curved(x: NDArray[Any], z: Bools, parts: Sequence[Half], *, seed: int) -> Floats:
    """(N,) what a net of one small hidden layer, fitted on the other half, says of each row of x (N, d); above 0: True.

    Groups count alike: its log-odds less those of the groups' sizes.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    out = np.zeros(len(x))
    for half in parts:
        fit = half.fit[:: max(1, -(-len(half.fit) // MOST))]
        seen = _narrowed(x, fit)
        mean, spread = seen[fit].mean(0), seen[fit].std(0)
        seen = (seen - mean) / np.where(spread > 1e-9, spread, 1.0)
        reader = MLPClassifier((UNITS,), solver="lbfgs", max_iter=PASSES, alpha=SHRINKAGE, random_state=seed % 2**32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it is stopped on purpose
            reader.fit(seen[fit], z[fit])
        p = np.clip(reader.predict_proba(seen[half.read])[:, 1], 1e-9, 1 - 1e-9)
        share = z[fit].mean()
        out[half.read] = np.log(p / (1 - p)) - np.log(share / (1 - share))
    return out


def _narrowed(x: NDArray[Any], fit: Positions) -> Floats:
    if x.shape[1] <= WIDEST:
        return np.asarray(x, float)
    white = whitening(x[fit])
    largest = np.argsort(-white.variances)[:WIDEST]
    out: Floats = (x - white.mean) @ white.whiten[:, largest]
    return out
