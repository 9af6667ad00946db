"""Average precision and log-average miss rate of boxes in the order of their scores, and in replicates of the scenes.

What is counted follows from the objects that are found alone: how many false alarms stand before each of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from auditkit.arrays import Bools, Floats, Ints

RECALLS = np.linspace(0.0, 1.0, 101)
"""Recalls at which COCO reads precision."""
ALARMS = np.logspace(-2.0, 0.0, 9)
"""False alarms a scene at which the miss rate is read: nine, even on the scale of powers of ten, from 0.01 to 1."""
LEAST = 1e-10
"""A miss rate of 0 has no logarithm: it counts as this."""
MOST_POINTS = 512
"""Found objects at which replicates are read: of more, so many, evenly; what they vary by is the same."""
_TINY = float(np.spacing(1.0))
_AT_ONCE = 4_000_000
"""Weights of boxes in replicates that are held at once."""


def average_precision(found: Floats, false: Floats, objects: float) -> float:
    """Mean of the highest precision at each of 101 recalls or beyond (COCO); NaN without objects.

    `found`, `false`: (T,) objects found up to the t-th of them, itself too, and false alarms of higher scores.
    Source: Lin et al. (2014), `COCOeval.accumulate`.

    >>> round(average_precision(np.array([1.0, 2.0]), np.array([0.0, 1.0]), 2), 3)
    0.835
    """
    if not objects > 0:
        return float("nan")
    if not len(found):
        return 0.0
    precision = found / (found + false + _TINY)
    best = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    return float(best[np.searchsorted(found / objects, RECALLS)].mean())


def log_average_miss_rate(found: Floats, false: Floats, objects: float, scenes: float) -> float:
    """Geometric mean of the miss rates at nine rates of false alarms a scene, 0.01 to 1; NaN without objects.

    The miss rate at a rate is the least that no more false alarms reach; with none of them found, 1.
    Source: Dollár, Wojek, Schiele & Perona (2012), IEEE TPAMI 34:743.

    >>> log_average_miss_rate(np.array([1.0, 2.0]), np.array([0.0, 0.0]), 4, 10)
    0.5
    """
    if not objects > 0 or not scenes > 0:
        return float("nan")
    at = np.searchsorted(false / scenes, ALARMS, side="right")
    missed = 1 - np.append(0.0, found)[at] / objects
    return float(np.exp(np.log(np.maximum(missed, LEAST)).mean()))


@dataclass(frozen=True)
class Ranked:
    """The boxes of one class that count for some objects, in the order of their scores."""

    right: Bools
    """(N,) whether the box is on one of the objects."""
    scene: Ints
    """(N,) position of its scene."""
    objects: Ints
    """(S,) objects in each scene."""

    @cached_property
    def _sums(self) -> tuple[Floats, Floats]:
        at = np.flatnonzero(self.right)
        found = np.arange(1.0, len(at) + 1)
        return found, at + 1.0 - found

    @property
    def precision(self) -> float:
        """Average precision."""
        return average_precision(*self._sums, float(self.objects.sum()))

    @property
    def miss_rate(self) -> float:
        """Log-average miss rate."""
        return log_average_miss_rate(*self._sums, float(self.objects.sum()), float(len(self.objects)))

    def drawn(self, times: NDArray[np.uint8], *, miss_rate: bool) -> Floats:
        """(1 or 2, R) average precision, and the log-average miss rate where asked, in replicates in which scenes count
        (S, R) times."""
        out = np.full((1 + miss_rate, times.shape[1]), np.nan)
        step = max(1, _AT_ONCE // max(1, len(self.right)))
        for start in range(0, times.shape[1], step):
            part = slice(start, start + step)
            out[:, part] = self._some(np.ascontiguousarray(times[:, part]), miss_rate=miss_rate)
        return out

    def _some(self, times: NDArray[np.uint8], *, miss_rate: bool) -> Floats:
        """Of replicates (S, R); of no found object, everything is missed."""
        objects, scenes = self.objects @ times.astype(np.int32), times.sum(axis=0, dtype=np.int32)
        at = np.flatnonzero(self.right)
        if len(at) > MOST_POINTS:
            at = at[np.linspace(0, len(at) - 1, MOST_POINTS).astype(np.int64)]
        upto = slice(0, int(at[-1]) + 1 if len(at) else 0)
        times = times[self.scene[upto]]
        starts = np.append(0, at[:-1] + 1) if len(at) else at
        both = [
            np.cumsum(np.add.reduceat(x, starts, axis=0, dtype=np.int32), axis=0, dtype=np.float64)
            for x in (times * self.right[upto, None], times)
        ]
        found, false = both[0], both[1] - both[0]
        with np.errstate(invalid="ignore", divide="ignore"):
            recall, rate = found / objects, false / scenes
        best = np.maximum.accumulate((found / (found + false + _TINY))[::-1], axis=0)[::-1]
        best = np.concatenate([best, np.zeros((1, len(objects)))])
        out = [np.where(objects > 0, _read(best, recall, RECALLS, "left").mean(axis=0), np.nan)]
        if miss_rate:
            reached = np.concatenate([np.zeros((1, len(objects))), recall])
            missed = 1 - _read(reached, rate, ALARMS, "right")
            known = np.log(np.maximum(missed, LEAST)).mean(axis=0)
            out.append(np.where((objects > 0) & (scenes > 0), np.exp(known), np.nan))
        return np.array(out)


def _read(values: Floats, along: Floats, at: Floats, side: Literal["left", "right"]) -> Floats:
    """(A, R) the values (T + 1, R) where each of R rising columns (T, R) would take in each of A numbers of 0 to 1.

    One search for all columns: each is moved by 2 against the one before.
    """
    t, r = along.shape
    shift = 2.0 * np.arange(r)
    keys = (np.nan_to_num(np.minimum(along, 1.5)) + shift).T.ravel()
    where = np.searchsorted(keys, (at[:, None] + shift).ravel(), side).reshape(len(at), r)
    return np.asarray(values[np.clip(where - t * np.arange(r), 0, t), np.arange(r)])
