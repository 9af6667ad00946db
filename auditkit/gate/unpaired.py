"""How far a number moved between two audits, as if their rows had nothing in common.

Only the two estimates and their intervals are known, so the rows are taken as two independent samples (square and add,
MOVER). Where both audits read the same rows the interval is too wide: whoever has both models asks in one audit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import NamedTuple

from auditkit import holm, mover
from auditkit.errors import ReportError
from auditkit.formatting import BOUNDS
from auditkit.mover import Sides
from auditkit.question import SPARSE
from auditkit.records import Estimate, Finding, Verdict

METHOD = "unpaired: two independent samples, square and add (MOVER)"
POWER = 0.8
_NORMAL = NormalDist()
_LARGEST = 1e290
"""Beyond, sums and squares leave double precision."""


class Half(NamedTuple):
    """One side of an interval."""

    size: float
    level: float
    """Two-sided level at which it is so large."""

    def at(self, level: float) -> float:
        """Its size at another level, in proportion to normal quantiles; never smaller than it is.

        A limit can be where it is because nothing lies beyond it (no gap is below 0): a lower level would not move it.
        """
        return self.size * max(1.0, quantile(level) / quantile(self.level))


class Measured(NamedTuple):
    """A value with both sides of its interval; a side is None where it is unbounded, or not known."""

    value: float
    below: Half | None = None
    above: Half | None = None

    def estimate(self, level: float, *, n: int = 0) -> Estimate:
        """The same at one level on both sides."""
        low = None if self.below is None else self.value - self.below.at(level)
        high = None if self.above is None else self.value + self.above.at(level)
        return Estimate(value=self.value, low=low, high=high, level=level, n=n)


def quantile(level: float) -> float:
    """Of a two-sided interval at a level, its half in standard errors.

    >>> round(quantile(0.95), 3)
    1.96
    """
    return _NORMAL.inv_cdf(0.5 + min(max(level, 1e-6), 1 - 1e-12) / 2)  # a stored level can be any in (0, 1)


def measured(e: Estimate | None, *, below: float | None = None, above: float | None = None) -> Measured | None:
    """An estimate; `below` and `above` are the levels of its sides, where these differ. None where it has no value.

    Without an interval: what has bounds instead of one, and what is unstable.
    """
    if e is None or e.value is None:
        return None
    if e.state == "unstable" or e.method.startswith(BOUNDS):
        return Measured(e.value)
    low = None if e.low is None else Half(max(e.value - e.low, 0.0), below or e.level)
    high = None if e.high is None else Half(max(e.high - e.value, 0.0), above or e.level)
    return Measured(e.value, low, high)


def measured_by(v: Verdict, finding: Finding | None, level: float) -> Measured | None:
    """What a rule was judged by: the finding's own number, or that of the verdict where the rule counts other groups.

    The interval of a verdict is drawn at two levels (Holm): the failing side at its own, the other at that of the rule.
    """
    if finding is not None and v.rule.min_n == SPARSE:
        return measured(finding.estimate)
    if v.estimate is None:
        return None
    own = v.rule.confidence or level
    sides = (v.estimate.level, own) if v.rule.at_most is not None else (own, v.estimate.level)
    return measured(v.estimate, below=sides[0], above=sides[1])


def shift(old: Measured, new: Measured, level: float) -> Estimate:
    """New less old, with the interval of two independent samples at a level.

    low = d − √(b_new² + a_old²), high = d + √(a_new² + b_old²), b and a the halves below and above. `mde` is the
    smallest change that a comparison of such intervals sees with 80 % power.
    ReportError for numbers too large to be told apart. Source: Zou & Donner (2008), Statistics in Medicine 27:1693.

    >>> a, b = (measured(Estimate(value=v, low=v - .03, high=v + .03)) for v in (.2, .3))
    >>> e = shift(a, b, .95)
    >>> round(e.low, 4), round(e.high, 4)
    (0.0576, 0.1424)
    """
    d = new.value - old.value
    down, up = _apart(old, new, lambda half: half.at(level))
    if not abs(d) + (down or 0.0) + (up or 0.0) < _LARGEST:
        raise ReportError(f"numbers beyond {_LARGEST:g} cannot be compared: no audit gives such ones")
    both = None if down is None or up is None else (down + up) / 2
    seen = None if both is None else both * (1 + _NORMAL.inv_cdf(POWER) / quantile(level))
    return Estimate(
        value=d,
        low=None if down is None else d - down,
        high=None if up is None else d + up,
        level=level,
        method=METHOD,
        mde=seen,
        note="" if down is not None and up is not None else "no interval of both audits is known on each side",
    )


def p_of_shift(old: Measured, new: Measured) -> float | None:
    """Two-sided p of no change, by the side of the interval that 0 would lie on; None without one."""
    d = new.value - old.value
    errors = _apart(old, new, lambda half: half.size / quantile(half.level))
    if (se := errors.below if d > 0 else errors.above) is None:
        return None
    return 2 * _NORMAL.cdf(-abs(d) / se) if se > 0 else float(d == 0)


def levels(p: Sequence[float | None], level: float) -> list[float]:
    """The level of each interval, so that those that exclude 0 are what Holm's procedure rejects: as for rules.

    >>> [round(x, 4) for x in levels([0.4, 0.001, None, 0.03], 0.95)]
    [0.975, 0.9833, 0.95, 0.975]
    """
    tests = {i: x for i, x in enumerate(p) if x is not None}
    left = dict(zip(tests, holm.left(list(tests.values()), [1 - level] * len(tests)), strict=True))
    return [1 - (1 - level) / left[i] if i in left else level for i in range(len(p))]


def _apart(old: Measured, new: Measured, size: Callable[[Half], float]) -> Sides[float | None]:
    """The sides of new less old by the sizes of theirs, each where both that it is made of are known."""

    def added(a: Half | None, b: Half | None) -> float | None:
        return None if a is None or b is None else math.hypot(size(a), size(b))

    return mover.difference(Sides(new.below, new.above), Sides(old.below, old.above), added)
