"""Of shares held against others: the farthest, and that which is most surely far. Arrays in, arrays out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from auditkit.stats.rates import Limits


class Farthest(NamedTuple):
    """A farthest share with its limits, which may be those of another cell; positions among the cells."""

    value: float
    low: float
    high: float
    first: int
    """The cell of the value."""
    sure: int
    """The cell of the inner limit."""
    cells: Limits
    """All of them at the simultaneous critical value."""

    def cell(self, i: int) -> Limits:
        """(1,) one of them."""
        return Limits(*(x.ravel()[[i]] for x in self.cells))


def sizes(d: Limits) -> Limits:
    """The size of differences; below 0 at its lower end where 0 lies between the limits."""
    ends = np.maximum(d.low, -d.high)
    return Limits(np.abs(d.p), ends, np.maximum(d.high, -d.low))


def folded(r: Limits) -> Limits:
    """Ratios as the smaller by the larger; at most 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.minimum(r.low, np.where(r.high > 0, 1 / r.high, 0.0))
        high = np.where(r.high < 1, r.high, np.where(r.low > 1, 1 / r.low, 1.0))
        value = np.minimum(r.p, np.where(r.p > 0, 1 / r.p, 0.0))
    lost = np.isnan(r.p)
    return Limits(*(np.where(lost, np.nan, x) for x in (value, low, high)))


def quotients(a: Limits, b: Limits) -> Limits:
    """MOVER-R of two shares; NaN for 0/0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        both = a.p * b.p
        low = (both - np.sqrt(np.maximum(both**2 - a.low * b.high * (2 * a.p - a.low) * (2 * b.p - b.high), 0.0))) / (
            b.high * (2 * b.p - b.high)
        )
        high = (both + np.sqrt(np.maximum(both**2 - a.high * b.low * (2 * a.p - a.high) * (2 * b.p - b.low), 0.0))) / (
            b.low * (2 * b.p - b.low)
        )
    nothing = (a.p == 0) & (b.p == 0)
    low = np.where((a.p == 0) | ~np.isfinite(low), 0.0, np.maximum(low, 0.0))
    high = np.where((b.low <= 0) | ~np.isfinite(high), np.inf, high)
    return Limits(*(np.where(nothing, np.nan, x) for x in (np.where(b.p > 0, a.p / b.p, np.inf), low, high)))
