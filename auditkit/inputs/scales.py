"""Scores in their own units: which range they have, what their ranks are, and what a threshold on them decides."""

from __future__ import annotations

import math
import weakref
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.arrays import Floats
from auditkit.batch import ScoreScale
from auditkit.errors import DataError
from auditkit.inputs.tasks.regression import numbers_of
from auditkit.values import is_number

if TYPE_CHECKING:
    from auditkit.inputs.dataset import Dataset

Range = tuple[float, float] | Literal["ranks"] | None
"""Least and greatest score; `"ranks"`: only their order counts; None: [0, 1]."""


class Ranks:
    """The known scores of all rows, sorted, as far as they differ, with the share of rows below each and half of those
    that equal it: 16 bytes a different score.

    >>> ranks = Ranks([pd.Series([300.0, 700.0]), pd.Series([300.0, None])], "s")
    >>> ranks.of(np.array([300.0, 700.0])).round(2).tolist()
    [0.33, 0.83]
    """

    def __init__(self, parts: Any, name: str) -> None:
        found, counts = np.empty(0), np.empty(0, np.int64)
        for part in parts:
            own, n = np.unique(known(numbers_in(part, name)), return_counts=True)
            found, at = np.unique(np.concatenate([found, own]), return_inverse=True)
            counts = np.bincount(at, np.concatenate([counts, n]), minlength=len(found)).astype(np.int64)
        self._values = found
        self._shares = (np.cumsum(counts) - counts / 2) / max(int(counts.sum()), 1)

    def of(self, scores: Floats) -> Floats:
        """(N,) in [0, 1]; NaN stays."""
        if not len(self._values):
            return scores
        at = np.minimum(np.searchsorted(self._values, scores), len(self._values) - 1)
        return np.where(np.isnan(scores), np.nan, self._shares[at])

    def from_(self, threshold: float) -> float:
        """The rank of the lowest score that is selected from a threshold on; 1 where none is."""
        at = int(np.searchsorted(self._values, threshold))
        return float(self._shares[at]) if at < len(self._values) else 1.0


_RANKS: weakref.WeakKeyDictionary[Dataset, dict[str, Ranks]] = weakref.WeakKeyDictionary()


def ranks_of(data: Dataset, name: str) -> Ranks:
    """The ranks of a column of scores over all rows of the data, which is read once more for them."""
    kept = _RANKS.setdefault(data, {})
    if name not in kept:
        kept[name] = Ranks((part[name] for part in data.source.batches([name])), name)
    return kept[name]


def checked_range(given: Any) -> Range:
    """DataError unless it is two finite numbers that rise, or "ranks". [0, 1] is what nobody needs to say."""
    if given is None or (isinstance(given, str) and given == "ranks"):
        return given  # type: ignore[return-value]
    ends = tuple(given) if isinstance(given, tuple | list) else ()
    numbers = all(is_number(x) and not isinstance(x, bool) and math.isfinite(x) for x in ends)
    if len(ends) != 2 or not numbers or not ends[0] < ends[1]:
        raise DataError(
            f'score_range is the least and the greatest score that there can be, as in [300, 850], or "ranks"; got '
            f"{str(given)[:80]!r}. Where low scores are for the positive class, turn them round first (score = -score)"
        )
    return (float(ends[0]), float(ends[1]))


def scale_of(data: Dataset, name: str, range_: Range, threshold: float | None) -> ScoreScale | None:
    """The scale of evidence; None where scores are in [0, 1] and nobody gave a threshold."""
    if range_ == "ranks":
        at = None if threshold is None else ranks_of(data, name).from_(threshold)
        return ScoreScale(ranks=True, threshold=at)
    low, high = range_ or (0.0, 1.0)
    scale = ScoreScale(low, high)
    if threshold is None:
        return None if scale.probability else scale
    return ScoreScale(low, high, threshold=float(scale.unit(np.array([threshold]))[0]))


def scaled(data: Dataset, column: pd.Series[Any], range_: Range) -> Floats:
    """Scores (N,) in [0, 1], NaN where missing; DataError outside their range, or for text."""
    name = str(column.name)
    scores = numbers_in(column, name)
    if range_ == "ranks":
        return ranks_of(data, name).of(scores)
    low, high = range_ or (0.0, 1.0)
    seen = known(scores)
    if seen.size and (seen.min() < low or seen.max() > high):
        told = f"score_range is [{low:g}, {high:g}]" if range_ else "expected [0, 1]"
        way_out = "" if range_ else '; of other scores say score_range = [least, greatest], or score_range = "ranks"'
        raise DataError(f"the score '{name}' lies between {seen.min():.6g} and {seen.max():.6g}; {told}{way_out}")
    return ScoreScale(low, high).unit(scores)


def decided(column: pd.Series[Any], threshold: float) -> NDArray[np.int8]:
    """(N,) 1 where score >= threshold, 0 where it is lower, -1 where it is missing.

    >>> decided(pd.Series([0.3, 0.4, None], name="s"), 0.4).tolist()
    [0, 1, -1]
    """
    scores = numbers_in(column, str(column.name))
    return np.where(np.isnan(scores), -1, scores >= threshold).astype(np.int8)


def known(scores: Floats) -> Floats:
    """Those that are not missing."""
    return scores[~np.isnan(scores)]


def numbers_in(column: pd.Series[Any], name: str) -> Floats:
    """(N,) numbers, NaN where missing; DataError for text and for infinite ones."""
    scores = numbers_of(column, booleans=True)
    if scores is None:
        raise DataError(f"the score '{name}' holds text; expected numbers")
    if np.isinf(scores).any():
        raise DataError(f"the score '{name}' holds infinite values; expected finite numbers")
    return scores
