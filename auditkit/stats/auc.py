"""The area under the ROC curve from counts in bins, with DeLong's variance. Arrays in, arrays out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from auditkit.stats.rates import Floats

FEW = 5.0
"""Below this min(m, n)·min(A, 1 − A) the normal approximation gives way to Newcombe's method 5."""


class Side(NamedTuple):
    """The positives or the negatives: counts, smallest and largest score a bin, each (B,), bins in rising order of
    where they lie; they may overlap."""

    n: NDArray[np.int64]
    low: Floats
    high: Floats


class Auc(NamedTuple):
    """An area with what is needed for its interval."""

    value: float
    """P(score of a positive > score of a negative) + ½ P(equal); NaN without a positive or a negative."""
    error: float
    """DeLong's standard error; NaN below two positives or negatives."""
    bound: float
    """abs(AUC − AUC of the rows) is at most this: of the pairs whose bins do not tell the order, half the share of
    those in one bin, and the share of those in two that overlap."""
    positives: int
    negatives: int

    @property
    def coarse(self) -> bool:
        """True where the bound exceeds a tenth of the standard error."""
        return self.bound > 0 and not self.bound <= self.error / 10


def side(counts: ArrayLike) -> Side:
    """A side whose bins hold one score each (ties)."""
    n = np.asarray(counts, np.int64)
    at = np.arange(n.size, dtype=float)
    return Side(n, np.where(n > 0, at, np.inf), np.where(n > 0, at, -np.inf))


def auc(negatives: Side, positives: Side) -> Auc:
    """The area under the ROC curve and DeLong's standard error.

    Within a bin the order is known where one side lies wholly above the other, or all scores are equal; elsewhere
    half of the pairs count. Bins that overlap are ordered by where they lie. `bound` says what both can cost.
    Source: DeLong, DeLong & Clarke-Pearson (1988).

    >>> a = auc(side([4, 1, 1]), side([1, 1, 4]))
    >>> round(a.value, 3), round(a.error, 3), a.bound
    (0.792, 0.135, 0.0)
    """
    m, n = int(positives.n.sum()), int(negatives.n.sum())
    if not m or not n:
        return Auc(float("nan"), float("nan"), 0.0, m, n)
    share, unknown = _within(negatives, positives)
    below = np.cumsum(negatives.n) - negatives.n
    above = m - np.cumsum(positives.n)
    of_positive = (below + share * negatives.n) / n
    of_negative = (above + share * positives.n) / m
    value = float(of_positive @ positives.n / m)
    error = (_variance(of_positive, positives.n, value) / m + _variance(of_negative, negatives.n, value) / n) ** 0.5
    bound = 0.5 * float((positives.n / m) @ (unknown * negatives.n / n))
    bound += float((positives.n / m) @ (_overlapping(negatives, positives) / n))
    return Auc(value, error, bound, m, n)


def auc_limits(a: Auc, z: float) -> tuple[float, float]:
    """Limits at critical value z: DeLong on the logit scale, else Newcombe (2006), method 5.

    >>> low, high = auc_limits(Auc(0.8, 0.02, 0.0, 200, 200), 1.96)
    >>> round(low, 3), round(high, 3)
    (0.758, 0.836)
    """
    if not a.value >= 0:
        return float("nan"), float("nan")
    if normal(a):
        centre, half = float(logit(a.value)), z * a.error / (a.value * (1 - a.value))
        return float(expit(centre - half)), float(expit(centre + half))
    return newcombe5(a.value, a.positives, a.negatives, z)


def normal(a: Auc) -> bool:
    """True where DeLong's interval serves: min(m, n)·min(A, 1 − A) ≥ 5 and a positive standard error."""
    return a.error > 0 and min(a.positives, a.negatives) * min(a.value, 1 - a.value) >= FEW


def newcombe5(value: float, positives: int, negatives: int, z: float) -> tuple[float, float]:
    """All θ with abs(θ − A) ≤ z √(θ(1−θ)[1 + N(1−θ)/(2−θ) + Nθ/(1+θ)]/(mn)), N = (m+n)/2 − 1.

    Source: Newcombe (2006), Statistics in Medicine 25:559, method 5.

    >>> low, high = newcombe5(1.0, 10, 10, 1.96)
    >>> round(low, 3), high
    (0.8, 1.0)
    """
    from scipy.optimize import brentq  # takes a third of a second, and few need it

    big = (positives + negatives) / 2 - 1

    def excess(theta: float) -> float:
        spread = theta * (1 - theta) * (1 + big * (1 - theta) / (2 - theta) + big * theta / (1 + theta))
        return float(abs(theta - value) - z * (spread / (positives * negatives)) ** 0.5)

    inner = min(max(value, 1e-9), 1 - 1e-9)  # at 0 and 1 the spread vanishes, and θ = A is a root that says nothing
    if excess(inner) >= 0:  # z is all but 0
        return value, value
    low = 0.0 if value <= 0 else float(brentq(excess, 0.0, inner, xtol=1e-12))
    high = 1.0 if value >= 1 else float(brentq(excess, inner, 1.0, xtol=1e-12))
    return low, high


def _within(negatives: Side, positives: Side) -> tuple[Floats, NDArray[np.bool_]]:
    """Share of the pairs within each bin in which the positive lies above; and where that is not known."""
    both = (negatives.n > 0) & (positives.n > 0)
    above = both & (positives.low > negatives.high)
    under = both & (positives.high < negatives.low)
    equal = both & (np.minimum(positives.low, negatives.low) == np.maximum(positives.high, negatives.high))
    share = np.where(above, 1.0, np.where(under, 0.0, 0.5))
    return share, both & ~above & ~under & ~equal


def _overlapping(negatives: Side, positives: Side) -> Floats:
    """(B,) negatives in other bins whose scores can lie on either side of those of the positives of this bin."""
    out = np.zeros(len(positives.n))
    at, others = np.flatnonzero(positives.n > 0), np.flatnonzero(negatives.n > 0)
    rising, falling = (others[np.argsort(x[others], kind="stable")] for x in (negatives.high, negatives.low))
    upto, since = (np.concatenate([[0], np.cumsum(negatives.n[order])]) for order in (rising, falling))
    below = upto[np.searchsorted(negatives.high[rising], positives.low[at], side="left")]
    above = since[-1] - since[np.searchsorted(negatives.low[falling], positives.high[at], side="right")]
    same = (negatives.low[at] <= positives.high[at]) & (negatives.high[at] >= positives.low[at])
    out[at] = since[-1] - below - above - np.where(same, negatives.n[at], 0)
    return out


def _variance(placements: Floats, n: NDArray[np.int64], mean: float) -> float:
    total = int(n.sum())
    return float(n @ (placements - mean) ** 2) / (total - 1) if total > 1 else float("nan")
