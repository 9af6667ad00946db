"""Means and shares over sampled rows, and the gap between groups, as estimates. Arrays in, records out; no torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditkit import mover
from auditkit.arrays import Floats
from auditkit.evidence.sums import Moments
from auditkit.mover import Sides
from auditkit.records import Estimate, GroupEstimate
from auditkit.stats.comparisons import Comparisons, of_each
from auditkit.stats.means import shape_of, share_limits, skewed_limits, too_skewed
from auditkit.stats.pairs import Interval
from auditkit.stats.rates import critical_value, wilson
from auditkit.stats.rest import touching

FEWEST = 10
"""Fewer sampled rows than this give a value without an interval."""
MEAN = "weighted mean, t corrected for skewness, with Kish's effective rows"
PLAIN = "weighted mean, t with Kish's effective rows"
"""Of evidence without third moments."""
CARRIED = "a few large values carry it: no interval is to be relied on"
"""Of a mean whose state is `unstable`."""
SHARE = "Wilson with Kish's effective rows"
UNBOUNDED = (-math.inf, math.inf)


class Cell(NamedTuple):
    """One quantity over some rows: a value, and its limits at any critical value."""

    value: float
    limits: Callable[[float], tuple[float, float]]
    n: int
    method: str
    unstable: bool = False
    """Whether the values are too skewed for any limits."""

    @property
    def kept(self) -> bool:
        """True where it may be compared."""
        return self.n >= FEWEST and math.isfinite(self.value) and all(map(math.isfinite, self.limits(1.0)))

    @property
    def p(self) -> float:
        """Two-sided p of "it is 0", the level at which its limits touch 0; 1 where values are too skewed to tell."""
        if self.unstable:
            return 1.0
        value = np.array([self.value])

        def at(z: Floats) -> Interval:
            low, high = self.limits(float(z[0]))
            return Interval(value, np.array([low]), np.array([high]))

        return float(touching(at, value)[0])

    def away(self, z: float) -> Sides[float]:
        """How far its limits lie from it."""
        low, high = self.limits(z)
        return Sides(self.value - low, high - self.value)

    def estimate(self, level: float) -> Estimate:
        """As a record: without rows undefined, without an interval below ten."""
        if not self.n:
            return undefined("no such rows", level=level, method=self.method)
        if math.isnan(self.value):
            return unshown(self.n, level=level, method=self.method)
        e = estimated(self.value, self.limits(critical_value(level)), n=self.n, level=level, method=self.method)
        return carried(e) if self.unstable and e.state == "ok" else e


def carried(e: Estimate, note: str = CARRIED) -> Estimate:
    """The estimate of values so skewed that no interval is to be relied on."""
    return e.model_copy(update={"state": "unstable", "note": note, "mde": None})


def by_group(attribute: str, names: Sequence[str], cells: Sequence[Cell], level: float) -> tuple[GroupEstimate, ...]:
    """The estimates of an attribute's groups."""
    pairs = zip(names, cells, strict=True)
    return tuple(GroupEstimate(group={attribute: g}, estimate=c.estimate(level)) for g, c in pairs)


def mean_of(moments: Moments, column: int = 0, *, bounds: tuple[float, float] = UNBOUNDED) -> Cell:
    """The weighted mean of one column, as of `means_of`, over these rows alone.

    >>> round(mean_of(Moments.of(np.tile([[1.0], [2.0], [3.0]], (5, 1)))).estimate(0.95).low, 2)
    1.53
    """
    return means_of([moments], column, bounds=bounds)[0]


def means_of(groups: Sequence[Moments], column: int = 0, *, bounds: tuple[float, float] = UNBOUNDED) -> list[Cell]:
    """The weighted mean of one column in each group: Student's limits, corrected for skewness and kept in `bounds`.

    A small group borrows the tail that it cannot see from all (`stats.means.shape_of`). Where all values are alike and
    bounded there is no variance to go by: then Wilson's of their place in the bounds, which no variance of such values
    exceeds. Where they are alike and unbounded, and those of another group are not, nothing is known of the tail.
    """
    n = np.array([m.effective_n for m in groups])
    error = np.array([float(m.standard_error[column]) if m.n else math.nan for m in groups])
    skewness = [0.0 if m.skewness is None else float(m.skewness[column]) for m in groups]
    bounded = all(map(math.isfinite, bounds))
    shape, skewed = shape_of(skewness, n), too_skewed(skewness, n)
    alike = (error <= 1e-12) & bool((error > 1e-12).any()) & (not bounded)
    return [
        _mean(m, column, e, s, bounds, unstable=bool(u) and m.skewness is not None)
        for m, e, s, u in zip(groups, error.tolist(), shape.tolist(), skewed | alike, strict=True)
    ]


def _mean(
    moments: Moments, column: int, error: float, shape: float, bounds: tuple[float, float], *, unstable: bool
) -> Cell:
    value, n = float(moments.mean[column]), moments.effective_n

    def limits(z: float) -> tuple[float, float]:
        if error <= 1e-12 and all(map(math.isfinite, bounds)):
            width = bounds[1] - bounds[0]
            low, high = share_limits(np.full(max(1, round(n)), (value - bounds[0]) / width), z)
            return bounds[0] + width * low, bounds[0] + width * high
        found = skewed_limits(np.array([value]), np.array([error]), np.array([n]), np.array([shape]), z)
        return max(bounds[0], float(found.low[0])), min(bounds[1], float(found.high[0]))

    return Cell(value, limits, moments.n, PLAIN if moments.skewness is None else MEAN, unstable)


def less(a: Cell, b: Cell, value: float | None = None) -> Cell:
    """a − b of independent cells, by MOVER; `value`: that number in its place, with the same limits about it.

    >>> a, b = (mean_of(Moments.of(np.arange(30.0)[:, None] * k)) for k in (2, 1))
    >>> e = less(a, b).estimate(0.95)
    >>> e.value, round(e.low, 2), round(e.high, 2)
    (14.5, 7.15, 21.85)
    """

    def limits(z: float) -> tuple[float, float]:
        away = mover.difference(a.away(z), b.away(z), math.hypot)
        return d - away.below, d + away.above

    d = a.value - b.value if value is None else value
    return Cell(d, limits, a.n + b.n, f"difference by MOVER of: {a.method}", a.unstable or b.unstable)


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
    p: float | None
    """Of H0: there is no difference between any two groups. None where values are too skewed to tell."""


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
    if any(cells[i].unstable for i in kept):
        return Gap(carried(both), carried(pair), kept[first], kept[second], None)
    return Gap(both, pair, kept[first], kept[second], of.p_value("difference", 0.0, above=True))
