"""A quantity with limits in K crossed groups, as findings: what macro recall and the errors of a regression share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from auditkit.fairness.families.basis import Basis, Positions
from auditkit.fairness.families.family import GroupFamily, Words
from auditkit.question import SPARSE
from auditkit.records import Comparison, Estimate
from auditkit.stats.comparisons import Quantity
from auditkit.stats.rates import Limits

LimitsAt = Callable[[float], Limits]
"""Critical value → values of K groups with their limits, NaN where undefined."""
COMPARED: tuple[Comparison, ...] = ("difference", "group_min", "group_max")


@dataclass(frozen=True)
class QuantityFamily(GroupFamily):
    """A quantity with limits of its own in K crossed groups, independent of each other."""

    metric: str
    by: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    rows: NDArray[np.int64]
    """(K,) rows with truth and decision."""
    n: NDArray[np.int64]
    """(K,) what `min_n` is held against; 0 exactly where the quantity is undefined."""
    limits_at: LimitsAt
    words: Words
    level: float
    min_n: int = SPARSE
    most: float = np.inf
    """The largest possible difference."""
    remarks: tuple[str, ...] = ()
    """What a reader must know of the intervals."""
    skewed: NDArray[np.bool_] | None = None
    """(K,) groups whose values are too skewed for any interval; None: none."""
    basis = Basis(())

    def own(self, where: Positions) -> Quantity:
        """The quantity in the groups at these positions."""
        return lambda q, _: Limits(*(x[where] for x in self.limits_at(q)))

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """(K,) point values, NaN where undefined."""
        return self.limits.p

    @property
    def large(self) -> NDArray[np.bool_]:
        """(K,) groups with n large enough, and an interval."""
        return super().large & np.isfinite(self.limits.low)

    def overall(self) -> Estimate:
        """See `GroupFamily`; sparse below `min_n`."""
        return self.estimate(0) if self.groups else super().overall()

    def further(self, kind: Comparison) -> tuple[str, ...]:
        """See `GroupFamily`; which groups are large enough and have no interval."""
        single = [self.name(int(i)) for i in np.flatnonzero(~self.kept & (self.n >= max(1, self.min_n)))]
        without = (f"left out, no interval: {', '.join(single)}",) if single and kind != "overall" else ()
        return (*without, *self.remarks)

    def unstable(self, position: int) -> bool:
        """See `GroupFamily`."""
        return self.skewed is not None and bool(self.skewed[position])

    def enough(self) -> str:
        """What a group needs to be compared."""
        return f"at least {self.min_n} {self.words.counted}"
