"""Means and shares over sampled rows, and the gap between groups, as estimates. Arrays in, records out; no torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditkit.arrays import Floats
from auditkit.evidence.sums import Moments
from auditkit.records import Estimate, GroupEstimate
from auditkit.stats.comparisons import Comparisons, of_each
from auditkit.stats.means import share_limits, t_value
from auditkit.stats.rates import critical_value, wilson

FEWEST = 10
"""Fewer sampled rows than this give a value without an interval."""
MEAN = "weighted mean, t with Kish's effective rows"
SHARE = "Wilson with Kish's effective rows"
UNBOUNDED = (-math.inf, math.inf)


class Cell(NamedTuple):
    """One quantity over some rows: a value, and its limits at any critical value."""

    value: float
    limits: Callable[[float], tuple[float, float]]
    n: int
    method: str

    @property
    def kept(self) -> bool:
        """True where it may be compared."""
        return self.n >= FEWEST and math.isfinite(self.value) and all(map(math.isfinite, self.limits(1.0)))

    def estimate(self, level: float) -> Estimate:
        """As a record: without rows undefined, without an interval below ten."""
        if not self.n:
            return undefined("no such rows", level=level, method=self.method)
        if math.isnan(self.value):
            return unshown(self.n, level=level, method=self.method)
        return estimated(self.value, self.limits(critical_value(level)), n=self.n, level=level, method=self.method)


def by_group(attribute: str, names: Sequence[str], cells: Sequence[Cell], level: float) -> tuple[GroupEstimate, ...]:
    """The estimates of an attribute's groups."""
    pairs = zip(names, cells, strict=True)
    return tuple(GroupEstimate(group={attribute: g}, estimate=c.estimate(level)) for g, c in pairs)


def mean_of(moments: Moments, column: int = 0, *, bounds: tuple[float, float] = UNBOUNDED) -> Cell:
    """The weighted mean of one column, with Student's limits kept within `bounds`.

    Where all values are alike and bounded there is no variance to go by: then Wilson's of their place in the bounds,
    which no variance of such values exceeds.

    >>> round(mean_of(Moments.of(np.tile([[1.0], [2.0], [3.0]], (5, 1)))).estimate(0.95).low, 2)
    1.53
    """
    value, n = float(moments.mean[column]), moments.effective_n
    error = float(moments.standard_error[column]) if moments.n else math.nan

    def limits(z: float) -> tuple[float, float]:
        half = float(t_value(n, z)) * error
        if error <= 1e-12 and all(map(math.isfinite, bounds)):
            width = bounds[1] - bounds[0]
            low, high = share_limits(np.full(max(1, round(n)), (value - bounds[0]) / width), z)
            return bounds[0] + width * low, bounds[0] + width * high
        return max(bounds[0], value - half), min(bounds[1], value + half)

    return Cell(value, limits, moments.n, MEAN)


def share_of(moments: Moments, column: int = 0) -> Cell:
    """The weighted share of ones in one column of ones and zeros.

    >>> e = share_of(Moments.of([[1.0], [0.0]] * 10)).estimate(0.95)
    >>> e.value, round(e.low, 3)
    (0.5, 0.299)
    """
    value, n = float(moments.mean[column]), moments.effective_n

    def limits(z: float) -> tuple[float, float]:
        found = wilson(value * n, n, z)
        return float(found.low), float(found.high)

    return Cell(value, limits, moments.n, SHARE)


def estimated(
    value: float,
    limits: ArrayLike,
    *,
    n: int,
    level: float,
    method: str,
    rows: str = "sampled rows",
    fewest: int = FEWEST,
) -> Estimate:
    """A value and its limits as a record: without an interval where few rows make it, or one outweighs the others.

    >>> estimated(0.5, (0.1, 0.9), n=9, level=0.95, method="").note
    '9 sampled rows, fewer than 10: no interval'
    """
    low, high = map(float, np.asarray(limits))
    note = "" if math.isfinite(low) and math.isfinite(high) else "one row outweighs all others: no interval"
    if n < fewest:
        note = f"{n} {rows}, fewer than {fewest}: no interval"
    if note:
        return Estimate(value=float(value), level=level, n=n, method=method, state="sparse", note=note)
    return Estimate(value=float(value), low=low, high=high, level=level, n=n, method=method)


def undefined(note: str, *, level: float, n: int = 0, method: str = "") -> Estimate:
    """What stands in place of an estimate that there is not, with the reason."""
    return Estimate(value=None, level=level, n=n, method=method, state="undefined", note=note)


def unshown(n: int, *, level: float, method: str) -> Estimate:
    """What stands in place of an estimate whose sums the evidence withholds.

    >>> unshown(3, level=0.95, method="").note
    '3 sampled rows, fewer than 10: not shown'
    """
    few = f"{n} sampled rows, fewer than {FEWEST}: not shown"
    note = few if n < FEWEST else f"{n} sampled rows: not shown, since with all rows they would tell a smaller group"
    return undefined(note, n=n, level=level, method=method)


def group_means(
    values: Floats, weight: Floats, label: NDArray[Any], fewest: int = FEWEST, *, copies: Floats | None = None
) -> dict[str, float]:
    """Group → the weighted mean of its rows, where there are so many, `copies` of each; sorted by name.

    >>> group_means(np.array([1.0, 2.0, 9.0]), np.ones(3), np.array(["b", "b", "a"], object), fewest=2)
    {'b': 1.5}
    """
    rows = np.ones(len(label)) if copies is None else copies
    groups = (g for g in sorted(set(label)) if rows[label == g].sum() >= fewest)
    return {g: float(np.average(values[label == g], weights=weight[label == g])) for g in groups}


class Gap(NamedTuple):
    """The largest difference between groups, and the pair that carries its lower limit."""

    estimate: Estimate
    own: Estimate
    """Of that pair: what a sentence that names it tells."""
    lowest: int
    highest: int
    p: float
    """Of H0: there is no difference between any two groups."""


def gap(cells: Sequence[Cell], *, level: float, most: float = math.inf) -> Gap | None:
    """max − min over the cells that may be compared, judged as the largest of all pairs; None with fewer than two.

    >>> a, b = (share_of(Moments.of([[1.0]] * ones + [[0.0]] * (100 - ones))) for ones in (30, 45))
    >>> round(gap([a, b], level=0.95).estimate.low, 3)
    0.016
    """
    kept = [i for i, c in enumerate(cells) if c.kept]
    if len(kept) < 2:
        return None
    own = of_each([(cells[i].value, cells[i].limits) for i in kept])
    of = Comparisons(own, len(kept), level=level, most=most)
    found = of.interval("difference")
    first, second, *pair_own = found.sure
    method = f"MOVER of all pairs of: {cells[kept[0]].method}"
    both, pair = (
        Estimate(value=value, low=low, high=None if math.isinf(high) else high, level=level, n=n, method=method)
        for (value, low, high), n in (
            (found[:3], sum(cells[i].n for i in kept)),
            (pair_own, sum(cells[kept[i]].n for i in (first, second))),
        )
    )
    both = both.model_copy(update={"mde": of.smallest_seen()})
    return Gap(both, pair, kept[first], kept[second], of.p_value("difference", 0.0, above=True))
