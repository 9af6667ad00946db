"""Sensitivity at a fixed specificity, its threshold chosen on the same rows. Arrays in, arrays out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from auditkit.stats.rates import Floats, wilson

_NEARLY = 1e-12


class Point(NamedTuple):
    """One point of a ROC curve."""

    value: float
    """Sensitivity; NaN without events or without others."""
    low: float
    high: float
    at: int
    """Position of the lowest step that is selected; the number of steps where none is."""


def sensitivity_at(negatives: ArrayLike, positives: ArrayLike, specificity: float, z: float) -> Point:
    """The largest share of positives above a threshold below which at least so large a share of negatives lies.

    `negatives` and `positives` are counts (B,) by steps of the score, rising; a threshold selects a step and all above.
    Two things are uncertain, and of different rows: the sensitivity at the threshold (Wilson's (l, u) of the
    positives), and the threshold itself, which the negatives choose: at thresholds that Wilson's limits of the
    specificity choose the sensitivity is S₋ and S₊. By MOVER low = S − √((S − l)² + (S − S₋)²) and high = S +
    √((u − S)² + (S₊ − S)²).
    Source: Linnet (1987), Clinical Chemistry 33:1126, for the problem; Zou & Donner (2008) for MOVER.

    >>> point = sensitivity_at([8, 1, 1, 0], [1, 1, 2, 6], 0.9, 1.96)
    >>> point.value, point.at, round(point.low, 2), round(point.high, 2)
    (0.8, 2, 0.43, 0.97)
    """
    n0, n1 = np.asarray(negatives, np.float64), np.asarray(positives, np.float64)
    if not n0.sum() or not n1.sum():
        return Point(np.nan, np.nan, np.nan, len(n0))
    fpr, tpr = (np.append(np.cumsum(n[::-1])[::-1] / n.sum(), 0.0) for n in (n0, n1))
    spared = wilson(specificity * n0.sum(), n0.sum(), z)
    at, strict, loose = (_lowest(fpr, float(s)) for s in (specificity, spared.high, spared.low))
    own = wilson(tpr[at] * n1.sum(), n1.sum(), z)
    s = float(tpr[at])
    low = s - np.hypot(s - float(own.low), s - tpr[strict])
    high = s + np.hypot(float(own.high) - s, tpr[loose] - s)
    return Point(s, max(0.0, float(low)), min(1.0, float(high)), at)


def _lowest(fpr: Floats, specificity: float) -> int:
    """The lowest step at which no more of the negatives are selected than the specificity leaves."""
    return int(np.argmax(fpr <= 1 - specificity + _NEARLY))
